"""From a trained network to its float and int8 ONNX files.

In: the torch module, frames to calibrate on. Out: `<cache>/<task>-demo.onnx` and
`models/<task>-demo.int8.onnx`, both with the model card.
"""

import hashlib
import os

import onnx
import settings
from halve import halving
from onnx import numpy_helper
from posewire_models import card, crop, quantise
from posewire_models.export import export

MODELS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIDE = 2 * settings.TRAINED_SIDE
METHOD = "minmax"


def float_path(task, cache):
    return os.path.join(cache, f"{task}-demo.onnx")


def int8_path(task):
    return os.path.join(MODELS, f"{task}-demo.int8.onnx")


def _digest(module):
    """SHA-256 of the weights, in the state's own order."""
    sha = hashlib.sha256()
    for value in module.state_dict().values():
        sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()


def publish(task, module, cache, frames, method=METHOD):
    """Writes both files; `frames` (frames.Frame) calibrate the int8 one."""
    made = card.make(task, SIDE, f"models/demo/train_shipped.py {task}", _digest(module), stride=8)
    export(halving(module), made, float_path(task, cache))
    inputs = [crop.network_input(frame.picture, frame.box(), made)[0] for frame in frames]
    quantise.quantise(float_path(task, cache), int8_path(task), inputs, method=method)


def parameters(path):
    """How many weights an ONNX file holds."""
    return sum(numpy_helper.to_array(i).size for i in onnx.load(path).graph.initializer)
