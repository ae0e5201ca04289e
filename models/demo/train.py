"""Trains the networks on rendered people, from nothing to int8 files and their figures, in one command.

    python models/demo/train.py hand|body|finder|all [--quick] [--resume] [--minutes N] [--without SWITCH]
                                [--from FILE [--blend SHARE]] [--figures N] [--jobs N] [--cache DIR]

Fetches, renders, trains, exports, quantises and measures on unseen renders. Everything lies in the cache:
renders under `people`; checkpoints, curves, networks and REPORT.md under `runs/NAME`. --quick goes through
every step on a few pictures. --minutes squeezes each training's schedule into that long. --resume goes on
from the run's checkpoint, --from starts with the weights of a file; --blend then leaves that share of what
the training changed. --figures renders fewer pictures: N hands, the other kinds in proportion. --without leaves
a sort of picture out.
"""

import argparse
import copy
import os
import sys
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import torch
from people import learn, results, shots, start
from people.packages import FetchError
from people.recipe import FULL, QUICK, TASKS, Recipe
from people.switches import ALL


def run_name(options):
    """A folder of its own for each choice of switches and start."""
    origin = [f"from_{Path(options.origin).stem}"] if options.origin else []
    without = [f"no_{name}" for name in sorted(options.without)]
    return "-".join(["quick" if options.quick else "full", *origin, *without])


def record(options, lesson, size, steps):
    """What made a checkpoint, with what its start was made by."""
    kind = "finder" if lesson.name == "finder" else "basic"
    before = start.about(options.origin) if options.origin else {"network": kind}
    code = shots.code_hash(os.path.join(HERE, "people", "recipe.py"))
    sitting = {
        "steps": steps,
        "pictures": steps * lesson.pictures,
        "seed": learn.SEED,
        "figures": size.figures,
        "without": sorted(options.without),
        "code": code[:16],
        "from": os.path.basename(options.origin) if options.origin else None,
        "blend": options.blend,
    }
    sittings = [*before.get("sittings", []), sitting]
    return {"task": lesson.name, "network": before["network"], "sittings": sittings}


def write_report(folder, found):
    text = ["# Networks trained on rendered people", "Unseen renders. `pck` is PCK@0.2 of the joints' box."]
    text += [f"## {task}\n\n{results.table(figures)}" for task, figures in found.items()]
    (folder / "REPORT.md").write_text("\n\n".join(text) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=[*TASKS, "all"])
    parser.add_argument("--quick", action="store_true", help="every step on a few pictures")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--minutes", type=float, help="end each training after this long")
    parser.add_argument(
        "--from", dest="origin", metavar="FILE", help="start from a checkpoint's or the shipped hand's weights"
    )
    parser.add_argument(
        "--blend", type=float, default=1.0, metavar="SHARE", help="of the trained weights, the rest the start's"
    )
    parser.add_argument("--without", action="append", default=[], metavar="SWITCH", help="leave a sort out")
    parser.add_argument("--figures", type=int, metavar="N", help="hands to render and train on")
    parser.add_argument("--jobs", type=int, help="rendering processes; all cores if not given")
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    try:
        switches = ALL.without(*options.without)
    except ValueError as error:
        parser.error(str(error))
    if options.origin and options.task not in ("hand", "body"):
        parser.error("--from is for one network: hand or body")
    if not 0 < options.blend <= 1 or (options.blend < 1 and not options.origin):
        parser.error("--blend is above 0 and at most 1, and needs --from")
    try:
        # Before the hours of rendering.
        if options.origin:
            start.about(options.origin)
    except start.StartError as error:
        sys.exit(f"train.py: error: {error}")
    if options.figures is not None and options.figures < 1:
        parser.error("--figures is at least 1")
    size = QUICK if options.quick else FULL
    recipe = Recipe(
        options.cache, size.with_hands(options.figures) if options.figures else size, switches, options.jobs
    )
    folder = Path(options.cache, "runs", run_name(options))
    found = {}
    for task in TASKS if options.task == "all" else [options.task]:
        torch.manual_seed(learn.SEED)
        try:
            lesson = recipe.lesson(task, options.origin)
        except (FetchError, start.StartError) as error:
            sys.exit(f"train.py: error: {error}")
        before = copy.deepcopy(lesson.network.state_dict())
        network, steps = learn.learn(lesson, folder, options.resume, options.minutes)
        if options.blend < 1:
            start.blend(before, network, options.blend)
        start.save(folder / f"{task}.npz", network, record(options, lesson, recipe.size, steps))
        results.write(recipe, task, network, folder)
        found[task] = results.measure(recipe, task, folder)
        print(results.table(found[task]), flush=True)
        write_report(folder, found)


if __name__ == "__main__":
    main()
