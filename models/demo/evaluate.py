"""Measures the float and the int8 demo network on unseen plain renders and writes the cache's REPORT.md.

    python models/demo/evaluate.py hand|body|all [--count N] [--cache DIR]

Every frame is cropped by its tight box with the card's padding, as the reference data sets are
evaluated, without a flip test. Lengths are in frame pixels (frames of 384x384).
"""

import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import dataset
import numpy as np
import onnx
import publish
from frames import SIDE, frames
from posewire_models import card, compare, crop, decode, metrics
from settings import TASKS, test_set

SEED = 4242
EMPTY_FRAMES = 200
NECK, CROWN = 8, 9


class Network:
    def __init__(self, path):
        self.card = card.read(onnx.load(path))
        self.session = compare.session(path)

    def __call__(self, picture, box):
        """Keypoints (J, 2) in picture px, and the mean of their scores."""
        x, centre, size = crop.network_input(picture, box, self.card)
        points, scores = decode.decode(compare.run(self.session, x), self.card["input_size"])
        return crop.to_picture(points, centre, size, self.card["input_size"]), scores.mean()


def _heads(truth, boxes):
    """Boxes whose PCKh head size is neck to crown; a head seen from its end counts as a tenth of the
    figure."""
    length = np.linalg.norm(truth[:, CROWN] - truth[:, NECK], axis=1)
    length = np.maximum(length, 0.1 * boxes.max(1)) / metrics.HEAD_SIZE_SHARE
    corners = np.zeros((len(truth), 2, 2))
    corners[:, 1, 0] = length
    return corners


def _figures(task, found, truth, valid):
    boxes = np.ptp(truth, axis=1)
    result = {
        "PCK@0.2": metrics.pck(found, truth, valid, boxes)[0],
        "AUC": metrics.auc(found, truth, valid),
        "EPE px": metrics.epe(found, truth, valid),
    }
    if task == "body":
        heads = _heads(truth, boxes)
        result["PCKh@0.5 %"] = metrics.pckh(found, truth, valid, heads)[0]
        result["PCKh@0.1 %"] = metrics.pckh(found, truth, valid, heads, 0.1)[0]
    return result


def _presence(network, shown, empty):
    whole = (SIDE * 0.2, SIDE * 0.2, SIDE * 0.6, SIDE * 0.6)
    blank = [network(frame.picture, whole)[1] for frame in empty]
    return {"score, 5th percentile": float(np.percentile(shown, 5)),
            "empty frames, 95th percentile": float(np.percentile(blank, 95))}  # fmt: skip


def evaluate(task, cache, count):
    """{'float': figures, 'int8': figures, ...} of one task."""
    unseen = test_set(cache, task)
    shown = list(frames(*unseen, TASKS[task].recipe, count, SEED))
    empty = list(frames(*unseen, TASKS[task].recipe, EMPTY_FRAMES, SEED + 1, empty=1.0))
    truth = np.stack([frame.joints for frame in shown])
    valid = np.stack([frame.weights for frame in shown])
    paths = {"float": publish.float_path(task, cache), "int8": publish.int8_path(task)}
    result = {"frames": count, "seed": SEED, "parameters": publish.parameters(paths["float"])}
    for kind, path in paths.items():
        network = Network(path)
        found, scores = zip(*(network(f.picture, f.box()) for f in shown), strict=True)
        result[kind] = _figures(task, np.stack(found), truth, valid)
        result[kind] |= _presence(network, scores, empty)
        result[f"{kind} bytes"] = os.path.getsize(path)
    return result


def _table(result):
    lines = ["| | float | int8 |", "| --- | --- | --- |"]
    for name, value in result["float"].items():
        lines.append(f"| {name} | {value:.4g} | {result['int8'][name]:.4g} |")
    lines.append(f"| file, bytes | {result['float bytes']} | {result['int8 bytes']} |")
    return "\n".join(lines)


def _section(task, cache):
    with open(os.path.join(cache, f"{task}-figures.json")) as file:
        result = json.load(file)
    training = os.path.join(cache, f"{task}-training.json")
    how = ""
    if os.path.exists(training):
        with open(training) as file:
            facts = json.load(file)
        phases = ", ".join(
            f"{steps} of {phase.batch} crops of {phase.side}x{phase.side}"
            for steps, phase in zip(facts["steps_per_phase"], TASKS[task].phases, strict=True)
        )
        sitting = "The last sitting, from the weights of earlier ones" if facts["resumed"] else "Training"
        how = f" {sitting}: {facts['minutes']} minutes, steps: {phases}."
    return (
        f"## {task}\n\n{result['parameters']} weights, {result['frames']} frames (seed "
        f"{result['seed']}).{how}\n\n{_table(result)}\n"
    )


def report(cache):
    """REPORT.md from the figures of every task measured so far."""
    tasks = [t for t in TASKS if os.path.exists(os.path.join(cache, f"{t}-figures.json"))]
    text = (
        "# The demo networks, measured\n\n"
        f"Written by `evaluate.py`: unseen renders of {SIDE}x{SIDE} px, cropped by the joints' tight box "
        f"with padding {card.HAND['crop_padding']} (hand) or {card.BODY['crop_padding']} (body), one pass "
        f"without flipping. The training's figures and backgrounds come from seed "
        f"{dataset.SEEDS['train']}, these from seed {dataset.SEEDS['test']}. EPE and AUC (30 px) are in "
        "frame pixels. PCKh takes neck to crown as the head's size. The score is the mean over the "
        "joints of each heatmap's maximum.\n\n"
    )
    with open(os.path.join(cache, "REPORT.md"), "w") as file:
        file.write(text + "\n".join(_section(task, cache) for task in tasks))


def measure(task, cache, count=1200):
    result = evaluate(task, cache, count)
    with open(os.path.join(cache, f"{task}-figures.json"), "w") as file:
        json.dump(result, file, indent=1)
    report(cache)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=[*TASKS, "all"])
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    for task in TASKS if options.task == "all" else [options.task]:
        print(json.dumps(measure(task, options.cache, options.count), indent=1))


if __name__ == "__main__":
    main()
