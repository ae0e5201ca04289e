"""From a box in a picture to the network's input, as in MMPose's top-down pipeline.

A box is (x, y, w, h) in picture pixels. Its crop is (centre, size): the centre in picture pixels and
the side lengths of the region that fills the input, with padding and aspect ratio applied. The map is
`input = (picture - centre) * input_size / size + input_size / 2`. It has no half-pixel shift, because
the reference models were trained without one.
"""

import cv2
import numpy as np


def box_to_crop(box, padding, aspect=1.0):
    """(x, y, w, h) -> (centre [2], size [2]) in float64; `aspect` is input width / input height."""
    x, y, w, h = (float(v) for v in box)
    centre = np.array([x + w / 2, y + h / 2])
    w, h = w * padding, h * padding
    return centre, np.array([max(w, h * aspect), max(h, w / aspect)])


def matrix(centre, size, input_size):
    """The 2x3 affine map from picture pixels to input pixels; `input_size` is (width, height)."""
    sx, sy = input_size[0] / size[0], input_size[1] / size[1]
    return np.array(
        [
            [sx, 0.0, input_size[0] / 2 - centre[0] * sx],
            [0.0, sy, input_size[1] / 2 - centre[1] * sy],
        ]
    )


def warp(picture, centre, size, input_size):
    """The crop of an HxWxC uint8 picture: bilinear, black outside. `input_size` is (width, height)."""
    map_ = matrix(centre, size, input_size)
    return cv2.warpAffine(picture, map_, tuple(int(v) for v in input_size), flags=cv2.INTER_LINEAR)


def to_picture(points, centre, size, input_size):
    """Input pixels [..., 2] -> picture pixels: the inverse of `matrix`."""
    return points / np.asarray(input_size, np.float64) * size + centre - np.asarray(size) / 2


def normalise(crop_rgb, mean, std):
    """HxWx3 uint8 RGB -> 1x3xHxW float32. `mean` and `std` are per channel, for values 0 to 255."""
    x = (crop_rgb.astype(np.float32) - np.float32(mean)) / np.float32(std)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def network_input(picture_bgr, box, card):
    """One picture as OpenCV reads it and one box -> (1x3xHxW float32 input, centre, size)."""
    width, height = card["input_size"]
    centre, size = box_to_crop(box, card["crop_padding"], width / height)
    crop = warp(picture_bgr, centre, size, (width, height))
    rgb = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)
    return normalise(rgb, card["mean"], card["std"]), centre, size
