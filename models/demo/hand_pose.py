"""Random and named poses of a hand, within joint limits.

Out: a pose is a (5, 4) float array in degrees, one row per finger, thumb first:
thumb   (CMC flexion, CMC palmar abduction, MCP flexion, IP flexion),
fingers (MCP flexion, PIP flexion, DIP flexion, MCP spread, positive toward the little finger).
Zero is the mesh's rest pose: flat, with fingers a little apart.
"""

import numpy as np

LOW = np.array([[-15, -15, -15, -20]] + [[-20, -5, -8, -14]] * 4, float)
HIGH = np.array([[45, 45, 55, 75]] + [[88, 105, 72, 14]] * 4, float)

_STRAIGHT = [0, 4, 2, 0]
_FOLDED = [78, 98, 58, 0]
_HALF = [38, 45, 25, 0]

GESTURES = {
    "open": [[-5, 0, 0, -5]] + [_STRAIGHT] * 4,
    "fist": [[34, 24, 38, 45]] + [_FOLDED] * 4,
    "point": [[32, 24, 36, 42], _STRAIGHT, _FOLDED, _FOLDED, _FOLDED],
    "pinch": [[22, 34, 14, 18], [50, 44, 22, 0], [26, 26, 14, 0], [18, 20, 10, 0], [12, 16, 8, 4]],
    "thumbs_up": [[-12, -8, -8, -14], _FOLDED, _FOLDED, _FOLDED, _FOLDED],
    "victory": [[36, 26, 36, 44], [-2, 4, 2, -10], [-2, 4, 2, 8], _FOLDED, _FOLDED],
    "three": [[36, 30, 38, 42], [0, 4, 2, -8], [0, 4, 2, 0], [0, 6, 2, 8], _FOLDED],
    "horns": [[34, 26, 38, 44], _STRAIGHT, _FOLDED, _FOLDED, [0, 4, 2, 6]],
    "call": [[-12, -6, -8, -12], _FOLDED, _FOLDED, _FOLDED, [0, 4, 2, 10]],
    "relaxed": [[10, 12, 10, 14], [20, 26, 14, 0], [26, 30, 16, 0], [30, 32, 18, 0], [32, 32, 18, 0]],
    "claw": [[5, 15, 15, 30], [5, 60, 40, -6], [5, 62, 40, 0], [5, 62, 40, 6], [5, 58, 38, 12]],
    "flat_bent": [[10, 15, 10, 5]] + [[65, 8, 4, 0]] * 4,
    "spread": [[-12, -5, -4, -8], [-6, 2, 0, -13], [-6, 2, 0, -3], [-6, 2, 0, 7], [-6, 2, 0, 14]],
}  # fmt: skip


def named(name):
    return np.array(GESTURES[name], float)


def clamp(pose):
    return np.clip(pose, LOW, HIGH)


def _jitter(rng, pose, spread):
    return pose + rng.normal(0, spread, pose.shape) * [1, 1, 0.8, 0.4]


def _curls(rng):
    """Correlated curls: one for the whole hand, pulled apart per finger."""
    whole = rng.beta(0.8, 1.5)
    pose = np.empty((5, 4))
    for finger in range(1, 5):
        curl = np.clip(whole + rng.normal(0, 0.22), 0, 1)
        knuckle = np.clip(curl + rng.normal(0, 0.25), 0, 1)
        pose[finger] = -12 + 95 * knuckle, 105 * curl, 62 * curl, 0
    # Neighbours fan out together; a folded hand cannot spread its fingers.
    pose[1:, 3] = rng.normal(0, 3, 4) + np.linspace(-1, 1, 4) * rng.uniform(-5, 13) * (1 - whole)
    pose[0] = (
        rng.uniform(-15, 45),
        rng.uniform(-15, 45),
        rng.uniform(-12, 50),
        rng.uniform(-18, 70),
    )
    return pose


def sample(rng):
    """One pose: a named gesture, a blend of two, or free correlated curls."""
    names = list(GESTURES)
    kind = rng.random()
    if kind < 0.55:
        pose = _jitter(rng, named(names[rng.integers(len(names))]), 5)
    elif kind < 0.75:
        first, second = rng.choice(len(names), 2, replace=False)
        mix = rng.random()
        pose = _jitter(rng, named(names[first]) * mix + named(names[second]) * (1 - mix), 6)
    else:
        pose = _curls(rng)
    return clamp(pose)
