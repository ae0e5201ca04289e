//! Operations for functions of 8-bit values.

use super::import::{Importer, UNBOUNDED};
use super::levels::{Mapped, table};
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{Op, Operand, QuantParams, Table, Tensor};

impl Importer {
    /// An activation through a table.
    pub(super) fn emit_map(
        &mut self,
        name: &str,
        input: Operand,
        table: Table,
        quant: QuantParams,
    ) -> Result<Operand, String> {
        let tensor = self.graph.tensor(input.tensor);
        let &Tensor {
            channels,
            height,
            width,
            ..
        } = tensor;
        let times = 1 + usize::from(input.upsampled);
        let shape = [1, channels, times * height, times * width];
        let table = Box::new(table);
        self.emit_shaped(shape, name, Op::Map { input, table }, quant)
    }

    /// A mapped activation with this scale and zero point. It is mapped before it is upsampled.
    pub(super) fn emit_mapped(
        &mut self,
        name: &str,
        mapped: &Mapped,
        quant: QuantParams,
    ) -> Result<Operand, String> {
        self.emit_before_upsampling(name, mapped.operand, mapped.rounded(quant), quant)
    }

    /// A mapped activation with the scale that it has, or in float if that does not hold its values.
    pub(super) fn emit_exact(&mut self, name: &str, mapped: &Mapped) -> Result<Operand, String> {
        let tensor = self.graph.tensor(mapped.operand.tensor);
        let quant = tensor.quant;
        let Some(table) = mapped.exact(quant) else {
            let shape = [1, tensor.channels, tensor.height, tensor.width];
            let small = Operand {
                upsampled: false,
                ..mapped.operand
            };
            let op = Op::Float {
                op: FloatOp::Levels(small, mapped.levels.clone()),
                range: UNBOUNDED,
            };
            let float = self.emit_tensor(shape, name, op, None)?;
            return Ok(Operand {
                upsampled: mapped.operand.upsampled,
                ..float
            });
        };
        self.emit_before_upsampling(name, mapped.operand, table, quant)
    }

    fn emit_before_upsampling(
        &mut self,
        name: &str,
        operand: Operand,
        table: Table,
        quant: QuantParams,
    ) -> Result<Operand, String> {
        let small = Operand {
            upsampled: false,
            ..operand
        };
        let mapped = self.emit_map(name, small, table, quant)?;
        Ok(Operand {
            upsampled: operand.upsampled,
            ..mapped
        })
    }

    /// An 8-bit activation brought into a range of its own type's integers.
    pub(super) fn clip_levels(
        &mut self,
        name: &str,
        operand: Operand,
        range: [i32; 2],
    ) -> Result<Operand, String> {
        let tensor = self.graph.tensor(operand.tensor);
        if tensor.is_float {
            return Err("clips a float value as an 8-bit one".into());
        }
        let quant = tensor.quant;
        let clip = |value: i8| quant.clipped(value, range);
        if [i8::MIN, i8::MAX].map(clip) == [i8::MIN, i8::MAX] {
            return Ok(operand);
        }
        self.emit_before_upsampling(name, operand, table(clip), quant)
    }

    /// The same activation, not upsampled as it is read.
    pub(super) fn plain(&mut self, name: &str, operand: Operand) -> Result<Operand, String> {
        if !operand.upsampled {
            return Ok(operand);
        }
        let tensor = self.graph.tensor(operand.tensor);
        if tensor.is_float {
            let shape = [1, tensor.channels, 2 * tensor.height, 2 * tensor.width];
            let op = Op::Float {
                op: FloatOp::Sum(operand, None),
                range: UNBOUNDED,
            };
            return self.emit_tensor(shape, name, op, None);
        }
        let quant = tensor.quant;
        self.emit_map(name, operand, table(|value| value), quant)
    }

    /// An activation with an upper bound.
    pub(super) fn at_most(
        &mut self,
        name: &str,
        operand: Operand,
        bound: i8,
    ) -> Result<Operand, String> {
        if bound == i8::MAX {
            return Ok(operand);
        }
        let quant = self.graph.tensor(operand.tensor).quant;
        self.emit_map(name, operand, table(|value| value.min(bound)), quant)
    }
}
