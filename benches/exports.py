#!/usr/bin/env python3
"""Full-size networks as several tools quantise them, in posewire and in ONNX Runtime.

    python benches/exports.py [hand] [body] [--only NAME ...] [--rounds N] [--folder FOLDER]

The networks are those of models/posewire_models with seeded weights, exported by torch.onnx.export with its
defaults. Each row of the table is a tool with its options. The columns:

- engine: posewire's.
- integers: against ONNX Runtime with kernels that compute in integers: the share of heatmap values within a step, and
  the largest difference in steps. ONNX Runtime has fewer such kernels for int8 values than for uint8, so it gets a
  file of the same numbers as uint8. What has no such kernel is float there too.
- float: the same against ONNX Runtime without optimisation, which computes a QDQ file in float.
- of itself: between ONNX Runtime's two; where its optimiser fails in integers, between float with basic optimisation
  and without. All are right: they round near-ties differently, and so many layers make such a step to several.
- error: of posewire's and ONNX Runtime's (float) heatmaps against the float network's, root mean square, of the range.
  A step is the scale of the result, or a 255th of its range where the result is float.
- load: from the start of the program to the first frame, less the frame.
- time: of a frame, relative to `posewire`, whose file models/quantize.py writes. Forms take turns.

Needs models/requirements.txt, `cargo build --release` or its program's path in POSEWIRE, and for the tools

    pip install nncf==3.4.0 onnxscript==0.7.2 torchao==0.18.0 neural-compressor-pt==3.10
    pip install --no-deps onnx-neural-compressor==1.0
    pip install py-cpuinfo pydantic prettytable onnxruntime-extensions transformers

With --folder the files stay there, and are not made again.
"""

import argparse
import contextlib
import functools
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "models"))

from posewire_models import calibration, card, compare, quantise, random_weights  # noqa: E402
from posewire_models.export import export  # noqa: E402
from posewire_models.hourglass import Hourglass  # noqa: E402
from posewire_models.resnet import SimpleBaseline  # noqa: E402

POSEWIRE = Path(os.environ.get("POSEWIRE", ROOT / "target" / "release" / "posewire"))
NETWORKS = {"hand": lambda: SimpleBaseline(21), "body": lambda: Hourglass(16)}
WEIGHTS_SEED, PICTURES_SEED = 1, 7
PICTURES_TO_CALIBRATE = 2
SIDE_PX = 256
FRAMES_A_TURN = 5
PLAIN = "posewire"


class Network:
    """A network as torch module and as float ONNX, with inputs to calibrate on and one to compare on."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder = name, folder
        self.card = card.make(name, SIDE_PX, f"random seed {WEIGHTS_SEED}", "", "default")
        *self.inputs, self.unseen = calibration.from_seed(PICTURES_SEED, self.card, PICTURES_TO_CALIBRATE + 1)

    def path(self, form: str) -> Path:
        return self.folder / f"{self.name}.{form.replace(' ', '-').replace(',', '')}.onnx"

    @functools.cached_property
    def module(self):
        return random_weights.fill(NETWORKS[self.name](), WEIGHTS_SEED).eval()

    @functools.cached_property
    def float_onnx(self) -> Path:
        path = self.path("float")
        if not path.exists():
            to_onnx(self, self.module, path)
        return path

    @functools.cached_property
    def heatmaps(self) -> np.ndarray:
        """The float network's."""
        return session_in_float(self.float_onnx).run(None, {"input": self.unseen})[0]

    def reader(self):
        """The inputs as the quantisers of ONNX files read them."""
        from onnxruntime.quantization import CalibrationDataReader

        class Reader(CalibrationDataReader):
            def __init__(self, inputs):
                self.inputs = inputs
                self.rewind()

            def get_next(self):
                return next(self.left, None)

            def rewind(self):
                self.left = iter([{"input": x} for x in self.inputs])

        return Reader(self.inputs)


def to_onnx(network: Network, module, path: Path) -> None:
    import torch

    example = (torch.from_numpy(network.unseen),)
    torch.onnx.export(module, example, path, input_names=["input"], output_names=["heatmaps"], external_data=False)


