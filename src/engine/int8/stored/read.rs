//! Reading the sections: nothing in them is trusted.

use super::LONGEST_NAME;
use crate::engine::int8::check::{MAX_OPERATIONS, MAX_STEPS};
use crate::engine::int8::ir::{
    Action, Filter, Network, Operand, Operation, PoolWindow, Quant, Tensor, TensorId,
};
use crate::engine::int8::pack::{Coefficients, Tag};
use crate::model::PlanFile;

/// A network from a file, and its steps' coefficients in order.
pub(in super::super) struct Stored {
    pub input_shape: [usize; 4],
    pub network: Network,
    pub coefficients: Vec<Coefficients>,
}

/// Reads a plan's network. What it describes has yet to be [checked](Network::check).
///
/// # Errors
/// What is wrong with the section.
pub(in super::super) fn read(file: &PlanFile) -> Result<Stored, String> {
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
    let operations = from.list(&OPERATIONS, Reader::operation)?;
    let output = TensorId(from.number().ok_or(GARBLED)?);
    let coefficients = from.list(&STEPS, |from| {
        let tag = Tag::of(from.byte()?)?;
        let (start, length) = (from.long()?, from.long()?);
        let weights = file.weights(start..start.checked_add(length)?)?;
        let channels = from.number()?;
        let biases = from.take(channels.checked_mul(4)?)?;
        let multipliers = from.take(channels.checked_mul(4)?)?;
        Some(Coefficients {
            tag,
            weights,
            bias: fours(biases).map(i32::from_le_bytes).collect(),
            multipliers: fours(multipliers).map(f32::from_le_bytes).collect(),
        })
    })?;
    Ok(Stored {
        input_shape,
        network: Network {
            tensors,
            operations,
            output,
        },
        coefficients,
    })
}

/// What a list holds, how many of them at most, and the least bytes of one in a file.
struct List {
    items: &'static str,
    max_count: usize,
    min_bytes: usize,
}

const TENSORS: List = List {
    items: "activations",
    max_count: MAX_OPERATIONS,
    min_bytes: 18,
};
const OPERATIONS: List = List {
    items: "operations",
    max_count: MAX_OPERATIONS,
    min_bytes: 9,
};
const STEPS: List = List {
    items: "convolution steps",
    max_count: MAX_STEPS,
    min_bytes: 21,
};

fn fours(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes
        .chunks_exact(4)
        .map(|four| [four[0], four[1], four[2], four[3]])
}

/// What is left of a section. Everything is `None` at its end.
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
        Some(Tensor {
            channels: self.number()?,
            height: self.number()?,
            width: self.number()?,
            quant: Quant {
                scale: f32::from_le_bytes(*self.take(4)?.first_chunk()?),
                zero_point: self.byte()?.cast_signed(),
                unsigned: self.flag()?,
            },
        })
    }

    fn operation(&mut self) -> Option<Operation> {
        let length = self.number().filter(|&length| length <= LONGEST_NAME)?;
        let name = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        let action = match self.byte()? {
            0 => Action::Quantize,
            kind @ (1 | 2) => {
                let input = TensorId(self.number()?);
                let floor = self.byte()?.cast_signed();
                let filter = self.filter()?;
                match kind {
                    1 => Action::Conv {
                        input,
                        filter,
                        floor,
                    },
                    _ => Action::Deconv {
                        input,
                        filter,
                        floor,
                    },
                }
            }
            3 => Action::MaxPool {
                input: TensorId(self.number()?),
                window: PoolWindow {
                    kernel: self.number()?,
                    stride: self.number()?,
                    pad: [self.number()?, self.number()?],
                },
            },
            4 => Action::Add {
                operands: [self.operand()?, self.operand()?],
                floor: self.byte()?.cast_signed(),
            },
            _ => return None,
        };
        Some(Operation {
            name,
            action,
            output: TensorId(self.number()?),
        })
    }

    fn operand(&mut self) -> Option<Operand> {
        Some(Operand {
            tensor: TensorId(self.number()?),
            upsampled: self.flag()?,
        })
    }

    /// Its numbers; the weights are in the coefficients.
    fn filter(&mut self) -> Option<Filter> {
        Some(Filter {
            weights: Vec::new(),
            bias: Vec::new(),
            scales: Vec::new(),
            inputs: self.number()?,
            outputs: self.number()?,
            kernel: [self.number()?, self.number()?],
            stride: self.number()?,
            pad: [self.number()?, self.number()?],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::assemble_plan;

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    fn refusal(network: &[u8]) -> String {
        let bytes = assemble_plan(b"", "portable", network, &[]).unwrap();
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
            "has 1000000 operations, at most 4096 are allowed"
        );
    }

    #[test]
    fn a_count_is_compared_with_the_bytes_that_are_left() {
        let file = numbers(&[1, 3, 8, 8, 4096, 0, 0, 0, 0]);
        assert_eq!(refusal(&file), GARBLED);
    }
}
