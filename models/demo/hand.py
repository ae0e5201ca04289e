"""A rigged hand: loads the mesh, poses it, and samples random hands in camera space.

In: the folder with `left.glb` and `right.glb` of the WebXR generic hand (25 joints each) and a
numpy random generator. Out: a `Figure` in camera space (x right, y down, z forward, metres) whose
joints (21, 3) are in the model card's order: tip to knuckle for thumb to little finger, then wrist.
"""

import os
from dataclasses import dataclass

import glb
import hand_look
import hand_pose
import numpy as np
from figure import Figure, look_rotation, random_rotation, rotation_about

_WEBXR_FINGERS = ("index-finger", "middle-finger", "ring-finger", "pinky-finger")
_PHALANGES = ("phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip")
_THUMB = ("thumb-metacarpal", "thumb-phalanx-proximal", "thumb-phalanx-distal", "thumb-tip")

# The 25 joints less the four non-thumb metacarpals, tip first, as the card names them.
JOINT_NAMES = (
    [name for name in reversed(_THUMB)]
    + [f"{finger}-{part}" for finger in _WEBXR_FINGERS for part in reversed(_PHALANGES)]
    + ["wrist"]
)


def _parents():
    """Name of each bone's parent; the skin of the file itself is flat."""
    parents = {"thumb-metacarpal": "wrist"}
    parents |= {child: parent for parent, child in zip(_THUMB, _THUMB[1:], strict=False)}
    for finger in _WEBXR_FINGERS:
        chain = ["wrist", f"{finger}-metacarpal"] + [f"{finger}-{part}" for part in _PHALANGES]
        parents |= {child: parent for parent, child in zip(chain, chain[1:], strict=False)}
    return parents


@dataclass
class Hand:
    """One side's mesh, subdivided once, with a dense weight matrix."""

    vertices: np.ndarray  # (V, 3) in the wrist bone's rest frame
    normals: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    weights: np.ndarray  # (V, B)
    names: list
    rest: np.ndarray  # (B, 4, 4) bone to wrist frame at rest
    order: list  # bone indices, parents first
    parent: np.ndarray  # (B,)
    side: float  # +1 left, -1 right
    paint: hand_look.Paint


