#!/usr/bin/env python3
"""posewire against other runtimes, on the same network, in one run.

    python benches/peers.py MODEL.int8.onnx [--other-form MODEL.qoperator.onnx] [--rounds N] [--threads N]
                            [--without PROGRAM]... [--report FILE.json]

The programs take turns of a few frames, so that a machine that slows down slows all of them. The
table has medians, and the median of the ratios within each round. `--report` writes them for RESULTS.md:
`cargo xtask results`. Needs models/requirements.txt, `cargo build --release`, and for OpenVINO `pip install openvino`.
"""

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

POSEWIRE = Path(__file__).resolve().parent.parent / "target" / "release" / "posewire"
FRAMES_A_TURN = 10


def posewire(model, x, threads, engine, folder):
    np.save(folder / "in.npy", x)
    command = [POSEWIRE, "infer", "--model", model, "--input", folder / "in.npy", "--output", folder / "out.npy"]
    command += ["--threads", str(threads), "--engine", engine, "--repeat", str(FRAMES_A_TURN)]

    def turn():
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return float(report.split("min ")[1].split(" ms")[0])

    return turn


def timed(run):
    """The fastest of a turn's frames, as `posewire infer` reports it."""

    def turn():
        times = []
        for _ in range(FRAMES_A_TURN):
            start = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - start))
        return min(times)

    return turn


def session_of(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def open_vino(model, x, threads):
    import openvino

    hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(model), "CPU", hints)
    request = compiled.create_infer_request()
    return timed(lambda: request.infer({0: x}))


def processor():
    """Name and cores of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--other-form", type=Path, help="for ONNX Runtime, which may be faster on it")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], metavar="PROGRAM", help="tract, OpenVINO")
    parser.add_argument("--report", type=Path, help="write the table there, as JSON")
    options = parser.parse_args()
    if not POSEWIRE.exists():
        raise SystemExit(f"peers.py: there is no {POSEWIRE}: cargo build --release")
    with tempfile.TemporaryDirectory() as folder:
        session = session_of(options.model, options.threads)
        network_input = session.get_inputs()[0]
        x = np.random.default_rng(1).standard_normal(network_input.shape).astype(np.float32)
        peers = {"ONNX Runtime": timed(lambda: session.run(None, {network_input.name: x}))}
        if options.other_form:
            other = session_of(options.other_form, options.threads)
            peers["its other form"] = timed(lambda: other.run(None, {network_input.name: x}))
        for engine in ("auto", "tract"):
            name = "posewire" if engine == "auto" else "tract"
            peers[name] = posewire(options.model, x, options.threads, engine, Path(folder))
        peers = {name: turn for name, turn in peers.items() if name not in options.without}
        if "OpenVINO" not in options.without:
            try:
                peers["OpenVINO"] = open_vino(options.model, x, options.threads)
            except ImportError:
                print("OpenVINO is not installed: left out")
        times = {name: [] for name in peers}
        for _ in range(options.rounds):
            for name, turn in peers.items():
                times[name].append(turn())
    print(f"{options.model.name}, {options.threads} thread(s), {options.rounds} rounds")
    print(f"{'':14}{'median ms':>11}{'posewire / it':>15}")
    programs = []
    for name, row in times.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(times["posewire"], row))
        median = statistics.median(row)
        print(f"{name:14}{median:11.1f}{ratio:15.2f}")
        name = f"{name} {onnxruntime.__version__}" if name == "ONNX Runtime" else name
        numbers = {"least_ms": min(row), "median_ms": median, "median_ratio": ratio}
        programs.append({"name": name} | {key: round(number, 3) for key, number in numbers.items()})
    if options.report:
        table = {"network": options.model.name, "machine": processor(), "threads": options.threads}
        table |= {"rounds": options.rounds, "programs": programs}
        options.report.write_text(json.dumps(table, indent=2) + "\n")


main()
