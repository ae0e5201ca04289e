"""Compositions without the subject: what a network must not take for a hand or a person.

`KINDS` names them: parts of people (`forearm`, `foot`, `face`), `animal`, and things (`toy`, `branch`,
`cable`, `rag`, `furniture`). The joints of such a composition are the corners of its box, so that it can be
framed like any other.
"""

import hand_pose
import numpy as np
from body_pose import sample_pose

from . import animals, draw, dress
from .geometry import X, Y, Z, about, random_rotation, unit
from .skeleton import body_turns, hand_turns, palm, pose, skin
from .studio import Composition
from .wardrobe import cloth, skin_for

FILL = (0.8, 1.0)
# Which kinds are no subject of a task. A face or a forearm may well belong to a whole body.
NOT = {
    "hand": ("forearm", "foot", "face", "animal", "toy", "branch", "cable", "rag", "furniture"),
    "body": ("foot", "animal", "toy", "branch", "cable", "rag", "furniture"),
}


def _part_of(rng, studio, roots, dressed):
    """The parts of a posed person that hang on some bones, with what is worn there."""
    body, person = studio.body, studio.person(rng)
    turns = body_turns(body, person, sample_pose(rng))
    for side in "LR":
        turns |= hand_turns(body, person, side, hand_pose.sample(rng))
    transforms = pose(body, person, turns)
    share = body.share([bone for root in roots for bone in body.family(root)])
    keep = (share[body.faces] > 0.5).all(1)
    posed = skin(person.vertices, body.weights, transforms)
    texture = skin_for(rng, studio.wardrobe.skins, person.traits)
    out = [
        draw.Part(
            posed, person.vertices, body.faces[keep], body.uv[keep], texture, dress.skin_tint(rng), draw.SKIN
        )
    ]
    if dressed:
        worn = [g for g in studio.wardrobe.outfit(rng, person.traits) if g.kind in dressed]
        out += dress.worn(rng, person, transforms, worn)
    return out


def _foot(rng, studio):
    """One or both feet, bare more often than not."""
    sides = ("L", "R")[: rng.integers(1, 3)]
    dressed = ("shoes",) if rng.random() < 0.3 and len(sides) == 2 else ()
    return _part_of(rng, studio, [f"lowerleg02.{side}" for side in sides], dressed)


def _forearm(rng, studio):
    """An arm that ends before the wrist, in a sleeve now and then: its end is out of the picture or in a
    cuff.
    """
    body, person = studio.body, studio.person(rng)
    side = "LR"[rng.integers(2)]
    arm = studio.arms[side]
    transforms = pose(body, person, {})
    posed = arm.matrix(skin(person.vertices, body.weights, transforms))
    keep = (arm.hand_share[arm.faces] < 0.3).all(1)
    texture = skin_for(rng, studio.wardrobe.skins, person.traits)
    rest = arm.matrix(person.vertices)
    tint = dress.skin_tint(rng)
    out = [draw.Part(posed, rest, arm.faces[keep], arm.uv[keep], texture, tint, draw.SKIN)]
    # The cut is closed by a stump of cloth, as a cuff or a pocket closes it.
    wrist, forward, _, _ = palm(body, person, side)
    radius = rng.uniform(0.03, 0.05)
    out.append(dress.thing(rng, wrist + forward * rng.uniform(0, 0.06), forward, radius))
    if rng.random() < 0.5:
        out.append(dress.sleeve(rng, body, person, arm, posed))
    return out


def _painted(rng, tubes):
    texture = cloth(rng)
    return [
        draw.Part(v, v, f, (uv * 4).astype(np.float32), texture, np.ones(3), draw.CLOTH) for v, f, uv in tubes
    ]


def _toy(rng, _):
    """Balls, bars and bottles stuck together at random."""
    return [
        dress.thing(rng, rng.normal(0, 0.06, 3), unit(rng.normal(size=3)), rng.uniform(0.015, 0.06))
        for _ in range(int(rng.integers(2, 9)))
    ]


def _branch(rng, _):
    """A stick that forks up to three times: like an arm with fingers."""
    tubes, tips = [], [(np.zeros(3), -Y, 0.02 * np.exp(rng.normal(0, 0.4)), 0.25)]
    for _ in range(3):
        grown = []
        for start, along, radius, length in tips:
            bend = start + along * length * 0.5 + rng.normal(0, 0.06, 3) * length
            end = start + along * length + rng.normal(0, 0.1, 3) * length
            tubes.append(animals.limb(start, bend, end, radii=(radius, 0.9 * radius, 0.7 * radius)))
            for _ in range(int(rng.integers(1, 6))):
                turned = unit(along + rng.normal(0, 0.5, 3))
                grown.append((end, turned, 0.6 * radius, length * rng.uniform(0.4, 0.9)))
        tips = grown[:8]
    return _painted(rng, tubes)


def _cable(rng, _):
    """A few loops of wire."""
    tubes = []
    for _ in range(int(rng.integers(1, 5))):
        points = np.cumsum(rng.normal(0, 0.1, (8, 3)), 0)
        tubes.append(animals.limb(*points, radii=[rng.uniform(0.002, 0.012)] * 8))
    return _painted(rng, tubes)


