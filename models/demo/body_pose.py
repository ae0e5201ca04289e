"""Poses of the procedural figure: which joints turn, how far they may, and plausible mixes of angles.

A pose is an array (BONES, 3) f64 of radians: flex, side, twist, one row for each name in BONES.
The signs are anatomical, so the same three numbers on `r_*` and `l_*` rows mirror each other:

* limbs: flex swings forward (a knee's flex takes the shin back, a foot's lifts the toes), side
  swings away from the body, twist turns inward about the limb's own length;
* trunk (pelvis to head): flex bows forward, side leans to the person's left, twist turns to the
  person's right.

Out come poses: `sample_pose(rng)`, and `walk_pose(phase)` and `wave_pose(phase)` for clips.
"""

import numpy as np

BONES = (
    "pelvis", "spine", "chest", "neck", "head",
    "r_thigh", "r_shin", "r_foot", "l_thigh", "l_shin", "l_foot",
    "r_clavicle", "r_arm", "r_forearm", "r_hand",
    "l_clavicle", "l_arm", "l_forearm", "l_hand",
)  # fmt: skip
BONE = {name: i for i, name in enumerate(BONES)}

# Degrees, (low, high) of flex, side, twist. The clavicle follows the arm, so it has none of its own.
_LIMITS = {
    "pelvis": ((-95, 95), (-95, 95), (-180, 180)),
    "spine": ((-20, 45), (-25, 25), (-25, 25)),
    "chest": ((-15, 30), (-15, 15), (-25, 25)),
    "neck": ((-25, 35), (-20, 20), (-35, 35)),
    "head": ((-25, 30), (-20, 20), (-40, 40)),
    "thigh": ((-30, 125), (-15, 55), (-30, 35)),
    "shin": ((0, 145), (0, 0), (0, 0)),
    "foot": ((-50, 30), (-10, 10), (-15, 10)),
    "clavicle": ((0, 0), (0, 0), (0, 0)),
    "arm": ((-50, 178), (-15, 175), (-90, 95)),
    "forearm": ((0, 148), (0, 0), (-60, 80)),
    "hand": ((-25, 30), (-50, 60), (-10, 10)),
}
_LOW, _HIGH = np.radians(np.array([_LIMITS[b.split("_")[-1]] for b in BONES], float)).transpose(2, 0, 1)
_MIRROR = [BONE[{"r_": "l_", "l_": "r_"}.get(b[:2], b[:2]) + b[2:]] for b in BONES]


def _degrees(**rows):
    """A pose from degrees by bone name; a name without `r_` or `l_` sets both sides."""
    pose = np.zeros((len(BONES), 3))
    for name, angles in rows.items():
        for full in (name,) if name in BONE else ("r_" + name, "l_" + name):
            pose[BONE[full], : len(angles)] = angles
    return np.radians(pose)


def mirrored(pose):
    """The same pose seen in a mirror: left and right change places."""
    out = pose[_MIRROR].copy()
    out[: BONE["head"] + 1, 1:] *= -1
    return out


def walk_pose(phase, pace=0.0):
    """A walking stride at `phase` (radians, one full stride in 2 pi); `pace` 1 is a run, 0 a walk."""
    rows = {}
    for side, offset in (("r_", 0.0), ("l_", np.pi)):
        swing, lift = np.sin(phase + offset), np.cos(phase + offset)
        # The knee bends while its thigh travels forward, and is nearly straight under load.
        bend = max(lift, 0.0) ** 1.5
        rows[side + "thigh"] = (6 + 9 * pace + (24 + 18 * pace) * swing, 2)
        rows[side + "shin"] = (7 + 10 * pace + (48 + 45 * pace) * bend, 0)
        rows[side + "foot"] = (10 * swing - 12 * max(-swing, 0.0) * (1 + pace), 0)
        rows[side + "arm"] = (4 - (22 + 22 * pace) * swing, 7 + 4 * pace, 8 + 15 * pace)
        rows[side + "forearm"] = (18 + 62 * pace - (10 + 12 * pace) * swing, 0, 15)
    turn = np.sin(phase)
    rows["pelvis"] = (3 + 8 * pace, 2 * np.cos(phase), -5 * turn)
    rows["spine"] = (1 + 4 * pace, -2 * np.cos(phase), 5 * turn)
    rows["chest"] = (0, 0, 5 * turn)
    rows["head"] = (-2 - 8 * pace, 0, -5 * turn)
    return _degrees(**rows)


def wave_pose(phase):
    """Standing and waving the right hand; the hand goes to and fro once in 2 pi."""
    to_fro = np.sin(phase)
    return _degrees(
        spine=(0, 3, 2 * to_fro), head=(0, -4 + 2 * to_fro, 0),
        thigh=(2, 5, -4), shin=(4, 0), l_arm=(2, 9, 10), l_forearm=(16, 0, 15),
        r_arm=(8, 88 + 6 * to_fro, -82), r_forearm=(72 + 28 * to_fro, 0, 0), r_hand=(8 * to_fro, 0),
    )  # fmt: skip


