"""quantize.py on narrow networks of both kinds, in every form, and on files that it must refuse."""

import collections
import itertools

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from posewire_models import calibration, card, compare, quantise


@pytest.fixture(scope="session")
def int8(small_networks, pictures, tmp_path_factory):
    """int8(task, form, activations) -> path of the quantised network, made once each."""
    folder, made = tmp_path_factory.mktemp("int8"), {}

    def make(task, form, activations):
        key = task, form, activations
        if key not in made:
            source = small_networks[task][1]
            crops = calibration.from_folder(pictures, card.read(onnx.load(source)), 12)
            made[key] = folder / ("-".join(key) + ".onnx")
            quantise.quantise(source, made[key], crops, form, activations)
        return made[key]

    return make


ALL = list(itertools.product(["hand", "body"], quantise.FORMS, quantise.ACTIVATIONS))


@pytest.mark.parametrize("task, form, activations", ALL)
def test_int8_is_close_to_float(small_networks, int8, pictures, task, form, activations):
    source, path = small_networks[task][1], int8(task, form, activations)
    crops = calibration.from_folder(pictures, card.read(onnx.load(source)), 4)
    errors = compare.compare(source, path, crops)
    assert errors.heatmap_relative < 0.02
    assert errors.joints == 4 * len(card.TASKS[task]["joints"])


@pytest.mark.parametrize("task, activations", list(itertools.product(["hand", "body"], quantise.ACTIVATIONS)))
def test_both_forms_hold_the_same_integers(int8, task, activations):
    x = calibration.from_seed(1, card.make(task, 256, "", ""), 1)[0]
    qdq, qoperator = (compare.run(compare.session(int8(task, f, activations)), x) for f in quantise.FORMS)
    steps = np.abs(qdq - qoperator) / np.ptp(qdq) * 255
    assert steps.max() <= 2 and (steps > 0.5).mean() < 0.01


def histogram(path):
    return collections.Counter(n.op_type for n in onnx.load(path).graph.node)


@pytest.mark.parametrize("activations", quantise.ACTIVATIONS)
def test_qdq_form_quantises_every_operator(int8, activations):
    for task in ("hand", "body"):
        graph = onnx.load(int8(task, "qdq", activations)).graph
        dequantised = {n.output[0] for n in graph.node if n.op_type == "DequantizeLinear"}
        quantised = {n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}
        kinds = {n.op_type for n in graph.node} - {"QuantizeLinear", "DequantizeLinear"}
        assert kinds == (
            {"Conv", "Add", "MaxPool", "ConvTranspose"} if task == "hand" else {"Conv", "Add", "Resize"}
        )
        for node in graph.node:
            if node.op_type in kinds:
                data = node.input[:1] if node.op_type == "Resize" else node.input
                assert set(data) <= dequantised and node.output[0] in quantised, node.name


def test_qoperator_form_has_integer_operators(int8):
    hand, body = histogram(int8("hand", "qoperator", "u8")), histogram(int8("body", "qoperator", "u8"))
    assert not {"Conv", "Add", "Relu"} & (set(hand) | set(body))
    assert hand["QLinearConv"] and hand["QLinearAdd"] and hand["MaxPool"] == 1 and hand["ConvTranspose"] == 3
    assert body["QLinearConv"] and body["QLinearAdd"] and body["Resize"] == 3
    # The float tensors are the picture, the heatmaps, and those around ConvTranspose.
    assert (body["QuantizeLinear"], body["DequantizeLinear"]) == (1, 1)


@pytest.mark.parametrize("form", quantise.FORMS)
def test_weights_are_symmetric_per_channel(int8, form):
    graph = onnx.load(int8("hand", form, "u8")).graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    makers = {n.output[0]: n for n in graph.node}
    for node in graph.node:
        if node.op_type == "QLinearConv":
            names, axis = node.input[3:6], 0
        elif node.op_type in ("Conv", "ConvTranspose"):
            maker = makers[node.input[1]]
            names, axis = maker.input, node.op_type == "ConvTranspose"
            assert helper.get_attribute_value(maker.attribute[0]) == axis
        else:
            continue
        levels, scale, zero = (constants[n] for n in names)
        assert levels.dtype == np.int8 and levels.min() >= -127
        assert scale.shape == (levels.shape[axis],) and not zero.any()
        if form == "qdq":
            bias, x = makers[node.input[2]], makers[node.input[0]]
            assert constants[bias.input[0]].dtype == np.int32
            assert np.allclose(constants[bias.input[1]], constants[x.input[1]] * scale, rtol=1e-6)


@pytest.mark.parametrize("method", quantise.METHODS)
def test_every_calibration_method_works(small_networks, tmp_path, method):
    source, out = small_networks["body"][1], tmp_path / "x.onnx"
    crops = calibration.from_seed(2, card.make("body", 256, "", ""), 4)
    quantise.quantise(source, out, crops, method=method)
    assert compare.compare(source, out, crops).heatmap_relative < 0.05


