"""Where a training starts: weights of an earlier one.

In: a file. `NAME.npz` is a checkpoint that `save` wrote: weights in float16 and what made them. `NAME.onnx` is
an int8 network of this project's, whose scales make its weights float again. Out: a network with more maps
than the file's where it is asked for.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import nn

from posewire_models import card
from posewire_models.cli import UserError

from . import learn

# The networks of the demo's int8 files, by their card's task.
SHIPPED = {"hand": "simple", "body": "hourglass"}


class StartError(Exception):
    """A file of weights that cannot be read or is not the network's."""


def save(path, network, record):
    """Writes the weights as float16; `record` is what JSON can hold."""
    arrays = {
        key: value.numpy().astype(np.float16) if value.dtype.is_floating_point else value.numpy()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    np.savez_compressed(path, about=np.array(json.dumps(record)), **arrays)


def about(path):
    """What `save` was told; of the demo's int8 files, which have no such record, what matters here."""
    try:
        if Path(path).suffix == ".onnx":
            return {"network": SHIPPED[card.read(onnx.load(path), path)["task"]]}
        with np.load(path, allow_pickle=False) as file:
            return json.loads(str(file["about"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, DecodeError, UserError) as error:
        raise StartError(f"{path}: not a checkpoint: {error}") from error


def load(path, network, x):
    """Fills the network; `x` are normalised inputs, from which the statistics that an int8 file lacks come."""
    try:
        if Path(path).suffix == ".onnx":
            _from_int8(path, network, x)
            return
        with np.load(path, allow_pickle=False) as file:
            given = {key: torch.from_numpy(file[key]) for key in file.files if key != "about"}
        # The counts of batches are the one thing that a checkpoint leaves out.
        state = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        network.load_state_dict({**state, **given})
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, DecodeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise StartError(f"{path}: not the weights of this network: {reason}") from error


def blend(before, network, share):
    """The network with `share` of its own weights, the rest those of the state `before` its training.

    Weights between a start and what was trained from it compute what lies between them: what the start
    knew is not forgotten. The maps that training added had nothing before; they stay whole.
    """
    state = network.state_dict()
    last = next(name for name, module in network.named_modules() if module is learn.last_layer(network))
    for key, value in state.items():
        if not value.dtype.is_floating_point:
            continue
        mixed = before[key] + (value - before[key]) * share
        if key.startswith(last):
            new = (before[key].flatten(1) if before[key].dim() > 1 else before[key][:, None]).abs().sum(1) == 0
            mixed[new] = value[new]
        state[key] = mixed
    network.load_state_dict(state)
    return network


def _dequantised(graph):
    """{module name: (weights, bias)} of an int8 file's convolutions, float."""
    value = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    made = {node.output[0]: node for node in graph.node}

    def floats(name):
        node = made[name]
        quantised, scale, zero = (value[x] for x in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        shape = [-1 if i == axis and scale.size > 1 else 1 for i in range(quantised.ndim)]
        return (quantised.astype(np.float32) - zero.reshape(shape)) * scale.reshape(shape)

    return {
        node.name: tuple(torch.from_numpy(floats(name)) for name in node.input[1:])
        for node in graph.node
        if node.op_type in ("Conv", "ConvTranspose")
    }


def _norms(network, x):
    """{a convolution's name: its batch normalisation}, by what runs after what."""
    names = {module: name for name, module in network.named_modules()}
    order, out = [], {}
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    hooks = [
        module.register_forward_hook(lambda m, _, __: order.append(m))
        for module in names
        if isinstance(module, kinds)
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    for before, module in zip(order, order[1:], strict=False):
        if isinstance(module, nn.BatchNorm2d):
            out[names[before]] = module
    return out


@torch.no_grad()
def _from_int8(path, network, x):
    """The file's folded weights, and normalisations that change nothing for inputs like `x`.

    Folding lost the statistics. A normalisation gets those that its convolution gives for `x`, and the scale and
    shift that undo them, so that training starts from what the file computes.
    """
    network.eval()
    found = _dequantised(onnx.load(path).graph)
    norms = _norms(network, x)
    modules = dict(network.named_modules())
    for name, (weights, bias) in found.items():
        module = modules[name]
        if weights.shape[2] == 2 * module.kernel_size[0]:
            # The mean of 2x2 pixels is part of the file's first convolution.
            weights = 4 * nn.functional.avg_pool2d(weights, 2)
        if name in norms:
            module.weight.copy_(weights)
            norm = norms[name]
            norm.weight.fill_(1), norm.running_mean.zero_(), norm.running_var.fill_(1 - norm.eps)
            norm.bias.copy_(bias)
        else:
            # The last layer, which may have more maps than the file: those start at nothing.
            module.weight.zero_(), module.bias.zero_()
            module.weight[: len(weights)] = weights
            module.bias[: len(bias)] = bias
    hooks = [modules[name].register_forward_hook(_undo(norm)) for name, norm in norms.items()]
    network(x)
    for hook in hooks:
        hook.remove()


def _undo(norm):
    def hook(_, __, made):
        mean, variance = made.mean((0, 2, 3)), made.var((0, 2, 3))
        norm.running_mean.copy_(mean), norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)

    return hook
