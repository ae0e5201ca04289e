"""A procedural clothed figure with exact MPII joints, to train a body keypoint network on.

    sample_body(rng)                      a random person, pose and view, as a Body (a Figure)
    sample_shape(rng)                     a random person to keep through a clip, as a Shape
    pose_body(shape, angles, view)        that person in one pose, as a Body
    walk_pose(phase, pace), wave_pose(phase), sample_pose(rng)      angles for pose_body
    sample_view(rng)                      a random View

A Body (vertices, faces, colours, normals, joints: see figure.py) is in camera space: metres, x
right, y down, z forward, arrays f32 and faces i32; framing it in an image is the caller's. Joints
follow MPII: anatomical centres, right_* is the person's own right, thorax lies between the
shoulders, upper_neck where chin and neck meet, head_top at the crown. People are built in
body_shape.py from the looks of body_look.py; angles are described in body_pose.py.
"""

from dataclasses import dataclass

import numba
import numpy as np

from body_look import sample_look
from body_pose import BONE, BONES, sample_pose, walk_pose, wave_pose
from body_shape import Shape, build_shape
from figure import Figure as Body

__all__ = [
    "Body", "Shape", "View", "pose_body", "sample_body", "sample_pose", "sample_shape", "sample_view",
    "walk_pose", "wave_pose",
]  # fmt: skip


@dataclass
class View:
    """How the camera sees the figure; radians and metres."""

    azimuth: float = 0.0  # 0 faces the camera; positive turns the person to the image's left
    elevation: float = 0.0  # positive looks down on the person
    roll: float = 0.0  # positive turns the picture clockwise
    distance: float = 3.5  # from the camera to the pelvis
    centre: tuple = (0.0, 0.0)  # the pelvis in camera x and y


# The bone on which each bone of BONES hangs.
_CARRIER = np.array([-1, 0, 1, 2, 3, 0, 5, 6, 0, 8, 9, 2, 11, 12, 13, 2, 15, 16, 17])
# The bone against which its angles are measured: the same, but an arm's are measured against the chest.
_PARENT = _CARRIER.copy()
_PARENT[[BONE["r_arm"], BONE["l_arm"]]] = BONE["chest"]


def _sign(bone):
    if bone[:2] not in ("r_", "l_"):
        return 1, 1, 1
    side = 1 if bone[0] == "r" else -1
    return 1 if bone.endswith("shin") else -1, side, -side


_SIGNS = np.array([_sign(bone) for bone in BONES], np.float64)
_RAISE = 0.22  # radians a collar bone lifts for every radian that its arm rises past the first half
_RAISE_FROM = 0.5


@numba.njit(cache=True)
def _multiply(a, b):
    out = np.empty(4)
    out[0] = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3]
    out[1] = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2]
    out[2] = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1]
    out[3] = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0]
    return out


@numba.njit(cache=True)
def _about(axis, angle):
    out = np.zeros(4)
    out[0] = np.cos(angle / 2)
    out[1 + axis] = np.sin(angle / 2)
    return out


@numba.njit(cache=True)
def _turn(q, x, y, z):
    """The vector turned by the quaternion."""
    tx = 2 * (q[2] * z - q[3] * y)
    ty = 2 * (q[3] * x - q[1] * z)
    tz = 2 * (q[1] * y - q[2] * x)
    return (
        x + q[0] * tx + q[2] * tz - q[3] * ty,
        y + q[0] * ty + q[3] * tx - q[1] * tz,
        z + q[0] * tz + q[1] * ty - q[2] * tx,
    )


@numba.njit(cache=True)
def _place_bones(angles, root, origin, pivots, parent, carrier):
    """Forward kinematics: every bone's rotation (B,4) and pivot (B,3) in camera space."""
    turns = np.empty((len(angles), 4))
    places = np.empty((len(angles), 3))
    for b in range(len(angles)):
        own = _multiply(_multiply(_about(0, angles[b, 0]), _about(2, angles[b, 1])), _about(1, angles[b, 2]))
        if b == 0:
            turns[b] = _multiply(root, own)
            places[b] = origin
            continue
        turns[b] = _multiply(turns[parent[b]], own)
        c = carrier[b]
        step = pivots[b] - pivots[c]
        x, y, z = _turn(turns[c], step[0], step[1], step[2])
        places[b, 0], places[b, 1], places[b, 2] = places[c, 0] + x, places[c, 1] + y, places[c, 2] + z
    return turns, places


