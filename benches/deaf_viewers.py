#!/usr/bin/env python3
"""What viewers of the preview that read nothing cost the stream.

    python benches/deaf_viewers.py [--rounds N] [--frames N] [--viewers N]

Runs the built-in clip with `--preview`, in turns without a viewer and with viewers that ask for the picture and then
never read. A frame's age when it is sent is the time of the whole pipeline. The table has the 99th percentile of each
turn; the last line has the median of the ratios within each round. Needs `cargo build --release`.
"""

import argparse
import json
import math
import socket
import statistics
import subprocess
import time
from pathlib import Path

POSEWIRE = Path(__file__).resolve().parent.parent / "target" / "release" / "posewire"
# The caches, and the viewers' connections, have their final size after these.
FRAMES_TO_SKIP = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port):
    """A viewer with a small buffer that asks for pictures for ever and reads none."""
    for _ in range(200):
        try:
            viewer = socket.socket()
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            viewer.connect(("127.0.0.1", port))
            request = f"GET /view HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Posewire:\r\n\r\n"
            viewer.sendall(request.encode() * 20)
            return viewer
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise SystemExit("the preview does not answer")


def p99_ms(frames, count):
    """The 99th percentile of the ages of a run's frames, with so many viewers."""
    port = free_port()
    command = [POSEWIRE, "run", "--source", "demo", "--preview", f"127.0.0.1:{port}", "--json", "-"]
    command += ["--hands", "2", "--frames", str(frames + FRAMES_TO_SKIP)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    viewers = [connect(port) for _ in range(count)]
    ages = []
    for line in run.stdout:
        said = json.loads(line)
        if "age_us" in said and said.get("frame_index") is not None:
            ages.append(said["age_us"] / 1000)
    for viewer in viewers:
        viewer.close()
    if run.wait() != 0:
        raise SystemExit("posewire run failed")
    ages = sorted(ages[FRAMES_TO_SKIP:])
    return ages[math.ceil(0.99 * len(ages)) - 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--viewers", type=int, default=10)
    options = parser.parse_args()
    ratios = []
    print("| round | alone, p99 ms | deaf viewers, p99 ms | ratio |\n|---|---|---|---|")
    for turn in range(options.rounds):
        # The order changes, so that a machine that slows down slows both.
        counts = (0, options.viewers) if turn % 2 == 0 else (options.viewers, 0)
        found = {count: p99_ms(options.frames, count) for count in counts}
        ratios.append(found[options.viewers] / found[0])
        print(f"| {turn + 1} | {found[0]:.2f} | {found[options.viewers]:.2f} | {ratios[-1]:.3f} |", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
