"""Renders the demo's two clips and their truth: clips/hand.mjpeg, body.mjpeg, hand.json, body.json.

    python models/demo/clip.py [--cache DIR]

Out, per clip: 24 baseline 4:2:0 JPEGs of 640x480, simply one after the other, and a JSON file with
each frame's joints in pixels (the centre of pixel (i, j) is at (i, j)), their tight box, and which
of them can be seen. Poses and figures are none of the training's.
"""

import argparse
import json
import os

import assets
import body
import cv2
import dataset
import hand
import hand_look
import hand_pose
import numpy as np
import stage
from augment import over
from body_pose import BONE
from figure import look_rotation

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = (640, 480)
FRAMES = 24
BODY_SEED = 3039
QUALITY = 88
DETAIL = 2  # rendered this much larger, then averaged down

HAND_KEYS = ("open", "spread", "pinch", "point", "victory", "thumbs_up", "relaxed")
HAND_LIGHT = {
    "direction": (-0.65, -0.6, -0.75),
    "ambient": (0.40, 0.42, 0.46),
    "diffuse": (0.78, 0.72, 0.62),
    "specular": 0.13,
    "shininess": 18.0,
    "wrap": 0.3,
    "sky": 0.45,
}
BODY_LIGHT = {**HAND_LIGHT, "specular": 0.04, "ambient": (0.46, 0.46, 0.48)}


def ease(t):
    return t * t * (3 - 2 * t)


def blend(keys, place):
    """A loop through `keys`; `place` runs from 0 to their number. Each key is held for a moment."""
    first = int(place) % len(keys)
    mix = ease(np.clip((place % 1 - 0.15) / 0.85, 0, 1))
    return keys[first] * (1 - mix) + keys[(first + 1) % len(keys)] * mix


def _cover(alpha):
    return cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB).astype(np.float32) / 255


def shadow(picture, alpha, offset, sigma, amount):
    """Darkens the background where the figure's blurred, shifted outline falls."""
    move = np.float32([[1, 0, offset[0]], [0, 1, offset[1]]])
    cast = cv2.GaussianBlur(cv2.warpAffine(alpha, move, alpha.shape[::-1]), (0, 0), sigma)
    return (picture * (1 - amount * _cover(cast))).astype(np.uint8)


def floor_shadow(picture, alpha, ground, amount):
    """The same for a figure that stands: its outline squashed flat on the floor at y = `ground`."""
    flat = np.float32([[1, 0.35, -0.35 * ground], [0, 0.1, 0.9 * ground]])
    cast = cv2.GaussianBlur(cv2.warpAffine(alpha, flat, alpha.shape[::-1]), (0, 0), 7)
    return (picture * (1 - amount * _cover(cast))).astype(np.uint8)


def window(room, at):
    """The part of a larger room that the camera sees; `at` is its top left corner, px."""
    width, height = SIZE[0] * DETAIL, SIZE[1] * DETAIL
    move = np.float32([[1, 0, -at[0]], [0, 1, -at[1]]])
    return cv2.warpAffine(room, move, (width, height), flags=cv2.INTER_LINEAR)


def finish(picture, rng):
    """Down to the frame's size, with a little vignette and grain."""
    picture = cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    picture *= (1 - 0.13 * (x * x + y * y))[..., None]
    return np.clip(picture + rng.normal(0, 1.6, picture.shape[:2] + (1,)), 0, 255).astype(np.uint8)


def _camera(focal, x, y):
    """Pixel (i, j) of the frame is the mean of DETAIL x DETAIL rendered ones."""
    shift = (DETAIL - 1) / 2
    return focal * DETAIL, focal * DETAIL, x * DETAIL + shift, y * DETAIL + shift


def draw(task, shape, camera, light):
    size = SIZE[0] * DETAIL, SIZE[1] * DETAIL
    rgba, joints, visible = dataset.draw(task, shape, camera, size, light)
    return rgba, (joints - (DETAIL - 1) / 2) / DETAIL, visible


