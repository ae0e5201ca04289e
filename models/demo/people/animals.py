"""Four-legged animals with fur: a generator of our own, so that networks learn what is no hand and no person.

Tubes along a spine, legs, neck and tail, an egg for the head with muzzle, ears and eyes; proportions range
from a cat to a horse. Fur is a stack of shells whose textures have ever fewer pixels. Axes are those of
`geometry`: an animal looks along -x and stands on its feet.
"""

import numpy as np
from scene import noise

from . import draw
from .geometry import X, Y, Z, about, normals, unit
from .wardrobe import TEXTURE_SIDE

SHELLS = 5
AROUND = 17
# (body length, height of the legs, thickness, neck, head, fur's length) in metres: low and high.
SIZES = np.array([[0.3, 0.15, 0.06, 0.05, 0.06, 0.004], [1.6, 0.9, 0.28, 0.5, 0.3, 0.03]])


def tube(points, radii):
    """A tube with closed ends: (vertices, faces, uv of a metre a turn)."""
    points, radii = np.asarray(points, float), np.asarray(radii, float)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    side = np.cross(along, Z)
    # A tube along z takes x for its side.
    side = np.where(np.linalg.norm(side, axis=1, keepdims=True) < 0.3, np.cross(along, X), side)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    other = np.cross(along, side)
    turn = np.linspace(0, 2 * np.pi, AROUND)
    ring = np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * other[:, None]
    vertices = points[:, None] + ring * radii[:, None, None]
    r, c = np.meshgrid(np.arange(len(points) - 1), np.arange(AROUND - 1), indexing="ij")
    a = (r * AROUND + c).ravel()
    faces = np.stack([a, a + 1, a + AROUND + 1, a, a + AROUND + 1, a + AROUND], 1).reshape(-1, 3)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    uv = np.stack(np.broadcast_arrays(turn[None] / (2 * np.pi), length[:, None]), 2).reshape(-1, 2)
    return vertices.reshape(-1, 3), faces.astype(np.int32), uv[faces].astype(np.float32)


def limb(*points, radii):
    """A smooth tube through a few points, round at both ends."""
    place = np.linspace(0, len(points) - 1, 7 * len(points))
    path = np.stack([np.interp(place, range(len(points)), axis) for axis in np.array(points, float).T], 1)
    for _ in range(4):
        path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    radius = np.interp(place, range(len(radii)), radii)
    rounded = np.sqrt(np.clip(1 - np.clip(1 - np.minimum(place, place[::-1]) * 2.5, 0, 1) ** 2, 0, 1))
    return tube(path, radius * rounded)


def _coat(rng):
    """A fur's colours as a texture without holes."""
    kinds = np.array(
        [[30, 25, 22], [110, 72, 42], [185, 140, 90], [225, 215, 200], [120, 120, 118], [160, 80, 35.0]]
    )
    first, second = kinds[rng.choice(len(kinds), 2, replace=False)] * rng.uniform(0.7, 1.1, (2, 1))
    field = noise(rng, TEXTURE_SIDE, int(rng.integers(2, 7)), 4)
    kind = rng.integers(3)
    if kind == 0:
        mask = np.clip((field - rng.uniform(0.4, 0.8)) * 12, 0, 1)
    elif kind == 1:
        stripes = np.sin(np.linspace(0, rng.uniform(30, 90), TEXTURE_SIDE)[:, None] + 5 * field)
        mask = np.clip(stripes * 3, 0, 1)
    else:
        mask = 0.3 * field
    strands = rng.normal(1, 0.13, (TEXTURE_SIDE, TEXTURE_SIDE, 1))
    colour = (first + (second - first) * mask[..., None]) * strands
    return np.dstack([np.clip(colour, 0, 255), np.full(field.shape, 255)]).astype(np.uint8)


