"""The shipped networks are those of the checkpoints, with the maps and thresholds that ship.py names."""

import sys

import numpy as np
import onnx
import pytest
import torch

from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

import ship  # noqa: E402
import unseen  # noqa: E402
from people.recipe import TASKS  # noqa: E402
from posewire_models import card  # noqa: E402


@pytest.mark.parametrize("task", TASKS)
def test_the_shipped_file_is_the_checkpoints(task):
    checkpoint = MODELS / "demo" / "checkpoints" / f"{task}.npz"
    _, wanted = ship.network_of(task, checkpoint, torch.zeros(1, 3, 128, 128))
    made = card.read(onnx.load(MODELS / f"{task}-demo.int8.onnx"))
    assert {name: made[name] for name in wanted} == wanted


def test_labels_leave_out_what_lies_outside():
    joints = np.array([[3.004, 4], [-1, 9]])
    assert unseen.labels(joints, np.array([1, 0])) == [3.0, 4.0, 2, 0, 0, 0]
