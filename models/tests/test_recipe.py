"""The demo's crops, frames, networks and training loop, on figures that the test draws itself."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import onnx
import pytest
import torch
from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

import augment  # noqa: E402
from people import crops, learn, negatives, render, results, scenes, shots, start  # noqa: E402
from people.recipe import FULL, NETWORKS  # noqa: E402
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


@pytest.mark.parametrize("edge", range(4))
def test_no_edge_of_a_render_shows_in_a_crop(edge):
    """An arm that leaves the render ends outside of the crop, or the crop lies inside the render."""
    size = 256
    rgba = np.zeros((size, size, 4), np.uint8)
    rgba[108:148, 100:] = 255
    rgba = np.ascontiguousarray(np.rot90(rgba, edge))
    cuts = crops._cuts(rgba)
    assert len(cuts) and (((cuts == 0) | (cuts == size - 1)).sum(1) >= 1).all()
    joints = np.array([[75.0, 80], [181, 176]])
    recipe = augment.Recipe(1 / 1.5, 40, 0.2, [])
    rng = np.random.default_rng(edge)
    found = []
    for most in (0.15, 0.35) * 40:
        shifts = lambda most=most: rng.uniform(-most, most, 2) * SIDE
        found.append(
            crops._place(rng, rgba, joints, SIDE, recipe, lambda: augment.draw_fill(rng, recipe), shifts)
        )
        if found[-1]:
            at = augment.transform(cuts, found[-1][0])
            assert not ((at >= 0) & (at < SIDE)).all(1).any()
    assert sum(one is not None for one in found) > 60
    matrix, _ = crops._inside(rgba, joints, SIDE)
    corners = np.array([[0.0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]])
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    assert (seen >= 0).all() and (seen <= size).all()


def test_a_figure_without_cuts_may_lie_anywhere():
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[80:170, 80:170] = 255
    assert crops._cuts(rgba).shape == (0, 2)
    joints, recipe = np.array([[80.0, 80], [170, 170]]), augment.Recipe(0.6, 5, 0, [])
    matrix, _ = crops._place(np.random.default_rng(0), rgba, joints, SIDE, recipe, lambda: 0.3, lambda: (0, 0))
    assert np.isclose(abs(np.linalg.det(matrix[:, :2])), (0.3 * SIDE / 90) ** 2)


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


def test_renders_of_other_code_are_other_renders(tmp_path, monkeypatch):
    package = tmp_path / "people"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (tmp_path / "deep.py").write_text("X = 1\n")
    (package / "low.py").write_text("import numpy\nimport deep\n")
    (package / "aside.py").write_text("Y = 1\n")
    (package / "top.py").write_text("from . import aside, low\nfrom .low import deep\n")
    top, aside = package / "top.py", package / "aside.py"
    before, without = shots.code_hash(top), shots.code_hash(top, {aside})
    (tmp_path / "deep.py").write_text("# Only said.\nX  =  1\n")
    assert shots.code_hash(top) == before
    aside.write_text("Y = 2\n")
    assert shots.code_hash(top) != before and shots.code_hash(top, {aside}) == without
    (tmp_path / "deep.py").write_text("X = 2\n")
    assert shots.code_hash(top, {aside}) != without
    assert len({shots.code(kind) for kind in shots.KINDS}) == len(shots.KINDS)
    place = render.folder(tmp_path, "hand", "train")
    monkeypatch.setattr(shots, "code", lambda kind: "other")
    assert render.folder(tmp_path, "hand", "train") != place


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
        assert torch.equal(results.first_maps(network, 16)(x), wanted[:, :16])
    made = card.make("body", 128, "test", "", extra_channels=("presence", "other"))
    card.check(made, "test")
    results.export(network, made, tmp_path / "x.onnx")
    assert card.read(onnx.load(tmp_path / "x.onnx"))["extra_channels"] == ["presence", "other"]
    got = compare.run(compare.session(tmp_path / "x.onnx"), x.numpy())
    assert np.abs(got - wanted[0].numpy()).max() < 1e-4
    finder = Finder((4, 4), (4, 8), 1)
    results.export(finder, results.finder_card("test", finder), tmp_path / "f.onnx")


def test_fewer_figures_keep_the_kinds_shares():
    assert FULL.with_hands(1200).figures == {"hand": 1200, "body": 1200, "negative": 600, "background": 400}
    assert min(FULL.with_hands(1).figures.values()) == 1


def test_the_schedule_ends_with_the_steps_or_the_minutes():
    assert learn._progress(30, 60, 0, 1e9, None) == 0.5
    # A sitting of ten minutes takes what is left, wherever it begins.
    for first in (0, 25):
        passed = [learn._progress(first, 100, first, elapsed, 10) for elapsed in range(0, 601, 60)]
        assert np.isclose(passed[0], first / 100) and np.isclose(passed[-1], 1)
        assert np.allclose(np.diff(passed), np.diff(passed)[0])
    # A machine that takes all steps sooner is done sooner.
    assert learn._progress(100, 100, 0, 60, 10) == 1
    assert learn._rate(1.0, 0.3, 10**6) > learn._rate(1.0, 0.6, 10**6) > learn._rate(1.0, 1.0, 10**6) > 0
    assert learn._rate(1.0, 0.3, 0) < 0.01


# Starts


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    small = lambda: BasicBaseline(5, 4, (4, 4, 8, 8), (1, 1, 1, 1), (8, 8, 8)).eval()
    torch.manual_seed(0)
    network, other, x = small(), small(), torch.randn(2, 3, 64, 64)
    start.save(tmp_path / "a.npz", network, {"network": "basic", "sittings": []})
    assert start.about(tmp_path / "a.npz") == {"network": "basic", "sittings": []}
    start.load(tmp_path / "a.npz", other, x)
    with torch.no_grad():
        assert torch.allclose(network(x), other(x), atol=1e-2)
    (tmp_path / "b.npz").write_bytes(b"no checkpoint")
    (tmp_path / "b.onnx").write_bytes(b"no network")
    with pytest.raises(start.StartError, match="b.npz: not a checkpoint"):
        start.about(tmp_path / "b.npz")
    wider = BasicBaseline(6, 4, (4, 4, 8, 8), (1, 1, 1, 1), (8, 8, 8))
    for name in ("a.npz", "b.npz", "b.onnx", "none.npz"):
        with pytest.raises(start.StartError, match=f"{name}: not the weights of this network: "):
            start.load(tmp_path / name, wider, x)
    with pytest.raises(start.StartError, match="not the weights"):
        start.load(MODELS / "hand-demo.int8.onnx", wider, x)


def test_the_shipped_hand_goes_on_from_what_it_computes():
    """Also after the batch normalisation has taken its statistics from a batch."""
    first, *_ = (MODELS / "demo" / "clips" / "hand.mjpeg").read_bytes().split(b"\xff\xd8")[1:]
    frame = cv2.imdecode(np.frombuffer(b"\xff\xd8" + first, np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.resize(frame[:, 80:560, ::-1], (256, 256), interpolation=cv2.INTER_AREA)
    x = learn.to_tensor(picture[None])
    wanted = compare.run(compare.session(MODELS / "hand-demo.int8.onnx"), x.contiguous().numpy())
    network = NETWORKS["simple"](23)
    with torch.no_grad():
        half = torch.nn.functional.avg_pool2d(x, 2)
        start.load(MODELS / "hand-demo.int8.onnx", network, half)
        made = network.eval()(half)[0].numpy()
        trained = network.train()(half)[0].numpy()
    known = len(wanted)
    assert wanted.max() > 0.5 and np.abs(made[:known] - wanted).max() < 0.1 * wanted.max()
    assert (made[known:] == 0).all() and np.abs(trained - made).max() < 0.1 * wanted.max()


@pytest.mark.parametrize("name", ["simple", "hourglass"])
def test_a_blend_lies_between_start_and_end(name):
    torch.manual_seed(0)
    before, after = NETWORKS[name](5), NETWORKS[name](5)
    with torch.no_grad():
        # The fifth map is new: the start has nothing there.
        learn.last_layer(before).weight[4:] = 0
        learn.last_layer(before).bias[4:] = 0
    old, new = before.state_dict(), {key: value.clone() for key, value in after.state_dict().items()}
    got = start.blend(old, after, 0.25).state_dict()
    last = next(key for key in got if new[key].shape[:1] == (5,) and new[key].dim() == 4)
    for key, value in got.items():
        if value.dtype.is_floating_point and key not in (last, last.replace("weight", "bias")):
            assert torch.allclose(value, 0.75 * old[key] + 0.25 * new[key], atol=1e-6), key
    assert torch.equal(got[last][4:], new[last][4:])
    assert torch.allclose(got[last][:4], 0.75 * old[last][:4] + 0.25 * new[last][:4], atol=1e-6)


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
