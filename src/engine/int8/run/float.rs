//! Steps on real values: what a tool left in float. Plain Rust, so that every processor gives the same bits.

use super::share::{SharedSlice, ThreadShare};
use crate::engine::int8::ir::{AverageWindow, PoolWindow};
use crate::engine::int8::plan::float::LANES;
use crate::engine::int8::plan::{Buffer, FloatStep, FloatStepOp, Reading, Source};
use std::ops::Range;

pub(super) const FLOAT_BYTES: usize = size_of::<f32>();

/// Results of one pixel, for a block of channels.
pub(super) type Lanes = [f32; LANES];

/// The network's input, [channels][height][width], as an activation.
///
/// # Safety
/// No other thread touches this share's rows of the output.
pub(super) unsafe fn load(
    input: &[f32],
    arena: SharedSlice<i8>,
    output: Buffer,
    share: ThreadShare,
) {
    let pixels = output.height * output.width;
    for y in share.range(output.height) {
        for x in 0..output.width {
            // SAFETY: a pixel of this share's rows.
            let pixel = unsafe { arena.write(output.at(y, x), output.stride) };
            let channels = pixel
                .chunks_exact_mut(FLOAT_BYTES)
                .zip(input.chunks_exact(pixels));
            for (bytes, plane) in channels {
                write_float(bytes, plane[y * output.width + x]);
            }
        }
    }
}

/// A step that is no convolution.
///
/// # Safety
/// No thread writes to the sources, and no other one touches this share's rows of the output.
pub(super) unsafe fn float(arena: SharedSlice<i8>, step: &FloatStep, share: ThreadShare) {
    // SAFETY: guaranteed by the caller.
    let view = |source: &Source| unsafe { View::new(arena, source) };
    let source = view(&step.source);
    let second = match &step.op {
        FloatStepOp::Sum(second) => second.as_ref().map(view),
        FloatStepOp::Product(second) => Some(view(second)),
        _ => None,
    };
    let output = step.output;
    for y in share.range(output.height) {
        for x in 0..output.width {
            // SAFETY: a pixel of this share's rows; the output shares no memory with the sources, which are needed
            // until the step is done.
            let pixel = unsafe { arena.write(output.at(y, x), output.stride) };
            for first in (0..output.channels).step_by(LANES) {
                let mut values = match &step.op {
                    FloatStepOp::Conv { .. } => unreachable!("a convolution has loops of its own"),
                    FloatStepOp::MaxPool(window) => max_pool(&source, window, [y, x], first),
                    FloatStepOp::Average(window) => average(&source, window, [y, x], first),
                    FloatStepOp::Levels(levels) => {
                        let pixel = source.pixel(y, x);
                        let mut values = [0.0; LANES];
                        for (value, level) in values.iter_mut().zip(&pixel[first..]) {
                            *value = levels[usize::from(level.cast_unsigned() ^ 0x80)];
                        }
                        values
                    }
                    FloatStepOp::Product(_) => {
                        let mut values = source.lanes(y, x, first);
                        let second = second.as_ref().expect("a product has two factors");
                        let others = second.nearest_lanes(y, x, first);
                        values
                            .iter_mut()
                            .zip(others)
                            .for_each(|(value, other)| *value *= other);
                        values
                    }
                    FloatStepOp::Sum(_) => {
                        let mut values = source.lanes(y, x, first);
                        if let Some(second) = &second {
                            let others = second.lanes(y, x, first);
                            values
                                .iter_mut()
                                .zip(others)
                                .for_each(|(value, other)| *value += other);
                        }
                        values
                    }
                };
                let [low, high] = step.range;
                values
                    .iter_mut()
                    .for_each(|value| *value = value.max(low).min(high));
                let count = LANES.min(output.channels - first);
                store(&values[..count], step.result, first, pixel);
            }
        }
    }
}

/// An activation, read as real values.
pub(super) struct View<'a> {
    bytes: &'a [i8],
    pub source: Source,
}

impl<'a> View<'a> {
    /// # Safety
    /// No thread writes to the source while the view lives.
    pub(super) unsafe fn new(arena: SharedSlice<i8>, source: &Source) -> Self {
        let Source { buffer, .. } = source;
        View {
            // SAFETY: guaranteed by the caller.
            bytes: unsafe { arena.read(buffer.offset, buffer.bytes()) },
            source: *source,
        }
    }

