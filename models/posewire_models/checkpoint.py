"""MMPose checkpoints: checked against the hash in their name, read without running their code.

In: a .pth file of MMPose 0.x (`keypoint_head.`) or 1.x (`head.`), in the zip or the older container.
Out: the module with its weights. Every refusal is a UserError that names the file and the key.
"""

import hashlib
import pickle
import re
from pathlib import Path

import torch

from .cli import UserError

# res50_interhand2d_256x256_human-77b27d1a_20201029.pth: eight hex digits of the SHA-256, then a date.
NAMED_HASH = re.compile(r"-([0-9a-f]{8})(_\d{8})?\.pth$")
NAMED_SIZE = re.compile(r"(\d{3})x\1")

# Present in the hourglass files, but with one stack on no path from input to output.
UNUSED = "backbone.inters.0."
# A counter for training; batch norm in eval mode never reads it.
COUNTER = ".num_batches_tracked"


def named_size(path):
    """The square input side in the file's name, or None."""
    match = NAMED_SIZE.search(Path(path).name)
    return int(match[1]) if match else None


def check_hash(path):
    """The file's full SHA-256 in hex, and whether its name has a prefix to check it against."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    match = NAMED_HASH.search(Path(path).name)
    if match and not digest.startswith(match[1]):
        raise UserError(
            f"{path}: its SHA-256 begins with {digest[:8]}, its name says {match[1]}: "
            "the file is damaged or not the published one; download it again"
        )
    return digest, match is not None


def _read(path):
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted:
            raise UserError(
                f"{path}: refused: it is not weights alone, it asks for the Python object "
                f"'{wanted[1]}'; re-save only its state_dict where you trust it"
            ) from error
        raise UserError(_unreadable(path)) from error
    except Exception as error:
        # A damaged file surfaces as almost any exception: EOFError, KeyError, RuntimeError...
        raise UserError(_unreadable(path)) from error
    return content


def _unreadable(path):
    return f"{path}: not a readable PyTorch checkpoint (truncated or of another kind); download it again"


def _tensors(content, path):
    """The state_dict, under the keys of this package's modules."""
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state:
        raise UserError(f"{path}: holds no 'state_dict'; an MMPose checkpoint has one")
    out = {}
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise UserError(f"{path}: key '{key}' of its state_dict is not a tensor")
        if key.startswith(UNUSED):
            continue
        name = "keypoint_" + key if key.startswith("head.") else key
        if name in out:
            raise UserError(f"{path}: key '{key}' is there twice, as 'head.' and 'keypoint_head.'")
        out[name] = value
    return out


def _named(keys):
    shown = ", ".join(f"'{key}'" for key in keys[:3])
    return shown + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


def load(module, path, what):
    """Loads the checkpoint into `module` (built on any device) and returns it in eval mode.

    `what` names the network in messages, as in 'hand (pose_resnet_50)'.
    """
    state = _tensors(_read(path), path)
    wanted = module.state_dict()
    missing = [k for k in wanted if k not in state and not k.endswith(COUNTER)]
    left_over = [k for k in state if k not in wanted]
    problems = []
    if missing:
        problems.append(f"missing {_named(missing)}")
    if left_over:
        problems.append(f"left over {_named(left_over)}")
    if problems:
        raise UserError(f"{path}: not the weights of {what}: {'; '.join(problems)}")
    for key, expected in wanted.items():
        if key.endswith(COUNTER):
            state[key] = torch.zeros((), dtype=torch.long)
            continue
        value = state[key]
        if value.shape != expected.shape:
            raise UserError(
                f"{path}: not the weights of {what}: '{key}' is {list(value.shape)}, "
                f"the network needs {list(expected.shape)}"
            )
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise UserError(f"{path}: '{key}' holds values that are not finite numbers")
        state[key] = value.float()
    module.load_state_dict(state, strict=True, assign=True)
    return module.eval()
