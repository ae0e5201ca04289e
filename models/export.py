#!/usr/bin/env python3
"""Builds a reference network from an MMPose checkpoint (or seeded weights) and writes float ONNX.

export.py hand|body --checkpoint FILE [--size 256|384] --out X.onnx
export.py hand|body --random SEED     [--size 256|384] --out X.onnx
"""

import sys
import warnings
from pathlib import Path

import torch

from posewire_models import card, checkpoint, cli, random_weights
from posewire_models.cli import UserError
from posewire_models.export import export
from posewire_models.hourglass import Hourglass
from posewire_models.resnet import SimpleBaseline

NAME = "export.py"

# task: (name, constructor, input sizes it was trained for)
NETWORKS = {
    "hand": ("pose_resnet_50", lambda: SimpleBaseline(21), (256,)),
    "body": ("pose_hourglass_52", lambda: Hourglass(16), (256, 384)),
}


def parse(arguments):
    parser = cli.Parser(prog=NAME, description="MMPose checkpoint -> float ONNX with its model card")
    parser.add_argument("task", choices=NETWORKS)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", metavar="FILE", help="an MMPose .pth, 0.x or 1.x")
    source.add_argument(
        "--random", metavar="SEED", type=cli.seed, help="seeded weights, for tests and benches"
    )
    parser.add_argument(
        "--size", type=int, choices=(256, 384), help="input side; default: from the file name, else 256"
    )
    parser.add_argument(
        "--decode", choices=("default", "dark"), default="default", help="written to the card"
    )
    parser.add_argument("--out", required=True, metavar="X.onnx")
    return parser.parse_args(arguments)


def pick_size(options, sizes):
    """The input side: the option, else the size in the checkpoint's name, else 256."""
    named = checkpoint.named_size(options.checkpoint) if options.checkpoint else None
    size = options.size or named or 256
    if size not in sizes:
        allowed = " or ".join(str(s) for s in sizes)
        raise UserError(f"{options.task} has no {size}x{size} network; its input is {allowed}")
    if named and named != size:
        cli.note(NAME, f"{options.checkpoint} names {named}x{named}, exporting for {size}x{size} as asked")
    return size


def main():
    options = parse(sys.argv[1:])
    name, build, sizes = NETWORKS[options.task]
    size = pick_size(options, sizes)
    if options.checkpoint:
        digest, verified = checkpoint.check_hash(options.checkpoint)
        if not verified:
            cli.note(NAME, f"{options.checkpoint}: no hash in the name to check it against")
        # The meta device spends no memory on initial weights: the checkpoint's tensors replace them.
        with torch.device("meta"):
            module = build()
        module = checkpoint.load(module, options.checkpoint, f"{options.task} ({name})")
        source = Path(options.checkpoint).name
    else:
        module = random_weights.fill(build(), options.random)
        source, digest = f"random seed {options.random}", ""
    with cli.whole_or_absent(options.out) as temporary:
        export(module, card.make(options.task, size, source, digest, options.decode), temporary)
    print(f"{options.out}: {name} {size}x{size}, from {source}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cli.run(NAME, main)
