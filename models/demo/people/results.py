"""From a trained network to float and int8 files, and their figures on unseen renders by sort of picture.

In: a `Recipe`, a task, the averaged network. Out, in the run's folder: `TASK.onnx` and `TASK.int8.onnx`
with all maps, `TASK-joints.int8.onnx` with the joints' maps alone, and `TASK.json`, the figures.
"""

import copy
import hashlib
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from halve import halving

from posewire_models import card, compare, quantise
from posewire_models.basic import FINDER, FINDER_STRIDE
from posewire_models.export import export

from . import crops, learn, render, scenes
from .recipe import DEFINITIONS, EXTRA, TRAINED_SIDE, crop_recipe
from .switches import Switches

CALIBRATION_SEED, ROW_SEED = 11, 4242
SIDE = 2 * TRAINED_SIDE
# Switches that the renderer heeds, and those that the crops do.
RENDERED = {
    "hand": (
        "held",
        "fists",
        "grazing",
        "two_hands",
        "on_skin",
        "gloves",
        "sleeves",
        "dirty",
        "wet",
        "hard_light",
    ),
    "body": ("lying", "behind", "hard_light"),
}
CROPPED = {
    "hand": ("group", "cut", "grey", "infrared", "noise", "motion", "low_resolution", "jpeg"),
    "body": ("group", "cut", "table", "grey", "infrared", "noise", "motion", "low_resolution", "jpeg"),
}


def digest(module):
    """SHA-256 of the weights, in the state's own order."""
    sha = hashlib.sha256()
    for value in module.state_dict().values():
        sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()


def normalised(pictures):
    """The networks' inputs (1, 3, h, w) of RGB pictures."""
    return [learn.to_tensor(picture[None]).contiguous().numpy() for picture in pictures]


def first_maps(network, count):
    """The network with its first maps alone: the joints', and some of the extra ones."""
    network = copy.deepcopy(network)
    last = learn.last_layer(network)
    last.weight = torch.nn.Parameter(last.weight[:count].detach().clone())
    last.bias = torch.nn.Parameter(last.bias[:count].detach().clone())
    last.out_channels = count
    return network


def write(recipe, task, network, folder):
    """The ONNX files of one network."""
    network, folder = network.eval(), Path(folder)
    source = f"models/demo/train.py {task}"
    rng = np.random.default_rng(CALIBRATION_SEED)
    count = recipe.size.calibration
    if task == "finder":
        _both(network, finder_card(source, network), folder / task, normalised(recipe.frames(rng, count)))
        return
    made = crops.batch(
        rng, recipe.sources(task, "train"), SIDE, crop_recipe(task), recipe.switches, count
    )
    write_keypoints(task, network, folder / task, source, made.crops)


def write_keypoints(task, network, stem, source, pictures):
    """`STEM.onnx` and `STEM.int8.onnx` with all maps, and `STEM-joints`; RGB pictures (N, SIDE, SIDE, 3)
    calibrate them.
    """
    network, inputs = network.eval(), normalised(pictures)
    full = card.make(task, SIDE, source, digest(network), stride=8, extra_channels=EXTRA[task])
    _both(halving(network), full, stem, inputs)
    plain = card.make(task, SIDE, source, digest(network), stride=8)
    joints = first_maps(network, len(DEFINITIONS[task]["joints"]))
    _both(halving(joints), plain, f"{stem}-joints", inputs)


def _both(network, made, stem, inputs):
    export(network, made, f"{stem}.onnx")
    quantise.quantise(f"{stem}.onnx", f"{stem}.int8.onnx", inputs)


def finder_card(source, network):
    """The card of a finder without measured thresholds."""
    return {
        "format": card.FORMAT,
        "task": "finder",
        # A finder's maps are no joints, but they are named at the same place.
        "joints": list(FINDER),
        "bones": [],
        "flip_pairs": [],
        "crop_padding": 1.0,
        "input_size": [scenes.WIDTH, scenes.HEIGHT],
        "heatmap_size": [scenes.WIDTH // FINDER_STRIDE, scenes.HEIGHT // FINDER_STRIDE],
        "mean": card.MEAN,
        "std": card.STD,
        "decode": "default",
        "source": source,
        "source_sha256": digest(network),
    }


class Session:
    """An ONNX file that answers like a torch network, one picture after the other."""

    def __init__(self, path):
        self.session = compare.session(path)

    def __call__(self, x):
        made = [compare.run(self.session, one[None]) for one in x.contiguous().numpy()]
        return torch.from_numpy(np.stack(made))


def rows(recipe, task):
    """[(name, batches)] of unseen crops: all sorts mixed, none of them, and each alone."""
    none = Switches(**{field.name: 0.0 for field in fields(Switches)})
    # Negatives belong to each row: presence is measured against them.
    none = Switches(**{**vars(none), "negatives": render.ALL.negatives, "person": render.ALL.person})
    placing, size = crop_recipe(task), recipe.size
    source = recipe.sources(task, "test")

    def made(figures, switches):
        rng = np.random.default_rng(ROW_SEED)
        mine = crops.Sources(task, figures, source.others, source.backgrounds)
        return [crops.batch(rng, mine, SIDE, placing, switches, size.rows)]

    out = [("all", made(source.figures, render.ALL))]
    quiet = render.Figures(recipe.cache, task, "test", size.unseen, none, recipe.jobs)
    out.append(("none", made(quiet, none)))
    for name in CROPPED[task]:
        out.append((name, made(quiet, Switches(**{**vars(none), name: 1.0}))))
    # A quick run renders one sort alone: it shows that the step works.
    for name in RENDERED[task][: 1 if size.unseen < 200 else None]:
        alone = Switches(**{**vars(none), name: 1.0})
        figures = render.Figures(recipe.cache, task, "test", size.unseen, alone, recipe.jobs)
        out.append((name, made(figures, none)))
    return out


def measure(recipe, task, folder):
    """Figures of the float and the int8 file: {row: {"float": {...}, "int8": {...}}}."""
    folder = Path(folder)
    networks = {"float": Session(folder / f"{task}.onnx"), "int8": Session(folder / f"{task}.int8.onnx")}
    if task == "finder":
        rng = np.random.default_rng(ROW_SEED)
        unseen = recipe.parts("test")
        frames = [scenes.sample(rng, *unseen, render.ALL) for _ in range(recipe.size.rows)]
        found = {"all": {kind: learn.judge_finder(net, frames) for kind, net in networks.items()}}
    else:
        joints = len(DEFINITIONS[task]["joints"])
        found = {
            name: {kind: learn.judge_keypoints(net, batches, joints) for kind, net in networks.items()}
            for name, batches in rows(recipe, task)
        }
    plain = {
        row: {k: {n: float(v) for n, v in f.items()} for k, f in both.items()} for row, both in found.items()
    }
    (folder / f"{task}.json").write_text(json.dumps(plain, indent=1) + "\n")
    return plain


def table(found):
    """The figures as Markdown, a row for each sort of picture."""
    names = list(dict.fromkeys(n for both in found.values() for f in both.values() for n in f))
    heads = [f"{name} {kind}" for name in names for kind in ("float", "int8")]
    lines = ["| pictures | " + " | ".join(heads) + " |", "|" + " --- |" * (len(heads) + 1)]
    for row, both in found.items():
        cells = [f"{both[kind].get(name, float('nan')):.3f}" for name in names for kind in ("float", "int8")]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
