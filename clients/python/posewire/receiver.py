"""A receiver without its socket: checks seals and order, counts losses, and finds packets in the bytes of a line.

Times are microseconds on a clock that never jumps: `time.monotonic_ns() // 1000`. All memory is bounded.
"""

from __future__ import annotations

import enum
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

from .packet import Packet, PacketError, decode

_MAX_LINE_BYTES = 474
_SEAL_BYTES = 32
_TAG_BYTES = 16
_SMALLEST_SEALED_BYTES = 56 + _SEAL_BYTES
_PROBATION_US = 1_000_000
_MAX_LATE_US = 500_000
_DRIFT_STEP_US = 5_000
_RESYNC = b"\xff\xff\xff\xff"
_WINDOW = 64


class Refusal(enum.Enum):
    """Why a sealed packet is not acted on."""

    OLD = "old"
    OTHER_SESSION = "other_session"
    LATE = "late"
    UNORDERED = "unordered"


class Event(enum.Enum):
    """What became of bytes that are not a packet to act on."""

    #: A sealed packet within 1 s of the receiver's start.
    LEARNED = "learned"
    #: A packet of a kind of a later version.
    UNKNOWN = "unknown"
    #: Not a packet, or not sealed with the key.
    INVALID = "invalid"


Received = Union[Packet, Event, Refusal]


@dataclass
class Counts:
    """Counts of all streams. `lost` falls when a late packet comes."""

    lost: int = 0
    late: int = 0
    repeated: int = 0
    sessions: int = 0
    invalid: int = 0
    refused: int = 0


@dataclass
class _Stream:
    """The newest packet of an instance. Bit n of `missing`: the number n before the newest one is missing."""

    session: int
    sequence: int
    missing: int = 0


@dataclass
class _Sealed:
    epoch: int
    session: int
    sent_us: int
    base_us: int
    base_at_us: int


def read_key(path: Union[str, Path]) -> bytes:
    """The 32 bytes of a key file, which has 64 hexadecimal digits."""
    text = Path(path).read_text().strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError(f"{path}: a key is 64 hexadecimal digits")
    return key


class Receiver:
    """Takes datagrams or the bytes of a serial line. With a key only new packets that are sealed with it pass."""

    def __init__(self, key: Optional[bytes] = None, now_us: Optional[int] = None) -> None:
        self.counts = Counts()
        self._key = key
        self._started_us = _now_us() if now_us is None else now_us
        self._streams: dict[int, _Stream] = {}
        self._sealed: dict[int, _Sealed] = {}
        self._line = bytearray()
        self._is_skipping = True

    def datagram(self, data: bytes, now_us: Optional[int] = None) -> Received:
        """Takes one datagram."""
        received = self._take(data, _now_us() if now_us is None else now_us)
        self.counts.invalid += received is Event.INVALID
        self.counts.refused += isinstance(received, Refusal)
        return received

    def line(self, data: bytes, now_us: Optional[int] = None) -> Iterator[Received]:
        """Takes bytes of a serial line, however they are cut, and gives what is complete."""
        for byte in data:
            if byte:
                if self._is_skipping:
                    continue
                if len(self._line) < _MAX_LINE_BYTES:
                    self._line.append(byte)
                    continue
                self._is_skipping = True
                self.counts.invalid += 1
                yield Event.INVALID
                continue
            frame, self._line, is_whole = bytes(self._line), bytearray(), not self._is_skipping
            self._is_skipping = False
            if is_whole and frame and frame != _RESYNC:
                yield self.datagram(_unstuffed(frame), now_us)

    def _take(self, data: bytes, now_us: int) -> Received:
        epoch = sent_us = 0
        if self._key is not None:
            if len(data) < _SMALLEST_SEALED_BYTES or data[4] != 2:
                return Event.INVALID
            tag = hmac.digest(self._key, data[:-_TAG_BYTES], "sha256")[:_TAG_BYTES]
            if not hmac.compare_digest(tag, data[-_TAG_BYTES:]):
                return Event.INVALID
            epoch = int.from_bytes(data[-32:-24], "little")
            sent_us = int.from_bytes(data[-24:-16], "little")
            data = data[:-_SEAL_BYTES]
        try:
            packet = decode(data)
        except PacketError:
            return Event.INVALID
        if self._key is not None:
            refusal = self._order(packet, epoch, sent_us, now_us)
            if refusal is not None:
                return refusal
        self._count(packet)
        if self._key is not None and now_us - self._started_us < _PROBATION_US:
            return Event.LEARNED
        return Event.UNKNOWN if packet.kind is None else packet

    def _order(self, packet: Packet, epoch: int, sent_us: int, now_us: int) -> Optional[Refusal]:
        """None if the packet is newer than all of its stream. Refused ones change nothing."""
        if epoch == 0:
            return Refusal.UNORDERED
        base_us, base_at_us = now_us - sent_us, now_us
        newest = self._sealed.get(packet.instance)
        if newest is not None and epoch < newest.epoch:
            return Refusal.OLD
        if newest is not None and epoch == newest.epoch:
            if packet.session != newest.session:
                return Refusal.OTHER_SESSION
            if sent_us <= newest.sent_us:
                return Refusal.OLD
            # Two crystals drift apart: the smallest delay may grow by 200 ppm.
            late_us = base_us - newest.base_us - (now_us - newest.base_at_us) // _DRIFT_STEP_US
            if late_us > _MAX_LATE_US:
                return Refusal.LATE
            if late_us >= 0:
                base_us, base_at_us = newest.base_us, newest.base_at_us
        self._sealed[packet.instance] = _Sealed(epoch, packet.session, sent_us, base_us, base_at_us)
        return None

    def _count(self, packet: Packet) -> None:
        stream = self._streams.get(packet.instance)
        if stream is None or stream.session != packet.session:
            self._streams[packet.instance] = _Stream(packet.session, packet.sequence)
            self.counts.sessions += 1
            return
        # Numbers wrap: the shorter way round decides whether the packet is ahead or behind.
        ahead = (packet.sequence - stream.sequence) % 2**32
        if 0 < ahead < 2**31:
            gap = min(ahead, _WINDOW)
            stream.missing = (stream.missing << gap | ((1 << gap) - 2)) % (1 << _WINDOW)
            stream.sequence = packet.sequence
            self.counts.lost += ahead - 1
            return
        bit = 1 << min(-ahead % 2**32, _WINDOW)
        if stream.missing & bit:
            stream.missing ^= bit
            self.counts.lost -= 1
            self.counts.late += 1
        else:
            self.counts.repeated += 1


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _unstuffed(frame: bytes) -> bytes:
    """Undoes COBS (Cheshire and Baker, 1999); empty if the frame is cut off."""
    packet, at = bytearray(), 0
    while at < len(frame):
        group = frame[at]
        end = at + group
        if end > len(frame):
            return b""
        packet += frame[at + 1 : end]
        if group < 255 and end < len(frame):
            packet.append(0)
        at = end
    return bytes(packet)
