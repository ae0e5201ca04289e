"""The demo networks' first convolution, which also takes the mean of 2x2 pixels."""

import sys

import pytest
import torch

from conftest import MODELS
from posewire_models.hourglass import Hourglass
from posewire_models.resnet import SimpleBaseline

sys.path.append(str(MODELS / "demo"))

from halve import halving  # noqa: E402

NETWORKS = {
    "hand": lambda: SimpleBaseline(21, blocks=(1, 1, 1, 1), width=4, filters=8),
    "body": lambda: Hourglass(16, 4, 8, (8,) * 6, (1,) * 6),
}


@pytest.mark.parametrize("task", NETWORKS)
def test_halving_is_the_network_on_the_means(task):
    torch.manual_seed(0)
    network = NETWORKS[task]().eval()
    picture = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        wanted = network(torch.nn.functional.avg_pool2d(picture, 2))
        found = halving(network)(picture)
    assert found.shape == wanted.shape == (1, wanted.shape[1], 32, 32)
    assert torch.allclose(found, wanted, atol=1e-5)
