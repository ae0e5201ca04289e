//! Validates a network of any origin. The planner and the kernels rely on every condition checked
//! here: shapes fit each other, sizes fit 32-bit memory, and one frame is a bounded amount of work.

use super::ir::{Action, Filter, Network, Operation, Quant, Tensor, TensorId};
use super::size::{Size, product};

const MAX_SIDE: usize = 4096;
const MAX_CHANNELS: usize = 1 << 16;
/// Of one activation, with its pixels padded.
const MAX_BYTES: u64 = 128 << 20;
/// Of the network's output, which is float.
const MAX_OUTPUT_VALUES: u64 = 16 << 20;
pub(super) const MAX_OPERATIONS: usize = 4096;
/// Convolution steps: a transposed convolution is several.
pub(super) const MAX_STEPS: usize = 4 * MAX_OPERATIONS;
pub(super) const MAX_KERNEL: usize = 64;
/// In one sum: 128 * 128 times this does not pass 2^30.
pub(super) const MAX_PRODUCTS: u64 = 1 << 16;
/// Multiply-accumulates of one frame, padding included: three times those of HRNet-W48 at 384 x 288,
/// the largest network that is in use.
const MAX_WORK: u64 = 1 << 37;
/// Of all steps, packed. HRNet-W48 has 64 million.
const MAX_WEIGHT_BYTES: u64 = 256 << 20;
/// Of the lists of taps and the rows of padding of all steps.
const MAX_STEP_BYTES: u64 = 8 << 20;

/// Channels are padded to this in memory and in blocks of weights, at most.
const BLOCK: u64 = 16;

/// What a network takes besides its activations; each operation adds its share.
struct Cost {
    work: Size,
    weight_bytes: Size,
    step_bytes: Size,
    /// Convolution steps.
    steps: Size,
}

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
        let mut cost = Cost::NONE;
        for (index, operation) in self.operations.iter().enumerate() {
            self.operation(operation, index, &mut made)
                .and_then(|()| cost.add(self, operation))
                .map_err(|what| (operation.name.clone(), what))?;
        }
        let Some(output) = self.tensors.get(self.output.0) else {
            return whole("has no output");
        };
        let values = product([output.channels, output.height, output.width]);
        if values.at_most(MAX_OUTPUT_VALUES).is_none() {
            return whole("has an output that is too large");
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
                    let fits = from.channels == output.channels
                        && product([times, from.height]).is(output.height)
                        && product([times, from.width]).is(output.width);
                    if !fits {
                        return bad("adds activations of different sizes");
                    }
                }
                Ok(())
            }
        }
    }
}

impl Cost {
    const NONE: Cost = Cost {
        work: Size::ZERO,
        weight_bytes: Size::ZERO,
        step_bytes: Size::ZERO,
        steps: Size::ZERO,
    };

    /// Adds an operation whose numbers are sound by themselves.
    ///
    /// # Errors
    /// The limit that the operations so far exceed.
    fn add(&mut self, network: &Network, operation: &Operation) -> Result<(), String> {
        let output = network.tensor(operation.output);
        let channels = |count: usize| Size::from(count).round_up(BLOCK);
        let values = channels(output.channels) * output.height * output.width;
        match &operation.action {
            Action::Quantize | Action::Add { .. } => self.work += values,
            Action::MaxPool { window, .. } => {
                self.work += values * window.kernel * window.kernel;
            }
            Action::Conv { filter, .. } | Action::Deconv { filter, .. } => {
                let taps = product(filter.kernel);
                let weights = channels(filter.inputs) * channels(filter.outputs) * taps;
                // Pixels of the output that one tap is for, and steps that the operation is done in.
                let (spread, steps) = match &operation.action {
                    Action::Deconv { .. } => (filter.stride, product([filter.stride; 2])),
                    _ => (1, Size::from(1)),
                };
                let grid = product([
                    output.height.div_ceil(spread),
                    output.width.div_ceil(spread),
                ]);
                self.work += grid * weights;
                self.weight_bytes += weights;
                let padding = channels(filter.inputs) * steps;
                self.step_bytes += taps * size_of::<[isize; 2]>() + padding;
                self.steps += steps;
            }
        }
        let exceeds = |size: Size, limit: u64| size.at_most(limit).is_none();
        if exceeds(self.work, MAX_WORK) {
            return Err("makes a frame more work than any pose network is".into());
        }
        if exceeds(self.weight_bytes, MAX_WEIGHT_BYTES) || exceeds(self.step_bytes, MAX_STEP_BYTES)
        {
            return Err("makes the network larger than any pose network is".into());
        }
        if exceeds(self.steps, MAX_STEPS as u64) {
            return Err("makes the network more steps than any pose network has".into());
        }
        Ok(())
    }
}