# --- the tools -----------------------------------------------------------------------------------


def posewire_script(network: Network, out: Path) -> None:
    source = network.path("script")
    export(network.module, network.card, source)
    quantise.quantise(source, out, network.inputs)
    source.unlink()


def quantize_static(form="QDQ", act=None, weights=None, options=None, **more):
    def make(network: Network, out: Path) -> None:
        from onnxruntime.quantization import QuantFormat, QuantType
        from onnxruntime.quantization import quantize_static as run

        how = dict(more, quant_format=QuantFormat[form], extra_options=options or {})
        if act:
            how |= {"activation_type": QuantType[act], "weight_type": QuantType[weights]}
        run(network.float_onnx, out, network.reader(), **how)

    return make


def nncf_onnx(**options):
    def make(network: Network, out: Path) -> None:
        import nncf

        how = {key: getattr(nncf, kind)[value] for key, (kind, value) in options.items()}
        inputs = nncf.Dataset(network.inputs, lambda x: {"input": x})
        onnx.save(nncf.quantize(onnx.load(network.float_onnx), inputs, **how), out)

    return make


def nncf_torch(network: Network, out: Path) -> None:
    import nncf
    import torch

    inputs = nncf.Dataset([torch.from_numpy(x) for x in network.inputs])
    quantised = nncf.quantize(network.module, inputs)
    to_onnx(network, nncf.strip(quantised, example_input=inputs.get_data([0])), out)


def neural_compressor(form: str, act="QUInt8", **more):
    def make(network: Network, out: Path) -> None:
        from onnx_neural_compressor.quantization import QuantFormat, QuantType, config, quantize

        how = config.StaticQuantConfig(
            calibration_data_reader=network.reader(),
            quant_format=QuantFormat[form],
            activation_type=QuantType[act],
            calibration_sampling_size=PICTURES_TO_CALIBRATE,
            **more,
        )
        quantize(str(network.float_onnx), str(out), how)
        # It puts the weights beside the model, and posewire reads one file.
        onnx.save(onnx.load(out), out)
        out.with_name(f"{out.name}_data").unlink()

    return make


def x86_quantiser():
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    return x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())


def arm_quantiser():
    from torchao.quantization.pt2e.quantizer import arm_inductor_quantizer as arm

    return arm.ArmInductorQuantizer().set_global(arm.get_default_arm_inductor_quantization_config())


def xnnpack_quantiser(**options):
    def make():
        from torchao.testing.pt2e import _xnnpack_quantizer as xnnpack

        return xnnpack.XNNPACKQuantizer().set_global(xnnpack.get_symmetric_quantization_config(**options))

    return make


def pt2e(quantiser):
    def make(network: Network, out: Path) -> None:
        import torch
        from torchao.quantization.pt2e import move_exported_model_to_eval
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

        inputs = [torch.from_numpy(x) for x in network.inputs]
        prepared = prepare_pt2e(torch.export.export(network.module, (inputs[0],)).module(), quantiser())
        move_exported_model_to_eval(prepared)
        for x in inputs:
            prepared(x)
        to_onnx(network, convert_pt2e(prepared), out)

    return make


def neural_compressor_pt2e(network: Network, out: Path) -> None:
    import torch
    from neural_compressor.torch.export import export as inc_export
    from neural_compressor.torch.quantization import convert, get_default_static_config, prepare

    inputs = [torch.from_numpy(x) for x in network.inputs]
    prepared = prepare(inc_export(network.module, (inputs[0],)), get_default_static_config())
    for x in inputs:
        prepared(x)
    to_onnx(network, convert(prepared), out)


