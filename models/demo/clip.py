"""Renders the demo's two clips and their truth, clips/hand.mjpeg, body.mjpeg, hand.json, body.json, or a third one.

    python models/demo/clip.py [--cache DIR]
    python models/demo/clip.py several --out DIR [--cache DIR]

`several` shows two persons with both hands raised. It is not kept: README's picture of several is made from
it. Its truth has `instances` for each frame: task, side, and what follows here. Out, per clip: FRAMES baseline
4:2:0 JPEGs of 640x480, simply one after the other, and a JSON file with each frame's joints in pixels (the
centre of pixel (i, j) is at (i, j)), their tight box, and which of them can be seen. The people are those of
`people/`, so the joints lie where the networks learn them.
Persons, poses and views are none of the training's.
"""

import argparse
import json
import os
from dataclasses import dataclass

import body_pose
import cv2
import hand_pose
import numpy as np
from augment import over
from body_pose import BONE
from figure import look_rotation
from people import draw, dress, packages
from people.bodies import REACH as BODY_REACH
from people.bodies import THICKNESS as BODY_THICKNESS
from people.geometry import X, Y, about
from people.hands import REACH as HAND_REACH
from people.hands import UPRIGHT, palm_frame
from people.skeleton import PELVIS, THORAX, body_joints, body_turns, hand_joints, hand_turns, pose, skin
from people.studio import HAND_THICKNESS, open_studio
from people.wardrobe import skin_for

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = (640, 480)
FRAMES = 24
QUALITY = 88
GRAIN_SEED = 77

# How far behind the surface a visible joint may lie, metres.
THICKNESS = {"hand": HAND_THICKNESS, "body": BODY_THICKNESS}
# Looks and light depend on these seeds alone: each frame draws them anew, and alike.
HAND_SEED, SLEEVE_SEED, BODY_SEED = 2028, 290, 3000
HAND_PLACE, BODY_PLACE = "workshop", "lobby"
HAND_KEYS = ("open", "spread", "fist", "point", "victory", "thumbs_up", "relaxed")
HAND_TRAITS = {"age": 0.6, "sex": 0.2, "muscle": 0.5, "weight": 0.4, "height": 0.5, "proportions": 0.6}
BODY_TRAITS = {"age": 0.68, "sex": 0.95, "muscle": 0.6, "weight": 0.45, "height": 0.55, "proportions": 0.8}
SEVERAL = ((BODY_SEED, BODY_TRAITS), (3138, {**BODY_TRAITS, "sex": 0.05, "age": 0.6}))
ORIGIN = {"african": 1.0, "asian": 1.0, "caucasian": 1.0}


@dataclass
class Subject:
    """One hand or person of a frame."""

    task: str
    side: str  # of a hand: R or L
    joints: np.ndarray  # (J, 3) in camera space


@dataclass
class Shot:
    """One frame's figures in camera space, and how the camera sees them."""

    mesh: draw.Mesh
    subjects: list
    reach: float  # of the shading between limbs, metres
    focal: float  # px of the frame
    centre: tuple  # where the camera's axis meets the frame, px


@dataclass
class Place:
    """A panorama as background and light."""

    name: str
    seed: int
    turn: float  # of the camera about the vertical, radians
    width: float  # of the background's view, radians
    blur: float  # of the background, frame px


def ease(t):
    return t * t * (3 - 2 * t)


def blend(keys, place):
    """A loop through `keys`; `place` runs from 0 to their number. Each key is held for a moment."""
    first = int(place) % len(keys)
    mix = ease(np.clip((place % 1 - 0.15) / 0.85, 0, 1))
    return keys[first] * (1 - mix) + keys[(first + 1) % len(keys)] * mix


def hand_parts(studio, rng, sleeve_seed, person, side, angles, wrist=(0, 0)):
    """(parts of an arm with its sleeve, the hand's joints, the palm's axes). `rng` draws the skin."""
    body, arm = studio.body, studio.arms[side]
    transforms = pose(body, person, hand_turns(body, person, side, angles, wrist))
    texture, tint = skin_for(rng, studio.wardrobe.skins, person.traits), dress.skin_tint(rng)
    posed = arm.matrix(skin(person.vertices, body.weights, transforms))
    parts = [draw.Part(posed, arm.matrix(person.vertices), arm.faces, arm.uv, texture, tint, draw.SKIN)]
    parts.append(dress.sleeve(np.random.default_rng(sleeve_seed), body, person, arm, posed))
    frame = palm_frame(body, person, transforms, side)
    return parts, hand_joints(body, person, transforms, side), frame