@numba.njit(cache=True, fastmath=True)
def _bend(cores, offsets, weights, turns, places, pivots, out):
    """Vertices in camera space. Cores blend linearly, offsets by blended rotations: so a limb keeps
    its thickness in a bend, where blending whole vertices would pinch it."""
    q = np.empty(4)
    for v in range(len(cores)):
        q[:] = 0
        px = py = pz = 0.0
        lead = -1
        for b in range(weights.shape[1]):
            w = weights[v, b]
            if w == 0:
                continue
            x, y, z = cores[v, 0] - pivots[b, 0], cores[v, 1] - pivots[b, 1], cores[v, 2] - pivots[b, 2]
            x, y, z = _turn(turns[b], x, y, z)
            px += w * (x + places[b, 0])
            py += w * (y + places[b, 1])
            pz += w * (z + places[b, 2])
            if lead < 0:
                lead = b
            dot = 0.0
            for i in range(4):
                dot += turns[lead, i] * turns[b, i]
            # A quaternion and its negative turn alike; only those on one side may be averaged.
            w = w if dot >= 0 else -w
            for i in range(4):
                q[i] += w * turns[b, i]
        size = np.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2 + q[3] ** 2)
        for i in range(4):
            q[i] /= size
        x, y, z = _turn(q, offsets[v, 0], offsets[v, 1], offsets[v, 2])
        out[v, 0], out[v, 1], out[v, 2] = px + x, py + y, pz + z


@numba.njit(cache=True, fastmath=True)
def _vertex_normals(vertices, faces, out):
    """Unit vertex normals: the sum of the neighbouring faces' normals by area."""
    out[:] = 0
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in range(3):
            i = faces[f, k]
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for v in range(len(out)):
        size = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        for k in range(3):
            out[v, k] /= size


def _lift_collar_bones(angles):
    """Signed angles with the collar bones raised as far as the arms ask."""
    angles = angles.copy()
    for collar in (BONE["r_clavicle"], BONE["l_clavicle"]):
        flex, side, _ = angles[collar + 1]
        rise = np.arccos(np.clip(np.cos(flex) * np.cos(side), -1, 1))
        angles[collar, 1] = _SIGNS[collar, 1] * _RAISE * max(rise - _RAISE_FROM, 0.0)
    return angles


def pose_body(shape, angles, view):
    """The person `shape` in the pose `angles` (see body_pose.py) as the camera of `view` sees it."""
    signed = _lift_collar_bones(angles * _SIGNS)
    root = _multiply(_multiply(_about(2, view.roll), _about(0, view.elevation)), _about(1, view.azimuth))
    origin = np.array((view.centre[0], view.centre[1], view.distance))
    turns, places = _place_bones(signed, root, origin, shape.pivots, _PARENT, _CARRIER)
    vertices = np.empty_like(shape.cores)
    _bend(shape.cores, shape.offsets, shape.weights, turns, places, shape.pivots, vertices)
    normals = np.empty_like(vertices)
    _vertex_normals(vertices, shape.faces, normals)
    joints = np.array([
        np.add(_turn(turns[b], *(joint - shape.pivots[b])), places[b])
        for b, joint in zip(shape.joint_bones, shape.joints, strict=True)
    ], np.float32)  # fmt: skip
    return Body(vertices, shape.faces, shape.colours, normals, joints)


def sample_shape(rng):
    """A random person: fixed proportions, clothes and colours."""
    return build_shape(sample_look(rng))


def sample_view(rng):
    """A random camera: mostly from the front, the back or three quarters, mostly near eye level."""
    draw = rng.random()
    if draw < 0.5:
        azimuth = rng.normal(0, 0.6)
    elif draw < 0.7:
        azimuth = np.pi + rng.normal(0, 0.6)
    else:
        azimuth = rng.uniform(-np.pi, np.pi)
    spread = rng.random()
    elevation = rng.uniform(-15, 35) if spread < 0.92 else rng.uniform(-35, 70)
    roll = rng.normal(0, 5) if spread < 0.97 else rng.uniform(-180, 180)
    return View(
        azimuth=azimuth,
        elevation=np.radians(elevation),
        roll=np.radians(roll),
        distance=rng.uniform(2, 6),
        centre=(rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2)),
    )


def sample_body(rng):
    """A random person in a random pose from a random view."""
    return pose_body(sample_shape(rng), sample_pose(rng), sample_view(rng))