SYMMETRIC = {"ActivationSymmetric": True}
FORMS = {
    PLAIN: posewire_script,
    "ort qdq": quantize_static(),
    "ort qdq, channels": quantize_static(per_channel=True),
    "ort qdq, reduce_range": quantize_static(reduce_range=True),
    "ort qdq, symmetric": quantize_static(options=SYMMETRIC, per_channel=True),
    "ort qdq u8 s8": quantize_static("QDQ", "QUInt8", "QInt8"),
    "ort qdq u8 s8, channels": quantize_static("QDQ", "QUInt8", "QInt8", per_channel=True),
    "ort qdq u8 u8": quantize_static("QDQ", "QUInt8", "QUInt8"),
    "ort qoperator": quantize_static("QOperator"),
    "ort qoperator, channels": quantize_static("QOperator", per_channel=True),
    "ort qoperator, reduce_range": quantize_static("QOperator", reduce_range=True),
    "ort qoperator, symmetric": quantize_static("QOperator", options=SYMMETRIC, per_channel=True),
    "ort qoperator u8 s8": quantize_static("QOperator", "QUInt8", "QInt8"),
    "ort qoperator u8 s8, channels": quantize_static("QOperator", "QUInt8", "QInt8", per_channel=True),
    "ort qoperator u8 u8": quantize_static("QOperator", "QUInt8", "QUInt8"),
    "nncf onnx": nncf_onnx(),
    "nncf onnx, mixed": nncf_onnx(preset=("QuantizationPreset", "MIXED")),
    "nncf onnx, cpu": nncf_onnx(target_device=("TargetDevice", "CPU")),
    "nncf torch": nncf_torch,
    "neural compressor qdq": neural_compressor("QDQ"),
    "neural compressor qdq s8, channels": neural_compressor("QDQ", "QInt8", per_channel=True),
    "neural compressor qoperator": neural_compressor("QOperator"),
    "neural compressor qoperator, channels": neural_compressor("QOperator", per_channel=True),
    "neural compressor pt2e": neural_compressor_pt2e,
    "pt2e x86": pt2e(x86_quantiser),
    "pt2e arm": pt2e(arm_quantiser),
    "pt2e xnnpack": pt2e(xnnpack_quantiser()),
    "pt2e xnnpack, channels": pt2e(xnnpack_quantiser(is_per_channel=True)),
}


# --- comparison ----------------------------------------------------------------------------------


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def step_of(model: onnx.ModelProto, heatmaps: np.ndarray) -> float:
    """The scale of the last DequantizeLinear if the output is one, else a 255th of the range."""
    makers = {output: node for node in model.graph.node for output in node.output}
    constants = constants_of(model)
    last = makers[model.graph.output[0].name]
    if last.op_type == "DequantizeLinear" and last.input[1] in constants:
        return constants[last.input[1]].item()
    return float(np.ptp(heatmaps)) / 255