def hand_shot(studio, index):
    """A right hand with its sleeve goes through gestures."""
    rng = np.random.default_rng(HAND_SEED)
    phase = 2 * np.pi * index / FRAMES
    person = studio.body.person({**HAND_TRAITS, **ORIGIN})
    keys = [hand_pose.named(name) for name in HAND_KEYS]
    angles = blend(keys, index * len(keys) / FRAMES)
    wrist = (4 * np.sin(phase), -3)
    parts, joints, frame = hand_parts(studio, rng, SLEEVE_SEED, person, "R", angles, wrist)
    look = look_rotation(14 + 18 * np.sin(phase), -6 + 7 * np.cos(phase), 6 + 8 * np.sin(phase + 1))
    rotation = look @ UPRIGHT @ frame.T
    # The wrist keeps its place on a slow loop; the fingers move over it.
    to_camera = lambda v: (v - joints[-1]) @ rotation.T + [0, 0, 0.62]
    mesh = draw.assemble(rng, parts, to_camera, rotation)
    at = 325 + 16 * np.sin(phase), 385 + 8 * np.cos(phase)
    return Shot(mesh, [Subject("hand", "R", to_camera(joints))], HAND_REACH, 1040, at)


def body_angles(index):
    """Walks, stops to wave, walks on: (angles, how much of it is waving)."""
    phase = 2 * np.pi * index / FRAMES
    walk = body_pose.walk_pose(2 * phase)
    wave = body_pose.wave_pose(3 * phase)
    # Forearm well up: a wave in place of a pointing arm, in whichever frame one stops.
    wave[BONE["r_forearm"], 0] = np.radians(98 + 20 * np.sin(3 * phase))
    waving = ease(np.clip((np.cos(phase - np.pi * 1.15) + 0.35) / 0.8, 0, 1))
    return walk * (1 - waving) + wave * waving, waving


def person_parts(studio, seed, person, angles, gestures):
    """(parts of a dressed person, joints (16, 3), {side: a hand's joints (21, 3)}). `seed` draws the outfit;
    `gestures` are their names by side.
    """
    body = studio.body
    turns = body_turns(body, person, angles)
    for side, gesture in gestures.items():
        fingers = hand_turns(body, person, side, hand_pose.named(gesture))
        turns |= {name: turn for name, turn in fingers.items() if not name.startswith("wrist")}
    transforms = pose(body, person, turns)
    parts, _, _ = dress.whole(np.random.default_rng(seed), studio, person, transforms)
    hands = {side: hand_joints(body, person, transforms, side) for side in gestures}
    return parts, body_joints(body, person, transforms), hands


def floor_below(parts, joints):
    """The place on the floor below a standing person's pelvis."""
    lowest = max(part.posed[part.faces].reshape(-1, 3)[:, 1].max() for part in parts)
    return np.array([joints[PELVIS, 0], lowest, joints[PELVIS, 2]])


def body_shot(studio, index):
    """A dressed person walks and waves."""
    phase = 2 * np.pi * index / FRAMES
    person = studio.body.person({**BODY_TRAITS, **ORIGIN})
    angles, waving = body_angles(index)
    parts, joints, _ = person_parts(studio, BODY_SEED, person, angles, {"L": "relaxed", "R": "open"})
    rotation = about(X, np.radians(6)) @ about(Y, 0.7 * np.cos(phase) * (1 - 0.75 * waving))
    # The pelvis stays over its place, the lowest foot on the floor.
    distance, focal, ground = 4.3, 870.0, 446.0
    floor = floor_below(parts, joints)
    to_camera = lambda v: (v - floor) @ rotation.T + [0, 0, distance]
    mesh = draw.assemble(np.random.default_rng(BODY_SEED), parts, to_camera, rotation)
    at = 318 + 26 * np.sin(phase), ground
    return Shot(mesh, [Subject("body", "", to_camera(joints))], BODY_REACH, focal, at)


def raised(phase):
    """Both arms up, each moving a little."""
    angles = body_pose.wave_pose(phase)
    for side, sign in (("r_", 1), ("l_", -1)):
        angles[BONE[side + "arm"]] = np.radians([8, 55 + 8 * np.sin(phase * sign), -82])
        angles[BONE[side + "forearm"], 0] = np.radians(112 + 14 * np.sin(2 * phase + sign))
    return angles


def several_shot(studio, index):
    """Two persons beside each other raise their hands."""
    rotation = about(X, np.radians(3))
    to_camera = lambda v: v @ rotation.T + [0, 0, 2.55]
    parts, subjects = [], []
    for (seed, traits), aside in zip(SEVERAL, (-0.64, 0.64), strict=True):
        angles = raised(2 * np.pi * index / FRAMES + 3 * aside)
        person = studio.body.person({**traits, **ORIGIN})
        own, joints, hands = person_parts(studio, seed, person, angles, {"L": "spread", "R": "open"})
        # The thorax stays at its place.
        move = np.array([aside, 0, 0]) - joints[THORAX]
        for part in own:
            part.posed = part.posed + move
        parts += own
        subjects.append(Subject("body", "", to_camera(joints + move)))
        subjects += [Subject("hand", side, to_camera(both + move)) for side, both in hands.items()]
    mesh = draw.assemble(np.random.default_rng(BODY_SEED), parts, to_camera, rotation)
    return Shot(mesh, subjects, BODY_REACH, 640, (320, 190))


