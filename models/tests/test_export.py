"""export.py on checkpoints of both key layouts and containers, and on files that it must refuse."""

import hashlib
import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from conftest import MODELS, SEED, save_checkpoint

from posewire_models import calibration, card, checkpoint, compare, random_weights
from posewire_models.cli import UserError
from posewire_models.hourglass import Hourglass
from posewire_models.resnet import SimpleBaseline


def narrow_hand():
    return SimpleBaseline(21, (1, 1, 1, 1), 4, 8)


def narrow_body():
    return Hourglass(16, 4, 8, channels=(8, 8, 12), counts=(1, 1, 1))


def layout_1x(state):
    return {k.replace("keypoint_head.", "head."): v for k, v in state.items()}


@pytest.mark.parametrize("layout, zipped", [("0.x", False), ("1.x", True)])
def test_full_size_hand_checkpoint(tool, hand_module, tmp_path, layout, zipped):
    state = hand_module.state_dict()
    if layout == "1.x":
        state = layout_1x(state)
    path = save_checkpoint(tmp_path, state, "res50_interhand2d_256x256_human", zipped)
    out = tmp_path / "hand.onnx"
    done = tool("export.py", "hand", "--checkpoint", path, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    x = calibration.from_seed(21, card.make("hand", 256, "", ""), 1)[0]
    with torch.no_grad():
        wanted = hand_module(torch.from_numpy(x))[0].numpy()
    assert np.abs(compare.run(compare.session(out), x) - wanted).max() < 1e-3
    found = card.read(onnx.load(out))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["source"], found["source_sha256"]) == (path.name, digest)


@pytest.mark.parametrize("build", [narrow_hand, narrow_body])
@pytest.mark.parametrize("layout", ["0.x", "1.x"])
@pytest.mark.parametrize("zipped", [True, False])
def test_each_layout_in_each_container(tmp_path, build, layout, zipped):
    module = random_weights.fill(build(), SEED)
    state = module.state_dict()
    path = save_checkpoint(tmp_path, layout_1x(state) if layout == "1.x" else state, zipped=zipped)
    assert checkpoint.check_hash(path)[1]
    with torch.device("meta"):
        empty = build()
    loaded = checkpoint.load(empty, path, "test").state_dict()
    assert all(torch.equal(loaded[k], state[k]) for k in state if not k.endswith("num_batches_tracked"))


def test_body_keys_are_those_of_the_published_files():
    with torch.device("meta"):
        keys = set(Hourglass(16).state_dict())
    hourglass = "backbone.hourglass_modules.0"
    assert {
        "backbone.stem.0.conv.weight",
        "backbone.stem.0.bn.running_mean",
        "backbone.stem.1.0.downsample.0.weight",
        f"{hourglass}.up1.1.conv2.weight",
        f"{hourglass}.low2.low2.low2.low2.low2.3.bn2.bias",
        f"{hourglass}.low2.low3.1.downsample.1.weight",
        "backbone.out_convs.0.conv.weight",
        "keypoint_head.multi_final_layers.0.bias",
    } <= keys
    # The channel change sits in low3's last block only.
    assert f"{hourglass}.low2.low3.0.downsample.0.weight" not in keys


def test_the_unused_block_is_ignored_and_nothing_else(tmp_path):
    state = narrow_body().state_dict()
    state["backbone.inters.0.conv1.weight"] = torch.zeros(3)
    checkpoint.load(narrow_body(), save_checkpoint(tmp_path, state), "test")
    state["backbone.inters.1.conv1.weight"] = torch.zeros(3)
    with pytest.raises(UserError, match=r"left over 'backbone\.inters\.1\.conv1\.weight'"):
        checkpoint.load(narrow_body(), save_checkpoint(tmp_path, state), "test")


def test_counters_may_be_missing(tmp_path):
    state = {k: v for k, v in narrow_hand().state_dict().items() if "num_batches" not in k}
    checkpoint.load(narrow_hand(), save_checkpoint(tmp_path, state), "test")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("backbone.layer2.0.bn1.weight"), r"missing 'backbone\.layer2\.0\.bn1\.weight'"),
        (lambda s: s.update({"head.final_layer.bias": s["backbone.bn1.bias"]}), r"'head\.final_layer\.bias' is there twice"),
        (lambda s: s.update({"backbone.fc.weight": torch.zeros(1)}), r"left over 'backbone\.fc\.weight'"),
        (lambda s: s.update({"backbone.bn1.bias": torch.zeros(9)}), r"'backbone\.bn1\.bias' is \[9\], the network needs \[4\]"),
        (lambda s: s.update({"backbone.bn1.bias": torch.full((4,), torch.nan)}), r"'backbone\.bn1\.bias' holds values"),
        (lambda s: s.update({"backbone.bn1.bias": "text"}), r"'backbone\.bn1\.bias' of its state_dict is not a tensor"),
        (lambda s: s.clear(), "holds no 'state_dict'"),
    ],
)  # fmt: skip
def test_wrong_keys_are_named(tmp_path, change, message):
    state = dict(narrow_hand().state_dict())
    change(state)
    with pytest.raises(UserError, match=message) as caught:
        checkpoint.load(narrow_hand(), save_checkpoint(tmp_path, state), "test")
    assert "\n" not in str(caught.value)


