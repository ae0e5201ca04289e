//! Pictures of the demo clip in camera formats, and the positions of the joints in them.

use crate::tools::{Outcome, at};
use posewire::frame;
use posewire::source::{CameraOptions, FrameLength, FrameSource, MjpegSource, Next, frame_length};
use std::fs;
use std::path::Path;
use std::time::Duration;

pub const WIDTH_PX: usize = 640;
pub const HEIGHT_PX: usize = 480;
/// The chosen frames of the clip, far apart.
const CHOSEN: [usize; 6] = [0, 4, 8, 12, 16, 20];

/// Formats that vivid and posewire share.
pub const FORMATS: [&str; 6] = ["YUYV", "UYVY", "NV12", "GREY", "RGB3", "BGR3"];

/// Raw Bayer formats that vivid and posewire share.
pub const RAW_FORMATS: [&str; 16] = [
    "RGGB", "GRBG", "GBRG", "BA81", "RG10", "BA10", "GB10", "BG10", "RG12", "BA12", "GB12", "BG12",
    "RG16", "GR16", "GB16", "BYR2",
];

pub struct Picture {
    pub jpeg: Vec<u8>,
    pub rgb: Vec<u8>,
    /// x and y in pixels; `None` for a hidden joint.
    pub joints: Vec<Option<[f64; 2]>>,
}

/// Decodes the chosen frames and reads their joint positions.
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

/// The picture in a format of [`FORMATS`] or [`RAW_FORMATS`], by its V4L2 code.
pub fn encode(rgb: &[u8], code: &str) -> Outcome<Vec<u8>> {
    let format = CameraOptions {
        format: Some(code.parse()?),
        ..CameraOptions::default()
    };
    let format = format.raw_format();
    let format = format.ok_or_else(|| format!("pictures are not made in {code}"))?;
    if RAW_FORMATS.contains(&code) {
        return Ok(frame::encode(&doubled(rgb), 2 * WIDTH_PX as u32, format));
    }
    Ok(frame::encode(rgb, WIDTH_PX as u32, format))
}

/// The picture with four pixels for each.
fn doubled(rgb: &[u8]) -> Vec<u8> {
    let rows = rgb.chunks_exact(3 * WIDTH_PX).flat_map(|row| {
        let twice = row
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|&pixel| [pixel, pixel]);
        let row: Vec<u8> = twice.flatten().collect();
        [row.clone(), row]
    });
    rows.flatten().collect()
}
