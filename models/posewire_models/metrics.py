"""The accuracy figures of the two reference data sets, as MMPose computes them.

Everywhere: `predicted` and `truth` are [N, joints, 2] in pixels, `valid` is [N, joints] and non-zero
where the truth is known. Ratios are 0 to 1, except PCKh, which is in per cent as MPII reports it.
"""

import numpy as np

# Joints that MPII leaves out of PCKh's mean: pelvis and thorax.
MPII_UNSCORED = (6, 7)
# MPII's head size is this share of the head box's diagonal.
HEAD_SIZE_SHARE = 0.6


def _distances(predicted, truth):
    return np.linalg.norm(np.asarray(predicted, float) - np.asarray(truth, float), axis=-1)


def _share_below(distances, valid, threshold):
    """Per joint: the fraction of valid samples below `threshold`, or NaN without valid samples."""
    count = valid.sum(0)
    hits = ((distances < threshold) & valid).sum(0)
    return np.where(count > 0, hits / np.maximum(count, 1), np.nan)


def _mean_of_seen(per_joint):
    seen = per_joint[~np.isnan(per_joint)]
    return float(seen.mean()) if seen.size else 0.0


def pck(predicted, truth, valid, box_sizes, threshold=0.2):
    """PCK@threshold of the box's longer side -> (mean over joints seen, per joint or NaN)."""
    valid = np.asarray(valid) > 0
    longest = np.asarray(box_sizes, float).max(1)
    valid = valid & (longest > 0)[:, None]
    distances = _distances(predicted, truth) / np.where(longest > 0, longest, 1)[:, None]
    per_joint = _share_below(distances, valid, threshold)
    return _mean_of_seen(per_joint), per_joint


def auc(predicted, truth, valid, norm_px=30.0, steps=20):
    """Mean PCK over the thresholds i/steps, i = 0..steps-1, of `norm_px` pixels."""
    valid = np.asarray(valid) > 0
    distances = _distances(predicted, truth) / norm_px
    return float(np.mean([_mean_of_seen(_share_below(distances, valid, i / steps)) for i in range(steps)]))


def epe(predicted, truth, valid):
    """Mean distance in pixels over the valid joints."""
    valid = np.asarray(valid) > 0
    distances = _distances(predicted, truth)[valid]
    return float(distances.mean()) if distances.size else 0.0


def pckh(predicted, truth, valid, head_boxes, threshold=0.5, unscored=MPII_UNSCORED):
    """PCKh@threshold -> (mean weighted by each joint's count, per joint or NaN), in per cent.

    `head_boxes` is [N, 2, 2]: two opposite corners. MPII's truth is 1-based, so 0-based predictions
    get +1 from the caller first.
    """
    valid = np.asarray(valid) > 0
    boxes = np.asarray(head_boxes, float)
    head = HEAD_SIZE_SHARE * np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=-1)
    hits = ((_distances(predicted, truth) <= threshold * head[:, None]) & valid).sum(0)
    count = valid.sum(0)
    per_joint = np.where(count > 0, 100.0 * hits / np.maximum(count, 1), np.nan)
    scored = np.ones(len(count), bool)
    scored[list(unscored)] = False
    total = count[scored].sum()
    return float(100.0 * hits[scored].sum() / total) if total else 0.0, per_joint
