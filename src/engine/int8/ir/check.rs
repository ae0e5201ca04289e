//! Validates a graph of any origin. The planner and the kernels rely on every condition checked
//! here: shapes fit each other, sizes fit 32-bit memory, and one frame is a bounded amount of work.

use super::float::FloatOp;
use super::size::{Size, product};
use super::{
    AverageWindow, ConvWeights, Graph, Misfit, Node, Op, Operand, Pick, PoolWindow, QuantParams,
    Table, Tensor, ValueId,
};
use crate::limits::{
    MAX_ACTIVATION_BYTES, MAX_AVERAGE_PIXELS, MAX_CHANNELS, MAX_CONV_STEPS, MAX_DEPTHWISE_TAPS,
    MAX_FRAME_MACS, MAX_NETWORK_SIDE_PX, MAX_NODES, MAX_OUTPUT_VALUES, MAX_SOURCES, MAX_STEP_BYTES,
    MAX_SUM_PRODUCTS, MAX_TERMS, MAX_WEIGHT_BYTES, MAX_WINDOW_PX,
};

const DIFFERENT_SIZES: &str = "adds activations of different sizes";

/// Bytes of a float value.
const FLOAT_BYTES: usize = size_of::<f32>();

/// A float product takes the time of this many integer ones, at most: 6 in a hand with AVX2.
const FLOAT_WORK: usize = 8;

/// A channel that is copied by itself takes the time of this many products, at most.
const CHANNEL_WORK: usize = 4;

/// Channels are padded to this in memory and in blocks of weights, at most.
const BLOCK: u64 = 16;

/// The cost of a network besides its activations; each node adds its share.
struct Cost {
    work: Size,
    weight_bytes: Size,
    step_bytes: Size,
    /// Convolution steps.
    steps: Size,
}

