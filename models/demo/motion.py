"""Renders the clips of `posewire eval tracking --clips`: hands and persons that move, with the truth.

    python models/demo/motion.py DIR [--cache DIR] [--seconds 5] [--only NAME ...]

Out, per clip: DIR/NAME with baseline JPEGs of 640x480 and truth.json (docs/evaluation.md has its form). Times
are those of 30 Hz. The figures are those of clip.py, and so are the joints. The same machine makes the same
bytes each time.
"""

import argparse
import json
import os
from dataclasses import dataclass, replace
from functools import lru_cache

import clip
import cv2
import hand_pose
import numpy as np
from augment import over
from body_pose import walk_pose
from clip import SIZE, Place, Shot, Subject
from figure import look_rotation
from people import draw
from people.bodies import REACH as BODY_REACH
from people.geometry import Y, about
from people.hands import REACH as HAND_REACH
from people.hands import UPRIGHT
from people.studio import open_studio

RATE_HZ = 30
START_US = 1_000_000
# A camera of 60 degrees.
FOCAL_PX = 554.0
VIEW = 2 * np.arctan(SIZE[0] / 2 / FOCAL_PX)
MIDDLE = np.array(SIZE) / 2
CAMERA_HEIGHT_M = 1.05
DEPTH_M = 0.6
# From the knuckles to where the arm is cut off, and a little less.
ARM_M = 0.38
ROOM = Place("apartment", 9, 0.4, VIEW, 3.0)
HALL = Place("hall", 11, 1.2, VIEW, 6.0)

# Both hands are one person's.
SKIN_SEED, SLEEVE_SEED, GRAIN_SEED, LIGHT_SEED = 901, 290, 77, 41
MIDDLE_KNUCKLE = 11
# By number: what draws the outfit, and the person's traits.
WALKERS = {
    1: (3000, clip.BODY_TRAITS),
    2: (3138, {**clip.BODY_TRAITS, "sex": 0.05, "age": 0.6, "height": 0.5}),
}
SHADOW = 0.5
# A render's edge keeps away from the figure, where limbs shade each other, px.
MARGIN_PX = 8


@dataclass(frozen=True)
class Hand:
    """A hand in one frame: where its middle knuckle is in px, and how far away."""

    ident: int
    side: str
    x: float
    y: float
    metres: float = DEPTH_M
    closed: float = 0.0  # 0 open, 1 a fist
    yaw: float = 10.0  # degrees

    task = "hand"


@dataclass(frozen=True)
class Walker:
    """A walking person in one frame, on the floor before the camera. Angles in radians."""

    ident: int
    x: float  # metres to the right of the camera
    metres: float
    phase: float  # of the stride
    heading: float  # 0 towards the camera, a quarter turn to the frame's left

    task, side = "body", None

    @property
    def floor_px(self):
        return MIDDLE[1] + FOCAL_PX * CAMERA_HEIGHT_M / self.metres


def _shot(one, parts, joints, rotation, origin, at, reach):
    """The figure turned, with its point `origin` at the point `at` of the camera's space."""
    to_camera = lambda v: (v - origin) @ rotation.T + at
    mesh = draw.assemble(np.random.default_rng(GRAIN_SEED), parts, to_camera, rotation)
    return Shot(mesh, [Subject(one.task, one.side, to_camera(joints))], reach, FOCAL_PX, tuple(MIDDLE))


def window(shot):
    """(corner, side) of the square that holds what the frame shows of a figure; its side is 0 if that is
    nothing.
    """
    at = draw.project(shot.mesh.vertices, (shot.focal, *shot.centre))[shot.mesh.faces].reshape(-1, 2)
    low = np.clip(np.floor(at.min(0)) - MARGIN_PX, 0, SIZE).astype(int)
    high = np.clip(np.ceil(at.max(0)) + MARGIN_PX, 0, SIZE).astype(int)
    size = high - low
    return tuple(low), int(max(size)) if min(size) > 0 else 0


