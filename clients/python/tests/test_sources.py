"""Sockets and serial lines on this machine; a pseudo-terminal stands in for a UART."""

import asyncio
import dataclasses
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import posewire
import pytest
from posewire import dump

from test_vectors import cases

#: A packet of each kind, from the vectors.
PACKETS = {
    line.split(" ")[1]: bytes.fromhex(step.split(" ")[2])
    for _, is_sealed, lines in cases()
    if not is_sealed
    for step, line in zip(lines, lines[1:])
    if step.startswith("datagram") and " flags=" in line
}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(port: int, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in datagrams:
            sender.sendto(data, ("127.0.0.1", port))


def stuffed(packet: bytes) -> bytes:
    """COBS, for packets without 254 bytes in a row that are not zero."""
    return b"".join(bytes([len(piece) + 1]) + piece for piece in packet.split(b"\0")) + b"\0"


def test_udp_gives_packets_and_says_when_nothing_comes():
    port = free_port()
    packets = posewire.udp(("127.0.0.1", port), timeout_s=0.05)
    assert next(packets) is None
    send(port, b"noise", PACKETS["heartbeat"], PACKETS["keypoints"])
    kinds = [next(packets).kind, next(packets).kind]
    assert kinds == [posewire.Kind.HEARTBEAT, posewire.Kind.KEYPOINTS]
    assert next(packets) is None
    packets.close()


def test_a_place_as_users_name_it():
    controller, device = os.openpty()
    for place in (f"udp:127.0.0.1:{free_port()}", f"udp:{free_port()}", f"serial:{os.ttyname(device)}:9600"):
        packets = posewire.open_source(place, timeout_s=0.02)
        assert next(packets) is None
        packets.close()
    os.close(controller)
    os.close(device)
    for place in ("", "udp:", "udp:board", "serial:", "9000", "tcp:1.2.3.4:9000"):
        with pytest.raises(ValueError, match="give udp:"):
            posewire.open_source(place)


def test_udp_in_an_event_loop():
    async def receive():
        port = free_port()
        packets = posewire.udp_async(("127.0.0.1", port), timeout_s=0.05)
        assert await packets.__anext__() is None
        send(port, PACKETS["heartbeat"], PACKETS["stats"])
        kinds = [(await packets.__anext__()).kind for _ in range(2)]
        await packets.aclose()
        return kinds

    assert asyncio.run(receive()) == [posewire.Kind.HEARTBEAT, posewire.Kind.STATS]


def test_a_serial_line():
    controller, device = os.openpty()
    packets = posewire.serial(os.ttyname(device), timeout_s=0.05)
    assert next(packets) is None
    os.write(controller, b"\xff\xff\xff\xff\0" + stuffed(PACKETS["heartbeat"]) + stuffed(PACKETS["heartbeat"])[:9])
    assert next(packets).kind is posewire.Kind.HEARTBEAT
    assert next(packets) is None
    packets.close()
    os.close(controller)
    os.close(device)


def test_a_flood_does_not_hide_the_silence_of_the_sender():
    port = free_port()
    packets = posewire.udp(("127.0.0.1", port), timeout_s=0.1)
    assert next(packets) is None
    flood = subprocess.Popen(
        [sys.executable, "-c", f"import socket; s = socket.socket(2, 2)\nwhile 1: s.sendto(b'x', ('127.0.0.1', {port}))"]
    )
    try:
        started = time.monotonic()
        assert [next(packets) for _ in range(3)] == [None] * 3
        assert time.monotonic() - started < 2
    finally:
        flood.kill()
        flood.wait()
    packets.close()


def test_what_a_robot_may_act_on():
    packet = posewire.decode(PACKETS["keypoints"])
    flags = posewire.Flags
    assert dataclasses.replace(packet, flags=flags.TRACKING).may_act
    assert not dataclasses.replace(packet, flags=flags.LOST).may_act
    assert not dataclasses.replace(packet, flags=flags.STALE | flags.TRACKING).may_act


def test_a_key_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("00" * 32 + "\n")
    assert posewire.read_key(file) == bytes(32)
    file.write_text("00" * 31)
    try:
        posewire.read_key(file)
    except ValueError as error:
        assert str(error) == f"{file}: a key is 64 hexadecimal digits"
    else:
        raise AssertionError("a short key")


def test_every_packet_has_a_line_of_text_and_of_json():
    for kind, data in PACKETS.items():
        packet = posewire.decode(data)
        assert dump.text_line(packet).startswith(f"#{packet.sequence} {kind}")
        assert f'"kind": "{kind}"' in dump.json_line(packet)


def test_dump_prints_what_arrives():
    port = free_port()
    dumping = subprocess.Popen(
        [sys.executable, "-m", "posewire.dump", "--udp", f"127.0.0.1:{port}", "--packets", "1"],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while dumping.poll() is None:
        send(port, PACKETS["heartbeat"])
        time.sleep(0.02)
    out, err = dumping.communicate()
    assert out.startswith("#") and "heartbeat" in out and "1 sessions" in err
