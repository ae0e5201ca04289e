"""Backgrounds: rooms composed of boxes and cloth under a panorama's light, and views of panoramas themselves.

Out: (side, side, 3) uint8 RGB without anybody in it. Every third one is drawn by `scene.background`.
"""

import cv2
import numpy as np
import scene

from . import draw, negatives
from .geometry import X, Y, Z, about
from .wardrobe import TEXTURE_SIDE, cloth

WALL_GRID = 13


def _surface(rng):
    """A wall's, floor's or furniture's texture."""
    if rng.random() < 0.4:
        return cloth(rng)
    picture = scene.background(rng, TEXTURE_SIDE)
    if rng.random() < 0.6:
        # Plaster and wood are dull.
        grey = picture.mean((0, 1))
        picture = (grey + (picture - grey) * rng.uniform(0.1, 0.5)).astype(np.uint8)
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def _plane(corner, along, across, texture, repeat):
    """A rectangle cut in squares: those behind the camera are left out, the others stay."""
    u, v = np.meshgrid(np.linspace(0, 1, WALL_GRID), np.linspace(0, 1, WALL_GRID))
    vertices = np.asarray(corner) + u.reshape(-1, 1) * along + v.reshape(-1, 1) * across
    r, c = np.meshgrid(range(WALL_GRID - 1), range(WALL_GRID - 1), indexing="ij")
    a = (r * WALL_GRID + c).ravel()
    quads = np.stack([a, a + 1, a + WALL_GRID + 1, a, a + WALL_GRID + 1, a + WALL_GRID], 1)
    faces = quads.reshape(-1, 3).astype(np.int32)
    uv = (np.stack([u.ravel(), v.ravel()], 1) * repeat)[faces].astype(np.float32)
    return draw.Part(vertices, vertices, faces, uv, texture, np.ones(3), draw.CLOTH)


def _shell(rng, size):
    """Floor, ceiling and four walls; the floor lies at y = 0."""
    width, height, depth = size
    x, y, z = X * width, -Y * height, Z * depth
    corner = -x / 2 - z / 2
    wall = _surface(rng)
    planes = [
        (corner, x, z),
        (corner + y, x, z),
        (corner, x, y),
        (corner + z, x, y),
        (corner, z, y),
        (corner + x, z, y),
    ]
    textures = [_surface(rng), _surface(rng), wall, wall, wall, wall]
    return [_plane(*p, t, rng.uniform(0.5, 4)) for p, t in zip(planes, textures, strict=True)]


def _moved(part, turn, offset):
    part.posed = part.posed @ turn.T + offset
    return part


def room(rng, studio, side):
    """A furnished room."""
    size = np.array([rng.uniform(2.5, 7), rng.uniform(2.2, 3.2), rng.uniform(2.5, 7)])
    parts = _shell(rng, size)
    for _ in range(int(rng.integers(2, 7))):
        turn = about(Y, rng.choice([0, np.pi / 2, np.pi]) + rng.normal(0, 0.1))
        at = np.array([rng.uniform(-0.45, 0.45) * size[0], 0, rng.uniform(-0.45, 0.45) * size[2]])
        pieces = negatives.furniture(rng)
        if rng.random() < 0.5:
            top = min(p.posed[:, 1].min() for p in pieces)
            for _ in range(int(rng.integers(1, 5))):
                kind = ("toy", "cable", "rag")[rng.integers(3)]
                pieces += [
                    _moved(p, np.eye(3), [rng.uniform(-0.3, 0.3), top - 0.06, 0])
                    for p in negatives.KINDS[kind](rng, studio)
                ]
        parts += [_moved(piece, turn, at) for piece in pieces]
    eye = np.array([*(rng.uniform(-0.4, 0.4, 2) * size[[0, 2]]), -rng.uniform(0.7, 1.8)])[[0, 2, 1]]
    rotation = about(X, np.radians(rng.normal(8, 12))) @ about(Y, rng.uniform(-np.pi, np.pi))
    to_camera = lambda v: (v - eye) @ rotation.T
    mesh = draw.assemble(rng, parts, to_camera, rotation)
    focal = side / 2 / np.tan(np.radians(rng.uniform(25, 80)) / 2)
    camera = (focal, (side - 1) / 2, (side - 1) / 2)
    lighting = studio.lighting(rng, rng.random() < 0.1)
    # Walls keep the panorama's sun out: the lamp hangs under the ceiling.
    lighting.ambient *= 1.5
    lighting.sunlight *= 0.3
    linear, cover, _ = draw.render(rng, mesh, camera, side, lighting, 0.3)
    picture = draw.to_srgb(linear)
    behind = np.full(3, rng.uniform(0, 255))
    return (picture + (1 - cover[..., None]) * behind).astype(np.uint8)


def outlook(rng, studio, side):
    """A panorama through a camera."""
    panorama = studio.panoramas[rng.integers(len(studio.panoramas))]
    rotation = (
        about(Z, rng.normal(0, 0.1)) @ about(X, rng.normal(0, 0.35)) @ about(Y, rng.uniform(-np.pi, np.pi))
    )
    seen = panorama.view(rng, side, rotation, np.radians(rng.uniform(30, 100)))
    picture = draw.to_srgb(seen)
    if rng.random() < 0.4:
        # Their pixels are coarse: grain stands in for what they do not show.
        grain = scene.noise(rng, side, 24, 5)[..., None] - 0.5
        picture = np.clip(picture + grain * rng.uniform(10, 60), 0, 255).astype(np.uint8)
    return cv2.flip(picture, 1) if rng.random() < 0.5 else picture


def sample(rng, studio, side):
    kind = rng.random()
    if kind < 0.35:
        return room(rng, studio, side)
    if kind < 0.67:
        return outlook(rng, studio, side)
    return scene.background(rng, side)
