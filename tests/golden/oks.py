"""Writes oks.json: persons in COCO's form, found persons near them, and the figures of COCO's own tools.

    pip install pycocotools==2.0.11 && python tests/golden/oks.py

Persons are of all sizes, some crowds, some without labelled joints, one picture of more than count. Scores repeat, and ids do
not rise.
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SEED = 17
PICTURES = 50
CROWDED = 24
NAMES = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
).split()


def person(random, image, index):
    """An annotation, with its joints as an array of 17 x 3."""
    side = float(np.exp(random.uniform(np.log(20), np.log(250))))
    corner = random.uniform(0, 300, 2)
    kind = random.uniform()
    joints = np.zeros((17, 3))
    joints[:, :2] = (corner + random.uniform(0, 1, (17, 2)) * (0.5 * side, side)).round(1)
    joints[:, 2] = random.choice([0, 1, 2], 17, p=[0.25, 0.25, 0.5])
    if kind < 0.12:
        joints[:] = 0
    joints[joints[:, 2] == 0] = 0
    return joints, {
        "id": 1000 - index,
        "image_id": image,
        "category_id": 1,
        "iscrowd": int(0.08 < kind < 0.16),
        "keypoints": joints.ravel().tolist(),
        "num_keypoints": int((joints[:, 2] > 0).sum()),
        "bbox": [round(float(v), 1) for v in (*corner, 0.5 * side, side)],
        "area": round(0.3 * side * side, 1),
    }


def found(random, joints, annotation):
    """What a network saw of a person: off by little, much, or altogether."""
    off = float(np.exp(random.uniform(np.log(0.003), np.log(0.2)))) * np.sqrt(annotation["area"])
    places = np.where(joints[:, 2:] > 0, joints[:, :2], random.uniform(0, 300, (17, 2)))
    places = (places + random.normal(0, off, (17, 2))).round(2)
    return {
        "image_id": annotation["image_id"],
        "category_id": 1,
        "keypoints": np.hstack([places, np.ones((17, 1))]).ravel().tolist(),
        "score": round(float(random.uniform(0.3, 1)), 2),
    }


def main():
    random = np.random.default_rng(SEED)
    images, annotations, results = [], [], []
    for index in range(PICTURES):
        image = (index * 7) % PICTURES + 100
        images.append({"id": image, "file_name": f"{image}.jpg", "width": 640, "height": 480})
        for _ in range(CROWDED if index == 11 else int(random.integers(0, 5))):
            joints, annotation = person(random, image, len(annotations))
            annotations.append(annotation)
            if not annotation["iscrowd"] and annotation["num_keypoints"] > 0:
                results.append(found(random, joints, annotation))
    categories = [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": []}]
    labels = {"images": images, "annotations": annotations, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = labels
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(json.loads(json.dumps(results))), "keypoints")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    names = ["AP", "AP50", "AP75", "AP-medium", "AP-large", "AR"]
    figures = dict(zip(names, (float(value) for value in judge.stats), strict=False))
    for annotation in annotations:
        # Notes of the tools.
        annotation.pop("ignore"), annotation.pop("_ignore")
    out = {"labels": labels, "results": results, "figures": figures}
    Path(__file__).with_name("oks.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(len(annotations), len(results), figures)


if __name__ == "__main__":
    main()
