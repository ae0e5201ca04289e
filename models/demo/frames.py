"""Test pictures as a runtime meets them: a frame with a figure somewhere in it, and its tight box.

In: `Foregrounds` and backgrounds of dataset.py, and a task's training recipe. Out: an iterator of
`Frame`s of SIDE x SIDE px, drawn from a seed. The joints' box takes a third to two thirds of the
frame. With `empty=1` the frames hold no figure.
"""

import copy
from dataclasses import dataclass

import augment
import cv2
import numpy as np

SIDE = 384


@dataclass
class Frame:
    picture: np.ndarray  # (SIDE, SIDE, 3) uint8 BGR, as OpenCV reads files
    joints: np.ndarray  # (J, 2) px, NaN without a figure
    weights: np.ndarray  # (J,), 0 for joints outside the frame

    def box(self):
        """(x, y, w, h) of the joints."""
        low, high = self.joints.min(0), self.joints.max(0)
        return (*low, *(high - low))


def frames(figures, backgrounds, recipe, count, seed, empty=0.0):
    rng = np.random.default_rng(seed)
    recipe = copy.copy(recipe)
    recipe.fill, recipe.wide, recipe.empty, recipe.occluded = 0.48, 0.0, empty, 0.2
    for _ in range(count):
        picture, joints, weights = augment.sample(rng, figures, backgrounds, SIDE, recipe)
        yield Frame(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), joints, weights)
