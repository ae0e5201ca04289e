"""Differences between the results of an int8 network and of its float original.

In: two ONNX files of one network and inputs [1, 3, H, W] float32. Out: the error in heatmap values
and in decoded keypoints (input pixels).
"""

from dataclasses import dataclass

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernel

from . import decode

# Lowest float score of a joint that counts in the pixel error. Below it, the maximum of a flat
# heatmap moves far at random.
CONFIDENT = 0.3


@dataclass(frozen=True)
class Errors:
    """Heatmap error: mean absolute, and as a fraction of the float range. Keypoint errors in pixels."""

    heatmap_mean: float
    heatmap_relative: float
    joints: int
    confident: int
    px_mean: float
    px_p95: float
    px_max: float

    def lines(self):
        yield f"heatmaps: mean abs error {self.heatmap_mean:.5f}, {self.heatmap_relative:.3%} of their range"
        count = f"{self.confident} of {self.joints} joints (float score >= {CONFIDENT})"
        if self.confident:
            yield (
                f"keypoints: mean {self.px_mean:.2f} px, p95 {self.px_p95:.2f} px, "
                f"max {self.px_max:.2f} px in the input, over {count}"
            )
        else:
            yield f"keypoints: {count}: no error in pixels to tell"


def session(path):
    """An ONNX Runtime session on the CPU, with exact int8 arithmetic and without warnings.

    On x86 without VNNI its u8 x s8 kernels saturate in 16 bits; those of ARM boards do not. The
    precision setting selects exact kernels, which exist for u8 activations only. s8 kernels are
    always exact.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    providers = ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except NoKernel:
        options.add_session_config_entry("session.x64quantprecision", "0")
        return onnxruntime.InferenceSession(str(path), options, providers=providers)


def run(network, x):
    """The heatmaps [joints, H/4, W/4] of one input."""
    return network.run(None, {network.get_inputs()[0].name: x})[0][0]


def compare(float_path, int8_path, inputs, method="default"):
    """Errors of the int8 network over the inputs; `method` is the decoding."""
    reference, quantised = session(float_path), session(int8_path)
    mean, low, high, distances, joints = 0.0, np.inf, -np.inf, [], 0
    for x in inputs:
        wanted, got = run(reference, x), run(quantised, x)
        mean += float(np.abs(wanted - got).mean()) / len(inputs)
        low, high = min(low, float(wanted.min())), max(high, float(wanted.max()))
        side = (x.shape[3], x.shape[2])
        wanted_points, scores = decode.decode(wanted, side, method)
        got_points, _ = decode.decode(got, side, method)
        sure = scores >= CONFIDENT
        joints += len(scores)
        distances.extend(np.linalg.norm(wanted_points - got_points, axis=1)[sure])
    px = np.array(distances) if distances else np.full(1, np.nan)
    return Errors(
        heatmap_mean=mean,
        heatmap_relative=mean / max(high - low, 1e-12),
        joints=joints,
        confident=len(distances),
        px_mean=float(px.mean()),
        px_p95=float(np.percentile(px, 95)),
        px_max=float(px.max()),
    )
