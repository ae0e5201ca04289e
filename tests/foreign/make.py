"""Makes small ONNX files as other people's tools make them, and what ONNX Runtime gives for each.

    python tests/foreign/make.py [--seed N] [--size HxW] [--channels C] [--joints J] [--out FOLDER]

Needs onnx, onnxruntime and numpy. Each case is one function: its decorator says what is right, its
docstring which tool makes such files. net.py builds the graphs. Sides are multiples of 16.

All files read one input, input.npy, except those with an input of their own. cases.txt has a line for each:
name, tolerance in steps, step, what is right. `tests/foreign.rs` reads them.
"""
import argparse
import logging
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
from onnx import TensorProto as T, helper as H, numpy_helper as NH
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from net import Net, V, session

logging.disable(logging.WARNING)
CASES = []


def case(right, tolerance=1.0, opset=13, output=-1, ort=True):
    """`right`: 'int8' (that engine), 'runs' (any engine; where it is tract, a reason is logged), or
    'refused: REGEX' (what the message must say). `tolerance` in steps of the output's scale, or of a
    255th of the range where the output is float. `output`: which of ORT's outputs is meant. `ort`: whether
    ORT runs it at all."""
    def add(build):
        name = build.__name__.replace("_", "-")
        CASES.append(SimpleNamespace(name=name, build=build, right=right, tolerance=tolerance, opset=opset, output=output,
                                     ort=ort))
        return build
    return add


class Pictures(CalibrationDataReader):
    def __init__(self, x):
        self.left = [{"input": x}]

    def get_next(self):
        return self.left.pop() if self.left else None


def ort_quantised(n, output, form="QDQ", act="QUInt8", weights="QInt8", per_channel=True, options=None, **more):
    """onnxruntime.quantization.quantize_static of a float graph."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "a.onnx"), Path(folder, "b.onnx")
        onnx.save(n.model(output), before)
        quantize_static(before, after, Pictures(n.x.value), quant_format=QuantFormat[form], activation_type=QuantType[act],
                        weight_type=QuantType[weights], per_channel=per_channel, extra_options=options or {}, **more)
        return onnx.load(after)


def float_baseline(n, **how):
    return n.baseline(act=None, last=None, w="float", deconv="float", **how)


# --- 1: wrong, and nothing says so -----------------------------------------------------------------

@case("int8")
def add_u8_s8(n):
    """NNCF (nncf.quantize of an ONNX model): after a Relu u8, elsewhere s8, so a residual addition has both."""
    return n.model(n.baseline("nncf", last="nncf"))


@case("int8")
def add_u8_s8_upsampled(n):
    """The same in an hourglass: the u8 half comes through nearest upsampling, the result is s8."""
    x = n.stem("nncf")
    low = n.conv(x, n.p.c, 3, 2, act="nncf")
    y = n.op("Add", n.conv(x, n.p.c, relu=False, act="nncf"), n.up(low))
    return n.model(n.head(n.fq(y, "nncf")))


@case("int8")
def add_u8_u8_to_s8(n):
    """Operands of one type, the result of another."""
    x = n.stem()
    y = n.op("Add", n.conv(x, n.p.c, relu=False), x)
    return n.model(n.head(n.fq(y, "s8"), act="s8"))


@case("int8")
def add_s8_s8_to_u8(n):
    """As above the other way round; a Relu is in the result's type."""
    x = n.stem("s8")
    y = n.op("Relu", n.op("Add", n.conv(x, n.p.c, relu=False, act="s8"), x))
    return n.model(n.head(n.fq(y, "u8")))


@case("int8")
def conv_types_alternate(n):
    """u8 after Relu, s8 elsewhere, without an addition."""
    x = n.conv(n.stem("nncf"), n.p.c, relu=False, act="nncf")
    return n.model(n.head(n.conv(x, n.p.c, act="nncf"), act="nncf"))


@case("int8")
def two_stack_hourglass(n):
    """torch.onnx.export of MMPose's hourglass with num_stacks=2: a heatmap output for each stack, the last one counts."""
    x = n.stem()
    first = n.head(x)
    y = n.op("Add", x, n.conv(first, n.p.c, 1, relu=False))
    second = n.head(n.conv(n.fq(y), n.p.c))
    return n.model(first, second)


@case("refused: outputs")
def heatmaps_and_tags(n):
    """HigherHRNet, associative embedding: heatmaps and tags. Neither may be taken for the only output in silence."""
    x = n.stem()
    return n.model(n.head(x), n.conv(x, 2 * n.p.joints, 1, relu=False))


@case("int8", opset=21)
def output_dtype_without_zero_point(n):
    """Opset 21: QuantizeLinear says its type by output_dtype and leaves the zero point out."""
    def fq(v):
        scale = n.const(n.scale_of(v, "s8")[0], "scale")
        return n.op("DequantizeLinear", n.op("QuantizeLinear", v, scale, output_dtype=T.INT8), scale)
    x = fq(n.conv(fq(n.x), n.p.c, 3, 2, act=None))
    return n.model(fq(n.head(x, act=None)))


@case("int8")
def dequantize_without_zero_point(n):
    """DequantizeLinear may leave out a zero point of 0; the type is its input's."""
    def fq(v):
        v = n.q(v, "s8")
        return n.op("DequantizeLinear", v, v.qp[1][0])
    x = fq(n.conv(fq(n.x), n.p.c, 3, 2, act=None))
    return n.model(fq(n.head(x, act=None)))


@case("runs")
def softmax(n):
    """quantize_static of an integral head: each heatmap flattened, then Softmax, roundings between all of them."""
    y = n.head(n.stem())
    flat = n.fq(n.op("Reshape", y, n.const(np.array([1, n.p.joints, -1], np.int64))), qp=y.qp[0])
    z = n.op("Softmax", flat, axis=2)
    z = n.fq(z, qp=(np.float32(z.value.max() / 255), np.uint8(0)))
    return n.model(n.op("Reshape", z, n.const(np.array(y.value.shape, np.int64))))


