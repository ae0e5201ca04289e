"""The vectors that every receiver is tried with."""

from pathlib import Path

import pytest

from posewire import Event, Packet, Receiver, Refusal

VECTORS = Path(__file__).parents[2] / "vectors" / "wire.txt"
KEY = bytes(range(32))
_UNKNOWN = 2**32 - 1


def describe(received) -> str:
    if isinstance(received, Refusal):
        return f"refused {received.value}"
    if isinstance(received, Event):
        return received.value
    return describe_packet(received)


def describe_packet(packet: Packet) -> str:
    raw = lambda figure: _UNKNOWN if figure is None else figure
    words = [packet.kind.name.lower()] + [
        f"{name}={int(value)}"
        for name, value in {
            "flags": packet.flags,
            "session": packet.session,
            "sequence": packet.sequence,
            "captured_mono_us": packet.captured_mono_us,
            "captured_wall_us": packet.captured_wall_us,
            "age_us": raw(packet.age_us),
            "frame_index": packet.frame_index,
            "frame_width_px": packet.frame_width_px,
            "frame_height_px": packet.frame_height_px,
            "task": packet.task,
            "joint_table": packet.joint_table,
            "fraction_bits": packet.fraction_bits,
            "instance": packet.instance,
            "score": packet.score * 32768,
        }.items()
    ]
    words += ["{}:{}:{}".format(*joint.raw) for joint in packet.keypoints]
    if packet.stats:
        figures = list(vars(packet.stats).values())
        words += [str(raw(figure)) for figure in figures[:16]]
        words += [str(figure) for stage in figures[16:22] for figure in vars(stage).values()]
        words.append(str(-32768 if figures[22] is None else figures[22]))
    if packet.kind.name == "INSTANCES":
        body = packet.body
        words += [f"{name}={getattr(body, name)}" for name in ("confirmed", "waiting", "part", "parts")]
        for instance in body.instances:
            x, y, region, presence, side_score = instance.raw
            fields = (
                instance.number, instance.parent or 0, instance.slot, instance.task, instance.state, instance.side,
                instance.flags, instance.seen_ds, instance.look_age_ms, x, y, region, presence, side_score,
                instance.joint_table,
            )  # fmt: skip
            words += ["|", *map(str, fields)]
            words += ["{}:{}:{}".format(*joint.raw) + ":held" * joint.is_held for joint in instance.joints]
    return " ".join(words)


def cases():
    """Name, whether it is sealed, and lines of each case."""
    found = []
    for line in VECTORS.read_text().splitlines():
        if line.startswith("case "):
            _, kind, name = line.split(" ", 2)
            found.append((name, kind == "sealed", []))
        elif line and not line.startswith("#"):
            found[-1][2].append(line)
    return found


def damaged(data: bytes):
    for length in range(len(data)):
        yield data[:length]
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


@pytest.mark.parametrize(("name", "is_sealed", "lines"), cases(), ids=lambda value: value if isinstance(value, str) else "")
def test_case(name, is_sealed, lines):
    receiver, said = Receiver(KEY if is_sealed else None, now_us=0), []
    for line in lines:
        if line.startswith("= "):
            assert said and said.pop(0) == line[2:]
            continue
        assert not said
        word, rest = line.split(" ", 1)
        if word == "counts":
            counts = " ".join(f"{name}={count}" for name, count in vars(receiver.counts).items())
            assert counts == rest
            continue
        now_us, data = int(rest.split(" ")[0]), bytes.fromhex(rest.split(" ")[1])
        if word == "datagram":
            said = [describe(receiver.datagram(data, now_us))]
        elif word == "line":
            said = [describe(received) for received in receiver.line(data, now_us)]
        else:
            assert word == "damage"
            assert all(receiver.datagram(bad, now_us) is Event.INVALID for bad in damaged(data))
    assert not said
