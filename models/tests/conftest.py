"""Puts the package on the path; golden vectors, small networks and a way to run the two tools."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

MODELS = Path(__file__).resolve().parent.parent
GOLDEN = MODELS.parent / "tests" / "golden"
sys.path.insert(0, str(MODELS))

from posewire_models import card, synthetic  # noqa: E402

try:
    import torch
    from posewire_models import random_weights
    from posewire_models.export import export
    from posewire_models.hourglass import Hourglass
    from posewire_models.resnet import SimpleBaseline
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    # PyTorch is gigabytes. Without it, the tests of networks and of their training do not run.
    torch = None
    names = "export finetune halve judge networks quantise recipe runtime ship".split()
    collect_ignore = [f"test_{name}.py" for name in names]

SEED = 5


def pytest_report_header():
    return None if torch else f"no PyTorch: {', '.join(collect_ignore)} do not run"


@pytest.fixture(scope="session")
def golden():
    """golden("x.json") or golden("x.npy") -> the parsed content."""

    def load(name):
        path = GOLDEN / name
        return np.load(path) if name.endswith(".npy") else json.loads(path.read_text())

    return load


@pytest.fixture(scope="session")
def tool():
    """tool("export.py", argument, ...) -> the finished process, its output as text."""

    def run(name, *arguments):
        command = [sys.executable, str(MODELS / name), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture
def refused(tool, tmp_path):
    """Runs a tool that must fail: one line on stderr, and an empty output folder."""
    folder = tmp_path / "out"
    folder.mkdir()

    def run(name, *arguments):
        done = tool(name, *arguments, "--out", folder / "x.onnx")
        assert done.returncode not in (0, None) and done.returncode > 0
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith(f"{name}: error: ")
        assert list(folder.iterdir()) == []
        return lines[0]

    return run


def save_checkpoint(folder, state, stem="net_256x256", zipped=True):
    """A checkpoint as MMPose publishes them: its hash and a date in the name."""
    raw = folder / "raw.pth"
    content = {"meta": {"epoch": 210}, "state_dict": state}
    torch.save(content, raw, _use_new_zipfile_serialization=zipped)
    digest = hashlib.sha256(raw.read_bytes()).hexdigest()
    return raw.rename(folder / f"{stem}-{digest[:8]}_20201029.pth")


@pytest.fixture(scope="session")
def hand_module():
    """The full-size hand network with seeded weights."""
    return random_weights.fill(SimpleBaseline(21), SEED)


@pytest.fixture(scope="session")
def small_networks(tmp_path_factory):
    """Narrow networks of both kinds as float ONNX: {"hand": (module, path), "body": ...}."""
    folder = tmp_path_factory.mktemp("small")
    modules = {
        "hand": SimpleBaseline(21, blocks=(1, 1, 1, 1), width=8, filters=16),
        "body": Hourglass(16, 8, 16, channels=(16, 16, 24, 32), counts=(1, 1, 1, 2)),
    }
    out = {}
    for task, module in modules.items():
        random_weights.fill(module, SEED)
        path = folder / f"{task}.onnx"
        export(module, card.make(task, 256, "random seed 5", ""), path)
        out[task] = module, path
    return out


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of twelve pictures, two of them with a box."""
    folder = tmp_path_factory.mktemp("pictures")
    for i, picture in enumerate(synthetic.pictures(3, 12, 200)):
        cv2.imwrite(str(folder / f"{i:02}.png"), picture)
    (folder / "boxes.json").write_text('{"00.png": [20, 30, 100, 120], "05.png": [-10, 0, 150, 90.5]}')
    return folder
