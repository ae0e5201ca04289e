"""The mesh of one procedural figure in its rest pose: tubes, lofts and blobs hung on a skeleton.

`build_shape(look)` gives a Shape, which body.py bends into poses. Rest frame, metres: origin midway
between the hip joints, x to the person's left, y down, z to the person's back (so a person at rest
faces a camera that looks along +z). At rest the limbs hang straight down, and every bone's own
frame is parallel to the rest frame, so bone rotations alone describe a pose.

Lengths inside this file are fractions of an average adult's standing height until the last step.
"""

from dataclasses import dataclass

import numpy as np

from body_mesh import Mesh, circle, ovals
from body_pose import BONE, BONES

_FRONT_RING = 20  # vertices round the torso; the first one of every ring lies at the front
_SIDES = (("r_", -1), ("l_", 1))
_ANKLE = 0.044  # from the ankle joint to the sole


@dataclass
class Shape:
    """A figure at rest; V vertices, F faces, B bones."""

    pivots: np.ndarray  # (B,3) f64: where each bone turns
    joints: np.ndarray  # (16,3) f64: the MPII joints
    joint_bones: np.ndarray  # (16,) i64: the bone that carries each joint
    cores: np.ndarray  # (V,3) f32: the point on the limb's axis that a vertex belongs to
    offsets: np.ndarray  # (V,3) f32: from there to the vertex
    weights: np.ndarray  # (V,B) f32: how much each bone carries it; rows sum to 1
    faces: np.ndarray  # (F,3) i32, counter-clockwise from outside
    colours: np.ndarray  # (V,3) f32


