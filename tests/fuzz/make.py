"""Makes the corpora that the fuzzers start from.

    python tests/fuzz/make.py POSEWIRE

POSEWIRE is a full build of the program, which compiles the plans. Needs models/requirements.txt. To be
run again when the format of plans changes, or how a layer is compiled. Seeds of settings come from the
table of settings: `POSEWIRE_BLESS=1 cargo test --lib pages`.
"""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "models"))

from posewire_models import card  # noqa: E402

CORPUS = HERE / "corpus"


class Graph:
    """A quantised network in QDQ form, node by node. Names are of 8-bit values."""

    def __init__(self):
        self.rng = np.random.default_rng(1)
        self.nodes = []
        self.constants = []
        self.channels = {}

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def quantise(self, value, name, channels, zero=0):
        scale = self.constant(f"{name}_scale", np.float32(0.05))
        zero = self.constant(f"{name}_zero", np.int8(zero))
        self.channels[name] = channels
        return self.node("QuantizeLinear", [value, scale, zero], name)

    def read(self, name, scale_of=None):
        of = scale_of or name
        self.count = getattr(self, "count", 0) + 1
        return self.node("DequantizeLinear", [name, f"{of}_scale", f"{of}_zero"], f"{name}_read{self.count}")

    def weights(self, name, shape, axis):
        outputs = shape[axis]
        self.constant(f"{name}_w", self.rng.integers(-127, 128, shape).astype(np.int8))
        self.constant(f"{name}_w_scale", self.rng.uniform(0.001, 0.01, outputs).astype(np.float32))
        self.constant(f"{name}_w_zero", np.zeros(outputs, np.int8))
        return self.node("DequantizeLinear", [f"{name}_w", f"{name}_w_scale", f"{name}_w_zero"], f"{name}_wf", axis=axis)

    def conv(self, source, name, outputs, side, stride=1, relu=False):
        weights = self.weights(name, (outputs, self.channels[source], side, side), 0)
        pad = side // 2
        value = self.node(
            "Conv", [self.read(source), weights], f"{name}_y",
            pads=[pad] * 4, strides=[stride] * 2, kernel_shape=[side] * 2,
        )  # fmt: skip
        if relu:
            value = self.node("Relu", [value], f"{name}_relu")
        return self.quantise(value, name, outputs, -128 if relu else 3)

    def deconv(self, source, name, outputs):
        weights = self.weights(name, (self.channels[source], outputs, 4, 4), 1)
        value = self.node(
            "ConvTranspose", [self.read(source), weights], f"{name}_y",
            pads=[1] * 4, strides=[2] * 2, kernel_shape=[4] * 2,
        )  # fmt: skip
        return self.quantise(value, name, outputs)

    def pool(self, source, name):
        value = self.node(
            "MaxPool", [self.read(source)], f"{name}_y",
            pads=[1] * 4, strides=[2] * 2, kernel_shape=[3] * 2,
        )  # fmt: skip
        return self.same(value, source, name)

    def double(self, source, name):
        scales = self.constant(f"{name}_sizes", np.array([1, 1, 2, 2], np.float32))
        value = self.node(
            "Resize", [self.read(source), "", scales], f"{name}_y",
            mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        return self.same(value, source, name)

    def same(self, value, source, name):
        """Quantised as the source is: the values are its own."""
        for constant in list(self.constants):
            if constant.name in (f"{source}_scale", f"{source}_zero"):
                copy = onnx.TensorProto()
                copy.CopyFrom(constant)
                copy.name = constant.name.replace(source, name, 1)
                self.constants.append(copy)
        self.channels[name] = self.channels[source]
        return self.node("QuantizeLinear", [value, f"{name}_scale", f"{name}_zero"], name)

    def add(self, a, b, name):
        value = self.node("Add", [self.read(a), self.read(b)], f"{name}_y")
        return self.quantise(value, name, self.channels[a], 7)

    def save(self, output, side, path, meta=None):
        """With pictures of `side` x `side`, and heatmaps of the same size."""
        self.node("DequantizeLinear", [output, f"{output}_scale", f"{output}_zero"], "output")
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, self.channels[output], side, side])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        if meta:
            card.write(model, meta)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def first(graph):
    return graph.quantise("input", "x", 3, 3)


def plain(graph):
    return graph.conv(first(graph), "conv", 4, 3)


def residual(graph):
    """Two branches of an odd number of channels, and 3x3 convolutions that Winograd's method fits."""
    wide = graph.conv(first(graph), "wide", 16, 3, relu=True)
    deep = graph.conv(graph.conv(wide, "deep1", 16, 3, relu=True), "deep2", 16, 3)
    return graph.conv(graph.add(deep, wide, "sum"), "last", 5, 1)


