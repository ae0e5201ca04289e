//! Crop, decode and metrics, compared with vectors that MMPose 1.3.2 computed.

mod common;

use common::{golden, golden_json, golden_u8, numbers, points};
use posewire::crop::Cropper;
use posewire::decode::Decoder;
use posewire::frame::{PixelFormat, Pixels};
use posewire::metrics::{self, Sample};
use posewire::model::DecodeMode;
use posewire::scene::{BBox, CropBox};

#[test]
fn crops_are_mmposes() {
    let picture = golden_u8("warp_image_bgr_u8_480x640x3.npy");
    let pixels = Pixels::new(PixelFormat::Bgr24, 640, 480, 3 * 640, &picture).unwrap();
    for (index, case) in golden_json("warp_cases.json")
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let side = case["input_size"].as_u64().unwrap() as u32;
        let corners = numbers(&case["bbox_xyxy"]);
        let bbox = BBox {
            x_px: corners[0] as f32,
            y_px: corners[1] as f32,
            width_px: (corners[2] - corners[0]) as f32,
            height_px: (corners[3] - corners[1]) as f32,
        };
        let padding = case["padding"].as_f64().unwrap() as f32;
        let crop = CropBox::new(bbox, padding, [side, side].into());
        let center = numbers(&case["center"]);
        let size = numbers(&case["scale"]);
        assert_eq!([crop.center_x_px, crop.center_y_px], center[..]);
        assert_eq!([crop.width_px, crop.height_px], size[..]);

        let mut rgb = vec![0; 3 * (side * side) as usize];
        Cropper::new([side, side].into(), [0.0; 3], [1.0; 3]).crop_rgb(&pixels, &crop, &mut rgb);
        let bgr = rgb.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]);
        let expected = golden_u8(&format!("warp_{index}_out_bgr_u8_{side}.npy"));
        let differences: Vec<u8> = bgr.zip(expected).map(|(a, b)| a.abs_diff(b)).collect();
        let total = differences.len() as f64;
        let mean = differences.iter().map(|&d| f64::from(d)).sum::<f64>() / total;
        let close = differences.iter().filter(|&&d| d <= 8).count() as f64 / total;
        println!(
            "case {index}: mean difference {mean:.4} levels, {:.3} % within 8",
            100.0 * close
        );
        assert!(mean < 0.5, "case {index}: {mean}");
        assert!(close >= 0.999, "case {index}: {close}");
    }
}

#[test]
fn keypoints_are_mmposes_in_both_modes() {
    for case in golden_json("decode_cases.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let input = case["input_size"].as_u64().unwrap() as u32;
        let side = case["heatmap_size"].as_u64().unwrap() as usize;
        let heatmaps =
            posewire::npy::read(&golden(&format!("decode_{name}_heatmaps_f32.npy"))).unwrap();
        let joints = heatmaps.values.len() / (side * side);
        let (center, size) = (numbers(&case["center"]), numbers(&case["scale"]));
        let crop = CropBox {
            center_x_px: center[0],
            center_y_px: center[1],
            width_px: size[0],
            height_px: size[1],
        };
        for (mode, key) in [(DecodeMode::Default, "default"), (DecodeMode::Dark, "dark")] {
            let found = Decoder::new(joints, side, side, mode).decode(&heatmaps.values);
            let expected = &case[key];
            let in_input = points(&expected["keypoints_input_px"]);
            let in_image = points(&expected["keypoints_image_px"]);
            let scores = numbers(&expected["scores"]);
            assert_eq!(found.len(), scores.len());
            let scale = input as f32 / side as f32;
            for (joint, keypoint) in found.iter().enumerate() {
                let (x, y) = (keypoint.x_px * scale, keypoint.y_px * scale);
                let place = format!("{name} {key} joint {joint}: {x} {y}");
                assert!((f64::from(x) - in_input[joint].0).abs() < 0.01, "{place}");
                assert!((f64::from(y) - in_input[joint].1).abs() < 0.01, "{place}");
                assert!(
                    (f64::from(keypoint.score) - scores[joint]).abs() < 1e-6,
                    "{place}"
                );
                let (x, y) = crop.to_source(x, y, [input, input].into());
                assert!((f64::from(x) - in_image[joint].0).abs() < 0.01, "{place}");
                assert!((f64::from(y) - in_image[joint].1).abs() < 0.01, "{place}");
            }
        }
    }
}

fn samples(part: &serde_json::Value, scale_px: impl Fn(usize) -> f64) -> Vec<Sample> {
    let truth = part["gt"].as_array().unwrap();
    (0..truth.len())
        .map(|index| Sample {
            predicted: points(&part["pred"][index]),
            truth: points(&truth[index]),
            valid: numbers(&part["visible"][index])
                .iter()
                .map(|&v| v > 0.0)
                .collect(),
            scale_px: scale_px(index),
        })
        .collect()
}

fn assert_close(found: f64, expected: &serde_json::Value) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn hand_metrics_are_mmposes() {
    let hand = &golden_json("metrics.json")["hand"];
    let samples = samples(hand, |index| {
        numbers(&hand["bbox_size"][index])
            .into_iter()
            .fold(0.0, f64::max)
    });
    assert_close(metrics::pck(&samples, 0.2), &hand["pck_0_2"]);
    assert_close(metrics::auc(&samples, 30.0), &hand["auc_norm30_20steps"]);
    assert_close(metrics::epe_px(&samples), &hand["epe_px"]);
}

#[test]
fn body_metrics_are_mpiis() {
    let body = &golden_json("metrics.json")["body"];
    let samples = samples(body, |index| {
        let corners = points(&body["headbox"][index]);
        metrics::head_size_px(corners[0], corners[1])
    });
    assert_close(metrics::pckh(&samples, 0.5), &body["pckh_0_5"]);
    assert_close(metrics::pckh(&samples, 0.1), &body["pckh_0_1"]);
}
