"""Poses: the project's angles of hand and body on MakeHuman's bones, and where the joints end up.

In: a `Body`, a `Person`, angles of `hand_pose` (degrees) and `body_pose` (radians). Bones turn about axes
of the person's frame at rest, so no bone needs a frame of its own. `turns` map a bone's name to ("add", R),
a rotation on top of its parent's, or ("set", R), its own in the world. Out: transforms (B, 3, 4) from rest
to posed, and joints in the order of the model cards.
"""

import body_pose
import numpy as np

from .geometry import X, Y, Z, about, align, between, unit

FINGERS = range(1, 6)  # thumb first
# (bone, whether the joint is at its tail): tips first, then the wrist.
HAND_JOINTS = [(f"finger{f}-{b}", tail) for f in FINGERS for b, tail in ((3, 1), (3, 0), (2, 0), (1, 0))]
HAND_JOINTS.append(("wrist", 0))
# The bones at whose heads MPII's joints lie; None is computed.
BODY_JOINTS = (
    *("foot.R", "lowerleg01.R", "upperleg01.R", "upperleg01.L", "lowerleg01.L", "foot.L"),
    *(None, "neck01", "head", None),
    *("wrist.R", "lowerarm01.R", "upperarm01.R", "upperarm01.L", "lowerarm01.L", "wrist.L"),
)
PELVIS, THORAX, CROWN = 6, 7, 9
# Parents of body_pose.BONES.
_PARENT = (-1, 0, 1, 2, 3, 0, 5, 6, 0, 8, 9, 2, 2, 12, 13, 2, 2, 16, 17)


def pose(body, person, turns):
    """Transforms (B, 3, 4) from rest to posed."""
    world, out = np.empty((len(body.bones), 3, 3)), np.empty((len(body.bones), 3, 4))
    for b, name in enumerate(body.bones):
        parent = body.parent[b]
        base = np.eye(3) if parent < 0 else world[parent]
        kind, turn = turns.get(name, ("add", None))
        world[b] = base if turn is None else turn if kind == "set" else base @ turn
        head = person.heads[b]
        at = head if parent < 0 else out[parent, :, :3] @ head + out[parent, :, 3]
        out[b, :, :3] = world[b]
        out[b, :, 3] = at - world[b] @ head
    return out


def skin(vertices, weights, transforms):
    """Linear-blend skinning of (V, 3) with a Gather to the bones."""
    blended = weights(transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)
    return np.einsum("vij,vj->vi", blended[:, :, :3], vertices) + blended[:, :, 3]


def _place(transforms, bone, point):
    return transforms[bone, :, :3] @ point + transforms[bone, :, 3]


def hand_joints(body, person, transforms, side):
    """(21, 3) of the side "L" or "R"."""
    out = []
    for name, tail in HAND_JOINTS:
        bone = body.index[f"{name}.{side}"]
        out.append(_place(transforms, bone, (person.tails if tail else person.heads)[bone]))
    return np.array(out)


def body_joints(body, person, transforms):
    """(16, 3)."""
    out = np.zeros((len(BODY_JOINTS), 3))
    for i, name in enumerate(BODY_JOINTS):
        if name:
            bone = body.index[name]
            out[i] = _place(transforms, bone, person.heads[bone])
    out[PELVIS] = (out[2] + out[3]) / 2
    # The thorax lies between the shoulders, a little below the neck's first bone.
    out[THORAX] = 0.5 * out[THORAX] + 0.25 * (out[12] + out[13])
    out[CROWN] = _place(transforms, body.index["head"], person.crown)
    return out


def palm(body, person, side):
    """(wrist, forward, p, u) at rest: p is the normal that fingers curl to, u points to the little finger."""
    head = lambda name: person.heads[body.index[f"{name}.{side}"]]
    wrist, index, little = head("wrist"), head("finger2-1"), head("finger5-1")
    forward = unit(head("finger3-1") - wrist)
    # Right hand, palm to the viewer, fingers up: the index finger is at the viewer's right.
    p = unit(np.cross(index - wrist, little - wrist)) * (1 if side == "R" else -1)
    u = unit(little - index)
    return wrist, forward, p, unit(u - forward * (u @ forward))


def hand_turns(body, person, side, angles, wrist=(0, 0)):
    """Turns of one hand. `angles`: a pose of hand_pose; `wrist`: flexion to the palm and deviation to the
    little finger, degrees.
    """
    origin, forward, p, u = palm(body, person, side)

    def at(name, tail=False):
        return (person.tails if tail else person.heads)[body.index[f"{name}.{side}"]]

    # A turn about it leads from the thumb's side to the little finger's.
    aside = unit(np.cross(forward, u))
    out = {}
    for f in range(2, 6):
        points = [at(f"finger{f}-{k}") for k in (1, 2, 3)] + [at(f"finger{f}-3", True)]
        bones = [unit(b - a) for a, b in zip(points, points[1:], strict=False)]
        axis = unit(np.cross(bones[0], p))
        # The mesh's fingers are a little bent at rest, an angle of zero is straight.
        rest = []
        for a, b in zip([unit(points[0] - origin), *bones[:2]], bones, strict=True):
            a, b = (unit(v - axis * (v @ axis)) for v in (a, b))
            rest.append(np.arctan2(np.cross(a, b) @ axis, a @ b))
        flex = np.radians(angles[f - 1][:3]) - rest
        spread = about(aside, np.radians(angles[f - 1][3]))
        out[f"finger{f}-1.{side}"] = ("add", spread @ about(axis, flex[0]))
        for k in (1, 2):
            out[f"finger{f}-{k + 1}.{side}"] = ("add", about(axis, flex[k]))
    out |= _thumb_turns(at, side, p, u, np.radians(angles[0]))
    flexion, deviation = np.radians(wrist)
    bend = about(unit(np.cross(forward, p)), flexion)
    out[f"wrist.{side}"] = ("add", bend @ about(aside, deviation))
    return out