class Stage:
    """A place with its figures. What frames share is made once: persons, poses, figures that rest."""

    def __init__(self, studio, place):
        self.studio, self.place = studio, place
        self.behind, self.lighting = clip.background(studio, place, 0)
        shape = lambda traits: studio.body.person({**traits, **clip.ORIGIN})
        self.owner = shape(clip.HAND_TRAITS)
        self.walkers = {ident: shape(traits) for ident, (_, traits) in WALKERS.items()}
        self.posed_hand = lru_cache(4)(self._posed_hand)
        self.draw = lru_cache(4)(self._draw)

    def _posed_hand(self, side, closed):
        angles = hand_pose.named("fist") * closed + hand_pose.named("open") * (1 - closed)
        rng, side = np.random.default_rng(SKIN_SEED), side[0].upper()
        return clip.hand_parts(self.studio, rng, SLEEVE_SEED, self.owner, side, angles)

    def _hand(self, one):
        parts, joints, frame = self.posed_hand(one.side, one.closed)
        rotation = look_rotation(one.yaw, -6, 8) @ UPRIGHT @ frame.T
        at = np.append((np.array([one.x, one.y]) - MIDDLE) / FOCAL_PX, 1) * one.metres
        return _shot(one, parts, joints, rotation, joints[MIDDLE_KNUCKLE], at, HAND_REACH)

    def _walker(self, one):
        (seed, _), person = WALKERS[one.ident], self.walkers[one.ident]
        gestures = {"L": "relaxed", "R": "relaxed"}
        parts, joints, _ = clip.person_parts(self.studio, seed, person, walk_pose(one.phase), gestures)
        at = np.array([one.x, CAMERA_HEIGHT_M, one.metres])
        floor = clip.floor_below(parts, joints)
        return _shot(one, parts, joints, about(Y, one.heading), floor, at, BODY_REACH)

    def _draw(self, one):
        """A figure as premultiplied RGBA of the frame, and its joints in px."""
        shot = self._hand(one) if one.task == "hand" else self._walker(one)
        rgba = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
        (x, y), side = window(shot)
        if side:
            drawn, _ = clip.drawn(shot, self.lighting, LIGHT_SEED, (x, y), side)
            part = rgba[y : y + side, x : x + side]
            part[:] = drawn[: part.shape[0], : part.shape[1]]
        return rgba, draw.project(shot.subjects[0].joints, (shot.focal, *shot.centre))

    def turned(self, angle):
        """The place as a camera sees it that is turned by an angle, radians."""
        return clip.background(self.studio, replace(self.place, turn=self.place.turn + angle), 0)[0]


def covered(alpha, joints):
    """Which joints lie behind a figure that is drawn later."""
    x, y = np.round(joints).astype(int).T
    height, width = alpha.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return inside & (alpha[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] > 128)


def board(box):
    """A board in front of everything, as premultiplied RGBA of the frame."""
    rgba = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    x, y, w, h = box
    rgba[y : y + h, x : x + w] = (143, 104, 68, 255)
    return rgba


def compose(behind, shown, drawn, front=None):
    """A picture, and the truth of its figures. `drawn`: (RGBA, joints) of each; the last is in front."""
    layers = [rgba for rgba, _ in drawn] + ([front] if front is not None else [])
    truths = []
    for at, (one, (_, joints)) in enumerate(zip(shown, drawn, strict=True)):
        inside = (joints >= 0).all(1) & (joints < SIZE).all(1)
        # A joint behind a finger of its own hand counts as in view.
        hidden = ~inside
        for later in layers[at + 1 :]:
            hidden |= covered(later[..., 3], joints)
        truths.append(
            {
                "id": one.ident,
                "task": one.task,
                "side": one.side,
                "visible": round(1 - float(hidden.mean()), 3),
                "joints": [[round(float(x), 2), round(float(y), 2)] for x, y in joints],
            }
        )
    for one, (rgba, _) in zip(shown, drawn, strict=True):
        if one.task == "body":
            behind = clip.floor_shadow(behind, rgba[..., 3], one.floor_px - MARGIN_PX, SHADOW)
    for layer in layers:
        behind = over(layer, behind)
    return behind, truths


def swing(at, period):
    return np.sin(2 * np.pi * at / period)


