"""A QDQ network -> QOperator form with the same levels, scales and zero points.

In: a ModelProto in which every operator is between DequantizeLinear and QuantizeLinear. The
quantiser's own QOperator form leaves ConvTranspose and its weights in float. Made from QDQ, both forms
compute the same integers. Out, in place: QLinearConv, QLinearAdd (com.microsoft), MaxPool and Resize
on integers; ConvTranspose, which has no QLinear form, keeps its DequantizeLinear and QuantizeLinear.
"""

from onnx import helper, numpy_helper

# QLinearAdd is ONNX Runtime's own operator.
CONTRIB = "com.microsoft"


def convert(model):
    graph = model.graph
    constants = {i.name: i for i in graph.initializer}
    dequantisers = {n.output[0]: n for n in graph.node if n.op_type == "DequantizeLinear"}
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    nodes, replaced = [], set()
    for node in graph.node:
        if node.output[0] in replaced:
            continue
        after = readers.get(node.output[0], [])
        inputs = [dequantisers.get(name) for name in node.input]
        if len(after) == 1 and after[0].op_type == "QuantizeLinear":
            new = _integer_form(node, inputs, after[0], constants)
            if new is not None:
                nodes.append(new)
                replaced.add(after[0].output[0])
                continue
        nodes.append(node)

    _keep_used(graph, nodes)
    if any(n.domain == CONTRIB for n in graph.node):
        have = {o.domain for o in model.opset_import}
        if CONTRIB not in have:
            model.opset_import.append(helper.make_opsetid(CONTRIB, 1))


def _integer_form(node, inputs, quantiser, constants):
    """The node on integers, or None if it has no such form."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    output = [quantiser.output[0]]
    if node.op_type == "Conv" and all(inputs):
        operands = [*inputs[0].input, *inputs[1].input, *quantiser.input[1:]]
        if len(inputs) == 3:
            # By definition the bias is int32 at scale input * weight, so only its levels are passed.
            operands.append(inputs[2].input[0])
        return helper.make_node("QLinearConv", operands, output, node.name, **attributes)
    if node.op_type == "Add" and all(inputs):
        operands = [*inputs[0].input, *inputs[1].input, *quantiser.input[1:]]
        return helper.make_node("QLinearAdd", operands, output, node.name, domain=CONTRIB)
    on_levels = node.op_type in ("MaxPool", "Resize") and inputs[0] is not None
    if on_levels and _same_levels(inputs[0], quantiser, constants):
        operands = [inputs[0].input[0], *node.input[1:]]
        return helper.make_node(node.op_type, operands, output, node.name, **attributes)
    return None


def _same_levels(dequantiser, quantiser, constants):
    pairs = zip(dequantiser.input[1:], quantiser.input[1:])
    return all(numpy_helper.to_array(constants[a]) == numpy_helper.to_array(constants[b]) for a, b in pairs)


def _keep_used(graph, nodes):
    """Puts the nodes into the graph, without unused DequantizeLinear nodes and constants."""
    used = {name for n in nodes if n.op_type != "DequantizeLinear" for name in n.input}
    used |= {o.name for o in graph.output}
    kept = [n for n in nodes if n.op_type != "DequantizeLinear" or n.output[0] in used]
    used = {name for n in kept for name in n.input}
    initializers = [i for i in graph.initializer if i.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(initializers)
