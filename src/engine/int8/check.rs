//! What the planner and the kernels take for granted of a network, checked once for networks of any
//! origin.

use super::ir::{Action, Filter, Network, Operation, Quant, Tensor, TensorId};

const MAX_SIDE: usize = 4096;
const MAX_CHANNELS: usize = 1 << 16;
/// Of one activation.
const MAX_BYTES: usize = 128 << 20;
const MAX_OPERATIONS: usize = 4096;
pub(super) const MAX_KERNEL: usize = 64;
/// In one sum: 128 * 128 times this does not pass 2^30.
pub(super) const MAX_PRODUCTS: usize = 1 << 16;

impl Network {
    /// That every activation is made before it is read, and that all sizes fit.
    ///
    /// # Errors
    /// The operation at fault and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        let whole = |what: &str| Err(("network".to_owned(), what.to_owned()));
        if self.operations.len() > MAX_OPERATIONS {
            return whole("has too many operations");
        }
        if self.tensors.len() != self.operations.len() {
            return whole("has activations that nothing makes");
        }
        let mut made = vec![false; self.tensors.len()];
        for (index, operation) in self.operations.iter().enumerate() {
            self.operation(operation, index, &mut made)
                .map_err(|what| (operation.name.clone(), what))?;
        }
        if self.output.0 >= made.len() {
            return whole("has no output");
        }
        Ok(())
    }

    fn operation(
        &self,
        operation: &Operation,
        index: usize,
        made: &mut [bool],
    ) -> Result<(), String> {
        if operation
            .action
            .inputs()
            .any(|TensorId(input)| !made.get(input).copied().unwrap_or(false))
        {
            return Err("reads what has not been made".into());
        }
        match made.get_mut(operation.output.0) {
            Some(made) if !*made => *made = true,
            _ => return Err("makes what there is no place for".into()),
        }
        let output = self.tensor(operation.output);
        tensor(output)?;
        let bad = |what: &str| Err(what.to_owned());
        match &operation.action {
            Action::Quantize if index > 0 => bad("is a second input"),
            _ if index == 0 && !matches!(operation.action, Action::Quantize) => {
                bad("is not the input")
            }
            Action::Quantize if output.channels != 3 => bad("has not three channels"),
            Action::Quantize => Ok(()),
            Action::Conv { input, filter, .. } => {
                let input = self.tensor(*input);
                window(filter, input, output)?;
                // The last window starts within the input: no row of taps begins far outside.
                let last = |side: usize| (side - 1) * filter.stride;
                if last(output.height) >= input.height + filter.pad[0]
                    || last(output.width) >= input.width + filter.pad[1]
                {
                    return bad("has more outputs than inputs");
                }
                Ok(())
            }
            Action::Deconv { input, filter, .. } => {
                window(filter, self.tensor(*input), output)?;
                if filter.kernel.iter().any(|&side| side < filter.stride) {
                    return bad("leaves outputs that no input reaches");
                }
                Ok(())
            }
            Action::MaxPool { input, window } => {
                let fits = (1..=MAX_KERNEL).contains(&window.kernel)
                    && (1..=MAX_KERNEL).contains(&window.stride)
                    && window.pad.iter().all(|&pad| pad < window.kernel);
                if !fits || self.tensor(*input).channels != output.channels {
                    return bad("has a window that does not fit");
                }
                Ok(())
            }
            Action::Add { operands, .. } => {
                for operand in operands {
                    let from = self.tensor(operand.tensor);
                    let times = 1 + usize::from(operand.upsampled);
                    if [from.channels, times * from.height, times * from.width]
                        != [output.channels, output.height, output.width]
                    {
                        return bad("adds activations of different sizes");
                    }
                }
                Ok(())
            }
        }
    }
}

fn tensor(tensor: &Tensor) -> Result<(), String> {
    let &Tensor {
        channels,
        height,
        width,
        quant: Quant { scale, .. },
    } = tensor;
    let sides = 1..=MAX_SIDE;
    if !(1..=MAX_CHANNELS).contains(&channels)
        || !sides.contains(&height)
        || !sides.contains(&width)
        || (channels + 16) * height * width > MAX_BYTES
    {
        return Err(format!(
            "makes an activation of {channels} x {height} x {width}"
        ));
    }
    if !(scale.is_finite() && scale > 0.0) {
        return Err(format!("has the scale {scale}"));
    }
    Ok(())
}

