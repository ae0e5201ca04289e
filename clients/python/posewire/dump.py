"""posewire-dump: prints the packets of a UDP port or of a serial line, one line each."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Optional

from . import sources
from .packet import Instance, Joint, Packet, names_of
from .receiver import Receiver, read_key


def main(arguments: Optional[list[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="posewire-dump", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--udp", metavar="[ADDRESS:]PORT", help="the port to listen on")
    where.add_argument("--serial", metavar="DEVICE[:BAUD]", help="the serial line, at 115200 baud if not given")
    parser.add_argument("--key-file", metavar="FILE", help="take only packets that are sealed with this key")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("--packets", type=int, metavar="N", help="stop after N packets")
    given = parser.parse_args(arguments)
    try:
        receiver = Receiver(read_key(given.key_file) if given.key_file else None)
        place = f"udp:{given.udp}" if given.udp else f"serial:{given.serial}"
        shown = 0
        for packet in sources.open_source(place, receiver=receiver):
            if packet is None:
                print("silent", file=sys.stderr)
                continue
            print(json_line(packet) if given.json else text_line(packet), flush=True)
            shown += 1
            if shown == given.packets:
                break
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        return 0
    except (OSError, ValueError) as error:
        print(f"posewire-dump: {error}", file=sys.stderr)
        return 1
    print(", ".join(f"{count} {name}" for name, count in vars(receiver.counts).items()), file=sys.stderr)
    return 0


def text_line(packet: Packet) -> str:
    """One line for people."""
    kind = packet.kind.name.lower() if packet.kind else "unknown"
    flags = " ".join(flag.name.lower() for flag in type(packet.flags) if flag in packet.flags)
    age = "-" if packet.age_us is None else f"{packet.age_us / 1000:.1f}"
    line = f"#{packet.sequence} {kind} frame {packet.frame_index} age {age} ms [{flags}]"
    if packet.keypoints:
        line += "".join(f" {name}={_place(joint)}" for name, joint in zip(packet.joint_names, packet.keypoints))
    for instance in packet.instances:
        names = names_of(instance.joint_table, len(instance.joints))
        line += f" | {instance.number}" + "".join(
            f" {name}={_place(joint)}" for name, joint in zip(names, instance.joints)
        )
    return line


def _place(joint: Joint) -> str:
    return "-" if joint.x_px is None else f"{joint.x_px:.1f},{joint.y_px:.1f}"


def json_line(packet: Packet) -> str:
    """One object, with the names of the dataclasses; joints are [x, y, score], or null if not found."""

    def plain(value):
        if isinstance(value, Joint):
            return None if value.x_px is None else [value.x_px, value.y_px, value.score]
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            drop = {"raw"} if isinstance(value, Instance) else set()
            return {name: plain(getattr(value, name)) for name in names if name not in drop}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return value

    fields = plain(packet)
    fields["kind"] = packet.kind.name.lower() if packet.kind else None
    fields["flags"] = [flag.name.lower() for flag in type(packet.flags) if flag in packet.flags]
    return json.dumps(fields)


if __name__ == "__main__":
    sys.exit(main())
