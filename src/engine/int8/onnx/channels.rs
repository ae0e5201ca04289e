//! Concat, Split and Slice along the channels, and the Reshapes and the Transpose of a channel shuffle. All of them are
//! lists of channels until an operator reads their values.

use super::attributes::Attributes;
use super::import::{Importer, UNBOUNDED};
use super::levels::Mapped;
use super::value::{Joined, Value};
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{Op, Operand, Pick, QuantParams, ValueId};
use crate::limits::{MAX_CHANNELS, MAX_SOURCES};
use std::collections::HashMap;
use std::ops::Range;
use tract_core::internal::TypedNode;

/// The axis of the channels.
const AXIS: i64 = 1;

const OTHER_AXIS: &str = "works along another axis than the channels";

impl Importer {
    pub(super) fn concat(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        if !is_channels(attributes.int("axis").unwrap_or(AXIS)) {
            return Err(OTHER_AXIS.into());
        }
        let mut parts = Vec::new();
        for input in 0..node.inputs.len() {
            parts.push(self.joined(node, input)?);
        }
        let all_read = parts.iter().all(|part| part.dequantised);
        let none_read = parts.iter().all(|part| !part.dequantised);
        let mut channels = Vec::new();
        for mut part in parts.iter().cloned() {
            // Float values and readings of 8-bit ones: all become float.
            if part.dequantised && !all_read {
                self.each_source(&mut part.channels, |importer, source| {
                    importer.as_float(&node.name, source)
                })?;
            }
            channels.append(&mut part.channels);
        }
        if none_read && !all_read && !self.have_one_scale(&channels) {
            return Err("joins 8-bit values of different scales".into());
        }
        let size = parts.first().map_or([0, 0], |part| part.size);
        if channels.len() > MAX_CHANNELS || parts.iter().any(|part| part.size != size) {
            return Err("joins activations that do not fit".into());
        }
        Ok(Value::Joined(Joined {
            axes: vec![channels.len()],
            channels,
            size,
            dequantised: all_read,
        }))
    }

