"""The ROS messages that the node publishes, as plain dataclasses with the same names and fields.

`to_ros` copies one into the real classes. Tests need no ROS.
"""

from __future__ import annotations

import dataclasses
from array import array
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Time:
    sec: int = 0
    nanosec: int = 0


@dataclass
class Duration:
    sec: int = 0
    nanosec: int = 0


@dataclass
class Header:
    stamp: Time = field(default_factory=Time)
    frame_id: str = ""


@dataclass
class Point:
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


@dataclass
class Vector3:
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


@dataclass
class ColorRGBA:
    r: float = 0.0
    g: float = 0.0
    b: float = 0.0
    a: float = 0.0


@dataclass
class Marker:
    """Its pose is left at the identity, which is the message's default."""

    LINE_LIST = 5
    SPHERE_LIST = 7

    header: Header
    ns: str
    id: int
    type: int
    action: int
    scale: Vector3
    color: ColorRGBA
    lifetime: Duration
    points: list[Point]
    colors: list[ColorRGBA]


@dataclass
class MarkerArray:
    markers: list[Marker]


@dataclass
class PointField:
    UINT8 = 2
    UINT16 = 4
    FLOAT32 = 7

    name: str
    offset: int
    datatype: int
    count: int = 1


@dataclass
class PointCloud2:
    header: Header
    height: int
    width: int
    fields: list[PointField]
    is_bigendian: bool
    point_step: int
    row_step: int
    data: array
    is_dense: bool


@dataclass
class NormalizedPointOfInterest2D:
    x: float = 0.0
    y: float = 0.0
    c: float = 0.0


@dataclass
class Skeleton2D:
    header: Header
    skeleton: list[NormalizedPointOfInterest2D]


@dataclass
class IdsList:
    header: Header
    ids: list[str]


def to_ros(plain: Any, classes: dict[str, type]) -> Any:
    """The same message, of the class of this name."""
    if dataclasses.is_dataclass(plain):
        fields = {item.name: to_ros(getattr(plain, item.name), classes) for item in dataclasses.fields(plain)}
        return classes[type(plain).__name__](**fields)
    if isinstance(plain, list):
        return [to_ros(item, classes) for item in plain]
    return plain
