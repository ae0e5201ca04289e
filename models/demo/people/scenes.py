"""Whole frames for the finder: 0 to 4 hands and 0 to 3 people in a room, with where they are.

In: figures of hands and bodies, negatives and backgrounds of `render`. Out: frames of WIDTH x HEIGHT px,
their truth as `Object`s, and the finder's targets, whose channels are `basic.FINDER`. The hands of people
count as hands.
"""

from dataclasses import dataclass

import augment
import cv2
import numpy as np

from posewire_models.basic import FINDER, FINDER_STRIDE

from . import camera, negatives

WIDTH, HEIGHT = 320, 240
GRID = WIDTH // FINDER_STRIDE, HEIGHT // FINDER_STRIDE
HANDS = (0.3, 0.3, 0.2, 0.12, 0.08)  # odds of 0 to 4 hands
PEOPLE = (0.5, 0.3, 0.13, 0.07)
SIZES_PX = (10.0, 220.0)  # a hand's box, the longer side; the largest fill the frame
PERSON_PX = (40.0, 320.0)
WITHOUT_HANDS = 0.35  # share of frames without a hand of any kind
# A hand that shows less than the first share of its joints is not asked for; from the second on it must be
# found.
SHOWN = (0.2, 0.5)
KNUCKLES, WRIST = [7, 11, 15, 19], 20
NECK, CROWN = 8, 9
SMALLEST_PX = 8.0


@dataclass
class Object:
    kind: str  # hand, person or head
    centre: np.ndarray  # (2,) px
    size: float  # the box's longer side, px
    direction: float  # of wrist to knuckles, radians; NaN for others
    right: float  # 1, 0 or NaN
    shown: float  # share of its joints that can be seen


@dataclass
class _Pasted:
    joints: np.ndarray  # (J, 2) px
    seen: np.ndarray  # (J,), before others came in front
    kind: str
    right: float
    covered: np.ndarray  # (HEIGHT, WIDTH) bool: what came in front


def _log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _placed(rng, joints, size):
    """A map (2, 3) that gives the joints' box the size and puts it somewhere in the frame; whether it
    mirrors.
    """
    mirror = rng.random() < 0.5
    at = rng.uniform(0, 1, 2) * (WIDTH, HEIGHT)
    turn = rng.normal(0, 15)
    matrix = augment.placement(joints, 2, size / 2, turn, mirror, at - 1)
    return matrix, mirror


