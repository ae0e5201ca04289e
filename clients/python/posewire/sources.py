"""Packets from a UDP port or a serial line, by plain and by `async` iteration.

Each gives None when nothing came for `timeout_s`: then the sender is dead or the line is cut, and a robot stops.
Refused and invalid bytes are not given; the receiver counts them.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
import termios
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Optional, Union

from .packet import Packet
from .receiver import Receiver

#: The sender's silence between heartbeats is 0.1 s by default.
DEFAULT_TIMEOUT_S = 0.3
_MAX_DATAGRAM_BYTES = 2048


def udp(
    port: Union[int, tuple[str, int]], *, receiver: Optional[Receiver] = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Iterator[Optional[Packet]]:
    """Packets that arrive at a port of this machine, or at an (address, port); multicast groups are joined."""
    receiver = receiver or Receiver()
    with _bound(port) as source:
        yield from _packets(source.fileno(), lambda: _datagrams(source, receiver), timeout_s)


def serial(
    device: str, baud: int = 115200, *, receiver: Optional[Receiver] = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Iterator[Optional[Packet]]:
    """Packets of a serial line."""
    receiver = receiver or Receiver()
    with _line(device, baud) as line:
        yield from _packets(line, lambda: _frames(line, receiver), timeout_s)


def open_source(
    place: str, *, receiver: Optional[Receiver] = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Iterator[Optional[Packet]]:
    """Packets of a place as users name it: `udp:[ADDRESS:]PORT` or `serial:DEVICE[:BAUD]`."""
    kind, _, name = place.partition(":")
    first, _, last = name.rpartition(":")
    if kind == "udp" and last.isdigit():
        return udp((first.strip("[]"), int(last)), receiver=receiver, timeout_s=timeout_s)
    if kind != "serial" or not name:
        raise ValueError(f"{place}: give udp:[ADDRESS:]PORT or serial:DEVICE[:BAUD]")
    if first and last.isdigit():
        return serial(first, int(last), receiver=receiver, timeout_s=timeout_s)
    return serial(name, receiver=receiver, timeout_s=timeout_s)


async def udp_async(
    port: Union[int, tuple[str, int]], *, receiver: Optional[Receiver] = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> AsyncIterator[Optional[Packet]]:
    """As `udp`, for an event loop."""
    receiver = receiver or Receiver()
    with _bound(port) as source:
        async for packet in _packets_async(source.fileno(), lambda: _datagrams(source, receiver), timeout_s):
            yield packet


async def serial_async(
    device: str, baud: int = 115200, *, receiver: Optional[Receiver] = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> AsyncIterator[Optional[Packet]]:
    """As `serial`, for an event loop."""
    receiver = receiver or Receiver()
    with _line(device, baud) as line:
        async for packet in _packets_async(line, lambda: _frames(line, receiver), timeout_s):
            yield packet


def _packets(descriptor, read, timeout_s: float) -> Iterator[Optional[Packet]]:
    """`read` gives the packets that can be read without waiting."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + timeout_s
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            yield None
            deadline = time.monotonic() + timeout_s
            continue
        if ready.poll(1000 * left_s + 1):
            for packet in read():
                deadline = time.monotonic() + timeout_s
                yield packet


async def _packets_async(descriptor, read, timeout_s: float) -> AsyncIterator[Optional[Packet]]:
    loop = asyncio.get_running_loop()
    is_ready = asyncio.Event()
    loop.add_reader(descriptor, is_ready.set)
    deadline = loop.time() + timeout_s
    try:
        while True:
            try:
                await asyncio.wait_for(is_ready.wait(), max(deadline - loop.time(), 0))
            except asyncio.TimeoutError:
                yield None
                deadline = loop.time() + timeout_s
                continue
            is_ready.clear()
            for packet in read():
                deadline = loop.time() + timeout_s
                yield packet
            if deadline <= loop.time():
                yield None
                deadline = loop.time() + timeout_s
    finally:
        loop.remove_reader(descriptor)


def _datagrams(source: socket.socket, receiver: Receiver) -> Iterator[Packet]:
    """At most as many as one socket buffer holds, so that the caller sees the time."""
    for _ in range(256):
        try:
            data = source.recv(_MAX_DATAGRAM_BYTES)
        except BlockingIOError:
            return
        received = receiver.datagram(data)
        if isinstance(received, Packet):
            yield received


def _frames(line: int, receiver: Receiver) -> Iterator[Packet]:
    try:
        data = os.read(line, 4096)
    except BlockingIOError:
        return
    if not data:
        raise ConnectionError("the serial line is gone")
    for received in receiver.line(data):
        if isinstance(received, Packet):
            yield received


@contextmanager
def _bound(port: Union[int, tuple[str, int]]) -> Iterator[socket.socket]:
    host, number = ("", port) if isinstance(port, int) else port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as source:
        is_group = family == socket.AF_INET and host and 224 <= socket.inet_aton(host)[0] <= 239
        if is_group:
            source.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        source.bind((host, number))
        if is_group:
            group = socket.inet_aton(host) + struct.pack("=I", socket.INADDR_ANY)
            source.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        source.setblocking(False)
        yield source


@contextmanager
def _line(device: str, baud: int) -> Iterator[int]:
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise ValueError(f"{device}: {baud} baud is not a rate of this machine")
    line = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(line, termios.TCSANOW)
        attributes = termios.tcgetattr(line)
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(line, termios.TCSANOW, attributes)
        yield line
    finally:
        os.close(line)