def _subdivide(vertices, normals, weights, faces):
    """Splits every triangle in four; linear, so that colours get more vertices to live on."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    unique, index = np.unique(edges, axis=0, return_inverse=True)
    middle = index.reshape(-1, 3) + len(vertices)

    def grow(values):
        return np.concatenate([values, values[unique].mean(1)])

    a, b, c = faces.T
    ab, bc, ca = middle.T
    split = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], 1).reshape(-1, 3)
    return grow(vertices), grow(normals), grow(weights), split.astype(np.int32)


def load(folder, side):
    """`side` is 'left' or 'right'."""
    mesh = glb.read(os.path.join(folder, f"{side}.glb"))
    weights = np.zeros((len(mesh.vertices), len(mesh.names)))
    np.add.at(weights, (np.arange(len(weights))[:, None], mesh.bones), mesh.weights)
    wrist = mesh.names.index("wrist")
    to_wrist = mesh.inverse_bind[wrist]
    vertices = mesh.vertices @ to_wrist[:3, :3].T + to_wrist[:3, 3]
    normals = mesh.normals @ to_wrist[:3, :3].T
    vertices, normals, weights, faces = _subdivide(vertices, normals, weights, mesh.faces)
    rest = np.linalg.inv(mesh.rest[wrist]) @ mesh.rest
    parents = _parents()
    parent = np.array([mesh.names.index(parents.get(name, "wrist")) for name in mesh.names])
    order = [wrist] + [mesh.names.index(name) for name in parents]
    paint = hand_look.prepare(vertices, weights, mesh.names, rest)
    sign = 1.0 if side == "left" else -1.0
    return Hand(
        vertices, normals, faces, weights, mesh.names, rest, order, parent, sign, paint
    )


def _bone_angles(hand, pose):
    """Per bone (about x, about y, about z) in degrees, in the bone's own rest frame.

    A bone looks along -z with its back to +y, so flexion is a negative turn about x. Turns about y
    and z mirror between the hands.
    """
    angles = np.zeros((len(hand.names), 3))
    flex, abduct, mcp, ip = pose[0]
    # Opposition also rolls the thumb toward the palm.
    roll = 0.7 * abduct + 0.3 * max(flex, 0)
    angles[hand.names.index(_THUMB[0])] = -flex, -abduct * hand.side, -roll * hand.side
    angles[hand.names.index(_THUMB[1]), 0] = -mcp
    angles[hand.names.index(_THUMB[2]), 0] = -ip
    for finger, row in zip(_WEBXR_FINGERS, pose[1:], strict=True):
        for part, value in zip(_PHALANGES, row[:3], strict=False):
            angles[hand.names.index(f"{finger}-{part}"), 0] = -value
        angles[hand.names.index(f"{finger}-{_PHALANGES[0]}"), 1] = row[3] * hand.side
    return angles


def pose_bones(hand, pose):
    """Bone to wrist-frame transforms (B, 4, 4) for a pose of `hand_pose`."""
    angles = np.radians(_bone_angles(hand, pose))
    world = np.empty_like(hand.rest)
    world[hand.order[0]] = np.eye(4)
    for bone in hand.order[1:]:
        up = hand.parent[bone]
        turn = np.eye(4)
        for axis in (1, 0, 2):
            if angles[bone, axis]:
                turn[:3, :3] = turn[:3, :3] @ rotation_about(axis, angles[bone, axis])
        world[bone] = world[up] @ np.linalg.inv(hand.rest[up]) @ hand.rest[bone] @ turn
    return world


def skin(hand, world):
    """Linear-blend skinning: vertices, normals (V, 3) and the 21 joints, in the wrist's frame."""
    moves = world @ np.linalg.inv(hand.rest)
    blended = (hand.weights @ moves.reshape(len(moves), 16)).reshape(-1, 4, 4)
    vertices = np.einsum("vij,vj->vi", blended[:, :3, :3], hand.vertices) + blended[:, :3, 3]
    normals = np.einsum("vij,vj->vi", blended[:, :3, :3], hand.normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    joints = np.stack([world[hand.names.index(name), :3, 3] for name in JOINT_NAMES])
    return vertices, normals, joints


def build(hand, pose, look, rotation, position, scale=1.0):
    """A posed, painted hand with its arm, placed in camera space.

    `rotation` (3, 3) takes the wrist's frame to the camera's; `position` (3,) is where the middle
    of the joints goes.
    """
    vertices, normals, joints = skin(hand, pose_bones(hand, pose))
    colours = hand_look.colour(hand.paint, look)
    arm = hand_look.arm(look, hand.side)
    faces = np.concatenate([hand.faces, arm.faces + len(vertices)])
    vertices = np.concatenate([vertices, arm.vertices])
    normals = np.concatenate([normals, arm.normals])
    colours = np.concatenate([colours, arm.colours])
    middle = (joints.min(0) + joints.max(0)) / 2

    def place(points):
        return (points - middle) * scale @ rotation.T + position

    return Figure(place(vertices), faces, colours, normals @ rotation.T, place(joints))


def view_rotation(rng, side):
    """Mostly a hand held up to the camera, palm or back; else any direction at all."""
    if rng.random() < 0.12:
        return random_rotation(rng)
    turn = 0.0 if rng.random() < 0.55 else 180.0
    yaw = turn + rng.normal(0, 28)
    pitch = rng.normal(0, 20)
    return look_rotation(yaw, pitch, rng.normal(0, 25)) @ UPRIGHT


# Takes the wrist's frame (-z to the finger tips, +y out of the back) to a hand held upright whose
# palm faces the camera: tips go to -y, the back to +z.
UPRIGHT = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]])


def sample(rng, hands):
    """One random hand; `hands` is the pair of loaded sides."""
    hand = hands[rng.integers(2)]
    rotation = view_rotation(rng, hand.side)
    position = np.array([0, 0, rng.uniform(0.35, 0.9)])
    look = hand_look.sample(rng)
    return build(hand, hand_pose.sample(rng), look, rotation, position, rng.uniform(0.85, 1.1))