def _rag(rng, _):
    """Folded cloth: a sheet under waves of several sizes, some of them steep."""
    side = 48
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, side), np.linspace(-0.2, 0.2, side))
    z = np.zeros_like(x)
    for _ in range(int(rng.integers(3, 9))):
        k = rng.normal(0, 1, 2) * rng.uniform(5, 50)
        z += np.sin(k[0] * x + k[1] * y + rng.uniform(0, 6)) * rng.uniform(0.2, 1.2) / (np.linalg.norm(k) + 5)
    edge = 1 + 0.3 * np.sin(np.arctan2(y, x) * rng.integers(2, 6) + rng.uniform(0, 6))
    vertices = np.stack([x * edge, y * edge, z], 2).reshape(-1, 3)
    r, c = np.meshgrid(np.arange(side - 1), np.arange(side - 1), indexing="ij")
    a = (r * side + c).ravel()
    faces = np.stack([a, a + 1, a + side + 1, a, a + side + 1, a + side], 1).reshape(-1, 3).astype(np.int32)
    uv = (vertices[:, :2] * rng.uniform(1, 6))[faces].astype(np.float32)
    return [draw.Part(vertices, vertices, faces, uv, cloth(rng), np.ones(3), draw.CLOTH)]


def box(low, high, texture):
    """A box between two corners as a Part, its sides cut in squares of a few to each."""
    grid = np.linspace(0, 1, 4)
    u, v = (a.ravel() for a in np.meshgrid(grid, grid))
    r, c = np.meshgrid(range(3), range(3), indexing="ij")
    a = (r * 4 + c).ravel()
    quads = np.stack([a, a + 1, a + 5, a, a + 5, a + 4], 1).reshape(-1, 3)
    vertices, faces, uv = [], [], []
    for axis in range(3):
        for end in (0, 1):
            corner = np.empty((16, 3))
            corner[:, axis], corner[:, (axis + 1) % 3], corner[:, (axis + 2) % 3] = end, u, v
            faces.append(quads + 16 * len(vertices))
            vertices.append(np.asarray(low) + corner * (np.asarray(high) - low))
            uv.append(np.stack([u, v], 1)[quads])
    vertices, faces = np.concatenate(vertices), np.concatenate(faces).astype(np.int32)
    return draw.Part(
        vertices, vertices, faces, np.concatenate(uv).astype(np.float32), texture, np.ones(3), draw.CLOTH
    )


def furniture(rng):
    """A table, a chair or a shelf of boxes, standing on y = 0, about a metre wide."""
    width, depth, height = rng.uniform(0.4, 1.4), rng.uniform(0.3, 0.8), rng.uniform(0.4, 1.6)
    texture, thick = cloth(rng), rng.uniform(0.02, 0.06)
    kind = rng.integers(3)
    out = []
    if kind < 2:
        seat = height * (1 if kind == 0 else 0.5)
        out.append(box([-width / 2, -seat - thick, -depth / 2], [width / 2, -seat, depth / 2], texture))
        for sx in (-1, 1):
            for sz in (-1, 1):
                at = np.array([sx * (width / 2 - thick), 0, sz * (depth / 2 - thick)])
                out.append(box(at + [-thick, -seat, -thick], at + [thick, 0, thick], texture))
        if kind == 1:
            out.append(box([-width / 2, -height, depth / 2 - thick], [width / 2, -seat, depth / 2], texture))
    else:
        rows = int(rng.integers(2, 6))
        for k in range(rows + 1):
            y = -height * k / rows
            out.append(box([-width / 2, y - thick, -depth / 2], [width / 2, y, depth / 2], texture))
        for sx in (-1, 1):
            out.append(
                box([sx * width / 2, -height, -depth / 2], [sx * width / 2 + thick, 0, depth / 2], texture)
            )
        for _ in range(int(rng.integers(0, 12))):
            row, x = rng.integers(rows), rng.uniform(-width / 2, width / 2 - 0.1)
            y, tall = -height * row / rows - thick, rng.uniform(0.3, 0.8) * height / rows
            out.append(box([x, y - tall, -depth / 2], [x + rng.uniform(0.02, 0.1), y, 0], cloth(rng)))
    return out


KINDS = {
    "forearm": _forearm,
    "foot": _foot,
    "face": lambda rng, studio: _part_of(rng, studio, ("neck01",), ("hair", "brows", "eyes", "hat")),
    "animal": lambda rng, studio: animals.parts(rng),
    "toy": _toy,
    "branch": _branch,
    "cable": _cable,
    "rag": _rag,
    "furniture": lambda rng, studio: furniture(rng),
}


def sample(rng, studio, switches, kind):
    """A Composition of one kind; its joints are the eight corners of its box."""
    parts = KINDS[kind](rng, studio)
    if kind == "animal":
        rotation = animals.rotation(rng)
    elif kind in ("face", "furniture"):
        rotation = about(X, np.radians(rng.uniform(-20, 40))) @ about(Y, rng.uniform(-np.pi, np.pi))
        rotation = about(Z, rng.normal(0, 0.2)) @ rotation
    else:
        rotation = random_rotation(rng)
    used = np.concatenate([p.posed[np.unique(p.faces)] for p in parts])
    low, high = used.min(0), used.max(0)
    middle, size = (low + high) / 2, np.linalg.norm(high - low)
    to_camera = lambda v: (v - middle) @ rotation.T + [0, 0, size * 2.2]
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (high - low) + low
    mesh = draw.assemble(rng, parts, to_camera, rotation)
    hard = rng.random() < switches.hard_light
    return Composition(mesh, to_camera(corners), 0.0, FILL, 0.05 * size, hard_light=hard)
