"""The demo's crops, frames, networks and training loop, on figures that the test draws itself."""

import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

import augment  # noqa: E402
from people import crops, learn, negatives, render, results, scenes  # noqa: E402
from people.switches import ALL  # noqa: E402
from test_networks import multiply_accumulates  # noqa: E402

from posewire_models import card, compare  # noqa: E402
from posewire_models.basic import FINDER, BasicBaseline, Finder  # noqa: E402

SIDE = 64


def figures(count, joints, labels):
    """Bright discs whose joints lie in a small square in the middle."""
    rng = np.random.default_rng(0)
    pictures = np.zeros((count, 224, 224, 4), np.uint8)
    pictures[:, 60:164, 60:164] = 255
    at = rng.uniform(70, 154, (count, joints, 2)).astype(np.float32)
    hands = np.zeros((count, 2, 21, 3), np.float32)
    hands[..., :2] = rng.uniform(70, 100, (count, 2, 21, 2))
    hands[..., 2] = 1

    class Plain(SimpleNamespace):
        def __len__(self):
            return count

    visible = np.ones((count, joints), np.uint8)
    return Plain(pictures=pictures, joints=at, visible=visible, labels=np.float32(labels), hands=hands)


@pytest.fixture(scope="module")
def parts():
    backgrounds = np.zeros((3, 288, 288, 3), np.uint8) + 40
    kinds = len(negatives.KINDS)
    return {
        "hand": figures(4, 21, [0, 1, 0, 1]),
        "body": figures(4, 16, [np.nan] * 4),
        "negative": figures(kinds, 8, range(kinds)),
        "background": backgrounds,
    }


def _batch(parts, task, switches, count=40):
    definition = {"hand": card.HAND, "body": card.BODY}[task]
    hands = parts["hand"] if task == "body" else None
    source = crops.sources(task, parts[task], parts["negative"], parts["background"], hands)
    recipe = augment.Recipe(1 / definition["crop_padding"], 20, 0.1, definition["flip_pairs"])
    return crops.batch(np.random.default_rng(3), source, SIDE, recipe, switches, count)


@pytest.mark.parametrize("task", ["hand", "body"])
def test_a_batch_tells_what_is_there(parts, task):
    batch = _batch(parts, task, ALL)
    shown = batch.present > 0
    assert 15 < shown.sum() < 36 and batch.crops.shape == (40, SIDE, SIDE, 3)
    assert np.isnan(batch.joints[~shown]).all() and np.isfinite(batch.joints[shown]).all()
    inside = ((batch.joints[shown] >= 0) & (batch.joints[shown] < SIDE)).all(2)
    assert (batch.weights[shown] == inside).all() and (batch.weights[~shown] == 1).all()
    # A hand has a side, a body and a negative have none.
    assert np.isfinite(batch.right[shown]).all() == (task == "hand") and np.isnan(batch.right[~shown]).all()


def test_negatives_can_be_switched_off_and_are_none_of_the_subject(parts):
    assert _batch(parts, "hand", ALL.without("negatives")).present.all()
    names = list(negatives.KINDS)
    source = crops.sources("body", parts["body"], parts["negative"], parts["background"], parts["hand"])
    usable = {names[i] for i in source.others[0][1]}
    assert usable == set(negatives.NOT["body"]) and "face" not in usable
    assert set(negatives.NOT["hand"]) == set(names)


def test_each_switch_names_something_that_is_used():
    rendered = {name for names in results.RENDERED.values() for name in names}
    cropped = {name for names in results.CROPPED.values() for name in names}
    assert rendered | cropped | {"person", "negatives"} == set(vars(ALL))


# The finder's frames


def _object(**given):
    plain = dict(kind="hand", centre=np.array([80.0, 40.0]), size=32.0, direction=0.0, right=1.0, shown=1.0)
    return scenes.Object(**(plain | given))


def test_targets_ask_for_what_can_be_seen():
    out, weights = scenes.targets([_object()])
    assert out.shape == (len(FINDER), 30, 40) and out[0, 5, 10] == 1 and out[0].sum() < 20
    assert np.isclose(out[3, 5, 10], 2 / 5) and out[5, 5, 10] == 1 and out[7, 5, 10] == 1
    assert (weights[:3] == 1).all() and weights[3, 5, 10] == 1 and weights[4].max() == 0
    # Half hidden: neither asked for nor forbidden. Hidden: as if it was not there.
    out, weights = scenes.targets([_object(shown=0.3)])
    assert out.max() == 0 and weights[0, 5, 10] == 0 and weights[0, 20, 20] == 1
    out, weights = scenes.targets([_object(shown=0.0)])
    assert out.max() == 0 and (weights[:3] == 1).all()


@pytest.mark.parametrize("size", [10, 24, 80, 160])
def test_peaks_are_the_targets_read_back(size):
    true = [_object(size=float(size)), _object(kind="person", size=150.0, centre=np.array([200.0, 120.0]))]
    out, _ = scenes.targets(true)
    for channel, one in enumerate(true):
        (score, x, y, found), *more = scenes.peaks(out[[channel, 3 + channel]], 0.5)
        assert (
            score == 1 and (x, y) == tuple(one.centre) and np.isclose(found, one.size, rtol=1e-5) and not more
        )


