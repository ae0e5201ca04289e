"""One picture by its kind and number: what the renders' names stand for.

In: a `Studio`, a kind, a split, a number, switches. Out: the picture's arrays by name. `code` is a hash of all
that makes a kind's pictures, so that pictures of other code are not taken for these.
"""

import ast
import functools
import hashlib
from pathlib import Path

import numpy as np

from . import bodies, hands, negatives, rooms

# What composes a picture of each kind. Its place is part of the picture's seed.
COMPOSERS = {"hand": hands, "body": bodies, "negative": negatives, "background": rooms}
KINDS = tuple(COMPOSERS)
SEEDS = {"train": 1, "test": 2}
BACKGROUND_SIDE = 288
# A figure that hides more of its joints is drawn anew.
LEAST_VISIBLE = 0.45


def _figure(rng, studio, kind, switches):
    """(Picture, label)."""
    if kind == "negative":
        names = list(negatives.KINDS)
        name = names[rng.integers(len(names))]
        picture = studio.shoot(rng, negatives.sample(rng, studio, switches, name))
        return picture, names.index(name)
    while True:
        picture = studio.shoot(rng, COMPOSERS[kind].sample(rng, studio, switches))
        if picture.visible.mean() >= LEAST_VISIBLE:
            return picture, picture.right


def take(studio, kind, split, number, switches):
    """{array's name: value}; a background has `pictures` alone."""
    rng = np.random.default_rng([SEEDS[split], KINDS.index(kind), number])
    if kind == "background":
        return {"pictures": rooms.sample(rng, studio, BACKGROUND_SIDE)}
    picture, label = _figure(rng, studio, kind, switches)
    out = {"joints": picture.joints, "visible": picture.visible, "labels": np.float32(label)}
    if kind == "body":
        out["hands"] = picture.hands
    return out | {"pictures": picture.rgba}


def _imported(tree, folder):
    """This folder's files, and those above a package, that a module imports."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.name for alias in node.names]
    places = [folder, folder.parent] if (folder / "__init__.py").exists() else [folder]
    paths = [place / f"{name}.py" for name in names for place in places]
    return [path for path in paths if path.exists()]


def code_hash(start, leave_out=()):
    """Of a file and of all that it imports from this folder. Comments do not count."""
    found, left = {}, [Path(start)]
    while left:
        path = left.pop()
        if path not in found and path not in leave_out:
            tree = ast.parse(path.read_text())
            found[path] = ast.dump(tree)
            left += _imported(tree, path.parent)
    text = "".join(found[path] for path in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def code(kind):
    """A hash of what makes a kind's pictures; the other kinds' composers are none of it."""
    composers = {Path(module.__file__) for module in COMPOSERS.values()}
    return code_hash(COMPOSERS[kind].__file__) + code_hash(__file__, composers)
