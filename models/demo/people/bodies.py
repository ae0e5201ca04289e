"""Compositions of one dressed person: any of the project's poses, upright or lying, from any side."""

import hand_pose
import numpy as np
from body_pose import sample_pose

from . import draw, dress
from .geometry import X, Z, about
from .skeleton import body_joints, body_turns, hand_joints, hand_turns, pose
from .studio import Composition

THICKNESS = 0.16
REACH = 0.12
FILL = (0.58, 0.68)


def sample(rng, studio, switches):
    """A random person as a Composition."""
    body, person = studio.body, studio.person(rng)
    on = lambda name: rng.random() < getattr(switches, name)
    turns = body_turns(body, person, sample_pose(rng))
    for side in "LR":
        fingers = hand_turns(body, person, side, hand_pose.sample(rng))
        turns |= {name: turn for name, turn in fingers.items() if not name.startswith("wrist")}
    transforms = pose(body, person, turns)
    joints = body_joints(body, person, transforms)
    rotation = dress.view(rng, switches.behind)
    if on("lying"):
        # Onto the back or the face, then turned in the picture's plane as the camera may stand anywhere.
        flat = about(X, rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.2))
        rotation = about(Z, rng.uniform(-np.pi, np.pi)) @ about(X, np.radians(rng.uniform(10, 80))) @ flat
    parts, _, _ = dress.whole(rng, studio, person, transforms)
    middle = (joints.min(0) + joints.max(0)) / 2
    distance = rng.uniform(1.8, 6)
    to_camera = lambda v: (v - middle) @ rotation.T + [0, 0, distance]
    mesh = draw.assemble(rng, parts, to_camera, rotation)
    both = tuple(to_camera(hand_joints(body, person, transforms, side)) for side in "RL")
    return Composition(
        mesh, to_camera(joints), THICKNESS, FILL, REACH, hands=both, hard_light=on("hard_light")
    )
