"""The training loop: steps of a fixed schedule with checkpoints, so that a stopped run goes on.

In: a `Lesson`, which is a network, its batches and its loss, and a folder. Out: the averaged network and the
steps that it took. The folder gets `NAME.pt` (weights, averages, optimiser, steps done) and `NAME.jsonl`, the curve: a line for
each report.
"""

import copy
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from augment import targets

from posewire_models import card

from . import crops, scenes

SEED = 7
BATCH = 32
# Frames of a finder have six times the pixels of a crop: more steps beat larger ones.
FINDER_BATCH = 16
RATE = 2e-3
# Weights that are good already are not thrown far.
RATE_FROM = 1e-3
WARM_UP = 200  # steps
REPORT_EVERY_S = 120
SHARPNESS = 10.0
SQUARED_WEIGHT = 1000.0
PLACE_WEIGHT = 3.0
SIGMA = 1.5  # of a joint's Gaussian, heatmap px
PRESENCE_WEIGHT = 4.0
SIDE_WEIGHT = 1.0
# A centre's pixel counts this much more than an empty one.
CENTRE_GAIN = 20.0


@dataclass
class Lesson:
    name: str
    network: torch.nn.Module
    batch: callable  # (rng) -> whatever `loss` takes
    loss: callable  # (network, batch) -> scalar tensor
    judge: callable  # (network) -> {name: number} on unseen renders
    steps: int
    rate: float = RATE  # the highest
    pictures: int = BATCH  # in a batch


def to_tensor(pictures):
    """(N, h, w, 3) uint8 RGB to the network's normalised input, channels last."""
    x = (pictures.astype(np.float32) - np.float32(card.MEAN)) / np.float32(card.STD)
    return torch.from_numpy(x).permute(0, 3, 1, 2)


def keypoint_loss(network, batch, joints):
    """Squared error of the heatmaps, cross-entropy of where their maxima are, and the extra maps in the disc.

    Squared error alone hardly tells the joints apart for the first tens of thousands of crops. A heatmap
    times SHARPNESS, seen as logits over its pixels, must find the joint's pixel; the Gaussian narrowed
    accordingly makes both terms agree. Joints outside the picture are left out of both, negatives out of
    the second.
    """
    maps = network(to_tensor(batch.crops))
    side = batch.crops.shape[1]
    weights = torch.from_numpy(batch.weights)
    wanted = torch.from_numpy(targets(batch.joints, side, SIGMA))
    heatmaps, extra = maps[:, :joints], maps[:, joints:]
    squared = (((heatmaps - wanted) ** 2).mean((2, 3)) * weights).mean()
    place = torch.from_numpy(targets(batch.joints, side, SIGMA / SHARPNESS**0.5)).flatten(2)
    place = place / place.sum(2, keepdim=True).clamp(min=1e-6)
    guess = torch.log_softmax(SHARPNESS * heatmaps.flatten(2), 2)
    entropy = -((place * guess).sum(2) * weights).mean()
    loss = SQUARED_WEIGHT * squared + PLACE_WEIGHT * entropy
    disc = torch.from_numpy(crops.disc(maps.shape[3]))
    present = torch.from_numpy(batch.present)
    loss = loss + PRESENCE_WEIGHT * _in_disc(extra[:, 0], present, disc).mean()
    if extra.shape[1] > 1:
        known = torch.from_numpy(~np.isnan(batch.right)).float()
        right = torch.from_numpy(np.nan_to_num(batch.right))
        loss = loss + SIDE_WEIGHT * (_in_disc(extra[:, 1], right, disc) * known).mean()
    return loss


def _in_disc(maps, values, disc):
    """Squared error (N,) of maps (N, h, w) from one value each, in the disc."""
    return (((maps - values[:, None, None]) ** 2) * disc).sum((1, 2)) / disc.sum()


