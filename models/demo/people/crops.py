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
# How often a figure's place is drawn before it comes into the middle.
TRIES = 12


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


def _cuts(rgba):
    """Points (K, 2) along the parts of the render's own edges that the figure touches, px."""
    last = len(rgba) - 1
    alpha = rgba[..., 3]
    points = []
    for line, fixed, axis in (
        (alpha[0], 0, 1),
        (alpha[last], last, 1),
        (alpha[:, 0], 0, 0),
        (alpha[:, last], last, 0),
    ):
        (touched,) = np.nonzero(line)
        if len(touched):
            along = np.linspace(touched[0], touched[-1], 17)
            at = np.full((17, 2), float(fixed))
            at[:, 1 - axis] = along
            points.append(at)
    return np.concatenate(points) if points else np.empty((0, 2))


def _place(rng, rgba, joints, side, recipe, draw_size, draw_shift):
    """(matrix, mirrored) that puts a figure into a crop, so that no edge of its render shows in it.

    A cut limb would tell a figure from anything else. Sizes and places are drawn until none shows; None
    stands for no luck.
    """
    cuts = _cuts(rgba)
    mirror = rng.random() < 0.5
    for _ in range(TRIES):
        turn = rng.uniform(-180, 180) if rng.random() < recipe.any_turn else rng.normal(0, recipe.turn)
        matrix = augment.placement(joints, side, draw_size(), turn, mirror, draw_shift())
        at = augment.transform(cuts, matrix)
        if not ((at > -1) & (at < side)).all(1).any():
            return matrix, mirror
    return None


def _inside(rgba, joints, side):
    """A place in the middle, so large that the whole crop lies inside the render at any angle."""
    # The box lies in the render's middle, and a crop's corner is 0.71 sides away.
    fill = 1.5 * np.ptp(joints, axis=0).max() / len(rgba)
    return augment.placement(joints, side, fill, 0.0, False, (0, 0)), False


def _paste(rng, picture, rgba, joints, recipe, place):
    """Puts a figure on the picture: (picture, joints, mirrored)."""
    side = len(picture)
    matrix, mirror = place
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
    side = len(picture)
    for _ in range(int(rng.integers(1, 4))):
        index = rng.integers(len(source.figures))
        joints = source.figures.joints[index].astype(np.float64)
        rgba = source.figures.pictures[index]
        sizes, shifts = lambda: fill * rng.uniform(0.6, 1.1), lambda: _shift_aside(rng, side)
        if place := _place(rng, rgba, joints, side, recipe, sizes, shifts):
            picture, _, _ = _paste(rng, picture, rgba, joints, recipe, place)
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
    if on("group"):
        picture = _crowd(rng, picture, source, recipe, augment.draw_fill(rng, recipe))
    # Cut, up to a third of the subject leaves the picture.
    most = 0.35 if on("cut") else 0.15
    rgba = source.figures.pictures[index]
    sizes = lambda: augment.draw_fill(rng, recipe)
    shifts = lambda: rng.uniform(-most, most, 2) * side
    place = _place(rng, rgba, joints, side, recipe, sizes, shifts) or _inside(rgba, joints, side)
    picture, joints, mirrored = _paste(rng, picture, rgba, joints, recipe, place)
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
        plain = augment.Recipe(recipe.fill, recipe.turn, recipe.any_turn, [])
        sizes, shifts = lambda: rng.uniform(0.5, 1.3), lambda: rng.uniform(-0.2, 0.2, 2) * side
        rgba = figures.pictures[index]
        place = _place(rng, rgba, joints, side, plain, sizes, shifts) or _inside(rgba, joints, side)
        picture, _, _ = _paste(rng, picture, rgba, joints, plain, place)
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
