"""Packets to messages, without ROS.

Only what a robot may act on becomes a message: instances that the network saw, younger than a limit. Each message is
complete: nothing waits for the other packets of its frame.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from posewire import BODY_JOINTS, HAND_JOINTS, Joint, Packet

from .messages import (
    ColorRGBA,
    Duration,
    Header,
    IdsList,
    Marker,
    MarkerArray,
    NormalizedPointOfInterest2D,
    Point,
    PointCloud2,
    PointField,
    Skeleton2D,
    Time,
    Vector3,
)

_HAND_TABLE, _BODY_TABLE = 1, 2
#: An instance that is not seen for so long is not tracked any more, and its marker disappears.
FORGET_US = 500_000
#: Bodies that are tracked at a time; each has a topic.
MAX_BODIES = 32
_RADIUS_PX = 6.0


@dataclass(frozen=True)
class Seen:
    """A hand or body that a robot may act on."""

    #: The sender's number of the stream, and the instance's number in it; 0 for a sender that follows one instance.
    stream: int
    number: int
    task: int
    side: int
    joint_table: int
    joints: tuple[Joint, ...]
    frame_width_px: int
    frame_height_px: int

    @property
    def kind(self) -> str:
        return {1: "hand", 2: "body"}.get(self.task, "other")


def seen(packet: Packet, age_limit_us: int, age_us: int) -> Iterator[Seen]:
    """The instances of a packet that a robot may act on; `age_us` is the time from the capture to now."""
    if packet.age_us is None:
        return
    # The packet counts its age until it is sent. The way took time as well.
    age_limit_us -= max(age_us - packet.age_us, 0)
    size = (packet.frame_width_px, packet.frame_height_px)
    if packet.may_act and packet.age_us <= age_limit_us:
        yield Seen(packet.instance, 0, packet.task, 0, packet.joint_table, packet.keypoints, *size)
    for instance in packet.instances:
        if packet.may_act_on(instance, age_limit_us):
            yield Seen(
                packet.instance, instance.number, instance.task, instance.side, instance.joint_table, instance.joints, *size
            )


def time_of(nanoseconds: int) -> Time:
    """A time since the clock's origin. A clock of a simulation can start after the capture: 0 then."""
    sec, nanosec = divmod(max(nanoseconds, 0), 1_000_000_000)
    return Time(sec, nanosec)


# Keypoints: a cloud of one instance.

_POINT = struct.Struct("<fffHBBBBxx")
_FIELDS = (
    ("u", 0, PointField.FLOAT32),
    ("v", 4, PointField.FLOAT32),
    ("score", 8, PointField.FLOAT32),
    ("number", 12, PointField.UINT16),
    ("stream", 14, PointField.UINT8),
    ("task", 15, PointField.UINT8),
    ("side", 16, PointField.UINT8),
    ("held", 17, PointField.UINT8),
)


def keypoints(instance: Seen, header: Header) -> PointCloud2:
    """One point for each joint, in the order of the joint table. A joint that was not found is NaN."""
    about = (instance.number, instance.stream, instance.task, instance.side)
    points = [
        _POINT.pack(
            math.nan if joint.x_px is None else joint.x_px,
            math.nan if joint.y_px is None else joint.y_px,
            joint.score,
            *about,
            joint.is_held,
        )
        for joint in instance.joints
    ]
    data = array("B", b"".join(points))
    return PointCloud2(
        header=header,
        height=1,
        width=len(instance.joints),
        fields=[PointField(*item) for item in _FIELDS],
        is_bigendian=False,
        point_step=_POINT.size,
        row_step=len(data),
        data=data,
        is_dense=all(joint.x_px is not None for joint in instance.joints),
    )


# Markers: a drawing in the plane of the picture.

_HAND_BONES = [
    bone
    for finger in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
    for bone in (("wrist", f"{finger}1"), *((f"{finger}{n}", f"{finger}{n + 1}") for n in (1, 2, 3)))
]
_BODY_BONES = [
    ("right_ankle", "right_knee"), ("right_knee", "right_hip"), ("right_hip", "pelvis"), ("left_hip", "pelvis"),
    ("left_knee", "left_hip"), ("left_ankle", "left_knee"), ("pelvis", "thorax"), ("thorax", "upper_neck"),
    ("upper_neck", "head_top"), ("right_wrist", "right_elbow"), ("right_elbow", "right_shoulder"),
    ("right_shoulder", "thorax"), ("left_shoulder", "thorax"), ("left_elbow", "left_shoulder"),
    ("left_wrist", "left_elbow"),
]  # fmt: skip
_BONES = {
    _HAND_TABLE: [(HAND_JOINTS.index(a), HAND_JOINTS.index(b)) for a, b in _HAND_BONES],
    _BODY_TABLE: [(BODY_JOINTS.index(a), BODY_JOINTS.index(b)) for a, b in _BODY_BONES],
}
_COLORS = {1: ColorRGBA(1.0, 0.55, 0.1, 1.0), 2: ColorRGBA(0.2, 0.7, 1.0, 1.0)}
_GREY = ColorRGBA(0.7, 0.7, 0.7, 1.0)