def _thumb_turns(at, side, p, u, angles):
    """The shares were fitted on hand_pose's gestures: in a fist the thumb lies on the fingers, in a pinch it
    meets the index finger's tip.
    """
    flex, abduct, mcp, ip = angles
    along = unit(at("finger1-2") - at("finger1-1"))
    # At rest the thumb stands off the palm: flexion moves it across the palm, and back to it.
    bend = unit(np.cross(along, unit(0.76 * u - 0.65 * p)))
    lift = unit(np.cross(along, p))
    roll = about(along, 0.4 * (0.7 * abduct + 0.3 * max(flex, 0)) * (1 if side == "L" else -1))
    end = unit(at("finger1-3", True) - at("finger1-3"))
    tip_bend = unit(np.cross(end, unit(0.95 * u + 0.32 * p)))
    return {
        f"finger1-1.{side}": ("add", about(bend, 0.87 * flex) @ about(lift, 0.89 * abduct - 0.12) @ roll),
        f"finger1-2.{side}": ("add", about(tip_bend, 0.79 * mcp - 0.17)),
        f"finger1-3.{side}": ("add", about(tip_bend, 1.09 * ip - 0.13)),
    }


def _world(angles):
    """World rotation of each of body_pose's bones: flex about x, side about z, then twist about y."""
    out = []
    for b, name in enumerate(body_pose.BONES):
        flex, side, twist = angles[b]
        if name[:2] in ("r_", "l_"):
            sign = 1 if name[0] == "r" else -1
            flex, side, twist = flex * (1 if name.endswith("shin") else -1), side * sign, -twist * sign
        own = about(X, flex) @ about(Z, side) @ about(Y, twist)
        out.append(own if b == 0 else out[_PARENT[b]] @ own)
    return out


def body_turns(body, person, angles):
    """Turns of the whole body but its fingers. `angles`: a pose of body_pose."""
    w = dict(zip(body_pose.BONES, _world(angles), strict=True))
    head = lambda name: person.heads[body.index[name]]
    out = {"root": ("set", w["pelvis"])}
    for k, share in ((5, 0.5), (4, 1.0)):
        out[f"spine0{k}"] = ("set", between(w["pelvis"], w["spine"], share))
    for k, share in ((3, 0.4), (2, 0.8), (1, 1.0)):
        out[f"spine0{k}"] = ("set", between(w["spine"], w["chest"], share))
    for k, share in ((1, 0.3), (2, 0.6), (3, 1.0)):
        out[f"neck0{k}"] = ("set", between(w["chest"], w["neck"], share))
    out["head"] = ("set", w["head"])
    for s, side in (("R", "r_"), ("L", "l_")):
        for bone, end, name in (("upperleg", "lowerleg01", "thigh"), ("lowerleg", "foot", "shin")):
            straight = align(unit(head(f"{end}.{s}") - head(f"{bone}01.{s}")), Y)
            for k in (1, 2):
                out[f"{bone}0{k}.{s}"] = ("set", w[side + name] @ straight)
        out[f"foot.{s}"] = ("set", w[side + "foot"])
        out |= _arm_turns(head, s, {part: w[side + part] for part in ("arm", "forearm", "hand")}, w["chest"])
    return out


def _arm_turns(head, s, w, chest):
    """The mesh's arms stand out at rest, body_pose's hang down."""
    hang = align(unit(head(f"lowerarm01.{s}") - head(f"upperarm01.{s}")), Y)
    fore = align(unit(hang @ (head(f"wrist.{s}") - head(f"lowerarm01.{s}"))), Y) @ hang
    rise = np.arccos(np.clip((w["arm"] @ Y) @ (chest @ Y), -1, 1))
    lift = 0.25 * max(rise - 0.5, 0) * (1 if s == "R" else -1)
    full = w["arm"] @ hang
    lower = full @ hang.T @ (w["arm"].T @ w["forearm"]) @ fore
    hand = align(unit(fore @ (head(f"finger3-1.{s}") - head(f"wrist.{s}"))), Y) @ fore
    return {
        f"clavicle.{s}": ("set", chest @ about(Z, lift)),
        f"shoulder01.{s}": ("set", between(chest, full, 0.25)),
        f"upperarm01.{s}": ("set", full),
        f"upperarm02.{s}": ("set", full),
        f"lowerarm01.{s}": ("set", lower),
        f"lowerarm02.{s}": ("set", lower),
        f"wrist.{s}": ("set", w["hand"] @ hand),
    }
