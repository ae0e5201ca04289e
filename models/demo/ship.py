"""From a checkpoint to the int8 network that the program carries.

    python models/demo/ship.py hand|body|finder [--out FILE] [--cache DIR]

In: `checkpoints/TASK.npz`. Out: `models/TASK-demo.int8.onnx`, calibrated on crops or whole frames of renders, with the
card's thresholds of presence. A hand's and a body's have the joints' maps and the map of presence.
"""

import argparse
import os
import sys
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import numpy as np
from people import crops, learn, results, start
from people.recipe import DEFINITIONS, EXTRA, NETWORKS, SHIPPED_SIZE, TASKS, Recipe, crop_recipe
from people.switches import ALL
from posewire_models import card, quantise
from posewire_models.basic import Finder
from posewire_models.export import export

# The hand's map of sides has learnt nothing yet, so it is left out.
MAPS = ("presence",)
# Chosen by `posewire eval presence` and `posewire run` (REPORT.md).
PRESENCE = {
    "hand": {"birth": 0.68, "keep": 0.5},
    "body": {"birth": 0.58, "keep": 0.5},
    "finder": {"birth": 0.3, "keep": 0.15},
}


def pictures(cache, task):
    """RGB crops (N, SIDE, SIDE, 3) of rendered figures to calibrate on, or frames for the finder."""
    rng = np.random.default_rng(results.CALIBRATION_SEED)
    recipe = Recipe(cache, SHIPPED_SIZE, ALL)
    if task == "finder":
        return recipe.frames(rng, SHIPPED_SIZE.calibration)
    source = recipe.sources(task, "train")
    return crops.batch(rng, source, results.SIDE, crop_recipe(task), ALL, SHIPPED_SIZE.calibration).crops


def network_of(task, checkpoint, x):
    """(network, card) of a checkpoint, ready to be exported; `x` are inputs of the training's size."""
    source = f"models/demo/checkpoints/{task}.npz"
    if task == "finder":
        network = Finder()
        start.load(checkpoint, network, x)
        return network.eval(), {**results.finder_card(source, network), "presence": PRESENCE[task]}
    joints = len(DEFINITIONS[task]["joints"])
    network = NETWORKS[start.about(checkpoint)["network"]](joints + len(EXTRA[task]))
    start.load(checkpoint, network, x)
    network = results.first_maps(network.eval(), joints + len(MAPS))
    made = card.make(task, results.SIDE, source, results.digest(network), stride=8, extra_channels=MAPS)
    return results.halving(network), {**made, "presence": PRESENCE[task]}


def ship(task, checkpoint, out, calibrate_on):
    network, made = network_of(task, checkpoint, learn.to_tensor(calibrate_on))
    whole = Path(out).with_suffix(".float.onnx")
    export(network, made, whole)
    quantise.quantise(whole, out, results.normalised(calibrate_on))
    whole.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--out", help="where to, if not in the shipped file's place")
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    out = options.out or os.path.join(os.path.dirname(HERE), f"{options.task}-demo.int8.onnx")
    made = pictures(options.cache, options.task)
    ship(options.task, os.path.join(HERE, "checkpoints", f"{options.task}.npz"), out, made)
    print(out)


if __name__ == "__main__":
    main()