def test_the_tool_prints_errors_and_keeps_the_card(tool, small_networks, pictures, tmp_path):
    source, out = small_networks["hand"][1], tmp_path / "hand.int8.onnx"
    done = tool("quantize.py", source, "--images", pictures, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    first, heatmaps, keypoints = done.stdout.splitlines()
    assert "on 9 crops, measured on 3 others" in first
    assert heatmaps.startswith("heatmaps: mean abs error ") and "%" in heatmaps
    assert all(word in keypoints for word in ("mean", "p95", "max", "px"))
    assert card.read(onnx.load(out)) == card.read(onnx.load(source))
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def test_a_foreign_onnx_takes_its_card_from_toml(small_networks, tmp_path):
    model = onnx.load(small_networks["body"][1])
    found = card.read(model)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    lines = [f"{key} = {value!r}" for key, value in found.items()]
    (tmp_path / "foreign.toml").write_text("\n".join(lines).replace("'", '"'))
    crops = calibration.from_seed(2, found, 2)
    quantise.quantise(tmp_path / "foreign.onnx", tmp_path / "out.onnx", crops)
    assert card.read(onnx.load(tmp_path / "out.onnx")) == found


def test_boxes_choose_the_crop(pictures):
    table = card.make("hand", 256, "", "")
    with_box, without = calibration.from_folder(pictures, table, 12)[0:2]
    assert with_box.shape == without.shape == (1, 3, 256, 256) and with_box.dtype == np.float32


def test_without_pictures(refused, small_networks, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    source = small_networks["hand"][1]
    assert "no pictures in it" in refused("quantize.py", source, "--images", empty)
    assert "no such folder" in refused("quantize.py", source, "--images", tmp_path / "none")


def test_a_broken_picture_is_named(refused, small_networks, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    assert "a.jpg: not a readable picture" in refused(
        "quantize.py", small_networks["hand"][1], "--images", tmp_path
    )


@pytest.mark.parametrize(
    "boxes, message",
    [
        ("{", "not JSON"),
        ("[]", "needs {"),
        ('{"zz.png": [0, 0, 1, 1]}', "names 'zz.png'"),
        ('{"a.png": [0, 0, 1]}', "the box of 'a.png'"),
        ('{"a.png": [0, 0, 0, 5]}', "the box of 'a.png'"),
    ],
)
def test_bad_boxes_are_named(tmp_path, boxes, message):
    (tmp_path / "a.png").touch()
    (tmp_path / "boxes.json").write_text(boxes)
    with pytest.raises(quantise.UserError, match=message):
        calibration.from_folder(tmp_path, card.make("hand", 256, "", ""), 5)


def test_a_broken_onnx_is_named(refused, small_networks, pictures, tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(small_networks["hand"][1].read_bytes()[:5000])
    assert "cut.onnx: not a readable ONNX file" in refused("quantize.py", path, "--images", pictures)
    path = tmp_path / "missing.onnx"
    assert "missing.onnx" in refused("quantize.py", path, "--images", pictures)


def changed(source, path, change):
    model = onnx.load(source)
    change(model)
    onnx.save(model, path)
    return path


def no_card(model):
    del model.metadata_props[:]


def other_card_size(model):
    card.write(model, {**card.read(model), "input_size": [384, 384]})


def other_joint_count(model):
    card.write(model, {**card.read(model), "joints": ["a", "b"]})


def broken_card(model):
    model.metadata_props[0].value = "{"


def card_without_mean(model):
    found = card.read(model)
    del found["mean"]
    card.write(model, found)


def dynamic_batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"


@pytest.mark.parametrize(
    "change, message",
    [
        (no_card, "no model card in its metadata"),
        (
            other_card_size,
            r"input 'input' is float \[1, 3, 256, 256\], its card says float \[1, 3, 384, 384\]",
        ),
        (other_joint_count, r"output 'heatmaps' is float \[1, 21, 64, 64\]"),
        (broken_card, "is not JSON"),
        (card_without_mean, "field 'mean'"),
        (dynamic_batch, "static shapes"),
    ],
)
def test_another_shape_or_card_is_named(small_networks, tmp_path, change, message):
    path = changed(small_networks["hand"][1], tmp_path / "x.onnx", change)
    with pytest.raises(quantise.UserError, match=message):
        quantise.load(path)


def test_an_int8_network_is_not_quantised_again(refused, int8, pictures):
    line = refused("quantize.py", int8("hand", "qdq", "u8"), "--images", pictures)
    assert "already quantised" in line


def test_wrong_arguments_are_one_line(refused, small_networks, pictures):
    source = small_networks["hand"][1]
    assert "--limit" in refused("quantize.py", source, "--images", pictures, "--limit", 0)
    assert "one of the arguments" in refused("quantize.py", source)
