"""One packet: bytes in, a `Packet` out. Coordinates are pixels of the source frame, scores about 0 to 1.

`raw` in a joint is what came on the wire: x, y in units of 1 / 2**fraction_bits pixel, and the score in 1/32768.
"""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass, field
from typing import Optional, Union

_HEADER = struct.Struct("<4sBBHIIQQIIHHBBBBBBH")
_INSTANCE = struct.Struct("<HHBBBBHHHhhHBBBB")
_JOINT = struct.Struct("<hhH")
_STATS = struct.Struct("<40Ih")
_CRC_BYTES = 4
_MAX_COUNT = 64
_MAX_INSTANCE_JOINTS = 59
_NOT_FOUND = -32768
_UNKNOWN = 2**32 - 1
_HELD = 1 << 15
_SCORE_ONE = 32768

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
#: Joint table 1. 4 is the tip of a finger.
HAND_JOINTS: tuple[str, ...] = tuple(f"{finger}{n}" for finger in _FINGERS for n in (4, 3, 2, 1)) + ("wrist",)
#: Joint table 2. Right and left are those of the person.
BODY_JOINTS: tuple[str, ...] = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax",
    "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
    "left_wrist",
)  # fmt: skip


class PacketError(ValueError):
    """The bytes are not a packet."""


class Kind(enum.IntEnum):
    """Kind of a packet."""

    KEYPOINTS = 1
    HEARTBEAT = 2
    STATS = 3
    INSTANCES = 4


class Flags(enum.IntFlag):
    """State of the sender. Bits of later versions are ignored."""

    TRACKING = 1
    LOST = 2
    STALE = 4
    MIRRORED = 8
    NO_CAMERA = 16
    LAST = 32


@dataclass(frozen=True)
class Joint:
    """A joint; x_px and y_px are None if it was not found."""

    x_px: Optional[float]
    y_px: Optional[float]
    score: float
    #: Uncertain now: the position is an earlier one. Only in instances.
    is_held: bool
    raw: tuple[int, int, int]


@dataclass(frozen=True)
class Instance:
    """One hand or body of a frame."""

    number: int
    parent: Optional[int]
    slot: int
    task: int
    #: 1 tracked, 2 predicted, 3 lost.
    state: int
    #: 0 not known, 1 left, 2 right.
    side: int
    flags: int
    seen_ds: int
    look_age_ms: int
    #: Centre and side of its region, in pixels.
    region_px: tuple[float, float, float]
    presence: float
    side_score: float
    joint_table: int
    joints: tuple[Joint, ...]
    #: The region's centre and side, the presence and the side's score as they came.
    raw: tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Instances:
    """A frame's instances, or a part of them. Each part is complete in itself."""

    confirmed: int
    waiting: int
    part: int
    parts: int
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Stage:
    """Times of one stage in a period."""

    count: int
    median_us: int
    p99_us: int
    max_us: int


@dataclass(frozen=True)
class Stats:
    """The sender's figures. None: not known."""

    uptime_s: int
    period_ms: int
    frames: int
    found: int
    failed: int
    heartbeats: int
    dropped: int
    skipped: int
    passed_over: int
    lost: int
    reopened: int
    heap_bytes: Optional[int]
    heap_most_bytes: Optional[int]
    allocations: Optional[int]
    resident_kib: Optional[int]
    processor_ms: int
    source: Stage
    crop: Stage
    infer: Stage
    decode: Stage
    send: Stage
    age: Stage
    hottest_decicelsius: Optional[int]


Body = Union[tuple[Joint, ...], None, Stats, Instances]


@dataclass(frozen=True)
class Packet:
    """A valid packet. `kind` is None for a kind of a later version: only its numbers count."""

    kind: Optional[Kind]
    flags: Flags
    session: int
    sequence: int
    captured_mono_us: int
    captured_wall_us: int
    #: None: longer than 71 minutes, or no frame yet.
    age_us: Optional[int]
    frame_index: int
    frame_width_px: int
    frame_height_px: int
    task: int
    joint_table: int
    fraction_bits: int
    instance: int
    score: float
    body: Body = field(default=None)

    @property
    def keypoints(self) -> tuple[Joint, ...]:
        """The joints of a KEYPOINTS packet; empty in others."""
        return self.body if isinstance(self.body, tuple) else ()

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances of an INSTANCES packet; empty in others."""
        return self.body.instances if isinstance(self.body, Instances) else ()

    @property
    def stats(self) -> Optional[Stats]:
        """The figures of a STATS packet."""
        return self.body if isinstance(self.body, Stats) else None

    @property
    def may_act(self) -> bool:
        """True if a robot may act on the keypoints: something was found, and the frame is fresh."""
        return self.kind is Kind.KEYPOINTS and not self.flags & (Flags.LOST | Flags.STALE)

    def may_act_on(self, instance: Instance, limit_us: int) -> bool:
        """True if a robot may act on this instance: the network saw it, and its age is at most `limit_us`."""
        if self.age_us is None or self.flags & Flags.STALE or instance.state != 1:
            return False
        return self.age_us + 1000 * instance.look_age_ms <= limit_us

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The names of the keypoints, by the joint table; numbers for an unknown one."""
        return names_of(self.joint_table, len(self.keypoints))