def finder_loss(network, batch):
    pictures, wanted, weights = batch
    wanted, weights = torch.from_numpy(wanted), torch.from_numpy(weights)
    gain = torch.ones_like(wanted)
    gain[:, :3] += CENTRE_GAIN * wanted[:, :3]
    error = (network(to_tensor(pictures)) - wanted) ** 2 * weights * gain
    # Each channel counts alike, however few pixels it is asked at.
    per_channel = error.sum((0, 2, 3)) / weights.sum((0, 2, 3)).clamp(min=1)
    return 100 * per_channel[:3].sum() + 10 * per_channel[3:].sum()


class Average:
    """Exponential moving average of weights and batch-norm statistics."""

    def __init__(self, network, decay=0.998):
        self.network, self.decay, self.count = copy.deepcopy(network).eval(), decay, 0

    @torch.no_grad()
    def update(self, network):
        self.count += 1
        decay = min(self.decay, self.count / (self.count + 10))
        theirs = network.state_dict()
        for key, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(theirs[key], 1 - decay)


def last_layer(network):
    """The 1x1 convolution that makes the maps."""
    head = getattr(network, "keypoint_head", network)
    return head.multi_final_layers[0] if hasattr(head, "multi_final_layers") else head.final_layer


def initialise(network):
    """Small last layer: the maps start near zero, where nearly all of their pixels belong."""
    last = last_layer(network)
    torch.nn.init.normal_(last.weight, std=0.001)
    torch.nn.init.zeros_(last.bias)
    return network.to(memory_format=torch.channels_last)


def _rate(highest, progress, taken):
    """Cosine from the highest to nearly nothing, after a warm-up over the first steps of a sitting."""
    warm = min(1.0, (taken + 1) / WARM_UP)
    return float(highest * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(progress, 1)))))


def _progress(step, steps, first, elapsed_s, minutes):
    """How much of the schedule is over, 0 to 1: by the steps, or by the clock where that is sooner.

    A sitting of some minutes takes all that is left of the schedule after its `first` step: its rate falls to
    nothing at its end, whatever the machine makes of the minutes.
    """
    by_steps = step / steps
    if not minutes:
        return by_steps
    begun = first / steps
    return max(by_steps, begun + (1 - begun) * elapsed_s / (60 * minutes))


