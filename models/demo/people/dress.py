"""A posed body as parts to draw: skin, what is worn, sleeves, gloves, and things that are held."""

import numpy as np
from scene import noise

from . import draw
from .geometry import X, Y, Z, about, align, normals, unit
from .skeleton import palm, skin
from .wardrobe import cloth, skin_for


def skin_tint(rng):
    return np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.04, 3))


def cloth_tint(rng):
    return np.clip(np.exp(rng.normal(0, 0.35) + rng.normal(0, 0.25, 3)), 0.2, 2.2)


def hair_tint(rng):
    """From black over brown to grey and fair."""
    return np.clip(np.exp(rng.normal(-0.1, 0.5)) * np.exp(rng.normal(0, 0.12, 3)), 0.15, 2.2)


def grime(rng, texture):
    """Dirt, paint or flour in blotches over a skin's texture."""
    side = len(texture)
    mask = np.clip((noise(rng, side, 12, 5) - rng.uniform(0.4, 0.65)) * 6, 0, rng.uniform(0.3, 0.9))[
        ..., None
    ]
    colour = (
        np.array([70, 50, 35.0]) * rng.uniform(0.3, 1.3) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    )
    out = texture.copy()
    out[..., :3] = texture[..., :3] * (1 - mask) + colour * mask
    return out


def worn(rng, person, transforms, garments):
    """Parts of an outfit."""
    tints = {
        "suit": cloth_tint,
        "shoes": cloth_tint,
        "hat": cloth_tint,
        "hair": hair_tint,
        "brows": hair_tint,
    }
    out = []
    for garment in garments:
        posed, rest = garment.worn(person, transforms)
        texture = garment.textures[rng.integers(len(garment.textures))]
        tint = tints[garment.kind](rng) if garment.kind in tints else np.ones(3)
        kind = draw.CLOTH if garment.kind == "shoes" else draw.CUTOUT
        out.append(draw.Part(posed, rest, garment.faces, garment.uv, texture, tint, kind))
    return out


def hidden(garments, count):
    """Which of the body's faces lie under cloth."""
    return np.any([g.hides for g in garments], 0) if garments else np.zeros(count, bool)


def whole(rng, studio, person, transforms, without=None):
    """(parts of a dressed person, skin part's texture and tint). `without`: faces of the body that others
    draw.
    """
    body = studio.body
    garments = studio.wardrobe.outfit(rng, person.traits)
    drop = hidden(garments, len(body.faces))
    if without is not None:
        drop = drop | without
    texture, tint = skin_for(rng, studio.wardrobe.skins, person.traits), skin_tint(rng)
    posed = skin(person.vertices, body.weights, transforms)
    own = draw.Part(posed, person.vertices, body.faces[~drop], body.uv[~drop], texture, tint, draw.SKIN)
    return [own, *worn(rng, person, transforms, garments)], texture, tint


def sleeve(rng, body, person, arm, posed):
    """A shell round the forearm, from somewhere behind the wrist."""
    rest = arm.matrix(person.vertices)
    wrist, elbow = (person.heads[body.index[f"{name}.{arm.side}"]] for name in ("wrist", "lowerarm01"))
    along = (rest - wrist) @ unit(elbow - wrist)
    keep = (along[arm.faces] > rng.uniform(-0.005, 0.12)).all(1)
    folds = 1 + 0.5 * np.sin(along * rng.uniform(60, 200) + rng.uniform(0, 6))
    shell = posed + normals(posed, arm.faces) * (rng.uniform(0.002, 0.012) * folds)[:, None]
    uv = (arm.uv[keep] * rng.uniform(1, 6)).astype(np.float32)
    return draw.Part(shell, rest, arm.faces[keep], uv, cloth(rng), np.ones(3), draw.CLOTH)


def glove(rng, person, arm, posed):
    """A second skin of cloth or rubber over the hand."""
    rest = arm.matrix(person.vertices)
    keep = (arm.hand_share[arm.faces] > 0.5).all(1)
    shell = posed + normals(posed, arm.faces) * rng.uniform(0.0008, 0.003)
    uv = (arm.uv[keep] * rng.uniform(1, 6)).astype(np.float32)
    return draw.Part(shell, rest, arm.faces[keep], uv, cloth(rng), np.ones(3), draw.CLOTH)


def lathe(profile, around):
    """A solid of revolution about z: profile (R, 2) of radius and height. Vertices and faces."""
    turn = np.linspace(0, 2 * np.pi, around)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    rows = [np.c_[ring * radius, np.full(around, height)] for radius, height in profile]
    r, c = np.meshgrid(np.arange(len(profile) - 1), np.arange(around - 1), indexing="ij")
    a = (r * around + c).ravel()
    quads = np.stack([a, a + 1, a + around + 1, a, a + around + 1, a + around], 1).reshape(-1, 3)
    return np.concatenate(rows), quads.astype(np.int32)


def thing(rng, centre, along, radius):
    """A ball, a bar, a rod, a cup or a bottle of some radius that lies along a direction, as a Part."""
    length = rng.uniform(0.05, 0.14)
    kind = rng.integers(5)
    around = 21
    if kind == 0:
        angle = np.linspace(0, np.pi, 10)
        profile = np.stack([np.sin(angle), -np.cos(angle)], 1) * radius
    elif kind == 1:
        around = 5
        profile = [(0, -length), (radius, -length), (radius, length), (0, length)]
    elif kind == 2:
        profile = [(0, -length), (radius, -length), (radius, length), (0, length)]
    elif kind == 3:
        profile = [
            (0, -0.05),
            (0.8 * radius, -0.05),
            (1.1 * radius, 0.05),
            (radius, 0.05),
            (0.7 * radius, -0.04),
        ]
    else:
        profile = [(0, -length), (radius, -length), (radius, 0.4 * length), (0.35 * radius, 0.7 * length),
                   (0.35 * radius, length), (0, length)]  # fmt: skip
    local, faces = lathe(np.array(profile), around)
    if kind == 1:
        local[:, 1] *= rng.uniform(0.4, 1)
    vertices = local @ align(Z, along).T + centre
    uv = np.stack([np.arctan2(local[:, 1], local[:, 0]) / (2 * np.pi), local[:, 2] * 4], 1)[faces]
    return draw.Part(vertices, local, faces, uv.astype(np.float32), cloth(rng), np.ones(3), draw.CLOTH)


def held(rng, body, person, transforms, side, joints, radius):
    """A thing in the fist of a hand whose joints are given."""
    _, forward, p, u = palm(body, person, side)
    turned = transforms[body.index[f"wrist.{side}"], :, :3]
    knuckles = joints[[7, 11, 15, 19]].mean(0)
    centre = 0.72 * knuckles + 0.28 * joints[20] + turned @ (p * (radius + 0.011) + forward * 0.012)
    return thing(rng, centre, unit(turned @ (u + 0.25 * rng.normal(0, 1, 3))), radius)


def view(rng, behind):
    """A camera's rotation for a body: mostly upright, from any side but more often from the front."""
    if rng.random() < behind:
        azimuth = np.pi + rng.normal(0, 0.6)
    else:
        azimuth = rng.normal(0, 0.6) if rng.random() < 0.65 else rng.uniform(-np.pi, np.pi)
    elevation = np.radians(rng.uniform(-15, 35) if rng.random() < 0.92 else rng.uniform(-35, 70))
    return about(Z, np.radians(rng.normal(0, 6))) @ about(X, elevation) @ about(Y, azimuth)
