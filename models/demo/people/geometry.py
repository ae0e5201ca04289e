"""Rotations and meshes: the arithmetic that all other rooms share.

Camera space and people alike: x right (a person's left), y down, z away from the camera (a person's back),
metres. Angles are radians. Meshes are vertices (V, 3) float64, faces (F, 3) int32, texture coordinates (F,
3, 2) float32.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

X, Y, Z = np.eye(3)


def unit(vector):
    return vector / (np.linalg.norm(vector) + 1e-12)


def about(axis, angle):
    """Rotation about a unit vector."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def align(a, b):
    """The smallest rotation from direction a to direction b, which are unit vectors."""
    axis = np.cross(a, b)
    if np.linalg.norm(axis) < 1e-9 and a @ b < 0:
        # Opposite directions leave the axis open: any one that is square to `a` will do.
        axis = np.cross(a, X if abs(a[0]) < 0.9 else Y)
    return about(unit(axis), np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


def between(a, b, share):
    """The rotation that lies `share` of the way from a to b."""
    r = a.T @ b
    angle = np.arccos(np.clip((np.trace(r) - 1) / 2, -1, 1))
    axis = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    return a if angle < 1e-6 else a @ about(unit(axis), angle * share)


def random_rotation(rng):
    """Uniform over all rotations."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


@dataclass
class Gather:
    """A sparse matrix with few entries a row: `rows[i] = sum of weights[i, k] * x[index[i, k]]`."""

    index: np.ndarray  # (R, K) int32, padded with 0
    weights: np.ndarray  # (R, K) float64, padded with 0

    @classmethod
    def of(cls, rows, columns, weights, count):
        """From the entries' rows, columns and weights; `count` is the number of rows."""
        rows, columns, weights = np.asarray(rows), np.asarray(columns), np.asarray(weights, float)
        order = np.argsort(rows, kind="stable")
        rows, columns, weights = rows[order], columns[order], weights[order]
        first = np.searchsorted(rows, np.arange(count))
        place = np.arange(len(rows)) - first[rows]
        width = int(place.max(initial=0)) + 1
        out = cls(np.zeros((count, width), np.int32), np.zeros((count, width)))
        out.index[rows, place] = columns
        out.weights[rows, place] = weights
        return out

    def __call__(self, x):
        """(R, ...) from x (C, ...) of any further shape."""
        flat = np.ascontiguousarray(x, np.float64).reshape(len(x), -1)
        return _gather(self.index, self.weights, flat).reshape(len(self.index), *x.shape[1:])


@njit(cache=True, nogil=True)
def _gather(index, weights, x):
    out = np.zeros((len(index), x.shape[1]))
    for i in range(len(index)):
        for k in range(index.shape[1]):
            w = weights[i, k]
            if w != 0:
                for c in range(x.shape[1]):
                    out[i, c] += w * x[index[i, k], c]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def normals(vertices, faces):
    """Unit normals (V, 3), weighted by the faces' areas."""
    out = np.zeros_like(vertices)
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        u, v = b - a, c - a
        for k in range(3):
            area = u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]
            for i in range(3):
                out[faces[f, i], k] += area
    for i in range(len(out)):
        out[i] /= np.sqrt((out[i] ** 2).sum()) + 1e-12
    return out


@njit(cache=True, nogil=True, fastmath=True)
def nearest(points, cloud):
    """Distance (P,) of each point to the nearest of the cloud."""
    out = np.empty(len(points))
    for i in range(len(points)):
        best = np.inf
        for j in range(len(cloud)):
            x, y, z = points[i, 0] - cloud[j, 0], points[i, 1] - cloud[j, 1], points[i, 2] - cloud[j, 2]
            best = min(best, x * x + y * y + z * z)
        out[i] = np.sqrt(best)
    return out


def triangles(quads):
    """Faces (F, 4) to triangles (2 F, 3); works on any per-corner array (F, 4, ...)."""
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1).reshape(-1, *quads[:, :3].shape[1:])


def subdivide(faces, uv, count):
    """Loop's subdivision, once: (Gather to the new vertices, faces, uv). Borders stay where they are.

    `count` is the number of vertices that `faces` counts from; those that no face uses are dropped.
    """
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    unique, index, times = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    index = index.reshape(-1, 3)
    border = np.zeros(count, bool)
    border[unique[times == 1]] = True
    # The corners that face each edge, at most two.
    opposite, filled = np.zeros((len(unique), 2), int), np.zeros(len(unique), int)
    for f, row in enumerate(index):
        for k, e in enumerate(row):
            if filled[e] < 2:
                opposite[e, filled[e]] = faces[f, (k + 2) % 3]
                filled[e] += 1
    used = np.unique(faces)
    new = np.full(count, -1)
    new[used] = np.arange(len(used))
    degree = np.bincount(unique.ravel(), minlength=count)
    beta = np.where(border, 0, np.where(degree == 3, 3 / 16, 3 / (8 * np.maximum(degree, 1))))
    entries = [(new[used], used, 1 - degree[used] * beta[used])]
    for a, b in (unique.T, unique[:, ::-1].T):
        entries.append((new[a], b, beta[a]))
    inner = filled == 2
    at = len(used) + np.arange(len(unique))
    for column in unique.T:
        entries.append((at, column, np.where(inner, 0.375, 0.5)))
    for column in opposite.T:
        entries.append((at[inner], column[inner], np.full(inner.sum(), 0.125)))
    rows, columns, weights = (np.concatenate(part) for part in zip(*entries, strict=True))
    matrix = Gather.of(rows, columns, weights, len(used) + len(unique))
    a, b, c = new[faces].T
    ab, bc, ca = (len(used) + index).T
    split = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], 1).reshape(-1, 3)
    ua, ub, uc = uv.transpose(1, 0, 2)
    uab, ubc, uca = (ua + ub) / 2, (ub + uc) / 2, (uc + ua) / 2
    corners = np.stack([ua, uab, uca, uab, ub, ubc, uca, ubc, uc, uab, ubc, uca], 1)
    return matrix, split.astype(np.int32), np.ascontiguousarray(corners.reshape(-1, 3, 2), np.float32)