def _skeleton(rng):
    """The animal's tubes: [(vertices, faces, uv)], furry ones first, and how many those are; the fur's
    length.
    """
    share = rng.uniform(0, 1)
    length, height, thick, neck, head, fur = (
        SIZES[0] ** (1 - share) * SIZES[1] ** share * np.exp(rng.normal(0, 0.25, 6))
    )
    fur *= rng.uniform(0.5, 2)
    shoulder, hip = np.array([-length / 2, 0, 0]), np.array([length / 2, rng.normal(0, 0.05) * length, 0])
    middle = np.array([0, rng.uniform(-0.05, 0.12) * length, 0])
    parts = [limb(shoulder, middle, hip, radii=thick * np.array([1, rng.uniform(0.8, 1.2), 0.95]))]
    lift = rng.uniform(0.2, 1.2)
    nape = shoulder + neck * np.array([-np.cos(lift), -np.sin(lift), rng.normal(0, 0.3)]) * 1.5
    parts.append(limb(shoulder, nape, radii=(0.75 * thick, 0.6 * head)))
    nose = unit(np.array([-1, rng.uniform(-0.2, 0.7), rng.normal(0, 0.5)]))
    snout = nape + nose * head * rng.uniform(0.8, 1.8)
    parts.append(
        limb(
            nape - nose * 0.5 * head,
            nape + nose * 0.4 * head,
            snout,
            radii=(0.55 * head, 0.55 * head, 0.22 * head),
        )
    )
    across = unit(np.cross(nose, Y))
    up = unit(np.cross(across, nose))
    up = up if up[1] < 0 else -up
    for sign in (-1, 1):
        root = nape + sign * 0.35 * head * across + 0.35 * head * up
        tip = root + head * rng.uniform(0.3, 0.8) * unit(up * rng.uniform(-0.5, 1) + sign * 0.4 * across)
        parts.append(limb(root, tip, radii=(0.22 * head, 0.04 * head)))
    sit = rng.random() < 0.25
    for end, out in ((shoulder, 0.8), (hip, 0.9)):
        for sign in (-1, 1):
            top = end + np.array([0, 0.3 * thick, sign * 0.55 * thick * out])
            swing = rng.normal(0, 0.25) + (0.9 if sit and end is hip else 0)
            knee = top + 0.5 * height * np.array([-np.sin(swing), np.cos(swing), 0])
            back = rng.normal(0, 0.25) - (1.2 if sit and end is hip else 0)
            foot = knee + 0.5 * height * np.array([-np.sin(back), np.cos(back), 0])
            toe = foot + np.array([-0.12 * height, 0.02 * height, 0])
            parts.append(limb(top, knee, foot, toe, radii=thick * np.array([0.5, 0.32, 0.24, 0.22])))
    wag = hip + length * rng.uniform(0.2, 0.6) * unit(np.array([1, rng.uniform(-1, 1), rng.normal(0, 0.5)]))
    end = wag + length * 0.15 * unit(rng.normal(0, 1, 3) + [0, -0.5, 0])
    parts.append(limb(hip, wag, end, radii=thick * np.array([0.25, 0.15, 0.08])))
    furry = len(parts)
    for sign in (-1, 1):
        eye = nape + nose * 0.45 * head + (sign * 0.42 * across + 0.3 * up) * head
        parts.append(
            limb(eye - across * 0.07 * head, eye + across * 0.07 * head, radii=(0.09 * head, 0.09 * head))
        )
    parts.append(limb(snout - nose * 0.1 * head, snout + nose * 0.05 * head, radii=(0.1 * head, 0.12 * head)))
    return parts, furry, fur


def parts(rng):
    """Parts of one animal about the origin."""
    tubes, furry, fur = _skeleton(rng)
    coat = _coat(rng)
    dark = np.full_like(coat, 12)
    dark[..., 3] = 255
    # Strands lean with gravity and back along the body.
    lean = unit(np.array([0.6, 0.5, 0])) * rng.uniform(0, 0.8)
    strands = rng.random((TEXTURE_SIDE, TEXTURE_SIDE))
    spread = rng.uniform(1, 4)
    out = []
    for i, (vertices, faces, uv) in enumerate(tubes):
        if i >= furry:
            out.append(draw.Part(vertices, vertices, faces, uv, dark, np.ones(3), draw.SKIN))
            continue
        uv = (uv * spread).astype(np.float32)
        out.append(draw.Part(vertices, vertices, faces, uv, coat, np.full(3, 0.6), draw.CLOTH))
    base = list(zip(tubes[:furry], out[:furry], strict=True))
    for shell in range(1, SHELLS + 1):
        share = shell / SHELLS
        texture = coat.copy()
        texture[..., 3] = np.where(strands > 0.25 + 0.65 * share, 255, 0)
        for (vertices, faces, _), part in base:
            outward = normals(vertices, faces) + lean * share
            moved = vertices + outward * fur * share
            tint = np.full(3, 0.6 + 0.5 * share)
            out.append(draw.Part(moved, vertices, faces, part.uv, texture, tint, draw.CUTOUT))
    return out


def rotation(rng):
    """From the side more often than not, a little from above."""
    elevation = np.radians(rng.uniform(-10, 40))
    return about(Z, rng.normal(0, 0.15)) @ about(X, elevation) @ about(Y, rng.uniform(-np.pi, np.pi))
