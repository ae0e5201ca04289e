"""How a hand looks: skin, nails, creases, and the arm or sleeve behind the wrist.

`sample` draws a `Look`; `colour` turns it into vertex colours (V, 3) in 0..1; `arm` builds the mesh
behind the wrist, in the wrist bone's frame (-z to the finger tips, +y out of the back, metres).
"""

from dataclasses import dataclass, field

import numpy as np

# Backs of hands from very light to very dark, linear enough for a rendered demo.
SKIN = np.array(
    [
        [0.96, 0.80, 0.72],
        [0.92, 0.74, 0.62],
        [0.86, 0.66, 0.52],
        [0.76, 0.55, 0.41],
        [0.62, 0.42, 0.30],
        [0.46, 0.30, 0.21],
        [0.31, 0.20, 0.15],
    ]
)
# The mesh's own cross-section at the wrist, half widths along x and y.
WRIST = np.array([0.0262, 0.0185])
AROUND = 28


@dataclass
class Paint:
    """Where things are on the mesh, each (V,) in 0..1 unless said otherwise."""

    rest: np.ndarray  # (V, 3) metres
    palm: np.ndarray
    nail: np.ndarray
    crease: np.ndarray
    knuckle: np.ndarray
    tip: np.ndarray


@dataclass
class Look:
    skin: np.ndarray  # (3,)
    redness: float
    nails: np.ndarray  # (3,)
    waves: np.ndarray  # (N, 3) wave vectors of the mottling, radians per metre
    phases: np.ndarray  # (N,)
    mottle: float
    sleeve: np.ndarray | None  # (3,) or bare
    sleeve_start: float  # metres behind the wrist
    stripe: np.ndarray  # (3,)
    stripe_width: float  # metres; 0 for plain cloth
    bend: np.ndarray = field(default_factory=lambda: np.zeros(2))  # radians about x and y
    length: float = 0.25  # of the arm, metres


def prepare(vertices, weights, names, rest):
    """Finds palm side, nails, creases and knuckles from the rest pose."""
    count = len(vertices)
    paint = Paint(vertices, *(np.zeros(count) for _ in range(5)))
    owner = weights.argmax(1)
    for bone, name in enumerate(names):
        inverse = np.linalg.inv(rest[bone])
        local = vertices @ inverse[:3, :3].T + inverse[:3, 3]
        mine = owner == bone
        paint.palm[mine] = 1 / (1 + np.exp(local[mine, 1] / 0.003))
        if name == "wrist":
            # The palm's colour ends where the arm begins.
            paint.palm[mine] *= np.clip((-0.005 - local[mine, 2]) / 0.03, 0, 1)
        if name == "wrist" or name.endswith("metacarpal"):
            continue
        near = np.exp(-((local[:, 2] / 0.0022) ** 2)) * (np.abs(local[:, :2]).max(1) < 0.014)
        if name.endswith("tip"):
            radius = np.linalg.norm(local, axis=1)
            paint.tip = np.maximum(paint.tip, np.exp(-((radius / 0.014) ** 2)))
            nail = (local[:, 1] > 0.0028) & (np.abs(local[:, 0]) < 0.0062)
            nail &= (local[:, 2] < 0.004) & (local[:, 2] > -0.0105)
            paint.nail[nail] = 1
        else:
            paint.crease = np.maximum(paint.crease, near * (local[:, 1] < -0.001))
            wide = np.exp(-((local[:, 2] / 0.005) ** 2)) * (np.abs(local[:, :2]).max(1) < 0.016)
            paint.knuckle = np.maximum(paint.knuckle, wide * (local[:, 1] > 0.001))
    return paint


def _cloth(rng):
    if rng.random() < 0.4:
        return np.full(3, rng.uniform(0.05, 0.95)) * rng.uniform(0.92, 1.08, 3)
    return rng.uniform(0.05, 0.95, 3)