def unsigned(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same QDQ network with uint8 activations in place of int8 ones."""
    constants = constants_of(model)
    for index, node in enumerate(model.graph.node):
        is_activation = node.input[0] not in constants
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or not is_activation:
            continue
        zero = constants[node.input[2]] if len(node.input) > 2 else None
        if zero is not None and zero.dtype == np.int8:
            name = f"unsigned_zero_{index}"
            model.graph.initializer.append(numpy_helper.from_array((zero.astype(np.int32) + 128).astype(np.uint8), name))
            node.input[2] = name
    del model.graph.value_info[:]
    return model


def session_in_float(path: Path, level: str = "ORT_DISABLE_ALL") -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def infer(model: Path, x: np.ndarray, folder: Path, *more: str) -> tuple[np.ndarray, str, str, float]:
    """The heatmaps, what the program reported and logged, and its fastest frame in ms."""
    np.save(folder / "in.npy", x)
    files = ["--model", model, "--input", folder / "in.npy", "--output", folder / "out.npy"]
    done = subprocess.run([POSEWIRE, "infer", *files, *more], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().split("\n")[-1])
    return np.load(folder / "out.npy"), done.stdout, done.stderr, float(done.stdout.split("min ")[1].split(" ms")[0])


@dataclass
class Row:
    form: str
    engine: str
    cells: tuple[str, ...] = ("",) * 5
    log: str = ""

    def ran(self) -> bool:
        return bool(self.cells[0])


def runtime(session, network: Network) -> np.ndarray | None:
    """ONNX Runtime's heatmaps, or None where it cannot load the file: its optimiser fails on some."""
    try:
        return session().run(None, {"input": network.unseen})[0]
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
        return None


def difference(found: np.ndarray | None, wanted: np.ndarray | None, step: float) -> str:
    if found is None or wanted is None:
        return "-"
    steps = np.abs(found - wanted) / step
    return f"{100 * (steps < 1.001).mean():.2f} %, {steps.max():.1f}"


def error(found: np.ndarray | None, exact: np.ndarray) -> str:
    if found is None:
        return "-"
    return f"{100 * np.sqrt(np.square(found - exact).mean()) / np.ptp(exact):.2f} %"


def compared(network: Network, form: str) -> Row:
    path = network.path(form)
    started = time.perf_counter()
    try:
        found, report, log, frame_ms = infer(path, network.unseen, network.folder)
    except RuntimeError as reason:
        return Row(form, "refused", log=str(reason))
    load_s = time.perf_counter() - started - frame_ms / 1000
    model = onnx.load(path)
    twin = network.path("twin")
    is_qdq = not any(node.op_type == "QLinearConv" for node in model.graph.node)
    step = step_of(model, found)
    # In QOperator form the types are in every node.
    onnx.save(unsigned(model) if is_qdq else model, twin)
    integers = runtime(lambda: compare.session(twin), network)
    floats = runtime(lambda: session_in_float(path), network) if is_qdq else None
    other = integers
    if other is None:
        other = runtime(lambda: session_in_float(path, "ORT_ENABLE_BASIC"), network)
    twin.unlink()
    cells = (
        difference(found, integers, step),
        difference(found, floats, step),
        difference(other, floats, step),
        f"{error(found, network.heatmaps)}, {error(floats if is_qdq else integers, network.heatmaps)}",
        f"{load_s:.1f} s",
    )
    said = [line.split("] ", 1)[-1] for line in log.splitlines() if "posewire::" in line]
    return Row(form, report.split(":")[0], cells, "; ".join(said).replace(f"{path.name}: ", ""))


def made(network: Network, form: str) -> str:
    """Makes the file of a form. The reason if it could not be made, else nothing."""
    path = network.path(form)
    if path.exists():
        return ""
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            FORMS[form](network, path)
    except Exception as error:  # a tool may raise anything
        path.unlink(missing_ok=True)
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    return ""


def relative_times(network: Network, forms: list[str], rounds: int) -> dict[str, str]:
    """Median time of a frame, and the median of its ratios to the plain form's within each round."""
    times = {form: [] for form in forms}
    for _ in range(rounds):
        for form in forms:
            path = network.path(form)
            times[form].append(infer(path, network.unseen, network.folder, "--repeat", str(FRAMES_A_TURN))[3])
    plain = times.get(PLAIN) or times[forms[0]]
    ratios = {form: statistics.median(a / b for a, b in zip(row, plain)) for form, row in times.items()}
    return {form: f"{statistics.median(row):.1f} ms, {ratios[form]:.2f}" for form, row in times.items()}


def measure(network: Network, forms: list[str], rounds: int) -> None:
    rows = []
    for form in forms:
        reason = made(network, form)
        rows.append(Row(form, "not made", log=reason) if reason else compared(network, form))
        print(network.name, rows[-1], file=sys.stderr, flush=True)
    ran = [row.form for row in rows if row.ran()]
    times = relative_times(network, ran, rounds) if rounds and ran else {}
    print(f"\n{network.name} {SIDE_PX}x{SIDE_PX}\n")
    print("| form | engine | integers | float | of itself | error, its | load | time | log |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join([row.form, row.engine, *row.cells, times.get(row.form, ""), row.log]) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", choices=[[], *NETWORKS], default=[])
    parser.add_argument("--only", action="append", metavar="NAME", help="forms whose name contains this")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each form; 0 measures no times")
    parser.add_argument("--folder", type=Path, help="keeps the files that the tools write")
    options = parser.parse_args()
    if not POSEWIRE.exists():
        raise SystemExit(f"exports.py: there is no {POSEWIRE}: cargo build --release")
    forms = [form for form in FORMS if not options.only or any(part in form for part in options.only)]
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        for name in options.networks or NETWORKS:
            measure(Network(name, folder), forms, options.rounds)


main()
