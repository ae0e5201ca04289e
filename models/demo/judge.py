"""Judges a network by pictures of your own: keypoints in given boxes, and whether it tells empty pictures.

    python models/demo/judge.py MODEL.onnx --images DIR --labels FILE

FILE has COCO's form: `images` (id, file_name), `annotations` (image_id, keypoints as x, y, v in the card's
order, and perhaps bbox). Without a bbox the labelled joints' own box is taken. An image without an
annotation is empty. The presence score is the card's presence map, or the mean of the heatmaps' maxima in a
network without one.
"""

import argparse
import json
import os
import sys
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import cv2
import numpy as np
import onnx
from people.crops import disc
from people.learn import auc
from posewire_models import card, compare, crop, decode
from posewire_models.cli import UserError

# What is asked of an empty picture: a box of this share of it, in the middle and at the corners.
EMPTY_SHARE = 0.6


class Network:
    def __init__(self, path):
        self.card = card.read(onnx.load(path), path)
        card.check(self.card, path)
        self.session = compare.session(path)

    def __call__(self, picture, box):
        """(joints (J, 2) in picture px, presence score)."""
        x, centre, size = crop.network_input(picture, box, self.card)
        maps = compare.run(self.session, x)
        count = len(self.card["joints"])
        points, scores = decode.decode(maps[:count], self.card["input_size"], self.card["decode"])
        extra = self.card.get("extra_channels", [])
        presence = scores.mean()
        if "presence" in extra:
            mask = disc(maps.shape[2])
            presence = (maps[count + extra.index("presence")] * mask).sum() / mask.sum()
        return crop.to_picture(points, centre, size, self.card["input_size"]), float(presence)


def read_labels(path):
    """[(file name, [(joints (J, 2), labelled (J,), box)])]."""
    try:
        content = json.loads(Path(path).read_text())
        mine = {image["id"]: (image["file_name"], []) for image in content["images"]}
        for one in content["annotations"]:
            values = np.array(one["keypoints"], float).reshape(-1, 3)
            labelled = values[:, 2] > 0
            if not labelled.any():
                continue
            low, high = values[labelled, :2].min(0), values[labelled, :2].max(0)
            box = one.get("bbox") or [*low, *(high - low)]
            mine[one["image_id"]][1].append((values[:, :2], labelled, box))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not COCO keypoints: {error!r}") from error
    return list(mine.values())


def _empty_boxes(picture):
    """Boxes that a tracker may ask about in a picture without a subject."""
    height, width = picture.shape[:2]
    side = EMPTY_SHARE * min(height, width)
    middle = ((width - side) / 2, (height - side) / 2)
    corners = [(x, y) for x in (0, width - side) for y in (0, height - side)]
    return [(x, y, side, side) for x, y in [middle, *corners]]


def judge(network, folder, labels):
    """Figures by name. PCK is of the labelled joints' own box."""
    hits = {0.2: [], 0.1: []}
    shown, empty = [], []
    for name, subjects in labels:
        picture = cv2.imread(str(Path(folder, name)))
        if picture is None:
            raise UserError(f"{Path(folder, name)}: not a picture that OpenCV reads")
        if not subjects:
            empty.append(max(network(picture, box)[1] for box in _empty_boxes(picture)))
        for truth, labelled, box in subjects:
            if len(truth) != len(network.card["joints"]):
                raise UserError(f"{name}: {len(truth)} joints, the network has {len(network.card['joints'])}")
            found, score = network(picture, box)
            side = max(np.ptp(truth[labelled], axis=0))
            distance = np.linalg.norm(found - truth, axis=1)[labelled]
            for share, list_ in hits.items():
                list_.extend(distance < share * side)
            shown.append(score)
    out = {f"PCK@{share}": float(np.mean(list_)) for share, list_ in hits.items() if list_}
    out |= {"subjects": len(shown), "empty pictures": len(empty)}
    if shown and empty:
        # The threshold that keeps 95 % of the subjects, and the empty pictures that it lets pass.
        threshold = float(np.percentile(shown, 5))
        out |= {"presence AUC": auc(shown, empty), "threshold at 95 %": threshold}
        out["empty pictures above it"] = int((np.array(empty) >= threshold).sum())
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--images", required=True, help="folder of the pictures")
    parser.add_argument("--labels", required=True, help="COCO keypoints of them")
    options = parser.parse_args()
    try:
        found = judge(Network(options.model), options.images, read_labels(options.labels))
    except (UserError, OSError) as error:
        sys.exit(f"judge.py: error: {error}")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
