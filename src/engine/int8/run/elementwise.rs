//! Steps that take each channel by itself: quantisation, pooling, additions, products, and the way back to floats.

use super::float::read_float;
use super::share::{SharedSlice, ThreadShare};
use crate::engine::int8::ir::{AverageWindow, PoolWindow, Table};
use crate::engine::int8::kernel::RowOps;
use crate::engine::int8::plan::{Buffer, Plan, Reading, Run};
use crate::engine::int8::requant::{Addition, Average, Product};
use crate::limits::MAX_WINDOW_PX;

/// # Safety
/// No other thread touches this share's rows of the output.
pub(super) unsafe fn quantize(
    rows: &dyn RowOps,
    input: &[f32],
    arena: SharedSlice<i8>,
    output: Buffer,
    scale: f32,
    zero_point: i8,
    share: ThreadShare,
) {
    let planes = [0, 1, 2].map(|channel| {
        let pixels = output.height * output.width;
        &input[channel * pixels..][..pixels]
    });
    for y in share.range(output.height) {
        // SAFETY: a row of this share; the rest is guaranteed by the caller.
        let row =
            unsafe { arena.write(output.offset + y * output.row_bytes(), output.row_bytes()) };
        row.fill(zero_point);
        let row = &mut row[output.border[0] * output.stride..][..output.width * output.stride];
        let values = planes.map(|plane| &plane[y * output.width..][..output.width]);
        rows.quantize(values, scale, zero_point, row);
    }
}

/// # Safety
/// No thread writes to the input, and no other one touches this share's rows of the output.
pub(super) unsafe fn max_pool(
    rows: &dyn RowOps,
    arena: SharedSlice<i8>,
    input: Buffer,
    output: Buffer,
    window: &PoolWindow,
    share: ThreadShare,
) {
    // SAFETY: guaranteed by the caller.
    let source = unsafe { arena.read(input.offset, input.bytes()) };
    // Pixels outside of the picture do not count.
    let span = |position: usize, pad: usize, side: usize| {
        let start = window.stride * position;
        start.saturating_sub(pad)..(start + window.kernel_size - pad).min(side)
    };
    let mut pixels = [&source[..0]; MAX_WINDOW_PX];
    for y in share.range(output.height) {
        for x in 0..output.width {
            // SAFETY: a pixel of this share's rows.
            let pixel = unsafe { arena.write(output.at(y, x), output.stride) };
            pixel.fill(i8::MIN);
            for from_y in span(y, window.pad[0], input.height) {
                let columns = span(x, window.pad[1], input.width);
                let pixels = &mut pixels[..columns.len()];
                for (pixel, from_x) in pixels.iter_mut().zip(columns) {
                    let from = input.at(from_y, from_x) - input.offset;
                    *pixel = &source[from..][..input.stride];
                }
                rows.max_rows(pixel, pixels);
            }
        }
    }
}

/// # Safety
/// No thread writes to the operands, and no other one touches this share's rows of the output.
pub(super) unsafe fn add(
    rows: &dyn RowOps,
    arena: SharedSlice<i8>,
    operands: &[(Buffer, bool); 2],
    addition: &Addition,
    output: Buffer,
    share: ThreadShare,
) {
    for y in share.range(output.height) {
        for x in 0..output.width {
            let [a, b] = operands.map(|(buffer, upsampled)| {
                let half = usize::from(upsampled);
                buffer.at(y >> half, x >> half)
            });
            // SAFETY: a pixel of each operand, and one of this share's rows; an addition's output
            // never shares memory with its operands, which are needed until it is done.
            unsafe {
                let sums = arena.write(output.at(y, x), output.stride);
                rows.add(
                    addition,
                    arena.read(a, output.stride),
                    arena.read(b, output.stride),
                    sums,
                );
            }
        }
    }
}

/// # Safety
/// No thread writes to the input, and no other one touches this share's rows of the output.
pub(super) unsafe fn map(
    arena: SharedSlice<i8>,
    (input, upsampled): (Buffer, bool),
    table: &Table,
    output: Buffer,
    share: ThreadShare,
) {
    let half = usize::from(upsampled);
    for y in share.range(output.height) {
        for x in 0..output.width {
            // SAFETY: a pixel of the input, and one of this share's rows; a map's output never shares memory with
            // its input, which is needed until it is done.
            unsafe {
                let from = arena.read(input.at(y >> half, x >> half), output.stride);
                let to = arena.write(output.at(y, x), output.stride);
                for (to, from) in to.iter_mut().zip(from) {
                    *to = table[usize::from(from.cast_unsigned() ^ 0x80)];
                }
            }
        }
    }
}

