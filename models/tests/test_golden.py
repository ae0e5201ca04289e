"""Crop, decoding and metrics against vectors that MMPose 1.3.2 itself computed."""

import numpy as np
import pytest

from posewire_models import crop, decode, metrics


@pytest.mark.parametrize("index", range(4))
def test_crop_matches_mmpose(golden, index):
    case = golden("warp_cases.json")[index]
    side = case["input_size"]
    x1, y1, x2, y2 = case["bbox_xyxy"]
    centre, size = crop.box_to_crop((x1, y1, x2 - x1, y2 - y1), case["padding"])
    assert np.allclose(centre, case["center"]) and np.allclose(size, case["scale"])
    assert np.allclose(crop.matrix(centre, size, (side, side)), case["matrix"], atol=1e-9)

    picture = golden("warp_image_bgr_u8_480x640x3.npy")
    cut = crop.warp(picture, centre, size, (side, side))
    wanted = golden(f"warp_{index}_out_bgr_u8_{side}.npy")
    difference = np.abs(cut.astype(int) - wanted.astype(int))
    assert difference.mean() < 0.5
    assert (difference <= 8).mean() >= 0.999


def test_box_grows_to_the_aspect_ratio():
    centre, size = crop.box_to_crop((10, 20, 100, 40), 1.5, aspect=0.75)
    assert centre.tolist() == [60, 40]
    assert size.tolist() == [150, 200]


def test_to_picture_inverts_the_crop():
    centre, size = np.array([70.0, 50.0]), np.array([120.0, 90.0])
    map_ = crop.matrix(centre, size, (256, 192))
    points = np.array([[3.0, 4.0], [99.5, 12.25]])
    inside = points @ map_[:, :2].T + map_[:, 2]
    assert np.allclose(crop.to_picture(inside, centre, size, (256, 192)), points)


@pytest.mark.parametrize("method", decode.METHODS)
@pytest.mark.parametrize("index", range(3))
def test_decode_matches_mmpose(golden, index, method):
    case = golden("decode_cases.json")[index]
    side = case["input_size"]
    heatmaps = golden(f"decode_{case['name']}_heatmaps_f32.npy")
    heatmaps = heatmaps.reshape(heatmaps.shape[-3:])
    points, scores = decode.decode(heatmaps, (side, side), method)
    wanted = case[method]
    assert np.abs(points - wanted["keypoints_input_px"]).max() < 0.01
    assert np.abs(scores - wanted["scores"]).max() < 1e-6
    in_picture = crop.to_picture(points, case["center"], case["scale"], (side, side))
    assert np.abs(in_picture - wanted["keypoints_image_px"]).max() < 0.01


@pytest.mark.parametrize("method", decode.METHODS)
def test_an_empty_heatmap_is_nowhere(method):
    points, scores = decode.decode(np.zeros((1, 64, 64), np.float32), (256, 256), method)
    assert points.tolist() == [[-4.0, -4.0]] and scores.tolist() == [0.0]


def test_hand_metrics_match_mmpose(golden):
    case = golden("metrics.json")["hand"]
    predicted, truth, valid = case["pred"], case["gt"], case["visible"]
    mean, per_joint = metrics.pck(predicted, truth, valid, case["bbox_size"])
    assert mean == pytest.approx(case["pck_0_2"], abs=1e-6)
    assert np.allclose(per_joint, case["pck_0_2_per_joint"], atol=1e-6)
    assert metrics.auc(predicted, truth, valid) == pytest.approx(case["auc_norm30_20steps"], abs=1e-6)
    assert metrics.epe(predicted, truth, valid) == pytest.approx(case["epe_px"], abs=1e-6)


def test_body_metrics_match_mmpose(golden):
    case = golden("metrics.json")["body"]
    # The golden predictions are 1-based already, as the truth is.
    arguments = case["pred"], case["gt"], case["visible"], case["headbox"]
    mean, per_joint = metrics.pckh(*arguments, threshold=0.5)
    assert mean == pytest.approx(case["pckh_0_5"], abs=1e-6)
    assert np.allclose(per_joint, case["per_joint_0_5"], atol=1e-6)
    assert metrics.pckh(*arguments, threshold=0.1)[0] == pytest.approx(case["pckh_0_1"], abs=1e-6)


def test_metrics_without_any_valid_joint_are_zero():
    points, nothing = np.zeros((2, 16, 2)), np.zeros((2, 16))
    heads = np.tile([[0.0, 0.0], [3.0, 4.0]], (2, 1, 1))
    assert metrics.pck(points, points, nothing, np.ones((2, 2)))[0] == 0
    assert metrics.auc(points, points, nothing) == 0
    assert metrics.epe(points, points, nothing) == 0
    assert metrics.pckh(points, points, nothing, heads)[0] == 0
