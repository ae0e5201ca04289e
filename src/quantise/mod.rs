//! A float network to an int8 one, calibrated on pictures.
//!
//! In: a float ONNX graph, and network inputs (1 x 3 x H x W f32, normalised RGB). Out: the same graph in ONNX's QDQ
//! form: weights int8 with one scale per output channel, biases int32, activations uint8 with one scale per tensor.
//! The methods are those of Nagel et al., "A White Paper on Neural Network Quantization" (2021): batch normalisation
//! is folded, ranges have the least error, biases are corrected.

#![warn(missing_docs)]

mod calibrate;
mod fold;
mod histogram;
mod range;
mod rewrite;
mod tensor;
#[cfg(test)]
mod tests;
mod values;

pub use calibrate::Calibration;

use crate::engine::Probe;
use crate::error::{Error, Result};
use crate::model::ModelFile;
use tract_onnx::pb::ModelProto;

/// A part of the graph, and why it cannot be quantised.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    part: String,
    what: String,
}

impl Fault {
    fn new(part: impl Into<String>, what: impl Into<String>) -> Self {
        Fault {
            part: part.into(),
            what: what.into(),
        }
    }
}

/// A float network with its batch normalisations folded, and the values in it that become 8-bit.
pub struct FloatNetwork {
    model: ModelProto,
    values: Vec<values::Value>,
}

impl FloatNetwork {
    /// Folds a float network.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model), naming the node, if the network is quantised already or has weights
    /// that are not constant.
    pub fn new(file: &ModelFile) -> Result<Self> {
        let Some(model) = file.onnx() else {
            let what = "is a compiled plan: give the float ONNX file that it was made of";
            return Err(Error::model(file.path(), what));
        };
        let mut model = model.clone();
        let fail = |fault: Fault| Error::model_node(file.path(), fault.part, fault.what);
        let graph = model.graph.as_mut().expect("reading checked it");
        fold::fold(graph).map_err(fail)?;
        let values = values::of(graph).map_err(fail)?;
        Ok(FloatNetwork { model, values })
    }

    /// Begins a calibration. `threads` run the float network.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if tract cannot run the network.
    pub fn calibrate(&self, file: &ModelFile, threads: usize) -> Result<Calibration<'_>> {
        let names: Vec<&str> = self.values.iter().map(|value| &*value.name).collect();
        Ok(Calibration::new(
            self,
            Probe::load(file, &self.model, &names, threads)?,
        ))
    }
}
