"""Writes unseen renders as pictures with labels, for `posewire eval` and `judge.py`.

    python models/demo/unseen.py hand|body DIR [--count N] [--cache DIR]

Out: DIR/NNNN.jpg and DIR/labels.json in COCO's form. All sorts of pictures are mixed. A third shows something else
and has no annotation.
"""

import argparse
import json
import os
import sys
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import augment
import cv2
import numpy as np
from people import crops
from people.recipe import DEFINITIONS, SHIPPED_SIZE, TURNS, Recipe
from people.switches import ALL

SEED = 515
SIDE = 384
# The joints' box as a share of the picture: a look may move and grow without leaving it.
FILL = 0.42
QUALITY = 92


def labels(joints, weights):
    """One annotation's keypoints: x, y, v; v is 0 outside the picture."""
    return [
        round(float(value), 2)
        for (x, y), weight in zip(joints, weights, strict=True)
        for value in ((x, y, 2) if weight > 0 else (0, 0, 0))
    ]


def write(cache, task, folder, count):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    placing = augment.Recipe(FILL, *TURNS[task], DEFINITIONS[task]["flip_pairs"], wide=0.0)
    source = Recipe(cache, SHIPPED_SIZE, ALL).sources(task, "test")
    made = crops.batch(np.random.default_rng(SEED), source, SIDE, placing, ALL, count)
    images, annotations = [], []
    for index, picture in enumerate(made.crops):
        name = f"{index:04}.jpg"
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        images.append({"id": index, "file_name": name})
        if made.present[index] > 0:
            keypoints = labels(made.joints[index], made.weights[index])
            annotations.append({"id": index, "image_id": index, "keypoints": keypoints})
    (folder / "labels.json").write_text(json.dumps({"images": images, "annotations": annotations}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=list(DEFINITIONS))
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--count", type=int, default=450)
    parser.add_argument("--cache", default=os.path.join(HERE, ".cache"))
    options = parser.parse_args()
    write(options.cache, options.task, options.folder, options.count)


if __name__ == "__main__":
    main()
