"""Pictures of one's own: their crops, and the tool from a checkpoint to an int8 file."""

import json
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
from conftest import MODELS

sys.path.append(str(MODELS))
sys.path.append(str(MODELS / "demo"))

import augment  # noqa: E402
import finetune  # noqa: E402
import judge  # noqa: E402
from people import own, start  # noqa: E402
from people.recipe import NETWORKS  # noqa: E402

from posewire_models import card  # noqa: E402
from posewire_models.cli import UserError  # noqa: E402

RECIPE = augment.Recipe(1 / 1.5, 30, 0.1, [[0, 1]])
# A dot of its own colour lies at each joint.
COLOURS = np.array([[250, 20, 20], [20, 250, 20], [20, 20, 250]])


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures with three coloured joints each, and two without anything."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(14):
        picture = np.full((300, 400, 3), 60, np.uint8)
        images.append({"id": i, "file_name": f"{i}.png"})
        if i < 12:
            at = rng.uniform([100, 80], [300, 220], (3, 2)).round()
            for point, colour in zip(at.astype(int), COLOURS, strict=True):
                cv2.circle(picture, point.tolist(), 9, colour[::-1].tolist(), -1)
            flat = np.column_stack([at, [2, 2, 2]]).ravel().tolist()
            annotations.append({"image_id": i, "keypoints": flat})
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture)
    (tmp_path / "labels.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path


def test_joints_follow_their_picture_into_the_crop(folder):
    entries = judge.read_labels(folder / "labels.json")
    subjects, empty = own.read(folder, entries, 3)
    assert len(subjects) == 12 and len(empty) == 2
    plain = own.SWITCHES.without(*vars(own.SWITCHES))
    batch = own.batch(np.random.default_rng(1), subjects, empty, 128, RECIPE, 60, plain)
    seen = right = 0
    for crop, joints, weights, present in zip(
        batch.crops, batch.joints, batch.weights, batch.present, strict=True
    ):
        assert np.isfinite(joints).all() == (present == 1)
        for joint in np.flatnonzero(weights) if present else ():
            x, y = np.clip(joints[joint].round().astype(int), 0, 127)
            seen += 1
            # In a mirrored picture the first two change their names, so their colours.
            allowed = (0, 1) if joint < 2 else (2,)
            right += crop[y, x].argmax() in allowed
    assert 5 < (batch.present == 0).sum() < 30 and seen > 60 and right / seen > 0.9


def test_unlabelled_joints_are_not_asked_for(folder):
    (name, [(joints, labelled, box)]), *_ = judge.read_labels(folder / "labels.json")
    labelled[2] = False
    subjects, _ = own.read(folder, [(name, [(joints, labelled, box)])], 3)
    batch = own.batch(np.random.default_rng(1), subjects, [], 64, RECIPE, 20)
    assert (batch.weights[:, 2] == 0).all() and batch.weights[:, :2].sum() > 20


def test_every_fifth_picture_judges():
    labelled, empty = [(f"{i}", ["x"]) for i in range(12)], [(f"e{i}", []) for i in range(3)]
    seen, kept = finetune.split(labelled + empty)
    assert [name for name, _ in kept] == ["0", "5", "10", "e0"]
    assert {name for name, _ in seen + kept} == {name for name, _ in labelled + empty}
    assert len(seen) + len(kept) == 15
    few = labelled[:9]
    assert finetune.split(few) == (few, few)
    with pytest.raises(UserError, match="no picture has labelled joints"):
        finetune.split(empty)


def _hands(folder):
    """The folder's pictures labelled as hands: twenty-one joints on a circle."""
    angle = np.linspace(0, 2 * np.pi, 21, endpoint=False)
    at = np.column_stack([200 + 60 * np.cos(angle), 150 + 60 * np.sin(angle), np.full(21, 2)])
    labels = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(14)],
        "annotations": [{"image_id": i, "keypoints": at.ravel().tolist()} for i in range(12)],
    }
    (folder / "hands.json").write_text(json.dumps(labels))


def test_the_tool_goes_from_a_checkpoint_to_an_int8_file(folder, monkeypatch, capsys):
    _hands(folder)
    torch.manual_seed(0)
    start.save(folder / "hand.npz", NETWORKS["simple"](23), {"network": "simple", "sittings": [{"steps": 5}]})
    monkeypatch.setattr(finetune, "CALIBRATION_CROPS", 2)
    monkeypatch.setattr(finetune, "CURVE_CROPS", 4)
    arguments = ["finetune.py", "--task", "hand", "--images", str(folder), "--steps", "2"]
    arguments += ["--labels", str(folder / "hands.json"), "--from", str(folder / "hand.npz")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", str(folder / "mine.int8.onnx")])
    finetune.main()
    made = card.read(onnx.load(folder / "mine.int8.onnx"))
    assert made["task"] == "hand" and "extra_channels" not in made
    sittings = start.about(folder / "mine.int8.npz")["sittings"]
    assert sittings[0] == {"steps": 5} and sittings[1]["steps"] == 2 and sittings[1]["own pictures"] == 10
    said = capsys.readouterr().out
    assert "pictures that were kept out" in said and "PCK@0.2" in said and "presence AUC" in said
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", str(folder / "none" / "x.onnx")])
    with pytest.raises(UserError, match="none does not exist"):
        finetune.main()
    (folder / "hand.npz").write_bytes(b"nothing")
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", str(folder / "mine.int8.onnx")])
    with pytest.raises(UserError, match="hand.npz: not a checkpoint"):
        finetune.main()
