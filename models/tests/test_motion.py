"""The clips of `posewire eval tracking --clips`, with plain discs as figures: no download."""

import json
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

import clip  # noqa: E402
import motion  # noqa: E402

TIMES = np.arange(0, 10, 1 / motion.RATE_HZ)


class Discs:
    """A stage whose figures are discs with all joints round their middle."""

    behind = np.full((clip.SIZE[1], clip.SIZE[0], 3), 90, np.uint8)

    def draw(self, one):
        if one.task == "hand":
            x, y, count = one.x, one.y, 21
        else:
            x, y, count = 320 + 100 * one.x, 240, 16
        rgba = np.zeros((clip.SIZE[1], clip.SIZE[0], 4), np.uint8)
        cv2.circle(rgba, (int(x), int(y)), 60, (200, 150, 120, 255), -1)
        turn = np.linspace(0, 2 * np.pi, count)
        return rgba, np.stack([x + 40 * np.cos(turn), y + 40 * np.sin(turn)], 1)

    def turned(self, _):
        return self.behind


@pytest.mark.parametrize("name", motion.CLIPS)
def test_each_clip_is_a_folder_with_frames_and_truth(name, tmp_path):
    motion.write(name, Discs(), tmp_path, 0.2)
    (folder,) = tmp_path.iterdir()
    truth = json.loads((folder / "truth.json").read_text())
    # The reader refuses fields that it does not know.
    assert set(truth) - {"hands", "bodies"} == {"name", "frame_size", "frames"}
    assert truth["name"] == name and truth["frame_size"] == [640, 480]
    assert truth.get("hands", 0) + truth.get("bodies", 0) > 0
    assert [round(frame["time_us"] - motion.START_US, -2) for frame in truth["frames"]] == [
        round(1e6 * index / 30, -2) for index in range(6)
    ]
    for frame in truth["frames"]:
        assert cv2.imread(str(folder / frame["file"])).shape == (480, 640, 3)
        for one in frame["instances"]:
            assert set(one) == {"id", "task", "side", "visible", "joints"}
            assert np.shape(one["joints"]) == {"hand": (21, 2), "body": (16, 2)}[one["task"]]
            assert 0 <= one["visible"] <= 1


def test_the_same_clip_has_the_same_bytes(tmp_path):
    for run in ("one", "two"):
        motion.write("hidden", Discs(), tmp_path / run, 0.1)
    for path in (tmp_path / "one" / "hidden").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "hidden" / path.name).read_bytes()


@pytest.mark.parametrize("name", motion.CLIPS)
def test_figures_keep_their_numbers_and_move_in_small_steps(name):
    shown = [{one.ident: one for one in motion.CLIPS[name][0](at)[0]} for at in TIMES]
    for before, after in pairwise(shown):
        assert before.keys() == after.keys()
        for ident in before:
            step = abs(after[ident].x - before[ident].x)
            assert step < (70 if after[ident].task == "hand" else 0.05)


def test_what_is_in_front_hides():
    stage = Discs()
    shown = [motion.Hand(2, "left", 300, 240), motion.Hand(1, "right", 310, 240)]
    drawn = [stage.draw(one) for one in shown]
    behind, front = motion.compose(stage.behind, shown, drawn)[1]
    assert behind["visible"] < 0.5 and front["visible"] == 1
    front = motion.board((180, 60, 280, 420))
    picture, truths = motion.compose(stage.behind, shown, drawn, front)
    assert [one["visible"] for one in truths] == [0, 0] and (picture[240, 300] == front[240, 300, :3]).all()


def test_what_is_outside_of_the_frame_is_not_in_view():
    away = motion.Hand(1, "right", 800, 240)
    (truth,) = motion.compose(Discs.behind, [away], [Discs().draw(away)])[1]
    assert truth["visible"] == 0


def test_walkers_face_where_they_go():
    for at in TIMES:
        one, later = (motion.walker(1, at + step, 0) for step in (0, 1e-4))
        way = np.array([later.x - one.x, later.metres - one.metres])
        faces = np.array([-np.sin(one.heading), -np.cos(one.heading)])
        assert way @ faces > 0.99 * np.linalg.norm(way)
