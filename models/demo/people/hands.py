"""Compositions of one hand: an arm alone or a whole person seen at the hand, and what touches it."""

import hand_pose
import numpy as np
from body_pose import sample_pose
from figure import look_rotation

from . import draw, dress
from .geometry import random_rotation, unit
from .skeleton import body_turns, hand_joints, hand_turns, palm, pose, skin
from .studio import HAND_THICKNESS, Composition
from .wardrobe import skin_for

REACH = 0.02
# Small, so that the arm leaves the picture outside of most crops.
FILL = (0.38, 0.48)
# From a wrist's axes (`palm_frame`) to a camera that sees the palm, fingers up.
UPRIGHT = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]])


def _grasp(rng, angles):
    """Curls the fingers round a thing. Returns its radius, metres."""
    radius = rng.uniform(0.012, 0.045)
    curl = np.interp(radius, [0.012, 0.045], [78, 34])
    for f in range(1, 5):
        angles[f, :3] = curl * np.array([0.8, 1.0, 0.6]) + rng.normal(0, 5, 3)
        angles[f, 3] *= 0.4
    angles[0] = rng.uniform(5, 30), rng.uniform(25, 50), rng.uniform(5, 35), rng.uniform(0, 40)
    return radius


def _fist(rng):
    angles = hand_pose.named("fist") + rng.normal(0, 7, (5, 4))
    return hand_pose.clamp(angles)


def palm_frame(body, person, transforms, side):
    """The posed palm's axes in the world, as columns: x, back of the hand, -fingers."""
    _, forward, p, _ = palm(body, person, side)
    turned = transforms[body.index[f"wrist.{side}"], :, :3]
    return turned @ np.stack([np.cross(-p, -forward), -p, -forward], 1)


def _towards_camera(rng, frame, grazing):
    """The camera's rotation for a hand whose wrist has the axes `frame` (x, back of the hand, -fingers)."""
    if rng.random() < 0.12:
        return random_rotation(rng)
    yaw = (0.0 if rng.random() < 0.55 else 180.0) + rng.normal(0, 28)
    pitch = rng.normal(0, 20)
    if grazing:
        if rng.random() < 0.5:
            yaw += 90 + rng.normal(0, 15)
        else:
            pitch += rng.choice([-1, 1]) * rng.uniform(55, 90)
    return look_rotation(yaw, pitch, rng.normal(0, 30)) @ UPRIGHT @ frame.T


def _palm_place(body, person, transforms, side, joints):
    """(centre, normal) of the palm in the world."""
    _, _, p, _ = palm(body, person, side)
    normal = transforms[body.index[f"wrist.{side}"], :, :3] @ p
    return 0.6 * joints[[7, 11, 15, 19]].mean(0) + 0.4 * joints[20] + normal * 0.014, normal


def _patch(rng, studio, at, normal):
    """Somebody's face or thigh that a palm at `at`, which faces along `normal`, lies on."""
    body, person = studio.body, studio.person(rng)
    transforms = pose(body, person, {})
    if rng.random() < 0.5:
        share = body.share(body.family("head"))
    else:
        share = body.share([f"upperleg0{k}.{'LR'[rng.integers(2)]}" for k in (1, 2)])
    keep = (share[body.faces] > 0.5).all(1)
    faces, uv = body.faces[keep], body.uv[keep]
    posed = skin(person.vertices, body.weights, transforms)
    used = np.unique(faces)
    turn = random_rotation(rng)
    posed = (posed - posed[used].mean(0)) @ turn.T
    # The surface that meets the palm lies where the palm's normal leaves the part's middle backwards.
    along = posed[used] @ -normal
    aside = np.linalg.norm(posed[used] - np.outer(posed[used] @ normal, normal), axis=1)
    near = along[aside < 0.03]
    depth = near.max() if len(near) else along.max()
    posed = posed + at + normal * depth
    texture = skin_for(rng, studio.wardrobe.skins, person.traits)
    return draw.Part(posed, person.vertices, faces, uv, texture, dress.skin_tint(rng), draw.SKIN)


