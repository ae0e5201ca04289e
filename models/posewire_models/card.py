"""The model card: everything that a runtime must know about a network, inside the ONNX file.

The card is one JSON object under the ONNX metadata key `posewire.card`. For exports made by other
tools, the same fields are in a TOML file beside the ONNX (`X.onnx` and `X.toml`).
docs/model-card.md describes each field.
"""

import json
import tomllib
from pathlib import Path

from .cli import UserError

METADATA_KEY = "posewire.card"
FORMAT = 1
DECODES = ("default", "dark")

# ImageNet statistics for values 0 to 255, in RGB order, as both reference configurations use them.
MEAN = [123.675, 116.28, 103.53]
STD = [58.395, 57.12, 57.375]

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")

HAND = {
    "task": "hand",
    "joint_table": "interhand2d-21",
    # 4 is the finger tip, 1 the joint nearest the wrist.
    "joints": [f"{finger}{n}" for finger in _FINGERS for n in (4, 3, 2, 1)] + ["wrist"],
    "bones": [
        bone
        for f in range(5)
        for bone in ([20, 4 * f + 3], [4 * f + 3, 4 * f + 2], [4 * f + 2, 4 * f + 1], [4 * f + 1, 4 * f])
    ],
    "flip_pairs": [],
    "crop_padding": 1.5,
}

BODY = {
    "task": "body",
    "joint_table": "mpii-16",
    "joints": [
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "pelvis", "thorax", "upper_neck", "head_top",
        "right_wrist", "right_elbow", "right_shoulder",
        "left_shoulder", "left_elbow", "left_wrist",
    ],
    "bones": [
        [0, 1], [1, 2], [2, 6], [6, 3], [3, 4], [4, 5],
        [6, 7], [7, 8], [8, 9],
        [8, 12], [12, 11], [11, 10], [8, 13], [13, 14], [14, 15],
    ],
    "flip_pairs": [[0, 5], [1, 4], [2, 3], [10, 15], [11, 14], [12, 13]],
    "crop_padding": 1.25,
}  # fmt: skip

TASKS = {"hand": HAND, "body": BODY}


def channels(card):
    """How many maps the network gives: one for each joint, then the extra ones."""
    return len(card["joints"]) + len(card.get("extra_channels", ()))


def make(task, size, source, source_sha256, decode="default", stride=4, extra_channels=()):
    """The card of one exported network. `size` is the side of the square input, `stride` the side of a
    heatmap pixel; both are input pixels. `extra_channels` names the maps after the joints'."""
    made = {
        "format": FORMAT,
        **TASKS[task],
        "input_size": [size, size],
        "heatmap_size": [size // stride, size // stride],
        "mean": MEAN,
        "std": STD,
        "decode": decode,
        "source": source,
        "source_sha256": source_sha256,
    }
    return made | ({"extra_channels": list(extra_channels)} if extra_channels else {})


def write(model, card):
    """Puts `card` into an ONNX ModelProto, replacing an older one."""
    kept = [p for p in model.metadata_props if p.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    entry = model.metadata_props.add()
    entry.key = METADATA_KEY
    entry.value = json.dumps(card, separators=(",", ":"))


def read(model, where="the ONNX file"):
    """The card inside an ONNX ModelProto, or None; `where` names the file in an error."""
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            try:
                return json.loads(entry.value)
            except ValueError as error:
                raise UserError(f"{where}: its metadata {METADATA_KEY} is not JSON: {error}") from error
    return None


def beside(onnx_path):
    """The card in the TOML file beside a foreign ONNX (X.onnx -> X.toml), or None."""
    path = Path(onnx_path).with_suffix(".toml")
    if not path.is_file():
        return None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML model card: {error}") from error


def check(card, where):
    """Raises UserError unless every field that the tools use is present and valid."""
    if not isinstance(card, dict):
        raise UserError(f"{where}: its model card is not an object of named fields")
    if card.get("format") != FORMAT:
        raise UserError(f"{where}: model card format is {card.get('format')}, this tool reads {FORMAT}")
    for field, length, kind in (
        ("input_size", 2, int),
        ("heatmap_size", 2, int),
        ("mean", 3, (int, float)),
        ("std", 3, (int, float)),
    ):
        value = card.get(field)
        good = isinstance(value, list) and len(value) == length and all(isinstance(v, kind) for v in value)
        if not good or (field != "mean" and min(value) <= 0):
            raise UserError(
                f"{where}: model card field '{field}' is {value}, it needs {length} numbers above 0"
            )
    joints = card.get("joints")
    if not isinstance(joints, list) or not joints:
        raise UserError(
            f"{where}: model card field 'joints' is {joints}, it needs the joints' names in order"
        )
    padding = card.get("crop_padding")
    if not isinstance(padding, (int, float)) or padding <= 0:
        raise UserError(f"{where}: model card field 'crop_padding' is {padding}, it needs a number above 0")
    if card.get("decode") not in DECODES:
        raise UserError(f"{where}: model card field 'decode' is {card.get('decode')}, it is one of {DECODES}")