def _paste(rng, picture, rgba, matrix):
    """(picture, cover): the figure put on the frame."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    while scale < 0.6:
        half = rgba.shape[0] // 2
        rgba = cv2.resize(rgba, (half, half), interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
        scale *= 2
    figure = augment.tint(rng, cv2.warpAffine(rgba, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR))
    return np.ascontiguousarray(augment.over(figure, picture)), figure[..., 3] > 127


def _background(rng, backgrounds):
    wide = augment.backdrop(rng, backgrounds, WIDTH)
    top = rng.integers(0, WIDTH - HEIGHT + 1)
    return np.ascontiguousarray(wide[top : top + HEIGHT])


def _add_hand(rng, picture, figures):
    index = rng.integers(len(figures))
    joints = figures.joints[index].astype(float)
    matrix, mirror = _placed(rng, joints, _log_uniform(rng, *SIZES_PX))
    picture, cover = _paste(rng, picture, figures.pictures[index], matrix)
    right = figures.labels[index]
    # A hand's own palm may hide its fingers: it is shown all the same.
    new = _Pasted(
        augment.transform(joints, matrix), np.ones(21, bool), "hand", 1 - right if mirror else right, None
    )
    return picture, cover, [new]


def _add_person(rng, picture, figures):
    index = rng.integers(len(figures))
    joints = figures.joints[index].astype(float)
    matrix, mirror = _placed(rng, joints, _log_uniform(rng, *PERSON_PX))
    picture, cover = _paste(rng, picture, figures.pictures[index], matrix)
    at = augment.transform(joints, matrix)
    head = at[[NECK, CROWN]]
    new = [_Pasted(at, np.ones(16, bool), "person", np.nan, None)]
    new.append(_Pasted(head, figures.visible[index][[NECK, CROWN]] > 0, "head", np.nan, None))
    for side, hand in enumerate(figures.hands[index]):
        right = float(side == 0)
        seen = hand[:, 2] > 0
        place = augment.transform(hand[:, :2].astype(float), matrix)
        # A hand in front of the body shows its near half: that counts as whole.
        seen = seen if seen.mean() < 0.3 else np.ones(21, bool)
        new.append(_Pasted(place, seen, "hand", 1 - right if mirror else right, None))
    return picture, cover, new


def _add_thing(rng, picture, figures):
    """A negative; returns a head if it is a face."""
    index = rng.integers(len(figures))
    joints = figures.joints[index].astype(float)
    matrix, _ = _placed(rng, joints, _log_uniform(rng, 20, 240))
    picture, cover = _paste(rng, picture, figures.pictures[index], matrix)
    new = []
    if list(negatives.KINDS)[int(figures.labels[index])] == "face":
        new.append(_Pasted(augment.transform(joints, matrix), np.ones(8, bool), "head", np.nan, None))
    return picture, cover, new


def _object(pasted):
    """The truth of one figure after everything is in the frame."""
    x, y = np.round(pasted.joints).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < WIDTH) & (y < HEIGHT)
    hidden = pasted.covered[np.clip(y, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1)]
    shown = float((inside & pasted.seen & ~hidden).mean())
    low, high = pasted.joints.min(0), pasted.joints.max(0)
    direction = np.nan
    if pasted.kind == "hand":
        across = pasted.joints[KNUCKLES].mean(0) - pasted.joints[WRIST]
        direction = float(np.arctan2(across[1], across[0]))
    return Object(pasted.kind, (low + high) / 2, float(max(high - low)), direction, pasted.right, shown)


def sample(rng, hands, bodies, things, backgrounds, switches):
    """(picture (HEIGHT, WIDTH, 3) uint8 RGB, objects)."""
    picture = _background(rng, backgrounds)
    work = [_add_thing] * int(rng.integers(0, 4))
    if rng.random() > WITHOUT_HANDS:
        work += [_add_hand] * rng.choice(len(HANDS), p=HANDS)
        work += [_add_person] * rng.choice(len(PEOPLE), p=PEOPLE)
    pasted = []
    for add in rng.permutation(np.array(work, object)):
        figures = {_add_hand: hands, _add_person: bodies, _add_thing: things}[add]
        picture, cover, new = add(rng, picture, figures)
        for one in pasted:
            one.covered |= cover
        for one in new:
            one.covered = np.zeros((HEIGHT, WIDTH), bool)
        pasted += new
    square = np.zeros((WIDTH, WIDTH, 3), np.uint8)
    square[:HEIGHT] = picture
    square[HEIGHT:] = picture[: WIDTH - HEIGHT][::-1]
    return camera.photograph(rng, square, switches)[:HEIGHT], [_object(one) for one in pasted]


def _blob(centre, size):
    """A Gaussian over the grid, wider for larger objects, with a peak of 1."""
    x, y = np.arange(GRID[0]), np.arange(GRID[1])
    at = np.asarray(centre) / FINDER_STRIDE
    sigma = np.clip(0.15 * size / FINDER_STRIDE, 0.7, 2.0)
    fall = np.exp(-((x - at[0]) ** 2) / (2 * sigma**2))
    return np.exp(-((y - at[1]) ** 2) / (2 * sigma**2))[:, None] * fall


def size_code(size):
    """An object's side in px as the size channels hold it."""
    return float(np.clip(np.log2(size / SMALLEST_PX) / 5, 0, 1))


def targets(objects):
    """(targets, weights), (8, 30, 40) float32 each. A weight of 0 asks for nothing."""
    shape = (len(FINDER), GRID[1], GRID[0])
    out, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    weights[:3] = 1
    channel = {"hand": 0, "person": 1, "head": 2}
    # Large ones first: where two overlap, the nearer one is mostly the smaller hand.
    for one in sorted(objects, key=lambda o: -o.size):
        blob, k = _blob(one.centre, one.size), channel[one.kind]
        near = blob > 0.3
        if one.shown < SHOWN[0]:
            continue
        if one.shown < SHOWN[1] or one.size < SIZES_PX[0]:
            weights[k][near] = 0
            continue
        out[k] = np.maximum(out[k], blob)
        if one.kind == "head":
            continue
        values = {3 + k: size_code(one.size)}
        if one.kind == "hand":
            values |= {5: (np.cos(one.direction) + 1) / 2, 6: (np.sin(one.direction) + 1) / 2, 7: one.right}
        for c, value in values.items():
            out[c][near], weights[c][near] = value, 1
    return out, weights


def batch(rng, hands, bodies, things, backgrounds, switches, count):
    """(pictures (N, HEIGHT, WIDTH, 3), targets (N, 8, 30, 40), weights)."""
    made = []
    for _ in range(count):
        picture, objects = sample(rng, hands, bodies, things, backgrounds, switches)
        made.append((picture, *targets(objects)))
    return tuple(np.stack(part) for part in zip(*made, strict=True))


def peaks(maps, threshold):
    """[(score, x px, y px, side px)] of one centre channel with its size channel: maxima of 3x3, best
    first.
    """
    centre, size = maps
    highest = cv2.dilate(centre, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((centre >= highest) & (centre >= threshold))
    found = [
        (centre[r, c], c * FINDER_STRIDE, r * FINDER_STRIDE, SMALLEST_PX * 2 ** (5 * size[r, c]))
        for r, c in zip(rows, columns, strict=True)
    ]
    return sorted(found, reverse=True)
