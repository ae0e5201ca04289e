"""A torch module of this package -> a float ONNX file, with batch norm folded.

In: a module in eval mode and its card. Out: ONNX of opset 17, static shapes: input `input`
[1, 3, H, W] float32 (normalised RGB), output `heatmaps` [1, joints, H/4, W/4] float32. Operators:
Conv, ConvTranspose, Relu, MaxPool, Add, Resize. Nodes carry the module's names, so that an error at
run time says `backbone.layer1.0.conv1`.
"""

import operator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn

from . import card as cards

OPSET = 17
# The oldest IR that opset 17 allows: older runtimes read it.
IR_VERSION = 8
INPUT, OUTPUT = "input", "heatmaps"


class _Graph:
    """The ONNX nodes and initializers collected from the traced module."""

    def __init__(self):
        self.nodes, self.initializers, self.names = [], [], set()

    def constant(self, name, array):
        if name not in self.names:
            self.names.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, inputs, name, **attributes):
        if name in self.names:
            raise ValueError(f"two nodes are named {name}")
        self.names.add(name)
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name


def _folded(conv, norm):
    """Weight and bias (float32 arrays) of a convolution with the batch norm after it folded in."""
    weight = conv.weight.detach().double().numpy()
    out_axis = 1 if isinstance(conv, nn.ConvTranspose2d) else 0
    bias = np.zeros(weight.shape[out_axis])
    if conv.bias is not None:
        bias = conv.bias.detach().double().numpy()
    if norm is not None:
        scale = norm.weight.detach().double().numpy() / np.sqrt(norm.running_var.double().numpy() + norm.eps)
        shape = [1] * weight.ndim
        shape[out_axis] = -1
        weight = weight * scale.reshape(shape)
        bias = (bias - norm.running_mean.double().numpy()) * scale + norm.bias.detach().double().numpy()
    return weight.astype(np.float32), bias.astype(np.float32)


def _pads(padding):
    return [padding[0], padding[1], padding[0], padding[1]]


def _convolution(graph, conv, norm, source, name):
    weight, bias = _folded(conv, norm)
    inputs = [source, graph.constant(f"{name}.weight", weight), graph.constant(f"{name}.bias", bias)]
    op = "ConvTranspose" if isinstance(conv, nn.ConvTranspose2d) else "Conv"
    return graph.node(
        op,
        inputs,
        name,
        kernel_shape=list(conv.kernel_size),
        strides=list(conv.stride),
        pads=_pads(conv.padding),
        dilations=list(conv.dilation),
        group=conv.groups,
    )


def _max_pool(graph, pool, source, name):
    side, stride, pad = pool.kernel_size, pool.stride, pool.padding
    return graph.node(
        "MaxPool", [source], name, kernel_shape=[side] * 2, strides=[stride] * 2, pads=[pad] * 4
    )


def _upsample(graph, layer, source, name):
    factor = float(layer.scale_factor)
    scales = graph.constant(f"upsample_{factor:g}.scales", np.float32([1, 1, factor, factor]))
    return graph.node(
        "Resize",
        [source, "", scales],
        name,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _norm_after(step, modules):
    """The batch norm that is the only reader of this convolution, or None."""
    readers = list(step.users)
    if len(readers) == 1 and readers[0].op == "call_module":
        reader = modules[readers[0].target]
        if isinstance(reader, nn.BatchNorm2d):
            return reader
    return None


def _block_name(step):
    """The path of the module whose forward() contains the step."""
    stack = step.meta.get("nn_module_stack") or {}
    return list(stack.values())[-1][0] if stack else ""


def _walk(module):
    graph = _Graph()
    modules = dict(module.named_modules())
    # fx step -> name of the ONNX value that holds its result
    values = {}
    for step in fx.symbolic_trace(module).graph.nodes:
        if step.op == "placeholder":
            values[step] = INPUT
        elif step.op == "call_module":
            layer, source = modules[step.target], values[step.args[0]]
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                norm = _norm_after(step, modules)
                values[step] = _convolution(graph, layer, norm, source, step.target)
            elif isinstance(layer, nn.BatchNorm2d):
                # Folded into the convolution before it.
                if source != step.args[0].target:
                    raise ValueError(f"{step.target}: batch norm without a convolution before it")
                values[step] = source
            elif isinstance(layer, nn.ReLU):
                # One ReLU module serves several places, so the name comes from what it follows.
                values[step] = graph.node("Relu", [source], f"{source}.relu")
            elif isinstance(layer, nn.MaxPool2d):
                values[step] = _max_pool(graph, layer, source, step.target)
            elif isinstance(layer, nn.Upsample):
                values[step] = _upsample(graph, layer, source, step.target)
            else:
                raise ValueError(f"{step.target}: no ONNX form for {type(layer).__name__}")
        elif step.op == "call_function" and step.target is operator.add:
            inputs = [values[a] for a in step.args]
            values[step] = graph.node("Add", inputs, f"{_block_name(step)}.add")
        elif step.op == "output":
            return graph, values[step.args[0]]
        else:
            raise ValueError(f"{step.name}: no ONNX form for {step.op} {step.target}")
    raise ValueError("the network has no output")


def to_onnx(module, card):
    """The ModelProto of a module in eval mode, with the card inside."""
    graph, last = _walk(module.eval())
    for node in graph.nodes:
        node.output[0] = OUTPUT if node.output[0] == last else node.output[0]
    width, height = card["input_size"]
    map_width, map_height = card["heatmap_size"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"posewire-{card['task']}",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, height, width])],
            [
                helper.make_tensor_value_info(
                    OUTPUT, TensorProto.FLOAT, [1, cards.channels(card), map_height, map_width]
                )
            ],
            graph.initializers,
        ),
        producer_name="posewire",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    cards.write(model, card)
    return model


def export(module, card, path):
    """Writes the module as float ONNX to `path`."""
    model = to_onnx(module, card)
    onnx.checker.check_model(model)
    onnx.save(model, path)
