"""A network for pictures of twice the side: the mean of 2x2 pixels, folded into its first convolution.

In: a trained network whose first convolution is k x k with stride s and padding p. Out: a copy whose
first convolution is 2k x 2k with stride 2s and padding 2p. On any picture it computes what the
trained one computes on the picture's 2x2 means; its heatmaps have an eighth of the input's side.
"""

import copy

from torch import nn


def _first_convolution(network):
    """(The module that holds it, its name there)."""
    backbone = network.backbone
    return (backbone.stem[0], "conv") if hasattr(backbone, "stem") else (backbone, "conv1")


def halving(network):
    network = copy.deepcopy(network)
    holder, name = _first_convolution(network)
    old = getattr(holder, name)
    side, stride, padding = old.kernel_size[0], old.stride[0], old.padding[0]
    new = nn.Conv2d(old.in_channels, old.out_channels, 2 * side, 2 * stride, 2 * padding, bias=False)
    spread = old.weight.detach().repeat_interleave(2, 2).repeat_interleave(2, 3)
    new.weight = nn.Parameter(spread / 4)
    setattr(holder, name, new)
    return network
