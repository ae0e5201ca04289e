//! Packed weights of float convolutions.

use crate::engine::int8::ir::Op;
use crate::engine::int8::plan::PackedConv;
use crate::engine::int8::plan::conv::Tag;
use crate::engine::int8::plan::float::{LANES, padded_channels};

/// Weights in blocks, as [`LANES`] says; `None` for an operation without float weights.
pub(super) fn pack(op: &Op) -> Option<PackedConv> {
    let Op::Float { op, .. } = op else {
        return None;
    };
    let (_, weights) = op.weights()?;
    let window = &weights.window;
    let outputs = window.out_channels;
    let channel_len = weights.values.len() / outputs.max(1);
    let padded = padded_channels(window);
    let mut packed = Vec::with_capacity(padded * channel_len * size_of::<f32>());
    for first in (0..padded).step_by(LANES) {
        for index in 0..channel_len {
            for lane in first..first + LANES {
                let value = match lane < outputs {
                    true => weights.values[lane * channel_len + index],
                    false => 0.0,
                };
                packed.extend(value.to_le_bytes().map(u8::cast_signed));
            }
        }
    }
    let mut bias = weights.bias.clone();
    bias.resize(padded, 0.0);
    Some(PackedConv {
        tag: Tag::Float,
        weights: packed.into(),
        bias: vec![0; padded],
        multipliers: bias,
    })
}
