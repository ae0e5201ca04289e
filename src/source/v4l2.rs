//! A V4L2 camera: plain memory-mapped capture.
//!
//! Each picture is copied out of the kernel's buffer, so the source owns what it hands on. A device
//! that stalls or goes away is closed, and opened again once a second.

use super::{FrameSource, Next, jpeg};
use crate::clock;
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels};
use std::io;
use std::time::{Duration, Instant};
use v4l::buffer::Type;
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::{Device, Format, FourCC, capability};

const BUFFERS: u32 = 4;
const LONGEST_EXPOSURE: Duration = Duration::from_secs(2);
const REOPEN_EVERY: Duration = Duration::from_secs(1);
/// What is asked for; the driver answers with the nearest size it has.
const ASKED_WIDTH_PX: u32 = 640;
const ASKED_HEIGHT_PX: u32 = 480;

/// Formats that are read, the cheapest first.
const FORMATS: [(&[u8; 4], Encoding); 5] = [
    (b"YUYV", Encoding::Raw(PixelFormat::Yuyv)),
    (b"RGB3", Encoding::Raw(PixelFormat::Rgb24)),
    (b"BGR3", Encoding::Raw(PixelFormat::Bgr24)),
    (b"MJPG", Encoding::Jpeg),
    (b"GREY", Encoding::Raw(PixelFormat::Grey)),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Encoding {
    Raw(PixelFormat),
    Jpeg,
}

struct Camera {
    // The stream holds a handle of its own to the device.
    stream: Stream<'static>,
    encoding: Encoding,
    format: Format,
}

/// See the module's comment.
pub struct V4l2Source {
    device: String,
    camera: Option<Camera>,
    tried: Instant,
    frames: u64,
    skipped: u64,
    bytes: Vec<u8>,
    rgb: Vec<u8>,
}

impl V4l2Source {
    /// # Errors
    /// [`Error::Source`] if the device is not there, cannot capture, or has no format that is read.
    pub fn open(device: &str) -> Result<Self> {
        let camera = Camera::open(device)?;
        log::info!(
            "v4l2:{device}: {} x {} {}",
            camera.format.width,
            camera.format.height,
            camera.format.fourcc
        );
        Ok(V4l2Source {
            device: device.into(),
            camera: Some(camera),
            tried: Instant::now(),
            frames: 0,
            skipped: 0,
            bytes: Vec::new(),
            rgb: Vec::new(),
        })
    }

    fn close(&mut self, why: &io::Error) {
        log::warn!("v4l2:{}: {why}; opening it again", self.device);
        self.camera = None;
        self.tried = Instant::now();
    }
}

impl Camera {
    fn open(device: &str) -> Result<Self> {
        let fail = |what: String| Error::source(format!("v4l2:{device}"), what);
        let io_fail = |doing: &'static str| {
            move |error: io::Error| {
                Error::source(format!("v4l2:{device}"), format!("{doing}: {error}"))
            }
        };
        let handle = Device::with_path(device).map_err(|error| {
            fail(match error.kind() {
                io::ErrorKind::NotFound => {
                    "there is no such device: is the camera plugged in?".into()
                }
                io::ErrorKind::PermissionDenied => {
                    "no permission: add the user to the group video".into()
                }
                _ => format!("cannot be opened: {error}"),
            })
        })?;
        let capabilities = handle
            .query_caps()
            .map_err(|_| fail("is not a V4L2 device".into()))?
            .capabilities;
        let needed = capability::Flags::VIDEO_CAPTURE | capability::Flags::STREAMING;
        if !capabilities.contains(needed) {
            return Err(fail(
                "is not a capture device: try another /dev/videoN".into(),
            ));
        }
        let offered: Vec<FourCC> = handle
            .enum_formats()
            .map_err(io_fail("cannot list its formats"))?
            .into_iter()
            .map(|description| description.fourcc)
            .collect();
        let Some((code, encoding)) = FORMATS
            .into_iter()
            .find(|(code, _)| offered.contains(&FourCC::new(code)))
        else {
            let names: Vec<String> = offered.iter().map(FourCC::to_string).collect();
            return Err(fail(format!(
                "offers {}, none of which is read: YUYV, RGB3, BGR3, MJPG, GREY",
                names.join(", ")
            )));
        };
        let asked = Format::new(ASKED_WIDTH_PX, ASKED_HEIGHT_PX, FourCC::new(code));
        let format = handle
            .set_format(&asked)
            .map_err(io_fail("cannot set its format"))?;
        if format.fourcc != asked.fourcc {
            return Err(fail(format!("switched to {} on its own", format.fourcc)));
        }
        let stream = Stream::with_buffers(&handle, Type::VideoCapture, BUFFERS)
            .map_err(io_fail("cannot map its buffers"))?;
        Ok(Camera {
            stream,
            encoding,
            format,
        })
    }
}

impl FrameSource for V4l2Source {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        if self.camera.is_none() {
            if self.tried.elapsed() < REOPEN_EVERY {
                std::thread::sleep(timeout.min(REOPEN_EVERY));
                return Ok(Next::Quiet { camera: false });
            }
            self.tried = Instant::now();
            match Camera::open(&self.device) {
                Ok(camera) => self.camera = Some(camera),
                Err(error) => {
                    log::debug!("{error}");
                    return Ok(Next::Quiet { camera: false });
                }
            }
        }
        let Some(camera) = &mut self.camera else {
            return Ok(Next::Quiet { camera: false });
        };
        // After a time-out the crate's stream cannot go on, so one is taken for a stall, and the
        // wait is a camera's longest exposure rather than the caller's patience.
        camera.stream.set_timeout(timeout.max(LONGEST_EXPOSURE));
        let timestamp = match camera.stream.next() {
            Ok((buffer, metadata)) => {
                let used = buffer.len().min(metadata.bytesused as usize);
                self.bytes.clear();
                self.bytes.extend_from_slice(&buffer[..used]);
                metadata.timestamp
            }
            Err(error) => {
                self.close(&error);
                return Ok(Next::Quiet { camera: false });
            }
        };
        let index = self.frames;
        self.frames += 1;
        let pixels = match camera.encoding {
            Encoding::Raw(format) => Pixels::new(
                format,
                camera.format.width,
                camera.format.height,
                camera.format.stride as usize,
                &self.bytes,
            ),
            Encoding::Jpeg => match jpeg::decode(&self.bytes, &mut self.rgb) {
                Ok((width, height)) => Pixels::new(
                    PixelFormat::Rgb24,
                    width,
                    height,
                    3 * width as usize,
                    &self.rgb,
                ),
                Err(why) => {
                    log::debug!("v4l2:{}: {why}", self.device);
                    None
                }
            },
        };
        let Some(pixels) = pixels else {
            self.skipped += 1;
            return Ok(Next::Quiet { camera: true });
        };
        let seconds = u64::try_from(timestamp.sec).unwrap_or(0);
        let micros = u64::try_from(timestamp.usec).unwrap_or(0);
        Ok(Next::Frame(Frame {
            pixels,
            captured: clock::Instant::from_mono_us(seconds * 1_000_000 + micros),
            index,
        }))
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