/// Whether one activation is sound by itself.
pub(super) fn tensor(tensor: &Tensor) -> Result<(), String> {
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
        || padded_bytes(tensor).at_most(MAX_BYTES).is_none()
    {
        return Err(format!(
            "makes an activation of {channels} x {height} x {width}, which is empty or too large"
        ));
    }
    if !(scale.is_finite() && scale > 0.0) {
        return Err(format!("has the scale {scale}"));
    }
    Ok(())
}

/// Bytes of an activation in memory, at most.
fn padded_bytes(tensor: &Tensor) -> Size {
    Size::from(tensor.channels).round_up(BLOCK) * tensor.height * tensor.width
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
    let products = product([filter.inputs, height, width]);
    if products.at_most(MAX_PRODUCTS).is_none() {
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
    use crate::engine::int8::kernel;
    use crate::engine::int8::layout::Layout;
    use crate::engine::int8::pack::{Coefficients, Origin, Tag};
    use crate::engine::int8::plan::Plan;
    use proptest::prelude::*;

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
        Network {
            tensors: vec![
                activation(3, 16),
                activation(8, 16),
                activation(8, 8),
                activation(8, 16),
                activation(4, 32),
            ],
            operations: named(actions),
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

    fn named(actions: Vec<Action>) -> Vec<Operation> {
        let operations = actions.into_iter().enumerate();
        operations
            .map(|(index, action)| Operation {
                name: format!("node {index}"),
                action,
                output: TensorId(index),
            })
            .collect()
    }

    fn sized(channels: usize, height: usize, width: usize) -> Tensor {
        Tensor {
            height,
            width,
            ..activation(channels, 1)
        }
    }

    /// The input, and one operation that reads it and makes the output.
    fn pair(input: Tensor, action: Action, output: Tensor) -> Network {
        Network {
            tensors: vec![input, output],
            operations: named(vec![Action::Quantize, action]),
            output: TensorId(1),
        }
    }

    fn deconv(inputs: usize, outputs: usize) -> Action {
        Action::Deconv {
            input: TensorId(0),
            filter: Filter {
                pad: [0, 0],
                ..filter(inputs, outputs, 1, 1)
            },
            floor: 0,
        }
    }

    #[test]
    fn products_that_wrap_in_32_bits_are_refused() {
        // 2^32, (512 + 16) * 2^23 = 2^27 and 1040 * 2^22 = 2^26 modulo 2^32.
        for (channels, height, width) in [(256, 4096, 4096), (512, 4096, 2048), (1024, 2048, 2048)]
        {
            let output = sized(channels, height, width);
            let network = pair(activation(3, 32), deconv(3, channels), output);
            let (node, what) = network.check().unwrap_err();
            assert_eq!(node, "node 1", "{what}");
            assert!(what.contains("too large"), "{what}");
        }
    }

    #[test]
    fn a_step_without_weights_is_refused_where_their_number_wraps() {
        let window = Filter {
            pad: [0, 0],
            ..filter(8, 1 << 16, 64, 1)
        };
        let conv = Action::Conv {
            input: TensorId(1),
            filter: window,
            floor: 0,
        };
        let network = Network {
            tensors: vec![activation(3, 64), activation(8, 64), activation(1 << 16, 1)],
            operations: named(vec![Action::Quantize, deconv(3, 8), conv]),
            output: TensorId(2),
        };
        // The check refuses it for its weights, and the planner for those that it is given.
        assert!(network.check().unwrap_err().1.contains("larger"));
        assert!(!product([1 << 16; 2]).is(0));
        let small = pair(activation(3, 64), deconv(3, 8), activation(8, 64));
        let step = Coefficients {
            tag: Tag::Direct,
            weights: Vec::new().into(),
            bias: vec![0; 8],
            multipliers: vec![1.0; 8],
        };
        let kernel = kernel::of_family("portable").unwrap();
        let origin = Origin::Stored(vec![step].into_iter());
        let refused = Plan::new(&small, [1, 3, 64, 64], kernel, origin).err();
        assert!(refused.unwrap().1.contains("is stored with [0, 8, 8]"));
    }

    #[test]
    fn a_frame_of_hours_is_refused() {
        let conv = |input: usize| Action::Conv {
            input: TensorId(input),
            filter: Filter {
                pad: [16, 16],
                ..filter(64, 64, 32, 1)
            },
            floor: 0,
        };
        let mut actions = vec![Action::Quantize, deconv(3, 64)];
        let mut tensors = vec![activation(3, 600), activation(64, 600)];
        for index in 1..60 {
            actions.push(conv(index));
            tensors.push(activation(64, 600));
        }
        let network = Network {
            output: TensorId(60),
            operations: named(actions),
            tensors,
        };
        let (node, what) = network.check().unwrap_err();
        assert_eq!(node, "node 2");
        assert!(what.contains("more work"), "{what}");
    }

    #[test]
    fn pooling_steps_and_outputs_are_bounded_too() {
        let pool = Action::MaxPool {
            input: TensorId(0),
            window: PoolWindow {
                kernel: 64,
                stride: 1,
                pad: [0, 0],
            },
        };
        let large = pair(activation(3, 2048), pool, activation(3, 2048));
        assert!(large.check().unwrap_err().1.contains("more work"));
        let output = pair(activation(3, 8), deconv(3, 128), activation(128, 512));
        assert!(output.check().unwrap_err().1.contains("output"));
        let many = |input: usize| Action::Deconv {
            input: TensorId(input),
            filter: filter(3, 3, 64, 64),
            floor: 0,
        };
        let network = Network {
            tensors: vec![activation(3, 64); 6],
            operations: named(
                [Action::Quantize]
                    .into_iter()
                    .chain((0..5).map(many))
                    .collect(),
            ),
            output: TensorId(5),
        };
        let (node, what) = network.check().unwrap_err();
        assert_eq!(node, "node 5");
        assert!(what.contains("more steps"), "{what}");
    }

    /// Numbers as a hostile file has them: small ones, those near powers of two, and any.
    fn number() -> impl Strategy<Value = usize> {
        prop_oneof![
            4 => 0_usize..70,
            4 => (0_u32..32, -1_i64..2).prop_map(|(power, off)| {
                u32::try_from((1_i64 << power) + off).unwrap_or(0) as usize
            }),
            1 => any::<u32>().prop_map(|number| number as usize),
        ]
    }

    fn any_tensor() -> impl Strategy<Value = Tensor> {
        [number(), number(), number()].prop_map(|[channels, height, width]| Tensor {
            channels,
            height,
            width,
            ..activation(1, 1)
        })
    }

    fn any_action(tensors: usize) -> impl Strategy<Value = Action> {
        let filter = [(); 7].map(|()| number()).prop_map(
            |[inputs, outputs, height, width, stride, top, left]| Filter {
                inputs,
                outputs,
                kernel: [height, width],
                stride,
                pad: [top, left],
                ..filter(1, 1, 1, 1)
            },
        );
        let window = [(); 4]
            .map(|()| number())
            .prop_map(|[kernel, stride, top, left]| PoolWindow {
                kernel,
                stride,
                pad: [top, left],
            });
        let operand = move || {
            (0..tensors, any::<bool>()).prop_map(|(tensor, upsampled)| Operand {
                tensor: TensorId(tensor),
                upsampled,
            })
        };
        (0..tensors, 0..4, filter, window, [operand(), operand()]).prop_map(
            |(input, kind, filter, window, operands)| {
                let (input, floor) = (TensorId(input), 0);
                match kind {
                    0 => Action::Conv {
                        input,
                        filter,
                        floor,
                    },
                    1 => Action::Deconv {
                        input,
                        filter,
                        floor,
                    },
                    2 => Action::MaxPool { input, window },
                    _ => Action::Add { operands, floor },
                }
            },
        )
    }

    /// Windows and channels that fit their activations where they have to be equal, so that some pass.
    fn fitted(mut network: Network) -> Network {
        for index in 1..network.operations.len() {
            let input = network.operations[index].action.inputs().next();
            let input = input.map_or(0, |input| network.tensors[input.0].channels);
            let output = &mut network.tensors[index];
            match &mut network.operations[index].action {
                Action::Conv { filter, .. } | Action::Deconv { filter, .. } => {
                    filter.inputs = input;
                    filter.outputs = output.channels;
                }
                _ => output.channels = input,
            }
        }
        network
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn any_numbers_are_refused_or_fit_32_bits(
            height in number(),
            width in number(),
            tensors in proptest::collection::vec(any_tensor(), 3),
            actions in proptest::collection::vec(any_action(3), 3),
            fit: bool,
        ) {
            let input = sized(3, height, width);
            let network = Network {
                tensors: [input].into_iter().chain(tensors).collect(),
                operations: named([Action::Quantize].into_iter().chain(actions).collect()),
                output: TensorId(3),
            };
            let network = if fit { fitted(network) } else { network };
            if network.check().is_err() {
                return Ok(());
            }
            let Ok((buffers, arena_bytes)) = Layout::new(&network).place() else {
                return Ok(());
            };
            for buffer in buffers.into_iter().flatten() {
                let columns = [buffer.border[0], buffer.width, buffer.border[1]]
                    .map(|count| count as u128);
                let bytes = columns.iter().sum::<u128>()
                    * buffer.height as u128
                    * buffer.stride as u128;
                prop_assert!(buffer.offset as u128 + bytes <= arena_bytes as u128);
                prop_assert!(bytes <= 1 << 28);
            }
            let work: u128 = network.operations.iter().map(|operation| {
                let output = network.tensor(operation.output);
                let pixels = output.height as u128 * output.width as u128;
                match &operation.action {
                    Action::Conv { filter, .. } => [
                        filter.kernel[0], filter.kernel[1], filter.inputs, filter.outputs,
                    ].iter().fold(pixels, |work, &factor| work * factor as u128),
                    _ => pixels,
                }
            }).sum();
            prop_assert!(work <= u128::from(MAX_WORK));
        }
    }
}
