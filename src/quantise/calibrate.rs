//! What the values of a float network look like on pictures: a histogram and the mean of each channel.

use super::FloatNetwork;
use super::histogram::Histogram;
use super::range;
use super::rewrite::{Known, rewrite};
use crate::engine::Probe;
use crate::error::{Error, Result};
use crate::model::ModelFile;
use tract_onnx::pb::ModelProto;

/// A calibration in progress.
pub struct Calibration<'a> {
    network: &'a FloatNetwork,
    probe: Probe,
    seen: Vec<Seen>,
    inputs: u32,
}

/// What was seen of one value.
#[derive(Clone)]
struct Seen {
    histogram: Histogram,
    /// The sum over all pictures of each channel's mean.
    channels: Vec<f64>,
}

impl<'a> Calibration<'a> {
    pub(super) fn new(network: &'a FloatNetwork, probe: Probe) -> Self {
        let nothing = Seen {
            histogram: Histogram::new(),
            channels: Vec::new(),
        };
        Calibration {
            network,
            probe,
            seen: vec![nothing; network.values.len()],
            inputs: 0,
        }
    }

    /// The shape of an input: N, C, H, W.
    pub fn input_shape(&self) -> [usize; 4] {
        self.probe.input_shape()
    }

    /// Runs the float network on an input, and counts all its values. The memory grows with the network, not with the
    /// number of inputs.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails, or gives what is no number.
    pub fn see(&mut self, input: &[f32]) -> Result<()> {
        let (seen, network) = (&mut self.seen, self.network);
        self.probe.run(input, |place, shape, values| {
            let seen = &mut seen[place];
            if !seen.histogram.add(values) {
                let name = &network.values[place].name;
                return Err(Error::engine(format!(
                    "{name} has a value that is no number"
                )));
            }
            let channels = shape.get(1).copied().unwrap_or(1).max(1);
            seen.channels.resize(channels, 0.0);
            let size = (values.len() / channels).max(1);
            for (sum, channel) in seen.channels.iter_mut().zip(values.chunks_exact(size)) {
                let total: f64 = channel.iter().map(|&value| f64::from(value)).sum();
                *sum += total / size as f64;
            }
            Ok(())
        })?;
        self.inputs += 1;
        Ok(())
    }

    /// The int8 network, in ONNX's QDQ form.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model), naming the node, if a convolution has weights that are not constant.
    pub fn finish(self, file: &ModelFile) -> Result<ModelProto> {
        let mut known: Vec<Known> = Vec::new();
        for (value, seen) in self.network.values.iter().zip(&self.seen) {
            let params = match value.same_as {
                Some(other) => known[other].params,
                // The largest values of heatmaps are those that count.
                None if value.is_output => range::whole(&seen.histogram),
                None => range::finest(&seen.histogram),
            };
            let inputs = f64::from(self.inputs.max(1));
            let means = seen
                .channels
                .iter()
                .map(|sum| (sum / inputs) as f32)
                .collect();
            known.push(Known { params, means });
        }
        rewrite(&self.network.model, &self.network.values, &known)
            .map_err(|fault| Error::model_node(file.path(), fault.part, fault.what))
    }
}