CLIPS = {
    "hand": (hand_shot, Place(HAND_PLACE, 5, 0.6, np.radians(75), 5.0)),
    "body": (body_shot, Place(BODY_PLACE, 6, 1.6, np.radians(80), 3.0)),
    "several": (several_shot, Place(BODY_PLACE, 6, 2.8, np.radians(80), 3.0)),
}


def _square(picture):
    """The frame's part of a square render."""
    return np.ascontiguousarray(picture[: SIZE[1]])


def background(studio, place, phase):
    """(picture RGB, the light there)."""
    panorama = studio.panoramas[packages.PANORAMAS.index(place.name)]
    rotation = about(X, np.radians(4 + 0.5 * np.cos(phase))) @ about(Y, place.turn + 0.03 * np.sin(phase))
    lighting = panorama.lighting(np.random.default_rng(place.seed), rotation)
    seen = draw.to_srgb(panorama.view(np.random.default_rng(place.seed), SIZE[0], rotation, place.width))
    # The panorama's horizon lies in the square's middle, the frame shows its upper three quarters.
    return cv2.GaussianBlur(_square(seen), (0, 0), place.blur), lighting


def _cover(alpha):
    return cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB).astype(np.float32) / 255


def floor_shadow(picture, alpha, ground, amount):
    """Darkens the background where a standing figure's outline, squashed flat, lies on the floor."""
    flat = np.float32([[1, 0.35, -0.35 * ground], [0, 0.1, 0.9 * ground]])
    cast = cv2.GaussianBlur(cv2.warpAffine(alpha, flat, alpha.shape[::-1]), (0, 0), 4)
    return (picture * (1 - amount * _cover(cast))).astype(np.uint8)


def finish(picture, rng):
    """With a little vignette and grain."""
    y, x = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    picture = picture * (1 - 0.13 * (x * x + y * y))[..., None]
    return np.clip(picture + rng.normal(0, 1.6, picture.shape[:2] + (1,)), 0, 255).astype(np.uint8)


def drawn(shot, lighting, seed, corner=(0, 0), side=SIZE[0]):
    """(RGBA, depth) of a square part of the frame, which begins at `corner`."""
    camera = (shot.focal, shot.centre[0] - corner[0], shot.centre[1] - corner[1])
    rng = np.random.default_rng(seed)
    linear, cover, depth = draw.render(rng, shot.mesh, camera, side, lighting, shot.reach)
    return draw.figure(linear, cover), depth


def photograph(studio, clip, index):
    """(picture RGB, [(Subject, joints px (J, 2), whether each is seen)]) of one frame."""
    make, place = CLIPS[clip]
    shot = make(studio, index)
    behind, lighting = background(studio, place, 2 * np.pi * index / FRAMES)
    rgba, depth = drawn(shot, lighting, place.seed)
    rgba = _square(rgba)
    found = []
    for subject in shot.subjects:
        at = draw.project(subject.joints, (shot.focal, *shot.centre))
        x, y = np.clip(np.round(at).astype(int), 0, np.array(SIZE) - 1).T
        found.append((subject, at, subject.joints[:, 2] < depth[y, x] + THICKNESS[subject.task]))
    if clip == "body":
        behind = floor_shadow(behind, rgba[..., 3], shot.centre[1] - 6, 0.5)
    return over(rgba, behind), found


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


def write(studio, clip, folder):
    rng = np.random.default_rng(GRAIN_SEED)
    os.makedirs(folder, exist_ok=True)
    frames = []
    with open(os.path.join(folder, f"{clip}.mjpeg"), "wb") as file:
        for index in range(FRAMES):
            picture, found = photograph(studio, clip, index)
            file.write(encode(finish(picture, rng)))
            truths = [
                {"task": subject.task, "side": subject.side} | truth(*place) for subject, *place in found
            ]
            frames.append({"instances": truths} if clip == "several" else truth(*found[0][1:]))
    with open(os.path.join(folder, f"{clip}.json"), "w") as file:
        json.dump({"task": clip, "frame_size": list(SIZE), "frames": frames}, file)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="*", choices=[[], *CLIPS], help="hand and body if not given")
    parser.add_argument("--out", default=os.path.join(HERE, "clips"))
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    studio = open_studio(options.cache)
    for clip in options.clips or ["hand", "body"]:
        write(studio, clip, options.out)


if __name__ == "__main__":
    main()
