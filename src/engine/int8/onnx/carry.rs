//! tract reads and checks the graph; these operators carry each ONNX node through it unchanged.
//!
//! tract's own quantised operators lower to float arithmetic, or fold weights to float. So for each
//! operator of the importer, tract's builder still infers and checks types and shapes, but the typed
//! graph gets one opaque node with the ONNX node's inputs and attributes: an [`OpaqueNode`].

use std::sync::Arc;
use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModel, InferenceNode, InferenceOp};
use tract_onnx::tract_hir::internal::*;

/// Operators that exporters compute shapes with: what they make of constants is constant.
const COMPUTE_SHAPES: [&str; 10] = [
    "Add",
    "Cast",
    "Concat",
    "Div",
    "Identity",
    "Mul",
    "Reshape",
    "Slice",
    "Sub",
    "Transpose",
];

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Builds an [`OpaqueNode`] in place of tract's own operator.
pub(super) fn build_known(context: &ParsingContext, node: &NodeProto) -> Built {
    let mut originals = OnnxOpRegister::default();
    tract_onnx::ops::register_all_ops(&mut originals);
    let builder = originals
        .0
        .get(&node.op_type)
        .with_context(|| format!("no operator {}", node.op_type))?;
    ensure!(
        node.output.len() == 1 || node.op_type == "Split",
        "{} has several outputs",
        node.name
    );
    let (rules, closures) = builder(context, node)?;
    ensure!(closures.is_empty(), "{} has an inner graph", node.name);
    Ok((Box::new(Carrier::new(rules, node)), closures))
}

/// A node of the typed graph: an ONNX node that is not interpreted yet.
#[derive(Debug, Clone)]
pub(super) struct OpaqueNode {
    pub node: Arc<NodeProto>,
    facts: TVec<TypedFact>,
}

impl PartialEq for OpaqueNode {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Eq for OpaqueNode {}

impl Op for OpaqueNode {
    fn name(&self) -> StaticName {
        "OpaqueNode".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OpaqueNode {
    not_out_of_plan!();
}

impl TypedOp for OpaqueNode {
    as_op!();

    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.facts.clone())
    }
}

/// The node while types and shapes are inferred: tract's rules, and the ONNX node.
#[derive(Debug, Clone)]
struct Carrier {
    rules: Box<dyn InferenceOp>,
    node: Arc<NodeProto>,
}

impl Carrier {
    fn new(rules: Box<dyn InferenceOp>, node: &NodeProto) -> Self {
        Carrier {
            rules,
            node: Arc::new(node.clone()),
        }
    }
}

impl PartialEq for Carrier {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Eq for Carrier {}

impl Op for Carrier {
    fn name(&self) -> StaticName {
        "Carrier".into()
    }

    not_a_typed_op!();
}

impl EvalOp for Carrier {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        match COMPUTE_SHAPES.contains(&self.node.op_type.as_str()) {
            true => self.rules.eval_out_of_plan(inputs),
            false => Ok(None),
        }
    }
}

impl InferenceOp for Carrier {
    as_op!();

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(
        TVec<InferenceFact>,
        TVec<InferenceFact>,
        TVec<InferenceFact>,
    )> {
        self.rules.infer_facts(inputs, outputs, observed)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.rules.nboutputs()
    }

    fn to_typed(
        &self,
        _source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let inputs: TVec<OutletId> = node.inputs.iter().map(|input| mapping[input]).collect();
        let facts = node
            .outputs
            .iter()
            .map(|output| TypedFact::try_from(&output.fact));
        let op = OpaqueNode {
            node: Arc::clone(&self.node),
            facts: facts.collect::<TractResult<_>>()?,
        };
        target.wire_node(&node.name, op, &inputs)
    }
}
