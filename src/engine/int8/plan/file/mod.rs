//! A network in a plan file: its nodes, and the packed weights of each step.
//!
//! The network section is, with u32 numbers unless said otherwise: the input's shape (4), the count of
//! activations and each (channels, height, width, scale f32, zero point i8, type u8: 0 for i8, 1 for u8,
//! from format 2 on 2 for f32), the count of
//! nodes and each (name, kind u8, the fields of the kind, see below, output), the
//! output's number, the count of convolution steps and each (method u8, the bytes of its weights as
//! u64 start and length, the count of channels, biases i32, multipliers f32). Names are a length and
//! UTF-8.
//!
//! Kinds of nodes: 0 quantize; 1 convolution and 2 transposed (input, floor u8, inputs, outputs,
//! kernel (2), stride, pad (2)); 3 pool (input, kernel, stride, pad (2)); 4 addition (twice:
//! activation, upsampled u8; floor u8). From format 2 on: 5 map (activation, upsampled u8, 256 values);
//! 6 convolution and 7 transposed as 1 and 2, with the number of terms u8 behind; float operations: 8 the
//! input, 9 convolution and 10 transposed (input, inputs, outputs, kernel (2), stride, pad (2)), 11 pool
//! (as 3), 12 sum (the count of operands u8, each activation, upsampled u8), all of them with the ends
//! f32 (2) of their range behind. A float convolution is one step; its bias is in place of the multipliers.
//! From format 3 on: 13 a filter for each channel (as 6, with one input); 14 average (input, kernel (2), stride,
//! pad (2), pixels outside count u8, floor u8); 15 product (as 4); 16 channels (the count of activations and each;
//! the count of channels and each: the place of its activation in that list u16, its channel there u16); float
//! operations with a range as before: 17 average (input, kernel (2), stride, pad (2), pixels outside count u8),
//! 18 product (twice: activation, upsampled u8), 19 function (activation, upsampled u8, 256 values f32).
//!
//! Addresses are not stored: the planner computes them again in microseconds, so that no number in a
//! file is ever taken for an address. Each count is compared with its limit and with the
//! bytes that are left before its list is read, so reading allocates a small multiple of the file.

#[cfg(feature = "onnx")]
use crate::engine::int8::ir::float::FloatOp;
#[cfg(feature = "onnx")]
use crate::engine::int8::ir::{Graph, Op};
#[cfg(feature = "onnx")]
use crate::model::OLDEST_PLAN_VERSION;

mod read;
#[cfg(feature = "onnx")]
mod write;

pub(crate) use read::read;
#[cfg(feature = "onnx")]
pub(crate) use write::write;

/// The oldest format that has all operations of a graph: programs that do not know them refuse it by name.
#[cfg(feature = "onnx")]
pub(crate) fn version(graph: &Graph) -> u32 {
    let since = |op: &Op| match op {
        Op::Depthwise { .. }
        | Op::Average { .. }
        | Op::Multiply { .. }
        | Op::Channels { .. }
        | Op::Float {
            op: FloatOp::Average { .. } | FloatOp::Product(..) | FloatOp::Levels(..),
            ..
        } => 3,
        Op::Map { .. } | Op::Float { .. } => 2,
        Op::Conv { weights, .. } | Op::ConvTranspose { weights, .. } if weights.terms > 1 => 2,
        _ => OLDEST_PLAN_VERSION,
    };
    let all = graph.nodes.iter().map(|node| since(&node.op));
    all.max().unwrap_or(OLDEST_PLAN_VERSION)
}
