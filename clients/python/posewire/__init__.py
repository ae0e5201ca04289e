"""Receives hand and body keypoints from posewire camera boards.

    import posewire

    for packet in posewire.udp(9000):
        if packet.may_act:
            print(packet.keypoints[0])

`udp` and `serial` iterate over packets; `Receiver` takes bytes from anywhere else. There are no dependencies.
docs/wire.md describes the format.
"""

from .packet import (
    BODY_JOINTS,
    HAND_JOINTS,
    Flags,
    Instance,
    Instances,
    Joint,
    Kind,
    Packet,
    PacketError,
    Stage,
    Stats,
    decode,
)
from .receiver import Counts, Event, Receiver, Refusal, read_key
from .sources import open_source, serial, serial_async, udp, udp_async

__all__ = [
    "BODY_JOINTS",
    "Counts",
    "Event",
    "Flags",
    "HAND_JOINTS",
    "Instance",
    "Instances",
    "Joint",
    "Kind",
    "Packet",
    "PacketError",
    "Receiver",
    "Refusal",
    "Stage",
    "Stats",
    "decode",
    "open_source",
    "read_key",
    "serial",
    "serial_async",
    "udp",
    "udp_async",
]