    pub(super) fn pixel(&self, y: usize, x: usize) -> &'a [i8] {
        let half = usize::from(self.source.upsampled);
        let buffer = &self.source.buffer;
        &self.bytes[buffer.at(y >> half, x >> half) - buffer.offset..][..buffer.stride]
    }

    /// As [`Self::lanes`], of the only pixel if there is one.
    fn nearest_lanes(&self, y: usize, x: usize, first: usize) -> Lanes {
        match (self.source.buffer.height, self.source.buffer.width) {
            (1, 1) => self.lanes(0, 0, first),
            _ => self.lanes(y, x, first),
        }
    }

    /// Values of a pixel, from channel `first` on.
    fn lanes(&self, y: usize, x: usize, first: usize) -> Lanes {
        let pixel = self.pixel(y, x);
        let mut lanes = [0.0; LANES];
        match self.source.reading {
            Reading::Float => {
                let bytes = pixel[FLOAT_BYTES * first..].chunks_exact(FLOAT_BYTES);
                lanes
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(lane, bytes)| *lane = read_float(bytes));
            }
            Reading::Quantised { scale, zero_point } => {
                let levels = pixel[first..].iter();
                lanes
                    .iter_mut()
                    .zip(levels)
                    .for_each(|(lane, &level)| *lane = real(level, scale, zero_point));
            }
        }
        lanes
    }
}

fn average(source: &View<'_>, window: &AverageWindow, [y, x]: [usize; 2], first: usize) -> Lanes {
    let buffer = &source.source.buffer;
    let span = |axis: usize, position: usize, side: usize| -> Range<usize> {
        let start = window.stride * position;
        let pad = window.pad[axis];
        start.saturating_sub(pad)..(start + window.kernel_size[axis] - pad).min(side)
    };
    let (rows, columns) = (span(0, y, buffer.height), span(1, x, buffer.width));
    let count = match window.counts_outside {
        true => window.kernel_size[0] * window.kernel_size[1],
        false => rows.len() * columns.len(),
    };
    let mut sums = [0.0; LANES];
    for row in rows {
        for column in columns.clone() {
            let values = source.lanes(row, column, first);
            sums.iter_mut()
                .zip(values)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    sums.map(|sum: f32| sum / count as f32)
}

fn max_pool(source: &View<'_>, window: &PoolWindow, [y, x]: [usize; 2], first: usize) -> Lanes {
    let buffer = &source.source.buffer;
    // Pixels outside of the picture do not count.
    let span = |axis: usize, position: usize, side: usize| -> Range<usize> {
        let start = window.stride * position;
        let pad = window.pad[axis];
        start.saturating_sub(pad)..(start + window.kernel_size - pad).min(side)
    };
    let mut largest = [f32::NEG_INFINITY; LANES];
    for row in span(0, y, buffer.height) {
        for column in span(1, x, buffer.width) {
            let values = source.lanes(row, column, first);
            largest
                .iter_mut()
                .zip(values)
                .for_each(|(largest, value)| *largest = largest.max(value));
        }
    }
    largest
}

/// Results of a pixel, from channel `first` on.
pub(super) fn store(values: &[f32], result: Reading, first: usize, pixel: &mut [i8]) {
    match result {
        Reading::Float => {
            let places = pixel[FLOAT_BYTES * first..].chunks_exact_mut(FLOAT_BYTES);
            places
                .zip(values)
                .for_each(|(bytes, &value)| write_float(bytes, value));
        }
        Reading::Quantised { scale, zero_point } => {
            let levels = pixel[first..].iter_mut();
            for (level, value) in levels.zip(values) {
                let rounded = (value / scale).round_ties_even() + f32::from(zero_point);
                *level = rounded.clamp(-128.0, 127.0) as i8;
            }
        }
    }
}

#[inline(always)]
pub(super) fn real(level: i8, scale: f32, zero_point: i8) -> f32 {
    (i32::from(level) - i32::from(zero_point)) as f32 * scale
}

/// From four little-endian bytes.
#[inline(always)]
pub(super) fn read_float(bytes: &[i8]) -> f32 {
    let bytes = bytes.first_chunk::<FLOAT_BYTES>().expect("four bytes");
    f32::from_le_bytes(bytes.map(i8::cast_unsigned))
}

#[inline(always)]
fn write_float(bytes: &mut [i8], value: f32) {
    bytes.copy_from_slice(&value.to_le_bytes().map(u8::cast_signed));
}
