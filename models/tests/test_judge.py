"""The judge of the demo's networks on pictures with labels in COCO's form."""

import json
import sys

import cv2
import numpy as np
import pytest

from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

import judge  # noqa: E402
from posewire_models import card, synthetic  # noqa: E402
from posewire_models.cli import UserError  # noqa: E402


class Knows:
    """Finds one hand exactly, all others half a box beside, and is as sure as it is bright."""

    card = card.make("hand", 256, "", "")

    def __init__(self, truth):
        self.truth = truth

    def __call__(self, picture, box):
        sure = picture.mean() / 255
        return (self.truth if sure > 0.5 else self.truth + 60), sure


@pytest.fixture
def folder(tmp_path):
    truth = np.stack([np.linspace(20, 120, 21), np.full(21, 60)], 1)
    images, annotations = [], []
    for number, light in enumerate((200, 90, 150)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((160, 160, 3), light, np.uint8))
        images.append({"id": number, "file_name": f"{number}.png"})
        if number < 2:
            keypoints = np.c_[truth, np.full(21, 2)].ravel().tolist()
            annotations.append({"image_id": number, "keypoints": keypoints})
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path, labels, truth


def test_it_counts_joints_and_empty_pictures(folder):
    place, labels, truth = folder
    found = judge.judge(Knows(truth), place, judge.read_labels(labels))
    assert found["PCK@0.2"] == 0.5 and found["subjects"] == 2 and found["empty pictures"] == 1
    # The empty picture is brighter than one of the two hands.
    assert found["presence AUC"] == 0.5 and found["empty pictures above it"] == 1


def test_the_shipped_network_can_be_judged(folder):
    place, labels, _ = folder
    cv2.imwrite(str(place / "0.png"), synthetic.pictures(3, 1, 160)[0])
    found = judge.judge(judge.Network(MODELS / "hand-demo.int8.onnx"), place, judge.read_labels(labels))
    assert 0 <= found["PCK@0.2"] <= 1 and 0 <= found["presence AUC"] <= 1


@pytest.mark.parametrize("text", ["", "[]", '{"images": [{}], "annotations": []}', '{"images": []}'])
def test_labels_of_another_form_are_refused(tmp_path, text):
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(UserError, match="not COCO keypoints"):
        judge.read_labels(path)
