"""The networks' sizes, and the ONNX files made of them, against the torch modules."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from posewire_models import calibration, card, compare, random_weights
from posewire_models.hourglass import Hourglass
from posewire_models.resnet import SimpleBaseline


def multiply_accumulates(module, side):
    """Counted on the meta device: shapes only, no arithmetic."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        reads = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        total += reads.numel() * layer.weight[0].numel()

    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.register_forward_hook(count)
    return module.eval()(torch.zeros(1, 3, side, side, device="meta")).shape, total


def test_hand_network_is_pose_resnet_50():
    with torch.device("meta"):
        module = SimpleBaseline(21)
    assert sum(p.numel() for p in module.parameters()) == 34_000_725
    shape, macs = multiply_accumulates(module, 256)
    assert shape == (1, 21, 64, 64) and round(macs / 1e9, 2) == 7.24


def test_body_network_is_pose_hourglass_52():
    with torch.device("meta"):
        module = Hourglass(16)
        unused = nn.Sequential(*Hourglass(16).backbone.hourglass_modules[0].up1[:1])
    # The published file has 94.85 M: it counts the block that a single stack never runs.
    weights = sum(p.numel() for p in module.parameters())
    assert round((weights + sum(p.numel() for p in unused.parameters())) / 1e6, 2) == 94.85
    shape, macs = multiply_accumulates(module, 256)
    assert shape == (1, 16, 64, 64) and round(macs / 1e9, 2) == 28.62
    with torch.device("meta"):
        assert multiply_accumulates(Hourglass(16), 384)[0] == (1, 16, 96, 96)


@pytest.mark.parametrize("task", ["hand", "body"])
def test_small_onnx_computes_what_torch_does(small_networks, task):
    module, path = small_networks[task]
    x = calibration.from_seed(11, card.make(task, 256, "", ""), 1)[0]
    with torch.no_grad():
        wanted = module(torch.from_numpy(x))[0].numpy()
    got = compare.run(compare.session(path), x)
    assert np.abs(got - wanted).max() < 1e-4
    # Seeded weights keep the heatmaps of order 1.
    assert 0.3 < np.abs(wanted).max() < 10


@pytest.mark.parametrize("task", ["hand", "body"])
def test_onnx_is_tidy_and_carries_the_card(small_networks, task):
    model = onnx.load(small_networks[task][1])
    assert {n.op_type for n in model.graph.node} <= {
        "Conv", "ConvTranspose", "Relu", "MaxPool", "Add", "Resize",
    }  # fmt: skip
    names = [n.name for n in model.graph.node]
    assert len(set(names)) == len(names)
    wanted = {
        "hand": {"backbone.layer1.0.conv1", "backbone.layer1.0.add", "keypoint_head.deconv_layers.0"},
        "body": {
            "backbone.stem.0.conv",
            "backbone.hourglass_modules.0.up2",
            "backbone.hourglass_modules.0.add",
        },
    }
    assert wanted[task] <= set(names)
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("input", "heatmaps")
    found = card.read(model)
    card.check(found, "test")
    assert found == card.make(task, 256, "random seed 5", "")


def test_seeded_weights_are_the_same_each_time():
    narrow = [random_weights.fill(SimpleBaseline(21, (1, 1, 1, 1), 4, 8), 9).state_dict() for _ in range(2)]
    assert all(torch.equal(narrow[0][k], narrow[1][k]) for k in narrow[0])
    other = random_weights.fill(SimpleBaseline(21, (1, 1, 1, 1), 4, 8), 10).state_dict()
    assert not torch.equal(narrow[0]["backbone.conv1.weight"], other["backbone.conv1.weight"])


def test_joint_tables_hold_together():
    for task, count, bones in (("hand", 21, 20), ("body", 16, 15)):
        table = card.TASKS[task]
        assert len(set(table["joints"])) == count and len(table["bones"]) == bones
        # A tree over all joints: each bone brings one new joint.
        assert {j for bone in table["bones"] for j in bone} == set(range(count))
        for left, right in table["flip_pairs"]:
            sides = {table["joints"][left].split("_", 1)[0], table["joints"][right].split("_", 1)[0]}
            assert sides == {"left", "right"}
