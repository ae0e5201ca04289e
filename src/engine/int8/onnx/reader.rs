//! tract's ONNX reader, with opaque nodes for each operator of the table of forms.

use super::carry::build_known;
use super::import::operators;

/// [`Int8Runtime`](crate::engine::Int8Runtime) prepares the graphs that this reader reads; other runtimes cannot
/// evaluate them.
pub fn reader() -> tract_onnx::Onnx {
    let mut onnx = tract_onnx::onnx();
    for name in operators() {
        onnx.op_register.insert(name, build_known);
    }
    onnx
}