def hourglass(graph):
    """Down by a pool, up by doubling, and added."""
    wide = graph.conv(first(graph), "wide", 9, 3, relu=True)
    small = graph.conv(graph.pool(wide, "pool"), "small", 9, 3)
    return graph.add(wide, graph.double(small, "double"), "sum")


def transposed(graph):
    small = graph.conv(first(graph), "small", 8, 7, stride=2, relu=True)
    return graph.deconv(small, "up", 6)


def mapped(graph):
    """A Relu of an 8-bit value, and a convolution of an upsampled one."""
    small = graph.conv(first(graph), "small", 8, 3, stride=2)
    positive = graph.quantise(graph.node("Relu", [graph.read(small)], "relu"), "positive", 8, -128)
    return graph.conv(graph.double(positive, "double"), "last", 5, 1)


def floating(graph):
    """Layers that a tool left float: the first convolution, a pool, sums, a transposed one. And weights beyond 8 bits."""
    rng = graph.rng

    def floats(name, shape):
        return graph.constant(name, rng.uniform(-0.5, 0.5, shape).astype(np.float32))

    args = dict(pads=[1] * 4, strides=[2] * 2, kernel_shape=[3] * 2)
    stem = graph.node("Conv", ["input", floats("stem_w", (7, 3, 3, 3)), floats("stem_b", 7)], "stem_y", **args)
    pooled = graph.node("MaxPool", [stem], "pooled", pads=[1] * 4, strides=[1] * 2, kernel_shape=[3] * 2)
    stem = graph.quantise(graph.node("Add", [stem, pooled], "first_sum"), "stem", 7)
    graph.constant("far_w", rng.integers(0, 256, (7, 7, 3, 3)).astype(np.uint8))
    graph.constant("far_w_scale", np.float32(0.004))
    graph.constant("far_w_zero", np.uint8(100))
    weights = graph.node("DequantizeLinear", ["far_w", "far_w_scale", "far_w_zero"], "far_wf")
    args = dict(pads=[1] * 4, strides=[1] * 2, kernel_shape=[3] * 2)
    far = graph.quantise(graph.node("Conv", [graph.read(stem), weights], "far_y", **args), "far", 7)
    weights = graph.weights("branch", (7, 7, 3, 3), 0)
    branch = graph.node("Conv", [graph.read(far), weights], "branch_y", **args)
    added = graph.node("Relu", [graph.node("Add", [branch, graph.read(stem)], "added_y")], "added_relu")
    added = graph.quantise(added, "added", 7, -128)
    args = dict(pads=[1] * 4, strides=[2] * 2, kernel_shape=[4] * 2)
    up = graph.node("ConvTranspose", [graph.read(added), floats("up_w", (7, 5, 4, 4))], "up_y", **args)
    return graph.quantise(up, "up", 5)


def gated(graph):
    """A filter for each channel, a gate from an average, channels that are split, joined and shuffled."""
    wide = graph.conv(first(graph), "wide", 18, 3, relu=True)
    args = dict(pads=[1] * 4, strides=[2] * 2, kernel_shape=[3] * 2, group=18)
    own = graph.node("Conv", [graph.read(wide), graph.weights("own", (18, 1, 3, 3), 0)], "own_y", **args)
    own = graph.quantise(own, "own", 18)
    mean = graph.quantise(graph.node("GlobalAveragePool", [graph.read(own)], "mean_y"), "mean", 18)
    gate = graph.read(graph.conv(mean, "gate", 18, 1))
    gate = graph.quantise(graph.node("HardSigmoid", [gate], "gate_y2", alpha=1 / 6, beta=0.5), "opened", 18)
    own = graph.quantise(graph.node("Mul", [graph.read(own), graph.read(gate)], "product"), "open", 18)
    graph.nodes.append(helper.make_node("Split", [graph.read(own)], ["half1", "half2"], "halves", axis=1))
    joined = graph.node("Concat", ["half2", "half1"], "joined", axis=1)
    for name, shape in (("five", [1, 2, 9, 3, 3]), ("four", [1, 18, 3, 3])):
        graph.constant(name, np.array(shape))
    moved = graph.node("Transpose", [graph.node("Reshape", [joined, "five"], "axes")], "moved", perm=[0, 2, 1, 3, 4])
    moved = graph.same(graph.node("Reshape", [moved, "four"], "shuffled_y"), "open", "shuffled")
    return graph.conv(graph.double(moved, "double"), "last", 5, 1)


