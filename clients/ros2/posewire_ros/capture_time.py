"""Capture times on the receiver's clock.

A packet has the time of capture on the sender's monotonic clock, and the age of the frame when the packet was made.
Their sum is the time of sending. Arrival minus sending is the difference between the two clocks plus the delay on the
way. The delay is never negative, and the fastest packet of the last seconds had almost none: the smallest difference
is taken for that of the clocks. So jitter of the network and of this program does not get into the stamps, no clock
needs to be set, and a wall clock that jumps moves nothing.

A stamp is late by the smallest delay (well below 1 ms on a wired network, the time of a frame on a serial line), and
by the drift of the clocks in one window: 200 ppm of 20 s are 4 ms. A sender that was suspended has stamps that are too
old until the window is over; what is too old is not acted on.
"""

from __future__ import annotations

from typing import Optional

from posewire import Packet

#: The smallest difference is that of the present window of 10 s and of the one before.
WINDOW_US = 10_000_000


class CaptureClock:
    """Maps the capture times of all streams of one port. It has memory for one session of each of 256 streams."""

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}

    def captured_us(self, packet: Packet, now_us: int) -> Optional[int]:
        """The time of capture on the clock of `now_us`, the time of arrival. None: there was no frame."""
        if packet.age_us is None:
            return None
        stream = self._streams.get(packet.instance)
        if stream is None or stream.session != packet.session:
            stream = self._streams[packet.instance] = _Stream(packet.session, now_us)
        sent_us = packet.captured_mono_us + packet.age_us
        return packet.captured_mono_us + stream.difference_us(now_us - sent_us, now_us)


class _Stream:
    def __init__(self, session: int, now_us: int) -> None:
        self.session = session
        self._began_us = now_us
        self._before: Optional[int] = None
        self._present: Optional[int] = None

    def difference_us(self, sample_us: int, now_us: int) -> int:
        """The clocks' difference, with one more sample of it."""
        if now_us - self._began_us >= WINDOW_US:
            # After a pause of more than a window nothing older is used.
            is_next = now_us - self._began_us < 2 * WINDOW_US
            self._before, self._present = (self._present if is_next else None), None
            self._began_us = now_us
        self._present = sample_us if self._present is None else min(self._present, sample_us)
        return self._present if self._before is None else min(self._before, self._present)