class Exploit:
    def __reduce__(self):
        return os.system, ("touch exploited",)


def write_pickle_with_code(path):
    torch.save({"state_dict": {"a": Exploit()}}, path)


def write_legacy_pickle_with_code(path):
    torch.save({"state_dict": {"a": Exploit()}}, path, _use_new_zipfile_serialization=False)


def write_plain_pickle_with_code(path):
    path.write_bytes(pickle.dumps(Exploit()))


@pytest.mark.parametrize(
    "write", [write_pickle_with_code, write_legacy_pickle_with_code, write_plain_pickle_with_code]
)
def test_a_checkpoint_with_code_is_refused(refused, tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    write(path)
    # A name without a hash would add a note. With a correct hash the error is the only line.
    path = path.rename(tmp_path / f"evil-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}_20200101.pth")
    line = refused("export.py", "hand", "--checkpoint", path)
    assert path.name in line
    if write is not write_plain_pickle_with_code:
        assert "refused" in line and "system" in line
    assert not (tmp_path / "exploited").exists()


def damaged(tmp_path, keep, zipped=True):
    whole = save_checkpoint(tmp_path, narrow_hand().state_dict(), zipped=zipped)
    content = keep(whole.read_bytes())
    path = tmp_path / f"cut-{hashlib.sha256(content).hexdigest()[:8]}_20200101.pth"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "keep", [lambda b: b[: len(b) // 2], lambda b: b[:20], lambda b: b"", lambda b: b"<html>404</html>" * 9]
)
def test_a_damaged_checkpoint_is_refused(tmp_path, keep, zipped):
    with pytest.raises(UserError, match="not a readable PyTorch checkpoint") as caught:
        checkpoint.load(narrow_hand(), damaged(tmp_path, keep, zipped), "test")
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_leaves_no_file(refused, tmp_path):
    path = damaged(tmp_path, lambda b: b[: len(b) // 2])
    assert "not a readable PyTorch checkpoint" in refused("export.py", "hand", "--checkpoint", path)


def test_a_wrong_hash_is_refused(refused, tmp_path):
    path = save_checkpoint(tmp_path, {"a": torch.zeros(1)})
    path = path.rename(tmp_path / "res50_256x256-77b27d1a_20201029.pth")
    line = refused("export.py", "hand", "--checkpoint", path)
    assert "its name says 77b27d1a" in line and str(path) in line


def test_another_architecture_is_refused(refused, tmp_path):
    path = save_checkpoint(tmp_path, narrow_body().state_dict())
    line = refused("export.py", "hand", "--checkpoint", path)
    assert "not the weights of hand (pose_resnet_50)" in line
    assert "missing 'backbone.conv1.weight'" in line and "left over 'backbone.stem.0.conv.weight'" in line


def test_wrong_arguments_are_one_line(refused, tmp_path):
    assert "foot" in refused("export.py", "foot", "--random", 1)
    assert "no 384x384 network" in refused("export.py", "hand", "--random", 1, "--size", 384)
    assert "'-1'" in refused("export.py", "hand", "--random", -1)
    assert "missing.pth" in refused("export.py", "hand", "--checkpoint", tmp_path / "missing.pth")


def test_an_output_folder_that_is_not_there_is_named(tool, tmp_path, hand_module):
    path = save_checkpoint(tmp_path, hand_module.state_dict())
    done = tool("export.py", "hand", "--checkpoint", path, "--out", tmp_path / "none" / "x.onnx")
    assert done.returncode == 1 and "does not exist" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "name, side", [("hourglass52_mpii_384x384-04090bc3_20200812.pth", 384), ("epoch_210.pth", None)]
)
def test_the_size_comes_from_the_file_name(name, side):
    assert checkpoint.named_size(name) == side


def test_a_kill_leaves_no_file(tmp_path):
    """The working folder is removed even if the tool is stopped while it writes."""
    script = (
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(MODELS)!r})\n"
        "from posewire_models import cli\n"
        "def main():\n"
        "    with cli.whole_or_absent(sys.argv[1]) as path:\n"
        "        path.write_text('half')\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "cli.run('test', main)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.onnx")], timeout=60)
    assert done.returncode == 143 and list(tmp_path.iterdir()) == []
