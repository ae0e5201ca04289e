"""Puts rendered figures on backgrounds and into crops: training samples, made on the fly.

In: `Foregrounds` and backgrounds of dataset.py, a numpy random generator, the input's side in px.
Out: `sample` gives a crop (side, side, 3) uint8 RGB, joints (J, 2) float32 in its pixels, and
weights (J,): 0 for joints outside the crop. A sample without a figure has joints of NaN and
weights of 1: its target is an empty heatmap. `targets` turns joints into heatmaps.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import scene

STRIDE = 4


@dataclass
class Recipe:
    """How crops vary. `fill` is the joints' box side as a share of the crop's side."""

    fill: float  # the usual one, 1 / the card's padding
    turn: float  # standard deviation of the in-plane rotation, degrees
    any_turn: float  # share of samples turned by any angle at all
    flip_pairs: list  # joint indices that swap in a mirrored picture
    empty: float = 0.05  # share of samples without a figure
    wide: float = 0.3  # share of samples with a `fill` from all over the range
    occluded: float = 0.3


def draw_fill(rng, recipe):
    if rng.random() < recipe.wide:
        return rng.uniform(0.26, 0.85)
    return float(np.clip(recipe.fill * np.exp(rng.normal(0, 0.16)), 0.3, 0.92))


def _turn(rng, recipe):
    if rng.random() < recipe.any_turn:
        return rng.uniform(-180, 180)
    return rng.normal(0, recipe.turn)


def placement(joints, side, fill, turn, mirror, shift):
    """The 2x3 map from a foreground's pixels to the crop's: the joints' box to about its middle."""
    low, high = joints.min(0), joints.max(0)
    scale = fill * side / max(high - low)
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    if mirror:
        rotation[:, 0] *= -1
    offset = side / 2 + np.asarray(shift) - rotation @ ((low + high) / 2)
    return np.concatenate([rotation, offset[:, None]], 1)


def transform(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


def swap(values, pairs):
    """Left for right, along the first axis."""
    order = np.arange(len(values))
    for a, b in pairs:
        order[[a, b]] = b, a
    return values[order]


def warp(picture, matrix, side):
    """Warps without aliasing: a picture that shrinks a lot is halved first."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if scale < 0.6:
        half = picture.shape[0] // 2
        picture = cv2.resize(picture, (half, half), interpolation=cv2.INTER_AREA)
        # Pixel centres of the half-size picture lie at 2 i + 0.5 of the full one.
        matrix = matrix @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR)


def over(figure, behind):
    """Premultiplied RGBA over RGB, both uint8."""
    keep = cv2.cvtColor(255 - figure[..., 3], cv2.COLOR_GRAY2RGB)
    return cv2.add(figure[..., :3], cv2.multiply(behind, keep, scale=1 / 255))


def backdrop(rng, backgrounds, side):
    """A random part of a random background, at a random size."""
    picture = backgrounds[rng.integers(len(backgrounds))]
    part = int(rng.uniform(0.4, 1) * len(picture))
    left, top = rng.integers(0, len(picture) - part + 1, 2)
    part = picture[top : top + part, left : left + part]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_LINEAR)


def tint(rng, figure):
    """Exposure and colour of the figure alone; stays premultiplied."""
    gain = np.exp(rng.normal(0, 0.18)) * (1 + rng.normal(0, 0.05, 3))
    table = np.minimum(np.arange(256)[:, None] * np.append(gain, 1.0), 255).astype(np.uint8)
    figure = cv2.LUT(figure, table.reshape(1, 256, 4))
    alpha = cv2.cvtColor(figure[..., 3], cv2.COLOR_GRAY2RGB)
    figure[..., :3] = np.minimum(figure[..., :3], alpha)
    return figure


def _letterbox(rng, picture):
    """Black bands, as where a crop reaches beyond the picture."""
    side = len(picture)
    band = int(rng.uniform(0.02, 0.2) * side)
    kind = rng.integers(4)
    if kind in (0, 1):
        picture[:band] = 0
    if kind in (0, 2):
        picture[side - band :] = 0
    if kind == 3:
        picture[:, :band] = 0


def sample(rng, figures, backgrounds, side, recipe):
    picture = backdrop(rng, backgrounds, side)
    count = figures.joints.shape[1]
    if rng.random() < recipe.empty:
        picture = scene.camera(rng, np.ascontiguousarray(picture))
        return picture, np.full((count, 2), np.nan, np.float32), np.ones(count, np.float32)
    index = rng.integers(len(figures.joints))
    joints = figures.joints[index].astype(np.float64)
    mirror = rng.random() < 0.5
    fill = draw_fill(rng, recipe)
    shift = rng.uniform(-0.15, 0.15, 2) * side
    matrix = placement(joints, side, fill, _turn(rng, recipe), mirror, shift)
    figure = warp(figures.pictures[index], matrix, side)
    picture = np.ascontiguousarray(over(tint(rng, figure), picture))
    joints = transform(joints, matrix)
    if mirror:
        joints = swap(joints, recipe.flip_pairs)
    if rng.random() < recipe.occluded:
        scene.occlude(rng, picture, joints.min(0), joints.max(0))
    if rng.random() < 0.15:
        _letterbox(rng, picture)
    picture = scene.camera(rng, picture)
    inside = ((joints >= 0) & (joints < side)).all(1)
    return picture, joints.astype(np.float32), inside.astype(np.float32)


def targets(joints, side, sigma):
    """Gaussian heatmaps (N, J, side / 4, side / 4) float32 with a peak of 1 for joints (N, J, 2)."""
    grid = np.arange(side // STRIDE, dtype=np.float32)
    offsets = grid - np.nan_to_num(joints, nan=-1e4)[..., None] / STRIDE
    falls = np.exp(-np.minimum(offsets**2, 1e4) / (2 * sigma**2)).astype(np.float32)
    return falls[:, :, 1, :, None] * falls[:, :, 0, None, :]


def batch(rng, figures, backgrounds, side, recipe, count):
    """Crops (N, side, side, 3) uint8, joints (N, J, 2) and weights (N, J)."""
    made = [sample(rng, figures, backgrounds, side, recipe) for _ in range(count)]
    return tuple(np.stack(part) for part in zip(*made, strict=True))