def markers(instance: Seen, header: Header, metres_per_px: float) -> MarkerArray:
    """Bones and joints in the plane z = 0, with the picture's centre at the origin. A drawing, not a measurement."""
    color = _COLORS.get(instance.task, _GREY)
    places = [_place(joint, instance, metres_per_px) for joint in instance.joints]
    bones = _BONES.get(instance.joint_table, ())
    lines = [
        place
        for ends in bones
        if max(ends) < len(places) and all(places[end] is not None for end in ends)
        for place in (places[ends[0]], places[ends[1]])
    ]
    spheres = [place for place in places if place is not None]
    alphas = [joint.score for joint in instance.joints if joint.x_px is not None]

    def marker(part: int, kind: int, width_px: float, points: list[Point], colors: list[ColorRGBA]) -> Marker:
        width = width_px * metres_per_px
        return Marker(
            header=header,
            ns=f"{instance.kind}{instance.stream}",
            id=2 * instance.number + part,
            type=kind,
            action=0,
            scale=Vector3(width, width, width),
            color=color,
            lifetime=Duration(0, FORGET_US * 1000),
            points=points,
            colors=colors,
        )

    faded = [ColorRGBA(color.r, color.g, color.b, min(max(alpha, 0.2), 1.0)) for alpha in alphas]
    return MarkerArray(
        [
            marker(0, Marker.LINE_LIST, _RADIUS_PX / 2, lines, []),
            marker(1, Marker.SPHERE_LIST, 2 * _RADIUS_PX, spheres, faded),
        ]
    )


def _place(joint: Joint, instance: Seen, metres_per_px: float) -> Optional[Point]:
    if joint.x_px is None or joint.y_px is None:
        return None
    x = (joint.x_px - (instance.frame_width_px - 1) / 2) * metres_per_px
    y = (joint.y_px - (instance.frame_height_px - 1) / 2) * metres_per_px
    return Point(x, y, 0.0)


# Skeletons: bodies for ROS4HRI.

#: The joints of hri_msgs/Skeleton2D, which are those of OpenPose's COCO model, and the MPII joint of each. OpenPose's
#: neck is the middle of the shoulders, as is MPII's thorax; MPII's upper neck is the base of the skull. MPII has
#: nothing in the face, and the top of the head is not the nose.
SKELETON_JOINTS = (
    None, "thorax", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", None, None, None, None,
)  # fmt: skip


def skeleton(instance: Seen, header: Header) -> Optional[Skeleton2D]:
    """A body with MPII's joints; None for others.

    Coordinates are between 0 and 1, as the message demands. A joint that MPII lacks, was not found or is outside of the
    picture is 0, 0 with a confidence of 0, as OpenPose writes it.
    """
    if instance.joint_table != _BODY_TABLE or len(instance.joints) != len(BODY_JOINTS):
        return None
    named = dict(zip(BODY_JOINTS, instance.joints))
    return Skeleton2D(header, [_normalized(named.get(name), instance) for name in SKELETON_JOINTS])


def _normalized(joint: Optional[Joint], instance: Seen) -> NormalizedPointOfInterest2D:
    missing = NormalizedPointOfInterest2D()
    if joint is None or joint.x_px is None or joint.y_px is None:
        return missing
    # The centre of the first pixel is (0, 0) on the wire. The message's (0, 0) is the picture's corner.
    x = (joint.x_px + 0.5) / max(instance.frame_width_px, 1)
    y = (joint.y_px + 0.5) / max(instance.frame_height_px, 1)
    if not (0 <= x <= 1 and 0 <= y <= 1):
        return missing
    return NormalizedPointOfInterest2D(x, y, min(max(joint.score, 0.0), 1.0))


class Bodies:
    """The bodies that are tracked, for the list of their names. A frame can come in several packets."""

    def __init__(self) -> None:
        self._seen_us: dict[str, int] = {}

    @staticmethod
    def name(instance: Seen) -> str:
        return f"body_{instance.stream}_{instance.number}"

    def see(self, name: str, now_us: int) -> bool:
        """False if there are too many."""
        if name not in self._seen_us and len(self._seen_us) >= MAX_BODIES:
            return False
        self._seen_us[name] = now_us
        return True

    def forget(self, now_us: int) -> list[str]:
        """Removes those that were not seen for a while, and returns them."""
        gone = [name for name, seen_us in self._seen_us.items() if now_us - seen_us > FORGET_US]
        for name in gone:
            del self._seen_us[name]
        return gone

    def tracked(self, header: Header) -> IdsList:
        return IdsList(header, sorted(self._seen_us))