# One side's arm, degrees: (low, high) for arm flex, side, twist and elbow flex.
_ARMS = {
    "hang": ((-8, 12), (3, 16), (-5, 30), (3, 35)),
    "reach": ((40, 120), (-5, 40), (-20, 50), (0, 50)),
    "up": ((135, 178), (-5, 30), (-40, 40), (0, 60)),
    "spread": ((-10, 25), (60, 115), (-60, 40), (0, 60)),
    "raised": ((-5, 25), (75, 115), (-90, -60), (50, 120)),
    "on_hip": ((-30, -5), (32, 52), (60, 85), (75, 105)),
    "folded": ((22, 38), (2, 14), (65, 88), (85, 105)),
    "to_face": ((30, 75), (0, 35), (10, 50), (110, 145)),
    "work": ((10, 45), (0, 20), (5, 45), (60, 110)),
    "behind": ((-45, -20), (8, 22), (50, 85), (25, 75)),
    "any": ((-40, 170), (0, 120), (-70, 70), (0, 140)),
}
_ARM_ODDS = (0.22, 0.14, 0.12, 0.08, 0.07, 0.07, 0.08, 0.06, 0.08, 0.03, 0.05)

# One side's leg, degrees: (low, high) for thigh flex, side, twist and knee flex.
_LEGS = {
    "stand": ((-6, 12), (0, 12), (-18, 5), (0, 15)),
    "sit": ((70, 105), (0, 25), (-20, 5), (65, 110)),
    "squat": ((75, 120), (5, 35), (-25, 0), (90, 140)),
    "lunge": ((35, 85), (0, 15), (-10, 5), (40, 100)),
    "trail": ((-25, 0), (0, 10), (-10, 5), (5, 70)),
    "kick": ((30, 100), (0, 30), (-10, 10), (0, 60)),
    "straddle": ((-5, 25), (15, 45), (-25, 0), (0, 45)),
    "kneel": ((-5, 60), (0, 15), (-5, 5), (90, 140)),
}
_LEG_PAIRS = (
    ("stand", "stand"), ("sit", "sit"), ("squat", "squat"), ("lunge", "trail"),
    ("kick", "stand"), ("straddle", "straddle"), ("kneel", "kneel"), ("lunge", "kneel"),
)  # fmt: skip
_LEG_ODDS = (0.46, 0.17, 0.1, 0.08, 0.06, 0.06, 0.03, 0.04)


def _set_arms(rng, pose):
    kinds = rng.choice(list(_ARMS), 2, p=_ARM_ODDS)
    if rng.random() < 0.55 or "folded" in kinds:
        kinds = [kinds[0] if "folded" not in kinds else "folded"] * 2
    for side, kind in zip(("r_", "l_"), kinds, strict=True):
        flex, out, twist, elbow = (np.radians(rng.uniform(*span)) for span in _ARMS[kind])
        pose[BONE[side + "arm"]] = flex, out, twist
        pose[BONE[side + "forearm"]] = elbow, 0, np.radians(rng.uniform(-20, 50))
        pose[BONE[side + "hand"]] = np.radians(rng.normal(0, (6, 14, 3)))


def _set_legs(rng, pose):
    pair = _LEG_PAIRS[rng.choice(len(_LEG_PAIRS), p=_LEG_ODDS)]
    # Sitting and squatting legs move together; a shared draw keeps them alike, the noise apart.
    shared = rng.random(4)
    for side, kind in zip(("r_", "l_"), pair, strict=True):
        low, high = np.radians(np.array(_LEGS[kind], float)).T
        flex, out, twist, knee = low + (high - low) * shared
        pose[BONE[side + "thigh"]] = flex, out, twist
        pose[BONE[side + "shin"], 0] = knee
        # A loaded foot stays about level: it undoes what the thigh and the knee tilt.
        pose[BONE[side + "foot"], 0] = np.clip(knee - flex, -0.6, 0.45)
    if pair[0] == "squat":
        pose[BONE["pelvis"], 0] += np.radians(rng.uniform(10, 40))
    elif pair[0] == "sit":
        pose[BONE["pelvis"], 0] += np.radians(rng.uniform(-20, 15))


def sample_pose(rng):
    """A random plausible pose: stride, or legs, arms and trunk drawn apart, with noise, in limits."""
    draw = rng.random()
    if draw < 0.27:
        pose = walk_pose(rng.uniform(0, 2 * np.pi), 0.0 if draw < 0.18 else rng.uniform(0.5, 1.1))
        if rng.random() < 0.3:
            _set_arms(rng, pose)
    else:
        pose = np.zeros((len(BONES), 3))
        _set_legs(rng, pose)
        _set_arms(rng, pose)
        if rng.random() < 0.2:
            bend = np.radians(rng.uniform(20, 100))
            pose[BONE["pelvis"], 0] += 0.5 * bend
            pose[BONE["spine"], 0] += 0.3 * bend
            pose[BONE["chest"], 0] += 0.2 * bend
            # The hips close by as much, so that the legs stay where they stood.
            pose[[BONE["r_thigh"], BONE["l_thigh"]], 0] += 0.5 * bend
            if rng.random() < 0.6:
                pose[[BONE["r_arm"], BONE["l_arm"]], 0] += 0.6 * bend
    noise = rng.normal(0, np.radians(4), pose.shape)
    noise[1:5] *= 1.6
    noise[0] *= 0.8
    pose += noise
    if rng.random() < 0.5:
        pose = mirrored(pose)
    return np.clip(pose, _LOW, _HIGH)
