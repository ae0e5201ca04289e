"""What each demo network is and how it is trained: the recipe's numbers, in one place."""

from dataclasses import dataclass

import augment
import dataset
from posewire_models import card
from posewire_models.hourglass import Hourglass
from posewire_models.resnet import SimpleBaseline

SEED = 7
# Networks see 256x256, halved by their first convolution: training on pictures of half the side costs
# a quarter.
TRAINED_SIDE = 128
BACKGROUNDS = 2000
TEST_FOREGROUNDS = 1200
TEST_BACKGROUNDS = 300


@dataclass
class Phase:
    side: int  # of the input, px
    batch: int
    sigma: float  # of the target's Gaussians, heatmap px
    place_weight: float  # of the loss's second term
    steps: int
    share: float  # of the time, when the clock ends the training


@dataclass
class Task:
    network: callable
    rate: float
    recipe: augment.Recipe
    figures: int  # rendered to train on
    phases: list


def _recipe(definition, turn, any_turn):
    return augment.Recipe(1 / definition["crop_padding"], turn, any_turn, definition["flip_pairs"])


def _phases(steps):
    return [Phase(TRAINED_SIDE, 32, 1.5, 3.0, steps, 1.0)]


TASKS = {
    "hand": Task(
        lambda: SimpleBaseline(21, blocks=(2, 2, 3, 2), width=16, filters=64),
        2e-3,
        _recipe(card.HAND, 35, 0.15),
        6000,
        _phases(9000),
    ),
    "body": Task(
        lambda: Hourglass(
            16, stem=24, features=48, channels=(48, 48, 64, 64, 64, 96), counts=(1,) * 6
        ),
        2e-3,
        _recipe(card.BODY, 18, 0.06),
        14000,
        _phases(9000),
    ),
}


def train_set(cache, task):
    """(Foregrounds, backgrounds) to train on, rendered if need be."""
    figures = dataset.foregrounds(cache, task, "train", TASKS[task].figures)
    return figures, dataset.backgrounds(cache, "train", BACKGROUNDS)


def test_set(cache, task):
    """The same, unseen in training."""
    figures = dataset.foregrounds(cache, task, "test", TEST_FOREGROUNDS)
    return figures, dataset.backgrounds(cache, "test", TEST_BACKGROUNDS)
