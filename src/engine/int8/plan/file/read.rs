//! Reading the sections: no number in them is trusted.

use crate::engine::int8::ir::float::{FloatOp, FloatWeights};
use crate::engine::int8::ir::{
    AverageWindow, ConvWeights, Graph, Node, Op, Operand, Pick, PoolWindow, QuantParams, Tensor,
    ValueId,
};
use crate::engine::int8::plan::PackedConv;
use crate::engine::int8::plan::conv::Tag;
use crate::limits::{MAX_CHANNELS, MAX_CONV_STEPS, MAX_NODE_NAME_BYTES, MAX_NODES, MAX_SOURCES};
use crate::model::PlanFile;

/// A graph from a file, without weights, and the packed weights of its steps in order.
pub(crate) struct Stored {
    /// N, C, H, W.
    pub input_shape: [usize; 4],
    pub graph: Graph,
    pub packed: Vec<PackedConv>,
}

/// Reads a plan's network. The graph still has to be [checked](Graph::check).
///
/// # Errors
/// The fault of the section.
pub(crate) fn read(file: &PlanFile) -> Result<Stored, String> {
    let mut from = Reader(file.network());
    let stored = read_all(&mut from, file)?;
    if !from.0.is_empty() {
        return Err("has more in its network section than a network".into());
    }
    Ok(stored)
}

const GARBLED: &str = "has a network that is cut off or garbled";

fn read_all(from: &mut Reader<'_>, file: &PlanFile) -> Result<Stored, String> {
    let mut input_shape = [0; 4];
    for side in &mut input_shape {
        *side = from.number().ok_or(GARBLED)?;
    }
    let tensors = from.list(&TENSORS, Reader::tensor)?;
    let nodes = from.list(&NODES, Reader::node)?;
    let output = ValueId(from.number().ok_or(GARBLED)?);
    let packed = from.list(&STEPS, |from| {
        let tag = Tag::of(from.byte()?)?;
        let (start, length) = (from.long()?, from.long()?);
        let weights = file.weights(start..start.checked_add(length)?)?;
        let channels = from.number()?;
        let biases = from.take(channels.checked_mul(4)?)?;
        let multipliers = from.take(channels.checked_mul(4)?)?;
        Some(PackedConv {
            tag,
            weights,
            bias: fours(biases).map(i32::from_le_bytes).collect(),
            multipliers: fours(multipliers).map(f32::from_le_bytes).collect(),
        })
    })?;
    Ok(Stored {
        input_shape,
        graph: Graph {
            tensors,
            nodes,
            output,
        },
        packed,
    })
}

/// A list: the name of its items, their highest count, and the least bytes of one in a file.
struct List {
    items: &'static str,
    max_count: usize,
    min_bytes: usize,
}

const TENSORS: List = List {
    items: "activations",
    max_count: MAX_NODES,
    min_bytes: 18,
};
const NODES: List = List {
    items: "nodes",
    max_count: MAX_NODES,
    min_bytes: 9,
};
const SOURCES: List = List {
    items: "activations of one node",
    max_count: MAX_SOURCES,
    min_bytes: 4,
};
const PICKS: List = List {
    items: "channels of one node",
    max_count: MAX_CHANNELS,
    min_bytes: 4,
};
/// The type of a float activation.
const FLOAT_TYPE: u8 = 2;

const STEPS: List = List {
    items: "convolution steps",
    max_count: MAX_CONV_STEPS,
    min_bytes: 21,
};

fn fours(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes
        .chunks_exact(4)
        .map(|four| [four[0], four[1], four[2], four[3]])
}