def sample(rng):
    place = rng.uniform(0, len(SKIN) - 1)
    low = int(place)
    skin = SKIN[low] + (SKIN[min(low + 1, len(SKIN) - 1)] - SKIN[low]) * (place - low)
    skin = skin * rng.normal(1, 0.04, 3)
    nails = skin * [1.04, 0.97, 0.98] + 0.04
    if rng.random() < 0.12:
        nails = rng.uniform(0.05, 0.95, 3)
    scales = rng.uniform(60, 600, 12)
    directions = rng.normal(size=(12, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    kind = rng.random()
    return Look(
        skin=np.clip(skin, 0.05, 1),
        redness=rng.uniform(0.2, 1),
        nails=np.clip(nails, 0, 1),
        waves=directions * scales[:, None],
        phases=rng.uniform(0, 2 * np.pi, 12),
        mottle=rng.uniform(0.005, 0.03),
        sleeve=_cloth(rng) if kind < 0.6 else None,
        sleeve_start=rng.uniform(0.004, 0.09),
        stripe=_cloth(rng),
        stripe_width=rng.uniform(0.004, 0.03) if rng.random() < 0.35 else 0.0,
        bend=np.radians([rng.normal(0, 14), rng.normal(0, 8)]),
        length=rng.uniform(0.1, 0.35) if kind < 0.93 else 0.021,
    )


def _mottle(look, points):
    return 1 + look.mottle * np.sin(points @ look.waves.T + look.phases).sum(1)


def colour(paint, look):
    """Skin colours of the hand's vertices."""
    palm = paint.palm[:, None]
    # Palms are lighter, most of all on dark skin.
    dark = 1 - look.skin.mean()
    light = look.skin + (np.array([0.93, 0.70, 0.60]) - look.skin) * (0.15 + 0.45 * dark)
    colours = look.skin * (1 - palm) + light * palm
    red = look.redness * (0.5 * paint.tip + 0.4 * paint.knuckle)[:, None]
    colours = colours * (1 - red * np.array([0.02, 0.16, 0.14]))
    colours = colours * (1 - paint.crease[:, None] * np.array([0.18, 0.26, 0.26]))
    nail = paint.nail[:, None]
    colours = colours * (1 - nail) + look.nails * nail
    return np.clip(colours * _mottle(look, paint.rest)[:, None], 0, 1)


@dataclass
class Arm:
    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    colours: np.ndarray


def _tube(starts, radii, bend):
    """Rings of an elliptic tube along +z that leans by `bend`; `starts` (R,), `radii` (R, 2)."""
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    lean = np.clip(starts - 0.008, 0, None)
    x = ring[None, :, 0] * radii[:, None, 0] + (np.sin(bend[1]) * lean)[:, None]
    y = ring[None, :, 1] * radii[:, None, 1] - (np.sin(bend[0]) * lean)[:, None]
    z = np.repeat(starts[:, None], AROUND, 1)
    vertices = np.stack([x, y, z], 2).reshape(-1, 3)
    normals = np.stack(
        [ring[None, :, 0] / radii[:, None, 0], ring[None, :, 1] / radii[:, None, 1], 0 * z], 2
    ).reshape(-1, 3)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    first = np.arange(len(starts) - 1)[:, None] * AROUND
    here = first + np.arange(AROUND)
    right = first + (np.arange(AROUND) + 1) % AROUND
    quads = np.stack([here, right, right + AROUND, here, right + AROUND, here + AROUND], 2)
    return vertices, quads.reshape(-1, 3), normals


def _close(vertices, faces, normals, ring, direction):
    """Caps one end of a tube with a fan round its middle."""
    rim = ring * AROUND + np.arange(AROUND)
    middle = vertices[rim].mean(0)
    lid = len(vertices) + np.arange(AROUND)
    fan = np.stack([lid, np.roll(lid, -1), np.full(AROUND, lid[-1] + 1)], 1)
    vertices = np.concatenate([vertices, vertices[rim], middle[None]])
    caps = np.tile([0.0, 0.0, direction], (AROUND + 1, 1))
    return vertices, np.concatenate([faces, fan]), np.concatenate([normals, caps])


def _widen(starts, extra):
    """The forearm's half widths: round and thicker toward the elbow."""
    grow = np.clip(starts / 0.22, 0, 1)[:, None]
    return WRIST * (1 - grow) + np.array([0.043, 0.038]) * grow + extra


def arm(look, side):
    """The bare forearm and, over it, the sleeve."""
    bend = look.bend * [1, side]
    starts = np.linspace(0.006, look.length, 14)
    # Just inside the mesh at first, then flush with it.
    inset = -0.0016 * np.clip((0.022 - starts) / 0.012, 0, 1)[:, None] + 0.0004
    parts = [(*_close(*_tube(starts, _widen(starts, inset), bend), 13, 1.0), None)]
    if look.sleeve is not None and look.length > look.sleeve_start + 0.02:
        starts = np.linspace(look.sleeve_start, look.length + 0.002, 40)
        folds = 0.0012 * np.sin(starts * 190 + look.phases[0])[:, None]
        loose = 0.006 + 0.006 * np.exp(-(starts - look.sleeve_start) / 0.01)[:, None] * 0.5
        tube = _tube(starts, _widen(starts, loose + folds), bend)
        # The cuff's own thickness, seen from the hand's side.
        tube = _close(*tube, 0, -1.0)
        parts.append((*_close(*tube, 39, 1.0), look.sleeve))
    return _merge(look, parts)


def _merge(look, parts):
    vertices, faces, normals, colours = [], [], [], []
    count = 0
    for points, triangles, directions, cloth in parts:
        vertices.append(points)
        faces.append(triangles + count)
        normals.append(directions)
        count += len(points)
        if cloth is None:
            colours.append(np.clip(look.skin * _mottle(look, points)[:, None], 0, 1))
            continue
        painted = np.tile(cloth, (len(points), 1))
        if look.stripe_width:
            painted[np.floor(points[:, 2] / look.stripe_width) % 2 == 1] = look.stripe
        colours.append(painted)
    return Arm(
        np.concatenate(vertices),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(normals),
        np.concatenate(colours),
    )
