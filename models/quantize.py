#!/usr/bin/env python3
"""Quantises a float ONNX of export.py to int8 and prints the loss of accuracy.

quantize.py X.onnx --images DIR        --out X.int8.onnx
quantize.py X.onnx --random-images SEED --out X.int8.onnx
"""

import sys

from posewire_models import calibration, cli, quantise
from posewire_models.compare import compare

NAME = "quantize.py"

# From this number of crops on, every fifth is kept out of calibration and measures the error.
ENOUGH_TO_SPLIT = 10


def parse(arguments):
    parser = cli.Parser(prog=NAME, description="float ONNX -> int8 ONNX, calibrated on real crops")
    parser.add_argument("model", metavar="X.onnx")
    pictures = parser.add_mutually_exclusive_group(required=True)
    pictures.add_argument("--images", metavar="DIR", help="pictures, with an optional boxes.json")
    pictures.add_argument(
        "--random-images", metavar="SEED", type=cli.seed, help="synthetic pictures, for benches"
    )
    parser.add_argument("--out", required=True, metavar="X.int8.onnx")
    parser.add_argument("--form", choices=quantise.FORMS, default="qdq")
    parser.add_argument("--activations", choices=quantise.ACTIVATIONS, default="u8")
    parser.add_argument("--method", choices=quantise.METHODS, default="minmax", help="how ranges are chosen")
    parser.add_argument("--limit", type=int, default=128, metavar="N", help="use at most N crops (128)")
    options = parser.parse_args(arguments)
    if options.limit < 1:
        parser.error(f"--limit {options.limit}: at least 1")
    return options


def split(inputs):
    """(for calibration, for measuring): disjoint if there are enough inputs, else the same."""
    if len(inputs) < ENOUGH_TO_SPLIT:
        return inputs, inputs
    return [x for i, x in enumerate(inputs) if i % 5], inputs[::5]


def main():
    options = parse(sys.argv[1:])
    _, card = quantise.load(options.model)
    if options.images is not None:
        inputs = calibration.from_folder(options.images, card, options.limit)
    else:
        inputs = calibration.from_seed(options.random_images, card, min(options.limit, 20))
    seen, measured = split(inputs)
    with cli.whole_or_absent(options.out) as temporary:
        quantise.quantise(options.model, temporary, seen, options.form, options.activations, options.method)
        errors = compare(options.model, temporary, measured, card["decode"])
    apart = "the same" if seen is measured else "others"
    print(
        f"{options.out}: {options.form}, {options.activations} activations, {options.method} "
        f"on {len(seen)} crops, measured on {len(measured)} {apart}"
    )
    print("\n".join(errors.lines()))


if __name__ == "__main__":
    cli.run(NAME, main)
