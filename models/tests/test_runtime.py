"""The full-size networks in posewire itself against ONNX Runtime on the same file.

Needs the program: `cargo build --release`, or its path in the environment as POSEWIRE.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from posewire_models import compare

MODELS = Path(__file__).resolve().parents[1]
FIXTURES = MODELS.parent / "tests" / "fixtures"
POSEWIRE = Path(os.environ.get("POSEWIRE", MODELS.parent / "target" / "release" / "posewire"))

pytestmark = pytest.mark.skipif(not POSEWIRE.exists(), reason=f"there is no {POSEWIRE}")


@pytest.fixture(scope="module", params=["hand-256", "body-256", "body-384"])
def network(request, tmp_path_factory, tool):
    """A float network with seeded weights, and an input like a normalised picture."""
    task, side = request.param.split("-")
    path = tmp_path_factory.mktemp(request.param) / f"{task}.onnx"
    assert tool("export.py", task, "--random", "1", "--size", side, "--out", path).returncode == 0
    pixels = np.random.default_rng(3).random((1, 3, int(side) // 8, int(side) // 8), np.float32)
    return path, np.repeat(np.repeat(4 * pixels - 2, 8, 2), 8, 3)


def heatmaps(model, x, folder):
    np.save(folder / "in.npy", x)
    command = [POSEWIRE, "infer", "--model", model, "--input", folder / "in.npy", "--output", folder / "out.npy"]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return np.load(folder / "out.npy")[0], report


def test_float_heatmaps_agree_to_a_thousandth_of_the_range(network, tmp_path):
    path, x = network
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = compare.run(session, x)
    found, _ = heatmaps(path, x, tmp_path)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-3 * np.ptp(wanted)


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_int8_heatmaps_agree_to_a_level(network, form, tmp_path, tool):
    path, x = network
    if x.shape[-1] != 256:
        pytest.skip("one size is enough")
    int8 = tmp_path / "int8.onnx"
    made = tool("quantize.py", path, "--random-images", "7", "--limit", "4", "--form", form, "--out", int8)
    assert made.returncode == 0, made.stderr
    wanted = compare.run(compare.session(int8), x)
    found, report = heatmaps(int8, x, tmp_path)
    assert report.startswith("int8 ("), report
    level = np.diff(np.unique(wanted)).min()
    assert (np.abs(found - wanted) < 1.5 * level).mean() >= 0.999


class OneInput(CalibrationDataReader):
    """The network's own test input, once."""

    def __init__(self, name, x):
        self.left = [{name: x}]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.mark.parametrize("opset", [11, 12, 13, 18])
@pytest.mark.parametrize("activations", [QuantType.QUInt8, QuantType.QInt8])
def test_other_opsets_run_in_integers(opset, activations, tmp_path):
    """Quantised per tensor, like the exports of MMDeploy and older tools: per channel needs opset 13."""
    model = onnx.load(FIXTURES / "hand.onnx")
    # Its operators are the same in all of these opsets.
    model.opset_import[0].version = opset
    plain, int8 = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(model, plain)
    x = np.load(FIXTURES / "hand.input.npy")
    reader = OneInput(model.graph.input[0].name, x)
    quantize_static(str(plain), str(int8), reader, activation_type=activations, weight_type=QuantType.QInt8)
    found, report = heatmaps(int8, x, tmp_path)
    assert report.startswith("int8 ("), report
    assert np.array_equal(found, compare.run(compare.session(int8), x))


def with_explicit_pads(model):
    """The same network with a Pad before each convolution that pads."""
    nodes = []
    for node in model.graph.node:
        pads = next((a for a in node.attribute if a.name == "pads"), None)
        if node.op_type == "Conv" and any(pads.ints):
            top, left, bottom, right = pads.ints
            padded = f"{node.output[0]}_padded"
            sides = onnx.numpy_helper.from_array(
                np.array([0, 0, top, left, 0, 0, bottom, right], np.int64), f"{padded}_sides"
            )
            model.graph.initializer.append(sides)
            nodes.append(onnx.helper.make_node("Pad", [node.input[0], sides.name], [padded], f"{node.name}_pad"))
            node.input[0] = padded
            pads.ints[:] = [0, 0, 0, 0]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_explicit_pads_run_in_integers(form, tmp_path, tool):
    model = with_explicit_pads(onnx.load(FIXTURES / "hand.onnx"))
    plain, int8 = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(model, plain)
    made = tool("quantize.py", plain, "--random-images", "7", "--limit", "4", "--form", form, "--out", int8)
    assert made.returncode == 0, made.stderr
    assert sum(node.op_type == "Pad" for node in onnx.load(int8).graph.node) > 2
    x = np.load(FIXTURES / "hand.input.npy")
    found, report = heatmaps(int8, x, tmp_path)
    assert report.startswith("int8 ("), report
    assert np.array_equal(found, compare.run(compare.session(int8), x))