@case("runs")
def deconv_output_shape(n):
    """tf2onnx, Keras: ConvTranspose says its output's size, and the pads follow from it."""
    x = n.conv(n.stem(), n.p.c, 3, 2)
    w = n.wq(n.weights((n.p.c, n.p.c, 4, 4), 4 * n.p.c), 1)
    sides = [2 * side for side in x.value.shape[2:]]
    y = n.op("ConvTranspose", x, w, output_shape=sides, strides=[2, 2], kernel_shape=[4, 4])
    return n.model(n.head(n.fq(n.op("Relu", y))))


@case("refused: my.tools", ort=False)
def foreign_domain(n):
    """A custom operator that has the name of one of ONNX's: its domain says that it is another. ORT refuses it."""
    model = n.model(n.baseline())
    next(node for node in model.graph.node if node.op_type == "Relu").domain = "my.tools"
    model.opset_import.append(H.make_opsetid("my.tools", 1))
    return model


@case("int8")
def concat_types(n):
    """Concat of u8 and s8 values of different scales."""
    x = n.stem("nncf")
    y = n.op("Concat", x, n.conv(x, n.p.c, relu=False, act="nncf"), axis=1)
    return n.model(n.head(n.fq(y, "nncf")))


@case("int8")
def pool_changes_type(n):
    """MaxPool between a u8 and an s8 rounding of different scales (calibrated apart)."""
    x = n.conv(n.fq(n.x), n.p.c, 7, 2)
    y = n.fq(n.pool(x), "s8")
    return n.model(n.head(y))


@case("int8")
def resize_changes_scale(n):
    """NNCF's hourglass: Resize between roundings of different scales."""
    x = n.stem()
    low = n.conv(x, n.p.c, 3, 2)
    up = n.up(low)
    scale, zero = n.scale_of(up, "u8")
    y = n.op("Add", n.conv(x, n.p.c, relu=False), n.fq(up, qp=(scale * np.float32(1.3), zero)))
    return n.model(n.head(n.fq(y)))


@case("int8")
def relu_of_s8(n):
    """A Relu behind a dequantised s8 value, whose result has a scale of its own."""
    x = n.conv(n.stem("s8"), n.p.c, relu=False, act="s8")
    return n.model(n.head(n.fq(n.op("Relu", x), "u8")))


@case("int8")
def clip_0_6(n):
    """Relu6: Clip from 0 to 6. The rounding behind it, calibrated on the result, cannot go above 6 either."""
    x = n.stem()
    y = n.op("Conv", x, n.wq(4 * n.weights((n.p.c, n.p.c, 3, 3), 9 * n.p.c)), pads=[1] * 4, kernel_shape=[3, 3])
    y = n.op("Clip", y, n.const(np.float32(0)), n.const(np.float32(6)))
    return n.model(n.head(n.fq(y)))


@case("int8")
def dead_channel(n):
    """NNCF of a network with dead channels: weights of 1e-12 after folding, a scale to match, and a float bias that
    does not fit 32 bits in units of it."""
    x = n.stem()
    w = n.weights((n.p.c, n.p.c, 1, 1), n.p.c)
    w[::3] *= 1e-12
    y = n.op("Conv", x, n.wq(w), n.const(np.full(n.p.c, 0.7, np.float32), "bias"), kernel_shape=[1, 1])
    return n.model(n.head(n.fq(n.op("Relu", y))))


# --- 2: takes for ever -------------------------------------------------------------------------------

