#!/usr/bin/env python3
"""Trains a demo network on, with pictures of your own, and says what that changed.

finetune.py --task hand|body --images DIR --labels FILE --out X.int8.onnx
            [--from CHECKPOINT] [--minutes N] [--steps N] [--all-maps]

FILE has COCO's keypoint form. Every fifth picture is kept out of the training; the report is measured on those.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from posewire_models import cli
from posewire_models.cli import UserError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "demo"))

import judge  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from people import learn, own, recipe, results, start  # noqa: E402

NAME = "finetune.py"
# Weights that see real pictures already are moved gently.
RATE = 3e-4
CALIBRATION_SEED = 11
CALIBRATION_CROPS = 128
# From this number of labelled pictures on, every fifth is kept out and judges.
ENOUGH_TO_SPLIT = 10
CURVE_CROPS = 64


def parse(arguments):
    parser = cli.Parser(prog=NAME, description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=tuple(recipe.DEFINITIONS), required=True)
    parser.add_argument("--images", metavar="DIR", required=True, help="folder of the pictures")
    parser.add_argument("--labels", metavar="FILE", required=True, help="COCO keypoints of them")
    parser.add_argument("--out", metavar="X.int8.onnx", required=True)
    parser.add_argument(
        "--from", dest="origin", metavar="CHECKPOINT", help="default: models/demo/checkpoints/TASK.npz"
    )
    parser.add_argument("--minutes", type=float, help="end the training after this long")
    parser.add_argument("--steps", type=int, default=2000, metavar="N", help="of 32 crops (2000)")
    parser.add_argument(
        "--all-maps", action="store_true", help="write the maps beyond the joints' too (extra_channels)"
    )
    options = parser.parse_args(arguments)
    if options.steps < 1:
        parser.error(f"--steps {options.steps}: at least 1")
    options.origin = options.origin or str(HERE / "demo" / "checkpoints" / f"{options.task}.npz")
    return options


def split(entries):
    """(to train on, to judge by): every fifth labelled and every fifth empty picture judges, if there are
    enough."""
    labelled = [entry for entry in entries if entry[1]]
    empty = [entry for entry in entries if not entry[1]]
    if not labelled:
        raise UserError("no picture has labelled joints")
    if len(labelled) < ENOUGH_TO_SPLIT:
        return entries, entries
    seen = [entry for group in (labelled, empty) for i, entry in enumerate(group) if i % 5]
    return seen, labelled[::5] + empty[::5]


def lesson(options, seen):
    """(Lesson, a function that makes crops (count, side)) from the entries to train on."""
    task, definition = options.task, recipe.DEFINITIONS[options.task]
    joints = len(definition["joints"])
    subjects, empty = own.read(options.images, seen, joints)
    if not subjects:
        raise UserError(f"{options.labels}: no subject has two labelled joints")
    placing = recipe.crop_recipe(task)

    def batch(rng, side=recipe.TRAINED_SIDE, count=learn.BATCH):
        return own.batch(rng, subjects, empty, side, placing, count)

    fixed = [batch(np.random.default_rng(recipe.JUDGE_SEED), count=CURVE_CROPS)]
    maps = joints + len(recipe.EXTRA[task])
    network = learn.initialise(recipe.NETWORKS[start.about(options.origin)["network"]](maps))
    start.load(options.origin, network, learn.to_tensor(fixed[0].crops))
    made = learn.Lesson(
        task,
        network,
        batch,
        lambda network, batch: learn.keypoint_loss(network, batch, joints),
        lambda network: learn.judge_keypoints(network, fixed, joints),
        options.steps,
        RATE,
    )
    return made, batch


def record(options, steps, pictures):
    """What made the new checkpoint, after what made the old one."""
    before = start.about(options.origin)
    sitting = {
        "steps": steps,
        "pictures": steps * learn.BATCH,
        "seed": learn.SEED,
        "own pictures": pictures,
        "from": Path(options.origin).name,
    }
    sittings = [*before.get("sittings", []), sitting]
    return {"task": options.task, "network": before["network"], "sittings": sittings}


def report(before, after, apart):
    """Lines: each figure before and after, on pictures that were `apart` from the training or not."""
    lines = [f"measured on {'pictures that were kept out' if apart else 'the pictures trained on'}"]
    for name, value in before.items():
        lines.append(f"  {name:24} {value:8.3f} {after[name]:8.3f}")
    return "\n".join(lines)


def main():
    options = parse(sys.argv[1:])
    try:
        finetune(options)
    except start.StartError as error:
        raise UserError(str(error)) from error


def finetune(options):
    out = Path(options.out)
    if not out.parent.is_dir():
        # Before the minutes of training.
        raise UserError(f"{out}: the folder {out.parent} does not exist; make it first")
    entries = judge.read_labels(options.labels)
    seen, kept = split(entries)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        torch.manual_seed(learn.SEED)
        made, batch = lesson(options, seen)
        calibration = batch(np.random.default_rng(CALIBRATION_SEED), results.SIDE, CALIBRATION_CROPS).crops
        write = lambda network, stem: results.write_keypoints(
            options.task, network, folder / stem, f"models/finetune.py {options.task}", calibration
        )
        measure = lambda stem: judge.judge(
            judge.Network(str(folder / f"{stem}.int8.onnx")), options.images, kept
        )
        write(made.network, "before")
        before = measure("before")
        network, steps = learn.learn(made, folder / "run", minutes=options.minutes)
        write(network, "after")
        after = measure("after")
        stem = "after" if options.all_maps else "after-joints"
        with cli.whole_or_absent(out) as temporary:
            shutil.copyfile(folder / f"{stem}.int8.onnx", temporary)
        start.save(out.with_suffix(".npz"), network, record(options, steps, len(seen)))
    print(f"{out}: before and after, int8; {report(before, after, seen is not kept)}")


if __name__ == "__main__":
    cli.run(NAME, main)
