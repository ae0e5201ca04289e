"""Crops to train on from pictures that somebody has labelled.

In: the entries of `judge.read_labels`, the pictures' folder, a random generator. Out: `crops.Batch`. A labelled
subject is put into the crop at every angle, size and place that a tracker can ask for; a picture without one
is a negative.
"""

from dataclasses import dataclass
from pathlib import Path

import augment
import cv2
import numpy as np

from posewire_models.cli import UserError

from . import camera, crops
from .switches import ALL

# The pictures come from a camera already: only now and then they are made worse.
SWITCHES = ALL.without("infrared", "group", "table")
# The share of crops without a subject, where there are pictures without one.
NEGATIVES = 0.25
# An empty crop's side as a share of its picture's shorter side.
EMPTY_SHARES = (0.3, 1.0)


@dataclass
class Subject:
    picture: np.ndarray  # (h, w, 3) uint8 RGB
    joints: np.ndarray  # (J, 2) px
    labelled: np.ndarray  # (J,) bool


def read(folder, entries, joints):
    """([Subject], [pictures without one]) of entries (file name, [(joints, labelled, box)])."""
    subjects, empty = [], []
    for name, labels in entries:
        path = Path(folder, name)
        picture = cv2.imread(str(path))
        if picture is None:
            raise UserError(f"{path}: not a picture that OpenCV reads")
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if not labels:
            empty.append(picture)
        for points, labelled, _ in labels:
            if len(points) != joints:
                raise UserError(f"{path}: {len(points)} joints, the network has {joints}")
            if np.ptp(points[labelled], axis=0).max() > 0:
                subjects.append(Subject(picture, points, labelled))
    return subjects, empty


def _subject(rng, subject, side, recipe):
    box = subject.joints[subject.labelled]
    mirror = rng.random() < 0.5
    turn = rng.uniform(-180, 180) if rng.random() < recipe.any_turn else rng.normal(0, recipe.turn)
    shift = rng.uniform(-0.15, 0.15, 2) * side
    matrix = augment.placement(box, side, augment.draw_fill(rng, recipe), turn, mirror, shift)
    joints, labelled = augment.transform(subject.joints, matrix), subject.labelled
    if mirror:
        joints, labelled = (augment.swap(values, recipe.flip_pairs) for values in (joints, labelled))
    inside = ((joints >= 0) & (joints < side)).all(1)
    return _warp(subject.picture, matrix, side), joints, labelled & inside, 1.0


def _empty(rng, picture, side, joints):
    height, width = picture.shape[:2]
    part = rng.uniform(*EMPTY_SHARES) * min(height, width)
    left, top = rng.uniform(0, width - part), rng.uniform(0, height - part)
    corners = np.array([[left, top], [left + part, top + part]])
    matrix = augment.placement(corners, side, 1.0, 0.0, rng.random() < 0.5, (0, 0))
    return _warp(picture, matrix, side), np.full((joints, 2), np.nan), np.ones(joints, bool), 0.0


def _warp(picture, matrix, side):
    """Without aliasing, and black beyond the picture, as in the program's own crops."""
    while np.sqrt(abs(np.linalg.det(matrix[:, :2]))) < 0.6 and min(picture.shape[:2]) > 1:
        height, width = picture.shape[:2]
        picture = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        # Pixel centres of the half-size picture lie at 2 i + 0.5 of the full one.
        matrix = matrix @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR)


def batch(rng, subjects, empty, side, recipe, count, switches=SWITCHES):
    """`count` crops. Whether a labelled hand is a right one is not known."""
    joints, made = len(subjects[0].joints), []
    for _ in range(count):
        if empty and rng.random() < NEGATIVES:
            picture, *truth = _empty(rng, empty[rng.integers(len(empty))], side, joints)
        else:
            picture, *truth = _subject(rng, subjects[rng.integers(len(subjects))], side, recipe)
        made.append((camera.photograph(rng, picture, switches), *truth))
    pictures, points, weights, present = zip(*made, strict=True)
    return crops.Batch(
        np.stack(pictures),
        np.float32(points),
        np.float32(weights),
        np.float32(present),
        np.full(count, np.nan, np.float32),
    )