def _second(rng, studio, person, at, rotation, texture, tint):
    """Parts of another arm near `at`, mostly the same person's other hand."""
    body = studio.body
    side = "LR"[rng.integers(2)]
    arm = studio.arms[side]
    angles = hand_pose.sample(rng)
    transforms = pose(
        body, person, hand_turns(body, person, side, angles, (rng.normal(0, 22), rng.normal(0, 12)))
    )
    posed = arm.matrix(skin(person.vertices, body.weights, transforms))
    joints = hand_joints(body, person, transforms, side)
    frame = palm_frame(body, person, transforms, side)
    turn = rotation.T @ _towards_camera(rng, frame, rng.random() < 0.3)
    aside = rng.normal(size=3)
    # Beside the first hand, a little before or behind it, from crossing to apart.
    offset = rotation.T @ (
        unit(aside * [1, 1, 0]) * rng.uniform(0.03, 0.15) + [0, 0, rng.uniform(-0.04, 0.09)]
    )
    move = lambda v: (v - joints.mean(0)) @ turn.T + at + offset
    other = posed if rng.random() < 0.7 else posed * [-1, 1, 1]
    faces, uv = arm.faces, arm.uv
    if other is not posed:
        # A mirrored left hand is a right one: its faces turn round.
        faces, uv = faces[:, ::-1].copy(), uv[:, ::-1].copy()
        joints = joints * [-1, 1, 1]
    out = [draw.Part(move(other), arm.matrix(person.vertices), faces, uv, texture, tint, draw.SKIN)]
    if rng.random() < 0.4 and other is posed:
        out.append(dress.sleeve(rng, body, person, arm, move(posed)))
    return out


def sample(rng, studio, switches):
    """A random hand as a Composition."""
    body, person = studio.body, studio.person(rng)
    on = lambda name: rng.random() < getattr(switches, name)
    side = "LR"[rng.integers(2)]
    arm = studio.arms[side]
    radius = None
    if on("fists"):
        angles = _fist(rng)
    else:
        angles = hand_pose.sample(rng)
        radius = _grasp(rng, angles) if on("held") else None
    turns = hand_turns(body, person, side, angles, (rng.normal(0, 22), rng.normal(0, 12)))
    is_whole = on("person")
    if is_whole:
        turns = {**body_turns(body, person, sample_pose(rng)), **turns}
    transforms = pose(body, person, turns)
    joints = hand_joints(body, person, transforms, side)
    if is_whole:
        rotation = dress.view(rng, 0.15)
    else:
        rotation = _towards_camera(rng, palm_frame(body, person, transforms, side), on("grazing"))
    posed = arm.matrix(skin(person.vertices, body.weights, transforms))
    if is_whole:
        parts, texture, tint = dress.whole(rng, studio, person, transforms, without=arm.keep)
    else:
        parts, texture, tint = [], skin_for(rng, studio.wardrobe.skins, person.traits), dress.skin_tint(rng)
    own = dress.grime(rng, texture) if on("dirty") else texture
    parts.append(draw.Part(posed, arm.matrix(person.vertices), arm.faces, arm.uv, own, tint, draw.SKIN))
    if on("gloves"):
        parts.append(dress.glove(rng, person, arm, posed))
    if on("sleeves"):
        parts.append(dress.sleeve(rng, body, person, arm, posed))
    at, normal = _palm_place(body, person, transforms, side, joints)
    if radius:
        parts.append(dress.held(rng, body, person, transforms, side, joints, radius))
    elif on("on_skin"):
        parts.append(_patch(rng, studio, at, normal))
    if on("two_hands"):
        parts += _second(rng, studio, person, at, rotation, texture, tint)
    middle = (joints.min(0) + joints.max(0)) / 2
    distance = np.exp(rng.uniform(np.log(0.5), np.log(2.5))) if is_whole else rng.uniform(0.35, 0.9)
    to_camera = lambda v: (v - middle) @ rotation.T + [0, 0, distance]
    mesh = draw.assemble(rng, parts, to_camera, rotation)
    right = float(side == "R")
    return Composition(
        mesh,
        to_camera(joints),
        HAND_THICKNESS,
        FILL,
        REACH,
        right,
        hard_light=on("hard_light"),
        wet=on("wet"),
    )