    /// A value for each output. The sizes are an input from opset 13 on, or all are the same.
    pub(super) fn split(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Vec<Value>, String> {
        if !is_channels(attributes.int("axis").unwrap_or(0)) {
            return Err(OTHER_AXIS.into());
        }
        let whole = self.joined(node, 0)?;
        let outputs = node.outputs.len();
        let sizes: Vec<i64> = match node.inputs.get(1) {
            Some(_) => {
                let sizes = self.constant(node, 1)?.integers()?;
                sizes.into_iter().map(i64::from).collect()
            }
            None => match attributes.ints("split") {
                [] => {
                    let each = whole.channels.len().div_ceil(outputs) as i64;
                    let mut sizes = vec![each; outputs];
                    sizes[outputs - 1] = whole.channels.len() as i64 - each * (outputs as i64 - 1);
                    sizes
                }
                sizes => sizes.to_vec(),
            },
        };
        let mut values = Vec::new();
        let mut start = 0_usize;
        for size in sizes {
            let end = usize::try_from(size)
                .ok()
                .and_then(|size| start.checked_add(size));
            let end = end.filter(|&end| end > start && end <= whole.channels.len());
            let end = end.ok_or("has sizes that do not fit its input")?;
            values.push(whole.part(start..end));
            start = end;
        }
        match values.len() == outputs && start == whole.channels.len() {
            true => Ok(values),
            false => Err("has sizes that do not fit its input".into()),
        }
    }

    /// Inputs: the value, starts, ends, axes and perhaps steps.
    pub(super) fn slice(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let list = |input: usize, name: &str| -> Result<Option<Vec<i64>>, String> {
            if attributes.has_input(input) {
                let numbers = self.constant(node, input)?.wide_integers()?;
                return Ok(Some(numbers));
            }
            Ok(Some(attributes.ints(name).to_vec()).filter(|list| !list.is_empty()))
        };
        let one = |list: Option<Vec<i64>>| match list.as_deref() {
            Some(&[number]) => Ok(number),
            _ => Err("cuts along several axes"),
        };
        let (start, end) = (one(list(1, "starts")?)?, one(list(2, "ends")?)?);
        let axis = one(Some(list(3, "axes")?.unwrap_or(vec![0])))?;
        let step = one(Some(list(4, "steps")?.unwrap_or(vec![1])))?;
        if !is_channels(axis) || step != 1 {
            return Err(OTHER_AXIS.into());
        }
        let whole = self.joined(node, 0)?;
        let count = whole.channels.len() as i64;
        let place = |place: i64| {
            let positive = if place < 0 {
                place.saturating_add(count)
            } else {
                place
            };
            positive.clamp(0, count) as usize
        };
        match (place(start), place(end)) {
            (start, end) if start < end => Ok(whole.part(start..end)),
            _ => Err("cuts out nothing".into()),
        }
    }

    /// Of the channels alone: to several axes or back.
    pub(super) fn reshape(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let joined = self.joined(node, 0)?;
        let shape = node.outputs[0].fact.shape.as_concrete();
        let inner = shape.and_then(|shape| shape.strip_prefix(&[1]));
        let inner = inner.and_then(|inner| inner.strip_suffix(&joined.size));
        match inner {
            Some(axes) if axes.iter().product::<usize>() == joined.channels.len() => {
                Ok(Value::Joined(Joined {
                    axes: axes.to_vec(),
                    ..joined
                }))
            }
            _ => Err("reshapes more than the channels".into()),
        }
    }

    /// Of the channels' axes alone.
    pub(super) fn transpose(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let joined = self.joined(node, 0)?;
        let rank = joined.axes.len() as i64;
        let order: Vec<usize> = match attributes.ints("perm") {
            [0, inner @ .., rows, columns]
                if [*rows, *columns] == [rank + 1, rank + 2]
                    && inner.len() as i64 == rank
                    && (1..=rank).all(|axis| inner.contains(&axis)) =>
            {
                inner.iter().map(|&axis| axis as usize - 1).collect()
            }
            other => return Err(format!("has the order {other:?}")),
        };
        let axes: Vec<usize> = order.iter().map(|&axis| joined.axes[axis]).collect();
        let mut strides = vec![1; joined.axes.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = strides[axis] * joined.axes[axis];
        }
        let place = |mut index: usize| {
            let mut from = 0;
            for (&axis, &count) in order.iter().zip(&axes).rev() {
                from += index % count * strides[axis];
                index /= count;
            }
            joined.channels[from]
        };
        Ok(Value::Joined(Joined {
            channels: (0..joined.channels.len()).map(place).collect(),
            axes,
            ..joined
        }))
    }

    /// Any activation as a list of its channels.
    fn joined(&mut self, node: &TypedNode, input: usize) -> Result<Joined, String> {
        let value = self.value(node, input)?.clone();
        let dequantised = match value {
            Value::Joined(joined) => return Ok(joined),
            Value::Dequantised(_) | Value::Mapped(_) => true,
            _ => false,
        };
        let source = self.activation(node, input)?;
        let tensor = self.graph.tensor(source);
        Ok(Joined {
            channels: (0..tensor.channels)
                .map(|channel| (source, channel as u16))
                .collect(),
            axes: vec![tensor.channels],
            size: [tensor.height, tensor.width],
            dequantised: dequantised && !tensor.is_float,
        })
    }

    /// The channels as one activation: of one scale, or float.
    pub(super) fn gather(&mut self, name: &str, joined: &Joined) -> Result<Operand, String> {
        if joined.axes.len() > 1 {
            return Err("reads channels along several axes".into());
        }
        let mut channels = joined.channels.clone();
        if !self.have_one_scale(&channels) {
            self.each_source(&mut channels, |importer, source| {
                importer.as_float(name, source)
            })?;
        }
        let (first, _) = *channels.first().ok_or("has no channels")?;
        let tensor = self.graph.tensor(first).clone();
        let in_order = channels
            .iter()
            .enumerate()
            .all(|(index, &channel)| channel == (first, index as u16));
        if in_order && channels.len() == tensor.channels {
            return Ok(whole(first));
        }
        let mut sources: Vec<ValueId> = Vec::new();
        let mut picks = Vec::new();
        for &(source, channel) in &channels {
            let place = sources.iter().position(|&other| other == source);
            let place = place.unwrap_or_else(|| {
                sources.push(source);
                sources.len() - 1
            });
            if sources.len() > MAX_SOURCES {
                return Err(format!("joins more than {MAX_SOURCES} activations"));
            }
            picks.push(Pick {
                source: place as u16,
                channel,
            });
        }
        let shape = [1, channels.len(), joined.size[0], joined.size[1]];
        let quant = (!tensor.is_float).then_some(tensor.quant);
        self.emit_tensor(shape, name, Op::Channels { sources, picks }, quant)
    }

    /// Each activation of the list with this scale and zero point.
    pub(super) fn round_joined(
        &mut self,
        name: &str,
        mut joined: Joined,
        quant: QuantParams,
    ) -> Result<Joined, String> {
        self.each_source(&mut joined.channels, |importer, source| {
            importer.rounded(name, source, quant)
        })?;
        joined.dequantised = false;
        Ok(joined)
    }

    /// Changes each activation of a list once.
    fn each_source(
        &mut self,
        channels: &mut [(ValueId, u16)],
        mut change: impl FnMut(&mut Self, ValueId) -> Result<ValueId, String>,
    ) -> Result<(), String> {
        let mut known: HashMap<ValueId, ValueId> = HashMap::new();
        for (source, _) in channels {
            let to = match known.get(source) {
                Some(&to) => to,
                None => change(self, *source)?,
            };
            known.insert(*source, to);
            *source = to;
        }
        Ok(())
    }

    fn have_one_scale(&self, channels: &[(ValueId, u16)]) -> bool {
        let tensors = channels
            .iter()
            .map(|(source, _)| self.graph.tensor(*source));
        let mut kinds = tensors.map(|tensor| (tensor.is_float, tensor.quant));
        let first = kinds.next();
        kinds.all(|kind| Some(kind) == first)
    }

    fn rounded(
        &mut self,
        name: &str,
        source: ValueId,
        quant: QuantParams,
    ) -> Result<ValueId, String> {
        let tensor = self.graph.tensor(source).clone();
        if tensor.is_float {
            let op = Op::Float {
                op: FloatOp::Sum(whole(source), None),
                range: UNBOUNDED,
            };
            let shape = [1, tensor.channels, tensor.height, tensor.width];
            return Ok(self.emit_shaped(shape, name, op, quant)?.tensor);
        }
        if tensor.quant == quant {
            return Ok(source);
        }
        let reading = Mapped::reading(whole(source), tensor.quant);
        Ok(self.emit_mapped(name, &reading, quant)?.tensor)
    }

    /// The float reading of an 8-bit activation, or a float one as it is.
    fn as_float(&mut self, name: &str, source: ValueId) -> Result<ValueId, String> {
        let tensor = self.graph.tensor(source).clone();
        if tensor.is_float {
            return Ok(source);
        }
        let op = Op::Float {
            op: FloatOp::Sum(whole(source), None),
            range: UNBOUNDED,
        };
        let shape = [1, tensor.channels, tensor.height, tensor.width];
        Ok(self.emit_tensor(shape, name, op, None)?.tensor)
    }
}

fn is_channels(axis: i64) -> bool {
    // Of four axes.
    axis == AXIS || axis == AXIS - 4
}

fn whole(tensor: ValueId) -> Operand {
    Operand {
        tensor,
        upsampled: false,
    }
}

impl Joined {
    fn part(&self, range: Range<usize>) -> Value {
        Value::Joined(Joined {
            axes: vec![range.len()],
            channels: self.channels[range].to_vec(),
            ..*self
        })
    }
}