def _save(path, lesson, average, optimiser, step):
    state = {
        "network": lesson.network.state_dict(),
        "average": average.network.state_dict(),
        "count": average.count,
        "optimiser": optimiser.state_dict(),
        "step": step,
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def _load(path, lesson, average, optimiser):
    state = torch.load(path, weights_only=True)
    lesson.network.load_state_dict(state["network"])
    average.network.load_state_dict(state["average"])
    average.count = state["count"]
    optimiser.load_state_dict(state["optimiser"])
    return state["step"]


def learn(lesson, folder, resume=False, minutes=None):
    """Trains. `minutes` squeeze the schedule into that long; `resume` goes on from the last checkpoint."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, curve = folder / f"{lesson.name}.pt", folder / f"{lesson.name}.jsonl"
    average = Average(lesson.network)
    optimiser = torch.optim.AdamW(lesson.network.parameters(), lesson.rate, weight_decay=0.01)
    step = 0
    if resume and checkpoint.exists():
        step = _load(checkpoint, lesson, average, optimiser)
    else:
        curve.unlink(missing_ok=True)
    # Another step, another seed: a resumed run sees new crops.
    rng = np.random.default_rng([SEED, step])
    first, losses, start, reported = step, [], time.time(), time.time()

    def report():
        line = {
            "step": step,
            "seconds": round(time.time() - start),
            "loss": round(float(np.mean(losses[-100:])), 3),
        }
        line |= {name: round(float(value), 4) for name, value in lesson.judge(average.network).items()}
        with open(curve, "a") as file:
            file.write(json.dumps(line) + "\n")
        print(lesson.name, json.dumps(line), flush=True)
        _save(checkpoint, lesson, average, optimiser, step)

    while (progress := _progress(step, lesson.steps, first, time.time() - start, minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = _rate(lesson.rate, progress, step - first)
        lesson.network.train()
        loss = lesson.loss(lesson.network, lesson.batch(rng))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lesson.network.parameters(), 5.0)
        optimiser.step()
        average.update(lesson.network)
        losses.append(loss.item())
        step += 1
        if time.time() - reported > REPORT_EVERY_S:
            report()
            reported = time.time()
    if losses:
        report()
    return average.network, step


@torch.no_grad()
def judge_keypoints(network, batches, joints):
    """PCK@0.2 of the joints' box, presence AUC and side accuracy on fixed batches of unseen crops."""
    hits = total = right = sides = 0
    scores = {0: [], 1: []}
    for batch in batches:
        maps = network(to_tensor(batch.crops)).numpy()
        width = maps.shape[3]
        disc = crops.disc(width)
        present = (maps[:, joints] * disc).sum((1, 2)) / disc.sum()
        for score, truth in zip(present, batch.present, strict=True):
            scores[int(truth)].append(score)
        index = maps[:, :joints].reshape(len(maps), joints, -1).argmax(2)
        found = np.stack([index % width, index // width], 2) * (batch.crops.shape[1] / width)
        shown = batch.present > 0
        box = np.ptp(batch.joints[shown], axis=1).max(1)
        near = np.linalg.norm(found[shown] - batch.joints[shown], axis=2) < 0.2 * box[:, None]
        counted = batch.weights[shown] > 0
        hits, total = hits + (near & counted).sum(), total + counted.sum()
        known = ~np.isnan(batch.right)
        if maps.shape[1] > joints + 1 and known.any():
            side = (maps[:, joints + 1] * disc).sum((1, 2)) / disc.sum()
            right += ((side > 0.5) == (batch.right > 0.5))[known].sum()
            sides += known.sum()
    out = {"pck": hits / max(total, 1), "auc": auc(scores[1], scores[0])}
    return out | ({"side": right / sides} if sides else {})


def auc(positive, negative):
    """The chance that one of the positive scores is above one of the negative."""
    positive, negative = np.asarray(positive), np.asarray(negative)
    if not len(positive) or not len(negative):
        return float("nan")
    difference = positive[:, None] - negative[None]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


@torch.no_grad()
def judge_finder(network, frames, threshold=0.5):
    """Recall of hands by size and of people, and false peaks a frame, on fixed unseen frames."""
    found, asked = {}, {}
    false = {"hand": 0, "person": 0}
    for picture, objects in frames:
        maps = network(to_tensor(picture[None]))[0].numpy()
        for channel, kind in ((0, "hand"), (1, "person")):
            peaks = scenes.peaks(maps[[channel, 3 + channel]], threshold)
            true = [o for o in objects if o.kind == kind]
            for one in true:
                if one.shown < scenes.SHOWN[1] or one.size < scenes.SIZES_PX[0]:
                    continue
                name = _size_name(kind, one.size)
                asked[name] = asked.get(name, 0) + 1
                hit = any(_matches(peak, one) for peak in peaks)
                found[name] = found.get(name, 0) + hit
            false[kind] += sum(not any(_matches(peak, one) for one in true) for peak in peaks)
    out = {f"recall {name}": found[name] / asked[name] for name in sorted(asked)}
    return out | {f"false {kind}": count / len(frames) for kind, count in false.items()}


def _size_name(kind, size):
    if kind == "person":
        return "person"
    edges = (10, 20, 40, 80)
    return f"hand {max(e for e in edges if e <= size)}+"


def _matches(peak, one):
    """Whether a peak lies within 0.4 sides of an object's centre."""
    _, x, y, _ = peak
    return np.hypot(x - one.centre[0], y - one.centre[1]) < max(0.4 * one.size, scenes.SMALLEST_PX)
