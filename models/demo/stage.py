"""Two pleasant rooms to put the demo's figures in front of.

Out: `desk` and `lounge` give a picture (h, w, 3) uint8 RGB of the asked size, sharp; `soften` gives
it the blur of a lens focused on the figure.
"""

import cv2
import numpy as np

SHIFT = 3  # cv2 takes coordinates with this many fractional bits


def _rgb(code):
    return tuple(int(code[i : i + 2], 16) for i in (0, 2, 4))


class Canvas:
    """Draws in units of the picture's height: x from 0 to width / height, y from 0 to 1."""

    def __init__(self, width, height, top, bottom):
        self.unit = height
        fall = np.linspace(0, 1, height)[:, None, None]
        ramp = np.array(_rgb(top)) * (1 - fall) + np.array(_rgb(bottom)) * fall
        self.picture = np.ascontiguousarray(np.broadcast_to(ramp, (height, width, 3)), np.uint8)

    def _points(self, points):
        return (np.asarray(points, float) * self.unit * (1 << SHIFT)).round().astype(np.int32)

    def shape(self, points, code):
        cv2.fillPoly(self.picture, [self._points(points)], _rgb(code), cv2.LINE_AA, SHIFT)

    def box(self, x, y, width, height, code):
        self.shape([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], code)

    def oval(self, x, y, rx, ry, code, angle=0.0):
        turn = np.linspace(0, 2 * np.pi, 60)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        u, v = rx * np.cos(turn), ry * np.sin(turn)
        self.shape(np.stack([x + c * u - s * v, y + s * u + c * v], 1), code)

    def glow(self, x, y, radius, code, amount):
        """Adds light round a point."""
        height, width = self.picture.shape[:2]
        v, u = np.mgrid[0:height, 0:width] / self.unit
        fall = np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * radius**2))[..., None] * amount
        lit = self.picture + (np.array(_rgb(code)) - self.picture) * np.clip(fall, 0, 1)
        self.picture = np.ascontiguousarray(lit.astype(np.uint8))


def _books(canvas, rng, x, y, width, height):
    """A row of books that stands on y."""
    codes = ("b5523b", "d9a441", "3f6f73", "e8dcc3", "6b4a5e", "2f4858", "8a9a5b", "c97b63")
    right = x + width
    while x < right - 0.02:
        thick, tall = rng.uniform(0.014, 0.034), height * rng.uniform(0.65, 0.95)
        canvas.box(x, y - tall, thick, tall, codes[rng.integers(len(codes))])
        canvas.box(x, y - tall * 0.85, thick, 0.008, "f3ead7")
        x += thick + 0.003


def _plant(canvas, rng, x, y, size, pot):
    """A pot that stands on y, and its leaves."""
    greens = ("3e6b48", "54835a", "6fa06b", "2f5540")
    for _ in range(26):
        angle = rng.uniform(-160, -20)
        reach = size * rng.uniform(0.5, 1.15)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        at = x + c * reach * 0.55, y - size * 0.5 + s * reach * 0.6
        canvas.oval(*at, reach * 0.34, reach * 0.085, greens[rng.integers(4)], angle)
    wide, tall = size * 0.32, size * 0.55
    rim, foot = (x - wide, y - tall), (x - wide * 0.7, y)
    canvas.shape([rim, (x + wide, y - tall), (x + wide * 0.7, y), foot], pot)


def _window(canvas, x, y, width, height):
    canvas.box(x - 0.02, y - 0.02, width + 0.04, height + 0.04, "f4efe6")
    canvas.box(x, y, width, height, "bfdcec")
    canvas.oval(x + width * 0.3, y + height * 0.95, width * 0.42, height * 0.3, "9cc3a5")
    canvas.oval(x + width * 0.8, y + height, width * 0.36, height * 0.38, "83b092")
    canvas.box(x, y + height, width, 0.02, "e6ddcf")
    canvas.box(x + width / 2 - 0.008, y, 0.016, height, "f4efe6")
    canvas.box(x, y + height / 2 - 0.008, width, 0.016, "f4efe6")


def desk(width, height):
    """A study: window, shelves, a lamp, and a desk with a mug."""
    rng = np.random.default_rng(5)
    canvas = Canvas(width, height, "5d8289", "3d5e69")
    _window(canvas, 0.08, 0.06, 0.36, 0.5)
    for shelf in (0.3, 0.56):
        _books(canvas, rng, 0.95, shelf, 0.36, 0.19)
        canvas.box(0.9, shelf, 0.5, 0.022, "8f6844")
    _plant(canvas, rng, 1.33, 0.3, 0.16, "d8c4a8")
    canvas.box(0.0, 0.8, 2.0, 0.3, "a67a52")
    canvas.box(0.0, 0.8, 2.0, 0.014, "c79a6b")
    _plant(canvas, rng, 0.16, 0.84, 0.24, "c06a4a")
    canvas.box(1.12, 0.7, 0.1, 0.14, "e4b04a")
    canvas.oval(1.17, 0.7, 0.05, 0.014, "7a4f2a")
    canvas.box(1.0, 0.84, 0.3, 0.02, "ece5d8")
    canvas.box(1.02, 0.86, 0.27, 0.02, "3f6f73")
    canvas.glow(0.26, 0.3, 0.34, "fff3d8", 0.45)
    return canvas.picture


def lounge(width, height):
    """A living room: a floor of boards, a rug, a sofa, pictures, a lamp and a plant."""
    rng = np.random.default_rng(6)
    canvas = Canvas(width, height, "d9cdbb", "cbbca6")
    floor = 0.7
    canvas.box(0, floor, 3, 1, "9a7350")
    for index in range(-14, 30):
        top, bottom = 0.67 + (index - 7) * 0.07, 0.67 + (index - 7) * 0.2
        if index % 2:
            edge = [(top, floor), (top + 0.07, floor), (bottom + 0.2, 1.05), (bottom, 1.05)]
            canvas.shape(edge, "8f6a49")
    canvas.box(0, floor - 0.022, 3, 0.022, "f1eadf")
    canvas.oval(0.68, 0.9, 0.52, 0.095, "4f6d7a")
    canvas.oval(0.68, 0.9, 0.47, 0.083, "e3d3b8")
    canvas.oval(0.68, 0.9, 0.42, 0.072, "5f7f8c")
    _window(canvas, 0.06, 0.1, 0.3, 0.38)
    for x, y, w, h, code in ((0.92, 0.12, 0.16, 0.2, "c4694b"), (1.13, 0.16, 0.13, 0.13, "3f6f73")):
        canvas.box(x, y, w, h, "3a332d")
        canvas.box(x + 0.012, y + 0.012, w - 0.024, h - 0.024, "f2ecdf")
        canvas.oval(x + w / 2, y + h / 2, w * 0.25, h * 0.28, code)
    canvas.box(0.92, 0.5, 0.5, 0.16, "6c7f5e")
    canvas.box(0.9, 0.6, 0.52, 0.13, "7c9069")
    canvas.box(0.88, 0.55, 0.06, 0.19, "5f7152")
    canvas.shape([(1.0, 0.6), (1.1, 0.5), (1.16, 0.58), (1.07, 0.64)], "d9a441")
    _plant(canvas, rng, 0.47, 0.73, 0.2, "e8dcc3")
    canvas.glow(0.2, 0.26, 0.4, "fff6e2", 0.4)
    return canvas.picture


def soften(picture, sigma):
    return cv2.GaussianBlur(picture, (0, 0), sigma)
