//! Small networks, planned for every kernel of this processor and for every twin: from filters to
//! heatmaps, so that what weights are packed with and what a tile is made of fit each other.

use super::compile::compile;
use super::cores::{self, Cache};
use super::family::Family;
use super::ir::{
    AverageWindow, ConvWeights, Graph, Node, Op, Operand, Pick, QuantParams, Tensor, ValueId,
};
use super::kernel::twins::TWINS;
use super::kernel::{self, Kernel};
use super::plan::conv::Method;
use super::plan::{Plan, Step, outline};
use super::run::{Workspace, WorkspaceSize};
use std::ops::RangeInclusive;

const SIDE: usize = 14;

/// The same numbers each time.
struct Numbers {
    state: u32,
    /// Whether weights, inputs and activations may be negative.
    signed: bool,
}

impl Numbers {
    fn next(&mut self) -> i32 {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.state >> 24).cast_signed()
    }

    fn weights(&mut self, [inputs, outputs, side, stride, pad]: [usize; 5]) -> ConvWeights {
        let mut weight = || match (self.signed, self.next()) {
            (true, value) => value as i8,
            // Few, so that sums without negative values stay small.
            (false, value) if value & 7 == 0 => self.next() as i8 & i8::MAX,
            (false, _) => 0,
        };
        let weights = (0..outputs * side * side * inputs).map(|_| weight());
        ConvWeights {
            values: weights.collect(),
            terms: 1,
            bias: (0..outputs).map(|_| 50 * self.next() - 6000).collect(),
            scales: vec![0.002; outputs],
            in_channels: inputs,
            out_channels: outputs,
            kernel_size: [side, side],
            stride,
            pad: [pad, pad],
        }
    }
}

/// Rows of taps, a long convolution that Winograd's method fits, an addition, a stride, and four parts
/// of a transposed convolution; with channels that no block ends with.
fn network(signed: bool) -> Graph {
    let mut numbers = Numbers { state: 7, signed };
    let floor = |floor: i8| if signed { floor } else { 0 };
    let mut conv = |input: usize, sizes: [usize; 5]| Op::Conv {
        input: ValueId(input),
        weights: numbers.weights(sizes),
        floor: floor(-100),
    };
    let mut ops = vec![
        (Op::Quantize, 3, SIDE),
        (conv(0, [3, 40, 3, 1, 1]), 40, SIDE),
        (conv(1, [40, 40, 3, 1, 1]), 40, SIDE),
    ];
    let operand = |tensor: usize| Operand {
        tensor: ValueId(tensor),
        upsampled: false,
    };
    let addition = Op::Add {
        operands: [operand(1), operand(2)],
        floor: floor(-90),
    };
    ops.push((addition, 40, SIDE));
    ops.push((conv(3, [40, 24, 3, 2, 1]), 24, SIDE / 2));
    let last = Op::ConvTranspose {
        input: ValueId(4),
        weights: numbers.weights([24, 5, 4, 2, 1]),
        floor: floor(i8::MIN),
    };
    ops.push((last, 5, SIDE));
    let scales = [0.02, 0.1, 0.4, 0.4, 2.0, 1.0];
    let zero_points = if signed {
        [-3, -100, 5, -90, 11, 0]
    } else {
        [0; 6]
    };
    chain(ops, &scales, &zero_points)
}

/// More channels than Winograd's method multiplies at once, in more tiles than it does.
fn wide() -> Graph {
    let mut numbers = Numbers {
        state: 3,
        signed: true,
    };
    let mut conv = |input: usize, sizes: [usize; 5]| Op::Conv {
        input: ValueId(input),
        weights: numbers.weights(sizes),
        floor: i8::MIN,
    };
    let ops = vec![
        (Op::Quantize, 3, 2 * SIDE),
        (conv(0, [3, 272, 1, 1, 0]), 272, 2 * SIDE),
        (conv(1, [272, 9, 3, 1, 1]), 9, 2 * SIDE),
    ];
    chain(ops, &[0.02, 0.1, 0.2], &[-3, -7, 0])
}

/// Filters for each channel, a gate from an average, a shuffle of channels, and a table.
fn gated() -> Graph {
    let mut numbers = Numbers {
        state: 5,
        signed: true,
    };
    let operand = |tensor: usize| Operand {
        tensor: ValueId(tensor),
        upsampled: false,
    };
    let mut conv = |input: usize, sizes: [usize; 5]| Op::Conv {
        input: ValueId(input),
        weights: numbers.weights(sizes),
        floor: i8::MIN,
    };
    let first = [
        conv(0, [3, 40, 3, 1, 1]),
        conv(4, [40, 40, 1, 1, 0]),
        conv(7, [40, 24, 3, 1, 1]),
    ];
    let mut filters = |input: usize, sizes: [usize; 5]| Op::Depthwise {
        input: ValueId(input),
        weights: numbers.weights(sizes),
        floor: -100,
    };
    let filters = [filters(1, [1, 40, 5, 1, 2]), filters(2, [1, 40, 3, 2, 1])];
    let [stem, gate, last] = first;
    let [wide, narrow] = filters;
    let side = SIDE / 2;
    let window = AverageWindow {
        kernel_size: [side, side],
        stride: 1,
        pad: [0, 0],
        counts_outside: false,
    };
    let shuffled = (0..40).map(|channel| Pick {
        source: channel % 2,
        channel: channel / 2 + channel % 2 * 20,
    });
    let ops = vec![
        (Op::Quantize, 3, SIDE),
        (stem, 40, SIDE),
        (wide, 40, SIDE),
        (narrow, 40, side),
        (
            Op::Average {
                input: ValueId(3),
                window,
                floor: i8::MIN,
            },
            40,
            1,
        ),
        (gate, 40, 1),
        (
            Op::Multiply {
                operands: [operand(3), operand(5)],
                floor: -120,
            },
            40,
            side,
        ),
        (
            Op::Channels {
                sources: vec![ValueId(6), ValueId(3)],
                picks: shuffled.collect(),
            },
            40,
            side,
        ),
        (last, 24, side),
    ];
    let scales = [0.02, 0.1, 0.3, 0.5, 0.1, 0.05, 0.5, 0.5, 1.0];
    chain(ops, &scales, &[-3, -100, 5, -90, 11, 0, -90, -90, 4])
}

