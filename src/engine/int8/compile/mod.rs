//! Packed weights of each step, from a graph and its outline, for one family of any processor.
//!
//! In: [`ir::Graph`](super::ir::Graph) with weights [out][kh][kw][in]. Out: one [`PackedConv`] a step, in
//! memory of its own. Calls no kernel.

mod depthwise;
mod float;
mod winograd;

use super::cores::{self, Core};
use super::family::Family;
use super::ir::{ConvWeights, Graph, Misfit, Op, QuantParams};
use super::plan::conv::{ConvOutline, Method, Tag};
use super::plan::{Outline, PackedConv, StepOutline};

/// Chooses a method for each convolution step, and packs its weights. Without a core the choice is that for any of the
/// family.
///
/// # Errors
/// The node that has no method.
pub(crate) fn compile(
    outline: &Outline<'_>,
    family: &Family,
    core: Option<&Core>,
) -> Result<Vec<PackedConv>, Misfit> {
    let cache = core.map_or(cores::UNKNOWN, |core| core.cache);
    let packed = outline.weighted().map(|step| {
        let conv = match step {
            StepOutline::Conv(conv) => conv,
            StepOutline::Node(index) | StepOutline::Packed(index) => {
                let node = &outline.graph.nodes[*index];
                return float::pack(&node.op)
                    .or_else(|| depthwise::pack(outline.graph, node))
                    .ok_or_else(|| Misfit::at(&node.name, "has no weights"));
            }
        };
        let node = &outline.graph.nodes[conv.node];
        let step = Step::new(outline.graph, conv, family);
        let tag = step.choose(core);
        let method = conv
            .method(tag, family, cache)
            .ok_or_else(|| Misfit::at(&node.name, "has no method on this family"))?;
        Ok(step.pack(tag, &method))
    });
    packed.collect()
}

/// A step, and the numbers that its weights are packed with.
struct Step<'a> {
    conv: &'a ConvOutline,
    weights: &'a ConvWeights,
    input: QuantParams,
    output: QuantParams,
    family: &'a Family,
}

impl<'a> Step<'a> {
    fn new(graph: &'a Graph, conv: &'a ConvOutline, family: &'a Family) -> Self {
        let node = &graph.nodes[conv.node];
        let (Op::Conv { weights, .. } | Op::ConvTranspose { weights, .. }) = &node.op else {
            unreachable!("the outline of a convolution");
        };
        Step {
            conv,
            weights,
            input: graph.tensor(conv.input).quant,
            output: graph.tensor(node.output).quant,
            family,
        }
    }

    /// Winograd's method where it applies, is exact and is faster; else the direct one.
    fn choose(&self, core: Option<&Core>) -> Tag {
        let cache = core.map_or(cores::UNKNOWN, |core| core.cache);
        if let Some(Method::Winograd(method)) = self.conv.method(Tag::Winograd, self.family, cache)
        {
            let channels = [self.conv.tap_bytes, self.weights.out_channels];
            if winograd::pays(&method, self.conv.grid.pixels, channels, core)
                && self.max_sum() <= method.form.max_exact_sum()
            {
                return Tag::Winograd;
            }
        }
        match self.family.avoids_minus_128 && self.weights.values.contains(&i8::MIN) {
            true => Tag::DirectExact,
            false => Tag::Direct,
        }
    }

    /// The largest sum that any inputs give.
    fn max_sum(&self) -> i64 {
        let sum = |o: usize| {
            let taps = self.conv.taps.iter();
            let weights = taps.flat_map(|(_, tap)| self.line(o, *tap, self.weights.in_channels));
            128 * weights.map(|weight| i64::from(*weight).abs()).sum::<i64>()
        };
        (0..self.weights.out_channels).map(sum).max().unwrap_or(0)
    }

    fn pack(&self, tag: Tag, method: &Method) -> PackedConv {
        let outputs = self.weights.out_channels;
        let tap_bytes = self.conv.tap_bytes;
        let (nr, length) = (method.block(self.family), self.conv.line_bytes(method));
        let padded = outputs.next_multiple_of(nr);
        let mut weights = Vec::with_capacity(padded * length);
        let mut bias = vec![0; padded];
        let mut multipliers = vec![0.0; padded];
        let offset = match method {
            Method::Direct { .. } => self.family.input_offset,
            Method::Winograd(_) => 0,
        };
        // Every weight of a channel is multiplied with this besides the values themselves.
        let shift = i32::from(self.input.zero_point) + offset;
        let mut block = vec![0_i8; nr * length];
        for first in (0..padded).step_by(nr) {
            block.fill(0);
            for (line, o) in block.chunks_exact_mut(length).zip(first..outputs) {
                let mut sum = 0_i32;
                for (part, (_, tap)) in line.chunks_exact_mut(tap_bytes).zip(&self.conv.taps) {
                    let source = self.line(o, *tap, self.conv.tap_values);
                    part[..source.len()].copy_from_slice(source);
                    sum += source.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                }
                bias[o] = self.weights.bias[o].wrapping_sub(shift.wrapping_mul(sum));
                multipliers[o] = self.input.scale * self.weights.scales[o] / self.output.scale;
            }
            match method {
                Method::Direct { k, .. } => self.family.order.pack(&block, *k, &mut weights),
                Method::Winograd(method) => {
                    for tap in 0..self.conv.taps.len() {
                        let lines = block.chunks_exact(length);
                        let one: Vec<i8> = lines
                            .flat_map(|line| &line[tap * tap_bytes..][..tap_bytes])
                            .copied()
                            .collect();
                        method.shape.order().pack(&one, tap_bytes, &mut weights);
                    }
                }
            }
        }
        PackedConv {
            tag,
            weights: weights.into(),
            bias,
            multipliers,
        }
    }

    /// `count` weights of one output channel, from a tap on.
    fn line(&self, output: usize, [y, x]: [usize; 2], count: usize) -> &'a [i8] {
        let [height, width] = self.weights.kernel_size;
        let height = height * self.weights.terms;
        let at = ((output * height + y) * width + x) * self.weights.in_channels;
        &self.weights.values[at..at + count]
    }
}
