//! Hostile graphs: any numbers are refused, or planned within 32-bit memory and a bounded time.

use super::conv::Tag;
use super::layout::Layout;
use super::{PackedConv, Plan, outline};
use crate::engine::int8::cores;
use crate::engine::int8::family;
use crate::engine::int8::ir::float::{FloatOp, FloatWeights};
use crate::engine::int8::ir::size::product;
use crate::engine::int8::ir::{
    AverageWindow, ConvWeights, Graph, Node, Op, Operand, Pick, PoolWindow, QuantParams, Tensor,
    ValueId,
};
use crate::limits::MAX_FRAME_MACS;
use proptest::prelude::*;

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

fn sized(channels: usize, height: usize, width: usize) -> Tensor {
    Tensor {
        height,
        width,
        ..activation(channels, 1)
    }
}

/// The input, and one operation that reads it and makes the output.
fn pair(input: Tensor, op: Op, output: Tensor) -> Graph {
    Graph {
        tensors: vec![input, output],
        nodes: named(vec![Op::Quantize, op]),
        output: ValueId(1),
    }
}

fn deconv(inputs: usize, outputs: usize) -> Op {
    Op::ConvTranspose {
        input: ValueId(0),
        weights: ConvWeights {
            pad: [0, 0],
            ..weights(inputs, outputs, 1, 1)
        },
        floor: 0,
    }
}

#[test]
fn products_that_wrap_in_32_bits_are_refused() {
    // 2^32, (512 + 16) * 2^23 = 2^27 and 1040 * 2^22 = 2^26 modulo 2^32.
    for (channels, height, width) in [(256, 4096, 4096), (512, 4096, 2048), (1024, 2048, 2048)] {
        let output = sized(channels, height, width);
        let graph = pair(activation(3, 32), deconv(3, channels), output);
        let misfit = graph.check().unwrap_err();
        assert_eq!(misfit.node.as_deref(), Some("node 1"));
        assert!(misfit.what.contains("too large"), "{misfit}");
    }
}

#[test]
fn a_step_without_weights_is_refused_where_their_number_wraps() {
    let window = ConvWeights {
        pad: [0, 0],
        ..weights(8, 1 << 16, 64, 1)
    };
    let conv = Op::Conv {
        input: ValueId(1),
        weights: window,
        floor: 0,
    };
    let graph = Graph {
        tensors: vec![activation(3, 64), activation(8, 64), activation(1 << 16, 1)],
        nodes: named(vec![Op::Quantize, deconv(3, 8), conv]),
        output: ValueId(2),
    };
    // The check refuses it for its weights, and the planner for those that it is given.
    assert!(graph.check().unwrap_err().what.contains("larger"));
    assert!(!product([1 << 16; 2]).is(0));
    let small = pair(activation(3, 64), deconv(3, 8), activation(8, 64));
    let step = PackedConv {
        tag: Tag::Direct,
        weights: Vec::new().into(),
        bias: vec![0; 8],
        multipliers: vec![1.0; 8],
    };
    let outline = outline(&small, [1, 3, 64, 64]).unwrap();
    let refused = Plan::bind(&outline, vec![step], &family::PORTABLE, cores::UNKNOWN).err();
    let misfit = refused.unwrap();
    assert!(misfit.what.contains("is stored with [0, 8, 8]"), "{misfit}");
}

#[test]
fn a_frame_of_hours_is_refused() {
    let conv = |input: usize| Op::Conv {
        input: ValueId(input),
        weights: ConvWeights {
            pad: [16, 16],
            ..weights(64, 64, 32, 1)
        },
        floor: 0,
    };
    let mut ops = vec![Op::Quantize, deconv(3, 64)];
    let mut tensors = vec![activation(3, 600), activation(64, 600)];
    for index in 1..60 {
        ops.push(conv(index));
        tensors.push(activation(64, 600));
    }
    let graph = Graph {
        output: ValueId(60),
        nodes: named(ops),
        tensors,
    };
    let misfit = graph.check().unwrap_err();
    assert_eq!(misfit.node.as_deref(), Some("node 2"));
    assert!(misfit.what.contains("more work"), "{misfit}");
}

#[test]
fn pooling_steps_and_outputs_are_bounded_too() {
    let pool = Op::MaxPool {
        input: ValueId(0),
        window: PoolWindow {
            kernel_size: 64,
            stride: 1,
            pad: [0, 0],
        },
    };
    let large = pair(activation(3, 2048), pool, activation(3, 2048));
    assert!(large.check().unwrap_err().what.contains("more work"));
    let output = pair(activation(3, 8), deconv(3, 128), activation(128, 512));
    assert!(output.check().unwrap_err().what.contains("output"));
    let many = |input: usize| Op::ConvTranspose {
        input: ValueId(input),
        weights: weights(3, 3, 64, 64),
        floor: 0,
    };
    let graph = Graph {
        tensors: vec![activation(3, 64); 6],
        nodes: named([Op::Quantize].into_iter().chain((0..5).map(many)).collect()),
        output: ValueId(5),
    };
    let misfit = graph.check().unwrap_err();
    assert_eq!(misfit.node.as_deref(), Some("node 5"));
    assert!(misfit.what.contains("more steps"), "{misfit}");
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
    ([number(), number(), number()], any::<bool>()).prop_map(
        |([channels, height, width], is_float)| Tensor {
            channels,
            height,
            width,
            is_float,
            ..activation(1, 1)
        },
    )
}

