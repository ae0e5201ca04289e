//! Whether Winograd's method is faster than the direct one, by the price of the family or of a core.

use crate::engine::int8::cores::Core;
use crate::engine::int8::family::Price;
use crate::engine::int8::plan::winograd::{WinogradConv, tiles};

/// Tiles of a pass on a core that nothing is known of.
const PASS: usize = 96;

/// Whether it costs less than a product for each tap, output pixel, input and output channel.
/// `channels` are those of the input, padded, and of the output.
pub(super) fn pays(
    conv: &WinogradConv,
    grid: [usize; 2],
    channels: [usize; 2],
    core: Option<&Core>,
) -> bool {
    let [k, output_bytes] = channels;
    let together = core.map_or(PASS, |core| {
        conv.pass(k, output_bytes, core.cache.cores).tiles
    });
    let [inputs, outputs] = channels.map(|count| count as f32);
    let Price {
        product_macs,
        input_macs,
        weight_macs,
        output_macs,
    } = conv.shape.price;
    let product_macs = core
        .and_then(|core| core.product_macs)
        .unwrap_or(product_macs);
    let tiles = tiles(grid);
    let multiplied = tiles * conv.form.positions();
    let transforms = tiles.div_ceil(together) as f32;
    let cost = inputs * outputs * (multiplied as f32 * product_macs + transforms * weight_macs)
        + tiles as f32 * (inputs * input_macs + outputs * output_macs);
    let taps = conv.form.taps() * conv.form.taps();
    cost < inputs * outputs * (taps * grid[0] * grid[1]) as f32
}