impl Graph {
    /// Checks that every activation is computed before it is read, and that all sizes fit.
    ///
    /// # Errors
    /// The node at fault, and its fault.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        let whole = |what: &str| Err(Misfit::of_graph(what));
        if self.nodes.len() > MAX_NODES {
            return whole("has too many nodes");
        }
        if self.tensors.len() != self.nodes.len() {
            return whole("has activations that no node makes");
        }
        let mut made = vec![false; self.tensors.len()];
        let mut cost = Cost::NONE;
        for (index, node) in self.nodes.iter().enumerate() {
            self.node(node, index, &mut made)
                .and_then(|()| cost.add(self, node))
                .map_err(|what| Misfit::at(&node.name, what))?;
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

    fn node(&self, node: &Node, index: usize, made: &mut [bool]) -> Result<(), String> {
        if node
            .op
            .inputs()
            .any(|ValueId(input)| !made.get(input).copied().unwrap_or(false))
        {
            return Err("reads an activation before it is computed".into());
        }
        match made.get_mut(node.output.0) {
            Some(made) if !*made => *made = true,
            _ => return Err("writes an activation twice or out of range".into()),
        }
        let output = self.tensor(node.output);
        tensor(output)?;
        let bad = |what: &str| Err(what.to_owned());
        match &node.op {
            op if reads_input(op) && index > 0 => bad("is a second input"),
            op if !reads_input(op) && index == 0 => bad("is not the input"),
            op if reads_input(op) && output.channels != 3 => bad("has not three channels"),
            Op::Float { op, .. } => self.float(op, output),
            Op::Channels { sources, picks } => self.channels(sources, picks, output),
            op if op
                .inputs()
                .chain([node.output])
                .any(|id| self.tensor(id).is_float) =>
            {
                bad("computes in integers with float values")
            }
            Op::Quantize => Ok(()),
            Op::Conv { input, weights, .. } => conv(weights, self.tensor(*input), output),
            Op::ConvTranspose { input, weights, .. } => {
                transposed(weights, self.tensor(*input), output)
            }
            Op::Depthwise { input, weights, .. } => depthwise(weights, self.tensor(*input), output),
            Op::MaxPool { input, window } => pool(window, self.tensor(*input), output),
            Op::Average { input, window, .. } => average(window, self.tensor(*input), output),
            Op::Multiply { operands, .. } => self.product(operands, output),
            Op::Add { operands, .. } => {
                if operands.iter().all(|operand| self.fits(operand, output)) {
                    Ok(())
                } else {
                    bad(DIFFERENT_SIZES)
                }
            }
            Op::Map { input, .. } if self.fits(input, output) => Ok(()),
            Op::Map { .. } => bad("maps an activation to one of another size"),
        }
    }

    fn product(&self, [first, second]: &[Operand; 2], output: &Tensor) -> Result<(), String> {
        let other = self.tensor(second.tensor);
        let has_one_pixel = !second.upsampled
            && [other.channels, other.height, other.width] == [output.channels, 1, 1];
        match self.fits(first, output) && (has_one_pixel || self.fits(second, output)) {
            true => Ok(()),
            false => Err("multiplies activations of different sizes".into()),
        }
    }

    fn channels(&self, sources: &[ValueId], picks: &[Pick], output: &Tensor) -> Result<(), String> {
        let fits = |&source: &ValueId| {
            let from = self.tensor(source);
            [from.height, from.width] == [output.height, output.width]
                && from.is_float == output.is_float
                && (from.is_float || from.quant == output.quant)
        };
        let exists = |pick: &Pick| {
            let source = sources.get(usize::from(pick.source));
            source.is_some_and(|&source| usize::from(pick.channel) < self.tensor(source).channels)
        };
        match sources.len() <= MAX_SOURCES
            && sources.iter().all(fits)
            && picks.len() == output.channels
            && picks.iter().all(exists)
        {
            true => Ok(()),
            false => Err("takes channels of activations that do not fit".into()),
        }
    }

    fn float(&self, op: &FloatOp, output: &Tensor) -> Result<(), String> {
        match op {
            FloatOp::Input if !output.is_float => Err("rounds the input by no scale".into()),
            FloatOp::Input => Ok(()),
            FloatOp::Conv { input, weights } => conv(&weights.window, self.tensor(*input), output),
            FloatOp::ConvTranspose { input, weights } => {
                transposed(&weights.window, self.tensor(*input), output)
            }
            FloatOp::MaxPool { input, window } => pool(window, self.tensor(*input), output),
            FloatOp::Average { input, window } => average(window, self.tensor(*input), output),
            FloatOp::Product(first, second) => self.product(&[*first, *second], output),
            FloatOp::Levels(operand, _) if self.tensor(operand.tensor).is_float => {
                Err("looks a float value up".into())
            }
            FloatOp::Levels(operand, _) => match self.fits(operand, output) {
                true => Ok(()),
                false => Err("maps an activation to one of another size".into()),
            },
            FloatOp::Sum(first, second) => {
                let mut operands = [Some(first), second.as_ref()].into_iter().flatten();
                match operands.all(|operand| self.fits(operand, output)) {
                    true => Ok(()),
                    false => Err(DIFFERENT_SIZES.into()),
                }
            }
        }
    }

    /// Whether an operand, upsampled or not, has the output's size.
    fn fits(&self, operand: &Operand, output: &Tensor) -> bool {
        let from = self.tensor(operand.tensor);
        let times = 1 + usize::from(operand.upsampled);
        from.channels == output.channels
            && product([times, from.height]).is(output.height)
            && product([times, from.width]).is(output.width)
    }
}

impl Cost {
    const NONE: Cost = Cost {
        work: Size::ZERO,
        weight_bytes: Size::ZERO,
        step_bytes: Size::ZERO,
        steps: Size::ZERO,
    };