def hand_frames(cache):
    hands = dataset.hands(assets.hand_folder(cache))
    look = hand_look.sample(np.random.default_rng(2024))
    look.skin, look.nails = np.array([0.84, 0.62, 0.49]), np.array([0.88, 0.64, 0.54])
    look.sleeve, look.stripe = np.array([0.16, 0.27, 0.42]), np.array([0.86, 0.84, 0.78])
    look.sleeve_start, look.stripe_width, look.length = 0.022, 0.03, 0.4
    look.mottle, look.bend = 0.006, np.radians([8.0, -6.0])
    room = stage.soften(stage.desk(1440, 1080), 7)
    keys = [hand_pose.named(name) for name in HAND_KEYS]
    for index in range(FRAMES):
        phase = 2 * np.pi * index / FRAMES
        pose = blend(keys, index * len(keys) / FRAMES)
        yaw, pitch = 14 + 20 * np.sin(phase), -6 + 7 * np.cos(phase)
        rotation = look_rotation(yaw, pitch, 6 + 9 * np.sin(phase + 1)) @ hand.UPRIGHT
        shape = hand.build(hands[1], pose, look, rotation, np.array([0, 0, 0.6]))
        # The wrist keeps its place on a slow loop; the fingers move over it.
        at = 325 + 16 * np.sin(phase), 380 + 8 * np.cos(phase)
        shape = _anchor(shape, -1)
        camera = _camera(1010, *at)
        rgba, joints, visible = draw("hand", shape, camera, HAND_LIGHT)
        behind = window(room, (80 + 30 * np.sin(phase), 60 + 12 * np.cos(phase)))
        behind = shadow(behind, rgba[..., 3], (46, 40), 26, 0.3)
        yield over(rgba, behind), joints, visible


def _anchor(shape, joint):
    """Moves the figure so that one joint lies on the camera's axis."""
    move = np.array([*shape.joints[joint, :2], 0.0])
    shape.vertices, shape.joints = shape.vertices - move, shape.joints - move
    return shape


def body_pose(index):
    """Walks, stops to wave, walks on."""
    phase = 2 * np.pi * index / FRAMES
    walk = body.walk_pose(2 * phase)
    wave = body.wave_pose(3 * phase)
    # Forearm well up: a wave in place of a pointing arm, in whichever frame one stops.
    wave[BONE["r_forearm"], 0] = np.radians(98 + 20 * np.sin(3 * phase))
    waving = ease(np.clip((np.cos(phase - np.pi * 1.15) + 0.35) / 0.8, 0, 1))
    return walk * (1 - waving) + wave * waving, waving


def body_frames(_):
    person = body.sample_shape(np.random.default_rng(BODY_SEED))
    room = stage.soften(stage.lounge(1440, 1080), 2.5)
    for index in range(FRAMES):
        phase = 2 * np.pi * index / FRAMES
        pose, waving = body_pose(index)
        view = body.View(
            azimuth=0.7 * np.cos(phase) * (1 - 0.75 * waving),
            elevation=np.radians(6),
            distance=4.2,
        )
        shape = body.pose_body(person, pose, view)
        lowest = shape.vertices[:, 1].max()
        at = 318 + 26 * np.sin(phase), 440.0
        focal = 925.0
        ground = at[1]
        camera = _camera(focal, at[0], ground - focal * lowest / 4.2)
        rgba, joints, visible = draw("body", shape, camera, BODY_LIGHT)
        behind = window(room, (80 + 24 * np.sin(phase), 60 + 8 * np.cos(phase)))
        behind = floor_shadow(behind, rgba[..., 3], (ground - 6) * DETAIL, 0.5)
        yield over(rgba, behind), joints, visible


CLIPS = {"hand": hand_frames, "body": body_frames}


def truth(joints, visible):
    low, high = joints.min(0), joints.max(0)
    return {
        "bbox_xywh": [round(float(v), 2) for v in (*low, *(high - low))],
        "keypoints": [[round(float(x), 2), round(float(y), 2)] for x, y in joints],
        "visible": [int(v) for v in visible],
    }


def encode(picture):
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError("the JPEG encoder failed")
    return data.tobytes()


def write(task, cache, folder):
    rng = np.random.default_rng(77)
    os.makedirs(folder, exist_ok=True)
    frames = []
    with open(os.path.join(folder, f"{task}.mjpeg"), "wb") as file:
        for picture, joints, visible in CLIPS[task](cache):
            file.write(encode(finish(picture, rng)))
            frames.append(truth(joints, visible))
    with open(os.path.join(folder, f"{task}.json"), "w") as file:
        json.dump({"task": task, "frame_size": list(SIZE), "frames": frames}, file)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    for task in CLIPS:
        write(task, options.cache, os.path.join(HERE, "clips"))


if __name__ == "__main__":
    main()
