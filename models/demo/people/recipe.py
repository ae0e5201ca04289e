"""The recipe: each network, what it is trained on, and the size of a full and of a quick run."""

from dataclasses import dataclass, replace

import augment
import numpy as np

from posewire_models import card
from posewire_models.basic import BasicBaseline, Finder
from posewire_models.hourglass import Hourglass
from posewire_models.resnet import SimpleBaseline

from . import crops, learn, render, scenes, start

# Networks see 256x256, halved by their first convolution: training on half the side costs a quarter.
TRAINED_SIDE = 128
# The maps that follow the joints'.
EXTRA = {"hand": ("presence", "right_hand"), "body": ("presence",)}
# By the name that a checkpoint gives its network. `simple` is the demo's hand, `hourglass` its body.
NETWORKS = {
    "basic": BasicBaseline,
    "simple": lambda maps: SimpleBaseline(maps, (2, 2, 3, 2), 16, 64),
    "hourglass": lambda maps: Hourglass(maps, 24, 48, (48, 48, 64, 64, 64, 96), (1,) * 6),
}
DEFINITIONS = {"hand": card.HAND, "body": card.BODY}
# In-plane turns: standard deviation in degrees, and the share of any turn at all.
TURNS = {"hand": (40, 0.2), "body": (18, 0.08)}
TASKS = ("hand", "body", "finder")
JUDGE_SEED = 99
# Fewer judge too coarsely.
LEAST_UNSEEN = 240


@dataclass(frozen=True)
class Size:
    """How much of everything a run takes."""

    figures: dict  # of each kind to train on
    unseen: int  # of each kind to judge by
    steps: dict
    judged: int  # crops or frames of the curve
    rows: int  # crops of each row of the report
    calibration: int

    def with_hands(self, count):
        """The same with so many hands, and the other kinds and the unseen pictures in proportion."""
        share = count / self.figures["hand"]
        figures = {kind: max(1, round(n * share)) for kind, n in self.figures.items()}
        return replace(self, figures=figures, unseen=max(min(LEAST_UNSEEN, self.unseen), round(self.unseen * share)))


FULL = Size(
    {"hand": 12000, "body": 12000, "negative": 6000, "background": 4000},
    600,
    {"hand": 60000, "body": 60000, "finder": 20000},
    256,
    600,
    200,
)
QUICK = Size(
    {"hand": 120, "body": 120, "negative": 120, "background": 120},
    120,
    {"hand": 12, "body": 12, "finder": 4},
    32,
    64,
    8,
)
# Enough to calibrate the shipped networks on.
SHIPPED_SIZE = Size(dict.fromkeys(QUICK.figures, 120), 240, {}, 0, 0, 100)


def crop_recipe(task):
    """How a task's crops vary."""
    definition = DEFINITIONS[task]
    return augment.Recipe(1 / definition["crop_padding"], *TURNS[task], definition["flip_pairs"])


class Recipe:
    """All pictures and lessons of a run. `switches` holds for training; judging always has all of them on."""

    def __init__(self, cache, size, switches, jobs=None):
        self.cache, self.size, self.switches, self.jobs = cache, size, switches, jobs

    def figures(self, kind, split):
        count = self.size.figures[kind] if split == "train" else self.size.unseen
        if kind == "background":
            return render.backgrounds(self.cache, split, count, self.jobs)
        # Renders without a switch are other renders; negatives have but one, the light.
        switches = self.switches if split == "train" else render.ALL
        return render.Figures(self.cache, kind, split, count, switches, self.jobs)

    def sources(self, task, split):
        hands = self.figures("hand", split) if task == "body" else None
        return crops.sources(
            task,
            self.figures(task, split),
            self.figures("negative", split),
            self.figures("background", split),
            hands,
        )

    def lesson(self, task, origin=None):
        """`origin` is a file of weights to start from (start.py)."""
        return self._finder() if task == "finder" else self._keypoints(task, origin)

    def _keypoints(self, task, origin):
        joints = len(DEFINITIONS[task]["joints"])
        seen, unseen, recipe = self.sources(task, "train"), self.sources(task, "test"), crop_recipe(task)

        def batch(rng, source=seen, switches=self.switches, count=learn.BATCH):
            return crops.batch(rng, source, TRAINED_SIDE, recipe, switches, count)

        rng = np.random.default_rng(JUDGE_SEED)
        fixed = [batch(rng, unseen, render.ALL) for _ in range(-(-self.size.judged // learn.BATCH))]
        name = start.about(origin)["network"] if origin else "basic"
        network = learn.initialise(NETWORKS[name](joints + len(EXTRA[task])))
        if origin:
            start.load(origin, network, learn.to_tensor(np.concatenate([made.crops for made in fixed])))
        return learn.Lesson(
            task,
            network,
            batch,
            lambda network, made: learn.keypoint_loss(network, made, joints),
            lambda network: learn.judge_keypoints(network, fixed, joints),
            self.size.steps[task],
            learn.RATE_FROM if origin else learn.RATE,
        )

    def parts(self, split):
        """What whole frames are composed of: hands, bodies, negatives, backgrounds."""
        return [self.figures(kind, split) for kind in ("hand", "body", "negative", "background")]

    def frames(self, rng, count):
        """RGB frames (N, HEIGHT, WIDTH, 3) of the training, for a finder."""
        return scenes.batch(rng, *self.parts("train"), self.switches, count)[0]

    def _finder(self):
        seen, unseen = self.parts("train"), self.parts("test")
        rng = np.random.default_rng(JUDGE_SEED)
        fixed = [scenes.sample(rng, *unseen, render.ALL) for _ in range(self.size.judged)]
        return learn.Lesson(
            "finder",
            learn.initialise(Finder()),
            lambda rng: scenes.batch(rng, *seen, self.switches, learn.FINDER_BATCH),
            learn.finder_loss,
            lambda network: learn.judge_finder(network, fixed),
            self.size.steps["finder"],
            pictures=learn.FINDER_BATCH,
        )
