"""Parts to build a jointed mesh from: tubes of rings, loose sheets and ellipsoids, with bone weights.

A ring has K vertices and begins at the front (-z); x is to the left, y down. Rings of a tube follow
each other downwards. R is the number of rings, B the number of bones. Lengths have no fixed unit.
"""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=64)
def _grid_faces(rings, around, cap_first, cap_last):
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    a, b = (i * around + j).ravel(), (i * around + (j + 1) % around).ravel()
    c, d = a + around, b + around
    faces = [np.stack((a, c, b), 1), np.stack((b, c, d), 1)]
    ring, after = np.arange(around), (np.arange(around) + 1) % around
    if cap_first:
        faces.append(np.stack((np.full(around, rings * around), ring, after), 1))
    if cap_last:
        last, tip = (rings - 1) * around, rings * around + int(cap_first)
        faces.append(np.stack((np.full(around, tip), last + after, last + ring), 1))
    return np.concatenate(faces).astype(np.int32)


@lru_cache(maxsize=16)
def circle(around):
    """Angles from the front, cos and sin so that x = sin(angle) and z = -cos(angle)."""
    angle = 2 * np.pi * np.arange(around) / around
    return (angle + np.pi) % (2 * np.pi) - np.pi, np.sin(angle), -np.cos(angle)


@lru_cache(maxsize=16)
def _ball(around, rings):
    """Points of a unit sphere in the order of _grid_faces with both caps."""
    polar = np.pi * (np.arange(rings) + 1) / (rings + 1)
    _, x, z = circle(around)
    points = np.zeros((rings, around, 3))
    points[..., 0], points[..., 2] = np.sin(polar)[:, None] * x, np.sin(polar)[:, None] * z
    points[..., 1] = -np.cos(polar)[:, None]
    return np.concatenate((points.reshape(-1, 3), ((0, -1, 0), (0, 1, 0))))


class Mesh:
    """Collects parts in arrays made once, because many small ones would cost more than the sums."""

    ROOM = 4096  # vertices

    def __init__(self, bones):
        self.cores, self.offsets, self.colours = (np.empty((self.ROOM, 3), np.float32) for _ in range(3))
        self.weights = np.empty((self.ROOM, bones), np.float32)
        self.faces = []
        self.count = 0

    def _take(self, count, faces):
        """Room for `count` vertices and their faces: the rows to fill."""
        self.faces.append(faces + np.int32(self.count))
        rows = slice(self.count, self.count + count)
        self.count += count
        return rows

    def tube(self, axis, offsets, weights, colours, caps=(True, True)):
        """Rings: axis (R,3), offsets (R,K,3), weights (R,B) or (R,K,B), colours likewise."""
        rings, around = offsets.shape[:2]
        rows = self._take(rings * around + sum(caps), _grid_faces(rings, around, *caps))
        ends = [end for end, cap in zip((0, -1), caps, strict=True) if cap]
        for store, values in (
            (self.cores, axis), (self.offsets, offsets), (self.weights, weights), (self.colours, colours)
        ):  # fmt: skip
            part = store[rows]
            per_ring = values[:, None] if values.ndim == 2 else values
            part[: rings * around].reshape(rings, around, -1)[:] = per_ring
            for k, end in enumerate(ends):
                part[rings * around + k] = values[end] if values.ndim == 2 else np.add.reduce(values[end]) / around

    def sheet(self, points, weights, colours):
        """Cloth, points (R,K,3): it bends as it is, so every point is its own core."""
        rings, around = points.shape[:2]
        rows = self._take(rings * around, _grid_faces(rings, around, False, False))
        self.cores[rows] = points.reshape(-1, 3)
        self.offsets[rows] = 0
        self.weights[rows] = weights.reshape(rings * around, -1)
        self.colours[rows] = colours.reshape(-1, 3)

    def blob(self, centre, radii, weights, colour, around=6, rings=2):
        """An ellipsoid; weights is one row (B,)."""
        points = _ball(around, rings)
        rows = self._take(len(points), _grid_faces(rings, around, True, True))
        self.cores[rows] = centre
        self.offsets[rows] = points * radii
        self.weights[rows] = weights
        self.colours[rows] = colour


def ovals(half_x, half_z, around, power=2.0):
    """Level rings (R,K,3) of super-ellipses; a power above 2 is boxier."""
    _, x, z = circle(around)
    bulge = (np.abs(x) ** power + np.abs(z) ** power) ** (-1 / power)
    out = np.zeros((len(half_x), around, 3))
    out[..., 0] = np.asarray(half_x)[:, None] * (x * bulge)
    out[..., 2] = np.asarray(half_z)[:, None] * (z * bulge)
    return out
