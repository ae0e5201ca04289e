"""Renders the clips of `posewire eval tracking --clips`: hands that move, with the truth of each frame.

    python models/demo/motion.py DIR [--cache DIR] [--seconds 5] [--only NAME ...]

Out, per clip: DIR/NAME with baseline JPEGs of 640x480 and truth.json (docs/evaluation.md has its form). Times
are those of 30 Hz. The same seeds give the same bytes.
"""

import argparse
import json
import os
from dataclasses import dataclass

import assets
import clip
import cv2
import dataset
import hand
import hand_look
import hand_pose
import numpy as np
import stage
from augment import over
from figure import look_rotation

RATE_HZ = 30
START_US = 1_000_000
# A camera of 60 degrees, 640 px wide.
FOCAL_PX = 554.0
DEPTH_M = 0.6


@dataclass
class Shown:
    """A hand in one frame: where its middle is in px, and how far away."""

    ident: int
    side: str
    x: float
    y: float
    metres: float = DEPTH_M
    pose: np.ndarray = None
    yaw: float = 10.0


def look_of(ident):
    look = hand_look.sample(np.random.default_rng(900 + ident))
    look.length = 0.4
    return look


def draw(hands, shown):
    """RGBA in rendered pixels, joints in px of the frame, and which of them can be seen."""
    pose = hand_pose.named("open") if shown.pose is None else shown.pose
    rotation = look_rotation(shown.yaw, -6, 8) @ hand.UPRIGHT
    mesh = hands[0] if shown.side == "left" else hands[1]
    shape = hand.build(mesh, pose, look_of(shown.ident), rotation, np.array([0, 0, DEPTH_M]))
    # Its middle lies on the camera's axis, so that a longer lens is a nearer hand.
    camera = clip._camera(FOCAL_PX * DEPTH_M / shown.metres, shown.x, shown.y)
    return clip.draw("hand", shape, camera, clip.HAND_LIGHT)


def covered(alpha, joints):
    """Which joints lie behind a figure that is drawn later."""
    x, y = np.round(joints * clip.DETAIL).astype(int).T
    height, width = alpha.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return inside & (alpha[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] > 128)


def board(box):
    """A board in front of everything, as premultiplied RGBA in rendered pixels."""
    width, height = clip.SIZE[0] * clip.DETAIL, clip.SIZE[1] * clip.DETAIL
    rgba = np.zeros((height, width, 4), np.uint8)
    x, y, w, h = (int(v * clip.DETAIL) for v in box)
    rgba[max(y, 0) : y + h, max(x, 0) : x + w] = (143, 104, 68, 255)
    return rgba


def compose(hands, behind, shown, front=None):
    """A picture, and the truth of its hands."""
    drawn = [draw(hands, one) for one in shown]
    layers = [rgba for rgba, _, _ in drawn] + ([front] if front is not None else [])
    truths = []
    for at, (one, (_, joints, _)) in enumerate(zip(shown, drawn, strict=True)):
        inside = (joints >= 0).all(1) & (joints < clip.SIZE).all(1)
        # A joint behind a finger of its own hand counts as in view.
        hidden = ~inside
        for later in layers[at + 1 :]:
            hidden |= covered(later[..., 3], joints)
        truths.append(
            {
                "id": one.ident,
                "task": "hand",
                "side": one.side,
                "visible": round(1 - float(hidden.mean()), 3),
                "joints": [[round(float(x), 2), round(float(y), 2)] for x, y in joints],
            }
        )
    for layer in layers:
        behind = over(layer, behind)
    return behind, truths


def swing(at, period):
    return np.sin(2 * np.pi * at / period)


def reach(part):
    part = np.clip(part, 0, 1)
    return part**3 * (10 - 15 * part + 6 * part * part)


def rest(_):
    return [Shown(1, "right", 320, 240)], None


def distances(at):
    # 0.4 to 4 m and back in 10 s.
    way = 1 - abs((at % 10) / 5 - 1)
    return [Shown(1, "right", 320 + 40 * swing(at, 7), 240, 0.4 * 10**way)], None


def fist(at):
    mix = clip.ease(np.clip(1.5 * abs(swing(at, 4)) - 0.25, 0, 1))
    pose = hand_pose.named("fist") * (1 - mix) + hand_pose.named("open") * mix
    return [Shown(1, "right", 320, 240, pose=pose)], None


def returns(at):
    part = at % 2.5
    out = reach((part - 0.8) / 0.5) - reach((part - 1.8) / 0.5)
    return [Shown(1, "right", 440 + 420 * out, 240)], None


def cross(at):
    way = 170 * swing(at + 1, 4)
    left = Shown(2, "left", 320 - way, 235)
    return [left, Shown(1, "right", 320 + way, 250)], None


def hidden(at):
    part = at % 2.5
    is_hidden = 1.0 <= part < (1.2 if int(at / 2.5) % 2 == 0 else 1.6)
    return [Shown(1, "right", 320, 240)], (180, 60, 280, 420) if is_hidden else None


def empty(_):
    return [], None


CLIPS = {
    "empty": empty,
    "rest": rest,
    "0.4 to 4 m": distances,
    "fist to open": fist,
    "returns": returns,
    "cross": cross,
    "hidden": hidden,
}


def room_of(name):
    draw_room = stage.lounge if name == "empty" else stage.desk
    return stage.soften(draw_room(1440, 1080), 5)


def write(name, hands, folder, seconds):
    rng = np.random.default_rng(77)
    room = room_of(name)
    folder = os.path.join(folder, name.replace(" ", "-"))
    os.makedirs(folder, exist_ok=True)
    frames = []
    for index in range(round(seconds * RATE_HZ)):
        at = index / RATE_HZ
        shown, box = CLIPS[name](at)
        # What is empty moves; behind hands the room stands still.
        move = 70 * swing(at, 8) if name == "empty" else 0
        behind = clip.window(room, (80 + move, 60 + 0.5 * move))
        front = None if box is None else board(box)
        picture, truths = compose(hands, behind, shown, front)
        file = f"{index:04}.jpg"
        with open(os.path.join(folder, file), "wb") as out:
            out.write(clip.encode(clip.finish(picture, rng)))
        frames.append({"file": file, "time_us": START_US + round(1e6 * at), "instances": truths})
    truth = {"name": name, "frame_size": list(clip.SIZE), "hands": 4, "frames": frames}
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
    hands = dataset.hands(assets.hand_folder(options.cache))
    for name in options.only:
        print(name, flush=True)
        write(name, hands, options.folder, options.seconds)


if __name__ == "__main__":
    main()