def test_frames_hold_what_their_truth_says(parts):
    rng = np.random.default_rng(1)
    given = [parts[k] for k in ("hand", "body", "negative", "background")]
    seen = [scenes.sample(rng, *given, ALL) for _ in range(30)]
    counts = [len([o for o in objects if o.kind == "hand"]) for _, objects in seen]
    assert min(counts) == 0 and max(counts) > 1 and seen[0][0].shape == (240, 320, 3)
    for _, objects in seen:
        for one in objects:
            assert 0 <= one.shown <= 1 and one.size > 0 and np.isnan(one.direction) == (one.kind != "hand")


# Shards


def test_shards_are_read_as_one(tmp_path):
    place = render.folder(tmp_path, "body", "train")
    place.mkdir(parents=True)
    count = render.SHARD + 7
    whole = {
        "pictures": np.arange(2 * render.SHARD),
        "joints": np.arange(2 * render.SHARD) * 2,
        "visible": np.arange(2 * render.SHARD) * 3,
        "labels": np.arange(2 * render.SHARD) * 4,
        "hands": np.arange(2 * render.SHARD) * 5,
    }
    for name, values in whole.items():
        for first in (0, render.SHARD):
            np.save(place / f"{first:06}-{name}.npy", values[first : first + render.SHARD])
    found = render.Figures(tmp_path, "body", "train", count)
    assert len(found) == count and found.pictures[render.SHARD + 3] == render.SHARD + 3
    for name in ("joints", "visible", "labels", "hands"):
        assert (getattr(found, name) == whole[name][:count]).all()
    assert render.folder(tmp_path, "body", "train", ALL.without("lying")) != place


# Networks and the loop


def test_networks_cost_what_they_should():
    with torch.device("meta"):
        keypoints, finder = BasicBaseline(23), Finder()
    shape, macs = multiply_accumulates(keypoints, 128)
    assert shape == (1, 23, 32, 32) and 150e6 < macs < 200e6
    total = sum(p.numel() for p in keypoints.parameters())
    assert 3.2e6 < total < 3.4e6
    assert finder.eval()(torch.zeros(1, 3, 240, 320, device="meta")).shape == (1, 8, 30, 40)


def test_files_carry_the_extra_maps_and_can_leave_them_out(tmp_path):
    torch.manual_seed(0)
    network = BasicBaseline(18, 4, (4, 4, 8, 8), (1, 1, 1, 1), (8, 8, 8)).eval()
    x = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        wanted = network(x)
        assert torch.equal(results.joints_alone(network, 16)(x), wanted[:, :16])
    made = card.make("body", 128, "test", "", extra_channels=("presence", "other"))
    card.check(made, "test")
    results.export(network, made, tmp_path / "x.onnx")
    assert card.read(onnx.load(tmp_path / "x.onnx"))["extra_channels"] == ["presence", "other"]
    got = compare.run(compare.session(tmp_path / "x.onnx"), x.numpy())
    assert np.abs(got - wanted[0].numpy()).max() < 1e-4
    finder = Finder((4, 4), (4, 8), 1)
    results.export(finder, results._finder_card("test", finder), tmp_path / "f.onnx")


def test_training_learns_stops_and_goes_on(parts, tmp_path):
    joints = 21
    torch.manual_seed(0)
    source = crops.sources("hand", parts["hand"], parts["negative"], parts["background"])
    recipe = augment.Recipe(0.6, 5, 0, [])
    plain = render.ALL.without(*vars(ALL))
    batch = lambda rng: crops.batch(rng, source, SIDE, recipe, plain, 4)
    fixed = [batch(np.random.default_rng(0))]

    def lesson(steps):
        return learn.Lesson(
            "hand",
            learn.initialise(BasicBaseline(joints + 2, 4, (8, 8, 8, 8), (1, 1, 1, 1), (8, 8, 8))),
            batch,
            lambda network, made: learn.keypoint_loss(network, made, joints),
            lambda network: learn.judge_keypoints(network, fixed, joints),
            steps,
        )

    learn.learn(lesson(6), tmp_path)
    assert torch.load(tmp_path / "hand.pt", weights_only=True)["step"] == 6
    learn.learn(lesson(40), tmp_path, resume=True)
    assert torch.load(tmp_path / "hand.pt", weights_only=True)["step"] == 40
    curve = (tmp_path / "hand.jsonl").read_text().splitlines()
    assert len(curve) == 2 and '"step": 6' in curve[0] and '"pck"' in curve[1]


def test_the_presence_loss_falls_to_nothing_when_it_is_right(parts):
    batch = _batch(parts, "hand", ALL, 6)
    wanted = np.zeros((6, 23, 16, 16), np.float32)
    wanted[:, :21] = augment.targets(batch.joints, SIDE, learn.SIGMA)
    wanted[:, 21] = batch.present[:, None, None]
    wanted[:, 22] = np.nan_to_num(batch.right)[:, None, None]
    right = learn.keypoint_loss(lambda _: torch.from_numpy(wanted), batch, 21)
    wanted[:, 21] = 1 - batch.present[:, None, None]
    wrong = learn.keypoint_loss(lambda _: torch.from_numpy(wanted), batch, 21)
    assert np.isclose(float(wrong - right), learn.PRESENCE_WEIGHT, rtol=1e-4)


def test_auc_counts_pairs():
    assert learn.auc([3, 4], [1, 2]) == 1 and learn.auc([1], [1]) == 0.5 and learn.auc([1], [2, 0]) == 0.5