    /// Adds a node whose numbers are sound by themselves.
    ///
    /// # Errors
    /// The limit that the nodes so far exceed.
    fn add(&mut self, graph: &Graph, node: &Node) -> Result<(), String> {
        let output = graph.tensor(node.output);
        let channels = |count: usize| Size::from(count).round_up(BLOCK);
        let values = channels(output.channels) * output.height * output.width;
        match &node.op {
            Op::Quantize | Op::Add { .. } | Op::Multiply { .. } => self.work += values,
            Op::Channels { picks, .. } => {
                self.work += values * CHANNEL_WORK;
                self.step_bytes += Size::from(picks.len()) * (4 * size_of::<usize>());
            }
            Op::Average { window, .. } => self.work += values * product(window.kernel_size),
            Op::Depthwise { weights, .. } => {
                let taps = product(weights.kernel_size);
                self.work += values * taps;
                self.weight_bytes += channels(output.channels) * taps * size_of::<i16>();
                self.step_bytes += channels(output.channels) + taps * size_of::<[isize; 2]>();
                self.steps += Size::from(1);
            }
            Op::Float { op, .. } => self.add_float(op, values, output),
            Op::Map { .. } => {
                self.work += values;
                self.step_bytes += size_of::<Table>();
            }
            Op::MaxPool { window, .. } => {
                self.work += values * window.kernel_size * window.kernel_size;
            }
            Op::Conv { weights, .. } | Op::ConvTranspose { weights, .. } => {
                let taps = product(weights.kernel_size) * weights.terms;
                let packed = channels(weights.in_channels) * channels(weights.out_channels) * taps;
                // Pixels of the output that one tap is for, and steps that the node is done in.
                let (spread, steps) = match &node.op {
                    Op::ConvTranspose { .. } => (weights.stride, product([weights.stride; 2])),
                    _ => (1, Size::from(1)),
                };
                let grid = product([
                    output.height.div_ceil(spread),
                    output.width.div_ceil(spread),
                ]);
                self.work += grid * packed;
                self.weight_bytes += packed;
                let padding = channels(weights.in_channels) * steps;
                self.step_bytes += taps * size_of::<[isize; 2]>() + padding;
                self.steps += steps;
            }
        }
        self.within_limits()
    }

    fn add_float(&mut self, op: &FloatOp, values: Size, output: &Tensor) {
        let channels = |count: usize| Size::from(count).round_up(BLOCK);
        let each = match op {
            FloatOp::MaxPool { window, .. } => product([window.kernel_size; 2]),
            FloatOp::Average { window, .. } => product(window.kernel_size),
            _ => Size::from(1),
        };
        self.work += values * each * FLOAT_WORK;
        if let FloatOp::Levels(_, levels) = op {
            self.step_bytes += size_of_val(&**levels);
        }
        if let Some((_, weights)) = op.weights() {
            let window = &weights.window;
            let packed = channels(window.in_channels)
                * channels(window.out_channels)
                * product(window.kernel_size);
            // One tap of a transposed convolution is for every stride-th output.
            let spread = match op {
                FloatOp::ConvTranspose { .. } => window.stride,
                _ => 1,
            };
            let grid = product([
                output.height.div_ceil(spread),
                output.width.div_ceil(spread),
            ]);
            self.work += grid * packed * FLOAT_WORK;
            self.weight_bytes += packed * FLOAT_BYTES;
            self.steps += Size::from(1);
        }
    }

