"""Makes one small quantised network, and copies of it that are each broken in one place.

    python tests/corpus/make.py

tests/hostile.rs loads and mutates all of them. Needs models/requirements.txt.
"""

import copy
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
OUTPUTS = 4


def network():
    """Quantize, one 3x3 convolution in QDQ form, dequantize."""
    rng = np.random.default_rng(1)
    constants = {
        "x_scale": np.float32(0.02),
        "x_zero": np.int8(3),
        "w": rng.integers(-127, 128, (OUTPUTS, 3, 3, 3)).astype(np.int8),
        "w_scale": rng.uniform(0.001, 0.01, OUTPUTS).astype(np.float32),
        "w_zero": np.zeros(OUTPUTS, np.int8),
        "b": rng.integers(-1000, 1000, OUTPUTS).astype(np.int32),
        "b_scale": np.full(OUTPUTS, 1e-4, np.float32),
        "b_zero": np.zeros(OUTPUTS, np.int32),
        "y_scale": np.float32(0.05),
        "y_zero": np.int8(-5),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "x_scale", "x_zero"], ["xq"], "quantize"),
        helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["x"], "input_again"),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["wf"], "weights", axis=0),
        helper.make_node("DequantizeLinear", ["b", "b_scale", "b_zero"], ["bf"], "bias", axis=0),
        helper.make_node("Conv", ["x", "wf", "bf"], ["y"], "conv", pads=[1, 1, 1, 1], strides=[1, 1], kernel_shape=[3, 3]),
        helper.make_node("QuantizeLinear", ["y", "y_scale", "y_zero"], ["yq"], "quantize_y"),
        helper.make_node("DequantizeLinear", ["yq", "y_scale", "y_zero"], ["output"], "output_again"),
    ]
    graph = helper.make_graph(
        nodes,
        "one convolution",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, OUTPUTS, 16, 16])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def constant(model, name, value):
    """Replaces the value of a constant."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(value), name))


def node(model, name):
    return next(n for n in model.graph.node if n.name == name)


def attribute(model, node_name, name, value):
    of = node(model, node_name)
    kept = [a for a in of.attribute if a.name != name]
    del of.attribute[:]
    of.attribute.extend([*kept, helper.make_attribute(name, value)])


def dimensions(model, name, dims):
    """Replaces the dimensions of a constant, and keeps its data."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    del tensor.dims[:]
    tensor.dims.extend(dims)


BROKEN = {
    "zero-scale": lambda m: constant(m, "x_scale", np.float32(0)),
    "nan-scale": lambda m: constant(m, "y_scale", np.float32(np.nan)),
    "negative-scale": lambda m: constant(m, "w_scale", -np.ones(OUTPUTS, np.float32)),
    "infinite-scale": lambda m: constant(m, "b_scale", np.full(OUTPUTS, np.inf, np.float32)),
    "too-few-scales": lambda m: constant(m, "w_scale", np.ones(OUTPUTS - 1, np.float32)),
    "no-scales": lambda m: constant(m, "w_scale", np.ones(0, np.float32)),
    "wrong-zero-point-type": lambda m: constant(m, "x_zero", np.uint8(3)),
    "extreme-bias": lambda m: (
        constant(m, "b", np.full(OUTPUTS, -(2**31), np.int32)),
        constant(m, "b_zero", np.full(OUTPUTS, 2**31 - 1, np.int32)),
    ),
    "wrong-rank": lambda m: constant(m, "w", np.ones((OUTPUTS, 27), np.int8)),
    "no-weights": lambda m: constant(m, "w", np.ones((OUTPUTS, 3, 0, 3), np.int8)),
    "huge-dims": lambda m: dimensions(m, "w", [2**31, 3, 2**31, 3]),
    "negative-dims": lambda m: dimensions(m, "w", [-1, 3, 3, 3]),
    "huge-input": lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[2], "dim_value", 2**40),
    "large-input": lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[2], "dim_value", 4096),
    "cycle": lambda m: node(m, "quantize").input.__setitem__(0, "output"),
    "missing-input": lambda m: node(m, "conv").input.__setitem__(1, "nowhere"),
    "missing-output": lambda m: setattr(m.graph.output[0], "name", "nowhere"),
    "too-few-inputs": lambda m: node(m, "weights").input.__delitem__(slice(1, 3)),
    "axis-out-of-range": lambda m: attribute(m, "weights", "axis", 9),
    "negative-axis": lambda m: attribute(m, "weights", "axis", -9),
    "zero-stride": lambda m: attribute(m, "conv", "strides", [0, 0]),
    "negative-pads": lambda m: attribute(m, "conv", "pads", [-1, -1, -1, -1]),
    "huge-pads": lambda m: attribute(m, "conv", "pads", [2**40] * 4),
    "huge-group": lambda m: attribute(m, "conv", "group", 2**40),
    "minimum-pads": lambda m: attribute(m, "conv", "pads", [-(2**63)] * 4),
    "wrong-kernel-shape": lambda m: attribute(m, "conv", "kernel_shape", [5, 5]),
    "same-output-twice": lambda m: node(m, "quantize_y").output.__setitem__(0, "xq"),
}


def main():
    good = network()
    onnx.checker.check_model(good)
    onnx.save(good, HERE / "good.onnx")
    for name, break_it in BROKEN.items():
        model = copy.deepcopy(good)
        break_it(model)
        onnx.save(model, HERE / f"{name}.onnx")


main()
