//! ONNX files: bounded before they are decoded, and brought to one form before an engine reads them.
//!
//! In: the bytes of a file. Out: a model whose parts are counted ([`scan`]), whose nodes fit each other ([`shapes`])
//! and whose only output is the one that counts ([`tidy`]).

mod half;
mod qlinear;
mod scan;
mod shapes;
mod softmax;
#[cfg(test)]
mod tests;
mod tidy;

pub(super) use scan::Fault;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework;

/// Decodes and checks a file.
///
/// # Errors
/// The first fault.
pub(super) fn read(file: &[u8]) -> Result<ModelProto, Fault> {
    scan::scan(file)?;
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut &file[..])
        .map_err(|_| Fault::Garbled)?;
    // An empty or unrelated file can decode to a message without a graph.
    if proto.graph.is_none() {
        return Err(Fault::Garbled);
    }
    tidy::tidy(&mut proto)?;
    Ok(proto)
}
