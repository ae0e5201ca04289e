"""Crops to train on: figures on backgrounds, at every place, size and angle that a tracker can ask for.

In: `Figures` and backgrounds of `render`, switches, a random generator, the input's side in px. Out:
`Batch`. A third of the crops is negative: another thing in the middle, or an empty room.
"""

from dataclasses import dataclass

import augment
import cv2
import numpy as np
import scene

from . import camera, negatives

# The share of negatives that is a background alone.
EMPTY = 0.25
# The presence and side channels are read in a disc at the middle: its radius as a share of the side.
DISC = 0.125


@dataclass
class Sources:
    """What crops of one task are made of."""

    task: str
    figures: object  # of the task
    others: list  # figures of which none is the task's subject, with the labels that may be used or None
    backgrounds: object


@dataclass
class Batch:
    crops: np.ndarray  # (N, side, side, 3) uint8 RGB
    joints: np.ndarray  # (N, J, 2) px, NaN in a negative
    weights: np.ndarray  # (N, J), 0 for joints outside the crop
    present: np.ndarray  # (N,), 1 or 0
    right: np.ndarray  # (N,), 1, 0 or NaN


def sources(task, figures, negative, backgrounds, hands=None):
    """Sources of a task; `hands` are the body's further negatives."""
    names = list(negatives.KINDS)
    fits = np.isin(negative.labels.astype(int), [names.index(n) for n in negatives.NOT[task]])
    others = [(negative, np.flatnonzero(fits))]
    if hands is not None:
        others.append((hands, np.arange(len(hands))))
    return Sources(task, figures, others, backgrounds)


def _paste(rng, picture, rgba, joints, recipe, fill, shift):
    """Puts a figure on the picture: (picture, joints, mirrored)."""
    side = len(picture)
    mirror = rng.random() < 0.5
    turn = rng.uniform(-180, 180) if rng.random() < recipe.any_turn else rng.normal(0, recipe.turn)
    matrix = augment.placement(joints, side, fill, turn, mirror, shift)
    figure = augment.tint(rng, augment.warp(rgba, matrix, side))
    picture = np.ascontiguousarray(augment.over(figure, picture))
    joints = augment.transform(joints, matrix)
    return picture, augment.swap(joints, recipe.flip_pairs) if mirror else joints, mirror


def _shift_aside(rng, side):
    """Of a second figure: beside the first, at most partly behind it."""
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.38, 0.75) * side


def _crowd(rng, picture, source, recipe, fill):
    """One to three other figures of the task behind the subject."""
    for _ in range(int(rng.integers(1, 4))):
        index = rng.integers(len(source.figures))
        joints = source.figures.joints[index].astype(np.float64)
        size = fill * rng.uniform(0.6, 1.1)
        rgba = source.figures.pictures[index]
        picture, _, _ = _paste(rng, picture, rgba, joints, recipe, size, _shift_aside(rng, len(picture)))
    return picture


def _table(rng, picture, low, high):
    """Something wide in front of the subject's lower part."""
    side = len(picture)
    top = int(rng.uniform(0.35, 0.85) * (high[1] - low[1]) + low[1])
    if top >= side:
        return
    board = (
        scene.background(rng, side) if rng.random() < 0.5 else np.full_like(picture, rng.integers(0, 256, 3))
    )
    slope = np.tan(rng.normal(0, 0.1))
    corners = np.array([[0, top], [side, top + slope * side], [side, side + 1], [0, side + 1]])
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [corners.round().astype(np.int32)], 1)
    np.copyto(picture, board, where=mask[..., None] > 0)


def _positive(rng, source, picture, recipe, switches):
    on = lambda name: rng.random() < getattr(switches, name)
    side = len(picture)
    index = rng.integers(len(source.figures))
    joints = source.figures.joints[index].astype(np.float64)
    fill = augment.draw_fill(rng, recipe)
    if on("group"):
        picture = _crowd(rng, picture, source, recipe, fill)
    shift = rng.uniform(-0.15, 0.15, 2) * side
    if on("cut"):
        # Up to a third of the subject leaves the picture.
        shift = rng.uniform(-0.35, 0.35, 2) * side
    rgba = source.figures.pictures[index]
    picture, joints, mirrored = _paste(rng, picture, rgba, joints, recipe, fill, shift)
    if on("table") and source.task == "body":
        _table(rng, picture, joints.min(0), joints.max(0))
    elif rng.random() < recipe.occluded:
        scene.occlude(rng, picture, joints.min(0), joints.max(0))
    label = source.figures.labels[index]
    inside = ((joints >= 0) & (joints < side)).all(1)
    return picture, joints, inside, 1.0, 1 - label if mirrored else label


def _negative(rng, source, picture, recipe):
    side, count = len(picture), source.figures.joints.shape[1]
    if rng.random() > EMPTY:
        figures, index = source.others[rng.choice(len(source.others), p=_odds(source.others))]
        index = index[rng.integers(len(index))]
        joints = figures.joints[index].astype(np.float64)
        fill = rng.uniform(0.5, 1.3)
        plain = augment.Recipe(recipe.fill, recipe.turn, recipe.any_turn, [])
        shift = rng.uniform(-0.2, 0.2, 2) * side
        picture, _, _ = _paste(rng, picture, figures.pictures[index], joints, plain, fill, shift)
    return picture, np.full((count, 2), np.nan), np.ones(count, bool), 0.0, np.nan


def _odds(others):
    """Things and animals twice as often as the other task's figures."""
    odds = np.array([2.0] + [1.0] * (len(others) - 1))
    return odds / odds.sum()


def batch(rng, source, side, recipe, switches, count):
    made = []
    for _ in range(count):
        picture = np.ascontiguousarray(augment.backdrop(rng, source.backgrounds, side))
        if rng.random() < switches.negatives:
            picture, *truth = _negative(rng, source, picture, recipe)
        else:
            picture, *truth = _positive(rng, source, picture, recipe, switches)
        made.append((camera.photograph(rng, picture, switches), *truth))
    crops, joints, weights, present, right = zip(*made, strict=True)
    return Batch(
        np.stack(crops), np.float32(joints), np.float32(weights), np.float32(present), np.float32(right)
    )


def disc(width):
    """(width, width) float32: 1 where the presence and side channels are read, in heatmap px."""
    y, x = np.mgrid[0:width, 0:width] - (width - 1) / 2
    return (x * x + y * y <= (DISC * width) ** 2).astype(np.float32)