def _smooth(x):
    x = np.minimum(np.maximum(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def _rigid(bone):
    """The weights (B,) of what one bone carries alone."""
    weights = np.zeros(len(BONES))
    weights[BONE[bone]] = 1
    return weights


def _chain(y, first, *turns):
    """Bone weights (N,B) along `y`: `first`, then each (height, width, bone) takes over there."""
    weights = np.zeros((len(y), len(BONES)))
    weights[:, BONE[first]] = 1
    for height, width, bone in turns:
        share = _smooth((y - height) / width + 0.5)[:, None]
        weights *= 1 - share
        weights[:, BONE[bone]] += share[:, 0]
    return weights


def _stations(plain, *edges):
    """Ring places with a close pair at every cloth edge, so that a hem is a crisp step."""
    pairs = [e + d for e in edges for d in (-0.004, 0.004)]
    return np.sort(np.concatenate((plain, pairs)))


class _Frame:
    """Where the joints lie at rest, from the proportions."""

    def __init__(self, build):
        self.hip_x = 0.05 * build.hips
        self.shoulder_x, self.shoulder_y = 0.101 * build.shoulders, -0.283
        self.neck_y, self.skull_y = -0.3, -0.345
        self.crown_y = self.skull_y - 0.132 * build.head
        self.thigh, self.shin = 0.245 * build.legs, 0.24 * build.legs
        self.arm, self.forearm = 0.18 * build.arms, 0.147 * build.arms
        self.head = build.head

    def pivots(self):
        p = np.zeros((len(BONES), 3))
        p[BONE["spine"]] = 0, -0.06, 0.008
        p[BONE["chest"]] = 0, -0.15, 0.01
        p[BONE["neck"]] = 0, self.neck_y, 0.008
        p[BONE["head"]] = 0, self.skull_y, 0.0
        for side, sign in _SIDES:
            y = 0.0
            for bone, step in (("thigh", self.thigh), ("shin", self.shin), ("foot", 0)):
                p[BONE[side + bone]] = sign * self.hip_x, y, 0
                y += step
            y = self.shoulder_y
            p[BONE[side + "clavicle"]] = sign * 0.015, y, 0
            for bone, step in (("arm", self.arm), ("forearm", self.forearm), ("hand", 0)):
                p[BONE[side + bone]] = sign * self.shoulder_x, y, 0
                y += step
        return p

    def joints(self, pivots):
        """The MPII joints (16,3) and their bones (16,)."""
        bones = ["r_foot", "r_shin", "r_thigh", "l_thigh", "l_shin", "l_foot", "pelvis", "chest",
                 "head", "head", "r_hand", "r_forearm", "r_arm", "l_arm", "l_forearm", "l_hand"]  # fmt: skip
        index = np.array([BONE[b] for b in bones])
        joints = pivots[index].copy()
        joints[7] = 0, self.shoulder_y - 0.008, 0
        joints[9] = 0, self.crown_y, 0.004
        return joints, index


# Torso outline: height above the hip joints, half breadth, half depth, shift of the axis to the back.
_TORSO = np.array([
    (-0.062, 0.025, 0.030, 0.004), (-0.050, 0.060, 0.045, 0.005), (-0.020, 0.090, 0.060, 0.008),
    (0.015, 0.098, 0.066, 0.009), (0.050, 0.093, 0.062, 0.006), (0.100, 0.079, 0.053, 0.000),
    (0.150, 0.084, 0.057, 0.000), (0.205, 0.094, 0.065, 0.000), (0.240, 0.098, 0.064, 0.002),
    (0.268, 0.100, 0.056, 0.004), (0.288, 0.098, 0.048, 0.006), (0.303, 0.086, 0.040, 0.008),
    (0.312, 0.066, 0.036, 0.008), (0.322, 0.040, 0.033, 0.008),
])  # fmt: skip


def _torso_outline(build, outfit, up):
    """Half breadth, half depth and axis shift of the dressed torso at heights `up` over the hips."""
    x, z, shift = (np.interp(up, _TORSO[:, 0], _TORSO[:, i]) for i in (1, 2, 3))
    hip = _smooth((0.12 - up) / 0.09)
    shoulder = _smooth((up - 0.17) / 0.08)
    waist = 1 - np.maximum(hip, shoulder)
    broad = max(build.hips, 0.4 * build.hips + 0.6 * build.girth)
    x *= hip * broad + shoulder * build.shoulders + (1 - hip - shoulder) * build.waist
    belly = np.exp(-(((up - 0.085) / 0.06) ** 2)) * (build.belly - 1)
    bust = np.exp(-(((up - 0.205) / 0.03) ** 2)) * (build.bust - 1)
    z *= 1 + 0.12 * waist * (build.waist - 1) + 0.7 * hip * (build.girth - 1)
    grow = 0.045 * belly + 0.05 * bust
    z, shift = z + 0.5 * grow, shift - 0.5 * grow
    cloth = np.where(up > outfit.hem, outfit.loose + 0.003, 0.7 * outfit.loose)
    cloth = cloth * _smooth((0.325 - up) / 0.04)
    return x + cloth, z + cloth, shift


def _pattern(outfit, colours, up, angle):
    """The top's colour (R,K,3) at heights `up` (R,) and angles from the front (K,)."""
    hoop = (np.floor(up / 0.0427) % 2 == 0)[:, None]
    stripe = (np.round(angle * _FRONT_RING / (2 * np.pi)) % 2 == 0)[None]
    second = {
        "plain": np.zeros((1, 1), bool), "hoops": hoop, "pinstripe": stripe, "checks": hoop ^ stripe,
        "yoke": (up > 0.2)[:, None],
    }[outfit.pattern]  # fmt: skip
    second = np.broadcast_to(second, (len(up), len(angle)))[..., None]
    return np.where(second, colours["top2"], colours["top"])


def _add_torso(mesh, look):
    build, outfit, colours = look.build, look.outfit, look.colours
    up = -_stations(np.linspace(-0.322, 0.062, 19), -outfit.hem)
    half_x, half_z, shift = _torso_outline(build, outfit, up)
    offsets = ovals(half_x, half_z, _FRONT_RING, 2.3)
    angle = circle(_FRONT_RING)[0]
    away, level = np.abs(angle)[None], up[:, None]
    paint = _pattern(outfit, colours, up, angle)
    if outfit.logo and not outfit.open_front:
        paint = np.where(((away < 0.6) & (np.abs(level - 0.205) < 0.03))[..., None], colours["inner"], paint)
    paint = np.where((away < outfit.open_front)[..., None], colours["inner"], paint)
    if outfit.backpack:
        strap = (np.abs(away - 0.85) < 0.16) & (level > 0.1)
        paint = np.where(strap[..., None], colours["bag"], paint)
    open_neck = (away < 0.75) & (level > 0.305 - outfit.neckline * (1 - away / 0.75))
    paint = np.where(open_neck[..., None], colours["skin"], paint)
    paint = np.where((level < outfit.hem)[..., None], colours["bottom"], paint)

    weights = _chain(-up, "pelvis", (-0.06, -0.06, "spine"), (-0.15, -0.07, "chest"))
    weights = np.repeat(weights[:, None], _FRONT_RING, 1)
    for side, sign in _SIDES:
        # The shoulders ride on the collar bones, so that they rise with a raised arm.
        out = _smooth((sign * offsets[..., 0] - 0.03) / 0.06) * _smooth((level - 0.235) / 0.05)
        weights *= 1 - out[..., None]
        weights[..., BONE[side + "clavicle"]] += out
    axis = np.stack((0 * up, -up, shift), 1)
    mesh.tube(axis, offsets, weights, paint)

    def on_front(height, radii, colour):
        h = np.array([height])
        _, z, s = _torso_outline(build, outfit, h)
        row = _chain(-h, "pelvis", (-0.06, -0.06, "spine"), (-0.15, -0.07, "chest"))[0]
        mesh.blob((0, -height, s[0] - z[0]), radii, row, colour)

    if not outfit.open_front:
        for height in np.linspace(outfit.hem + 0.03, 0.27, max(outfit.buttons, 1))[: outfit.buttons]:
            on_front(height, (0.006, 0.006, 0.004), colours["white"])
    chest = _rigid("chest")
    if outfit.hood:
        mesh.blob((0, -0.29, 0.045), (0.06, 0.035, 0.035), chest, colours["top"], 10, 4)
    if outfit.backpack:
        mesh.blob((0, -0.19, 0.105), (0.085, 0.12, 0.06), chest, colours["bag"], 10, 5)


def _add_skirt(mesh, look, frame):
    build, outfit, colours = look.build, look.outfit, look.colours
    if outfit.skirt == 0:
        return
    around = 20
    down = np.linspace(-0.1, -0.1 + outfit.skirt, 10)
    half_x, half_z, shift = _torso_outline(build, outfit, np.maximum(-down, 0.0))
    # Wide enough to walk in: round both thighs, however thick, and any trousers below.
    thigh = 0.052 * build.girth + 1.2 * outfit.loose
    inside = _smooth((down + 0.09) / 0.06)
    half_x = np.maximum(half_x, inside * (frame.hip_x + 2 * thigh - 0.05))
    half_z = np.maximum(half_z, inside * (thigh + 0.012))
    flare = outfit.flare * np.linspace(0, 1, 10) ** 1.3 + 0.006
    offsets = ovals(half_x + flare, half_z + flare, around)
    points = offsets + np.stack((0 * down, down, shift), 1)[:, None]
    angle = circle(around)[0]
    if outfit.skirt_is_top:
        paint = _pattern(outfit, colours, -down, angle)
        paint = np.where((np.abs(angle) < outfit.open_front)[None, :, None], colours["bottom"], paint)
    else:
        paint = np.broadcast_to(colours["bottom"], points.shape).copy()
        if outfit.pattern == "hoops":
            paint[-2:] = colours["top2"]
    # Each half of the cloth follows its own leg, the more so the farther down it hangs.
    hang = _smooth((down + 0.02) / 0.14)[:, None]
    low = _smooth((down - frame.thigh) / 0.08 + 0.5)[:, None]
    left = _smooth(points[..., 0] / (2 * half_x[:, None]) + 0.5)
    weights = np.zeros((*left.shape, len(BONES)))
    weights[..., BONE["pelvis"]] = 1 - hang
    for side, share in (("r_", 1 - left), ("l_", left)):
        weights[..., BONE[side + "thigh"]] = hang * share * (1 - low)
        weights[..., BONE[side + "shin"]] = hang * share * low
    mesh.sheet(points, weights, paint)


# Limb radii: place (0 the first joint, 1 the second, 2 the third), radius.
_ARM = np.array([(-0.12, 0.006), (-0.1, 0.014), (-0.05, 0.023), (0.02, 0.0275), (0.2, 0.029), (0.5, 0.027),
                 (0.85, 0.023), (1, 0.0225), (1.2, 0.024), (1.4, 0.0235), (1.7, 0.0175), (2, 0.0145)])  # fmt: skip
_LEG = np.array([(-0.15, 0.018), (-0.08, 0.038), (0, 0.048), (0.2, 0.052), (0.5, 0.046), (0.85, 0.035),
                 (1, 0.033), (1.12, 0.031), (1.35, 0.0345), (1.7, 0.025), (2, 0.021), (2.08, 0.021)])  # fmt: skip
_LIMB_PLACES = np.array([0.12, 0.35, 0.62, 0.86, 0.95, 1.05, 1.15, 1.35, 1.65])


def _along(place, first, second):
    return first * np.minimum(place, 1) + second * np.maximum(place - 1, 0)


def _add_arms(mesh, look, frame):
    build, outfit, colours = look.build, look.outfit, look.colours
    around = 10
    place = _stations(np.concatenate(((-0.12, -0.1, -0.05, 0.02, 1.0, 2.0), _LIMB_PLACES)), max(outfit.sleeve, 0.05))
    down = _along(place, frame.arm, frame.forearm)
    covered = place < outfit.sleeve
    radius = np.interp(place, *_ARM.T) * build.girth
    radius = np.where(covered, radius + outfit.loose * np.clip(0.4 + place, 0.3, 1.1), radius)
    rings = ovals(radius, radius, around)
    # The ball of the shoulder sits a little inside its joint, flush with the torso's side.
    out = frame.shoulder_x - 0.006 * _smooth(0.5 - place)
    sleeve = _pattern(outfit, colours, 0.25 - down, circle(around)[0])
    paint = np.where(covered[:, None, None], sleeve, colours["skin"])

    reach = np.array([-0.006, 0.012, 0.03, 0.05, 0.072, 0.092, 0.1]) * build.arms
    thick = np.array([0.012, 0.012, 0.0125, 0.012, 0.009, 0.007, 0.003])
    broad = np.array([0.014, 0.0165, 0.021, 0.022, 0.019, 0.013, 0.005])
    hand = ovals(thick, broad, 6)
    skin = np.tile(colours["skin"], (len(reach), 1))
    # Relaxed fingers curl towards the palm, which faces the thigh.
    curl = 0.018 * _smooth((reach - 0.04) / 0.07)
    wrist_y = frame.shoulder_y + frame.arm + frame.forearm

    for side, sign in _SIDES:
        weights = _chain(down, side + "clavicle", (0.0, 0.1, side + "arm"), (frame.arm, 0.05, side + "forearm"))
        mesh.tube(np.stack((sign * out, frame.shoulder_y + down, 0 * down), 1), rings, weights, paint)
        weights = _chain(reach, side + "forearm", (0, 0.02, side + "hand"))
        axis = np.stack((sign * (frame.shoulder_x - curl), wrist_y + reach, 0 * reach), 1)
        mesh.tube(axis, hand, weights, skin)
        thumb = (sign * (frame.shoulder_x - 0.006), wrist_y + 0.038, -0.023)
        mesh.blob(thumb, (0.008, 0.022, 0.008), weights[-1], colours["skin"])


def _add_legs(mesh, look, frame):
    build, outfit, colours = look.build, look.outfit, look.colours
    around = 10
    boot = 1.9 - 0.4 * outfit.shoe_top
    place = _stations(np.concatenate(((-0.15, -0.08, 0.0, 1.0, 2.08), _LIMB_PLACES)), outfit.leg, boot)
    down = _along(place, frame.thigh, frame.shin)
    covered = place < outfit.leg
    booted = (place > boot) & (outfit.shoe_top > 0)
    radius = np.interp(place, *_LEG.T) * build.girth
    trouser = np.maximum(radius + 0.8 * outfit.loose, 0.025 + 1.2 * outfit.loose)
    radius = np.where(booted, np.maximum(radius, 0.027) + 0.004, np.where(covered, trouser, radius))
    rings = ovals(radius, radius, around)
    # Thick thighs need room beside each other.
    out = frame.hip_x + 0.7 * np.maximum(radius - 0.05, 0) * _smooth(1.2 - place)
    calf = 0.007 * np.exp(-(((place - 1.35) / 0.3) ** 2))
    paint = np.where(covered[:, None], colours["bottom"], colours["skin"])
    paint = np.where(((place > 1.86) & ~covered)[:, None], colours["sock"], paint)
    paint = np.where(booted[:, None], colours["shoe"], paint)

    back = np.array([0.034, 0.029, 0.012, -0.02, -0.055, -0.085, -0.102, -0.108])
    broad = np.array([0.012, 0.02, 0.024, 0.026, 0.029, 0.028, 0.02, 0.008])
    tall = np.array([0.028, 0.042, 0.062, 0.056, 0.04, 0.031, 0.023, 0.013])
    sole = frame.thigh + frame.shin + _ANKLE
    shoe = ovals(broad, tall / 2, 8, 2.6)
    # Level rings stood upright: what was the front of a ring is now its top.
    shoe = np.stack((shoe[..., 0], shoe[..., 2], 0 * shoe[..., 2]), -1)
    under = colours["white"] * 0.8 if outfit.white_soles else colours["shoe"] * 0.6
    shoe_paint = np.where((shoe[..., 1] < 0.2 * tall[:, None])[..., None], colours["shoe"], under)

    for side, sign in _SIDES:
        weights = _chain(down, "pelvis", (0.0, 0.09, side + "thigh"), (frame.thigh, 0.07, side + "shin"))
        mesh.tube(np.stack((sign * out, down, calf), 1), rings, weights, paint)
        axis = np.stack((np.full(8, sign * frame.hip_x), sole - tall / 2, back), 1)
        mesh.tube(axis, shoe, np.tile(_rigid(side + "foot"), (8, 1)), shoe_paint)


def _add_head(mesh, look, frame):
    build, outfit, colours = look.build, look.outfit, look.colours
    size = frame.head
    head = _rigid("head")
    neck_y = np.linspace(frame.skull_y - 0.035, -0.275, 5)
    neck_r = np.interp(neck_y, (-0.33, -0.275), (0.03, 0.036)) * (0.5 + 0.5 * build.girth)
    axis = np.stack((0 * neck_y, neck_y, np.linspace(0.012, 0.01, 5)), 1)
    weights = _chain(neck_y, "chest", (frame.neck_y, -0.03, "neck"), (frame.skull_y, -0.03, "head"))
    skin = np.tile(colours["skin"], (5, 1))
    mesh.tube(axis, ovals(neck_r, neck_r, 10), weights, skin, (False, False))

    around, rings = 16, 10
    tall = 0.068 * size
    centre = np.array((0, frame.crown_y + tall, 0.0))
    polar = np.linspace(0.22, np.pi - 0.25, rings)
    level = -np.cos(polar)
    jaw = _smooth(level)
    half_x = np.sin(polar) ** 0.85 * 0.05 * size * (1 - 0.28 * jaw)
    half_z = np.sin(polar) ** 0.85 * 0.06 * size * (1 - 0.26 * jaw)
    shell = ovals(half_x, half_z, around)
    axis = centre + np.stack((0 * level, tall * level, (0.004 - 0.016 * jaw) * size), 1)
    weights = np.tile(head, (rings, 1))
    away = np.abs(circle(around)[0])[None]
    level = np.broadcast_to(level[:, None], (rings, around))
    skin = np.broadcast_to(colours["skin"], (rings, around, 3))
    if outfit.beard:
        chin = (level > 0.38) & (away < 1.7)
        skin = np.where(chin[..., None], colours["hair"], skin)
    mesh.tube(axis, shell, weights, skin)

    def face(x, y, z, radii, colour, around=6):
        mesh.blob(centre + np.array((x, y, z)) * size, np.array(radii) * size, head, colours[colour], around)

    for sign in (-1, 1):
        if outfit.glasses:
            face(sign * 0.019, -0.002, -0.054, (0.015, 0.010, 0.006), "eye")
        else:
            face(sign * 0.019, 0.0, -0.051, (0.010, 0.006, 0.006), "white")
            face(sign * 0.019, 0.0, -0.0555, (0.0055, 0.0055, 0.003), "eye")
        face(sign * 0.019, -0.013, -0.0525, (0.012, 0.0028, 0.006), "hair")
        face(sign * 0.05, 0.006, 0.006, (0.007, 0.017, 0.012), "skin")
    face(0, 0.013, -0.057, (0.007, 0.013, 0.010), "nose")
    face(0, 0.036, -0.0535, (0.017, 0.0045, 0.007), "lips")

    fringe = -0.5 if outfit.hair != "full" else -0.32
    nape = {"short": 0.3, "full": 0.55, "long": 0.75, "bun": 0.45, "bald": -9}[outfit.hair]
    volume = {"short": 1.06, "full": 1.17, "long": 1.1, "bun": 1.05, "bald": 0.9}[outfit.hair]
    covered = (level < fringe) | ((away > 1.75) & (level < nape)) | ((away > 1.35) & (level < min(nape, 0.12)))
    _add_cap(mesh, axis, shell, weights, centre, covered, volume, colours["hair"])
    if outfit.hair == "long":
        down = np.linspace(centre[1] - 0.03, -0.2 - 0.08 * (build.bust - 1), 7)
        behind = np.array([0.035, 0.045, 0.05, 0.052, 0.062, 0.07, 0.072])
        strands = ovals(np.array([0.04, 0.052, 0.054, 0.05, 0.048, 0.045, 0.03]) * size,
                         np.array([0.03, 0.03, 0.028, 0.022, 0.018, 0.015, 0.008]), 10)  # fmt: skip
        weights = _chain(down, "head", (frame.skull_y, 0.05, "neck"), (frame.neck_y, 0.06, "chest"))
        mesh.tube(np.stack((0 * down, down, behind), 1), strands, weights, np.tile(colours["hair"], (7, 1)))
    elif outfit.hair == "bun":
        face(0, -0.035, 0.072, (0.026, 0.026, 0.022), "hair", 8)
    _add_hat(mesh, look, axis, shell, centre, level, head)


def _add_cap(mesh, axis, shell, weights, centre, covered, volume, colour):
    """Hair or a hat: the head's shell again, outside where covered and hidden inside elsewhere."""
    scale = np.where(covered, volume, 0.88)[..., None]
    points = (shell + axis[:, None] - centre) * scale
    cores = np.broadcast_to(centre, axis.shape)
    mesh.tube(cores, points, weights, np.tile(colour, (len(axis), 1)))


def _add_hat(mesh, look, axis, shell, centre, level, head):
    outfit, colour, size = look.outfit, look.colours["hat"], look.build.head
    if outfit.hat == "none":
        return
    edge = {"cap": -0.3, "brim": -0.3, "beanie": -0.15}[outfit.hat]
    weights = np.tile(head, (len(axis), 1))
    _add_cap(mesh, axis, shell, weights, centre, level < edge, 1.2, colour)
    plate = {  # the peak or the brim: where it lies, its radii, how many vertices go round it
        "cap": ((0, -0.026, -0.075), (0.042, 0.006, 0.042), 10),
        "brim": ((0, -0.028, 0), (0.105, 0.007, 0.11), 16),
    }
    if outfit.hat in plate:
        place, radii, around = plate[outfit.hat]
        mesh.blob(centre + np.array(place) * size, np.array(radii) * size, head, colour, around, 3)


def build_shape(look):
    """The rest mesh and skeleton of a Look, in metres."""
    frame = _Frame(look.build)
    pivots = frame.pivots()
    joints, joint_bones = frame.joints(pivots)
    mesh = Mesh(len(BONES))
    _add_torso(mesh, look)
    _add_skirt(mesh, look, frame)
    _add_arms(mesh, look, frame)
    _add_legs(mesh, look, frame)
    _add_head(mesh, look, frame)
    scale = look.build.height / (frame.thigh + frame.shin + _ANKLE - frame.crown_y)
    return Shape(
        pivots=pivots * scale,
        joints=joints * scale,
        joint_bones=joint_bones,
        cores=mesh.cores[: mesh.count] * np.float32(scale),
        offsets=mesh.offsets[: mesh.count] * np.float32(scale),
        weights=mesh.weights[: mesh.count].copy(),
        faces=np.concatenate(mesh.faces),
        colours=np.clip(mesh.colours[: mesh.count], 0, 1),
    )
