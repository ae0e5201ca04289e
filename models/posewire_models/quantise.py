"""A float ONNX network -> int8, by ONNX Runtime's static quantiser.

In: float ONNX with a model card, and inputs [1, 3, H, W] float32 to calibrate on. Out: int8 ONNX with
the same card; weights symmetric int8 per output channel, biases int32 with scale input * weight,
activations u8 or s8 per tensor. In QDQ form every operator, ConvTranspose included, is between
DequantizeLinear and QuantizeLinear. qoperator.py converts that to the QOperator form.
"""

import contextlib
import io
import logging
from pathlib import Path

import onnx
from onnx import TensorProto
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from . import card as cards
from . import qoperator
from .cli import UserError, whole_or_absent

FORMS = ("qdq", "qoperator")
ACTIVATIONS = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
PERCENTILE = 99.99
OPERATORS = ["Conv", "ConvTranspose", "Relu", "Add", "MaxPool", "Resize"]


class _Reader(CalibrationDataReader):
    """Gives the inputs to the calibrator one at a time, so that it never holds all activations."""

    def __init__(self, name, inputs):
        self.name, self.inputs = name, inputs
        self.set_range(0, len(inputs))

    def __len__(self):
        return len(self.inputs)

    def set_range(self, start_index, end_index):
        self.pending = iter(self.inputs[start_index:end_index])

    def get_next(self):
        x = next(self.pending, None)
        return None if x is None else {self.name: x}


def load(path):
    """A float network and its checked card: (ModelProto, card). UserError if it is anything else."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except OSError:
        raise
    except Exception as error:
        raise UserError(f"{path}: not a readable ONNX file (truncated or of another kind)") from error
    for node in model.graph.node:
        if "Linear" in node.op_type or node.op_type.endswith("Integer"):
            raise UserError(
                f"{path}: already quantised (node '{node.name}' is {node.op_type}); give the float file"
            )
    card = cards.read(model, path) or cards.beside(path)
    if card is None:
        toml = Path(path).with_suffix(".toml")
        raise UserError(
            f"{path}: no model card in its metadata ({cards.METADATA_KEY}) and no {toml} beside it"
        )
    cards.check(card, path)
    _check_shapes(model, card, path)
    return model, card


def _check_shapes(model, card, path):
    constants = {i.name for i in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in constants]
    for kind, values, channels, field in (
        ("input", inputs, 3, "input_size"),
        ("output", list(model.graph.output), cards.channels(card), "heatmap_size"),
    ):
        width, height = card[field]
        wanted = [1, channels, height, width]
        if len(values) != 1:
            raise UserError(f"{path}: has {len(values)} {kind}s, a heatmap network has one")
        tensor = values[0].type.tensor_type
        found = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim]
        if found != wanted or tensor.elem_type != TensorProto.FLOAT:
            type_ = TensorProto.DataType.Name(tensor.elem_type).lower()
            raise UserError(
                f"{path}: {kind} '{values[0].name}' is {type_} {found}, its card says float {wanted}; "
                "export it with static shapes, batch 1"
            )


def quantise(float_path, out_path, inputs, form="qdq", activations="u8", method="minmax"):
    """Calibrates on `inputs` and writes the complete int8 network or no file. Returns its card."""
    model, card = load(float_path)
    inputs = list(inputs)
    if not inputs:
        raise UserError(f"{float_path}: no inputs to calibrate on")
    extra = {"CalibStridedMinMax": 1, "CalibTensorRangeSymmetric": False, "CalibPercentile": PERCENTILE}
    with whole_or_absent(out_path) as temporary, _quiet():
        # The quantiser writes side files beside its input, so it gets a copy in the private folder.
        source = temporary.with_suffix(".float.onnx")
        onnx.save(model, source)
        quantize_static(
            str(source),
            str(temporary),
            _Reader(model.graph.input[0].name, inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=ACTIVATIONS[activations],
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=OPERATORS,
            calibrate_method=METHODS[method],
            extra_options=extra,
        )
        result = onnx.load(str(temporary))
        if form == "qoperator":
            qoperator.convert(result)
        del result.metadata_props[:]
        result.metadata_props.extend(model.metadata_props)
        cards.write(result, card)
        onnx.checker.check_model(result)
        onnx.save(result, temporary)
    return card


@contextlib.contextmanager
def _quiet():
    """Hides the quantiser's advice and progress."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(previous)
