"""A builder of small ONNX graphs: each node is run by ONNX Runtime as it is added, so that every value
is known and scales can be taken from it. Networks are a SimpleBaseline in small (convolution, pool,
residual block, transposed convolution, 1x1) or a few layers of it, with random weights.
"""
import numpy as np, onnx, onnxruntime as ort
from onnx import TensorProto as T, helper as H, numpy_helper as NH

ort.set_default_logger_severity(4)
IR = {9: 4, 10: 5, 11: 6, 13: 7, 17: 8, 19: 9, 21: 10, 23: 11}


def session(model, level="ORT_DISABLE_ALL", save=None):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    if save:
        options.optimized_model_filepath = str(save)
    model = model if isinstance(model, (str, bytes)) else model.SerializeToString()
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class V:
    """A value of the graph: its name, what it is for the net's own input, and its quantisation."""

    def __init__(self, name, value, qp=None):
        self.name, self.value, self.qp = name, value, qp


class Net:
    """A graph that ONNX Runtime computes, node by node, while it is built."""

    def __init__(self, p, opset, x):
        self.p, self.opset, self.rng = p, opset, np.random.RandomState(p.seed)
        self.nodes, self.constants, self.count = [], [], 0
        self.x = self.input = V("input", x)

    def name(self, text):
        self.count += 1
        return f"{text}_{self.count}"

    def const(self, array, name="const", type=None):
        array = np.asarray(array)
        tensor = NH.from_array(array, self.name(name)) if type is None else H.make_tensor(
            self.name(name), type, array.shape, array.flatten())
        self.constants.append(tensor)
        return V(tensor.name, array)

    def op(self, kind, *inputs, domain="", outputs=1, **attributes):
        names = [self.name(kind) for _ in range(outputs)]
        node = H.make_node(kind, [v.name if v else "" for v in inputs], names, names[0], domain=domain, **attributes)
        self.nodes.append(node)
        known = {c.name: c for c in self.constants}
        feeds = {v.name: v.value for v in inputs if v and v.name not in known}
        graph = H.make_graph(
            [node], "one", [H.make_tensor_value_info(k, H.np_dtype_to_tensor_dtype(a.dtype), a.shape) for k, a in feeds.items()],
            [onnx.ValueInfoProto(name=n) for n in names], [known[v.name] for v in inputs if v and v.name in known])
        values = session(self.model_of(graph)).run(None, feeds)
        made = [V(n, a) for n, a in zip(names, values)]
        return made[0] if outputs == 1 else made

    def model_of(self, graph):
        opsets = [H.make_opsetid("", self.opset), H.make_opsetid("com.microsoft", 1)]
        return H.make_model(graph, opset_imports=opsets, ir_version=IR[self.opset])

    def model(self, *outputs, dims=None, value_info=()):
        dims = dims or [1, 3, self.p.h, self.p.w]
        known = isinstance(dims[2], int)
        infos = [H.make_tensor_value_info(v.name, H.np_dtype_to_tensor_dtype(v.value.dtype), [dims[0], *[
            side if known else None for side in v.value.shape[1:]]]) for v in outputs]
        graph = H.make_graph(self.nodes, "net", [H.make_tensor_value_info("input", T.FLOAT, dims)], infos,
                             self.constants, value_info=value_info)
        return self.model_of(graph)

    # --- quantising -----------------------------------------------------------------------------
    def scale_of(self, v, kind):
        low, high = min(float(v.value.min()), 0.0), max(float(v.value.max()), 1e-6)
        if kind == "nncf":  # signed only where there is something below zero
            kind = "u8" if low == 0.0 else "s8"
        if kind == "s8":  # symmetric
            return np.float32(max(-low, high) / 127), np.int8(0)
        scale = np.float32((high - low) / 255)
        zero = int(round(-low / scale))
        return scale, np.uint8(zero) if kind == "u8" else np.int8(zero - 128)

    def q(self, v, kind="u8", qp=None):
        qp = qp or self.scale_of(v, kind)
        consts = self.const(qp[0], "scale"), self.const(qp[1], "zero_point")
        made = self.op("QuantizeLinear", v, *consts)
        made.qp = (qp, consts)
        return made

    def dq(self, v):
        made = self.op("DequantizeLinear", v, *v.qp[1])
        made.qp = v.qp
        return made

    def fq(self, v, kind="u8", qp=None):
        return v if kind is None else self.dq(self.q(v, kind, qp))

    def weights(self, shape, fan_in):
        return (self.rng.randn(*shape) / np.sqrt(fan_in)).astype(np.float32)

    def wq(self, w, axis=0, kind="s8"):
        """Weights as a DequantizeLinear of integers, or whatever `kind` says."""
        if kind == "float":
            return self.const(w, "weight")
        if self.opset < 13:  # no scales per channel yet
            scale = np.float32(np.abs(w).max() / 127)
            v = self.const(np.round(w / scale).astype(np.int8), "weight")
            return self.op("DequantizeLinear", v, self.const(scale, "weight_scale"), self.const(np.int8(0), "weight_zero_point"))
        scale = (np.abs(w).max(axis=tuple(i for i in range(4) if i != axis)) / 127).astype(np.float32)
        shape = [-1 if i == axis else 1 for i in range(4)]
        s, z = self.const(scale, "weight_scale"), self.const(np.zeros(len(scale), np.int8), "weight_zero_point")
        if kind == "q dq":  # float weights behind both nodes, as fake-quantised modules export
            v = self.op("QuantizeLinear", self.const(w, "weight"), s, z, axis=axis)
        else:
            values = np.clip(np.round(w / scale.reshape(shape)), -127, 127).astype(np.int8)
            v = self.const(values, "weight")
        made = self.op("DequantizeLinear", v, s, z, axis=axis)
        made.qp = (scale, None)
        return made

    # --- layers; all of them return the float reading, quantised unless told otherwise --------------
    def conv(self, x, outputs, k=3, stride=1, relu=True, act="u8", w="s8", bias="float", wq=None):
        inputs = x.value.shape[1]
        weight = wq or self.wq(self.weights((outputs, inputs, k, k), inputs * k * k), 0, w)
        b = (0.1 * self.rng.randn(outputs)).astype(np.float32)
        args = {"pads": [k // 2] * 4, "strides": [stride] * 2, "kernel_shape": [k, k]}
        given = {"float": [self.const(b, "bias")], "add": []}[bias] if isinstance(bias, str) else [bias]
        y = self.op("Conv", x, weight, *given, **args)
        if bias == "add":
            y = self.op("Add", y, self.const(b.reshape(1, -1, 1, 1), "bias"))
        y = self.op("Relu", y) if relu else y
        return self.fq(y, act) if act else y

    def deconv(self, x, outputs, act="u8", w="s8", bn=None, relu=True):
        inputs = x.value.shape[1]
        weight = self.wq(self.weights((inputs, outputs, 4, 4), inputs * 4), 1, w)
        y = self.op("ConvTranspose", x, weight, pads=[1] * 4, strides=[2, 2], kernel_shape=[4, 4])
        if bn == "between":  # ORT's default: it rounds before and after
            y = self.fq(y, act)
        if bn:
            y = self.op("BatchNormalization", y, *[self.const(a.astype(np.float32), "bn") for a in (
                self.rng.uniform(0.5, 1.5, outputs) * self.rng.choice([1, 1, 1, -1], outputs), 0.1 * self.rng.randn(outputs),
                0.1 * self.rng.randn(outputs), self.rng.uniform(0.5, 1.5, outputs))])
        y = self.op("Relu", y) if relu else y
        return self.fq(y, act) if act else y

    def pool(self, x):
        return self.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def up(self, x, **how):
        scales = self.const(np.array([1, 1, 2, 2], np.float32), "scales")
        how = how or dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return self.op("Resize", x, None, scales, **how)

    def stem(self, act="u8", **how):
        """The input quantised, a stride-2 convolution and a pool: c channels of a quarter of the size."""
        return self.pool(self.conv(self.fq(self.x, act), self.p.c, 7, 2, act=act, **how))

    def block(self, x, act="u8", float_sum=False, **how):
        c = x.value.shape[1]
        y = self.conv(self.conv(x, c, act=act, **how), c, relu=False, act=None if float_sum else act, **how)
        return self.fq(self.op("Relu", self.op("Add", y, x)), act)

    def baseline(self, act="u8", bn=None, last="u8", deconv="s8", float_sum=False, **how):
        x = self.block(self.stem(act, **how), act, float_sum, **how)
        x = self.conv(x, 2 * self.p.c, 3, 2, act=act, **how)
        x = self.deconv(x, self.p.c, act, deconv, bn)
        return self.head(x, act=last, **how)

    def head(self, x, **how):
        return self.conv(x, self.p.joints, 1, relu=False, **how)