/// Each op with the channels and the side of what it makes.
fn chain(ops: Vec<(Op, usize, usize)>, scales: &[f32], zero_points: &[i8]) -> Graph {
    let mut graph = Graph {
        tensors: Vec::new(),
        nodes: Vec::new(),
        output: ValueId(ops.len() - 1),
    };
    for (index, (op, channels, side)) in ops.into_iter().enumerate() {
        graph.tensors.push(Tensor {
            channels,
            height: side,
            width: side,
            quant: QuantParams {
                scale: scales[index],
                zero_point: zero_points[index],
                unsigned: false,
            },
            is_float: false,
        });
        graph.nodes.push(Node {
            name: format!("step{index}"),
            op,
            output: ValueId(index),
        });
    }
    graph
}

fn heatmaps(plan: &Plan, kernel: &'static dyn Kernel, signed: bool, threads: usize) -> Vec<f32> {
    let least = if signed { -2.5 } else { 0.0 };
    let input: Vec<f32> = (0..plan.input_shape.iter().product())
        .map(|index: usize| (index * 37 % 101) as f32 / 20.0 + least)
        .collect();
    let output = plan.output;
    let mut heatmaps = vec![0.0; output.channels * output.height * output.width];
    let size = WorkspaceSize::of(plan, kernel);
    let mut workspace = Workspace::new([size], threads).unwrap();
    for _ in 0..2 {
        workspace.run(plan, kernel, &input, &mut heatmaps);
    }
    heatmaps
}

fn plan(graph: &Graph, family: &'static Family, cache: Cache) -> Plan {
    let side = graph.tensors[0].height;
    let outline = outline(graph, [1, 3, side, side]).unwrap();
    let packed = compile(&outline, family, None).unwrap();
    Plan::bind(&outline, packed, family, cache)
        .unwrap_or_else(|misfit| panic!("{}: {misfit}", family.name))
}

fn compare(graph: &Graph, signed: bool, threads: RangeInclusive<usize>) {
    let here = kernel::available();
    // The processor tests on emulated machines look for this line.
    let names: Vec<_> = here.iter().map(|kernel| kernel.family().name).collect();
    println!("kernels of this processor: {}.", names.join(", "));
    let mut expected: Option<Vec<f32>> = None;
    let mut methods = [0, 0];
    for kernel in TWINS.into_iter().chain(here) {
        let family = kernel.family();
        let plan = plan(graph, family, cores::UNKNOWN);
        for step in &plan.steps {
            if let Step::Conv(conv) = step {
                methods[usize::from(matches!(conv.method, Method::Winograd(_)))] += 1;
            }
        }
        for threads in threads.clone() {
            let found = heatmaps(&plan, kernel, signed, threads);
            let expected = expected.get_or_insert_with(|| found.clone());
            assert!(found == *expected, "{}, {threads} threads", family.name);
        }
    }
    let expected = expected.unwrap_or_default();
    let mut levels: Vec<_> = expected.iter().map(|value| value.to_bits()).collect();
    levels.sort_unstable();
    levels.dedup();
    assert!(levels.len() > 20, "only {} values", levels.len());
    assert!(methods.iter().all(|&count| count > 0), "{methods:?}");
}

#[test]
fn a_network_gives_the_same_on_every_kernel_and_for_every_family() {
    compare(&network(true), true, 1..=2);
}

#[test]
fn a_network_of_many_channels_gives_the_same_on_every_kernel_and_for_every_family() {
    compare(&wide(), true, 1..=2);
}

#[test]
fn filters_for_each_channel_give_the_same_on_every_kernel_and_for_every_family() {
    compare(&gated(), true, 1..=3);
}

/// A graph on these kernels, with caches from less than a pass to more than all passes.
fn compare_caches(graph: &Graph, kernels: impl IntoIterator<Item = &'static dyn Kernel>) {
    let mut expected: Option<Vec<f32>> = None;
    for kernel in kernels {
        for (kib, cores) in [(1, 1), (64, 4), (1 << 20, 4)] {
            let bytes = kib << 10;
            let plan = plan(graph, kernel.family(), Cache { bytes, cores });
            let found = heatmaps(&plan, kernel, true, cores.min(3));
            let expected = expected.get_or_insert_with(|| found.clone());
            assert!(found == *expected, "{}, {kib} KiB", kernel.family().name);
        }
    }
    assert!(expected.is_some());
}

#[test]
fn a_cache_of_any_size_gives_the_same() {
    let has_winograd = |kernel: &&'static dyn Kernel| kernel.winograd().is_some();
    let all = TWINS.into_iter().chain(kernel::available());
    compare_caches(&network(true), all.filter(has_winograd));
    let here = kernel::available().into_iter();
    compare_caches(&wide(), here.filter(has_winograd).take(1));
}

// For Bochs: see the kernels' test of this ending.
#[test]
fn a_network_gives_the_same_on_every_kernel_of_what_is_not_negative() {
    compare(&network(false), false, 1..=1);
}