fn any_op(tensors: usize) -> impl Strategy<Value = Op> {
    let filter = [(); 7].map(|()| number()).prop_map(
        |[inputs, outputs, height, width, stride, top, left]| ConvWeights {
            in_channels: inputs,
            out_channels: outputs,
            kernel_size: [height, width],
            stride,
            pad: [top, left],
            ..weights(1, 1, 1, 1)
        },
    );
    let window = [(); 4]
        .map(|()| number())
        .prop_map(|[kernel, stride, top, left]| PoolWindow {
            kernel_size: kernel,
            stride,
            pad: [top, left],
        });
    let operand = move || {
        (0..tensors, any::<bool>()).prop_map(|(tensor, upsampled)| Operand {
            tensor: ValueId(tensor),
            upsampled,
        })
    };
    (0..tensors, 0..15, filter, window, [operand(), operand()]).prop_map(
        |(input, kind, weights, window, operands)| {
            let (input, floor) = (ValueId(input), 0);
            match kind {
                0 => Op::Conv {
                    input,
                    weights,
                    floor,
                },
                1 => Op::ConvTranspose {
                    input,
                    weights,
                    floor,
                },
                2 => Op::MaxPool { input, window },
                3 => Op::Map {
                    input: operands[0],
                    table: Box::new([7; 256]),
                },
                4 => Op::Add { operands, floor },
                9 => Op::Depthwise {
                    input,
                    weights,
                    floor,
                },
                10 => Op::Average {
                    input,
                    window: average_window(&weights),
                    floor,
                },
                11 => Op::Multiply { operands, floor },
                12 => Op::Channels {
                    sources: operands.map(|operand| operand.tensor).into(),
                    picks: (0..)
                        .take(weights.out_channels.min(MAX_PICKS))
                        .map(|channel: u16| Pick {
                            source: channel % 2,
                            channel: channel / 2,
                        })
                        .collect(),
                },
                _ => Op::Float {
                    op: float_op(kind, input, weights, window, operands),
                    range: [0.0, 1.0],
                },
            }
        },
    )
}

/// Channels that one operation takes here.
const MAX_PICKS: usize = 1000;

fn average_window(window: &ConvWeights) -> AverageWindow {
    AverageWindow {
        kernel_size: window.kernel_size,
        stride: window.stride,
        pad: window.pad,
        counts_outside: window.stride.is_multiple_of(2),
    }
}

fn float_op(
    kind: i32,
    input: ValueId,
    window: ConvWeights,
    pool: PoolWindow,
    [first, second]: [Operand; 2],
) -> FloatOp {
    let weights = FloatWeights {
        window,
        values: Vec::new(),
        bias: Vec::new(),
    };
    match kind {
        5 => FloatOp::Conv { input, weights },
        6 => FloatOp::ConvTranspose { input, weights },
        7 => FloatOp::MaxPool {
            input,
            window: pool,
        },
        13 => FloatOp::Product(first, second),
        14 => FloatOp::Average {
            input,
            window: average_window(&weights.window),
        },
        _ => FloatOp::Sum(first, Some(second)),
    }
}

/// Windows and channels that fit their activations where they have to be equal, so that some pass.
fn fitted(mut graph: Graph) -> Graph {
    for index in 1..graph.nodes.len() {
        let input = graph.nodes[index].op.inputs().next();
        let input = input.map_or(0, |input| graph.tensors[input.0].channels);
        let output = &mut graph.tensors[index];
        match &mut graph.nodes[index].op {
            Op::Conv { weights, .. }
            | Op::ConvTranspose { weights, .. }
            | Op::Float {
                op:
                    FloatOp::Conv {
                        weights:
                            FloatWeights {
                                window: weights, ..
                            },
                        ..
                    }
                    | FloatOp::ConvTranspose {
                        weights:
                            FloatWeights {
                                window: weights, ..
                            },
                        ..
                    },
                ..
            } => {
                weights.in_channels = input;
                weights.out_channels = output.channels;
            }
            Op::Depthwise { weights, .. } => {
                (weights.in_channels, weights.out_channels) = (1, input);
                output.channels = input;
            }
            Op::Channels { picks, .. } => output.channels = picks.len(),
            _ => output.channels = input,
        }
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_numbers_are_refused_or_fit_32_bits(
        height in number(),
        width in number(),
        tensors in proptest::collection::vec(any_tensor(), 3),
        ops in proptest::collection::vec(any_op(3), 3),
        fit: bool,
    ) {
        let input = sized(3, height, width);
        let graph = Graph {
            tensors: [input].into_iter().chain(tensors).collect(),
            nodes: named([Op::Quantize].into_iter().chain(ops).collect()),
            output: ValueId(3),
        };
        let graph = if fit { fitted(graph) } else { graph };
        if graph.check().is_err() {
            return Ok(());
        }
        let Ok((places, arena_bytes)) = Layout::new(&graph).place() else {
            return Ok(());
        };
        for place in places.into_iter().flatten() {
            let columns = [place.border[0], place.width, place.border[1]].map(|count| count as u128);
            let bytes = columns.iter().sum::<u128>() * place.height as u128 * place.stride as u128;
            prop_assert!(u128::from(place.offset) + bytes <= u128::from(arena_bytes));
            prop_assert!(bytes <= 1 << 28);
        }
        prop_assert!(outline(&graph, [1, 3, height, width]).is_ok());
        let work: u128 = graph.nodes.iter().map(|node| {
            let output = graph.tensor(node.output);
            let pixels = output.height as u128 * output.width as u128;
            match &node.op {
                Op::Conv { weights, .. } => [
                    weights.kernel_size[0], weights.kernel_size[1], weights.in_channels, weights.out_channels,
                ].iter().fold(pixels, |work, &factor| work * factor as u128),
                _ => pixels,
            }
        }).sum();
        prop_assert!(work <= u128::from(MAX_FRAME_MACS));
    }
}
