//! Small networks, planned for every kernel of this processor and for every twin: from filters to
//! heatmaps, so that what weights are packed with and what a tile is made of fit each other.

use super::ir::{Action, Filter, Network, Operand, Operation, Quant, Tensor, TensorId};
use super::kernel;
use super::pack::Origin;
use super::plan::{Method, Plan, Step};
use super::run::Workspace;
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

    fn filter(&mut self, [inputs, outputs, side, stride, pad]: [usize; 5]) -> Filter {
        let mut weight = || match (self.signed, self.next()) {
            (true, value) => value as i8,
            // Few, so that sums of what is not negative stay small.
            (false, value) if value & 7 == 0 => self.next() as i8 & i8::MAX,
            (false, _) => 0,
        };
        let weights = (0..outputs * side * side * inputs).map(|_| weight());
        Filter {
            weights: weights.collect(),
            bias: (0..outputs).map(|_| 50 * self.next() - 6000).collect(),
            scales: vec![0.002; outputs],
            inputs,
            outputs,
            kernel: [side, side],
            stride,
            pad: [pad, pad],
        }
    }
}

/// Rows of taps, a long convolution that Winograd's method fits, an addition, a stride, and four parts
/// of a transposed convolution; with channels that no block ends with.
fn network(signed: bool) -> Network {
    let mut numbers = Numbers { state: 7, signed };
    let floor = |floor: i8| if signed { floor } else { 0 };
    let mut conv = |input: usize, sizes: [usize; 5]| Action::Conv {
        input: TensorId(input),
        filter: numbers.filter(sizes),
        floor: floor(-100),
    };
    let mut actions = vec![
        (Action::Quantize, 3, SIDE),
        (conv(0, [3, 40, 3, 1, 1]), 40, SIDE),
        (conv(1, [40, 40, 3, 1, 1]), 40, SIDE),
    ];
    let operand = |tensor: usize| Operand {
        tensor: TensorId(tensor),
        upsampled: false,
    };
    let addition = Action::Add {
        operands: [operand(1), operand(2)],
        floor: floor(-90),
    };
    actions.push((addition, 40, SIDE));
    actions.push((conv(3, [40, 24, 3, 2, 1]), 24, SIDE / 2));
    let last = Action::Deconv {
        input: TensorId(4),
        filter: numbers.filter([24, 5, 4, 2, 1]),
        floor: floor(i8::MIN),
    };
    actions.push((last, 5, SIDE));
    let scales = [0.02, 0.1, 0.4, 0.4, 2.0, 1.0];
    let zero_points = if signed {
        [-3, -100, 5, -90, 11, 0]
    } else {
        [0; 6]
    };
    chain(actions, &scales, &zero_points)
}

/// More channels than Winograd's method multiplies at once, in more tiles than it does.
fn wide() -> Network {
    let mut numbers = Numbers {
        state: 3,
        signed: true,
    };
    let mut conv = |input: usize, sizes: [usize; 5]| Action::Conv {
        input: TensorId(input),
        filter: numbers.filter(sizes),
        floor: i8::MIN,
    };
    let actions = vec![
        (Action::Quantize, 3, 2 * SIDE),
        (conv(0, [3, 272, 1, 1, 0]), 272, 2 * SIDE),
        (conv(1, [272, 9, 3, 1, 1]), 9, 2 * SIDE),
    ];
    chain(actions, &[0.02, 0.1, 0.2], &[-3, -7, 0])
}

/// Each action with the channels and the side of what it makes.
fn chain(actions: Vec<(Action, usize, usize)>, scales: &[f32], zero_points: &[i8]) -> Network {
    let mut network = Network {
        tensors: Vec::new(),
        operations: Vec::new(),
        output: TensorId(actions.len() - 1),
    };
    for (index, (action, channels, side)) in actions.into_iter().enumerate() {
        network.tensors.push(Tensor {
            channels,
            height: side,
            width: side,
            quant: Quant {
                scale: scales[index],
                zero_point: zero_points[index],
                unsigned: false,
            },
        });
        network.operations.push(Operation {
            name: format!("step{index}"),
            action,
            output: TensorId(index),
        });
    }
    network
}

fn heatmaps(plan: &Plan, signed: bool, threads: usize) -> Vec<f32> {
    let least = if signed { -2.5 } else { 0.0 };
    let input: Vec<f32> = (0..plan.input_shape.iter().product())
        .map(|index: usize| (index * 37 % 101) as f32 / 20.0 + least)
        .collect();
    let output = plan.output;
    let mut heatmaps = vec![0.0; output.channels * output.height * output.width];
    let mut workspace = Workspace::new(plan, threads.into()).unwrap();
    for _ in 0..2 {
        workspace.run(plan, &input, &mut heatmaps);
    }
    heatmaps
}

fn compare(network: &Network, signed: bool, threads: RangeInclusive<usize>) {
    let side = network.tensors[0].height;
    let families = kernel::families();
    let twins = families.iter().map(|name| kernel::of_family(name).unwrap());
    let here = kernel::available();
    // For whoever runs this on another processor, real or emulated.
    let names: Vec<_> = here.iter().map(|kernel| kernel.name()).collect();
    println!("kernels of this processor: {}.", names.join(", "));
    let mut expected: Option<Vec<f32>> = None;
    let mut methods = [0, 0];
    for kernel in twins.chain(here) {
        let plan = Plan::new(network, [1, 3, side, side], kernel, Origin::Filters)
            .unwrap_or_else(|(node, what)| panic!("{}: {node}: {what}", kernel.name()));
        for step in &plan.steps {
            if let Step::Conv(conv) = step {
                methods[usize::from(matches!(conv.method, Method::Winograd(_)))] += 1;
            }
        }
        for threads in threads.clone() {
            let found = heatmaps(&plan, signed, threads);
            let expected = expected.get_or_insert_with(|| found.clone());
            assert!(found == *expected, "{}, {threads} threads", kernel.name());
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

// For Bochs: see the kernels' test of this ending.
#[test]
fn a_network_gives_the_same_on_every_kernel_of_what_is_not_negative() {
    compare(&network(false), false, 1..=1);
}
