"""What the hand and the body have in common: a coloured mesh with its joints, and rotations.

Everything is in camera space: x right, y down, z forward, metres. Angles are in radians for
`rotation_about` and in degrees for `look_rotation`.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Figure:
    vertices: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3) int32
    colours: np.ndarray  # (V, 3), 0..1
    normals: np.ndarray  # (V, 3), unit
    joints: np.ndarray  # (J, 3)


def rotation_about(axis, angle):
    """Right-handed turn about a coordinate axis (0 x, 1 y, 2 z)."""
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    rotation[i, i] = rotation[j, j] = c
    rotation[i, j], rotation[j, i] = -s, s
    return rotation


def look_rotation(yaw, pitch, roll):
    """Turn about the vertical, then tilt, then roll in the image plane."""
    yaw, pitch, roll = np.radians((yaw, pitch, roll))
    return rotation_about(2, roll) @ rotation_about(0, pitch) @ rotation_about(1, yaw)


def random_rotation(rng):
    """Uniform over all rotations."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