/// The second operand may have a single pixel, which is for all.
///
/// # Safety
/// As for [`add`].
pub(super) unsafe fn multiply(
    rows: &dyn RowOps,
    arena: SharedSlice<i8>,
    operands: &[(Buffer, bool); 2],
    product: &Product,
    output: Buffer,
    share: ThreadShare,
) {
    for y in share.range(output.height) {
        for x in 0..output.width {
            let [a, b] = operands.map(|(buffer, upsampled)| {
                let half = usize::from(upsampled);
                let last = [buffer.height - 1, buffer.width - 1];
                buffer.at((y >> half).min(last[0]), (x >> half).min(last[1]))
            });
            // SAFETY: a pixel of each operand, and one of this share's rows, which share no memory.
            unsafe {
                let products = arena.write(output.at(y, x), output.stride);
                rows.multiply(
                    product,
                    arena.read(a, output.stride),
                    arena.read(b, output.stride),
                    products,
                );
            }
        }
    }
}

/// Values whose sums are kept at once.
const LANES: usize = 16;

/// # Safety
/// No thread writes to the input, and no other one touches this share of the output.
pub(super) unsafe fn average(
    arena: SharedSlice<i8>,
    input: Buffer,
    output: Buffer,
    window: &AverageWindow,
    average: &Average,
    share: ThreadShare,
) {
    // SAFETY: guaranteed by the caller.
    let source = unsafe { arena.read(input.offset, input.bytes()) };
    let span = |axis: usize, position: usize, side: usize| {
        let start = window.stride * position;
        let (kernel, pad) = (window.kernel_size[axis], window.pad[axis]);
        start.saturating_sub(pad)..(start + kernel - pad).min(side)
    };
    let blocks = output.stride / LANES;
    // A single pixel is shared by its channels.
    for piece in share.range(output.height * blocks) {
        let (y, first) = (piece / blocks, piece % blocks * LANES);
        let rows = span(0, y, input.height);
        for x in 0..output.width {
            let columns = span(1, x, input.width);
            let mut sums = [0.0_f32; LANES];
            // Columns first, as ONNX Runtime adds up.
            for column in columns.clone() {
                let mut column_sums = [0.0_f32; LANES];
                for row in rows.clone() {
                    let start = input.at(row, column) - input.offset + first;
                    let values = &source[start..][..LANES];
                    for (sum, &value) in column_sums.iter_mut().zip(values) {
                        let level = i32::from(value) - i32::from(average.from_zero);
                        *sum += level as f32 * average.from_scale;
                    }
                }
                let both = sums.iter_mut().zip(column_sums);
                both.for_each(|(sum, column)| *sum += column);
            }
            let count = match window.counts_outside {
                true => window.kernel_size[0] * window.kernel_size[1],
                false => rows.len() * columns.len(),
            };
            // SAFETY: a block of a pixel of this share.
            let to = unsafe { arena.write(output.at(y, x) + first, LANES) };
            for (to, sum) in to.iter_mut().zip(sums) {
                let rounded = (sum / count as f32 / average.scale).round_ties_even();
                let level = rounded + f32::from(average.zero_point);
                *to = level.max(f32::from(average.floor)).min(127.0) as i8;
            }
        }
    }
}

/// # Safety
/// No thread writes to the sources, and no other one touches this share's rows of the output.
pub(super) unsafe fn channels(
    arena: SharedSlice<i8>,
    runs: &[Run],
    output: Buffer,
    share: ThreadShare,
) {
    for y in share.range(output.height) {
        for x in 0..output.width {
            // SAFETY: a pixel of this share's rows, and a part of a pixel of each source, which share no memory.
            unsafe {
                let pixel = arena.write(output.at(y, x), output.stride);
                for run in runs {
                    let from = arena.read(run.source.at(y, x) + run.from, run.bytes);
                    pixel[run.to..][..run.bytes].copy_from_slice(from);
                }
            }
        }
    }
}

/// The plan's float output, [channels][height][width], from its 8-bit one.
pub(super) fn dequantize(plan: &Plan, arena: &[i8], output: &mut [f32]) {
    let buffer = plan.output;
    let pixels = buffer.height * buffer.width;
    let bytes = &arena[buffer.offset..][..buffer.bytes()];
    for (channel, plane) in output.chunks_exact_mut(pixels).enumerate() {
        let pixels = plane.iter_mut().zip(bytes.chunks_exact(buffer.stride));
        match plan.output_reading {
            Reading::Float => {
                let at = channel * size_of::<f32>();
                pixels.for_each(|(value, pixel)| *value = read_float(&pixel[at..]));
            }
            Reading::Quantised { scale, zero_point } => pixels.for_each(|(value, pixel)| {
                let level = i32::from(pixel[channel]) - i32::from(zero_point);
                *value = level as f32 * scale;
            }),
        }
    }
}