fn window(filter: &Filter, input: &Tensor, output: &Tensor) -> Result<(), String> {
    let [height, width] = filter.kernel;
    let fits = (1..=MAX_KERNEL).contains(&height)
        && (1..=MAX_KERNEL).contains(&width)
        && (1..=MAX_KERNEL).contains(&filter.stride)
        && filter.pad[0] < MAX_KERNEL
        && filter.pad[1] < MAX_KERNEL;
    if !fits {
        return Err("has a window that does not fit".into());
    }
    if filter.inputs * height * width > MAX_PRODUCTS {
        return Err("has too many weights for each output".into());
    }
    if [filter.inputs, filter.outputs] != [input.channels, output.channels] {
        return Err("has weights for other channels".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::int8::ir::{Operand, PoolWindow};

    fn activation(channels: usize, side: usize) -> Tensor {
        Tensor {
            channels,
            height: side,
            width: side,
            quant: Quant {
                scale: 0.1,
                zero_point: 0,
                unsigned: false,
            },
        }
    }

    fn filter(inputs: usize, outputs: usize, side: usize, stride: usize) -> Filter {
        Filter {
            weights: Vec::new(),
            bias: Vec::new(),
            scales: Vec::new(),
            inputs,
            outputs,
            kernel: [side, side],
            stride,
            pad: [1, 1],
        }
    }

    /// The input, a convolution, a pool, an addition of the pool's upsampled result, a transposed
    /// convolution.
    fn network() -> Network {
        let operand = |tensor: usize, upsampled: bool| Operand {
            tensor: TensorId(tensor),
            upsampled,
        };
        let actions = vec![
            Action::Quantize,
            Action::Conv {
                input: TensorId(0),
                filter: filter(3, 8, 3, 1),
                floor: 0,
            },
            Action::MaxPool {
                input: TensorId(1),
                window: PoolWindow {
                    kernel: 3,
                    stride: 2,
                    pad: [1, 1],
                },
            },
            Action::Add {
                operands: [operand(1, false), operand(2, true)],
                floor: 0,
            },
            Action::Deconv {
                input: TensorId(3),
                filter: filter(8, 4, 4, 2),
                floor: 0,
            },
        ];
        let operations = actions.into_iter().enumerate();
        Network {
            tensors: vec![
                activation(3, 16),
                activation(8, 16),
                activation(8, 8),
                activation(8, 16),
                activation(4, 32),
            ],
            operations: operations
                .map(|(index, action)| Operation {
                    name: format!("node {index}"),
                    action,
                    output: TensorId(index),
                })
                .collect(),
            output: TensorId(4),
        }
    }

    #[test]
    fn a_sound_network_passes() {
        assert_eq!(network().check(), Ok(()));
    }

    /// What is changed, and where the fault is found.
    type Fault = (fn(&mut Network), &'static str);

    #[test]
    fn each_fault_is_found_at_its_node() {
        let faults: [Fault; 12] = [
            (|n| n.tensors[1].quant.scale = f32::NAN, "node 1"),
            (|n| n.tensors[1].quant.scale = 0.0, "node 1"),
            (|n| n.tensors[1].height = 1 << 20, "node 1"),
            (|n| n.tensors[1].channels = 9, "node 1"),
            (|n| n.tensors[2].height = 7, "node 3"),
            (|n| n.operations[1].output = TensorId(99), "node 1"),
            (|n| n.operations[2].output = TensorId(1), "node 2"),
            (|n| n.operations.swap(1, 2), "node 2"),
            (
                |n| n.operations[0].action = n.operations[1].action.clone(),
                "node 0",
            ),
            (|n| n.operations[1].action = Action::Quantize, "node 1"),
            (|n| n.output = TensorId(5), "network"),
            (
                |n| {
                    n.operations[4].action = Action::Deconv {
                        input: TensorId(3),
                        filter: filter(8, 4, 2, 3),
                        floor: 0,
                    }
                },
                "node 4",
            ),
        ];
        for (index, (change, place)) in faults.into_iter().enumerate() {
            let mut changed = network();
            change(&mut changed);
            let (found, what) = changed.check().unwrap_err();
            assert_eq!(found, place, "fault {index}: {what}");
        }
    }
}
