//! Where frames come from.
//!
//! Out: [`Frame`]s whose pixels the source owns until it is asked for the next one, with the time
//! they were taken. A source skips and counts what it cannot read; it fails only when it cannot go
//! on at all.

#[cfg(feature = "clips")]
mod clip;
mod fault;
mod jpeg;
mod mjpeg;
mod paced;
mod picture;
#[cfg(feature = "clips")]
mod raw_clip;
mod stills;
pub(crate) mod v4l2;

#[cfg(feature = "clips")]
pub use clip::{Clip, ClipFrame};
pub use fault::{Fault, Faulty};
pub use jpeg::{FrameLength, frame_length};
pub use mjpeg::MjpegSource;
pub use paced::Paced;
#[cfg(feature = "clips")]
use raw_clip::RawClip;
pub use stills::StillsSource;
pub use v4l2::{CameraOptions, FourCc, V4l2Source};

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::scene::Task;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The built-in clips' frames.
const DEMO_SIZE_PX: [u32; 2] = [640, 480];
const REHEARSED_PICTURES: u64 = 8;
/// Pictures in files are counted in a memory budget as if they were so large, and their files so long.
const FILE_SIZE_PX: [u32; 2] = [1920, 1080];
const FILE_BYTES: u64 = 2 << 20;

/// What a source has to offer right now.
#[derive(Debug)]
pub enum Next<'a> {
    Frame(Frame<'a>),
    /// No frame came within the time-out; `camera_present` is false if the device is not there.
    TimedOut {
        camera_present: bool,
    },
    /// There will be no more frames.
    End,
}

/// A supply of frames. It owns the pixels and lends them until the next call.
///
/// ```
/// use posewire::source::{Fault, Faulty, FrameSource, Next};
/// use std::time::Duration;
///
/// let mut source = Faulty::script([Fault::Frame, Fault::Unplugged].into_iter());
/// let timeout = Duration::from_millis(1);
/// assert!(matches!(source.next_frame(timeout)?, Next::Frame(frame) if frame.index == 0));
/// assert!(matches!(source.next_frame(timeout)?, Next::TimedOut { camera_present: false }));
/// assert!(matches!(source.next_frame(timeout)?, Next::End));
/// # Ok::<(), posewire::Error>(())
/// ```
pub trait FrameSource {
    /// The next frame, waiting for it at most about `timeout`.
    ///
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if no frame can ever come again.
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>>;

    /// What became of the pictures that were not handed out so far.
    fn counts(&self) -> SourceCounts {
        SourceCounts::default()
    }
}

/// Pictures that a source had and did not hand out, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceCounts {
    /// They could not be read.
    pub skipped: u64,
    /// There was a newer one when the consumer was ready.
    pub passed_over: u64,
    /// The camera took them, and its driver had no room or lost them.
    pub lost: u64,
    /// How often the camera was closed because of an error or a stall.
    pub reopened: u64,
}

/// A source as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// One picture.
    Image(PathBuf),
    /// The pictures of a folder, by name.
    Dir(PathBuf),
    /// JPEGs one after the other in a file.
    Mjpeg(PathBuf),
    /// A camera: a path or `auto`.
    V4l2(String),
    /// The clip inside the binary; `None` takes the model's task.
    Demo(Option<Task>),
}

impl FromStr for SourceSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match (kind, rest) {
            ("demo", "") => Ok(SourceSpec::Demo(None)),
            ("demo", "hand") => Ok(SourceSpec::Demo(Some(Task::Hand))),
            ("demo", "body") => Ok(SourceSpec::Demo(Some(Task::Body))),
            ("image", path) if !path.is_empty() => Ok(SourceSpec::Image(path.into())),
            ("dir", path) if !path.is_empty() => Ok(SourceSpec::Dir(path.into())),
            ("mjpeg", path) if !path.is_empty() => Ok(SourceSpec::Mjpeg(path.into())),
            ("v4l2", device) if !device.is_empty() => Ok(SourceSpec::V4l2(device.into())),
            _ => Err(Error::usage(format!(
                "unknown source {text:?}: give image:FILE, dir:FOLDER, mjpeg:FILE, v4l2:DEVICE or demo"
            ))),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Image(path) => write!(f, "image:{}", path.display()),
            SourceSpec::Dir(path) => write!(f, "dir:{}", path.display()),
            SourceSpec::Mjpeg(path) => write!(f, "mjpeg:{}", path.display()),
            SourceSpec::V4l2(device) => write!(f, "v4l2:{device}"),
            SourceSpec::Demo(None) => f.write_str("demo"),
            SourceSpec::Demo(Some(task)) => write!(f, "demo:{}", task.name()),
        }
    }
}