def reach(part):
    part = np.clip(part, 0, 1)
    return part**3 * (10 - 15 * part + 6 * part * part)


def rest(_):
    return [Hand(1, "right", 320, 240)], None


def distances(at):
    # 0.4 to 4 m and back in 10 s.
    way = 1 - abs((at % 10) / 5 - 1)
    metres = 0.4 * 10**way
    # Far away it is low, so that the frame and no cut ends the arm.
    low = SIZE[1] - FOCAL_PX * ARM_M / metres
    return [Hand(1, "right", 320 + 40 * swing(at, 7), max(240, low), metres)], None


def fist(at):
    is_open = clip.ease(np.clip(1.5 * abs(swing(at, 4)) - 0.25, 0, 1))
    return [Hand(1, "right", 320, 240, closed=1 - is_open)], None


def returns(at):
    part = at % 2.5
    out = reach((part - 0.8) / 0.5) - reach((part - 1.8) / 0.5)
    return [Hand(1, "right", 440 + 420 * out, 240)], None


def cross(at):
    way = 170 * swing(at + 1, 4)
    left = Hand(2, "left", 320 - way, 235)
    return [left, Hand(1, "right", 320 + way, 250)], None


def hidden(at):
    part = at % 2.5
    is_hidden = 1.0 <= part < (1.2 if int(at / 2.5) % 2 == 0 else 1.6)
    return [Hand(1, "right", 320, 240)], (180, 60, 280, 420) if is_hidden else None


def empty(_):
    return [], None


def walker(ident, at, ahead):
    """On an ellipse before the camera, once in 8 s; `ahead` is the place on it, radians."""
    place = 2 * np.pi * at / 8 + ahead
    across, away = 0.9 * np.cos(place), -0.4 * np.sin(place)
    x, metres = 0.9 * np.sin(place), 3.0 + 0.4 * np.cos(place)
    return Walker(ident, x, metres, 2 * np.pi * at / 1.4 + ahead, np.arctan2(-across, -away))


def persons_cross(at):
    two = [walker(1, at, 0.75 * np.pi), walker(2, at, 1.75 * np.pi)]
    return sorted(two, key=lambda one: -one.metres), None


# By name: what is shown at a time, and where.
CLIPS = {
    "empty": (empty, HALL),
    "rest": (rest, ROOM),
    "0.4 to 4 m": (distances, ROOM),
    "fist to open": (fist, ROOM),
    "returns": (returns, ROOM),
    "cross": (cross, ROOM),
    "hidden": (hidden, ROOM),
    "persons cross": (persons_cross, HALL),
}


def write(name, stage, folder, seconds):
    rng = np.random.default_rng(GRAIN_SEED)
    folder = os.path.join(folder, name.replace(" ", "-"))
    os.makedirs(folder, exist_ok=True)
    frames = []
    for index in range(round(seconds * RATE_HZ)):
        at = index / RATE_HZ
        shown, box = CLIPS[name][0](at)
        # What is empty moves; behind figures the place stands still.
        behind = stage.turned(0.12 * swing(at, 8)) if name == "empty" else stage.behind
        front = None if box is None else board(box)
        picture, truths = compose(behind, shown, [stage.draw(one) for one in shown], front)
        file = f"{index:04}.jpg"
        with open(os.path.join(folder, file), "wb") as out:
            out.write(clip.encode(clip.finish(picture, rng)))
        frames.append({"file": file, "time_us": START_US + round(1e6 * at), "instances": truths})
    follows = {"hands": 0, "bodies": 2} if name == "persons cross" else {"hands": 4}
    truth = {"name": name, "frame_size": list(SIZE), **follows, "frames": frames}
    with open(os.path.join(folder, "truth.json"), "w") as out:
        json.dump(truth, out)
        out.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--cache", default=os.path.join(clip.HERE, ".cache"))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", nargs="+", choices=list(CLIPS), default=list(CLIPS))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    studio = open_studio(options.cache)
    for name in options.only:
        print(name, flush=True)
        write(name, Stage(studio, CLIPS[name][1]), options.folder, options.seconds)


if __name__ == "__main__":
    main()