/// The rest of a section. Every method gives `None` at its end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    fn long(&mut self) -> Option<u64> {
        self.take(8)?
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// A count and as many items.
    fn list<T>(
        &mut self,
        list: &List,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        let count = self.number().ok_or(GARBLED)?;
        if count > list.max_count {
            return Err(format!(
                "has {count} {}, at most {} are allowed",
                list.items, list.max_count
            ));
        }
        if count > self.0.len() / list.min_bytes {
            return Err(GARBLED.into());
        }
        let items: Option<Vec<T>> = (0..count).map(|_| item(self)).collect();
        items.ok_or_else(|| GARBLED.into())
    }

    fn tensor(&mut self) -> Option<Tensor> {
        let [channels, height, width] = [self.number()?, self.number()?, self.number()?];
        let (scale, zero_point) = (self.float()?, self.byte()?.cast_signed());
        let kind = self.byte().filter(|&kind| kind <= FLOAT_TYPE)?;
        Some(Tensor {
            channels,
            height,
            width,
            quant: QuantParams {
                scale,
                zero_point,
                unsigned: kind == 1,
            },
            is_float: kind == FLOAT_TYPE,
        })
    }

    fn node(&mut self) -> Option<Node> {
        let length = self
            .number()
            .filter(|&length| length <= MAX_NODE_NAME_BYTES)?;
        let name = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        let op = match self.byte()? {
            0 => Op::Quantize,
            kind @ (1 | 2 | 6 | 7 | 13) => {
                let input = ValueId(self.number()?);
                let floor = self.byte()?.cast_signed();
                let mut weights = self.conv_weights()?;
                if kind > 2 {
                    weights.terms = self.byte()?.into();
                }
                match kind {
                    1 | 6 => Op::Conv {
                        input,
                        weights,
                        floor,
                    },
                    13 => Op::Depthwise {
                        input,
                        weights,
                        floor,
                    },
                    _ => Op::ConvTranspose {
                        input,
                        weights,
                        floor,
                    },
                }
            }
            3 => Op::MaxPool {
                input: ValueId(self.number()?),
                window: self.pool_window()?,
            },
            4 => Op::Add {
                operands: [self.operand()?, self.operand()?],
                floor: self.byte()?.cast_signed(),
            },
            5 => Op::Map {
                input: self.operand()?,
                table: Box::new(self.take(256)?.first_chunk::<256>()?.map(u8::cast_signed)),
            },
            kind @ (8..=12 | 17..=19) => Op::Float {
                op: self.float_op(kind)?,
                range: [self.float()?, self.float()?],
            },
            14 => Op::Average {
                input: ValueId(self.number()?),
                window: self.average_window()?,
                floor: self.byte()?.cast_signed(),
            },
            15 => Op::Multiply {
                operands: [self.operand()?, self.operand()?],
                floor: self.byte()?.cast_signed(),
            },
            16 => Op::Channels {
                sources: self
                    .list(&SOURCES, |from| from.number().map(ValueId))
                    .ok()?,
                picks: self.list(&PICKS, Reader::pick).ok()?,
            },
            _ => return None,
        };
        Some(Node {
            name,
            op,
            output: ValueId(self.number()?),
        })
    }

    fn float_op(&mut self, kind: u8) -> Option<FloatOp> {
        if kind == 8 {
            return Some(FloatOp::Input);
        }
        if kind == 12 {
            let count = self.byte()?;
            let first = self.operand()?;
            return match count {
                1 => Some(FloatOp::Sum(first, None)),
                2 => Some(FloatOp::Sum(first, Some(self.operand()?))),
                _ => None,
            };
        }
        if kind == 18 {
            return Some(FloatOp::Product(self.operand()?, self.operand()?));
        }
        if kind == 19 {
            let operand = self.operand()?;
            let mut levels = Box::new([0.0; 256]);
            for level in levels.iter_mut() {
                *level = self.float()?;
            }
            return Some(FloatOp::Levels(operand, levels));
        }
        let input = ValueId(self.number()?);
        if kind == 17 {
            let window = self.average_window()?;
            return Some(FloatOp::Average { input, window });
        }
        if kind == 11 {
            let window = self.pool_window()?;
            return Some(FloatOp::MaxPool { input, window });
        }
        let weights = FloatWeights {
            window: self.conv_weights()?,
            values: Vec::new(),
            bias: Vec::new(),
        };
        Some(match kind {
            9 => FloatOp::Conv { input, weights },
            _ => FloatOp::ConvTranspose { input, weights },
        })
    }

    fn pick(&mut self) -> Option<Pick> {
        let half = |from: &mut Self| Some(u16::from_le_bytes(*from.take(2)?.first_chunk()?));
        Some(Pick {
            source: half(self)?,
            channel: half(self)?,
        })
    }

    fn pool_window(&mut self) -> Option<PoolWindow> {
        Some(PoolWindow {
            kernel_size: self.number()?,
            stride: self.number()?,
            pad: [self.number()?, self.number()?],
        })
    }

    fn average_window(&mut self) -> Option<AverageWindow> {
        Some(AverageWindow {
            kernel_size: [self.number()?, self.number()?],
            stride: self.number()?,
            pad: [self.number()?, self.number()?],
            counts_outside: self.flag()?,
        })
    }

    fn float(&mut self) -> Option<f32> {
        Some(f32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn operand(&mut self) -> Option<Operand> {
        Some(Operand {
            tensor: ValueId(self.number()?),
            upsampled: self.flag()?,
        })
    }

    /// Its numbers; the weights are with the steps.
    fn conv_weights(&mut self) -> Option<ConvWeights> {
        Some(ConvWeights {
            values: Vec::new(),
            terms: 1,
            bias: Vec::new(),
            scales: Vec::new(),
            in_channels: self.number()?,
            out_channels: self.number()?,
            kernel_size: [self.number()?, self.number()?],
            stride: self.number()?,
            pad: [self.number()?, self.number()?],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PLAN_VERSION, assemble_plan};

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    fn refusal(network: &[u8]) -> String {
        let bytes = assemble_plan(PLAN_VERSION, b"", "portable", network, &[]).unwrap();
        let file = PlanFile::from_bytes(&bytes).unwrap();
        read(&file).err().expect("it is refused")
    }

    #[test]
    fn a_count_is_compared_with_its_limit_before_the_list_is_read() {
        let empty = [numbers(&[0]), vec![0], numbers(&[0])].concat();
        let count = 1_000_000;
        let head = numbers(&[1, 3, 8, 8, 0, count]);
        let file = [head, empty.repeat(count as usize)].concat();
        assert_eq!(
            refusal(&file),
            "has 1000000 nodes, at most 4096 are allowed"
        );
    }

    #[test]
    fn a_count_is_compared_with_the_bytes_that_are_left() {
        let file = numbers(&[1, 3, 8, 8, 4096, 0, 0, 0, 0]);
        assert_eq!(refusal(&file), GARBLED);
    }
}