/// What the drivers' buffers of a source take, which belong to the kernel.
pub fn buffer_bytes(spec: &SourceSpec, camera: &CameraOptions) -> u64 {
    match spec {
        SourceSpec::V4l2(_) => camera.buffer_bytes(),
        _ => 0,
    }
}

/// What a source takes of the heap at most for its pictures. Files may hold larger ones, which a memory
/// budget then does not let through.
pub fn picture_bytes(spec: &SourceSpec, camera: &CameraOptions) -> u64 {
    match (spec, camera.raw_format()) {
        (SourceSpec::V4l2(_), _) if !camera.may_be_jpeg() => 0,
        (SourceSpec::V4l2(_), _) => jpeg::decoding_bytes(camera.size_px),
        (SourceSpec::Demo(_), Some(format)) => {
            let [width_px, height_px] = DEMO_SIZE_PX;
            let picture = (format.row_bytes(width_px) * height_px as usize * 3 / 2) as u64;
            REHEARSED_PICTURES * picture + FILE_BYTES + jpeg::decoding_bytes(DEMO_SIZE_PX)
        }
        (SourceSpec::Demo(_), None) => FILE_BYTES + jpeg::decoding_bytes(DEMO_SIZE_PX),
        _ => FILE_BYTES + jpeg::decoding_bytes(FILE_SIZE_PX),
    }
}

/// Opens a source; `task` is the model's, for the demo clip, `camera` what is asked of a camera.
///
/// # Errors
/// [`ErrorKind::Source`](crate::ErrorKind::Source) if the file or device cannot be used.
pub fn open(spec: &SourceSpec, task: Task, camera: &CameraOptions) -> Result<Box<dyn FrameSource>> {
    Ok(match spec {
        SourceSpec::Image(path) => Box::new(StillsSource::image(path)?),
        SourceSpec::Dir(path) => Box::new(StillsSource::folder(path)?),
        SourceSpec::Mjpeg(path) => Box::new(MjpegSource::open(path)?),
        SourceSpec::V4l2(device) => Box::new(V4l2Source::open(device, camera)?),
        SourceSpec::Demo(chosen) => open_demo(chosen.unwrap_or(task), camera)?,
    })
}

/// The clip at its own rate and as JPEGs, or as a camera would show it that gives what is asked.
#[cfg(feature = "clips")]
fn open_demo(task: Task, camera: &CameraOptions) -> Result<Box<dyn FrameSource>> {
    let clip = Clip::shipped(task)?;
    let rate = camera.frames_per_second.unwrap_or(clip.frames_per_second);
    let period = Duration::from_secs(1) / rate;
    let mut pictures = MjpegSource::looping(format!("demo:{}", task.name()), clip.mjpeg);
    Ok(match camera.raw_format() {
        Some(format) => Box::new(Paced::new(RawClip::new(&mut pictures, format)?, period)),
        None => Box::new(Paced::new(pictures, period)),
    })
}

#[cfg(not(feature = "clips"))]
fn open_demo(task: Task, _: &CameraOptions) -> Result<Box<dyn FrameSource>> {
    Err(Error::source(
        SourceSpec::Demo(Some(task)),
        "this build has no demo clips: build with --features clips",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_as_they_are_written() {
        for text in [
            "demo",
            "demo:body",
            "image:a b.png",
            "dir:pictures",
            "mjpeg:C:/x.mjpeg",
            "v4l2:/dev/video0",
            "v4l2:/dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0",
            "v4l2:auto",
        ] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
        for text in ["", "image", "image:", "demo:foot", "http://x", "v4l2:"] {
            assert!(text.parse::<SourceSpec>().is_err(), "{text}");
        }
    }
}
