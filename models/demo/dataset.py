"""Renders figures and backgrounds in bulk, with fixed seeds, into memory-mapped arrays.

In: the cache folder, the task ('hand' or 'body'), a split and a count.
Out: `Foregrounds`: pictures (N, 224, 224, 4) uint8, RGB premultiplied by alpha; joints (N, J, 2)
float32 in their pixels; visible (N, J) uint8, 1 where the joint is in the picture and not behind
another part. `backgrounds`: (N, 288, 288, 3) uint8 RGB. Each item depends on its own seed alone.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache as memoise

import assets
import body
import cv2
import hand
import numpy as np
import raster
import scene

SIDE = 224
BACKGROUND_SIDE = 288
SEEDS = {"train": 1, "test": 2}
_TASK_SEEDS = {"hand": 10, "body": 20, "background": 30}
_JOINTS = {"hand": 21, "body": 16}
# How far behind the nearest surface a visible joint may lie: half the thickness of a limb.
_THICKNESS = {"hand": 0.024, "body": 0.16}
# Side of the joints' box in the picture; a body needs room for the head and the feet.
_FILL = {"hand": (0.50, 0.64), "body": (0.66, 0.76)}


@dataclass
class Foregrounds:
    pictures: np.ndarray
    joints: np.ndarray
    visible: np.ndarray


@memoise
def hands(folder):
    return hand.load(folder, "left"), hand.load(folder, "right")


def figure(task, rng, cache):
    """A random figure of the task in camera space."""
    if task == "hand":
        return hand.sample(rng, hands(assets.hand_folder(cache)))
    return body.sample_body(rng)


def frame(joints, side, fill):
    """The camera that puts the joints' box, `fill` of the side long, in the picture's middle."""
    flat = raster.project(joints, (1, 1, 0, 0))
    low, high = flat.min(0), flat.max(0)
    focal = fill * side / max(high - low)
    middle = focal * (low + high) / 2
    return focal, focal, (side - 1) / 2 - middle[0], (side - 1) / 2 - middle[1]


def draw(task, shape, camera, size, light):
    """The figure as premultiplied RGBA, its joints in px, and which of them are visible."""
    mesh = shape.vertices, shape.faces, shape.colours, shape.normals
    rgba, depth = raster.render(*mesh, camera, size, light)
    reach = 0.02 * camera[0] / np.median(shape.joints[:, 2]) * (1 if task == "hand" else 6)
    shade = raster.ambient_occlusion(depth, reach, 18 if task == "hand" else 2.5)
    shade = shade * (rgba[..., 3] / 255.0)
    rgba[..., :3] = (rgba[..., :3] * shade[..., None] + 0.5).astype(np.uint8)
    joints = raster.project(shape.joints, camera).astype(np.float32)
    return rgba, joints, visibility(shape.joints[:, 2], joints, depth, _THICKNESS[task])


def visibility(z, joints, depth, thickness):
    height, width = depth.shape
    x, y = np.round(joints).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    surface = depth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return (inside & (z < surface + thickness)).astype(np.uint8)


def _seeded(kind, split, index):
    return np.random.default_rng([SEEDS[split], _TASK_SEEDS[kind], index])


def _foreground(task, split, index, cache):
    rng = _seeded(task, split, index)
    shape = figure(task, rng, cache)
    camera = frame(shape.joints, SIDE, rng.uniform(*_FILL[task]))
    return draw(task, shape, camera, (SIDE, SIDE), scene.light(rng))


def _fill_foregrounds(task, split, start, stop, cache, paths):
    cv2.setNumThreads(1)
    pictures, joints, visible = (np.load(path, mmap_mode="r+") for path in paths)
    for index in range(start, stop):
        drawn = _foreground(task, split, index, cache)
        pictures[index], joints[index], visible[index] = drawn


def _fill_backgrounds(split, start, stop, path):
    cv2.setNumThreads(1)
    pictures = np.load(path, mmap_mode="r+")
    for index in range(start, stop):
        pictures[index] = scene.background(_seeded("background", split, index), BACKGROUND_SIDE)


def _allocate(path, shape, dtype):
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def _in_parallel(work, count, arguments, tail, workers):
    """Runs `work(*arguments, start, stop, *tail)` over the range in pieces."""
    cuts = np.linspace(0, count, workers * 4 + 1).astype(int)
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(work, *arguments, int(start), int(stop), *tail)
            for start, stop in zip(cuts, cuts[1:], strict=False)
        ]
        for job in jobs:
            job.result()


def _done(marker):
    return os.path.exists(marker)


def foregrounds(cache, task, split, count, workers=2):
    """Opens the rendered figures, and renders them first if the cache does not hold them."""
    stem = os.path.join(cache, f"{task}-{split}-{count}")
    paths = [f"{stem}-{part}.npy" for part in ("pictures", "joints", "visible")]
    if not _done(stem + ".done"):
        os.makedirs(cache, exist_ok=True)
        if task == "hand":
            assets.hand_folder(cache)
        number = _JOINTS[task]
        _allocate(paths[0], (count, SIDE, SIDE, 4), np.uint8)
        _allocate(paths[1], (count, number, 2), np.float32)
        _allocate(paths[2], (count, number), np.uint8)
        _in_parallel(_fill_foregrounds, count, (task, split), (cache, paths), workers)
        open(stem + ".done", "w").close()
    return Foregrounds(*(np.load(path, mmap_mode="r") for path in paths))


def backgrounds(cache, split, count, workers=2):
    """The same for backgrounds."""
    path = os.path.join(cache, f"background-{split}-{count}.npy")
    if not _done(path + ".done"):
        os.makedirs(cache, exist_ok=True)
        _allocate(path, (count, BACKGROUND_SIDE, BACKGROUND_SIDE, 3), np.uint8)
        _in_parallel(_fill_backgrounds, count, (split,), (path,), workers)
        open(path + ".done", "w").close()
    return np.load(path, mmap_mode="r")
