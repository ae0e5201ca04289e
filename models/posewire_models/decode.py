"""From heatmaps to keypoints: MMPose's default decoding and DARK ("unbiased").

In: heatmaps [joints, H, W] float. Out: points [joints, 2] as (x, y) and scores [joints], the maximum
of each heatmap. A heatmap whose maximum is not above 0 gives the point (-1, -1) before scaling.
`decode` returns input pixels; crop.to_picture converts them to picture pixels.
"""

import cv2
import numpy as np

BLUR_KERNEL = 11
METHODS = ("default", "dark")


def argmax(heatmaps):
    """Per joint: whole-pixel position of the maximum (x, y) in heatmap pixels, and the maximum."""
    joints, _, width = heatmaps.shape
    flat = heatmaps.reshape(joints, -1)
    index = flat.argmax(1)
    scores = flat[np.arange(joints), index]
    points = np.stack([index % width, index // width], 1).astype(np.float64)
    points[scores <= 0] = -1
    return points, scores


def shift_quarter(heatmaps, points):
    """Moves each point 0.25 px toward its larger neighbour, per axis; equal neighbours do not move it."""
    _, height, width = heatmaps.shape
    out = points.copy()
    for heatmap, (px, py), moved in zip(heatmaps, points, out):
        x, y = int(px), int(py)
        if 1 < x < width - 1 and 0 < y < height:
            moved[0] += 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])
        if 1 < y < height - 1 and 0 < x < width:
            moved[1] += 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])
    return out


def blur(heatmaps, kernel=BLUR_KERNEL):
    """Gaussian blur with zero border, each heatmap scaled back to its old maximum."""
    border = (kernel - 1) // 2
    out = np.empty(heatmaps.shape, np.float64)
    for source, target in zip(heatmaps, out):
        padded = cv2.GaussianBlur(np.pad(source.astype(np.float64), border), (kernel, kernel), 0)
        target[:] = padded[border:-border, border:-border]
        peak = target.max()
        if peak > 0:
            target *= source.max() / peak
    return out


def newton_step(heatmaps, points):
    """DARK: one Newton step on the logarithm of the blurred heatmap, where its stencil fits."""
    _, height, width = heatmaps.shape
    logs = np.log(np.maximum(blur(heatmaps), 1e-10))
    out = points.copy()
    for m, (px, py), moved in zip(logs, points, out):
        x, y = int(px), int(py)
        if not (1 < x < width - 2 and 1 < y < height - 2):
            continue
        dx = 0.5 * (m[y, x + 1] - m[y, x - 1])
        dy = 0.5 * (m[y + 1, x] - m[y - 1, x])
        dxx = 0.25 * (m[y, x + 2] - 2 * m[y, x] + m[y, x - 2])
        dyy = 0.25 * (m[y + 2, x] - 2 * m[y, x] + m[y - 2, x])
        dxy = 0.25 * (m[y + 1, x + 1] - m[y - 1, x + 1] - m[y + 1, x - 1] + m[y - 1, x - 1])
        determinant = dxx * dyy - dxy * dxy
        if determinant != 0:
            moved -= np.array([dyy * dx - dxy * dy, dxx * dy - dxy * dx]) / determinant
    return out


def decode(heatmaps, input_size, method="default"):
    """Heatmaps -> (points [joints, 2] in input pixels, scores); `input_size` is (width, height)."""
    refine = {"default": shift_quarter, "dark": newton_step}[method]
    points, scores = argmax(heatmaps)
    points = refine(heatmaps, points)
    _, height, width = heatmaps.shape
    return points * (np.asarray(input_size) / (width, height)), scores