    fn within_limits(&self) -> Result<(), String> {
        let exceeds = |size: Size, limit: u64| size.at_most(limit).is_none();
        if exceeds(self.work, MAX_FRAME_MACS) {
            return Err("makes a frame more work than any pose network is".into());
        }
        if exceeds(self.weight_bytes, MAX_WEIGHT_BYTES) || exceeds(self.step_bytes, MAX_STEP_BYTES)
        {
            return Err("makes the network larger than any pose network is".into());
        }
        if exceeds(self.steps, MAX_CONV_STEPS as u64) {
            return Err("makes the network more steps than any pose network has".into());
        }
        Ok(())
    }
}

fn reads_input(op: &Op) -> bool {
    matches!(
        op,
        Op::Quantize
            | Op::Float {
                op: FloatOp::Input,
                ..
            }
    )
}

fn conv(weights: &ConvWeights, input: &Tensor, output: &Tensor) -> Result<(), String> {
    window(weights, input, output)?;
    // The last window starts within the input: no row of taps begins far outside.
    let last = |side: usize| (side - 1) * weights.stride;
    if last(output.height) >= input.height + weights.pad[0]
        || last(output.width) >= input.width + weights.pad[1]
    {
        return Err("has more outputs than inputs".into());
    }
    Ok(())
}

fn transposed(weights: &ConvWeights, input: &Tensor, output: &Tensor) -> Result<(), String> {
    window(weights, input, output)?;
    let reaches = |&side: &usize| side >= weights.stride;
    match weights.kernel_size.iter().all(reaches) {
        true => Ok(()),
        false => Err("leaves outputs that no input reaches".into()),
    }
}

fn depthwise(weights: &ConvWeights, input: &Tensor, output: &Tensor) -> Result<(), String> {
    let one_channel = Tensor {
        channels: 1,
        ..input.clone()
    };
    conv(weights, &one_channel, output)?;
    if product(weights.kernel_size)
        .at_most(MAX_DEPTHWISE_TAPS)
        .is_none()
    {
        return Err("has a filter for each channel that is too large".into());
    }
    match input.channels == output.channels {
        true => Ok(()),
        false => Err("has filters for other channels".into()),
    }
}

/// Each window has a pixel of the input.
fn average(window: &AverageWindow, input: &Tensor, output: &Tensor) -> Result<(), String> {
    let sides = [(input.height, output.height), (input.width, output.width)];
    let fits = sides.iter().enumerate().all(|(axis, &(from, to))| {
        let (kernel, pad) = (window.kernel_size[axis], window.pad[axis]);
        let last = product([to - 1, window.stride]);
        (1..=MAX_NETWORK_SIDE_PX).contains(&kernel)
            && pad < kernel
            && pad < MAX_WINDOW_PX
            && last.at_most((from + pad - 1) as u64).is_some()
    });
    let area = product(window.kernel_size).at_most(MAX_AVERAGE_PIXELS);
    match fits && window.stride > 0 && area.is_some() && input.channels == output.channels {
        true => Ok(()),
        false => Err("has a window that does not fit".into()),
    }
}

fn pool(window: &PoolWindow, input: &Tensor, output: &Tensor) -> Result<(), String> {
    let fits = (1..=MAX_WINDOW_PX).contains(&window.kernel_size)
        && (1..=MAX_WINDOW_PX).contains(&window.stride)
        && window.pad.iter().all(|&pad| pad < window.kernel_size);
    match fits && input.channels == output.channels {
        true => Ok(()),
        false => Err("has a window that does not fit".into()),
    }
}

/// Whether one activation is sound by itself.
pub(crate) fn tensor(tensor: &Tensor) -> Result<(), String> {
    let &Tensor {
        channels,
        height,
        width,
        quant: QuantParams { scale, .. },
        ..
    } = tensor;
    let sides = 1..=MAX_NETWORK_SIDE_PX;
    if !(1..=MAX_CHANNELS).contains(&channels)
        || !sides.contains(&height)
        || !sides.contains(&width)
        || padded_bytes(tensor).at_most(MAX_ACTIVATION_BYTES).is_none()
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
    let pixel = match tensor.is_float {
        true => Size::from(tensor.channels) * FLOAT_BYTES,
        false => Size::from(tensor.channels),
    };
    pixel.round_up(BLOCK) * tensor.height * tensor.width
}

fn window(weights: &ConvWeights, input: &Tensor, output: &Tensor) -> Result<(), String> {
    let [height, width] = weights.kernel_size;
    let fits = (1..=MAX_WINDOW_PX).contains(&height)
        && (1..=MAX_WINDOW_PX).contains(&width)
        && (1..=MAX_WINDOW_PX).contains(&weights.stride)
        && weights.pad[0] < MAX_WINDOW_PX
        && weights.pad[1] < MAX_WINDOW_PX
        && (1..=MAX_TERMS).contains(&weights.terms);
    if !fits {
        return Err("has a window that does not fit".into());
    }
    let products = product([weights.in_channels, height, width, weights.terms]);
    if products.at_most(MAX_SUM_PRODUCTS).is_none() {
        return Err("has too many weights for each output".into());
    }
    if [weights.in_channels, weights.out_channels] != [input.channels, output.channels] {
        return Err("has weights for other channels".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::float::FloatWeights;
    use super::*;

    fn activation(channels: usize, side: usize) -> Tensor {
        Tensor {
            channels,
            height: side,
            width: side,
            quant: QuantParams {
                scale: 0.1,
                zero_point: 0,
                unsigned: false,
            },
            is_float: false,
        }
    }

    fn weights(inputs: usize, outputs: usize, side: usize, stride: usize) -> ConvWeights {
        ConvWeights {
            values: Vec::new(),
            terms: 1,
            bias: Vec::new(),
            scales: Vec::new(),
            in_channels: inputs,
            out_channels: outputs,
            kernel_size: [side, side],
            stride,
            pad: [1, 1],
        }
    }

    /// The input, a convolution, a pool, an addition of the pool's upsampled result, a transposed
    /// convolution.
    fn network() -> Graph {
        let operand = |tensor: usize, upsampled: bool| Operand {
            tensor: ValueId(tensor),
            upsampled,
        };
        let ops = vec![
            Op::Quantize,
            Op::Conv {
                input: ValueId(0),
                weights: weights(3, 8, 3, 1),
                floor: 0,
            },
            Op::MaxPool {
                input: ValueId(1),
                window: PoolWindow {
                    kernel_size: 3,
                    stride: 2,
                    pad: [1, 1],
                },
            },
            Op::Add {
                operands: [operand(1, false), operand(2, true)],
                floor: 0,
            },
            Op::ConvTranspose {
                input: ValueId(3),
                weights: weights(8, 4, 4, 2),
                floor: 0,
            },
        ];
        Graph {
            tensors: vec![
                activation(3, 16),
                activation(8, 16),
                activation(8, 8),
                activation(8, 16),
                activation(4, 32),
            ],
            nodes: named(ops),
            output: ValueId(4),
        }
    }

    #[test]
    fn a_sound_network_passes() {
        assert_eq!(network().check(), Ok(()));
    }

    /// A change, and the node where the fault is found.
    type Fault = (fn(&mut Graph), &'static str);

    #[test]
    fn each_fault_is_found_at_its_node() {
        let faults: [Fault; 12] = [
            (|n| n.tensors[1].quant.scale = f32::NAN, "node 1"),
            (|n| n.tensors[1].quant.scale = 0.0, "node 1"),
            (|n| n.tensors[1].height = 1 << 20, "node 1"),
            (|n| n.tensors[1].channels = 9, "node 1"),
            (|n| n.tensors[2].height = 7, "node 3"),
            (|n| n.nodes[1].output = ValueId(99), "node 1"),
            (|n| n.nodes[2].output = ValueId(1), "node 2"),
            (|n| n.nodes.swap(1, 2), "node 2"),
            (|n| n.nodes[0].op = n.nodes[1].op.clone(), "node 0"),
            (|n| n.nodes[1].op = Op::Quantize, "node 1"),
            (|n| n.output = ValueId(5), "network"),
            (
                |n| {
                    n.nodes[4].op = Op::ConvTranspose {
                        input: ValueId(3),
                        weights: weights(8, 4, 2, 3),
                        floor: 0,
                    }
                },
                "node 4",
            ),
        ];
        for (index, (change, place)) in faults.into_iter().enumerate() {
            let mut changed = network();
            change(&mut changed);
            let misfit = changed.check().unwrap_err();
            assert_eq!(
                misfit.node.as_deref(),
                Some(place),
                "fault {index}: {misfit}"
            );
        }
    }

    /// Neural Compressor's PT2E form leaves a third of the body's 64 G products in float.
    #[test]
    fn a_body_at_384_with_a_third_in_float_is_within_the_work_of_a_frame() {
        let (side, channels) = (96, 256);
        let mut ops = vec![Op::Quantize];
        // Behind the first one 5.4 G products each.
        ops.extend((0..9).map(|index| Op::Conv {
            input: ValueId(index),
            weights: weights(if index == 0 { 3 } else { channels }, channels, 3, 1),
            floor: 0,
        }));
        ops.extend((9..13).map(|index| Op::Float {
            op: FloatOp::Conv {
                input: ValueId(index),
                weights: FloatWeights {
                    window: weights(channels, channels, 3, 1),
                    values: Vec::new(),
                    bias: Vec::new(),
                },
            },
            range: [f32::NEG_INFINITY, f32::INFINITY],
        }));
        let tensors = |side: usize| {
            let mut tensors = vec![activation(channels, side); 14];
            tensors[0] = activation(3, side);
            tensors
        };
        let mut body = Graph {
            tensors: tensors(side),
            nodes: named(ops),
            output: ValueId(13),
        };
        assert_eq!(body.check(), Ok(()));
        body.tensors = tensors(2 * side);
        let misfit = body.check().unwrap_err();
        assert!(misfit.to_string().contains("more work"), "{misfit}");
    }

    fn named(ops: Vec<Op>) -> Vec<Node> {
        let nodes = ops.into_iter().enumerate();
        nodes
            .map(|(index, op)| Node {
                name: format!("node {index}"),
                op,
                output: ValueId(index),
            })
            .collect()
    }
}
