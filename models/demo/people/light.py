"""Panoramas as light and as rooms.

In: the folder of the package `@pmndrs/assets` (Poly Haven's panoramas, CC0; 512x256 floats in JavaScript
files). Out: `Panorama`s; `Lighting`, nine spherical-harmonic coefficients a colour and one sun, for a
camera's rotation; and the view of a panorama through a camera.
"""

import base64
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import OpenEXR

from . import packages

BRIGHTEST = 500.0
# The light's own resolution.
ROWS, COLUMNS = 32, 64


def _read(path):
    """(256, 512, 3) float32 linear RGB."""
    content = re.search(r"base64,([A-Za-z0-9+/=]+)", Path(path).read_text())
    if not content:
        raise ValueError(f"{path}: holds no base64 picture")
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(base64.b64decode(content[1]))
        file.flush()
        pixels = OpenEXR.File(file.name).channels()["RGB"].pixels
    return np.clip(np.nan_to_num(pixels.astype(np.float32)), 0, BRIGHTEST)


def panoramas(folder):
    return [Panorama(_read(Path(folder, "hdri", f"{name}.exr.js"))) for name in packages.PANORAMAS]


@dataclass
class Lighting:
    ambient: np.ndarray  # (9, 3)
    sun: np.ndarray  # (3,), unit, towards the light
    sunlight: np.ndarray  # (3,)
    gloss: float  # of skin


class Panorama:
    """`pixels`: (h, w, 3) linear RGB, the vertical running down."""

    def __init__(self, pixels):
        self.pixels = pixels
        theta = (np.arange(ROWS) + 0.5) / ROWS * np.pi
        phi = (np.arange(COLUMNS) + 0.5) / COLUMNS * 2 * np.pi
        x, z = np.outer(np.sin(theta), np.sin(phi)), np.outer(np.sin(theta), np.cos(phi))
        y = np.outer(-np.cos(theta), np.ones(COLUMNS))
        self.directions = np.stack([x, y, z], 2).reshape(-1, 3)
        area = np.sin(theta) * (np.pi / ROWS) * (2 * np.pi / COLUMNS)
        self.area = np.repeat(area, COLUMNS)[:, None]
        small = cv2.resize(pixels, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
        self.colours = small.reshape(-1, 3).astype(np.float64)

    def lighting(self, rng, rotation, hard=False):
        """For a camera turned by `rotation`, at a random exposure. `hard`: a strong sun and little else."""
        directions = self.directions @ rotation.T
        bright = self.colours.mean(1)
        cut = np.percentile(bright, 98)
        sky = np.minimum(self.colours, np.maximum(cut, 1e-6) * self.colours / (bright[:, None] + 1e-9))
        sun = (directions * np.clip(bright - cut, 0, None)[:, None] * self.area).sum(0)
        if np.linalg.norm(sun) < 1e-9:
            sun = np.array([0.3, -1, -0.5])
        if hard:
            sun = rng.normal(0, 1, 3) * [1, 0.7, 0.7] + [0, -0.4, -0.2]
        sun /= np.linalg.norm(sun)
        x, y, z = directions.T
        basis = np.stack([0 * x + 1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
        gain = np.array([1 / 4, 1 / 2, 1 / 2, 1 / 2, 15 / 16, 15 / 16, 5 / 64, 15 / 16, 15 / 64])
        ambient = gain[:, None] * (basis[:, :, None] * (sky * self.area)[None]).sum(1) / np.pi
        sunlight = ((self.colours - sky) * self.area).sum(0) / np.pi
        share = rng.uniform(0.8, 0.97) if hard else rng.uniform(0.15, 0.75)
        ambient *= rng.uniform(0.7, 1.2) * (1 - share) / (ambient[0].mean() + 1e-9)
        sunlight = sunlight / sunlight.mean() if sunlight.mean() > 1e-6 else np.ones(3)
        sunlight = sunlight * share * rng.uniform(1.2, 2.4)
        # A white balance that is a little off.
        cast = (ambient[0] + sunlight) / (ambient[0] + sunlight).mean()
        balance = cast ** -rng.uniform(0.4, 1.0) * np.exp(rng.normal(0, 0.04, 3))
        return Lighting(ambient * balance, sun, sunlight * balance, rng.uniform(0.01, 0.12))

    def view(self, rng, side, rotation, width):
        """What a camera sees: (side, side, 3) linear RGB; `width` is its field of view, radians."""
        focal = side / 2 / np.tan(width / 2)
        y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
        rays = np.stack([x, y, np.full_like(x, focal)], 2) @ rotation
        rays /= np.linalg.norm(rays, axis=2, keepdims=True)
        height, breadth = self.pixels.shape[:2]
        column = (np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi) % 1 * breadth - 0.5).astype(np.float32)
        row = (np.arccos(np.clip(-rays[..., 1], -1, 1)) / np.pi * height - 0.5).astype(np.float32)
        seen = cv2.remap(self.pixels, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        grey = np.median(seen) + 1e-6
        return seen * rng.uniform(0.12, 0.4) / grey