def float_gated(graph):
    """A float average, and a float function of 8-bit values times it."""
    wide = graph.conv(first(graph), "wide", 7, 3)
    weights = graph.constant("float_w", graph.rng.uniform(-0.5, 0.5, (7, 7, 1, 1)).astype(np.float32))
    real = graph.node("Conv", [graph.read(wide), weights], "real", kernel_shape=[1] * 2)
    mean = graph.node("AveragePool", [real], "mean", pads=[1] * 4, kernel_shape=[3] * 2)
    product = graph.node("Mul", [graph.node("Sigmoid", [graph.read(wide)], "opened"), mean], "product")
    return graph.quantise(product, "gated", 7)


# And the sides of their pictures, which an interpreter has to get through too.
NETWORKS = {
    "plain": (plain, 8),
    "residual": (residual, 7),
    "hourglass": (hourglass, 6),
    "transposed": (transposed, 6),
    "mapped": (mapped, 6),
    "float": (floating, 6),
    "gated": (gated, 6),
    "float-gated": (float_gated, 6),
}


def networks(posewire):
    for name, (build, side) in NETWORKS.items():
        graph = Graph()
        meta = card.make("hand", 256, "fuzz", "") if name == "plain" else None
        model = CORPUS / "onnx" / f"{name}.onnx"
        graph.save(build(graph), side, model, meta)
        for kernel in ("portable", "avx2", "neon", "neon-dot"):
            plan = CORPUS / "plan" / f"{name}-{kernel}.plan"
            subprocess.run([posewire, "compile", "--model", model, "--out", plan, "--kernel", kernel], check=True)


def cards():
    meta = card.make("hand", 256, "fuzz", "")
    (CORPUS / "config" / "card.json").write_text(json.dumps(meta))
    toml = "".join(f"{key} = {json.dumps(value)}\n" for key, value in meta.items())
    (CORPUS / "config" / "card.toml").write_text(toml)


def joints(count):
    return b"".join(struct.pack("<hhH", 16 * i, -i, 1000 * i) for i in range(count))


def packet(kind, body=b"", flags=1):
    count = len(body) // 6
    header = b"PWIR" + struct.pack(
        "<BBHIIQQIIHHBBBBBBH", 2, kind, flags, 7, 8, 10**9, 10**15, 5000, 8, 640, 480, 1, 1, 1, 4, 0, count, 20000
    )
    return header + body + struct.pack("<I", zlib.crc32(header + body))


def instance(number, count):
    head = struct.pack("<HHBBBBHHHhhHBBBB", number, 0, number, 1, 1, 2, 8, 12, 33, 5128, 1588, 2400, 230, 200, 1, count)
    return head + joints(count)


def stuffed(data):
    out = b""
    for group in data.split(b"\0"):
        while len(group) >= 254:
            out, group = out + b"\xff" + group[:254], group[254:]
        out += bytes([len(group) + 1]) + group
    return out + b"\0"


def packets():
    instances = struct.pack("<BBBBH", 3, 1, 0, 2, 0) + instance(1, 21) + instance(2, 21)
    seeds = {
        "hand": packet(1, joints(21)),
        "none": packet(2, flags=18),
        "most": packet(1, joints(64)),
        "instances": packet(4, instances),
    }
    for name, one in seeds.items():
        (CORPUS / "wire" / name).write_bytes(one)
        # The first byte says in which pieces the line is read.
        (CORPUS / "cobs" / name).write_bytes(b"\x10\0" + stuffed(one) + stuffed(one))
    (CORPUS / "cobs" / "resync").write_bytes(b"\x40\xff\xff\xff\xff\0" + stuffed(packet(1, joints(3)))[:-1])


def pictures():
    """Of every kind that the decoder tells apart, small."""
    from PIL import Image

    rng = np.random.default_rng(2)
    picture = Image.fromarray(rng.integers(0, 256, (19, 33, 3)).astype(np.uint8))
    kinds = {
        "444": dict(subsampling=0),
        "420": dict(subsampling=2),
        "progressive": dict(progressive=True),
        "restart": dict(restart_marker_blocks=2),
        "coarse": dict(quality=5),
    }
    for name, options in kinds.items():
        picture.save(CORPUS / "jpeg" / f"{name}.jpg", "JPEG", **options)
    picture.convert("L").save(CORPUS / "jpeg" / "grey.jpg", "JPEG")
    picture.convert("CMYK").save(CORPUS / "jpeg" / "cmyk.jpg", "JPEG")
    both = (CORPUS / "jpeg" / "grey.jpg").read_bytes() + b"rubbish" + (CORPUS / "jpeg" / "420.jpg").read_bytes()
    (CORPUS / "jpeg" / "two.mjpeg").write_bytes(both)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name in ("wire", "cobs", "jpeg", "plan", "onnx", "config"):
        os.makedirs(CORPUS / name, exist_ok=True)
    packets()
    pictures()
    cards()
    networks(sys.argv[1])


if __name__ == "__main__":
    main()
