"""Network inputs for calibration, cut from pictures exactly as at run time.

In: a folder of pictures, optionally with boxes.json ({"file.png": [x, y, w, h]} in picture pixels;
the box of any other picture is the whole picture), or a seed. Out: float32 inputs [1, 3, H, W].
"""

import json
from pathlib import Path

import cv2
import numpy as np

from . import crop, synthetic
from .cli import UserError

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
BOXES = "boxes.json"


def from_folder(folder, card, limit):
    """At most `limit` inputs, spread evenly over the folder's pictures in name order."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of pictures")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not names:
        kinds = " ".join(sorted(PICTURE_SUFFIXES))
        raise UserError(f"{folder}: no pictures in it; put some there ({kinds})")
    boxes = _boxes(folder, names)
    if len(names) > limit:
        names = [names[i * len(names) // limit] for i in range(limit)]
    return [_input(folder / name, boxes.get(name), card) for name in names]


def from_seed(seed, card, count):
    """`count` inputs of synthetic pictures, for benches without real ones."""
    width, height = card["input_size"]
    pictures = synthetic.pictures(seed, count, max(width, height))
    return [crop.normalise(p[:height, :width], card["mean"], card["std"]) for p in pictures]


def _boxes(folder, names):
    path = folder / BOXES
    if not path.is_file():
        return {}
    try:
        boxes = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from error
    if not isinstance(boxes, dict):
        raise UserError(f'{path}: needs {{"file.png": [x, y, w, h], ...}}')
    for name, box in boxes.items():
        if name not in names:
            raise UserError(f"{path}: names '{name}', which is not a picture in {folder}")
        numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(v, (int, float)) for v in box)
        if not numbers or not np.isfinite(box).all() or box[2] <= 0 or box[3] <= 0:
            raise UserError(
                f"{path}: the box of '{name}' is {box}, it needs [x, y, w, h] with w and h above 0"
            )
    return boxes


def _input(path, box, card):
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
    if picture is None:
        raise UserError(f"{path}: not a readable picture; remove or replace it")
    if box is None:
        box = (0, 0, picture.shape[1], picture.shape[0])
    return crop.network_input(picture, box, card)[0]
