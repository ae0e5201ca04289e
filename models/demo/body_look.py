"""What one procedural figure is like: its proportions, clothes, hair and colours, drawn at random.

`sample_look(rng)` gives a Look. Lengths are fractions of the standing height unless said otherwise,
colours are RGB 0..1 arrays (3,). body_shape.py turns a Look into a mesh.
"""

import colorsys
from dataclasses import dataclass, field

import numpy as np


def _hsv(h, s, v):
    return np.array(colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0), 1), min(max(v, 0), 1)), np.float32)


def _pick(rng, options, odds=None):
    """One of `options`; several times faster than Generator.choice for so few."""
    if odds is None:
        return options[int(rng.random() * len(options))]
    draw = rng.random() * sum(odds)
    for option, share in zip(options, odds, strict=True):
        draw -= share
        if draw < 0:
            return option
    return options[-1]


@dataclass
class Build:
    """Proportions. The factors are 1 for an average adult."""

    height: float  # metres
    head: float  # head size
    legs: float  # leg length
    arms: float  # arm length
    shoulders: float  # shoulder breadth
    hips: float  # hip breadth
    waist: float
    bust: float  # chest depth
    belly: float  # belly depth
    girth: float  # thickness of arms and legs


@dataclass
class Outfit:
    """Clothes and hair."""

    sleeve: float  # sleeve's end: 0 shoulder, 1 elbow, 2 wrist
    leg: float  # trousers' end: 0 hip, 1 knee, 2 ankle
    hem: float  # the top's hem, in heights above the hip joints
    skirt: float  # length of the skirt, dress or coat below the waist in heights; 0 without
    flare: float  # how far the skirt's hem stands out, in heights
    skirt_is_top: bool  # a dress or a coat: the skirt has the top's colours
    loose: float  # cloth's distance from the body, in heights
    open_front: float  # half breadth of the strip an open jacket leaves, radians; 0 when closed
    neckline: float  # how deep the neck opening goes down the front, in heights
    pattern: str  # "plain", "hoops", "pinstripe", "yoke", "checks"
    logo: bool
    buttons: int
    hood: bool
    hair: str  # "bald", "short", "full", "long", "bun"
    beard: bool
    hat: str  # "none", "cap", "brim", "beanie"
    glasses: bool
    shoe_top: float  # 0 low shoe, 1 boot up to mid calf
    white_soles: bool
    backpack: bool


@dataclass
class Look:
    """A figure's proportions, clothes and colours (by name)."""

    build: Build
    outfit: Outfit
    colours: dict = field(default_factory=dict)


def _sample_build(rng):
    kind = _pick(rng, ("man", "woman", "child"), (0.45, 0.42, 0.13))
    heavy = np.clip(rng.normal(0, 1), -1.6, 2.6)
    # Weight shows most on the belly, less on the limbs.
    girth = 1 + 0.1 * heavy
    n = rng.normal(0, 1, 8)
    if kind == "child":
        age = rng.uniform(0, 1)
        return Build(
            height=0.95 + 0.5 * age, head=1.48 - 0.28 * age, legs=0.86 + 0.1 * age, arms=0.9 + 0.06 * age,
            shoulders=0.95, hips=0.92, waist=1.08 + 0.06 * heavy, bust=1.0, belly=1.15 + 0.1 * heavy,
            girth=1.02 + 0.06 * heavy,
        )  # fmt: skip
    woman = kind == "woman"
    return Build(
        height=(1.65 if woman else 1.77) + 0.07 * n[0],
        head=1.0 + 0.04 * n[1],
        legs=1.0 + 0.03 * n[2],
        arms=1.0 + 0.03 * n[3],
        shoulders=(0.93 if woman else 1.06) + 0.05 * n[4],
        hips=(1.05 if woman else 0.95) + 0.04 * n[5] + 0.05 * heavy,
        waist=(0.92 if woman else 1.04) + 0.12 * heavy,
        bust=(1.1 if woman else 1.0) + 0.08 * n[6] + 0.06 * heavy,
        belly=(0.95 if woman else 1.05) + 0.2 * max(heavy, -0.6),
        girth=girth * (0.95 if woman else 1.04),
    )


