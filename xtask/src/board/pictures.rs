//! Pictures of the demo clip as a camera would send them, and where the hand's joints are in them.

use super::{Outcome, at};
use posewire::source::{FrameLength, FrameSource, MjpegSource, Next, frame_length};
use std::fs;
use std::path::Path;
use std::time::Duration;

pub const WIDTH_PX: usize = 640;
pub const HEIGHT_PX: usize = 480;
/// Frames of the clip that are shown, far apart in it.
const CHOSEN: [usize; 6] = [0, 4, 8, 12, 16, 20];

/// Formats that both vivid and posewire know.
pub const FORMATS: [&str; 6] = ["YUYV", "UYVY", "NV12", "GREY", "RGB3", "BGR3"];

pub struct Picture {
    pub jpeg: Vec<u8>,
    pub rgb: Vec<u8>,
    /// x, y in pixels; `None` for a joint that is hidden.
    pub joints: Vec<Option<[f64; 2]>>,
}

/// Decodes the chosen frames of the clip and reads their truth.
pub fn load(clips: &Path) -> Outcome<Vec<Picture>> {
    let path = clips.join("hand.json");
    let text = fs::read_to_string(&path).map_err(at(&path))?;
    let truth: serde_json::Value = serde_json::from_str(&text).map_err(at(&path))?;
    let clip = clips.join("hand.mjpeg");
    let mut source = MjpegSource::open(&clip).map_err(|error| error.to_string())?;
    let bytes = fs::read(&clip).map_err(at(&clip))?;
    let mut rest = &bytes[..];
    let mut pictures = Vec::new();
    for index in 0.. {
        let next = source
            .next_frame(Duration::ZERO)
            .map_err(|error| error.to_string())?;
        let Next::Frame(frame) = next else { break };
        let FrameLength::Complete(length) = frame_length(rest) else {
            return Err(format!("{}: frame {index} is damaged", clip.display()));
        };
        let (jpeg, after) = rest.split_at(length);
        rest = after;
        if !CHOSEN.contains(&index) {
            continue;
        }
        let size = (frame.pixels.width_px(), frame.pixels.height_px());
        if size != (WIDTH_PX as u32, HEIGHT_PX as u32) {
            return Err(format!("{}: frames are {size:?}", clip.display()));
        }
        pictures.push(Picture {
            jpeg: jpeg.to_vec(),
            rgb: frame.pixels.to_rgb(),
            joints: joints(&truth["frames"][index])
                .ok_or_else(|| format!("{}: frame {index} is not as expected", path.display()))?,
        });
    }
    if pictures.len() < CHOSEN.len() {
        return Err(format!("{}: has too few frames", clip.display()));
    }
    Ok(pictures)
}

fn joints(frame: &serde_json::Value) -> Option<Vec<Option<[f64; 2]>>> {
    let points = frame["keypoints"].as_array()?;
    let visible = frame["visible"].as_array()?;
    points
        .iter()
        .zip(visible)
        .map(|(point, visible)| {
            let at = [point[0].as_f64()?, point[1].as_f64()?];
            Some((visible.as_i64()? != 0).then_some(at))
        })
        .collect()
}

/// The picture in one of [`FORMATS`]; colours are BT.601, limited range.
pub fn encode(rgb: &[u8], format: &str) -> Outcome<Vec<u8>> {
    let pixels = || rgb.chunks_exact(3).map(|p| [p[0], p[1], p[2]]);
    Ok(match format {
        "RGB3" => rgb.to_vec(),
        "BGR3" => pixels().flat_map(|[r, g, b]| [b, g, r]).collect(),
        "GREY" => pixels().map(|pixel| yuv(pixel)[0]).collect(),
        "YUYV" | "UYVY" => rgb
            .chunks_exact(6)
            .flat_map(|pair| {
                let left = yuv([pair[0], pair[1], pair[2]]);
                let right = yuv([pair[3], pair[4], pair[5]]);
                let mean = |channel: usize| mean_of(&[left[channel], right[channel]]);
                if format == "YUYV" {
                    [left[0], mean(1), right[0], mean(2)]
                } else {
                    [mean(1), left[0], mean(2), right[0]]
                }
            })
            .collect(),
        "NV12" => {
            let all: Vec<[u8; 3]> = pixels().map(yuv).collect();
            let mut bytes: Vec<u8> = all.iter().map(|pixel| pixel[0]).collect();
            for rows in all.chunks_exact(2 * WIDTH_PX) {
                for x in (0..WIDTH_PX).step_by(2) {
                    for channel in [1, 2] {
                        bytes.push(mean_of(&[
                            rows[x][channel],
                            rows[x + 1][channel],
                            rows[WIDTH_PX + x][channel],
                            rows[WIDTH_PX + x + 1][channel],
                        ]));
                    }
                }
            }
            bytes
        }
        other => return Err(format!("pictures are not made in {other}")),
    })
}

fn yuv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let byte = |value: i32, offset: i32| (((value + 128) >> 8) + offset).clamp(0, 255) as u8;
    [
        byte(66 * r + 129 * g + 25 * b, 16),
        byte(-38 * r - 74 * g + 112 * b, 128),
        byte(112 * r - 94 * g - 18 * b, 128),
    ]
}

fn mean_of(values: &[u8]) -> u8 {
    let sum: usize = values.iter().map(|&value| usize::from(value)).sum();
    (sum / values.len()) as u8
}
