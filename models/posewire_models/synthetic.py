"""Seeded pictures with edges, gradients and noise, in place of real pictures.

In: a seed. Out: uint8 pictures, side x side x 3. The same seed gives the same pictures everywhere.
"""

import cv2
import numpy as np


def pictures(seed, count, side):
    """`count` pictures: smooth colour fields, a few hard-edged ellipses, a little pixel noise."""
    rng = np.random.default_rng(seed)
    return [_picture(rng, side) for _ in range(count)]


def _picture(rng, side):
    picture = np.full((side, side, 3), 127.0, np.float32)
    for cells, strength in ((3, 50.0), (8, 30.0), (32, 12.0)):
        field = rng.standard_normal((cells, cells, 3)).astype(np.float32) * strength
        picture += cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        centre = tuple(int(v) for v in rng.integers(0, side, 2))
        axes = tuple(int(v) for v in rng.integers(side // 32, side // 4, 2))
        colour = tuple(float(v) for v in rng.integers(0, 256, 3))
        cv2.ellipse(picture, centre, axes, float(rng.integers(0, 180)), 0, 360, colour, -1)
    picture += rng.standard_normal(picture.shape).astype(np.float32) * 4
    return picture.clip(0, 255).astype(np.uint8)