@case("refused: sum0", ort=False)
def additions_that_do_not_fit(n):
    """An hourglass whose upsampling does not fit its skips (exported at another size), 30 deep. ORT refuses it;
    so should posewire, at once and with the name of the first addition that does not fit."""
    x = n.stem()
    scales, q, zero = (n.const(a) for a in (np.array([1, 1, 2, 2], np.float32), np.float32(0.02), np.uint8(0)))
    last = x.name
    for i in range(30):
        nodes = [("Resize", [last, "", scales.name], dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")),
                 ("Add", [last, f"up{i}"], {}), ("QuantizeLinear", [f"sum{i}", q.name, zero.name], {}),
                 ("DequantizeLinear", [f"q{i}", q.name, zero.name], {})]
        for (kind, given, how), made in zip(nodes, (f"up{i}", f"sum{i}", f"q{i}", f"x{i}")):
            n.nodes.append(H.make_node(kind, given, [made], made, **how))
        last = f"x{i}"
    return n.model(V(last, x.value))


# --- 3: refused, where ONNX Runtime runs it ---------------------------------------------------------

@case("int8")
def dynamic_batch(n):
    """torch.onnx.export with dynamic_axes={0: 'N'}, then symbolic shape inference: inner shapes say N, too."""
    model = n.model(n.baseline(), dims=["N", 3, n.p.h, n.p.w])
    return onnx.shape_inference.infer_shapes(model)


@case("int8")
def dynamic_size(n):
    """torch.onnx.export with dynamic height and width: the pictures' tensor (or the card) says them."""
    return n.model(n.baseline(), dims=["N", 3, "H", "W"])


@case("runs", tolerance=2)
def ort_qoperator_deconv(n):
    """quantize_static(QOperator): ConvTranspose stays float between DequantizeLinear and QuantizeLinear."""
    return ort_quantised(n, float_baseline(n), "QOperator")


@case("runs", tolerance=2)
def ort_qoperator_two_deconvs(n):
    """The same with the reference head: two of them in a row, no QuantizeLinear between."""
    x = n.conv(n.block(n.stem(None, w="float"), None, w="float"), n.p.c, 3, 2, act=None, w="float")
    x = n.deconv(n.deconv(x, n.p.c, None, "float"), n.p.c, None, "float")
    return ort_quantised(n, n.head(x, act=None, w="float"), "QOperator")


@case("runs", tolerance=2)
def ort_qoperator_deconv_bn(n):
    """The same as torch.onnx.export leaves it: BatchNormalization behind ConvTranspose."""
    return ort_quantised(n, float_baseline(n, bn="float"), "QOperator")


@case("int8")
def ort_qoperator_symmetric(n):
    """quantize_static(QOperator, QInt8, ActivationSymmetric=True): Relu between DequantizeLinear and QuantizeLinear."""
    y = n.head(n.block(n.stem(None, w="float"), None, w="float"), act=None, w="float")
    return ort_quantised(n, y, "QOperator", "QInt8", options={"ActivationSymmetric": True})


@case("int8")
def bias_as_add(n):
    """tf2onnx and others: the bias is an Add behind the Conv, float until the QuantizeLinear."""
    return n.model(n.baseline(bias="add"))


@case("int8")
def ort_bias_as_add(n):
    """quantize_static of such a graph: it rounds between Conv and Add, and the bias is a u8 constant."""
    return ort_quantised(n, float_baseline(n, bias="add"))


@case("int8")
def ort_bias_as_qlinearadd(n):
    """The same in QOperator form: QLinearAdd with a constant of shape [C, 1, 1]."""
    x = n.stem(None, w="float", bias="add")
    return ort_quantised(n, n.head(n.conv(x, n.p.c, act=None, w="float", bias="add"), act=None, w="float"), "QOperator")


@case("refused: output.*(int64|I64)")
def argmax(n):
    """A head that decodes in the graph: ArgMax over each heatmap, int64."""
    y = n.head(n.stem(None, w="float"), act=None, w="float")
    flat = n.op("Reshape", y, n.const(np.array([1, n.p.joints, -1], np.int64)))
    return n.model(n.op("ArgMax", flat, axis=2, keepdims=0))


@case("refused: outputs")
def simcc(n):
    """RTMPose, SimCC: two outputs of [1, joints, bins], no heatmaps; float."""
    y = n.head(n.stem(None, w="float"), act=None, w="float")
    flat = n.op("Reshape", y, n.const(np.array([1, n.p.joints, -1], np.int64)))
    size = flat.value.shape[2]
    return n.model(*[n.op("MatMul", flat, n.const(n.weights((size, 2 * side), size))) for side in (n.p.w, n.p.h)])


@case("refused: outputs")
def two_float_outputs(n):
    """A float network with two heatmap outputs of different sizes (HigherHRNet)."""
    x = n.stem(None, w="float")
    return n.model(n.head(x, act=None, w="float"), n.head(n.up(x), act=None, w="float"))


def optimised(model, level="ORT_ENABLE_ALL"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "o.onnx")
        session(model, level, path)
        return onnx.load(path)


@case("refused: FusedConv.*(optimi|original)")
def ort_optimised_extended(n):
    """A session's optimized_model_filepath, ORT_ENABLE_EXTENDED: com.microsoft FusedConv."""
    return optimised(n.model(float_baseline(n)), "ORT_ENABLE_EXTENDED")


@case("refused: (nchwc|Reorder).*(optimi|original)")
def ort_optimised_all(n):
    """The same with ORT_ENABLE_ALL: com.microsoft.nchwc Conv and ReorderOutput, which differ from processor to processor."""
    return optimised(n.model(float_baseline(n)))


@case("refused: (QLinear|NhwcMaxPool|com.microsoft|Transpose).*(optimi|original)")
def ort_optimised_qdq(n):
    """The same of a QDQ file: QLinearConv, NhwcMaxPool, QLinearAdd ..."""
    return optimised(n.model(n.baseline()))


@case("refused: Upsample.*(opset|export)", opset=9)
def upsample_opset_9(n):
    """torch.onnx.export(opset_version=9) of an hourglass."""
    x = n.stem(None, w="float")
    low = n.conv(x, n.p.c, 3, 2, act=None, w="float")
    up = n.op("Upsample", low, n.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest")
    return n.model(n.head(n.op("Add", x, up), act=None, w="float"))


@case("runs", opset=19, tolerance=2)
def half_scales(n):
    """Opset 19 and on: float16 scales, so the float between is float16 (float16 models, quantised)."""
    x = n.op("Cast", n.x, to=T.FLOAT16)
    def fq(v, kind="u8"):
        scale, zero = n.scale_of(v, kind)
        return n.fq(v, qp=(np.float16(scale), zero))
    def conv(x, outputs, k, stride):
        w = n.weights((outputs, x.value.shape[1], k, k), x.value.shape[1] * k * k)
        scale = np.float16(np.abs(w).max() / 127)
        v = n.const(np.clip(np.round(w / scale), -127, 127).astype(np.int8), "weight")
        v.qp = (None, (n.const(scale), n.const(np.int8(0))))
        return n.op("Conv", x, n.dq(v), pads=[k // 2] * 4, strides=[stride] * 2, kernel_shape=[k, k])
    x = fq(n.op("Relu", conv(fq(x), n.p.c, 3, 2)))
    return n.model(n.op("Cast", fq(conv(x, n.p.joints, 1, 1)), to=T.FLOAT))


@case("refused: (?i)(uint16|u16|16-bit)", opset=21)
def activations_16_bit(n):
    """quantize_static(activation_type=QUInt16): 16-bit activations."""
    return ort_quantised(n, float_baseline(n), act="QUInt16")


@case("refused: (?i)(int4|4-bit)", opset=21)
def weights_4_bit(n):
    """4-bit weights (opset 21), 8-bit activations."""
    x = n.stem()
    w = n.rng.randint(-7, 8, (n.p.joints, n.p.c, 1, 1))
    weight = n.const(w, "weight", T.INT4)
    scale = n.const(np.float32(0.05))
    return n.model(n.fq(n.op("Conv", x, n.op("DequantizeLinear", weight, scale), kernel_shape=[1, 1])))


@case("int8")
def requantise(n):
    """s8 to u8 between two layers: a DequantizeLinear and a QuantizeLinear of another scale and type."""
    x = n.conv(n.stem("s8"), n.p.c, act="s8")
    return n.model(n.head(n.fq(x, "u8")))


# --- 4: runs, but on tract, many times slower ------------------------------------------------------

@case("int8")
def ort_bn_behind_deconv(n):
    """torch.onnx.export of any MMPose deconvolution head, then quantize_static with its defaults: BatchNormalization
    stays behind ConvTranspose, with roundings before and behind."""
    return ort_quantised(n, float_baseline(n, bn="float"))


@case("int8")
def nncf_baseline(n):
    """The same head through NNCF: BatchNormalization float, u8 and s8, the last convolution's result not rounded."""
    return n.model(n.baseline("nncf", bn="float", last=None))


@case("int8")
def nncf_hourglass(n):
    """An hourglass level through NNCF: u8 and s8 in its blocks, the upsampled half rounded twice, the result float."""
    c, act = n.p.c, "nncf"
    x = n.stem(act)
    up = n.block(x, act)
    low = n.conv(n.conv(x, c, 3, 2, act=act), c, 3, act=act, relu=False)
    low = n.fq(n.op("Relu", n.op("Add", low, n.conv(x, c, 1, 2, act=act, relu=False))), act)
    scale, zero = n.scale_of(low, "u8")
    y = n.fq(n.op("Add", up, n.fq(n.up(low), qp=(scale * np.float32(0.9), zero))), act)
    return n.model(n.head(n.conv(y, c, act=act), act=None))


@case("int8")
def last_result_float(n):
    """NNCF, OpenVINO, TensorRT styles: the last convolution is quantised, its result is not."""
    return n.model(n.baseline(last=None))


@case("int8")
def ort_symmetric_activations(n):
    """quantize_static(QInt8, ActivationSymmetric=True): Relu stays between two roundings."""
    return ort_quantised(n, float_baseline(n), act="QInt8", options={"ActivationSymmetric": True})


@case("int8")
def weights_behind_q_dq(n):
    """pytorch-quantization, ModelOpt, torch fake-quantised modules: float weights, QuantizeLinear, DequantizeLinear."""
    return n.model(n.baseline(w="q dq", deconv="q dq"))


@case("int8")
def ort_u8_weights(n):
    """quantize_static(weight_type=QUInt8): asymmetric weights of one scale."""
    return ort_quantised(n, n_asymmetric(n), weights="QUInt8", per_channel=False)


@case("int8")
def ort_u8_weights_qoperator(n):
    """The same in QOperator form, without a transposed convolution."""
    return ort_quantised(n, n_asymmetric(n, deconv=False), "QOperator", weights="QUInt8", per_channel=False)


@case("int8")
def ort_asymmetric_weights_per_channel(n):
    """quantize_static(WeightSymmetric=False, per_channel=True)."""
    return ort_quantised(n, n_asymmetric(n), options={"WeightSymmetric": False})


def n_asymmetric(n, deconv=True):
    """Skewed weights (mean 0, far more room above it), so that s8 cannot hold them less their zero point."""
    n.weights = lambda shape, fan_in: ((n.rng.exponential(1, shape) - 1) / np.sqrt(fan_in)).astype(np.float32)
    if deconv:
        return float_baseline(n)
    return n.head(n.block(n.stem(None, w="float"), None, w="float"), act=None, w="float")


@case("int8")
def first_layer_float(n):
    """nodes_to_exclude: the first convolution, as tuning guides advise."""
    x = n.pool(n.conv(n.x, n.p.c, 7, 2, w="float"))
    return n.model(n.head(n.block(x)))


@case("int8")
def last_layer_float(n):
    """nodes_to_exclude: the last convolution, weights and result float."""
    return n.model(n.head(n.block(n.stem()), act=None, w="float"))


@case("int8")
def float_sum(n):
    """PyTorch PT2E, Intel Neural Compressor: a convolution's float result goes into the residual Add unrounded."""
    return n.model(n.baseline(float_sum=True))


@case("int8")
def ort_conv_only(n):
    """quantize_static(op_types_to_quantize=["Conv"]): pool, addition, transposed convolution and BatchNormalization float."""
    return ort_quantised(n, float_baseline(n, bn="float"), op_types_to_quantize=["Conv"])


@case("int8")
def pool_before_quantize(n):
    """Convolution, Relu, MaxPool, and only then QuantizeLinear (TensorRT styles)."""
    return n.model(n.head(n.block(n.fq(n.pool(n.conv(n.fq(n.x), n.p.c, 7, 2, act=None))))))


@case("runs")
def tensorrt_style(n):
    """pytorch-quantization, ModelOpt: only what convolutions read is rounded, so a block's skip is float."""
    x = n.pool(n.conv(n.fq(n.x), n.p.c, 7, 2, act=None))
    y = n.conv(n.fq(x), n.p.c, act=None)
    y = n.conv(n.fq(y), n.p.c, act=None, relu=False)
    y = n.op("Relu", n.op("Add", y, x))
    y = n.deconv(n.fq(n.conv(n.fq(y), 2 * n.p.c, 3, 2, act=None)), n.p.c, act=None, bn="float")
    return n.model(n.head(n.fq(y), act=None))


@case("int8")
def casts(n):
    """torch.onnx.export of convert_fx: a Cast to uint8 of each uint8 value; a bias in int32, whose zero points are a
    Cast of ConstantOfShape."""
    def fq(v):
        v = n.q(v)
        cast = n.op("Cast", v, to=T.UINT8)
        cast.qp = v.qp
        return n.dq(cast)

    def conv(x, outputs, k, stride=1):
        w = n.wq(n.weights((outputs, x.value.shape[1], k, k), x.value.shape[1] * k * k))
        scale = (w.qp[0] * x.qp[0][0]).astype(np.float32)
        zeros = n.op("Cast", n.op("ConstantOfShape", n.const(np.array([outputs], np.int64))), to=T.INT32)
        bias = n.op("DequantizeLinear", n.const(n.rng.randint(-99, 99, outputs).astype(np.int32)), n.const(scale), zeros, axis=0)
        return n.conv(x, outputs, k, stride, wq=w, bias=bias, act=None)
    return n.model(fq(conv(fq(conv(fq(n.x), n.p.c, 3, 2)), n.p.joints, 1)))


@case("int8")
def identities(n):
    """Identity (torch's dropped modules) and Dropout between layers and at the end."""
    x = n.op("Identity", n.stem())
    y = n.op("Dropout", n.conv(x, n.p.c, act=None))
    return n.model(n.op("Identity", n.head(n.fq(y))))


@case("int8")
def identical_zero_points(n):
    """torch.onnx.export of prepare_qat_fx: equal initializers become one with Identity nodes; scales of shape [1]."""
    zero = n.const(np.array([0], np.uint8), "zero_point")
    again = n.op("Identity", zero)

    def fq(v, zero):
        scale = n.const(np.array([n.scale_of(v, "u8")[0]], np.float32), "scale")
        return n.op("DequantizeLinear", n.op("QuantizeLinear", v, scale, zero), scale, zero)
    x = fq(n.conv(n.fq(n.x), n.p.c, 3, 2, act=None), zero)
    return n.model(n.head(fq(n.conv(x, n.p.c, act=None), again)))


@case("int8")
def identical_weights(n):
    """The same for weights: the second convolution's are an Identity of the first's."""
    x = n.stem()
    w = n.const(np.clip(n.rng.randn(n.p.c, n.p.c, 3, 3) * 40, -127, 127).astype(np.int8), "weight")
    scale, zero = n.const(np.float32(0.003)), n.const(np.int8(0))
    y = n.conv(x, n.p.c, wq=n.op("DequantizeLinear", w, scale, zero))
    return n.model(n.head(n.conv(y, n.p.c, wq=n.op("DequantizeLinear", n.op("Identity", w), n.op("Identity", scale), zero))))


@case("int8")
def shared_weights(n):
    """One weight tensor and one DequantizeLinear for two convolutions."""
    x = n.stem()
    w = n.wq(n.weights((n.p.c, n.p.c, 3, 3), 9 * n.p.c))
    return n.model(n.head(n.conv(n.conv(x, n.p.c, wq=w), n.p.c, wq=w)))


@case("int8")
def normalised_inside(n):
    """The picture's Sub and Div in the graph, before the first QuantizeLinear (0..255 goes in)."""
    mean, std = np.array([[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]], np.float32).reshape(2, 1, 3, 1, 1)
    n.x.value = n.input.value = np.round(n.x.value.clip(-2, 2) * 63 + 127).astype(np.float32)
    x = n.op("Div", n.op("Sub", n.x, n.const(mean)), n.const(std))
    return n.model(n.head(n.pool(n.conv(n.fq(x), n.p.c, 7, 2))))


# --- 5: found besides --------------------------------------------------------------------------------

@case("int8")
def constant_nodes(n):
    """Scales, zero points and weights as Constant nodes (torch.onnx.export of fake-quantised modules)."""
    model = n.model(n.baseline())
    g = model.graph
    nodes = [H.make_node("Constant", [], [t.name], value=t) for t in g.initializer] + list(g.node)
    del g.initializer[:], g.node[:]
    g.node.extend(nodes)
    return model


@case("int8")
def initializers_as_inputs(n):
    """keep_initializers_as_inputs=True: old IR versions list every weight as an input."""
    model = n.model(n.baseline())
    for t in model.graph.initializer:
        model.graph.input.append(H.make_tensor_value_info(t.name, t.data_type, t.dims))
    return model


@case("int8")
def contrib_domain(n):
    """quantize_static(UseQDQContribOps=True): QuantizeLinear and DequantizeLinear of com.microsoft."""
    return ort_quantised(n, float_baseline(n), options={"UseQDQContribOps": True})


@case("int8")
def zero_points_of_shape_1(n):
    """Scales and zero points of shape [1] instead of []."""
    model = n.model(n.baseline())
    for t in model.graph.initializer:
        if not t.dims:
            t.dims.append(1)
    return model


@case("int8")
def rounded_twice(n):
    """Two pairs in a row with the same scale: a layer's output and the next one's input, each on its own."""
    x = n.conv(n.stem(), n.p.c)
    return n.model(n.head(n.fq(x, qp=x.qp[0])))


@case("int8")
def uneven_pads(n):
    """Pads of 0 above and 1 below (TensorFlow's SAME with stride 2)."""
    x = n.fq(n.x)
    w = n.wq(n.weights((n.p.c, 3, 3, 3), 27))
    y = n.fq(n.op("Relu", n.op("Conv", x, w, pads=[0, 0, 1, 1], strides=[2, 2], kernel_shape=[3, 3])))
    return n.model(n.head(y))


@case("int8")
def depthwise(n):
    """Grouped convolution (MobileNet, LiteHRNet)."""
    x, c = n.stem(), n.p.c
    w = n.wq(n.weights((c, 1, 3, 3), 9))
    y = n.fq(n.op("Relu", n.op("Conv", x, w, group=c, pads=[1] * 4, kernel_shape=[3, 3])))
    return n.model(n.head(y))


@case("int8")
def upsampled_by_4(n):
    """HRNet's exchange: nearest upsampling by 4."""
    x = n.stem()
    low = n.conv(n.conv(x, n.p.c, 3, 2), n.p.c, 3, 2)
    up = n.op("Resize", low, None, n.const(np.array([1, 1, 4, 4], np.float32)), mode="nearest",
              coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return n.model(n.head(n.fq(n.op("Relu", n.op("Add", x, up)))))


@case("runs")
def upsampled_linear(n):
    """Bilinear upsampling between two roundings (UDP, FPN necks)."""
    low = n.conv(n.stem(), n.p.c, 3, 2)
    up = n.up(low, mode="linear", coordinate_transformation_mode="half_pixel")
    return n.model(n.head(n.fq(up)))


@case("int8")
def sigmoid_at_the_end(n):
    """Sigmoid behind the heatmaps, quantised."""
    return n.model(n.fq(n.op("Sigmoid", n.head(n.stem())), qp=(np.float32(1 / 256), np.uint8(0))))


@case("int8")
def ort_qoperator_concat(n):
    """quantize_static(QOperator): QLinearConcat and QLinearSigmoid of com.microsoft."""
    x = n.stem(None, w="float")
    y = n.op("Concat", x, n.op("Sigmoid", n.conv(x, n.p.c, relu=False, act=None, w="float")), axis=1)
    return ort_quantised(n, n.head(y, act=None, w="float"), "QOperator")


@case("refused: (?i)block", opset=21)
def blocked_weights(n):
    """Opset 21: block_size. As many scales as output channels, but they belong to the input's."""
    x, c = n.stem(), n.p.c
    w = n.rng.randint(-127, 128, (c, c, 1, 1)).astype(np.int8)
    scale = n.rng.uniform(0.001, 0.01, (1, c, 1, 1)).astype(np.float32)
    weight = n.op("DequantizeLinear", n.const(w), n.const(scale), axis=0, block_size=c)
    return n.model(n.head(n.conv(x, c, 1, wq=weight)))


@case("refused: (?i)function", opset=17)
def local_function(n):
    """QuantizeLinear and DequantizeLinear in a function of the model (onnxscript, torch's dynamo exporter)."""
    model = n.model(n.baseline())
    f = H.make_function("tool", "FakeQuantize", ["x", "s", "z"], ["y"],
                        [H.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), H.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])],
                        [H.make_opsetid("", 17)])
    model.functions.append(f)
    model.opset_import.append(H.make_opsetid("tool", 1))
    pairs = {d.input[0]: d for d in model.graph.node if d.op_type == "DequantizeLinear"}
    nodes = []
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            d = pairs[node.output[0]]
            nodes.append(H.make_node("FakeQuantize", list(node.input), list(d.output), node.name, domain="tool"))
        elif not (node.op_type == "DequantizeLinear" and node.input[0] in {x.output[0] for x in model.graph.node if x.op_type == "QuantizeLinear"}):
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@case("int8")
def dedicated_pairs(n):
    """quantize_static(DedicatedQDQPair=True): a pair of its own for each reader of a value."""
    return ort_quantised(n, float_baseline(n), options={"DedicatedQDQPair": True})


@case("int8")
def deconv_3x3_and_2x2(n):
    """MMPose's other deconvolution kernels: 3x3 with output_padding, 2x2 without pads; with a bias."""
    x = n.stem()
    for k, how in ((3, dict(pads=[1] * 4, output_padding=[1, 1])), (2, {})):
        w = n.wq(n.weights((n.p.c, n.p.c, k, k), n.p.c * k * k / 4), 1)
        x = n.op("ConvTranspose", x, w, n.const(n.rng.randn(n.p.c).astype(np.float32) / 9), strides=[2, 2], kernel_shape=[k, k], **how)
        x = n.fq(n.op("Relu", x))
    return n.model(n.head(x))


# --- 6: filters for each channel, gates, and channels that move ----------------------------------------

def group_conv(n, x, k=3, stride=1, groups=None, outputs=None, act="u8", w="s8", relu=True, clip=None):
    """A convolution in groups, with a filter for each channel unless told otherwise."""
    c = x.value.shape[1]
    groups, outputs = groups or c, outputs or c
    weight = n.wq(n.weights((outputs, c // groups, k, k), c // groups * k * k), 0, w)
    b = n.const((0.1 * n.rng.randn(outputs)).astype(np.float32), "bias")
    y = n.op("Conv", x, weight, b, group=groups, pads=[k // 2] * 4, strides=[stride] * 2, kernel_shape=[k, k])
    if clip:
        y = n.op("Clip", y, n.const(np.float32(0)), n.const(np.float32(clip)))
    elif relu:
        y = n.op("Relu", y)
    return n.fq(y, act) if act else y


def gate(n, x, function="HardSigmoid", act="u8", w="s8", mean=None):
    """Squeeze and excitation: each channel times a function of all channels' averages."""
    c = x.value.shape[1]
    y = mean(x) if mean else n.op("GlobalAveragePool", x)
    y = n.fq(y, act)
    y = n.conv(n.conv(y, 4, 1, act=act, w=w), c, 1, relu=False, act=act, w=w)
    how = dict(alpha=1 / 6, beta=0.5) if function == "HardSigmoid" else {}
    return n.fq(n.op("Mul", x, n.fq(n.op(function, y, **how), act)), act)


def shuffled(n, x, groups=2):
    _, c, h, w = x.value.shape
    y = n.op("Reshape", x, n.const(np.array([1, groups, c // groups, h, w])))
    return n.op("Reshape", n.op("Transpose", y, perm=[0, 2, 1, 3, 4]), n.const(np.array([1, c, h, w])))


def wide(n, x, **how):
    """An even number of channels."""
    return n.conv(x, 4 * n.p.c, 1, **how)


@case("int8")
def depthwise_5x5_stride_2(n):
    """MobileNetV3: 5x5 filters, over the input as well."""
    x = group_conv(n, n.fq(n.x), 5, 1)
    return n.model(n.head(group_conv(n, wide(n, x), 5, 2)))


@case("int8")
def ort_depthwise(n):
    """quantize_static of MobileNetV2's block: a filter for each channel, Relu6, a sum."""
    x = n.stem(None, w="float")
    y = group_conv(n, wide(n, x, act=None, w="float"), act=None, w="float", clip=6)
    y = n.op("Add", n.conv(y, n.p.c, 1, act=None, w="float", relu=False), x)
    return ort_quantised(n, n.head(y, act=None, w="float"))


@case("int8")
def ort_depthwise_qoperator(n):
    """The same in QOperator form, with weights of u8: 9 bits less their zero point."""
    x = n.stem(None, w="float")
    y = group_conv(n, wide(n, x, act=None, w="float"), act=None, w="float", clip=6)
    y = n.op("Add", n.conv(y, n.p.c, 1, act=None, w="float", relu=False), x)
    return ort_quantised(n, n.head(y, act=None, w="float"), "QOperator", weights="QUInt8", per_channel=False)


@case("int8")
def grouped(n):
    """ResNeXt and ViPNAS: groups of several channels; and two filters for each channel."""
    x = group_conv(n, wide(n, n.stem()), groups=4)
    x = group_conv(n, x, groups=2, outputs=2 * n.p.c)
    return n.model(n.head(group_conv(n, x, outputs=4 * n.p.c)))


@case("int8")
def ort_gate(n):
    """quantize_static of a squeeze-and-excitation gate."""
    x = gate(n, wide(n, n.stem(None, w="float"), act=None, w="float"), act=None, w="float")
    return ort_quantised(n, n.head(x, act=None, w="float"))


@case("int8", tolerance=2)
def ort_gate_qoperator(n):
    """The same in QOperator form: QLinearGlobalAveragePool, QLinearMul, QLinearSigmoid."""
    x = gate(n, wide(n, n.stem(None, w="float"), act=None, w="float"), "Sigmoid", act=None, w="float")
    return ort_quantised(n, n.head(x, act=None, w="float"), "QOperator")


@case("int8")
def gate_of_mean(n):
    """ViPNAS: x.mean((2, 3)) is a ReduceMean. The gate comes first, of another type than the value."""
    x = wide(n, n.stem("s8"), act="s8")
    y = n.fq(n.op("ReduceMean", x, axes=[2, 3], keepdims=1), "s8")
    y = n.conv(y, 4 * n.p.c, 1, relu=False, act="s8")
    return n.model(n.head(n.fq(n.op("Mul", n.fq(n.op("Sigmoid", y)), x), "s8")))


@case("int8")
def float_gate(n):
    """NNCF: the gate's function is not rounded before the product."""
    x = wide(n, n.stem())
    y = n.conv(n.fq(n.op("GlobalAveragePool", x)), 4 * n.p.c, 1, relu=False)
    return n.model(n.head(n.fq(n.op("Mul", x, n.op("Sigmoid", y)))))


@case("int8")
def ort_silu(n):
    """quantize_static of x * sigmoid(x), CSPNeXt's: roundings of both factors."""
    x = n.conv(n.x, 4 * n.p.c, 3, 2, relu=False, act=None, w="float")
    x = n.op("Mul", x, n.op("Sigmoid", x))
    return ort_quantised(n, n.head(x, act=None, w="float"))


@case("int8", opset=17)
def ort_hard_swish(n):
    """quantize_static of MobileNetV3's function, which ONNX has from opset 14 on."""
    x = n.op("HardSwish", n.conv(n.x, 4 * n.p.c, 3, 2, relu=False, act=None, w="float"))
    return ort_quantised(n, n.head(x, act=None, w="float"))


@case("int8")
def ort_hard_swish_in_parts(n):
    """The same as older exporters write it: x * clip(x + 3, 0, 6) / 6."""
    x = n.conv(n.x, 4 * n.p.c, 3, 2, relu=False, act=None, w="float")
    y = n.op("Clip", n.op("Add", x, n.const(np.float32(3))), n.const(np.float32(0)), n.const(np.float32(6)))
    x = n.op("Div", n.op("Mul", x, y), n.const(np.float32(6)))
    return ort_quantised(n, n.head(x, act=None, w="float"))


@case("int8")
def channel_shuffle(n):
    """ShuffleNetV2's unit: Split, one half through layers, Concat, and a shuffle of channels."""
    x = wide(n, n.stem())
    halves = n.op("Split", x, outputs=2, axis=1)
    y = group_conv(n, n.fq(halves[1]), relu=False)
    y = n.conv(y, 2 * n.p.c, 1)
    return n.model(n.head(n.fq(shuffled(n, n.op("Concat", halves[0], y, axis=1)))))


@case("int8")
def ort_channel_shuffle(n):
    """quantize_static of the same with Slice in place of Split, and groups: ShuffleNetV1's."""
    x = wide(n, n.stem(None, w="float"), act=None, w="float")
    ends = [n.const(np.array([end])) for end in (0, 2 * n.p.c, 2**63 - 1)]
    axis = n.const(np.array([1]))
    a, b = n.op("Slice", x, ends[0], ends[1], axis), n.op("Slice", x, ends[1], ends[2], axis)
    b = group_conv(n, b, groups=2, act=None, w="float")
    y = n.op("Relu", n.op("Concat", a, b, axis=1))
    return ort_quantised(n, n.head(shuffled(n, y), act=None, w="float"))


@case("int8")
def averages(n):
    """Average pools: with zeros around the picture that count, without, and one that rounds its size up."""
    x = wide(n, n.fq(n.x))
    x = n.fq(n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1))
    x = n.fq(n.op("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4))
    x = n.fq(n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1))
    return n.model(n.head(x))


@case("int8")
def weights_across_sizes(n):
    """LiteHRNet: gates computed from pictures of two sizes, each brought back to its own."""
    big = wide(n, n.fq(n.x), act="s8")
    small = n.conv(big, 2 * n.p.c, 3, 2, act="s8")
    pooled = n.fq(n.op("AveragePool", big, kernel_shape=[2, 2], strides=[2, 2]), "s8")
    y = n.fq(n.op("Concat", pooled, small, axis=1), "s8")
    y = n.fq(n.op("Sigmoid", n.conv(y, 6 * n.p.c, 1, relu=False, act="s8")))
    gates = n.op("Split", y, outputs=3, axis=1)
    gates = [n.fq(gate) for gate in (n.op("Concat", gates[0], gates[1], axis=1), gates[2])]
    big = n.fq(n.op("Mul", big, n.up(gates[0])), "s8")
    small = n.fq(n.op("Mul", small, gates[1]), "s8")
    return n.model(n.head(n.fq(n.op("Concat", big, n.up(small), axis=1), "s8")))


# --- 7: as full-size networks come ---------------------------------------------------------------------

@case("int8", opset=17)
def pt2e_clipped(n):
    """torch.onnx.export of a PT2E network (X86InductorQuantizer, Neural Compressor): float weights behind QuantizeLinear,
    Clip of integers, DequantizeLinear; with reduce_range the activations are clipped as well. The sum reads a float
    result, biases are float, and so is the transposed convolution."""
    def clipped(v, low, high):
        made = n.op("Clip", v, *[n.const(np.array(end, v.value.dtype)) for end in (low, high)])
        made.qp = v.qp
        return n.dq(made)

    def fq(v, scale=1.5):
        qp = n.scale_of(v, "u8")
        return clipped(n.q(v, qp=(qp[0] * np.float32(scale), qp[1] // 2)), 0, 127)

    def conv(x, outputs, k, stride=1, relu=True):
        w = n.weights((outputs, x.value.shape[1], k, k), x.value.shape[1] * k * k)
        scale = (np.abs(w).max(axis=(1, 2, 3)) / 127).astype(np.float32)
        s, z = n.const(scale, "weight_scale"), n.const(np.zeros(outputs, np.int8), "weight_zero_point")
        v = n.op("QuantizeLinear", n.const(w, "weight"), s, z, axis=0)
        v = n.op("Clip", v, n.const(np.int8(-127)), n.const(np.int8(127)))
        return n.conv(x, outputs, k, stride, relu=relu, act=None, wq=n.op("DequantizeLinear", v, s, z, axis=0))

    x = fq(n.pool(fq(conv(fq(n.x), n.p.c, 7, 2))))
    y = conv(fq(conv(x, n.p.c, 3)), n.p.c, 3, relu=False)
    y = n.op("Relu", n.op("Add", y, x))
    y = n.deconv(y, n.p.c, act=None, w="float")
    return n.model(conv(fq(y, 2.0), n.p.joints, 1, relu=False))


@case("int8")
def deconv_scales_of_inputs(n):
    """PT2E with XNNPACK's quantiser, is_per_channel: the scales of a transposed convolution's weights lie along its first
    axis, the inputs."""
    x = n.conv(n.block(n.stem("s8"), "s8"), 2 * n.p.c, 3, 2, act="s8")
    w = n.wq(n.weights((2 * n.p.c, n.p.c, 4, 4), 8 * n.p.c), 0)
    y = n.op("ConvTranspose", x, w, pads=[1] * 4, strides=[2, 2], kernel_shape=[4, 4])
    return n.model(n.head(n.fq(n.op("Relu", y), "s8"), act="s8"))


# --- all of them ----------------------------------------------------------------------------------

def step_of(model, want):
    """The scale of the last DequantizeLinear if the output is one, else a 255th of the range."""
    makers = {o: node for node in model.graph.node for o in node.output}
    node = makers[model.graph.output[-1].name]
    constants = {t.name: NH.to_array(t) for t in model.graph.initializer}
    while node.op_type in ("Identity", "Reshape", "Cast"):
        node = makers[node.input[0]]
    if node.op_type == "DequantizeLinear" and node.input[1] in constants:
        return constants[node.input[1]].item()
    return float(want.max() - want.min()) / 255


def unfolded(model):
    """The model with DequantizeLinear, operator, QuantizeLinear for each quantised operator: ONNX Runtime's own kernels
    for these add up in 16 bits on processors without VNNI, and saturate."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = {t.name: NH.to_array(t) for t in model.graph.initializer}
    del copy.graph.node[:]
    for node in model.graph.node:
        if not node.op_type.startswith("QLinear"):
            copy.graph.node.append(node)
            continue
        inputs, output = list(node.input), node.output[0]
        operator = node.op_type.removeprefix("QLinear")
        if operator == "Concat":
            result, values = inputs[:2], inputs[2:]
        elif operator == "Conv":
            result, values = inputs[6:8], inputs[:6]
        else:
            result, values = inputs[-2:], inputs[:-2]
        real = []
        for index in range(0, len(values), 3):
            of = {"axis": 0} if operator == "Conv" and index == 3 else {}
            real.append(f"{output}.{index}")
            copy.graph.node.append(H.make_node("DequantizeLinear", values[index:index + 3], [real[-1]], **of))
        if operator == "Conv" and len(inputs) > 8:
            unit = float(constants[inputs[1]]) * constants[inputs[4]].astype(np.float64)
            real.append(f"{output}.bias")
            copy.graph.initializer.append(NH.from_array((constants[inputs[8]] * unit).astype(np.float32), real[-1]))
        made = H.make_node(operator, real, [f"{output}.float"])
        made.attribute.extend(a for a in node.attribute if a.name != "channels_last")
        copy.graph.node.append(made)
        copy.graph.node.append(H.make_node("QuantizeLinear", [f"{output}.float", *result], [output]))
    return copy


def shrunk(model):
    """The model with short names, and without types of inner values."""
    graph = model.graph
    kept = {v.name for v in [*graph.input, *graph.output]}
    short = {"": ""}

    def name(long):
        if long not in short:
            short[long] = long if long in kept else f"v{len(short)}"
        return short[long]

    for tensor in graph.initializer:
        tensor.name = name(tensor.name)
    for node in graph.node:
        node.input[:] = [name(n) for n in node.input]
        node.output[:] = [name(n) for n in node.output]
        node.name = ""
    del graph.value_info[:]
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=Path(__file__).parent, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="16x16")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--joints", type=int, default=2)
    a = parser.parse_args()
    a.out.mkdir(exist_ok=True)
    height, width = map(int, a.size.split("x"))
    shared = np.random.RandomState(a.seed).randn(1, 3, height, width).astype(np.float32)
    np.save(a.out / "input.npy", shared)
    lines = []
    for number, c in enumerate(CASES, 1):
        name = f"{number:02}-{c.name}"
        n = Net(SimpleNamespace(seed=a.seed * 100 + number, h=height, w=width, c=a.channels, joints=a.joints), c.opset, shared)
        model = c.build(n)
        tolerance, step = 0, 0
        if c.ort and not c.right.startswith("refused"):
            want = session(unfolded(model)).run(None, {"input": n.x.value})[c.output]
            np.save(a.out / f"{name}.want.npy", want)
            tolerance, step = c.tolerance, step_of(model, want)
            model = model if "dynamic" in name else shrunk(model)
        if not np.array_equal(n.x.value, shared):
            np.save(a.out / f"{name}.input.npy", n.x.value)
        model.producer_name = ""
        (a.out / f"{name}.onnx").write_bytes(model.SerializeToString())
        lines.append(f"{name} {tolerance} {step:.9g} {c.right}")
    (a.out / "cases.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
