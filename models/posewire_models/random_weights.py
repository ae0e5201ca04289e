"""Seeded weights, for networks with meaningful size and speed and meaningless results.

In: a module and a seed. Out: the same module in eval mode. Activations are of order 1 at every
depth and heatmaps are of order 1, so that it quantises as a trained network does.
"""

import numpy as np
import torch
from torch import nn

from . import card, crop, synthetic
from .hourglass import BasicBlock
from .resnet import Bottleneck

# Enough pictures that the innermost 2x2 layers see a usable sample of values.
CALIBRATION_PICTURES = 8
CALIBRATION_SIDE = 256


def fill(module, seed):
    """He-initialises the module, measures batch-norm statistics on seeded pictures, scales the output."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in module.modules():
            _initialise(layer, generator)
        for block in module.modules():
            # Residual branches that add little keep the trunk's variance from growing with depth.
            if isinstance(block, Bottleneck):
                block.bn3.weight.mul_(0.3)
            elif isinstance(block, BasicBlock):
                block.bn2.weight.mul_(0.3)
        inputs = _inputs(seed)
        _measure_statistics(module, inputs)
        _scale_heatmaps(module, inputs)
    return module


def _initialise(layer, generator):
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        # A transposed convolution's weight is [in, out, k, k], and stride s uses k*k/s*s taps.
        taps = layer.kernel_size[0] * layer.kernel_size[1]
        if isinstance(layer, nn.ConvTranspose2d):
            taps //= layer.stride[0] * layer.stride[1]
        layer.weight.normal_(0, (2 / (layer.in_channels * taps)) ** 0.5, generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    elif isinstance(layer, nn.BatchNorm2d):
        layer.weight.normal_(1, 0.1, generator=generator)
        layer.bias.normal_(0, 0.1, generator=generator)


def _inputs(seed):
    pictures = synthetic.pictures(seed, CALIBRATION_PICTURES, CALIBRATION_SIDE)
    return torch.from_numpy(np.concatenate([crop.normalise(p, card.MEAN, card.STD) for p in pictures]))


def _measure_statistics(module, inputs):
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    usual = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 1.0
    module.train()(inputs)
    module.eval()
    for layer, momentum in zip(norms, usual):
        layer.momentum = momentum


def _scale_heatmaps(module, inputs):
    """Moves each joint's median to 0 and its maximum over the pictures to 1."""
    last = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)][-1]
    values = module(inputs).transpose(0, 1).flatten(1)
    middle = values.median(1).values
    scale = 1 / (values.max(1).values - middle)
    last.weight.mul_(scale[:, None, None, None])
    last.bias.copy_((last.bias - middle) * scale)