def _sample_outfit(rng):
    top = _pick(rng, ("tank", "tshirt", "long", "jacket", "coat", "dress"), (0.1, 0.36, 0.28, 0.15, 0.04, 0.07))
    bottom = _pick(rng, ("trousers", "shorts", "skirt"), (0.67, 0.25, 0.08))
    sleeve = {
        "tank": 0.0, "tshirt": rng.uniform(0.45, 0.95), "long": _pick(rng, (1.9, rng.uniform(1.2, 1.9))),
        "jacket": 1.92, "coat": 1.94, "dress": _pick(rng, (0.0, 0.5, 1.85)),
    }[top]  # fmt: skip
    skirt = 0.0
    leg = {"trousers": _pick(rng, (1.95, 1.95, rng.uniform(1.4, 1.9))), "shorts": rng.uniform(0.4, 1.0), "skirt": 0.1}[
        bottom
    ]
    if top == "dress":
        skirt, leg = rng.uniform(0.25, 0.52), _pick(rng, (0.1, 1.9), (0.75, 0.25))
    elif top == "coat":
        skirt = rng.uniform(0.25, 0.42)
    elif bottom == "skirt":
        skirt = rng.uniform(0.22, 0.5)
    jacket = top in ("jacket", "coat")
    return Outfit(
        sleeve=sleeve,
        leg=leg,
        hem=rng.uniform(0.0, 0.07),
        skirt=skirt,
        flare=rng.uniform(0.0, 0.02) if top == "coat" else rng.uniform(0.0, 0.07),
        skirt_is_top=top in ("dress", "coat"),
        loose=rng.uniform(0.008, 0.016) if jacket else rng.uniform(0.002, 0.012),
        open_front=rng.uniform(0.25, 0.65) if jacket and rng.random() < 0.75 else 0.0,
        neckline=_pick(rng, (0.0, rng.uniform(0.015, 0.06))),
        pattern=_pick(rng, ("plain", "hoops", "pinstripe", "yoke", "checks"), (0.55, 0.17, 0.08, 0.1, 0.1)),
        logo=rng.random() < 0.35,
        buttons=_pick(rng, (0, 4, 5, 6), (0.6, 0.14, 0.13, 0.13)),
        hood=rng.random() < (0.3 if sleeve > 1 else 0.0),
        hair=_pick(rng, ("bald", "short", "full", "long", "bun"), (0.08, 0.37, 0.2, 0.25, 0.1)),
        beard=rng.random() < 0.15,
        hat=_pick(rng, ("none", "cap", "brim", "beanie"), (0.78, 0.1, 0.06, 0.06)),
        glasses=rng.random() < 0.15,
        shoe_top=_pick(rng, (0.0, rng.uniform(0.3, 1.0)), (0.8, 0.2)),
        white_soles=rng.random() < 0.35,
        backpack=rng.random() < 0.08,
    )


def _cloth(rng):
    """A garment's colour: greys, blues and blacks are commoner than the rest, as in any street."""
    draw = rng.random()
    if draw < 0.35:
        return _hsv(rng.random(), rng.uniform(0, 0.12), _pick(rng, (rng.uniform(0.04, 0.3), rng.uniform(0.3, 0.97))))
    if draw < 0.55:
        return _hsv(rng.normal(0.61, 0.03), rng.uniform(0.25, 0.8), rng.uniform(0.12, 0.7))
    return _hsv(rng.random(), rng.uniform(0.3, 0.95), rng.uniform(0.2, 0.95))


def _sample_colours(rng):
    tone = rng.random()
    skin = _hsv(rng.normal(0.06, 0.008), 0.32 + 0.3 * tone + rng.normal(0, 0.04), 0.97 - 0.68 * tone**1.3)
    hair = _hsv(
        rng.uniform(0.03, 0.12), rng.uniform(0.1, 0.7), _pick(rng, (rng.uniform(0.03, 0.2), rng.uniform(0.2, 0.85)))
    )
    top = _cloth(rng)
    return {
        "skin": skin,
        "lips": skin * np.array((0.8, 0.5, 0.5), np.float32),
        "nose": skin * np.float32(0.93),
        "hair": hair,
        "eye": np.array((0.06, 0.05, 0.05), np.float32),
        "white": np.array((0.9, 0.9, 0.88), np.float32),
        "top": top,
        "top2": _cloth(rng),
        "inner": _cloth(rng),
        "bottom": top if rng.random() < 0.06 else _cloth(rng),
        "shoe": _cloth(rng),
        "sock": skin if rng.random() < 0.5 else _hsv(0, 0, _pick(rng, (0.1, 0.9))),
        "hat": _cloth(rng),
        "bag": _cloth(rng),
    }


def sample_look(rng):
    """A random figure's look; keep it for as long as the figure is to stay the same person."""
    return Look(_sample_build(rng), _sample_outfit(rng), _sample_colours(rng))