def names_of(joint_table: int, count: int) -> tuple[str, ...]:
    """The names of `count` joints of a table."""
    known = {1: HAND_JOINTS, 2: BODY_JOINTS}.get(joint_table, ())
    return known if len(known) == count else tuple(str(index) for index in range(count))


def decode(data: bytes) -> Packet:
    """The packet in these bytes. Raises PacketError if they are not one."""
    size = len(data)
    if size < _HEADER.size + _CRC_BYTES or data[:4] != b"PWIR":
        raise PacketError("the bytes do not start with PWIR, or are too few")
    (_, version, kind, flags, session, sequence, mono_us, wall_us, age_us, frame_index, width_px, height_px, task,
     joint_table, coordinates, fraction_bits, instance, count, score) = _HEADER.unpack_from(data)  # fmt: skip
    if version not in (1, 2):
        raise PacketError(f"wire format {version}, this package reads 2")
    end = _HEADER.size + _JOINT.size * count
    if count > _MAX_COUNT or size != end + _CRC_BYTES:
        raise PacketError(f"a packet with a count of {count} cannot be {size} bytes long")
    if zlib.crc32(data[:end]) != int.from_bytes(data[end:], "little"):
        raise PacketError("the checksum does not match")
    body: Body = None
    known = Kind(kind) if kind in iter(Kind) else None
    if known is not None:
        if coordinates != 1 or fraction_bits > 15:
            raise PacketError(f"unknown coordinates {coordinates} with {fraction_bits} fraction bits")
        body = _body(known, data[_HEADER.size : end], fraction_bits)
    return Packet(
        kind=known,
        flags=Flags(flags),
        session=session,
        sequence=sequence,
        captured_mono_us=mono_us,
        captured_wall_us=wall_us,
        age_us=_known(age_us),
        frame_index=frame_index,
        frame_width_px=width_px,
        frame_height_px=height_px,
        task=task,
        joint_table=joint_table,
        fraction_bits=fraction_bits,
        instance=instance,
        score=score / _SCORE_ONE,
        body=body,
    )


def _known(figure: int) -> Optional[int]:
    return None if figure == _UNKNOWN else figure


def _body(kind: Kind, body: bytes, fraction_bits: int) -> Body:
    if kind is Kind.KEYPOINTS:
        return tuple(_joint(raw, fraction_bits, False) for raw in _JOINT.iter_unpack(body))
    if kind is Kind.INSTANCES:
        return _instances(body, fraction_bits)
    if kind is Kind.STATS:
        if len(body) < _STATS.size:
            raise PacketError("a stats packet is too short")
        return _stats(_STATS.unpack_from(body))
    if body:
        raise PacketError("a heartbeat has a body")
    return None


def _joint(raw: tuple[int, int, int], fraction_bits: int, is_held: bool) -> Joint:
    x, y, score = raw
    unit = 1 << fraction_bits
    is_found = x != _NOT_FOUND
    return Joint(x / unit if is_found else None, y / unit if is_found else None, score / _SCORE_ONE, is_held, raw)


def _stats(figures: tuple[int, ...]) -> Stats:
    unknown = range(11, 15)
    first = [_known(figure) if index in unknown else figure for index, figure in enumerate(figures[:16])]
    stages = [Stage(*figures[at : at + 4]) for at in range(16, 40, 4)]
    hottest = None if figures[40] == _NOT_FOUND else figures[40]
    return Stats(*first, *stages, hottest)


def _instances(body: bytes, fraction_bits: int) -> Instances:
    if len(body) < 6 or body[2] >= body[3]:
        raise PacketError("an instances packet has no possible part")
    found, at, unit = [], 6, 1 << fraction_bits
    while at < len(body):
        if len(body) - at < _INSTANCE.size:
            raise PacketError("an instance is cut off")
        (number, parent, slot, task, state, side, flags, seen_ds, look_age_ms, x, y, region, presence, side_score,
         joint_table, joints) = _INSTANCE.unpack_from(body, at)  # fmt: skip
        at += _INSTANCE.size
        end = at + _JOINT.size * joints
        if number == 0 or joints > _MAX_INSTANCE_JOINTS or end > len(body):
            raise PacketError("an instance is cut off, or has no number")
        points = tuple(
            _joint((px, py, score & ~_HELD), fraction_bits, bool(score & _HELD))
            for px, py, score in _JOINT.iter_unpack(body[at:end])
        )
        found.append(
            Instance(
                number, parent or None, slot, task, state, side, flags, seen_ds, look_age_ms,
                (x / unit, y / unit, region / unit), presence / 255, side_score / 255, joint_table, points,
                (x, y, region, presence, side_score),
            )  # fmt: skip
        )
        at = end
    return Instances(body[0], body[1], body[2], body[3], tuple(found))
