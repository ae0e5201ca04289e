//! A V4L2 camera. The newest frame is always the one that is processed.
//!
//! A thread ([`capture`]) owns the device and its buffer queue. It hands over the newest good frame ([`mailbox`])
//! and returns older ones to the driver. Pixels are read where the driver put them; only JPEGs are decoded to
//! another buffer. A camera that stalls, breaks or is unplugged is closed and opened again. Meanwhile the source
//! reports that there is no camera.

mod camera;
mod capture;
mod control;
#[cfg(test)]
pub(crate) mod fake;
mod field;
mod formats;
mod ioctl;
mod list;
mod mailbox;
mod node;
mod options;
#[cfg(test)]
mod raw_tests;
mod sensor;
mod stamps;
#[cfg(test)]
mod tests;
mod trial;
mod unusable;

pub(crate) use camera::LESS_BANDWIDTH;
pub(crate) use ioctl::Kernel;
pub(crate) use list::{NodeReport, What, list, look};
pub use node::FourCc;
pub(crate) use node::Nodes;
pub use options::CameraOptions;
#[cfg(feature = "clips")]
pub(in crate::source) use sensor::Developer;
pub(crate) use trial::PATIENCE;

use super::kind::is_named;
use super::{Footprint, FrameSource, Kind, Next, SourceCounts, jpeg};
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels, Tones};
use crate::process::sandbox::Access;
use crate::process::thread::{Role, spawn};
use crate::stats::Repeated;
use camera::{Camera, Missing, Wanted};
use capture::{Capture, News, Patience};
use formats::Encoding;
use mailbox::{CapturedFrame, Mailbox, Taken};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A camera: a path or `auto`.
pub(super) const KIND: Kind = Kind {
    name: "v4l2",
    argument: "DEVICE",
    help: "v4l2:auto, v4l2:/dev/video0, v4l2:/dev/v4l/by-id/...",
    check: is_named,
    footprint: |_, camera| Footprint {
        mapped_bytes: camera.buffer_bytes(),
        heap_bytes: [
            (
                camera.may_be_jpeg(),
                jpeg::decoding_bytes(CameraOptions::jpeg_room_px(camera.size_px)),
            ),
            (camera.may_be_bayer(), Tones::BYTES),
        ]
        .iter()
        .map(|&(needed, bytes)| if needed { bytes } else { 0 })
        .sum(),
    },
    access: |device| Access {
        devices: vec![device.into()],
        ..Access::default()
    },
    open: |device, context| Ok(Box::new(V4l2Source::open(device, context.camera)?)),
    is_camera: true,
    is_live: true,
    reads_stdin: |_| false,
};

/// Longest wait for the thread at the end. A driver that hangs in the kernel must not keep the program from
/// ending.
const END_PATIENCE: Duration = Duration::from_millis(500);

/// A camera as a source of frames.
pub struct V4l2Source {
    name: String,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
    /// The last frame that was lent. Its buffer goes back before the next frame is taken.
    held: Option<CapturedFrame>,
    options: CameraOptions,
    rgb: Vec<u8>,
    decoded_px: (u32, u32),
    /// Of raw pictures.
    tones: Tones,
}

impl V4l2Source {
    /// Opens `auto` or a path. If the camera is not there yet, the source waits for it.
    ///
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the device cannot be used: it is not a camera, has no supported
    /// format, or may not be opened.
    pub fn open(device: &str, options: &CameraOptions) -> Result<Self> {
        Self::open_with(
            Box::new(ioctl::Kernel),
            device,
            options,
            Patience::default(),
        )
    }

    fn open_with(
        nodes: Box<dyn Nodes>,
        device: &str,
        options: &CameraOptions,
        patience: Patience,
    ) -> Result<Self> {
        let wanted = match device {
            "auto" => Wanted::Any { card: None },
            path if path.starts_with('/') && !path.contains('\0') => Wanted::Path(path.into()),
            _ => {
                return Err(Error::usage(format!(
                    "v4l2:{device} is not a device: give v4l2:auto or a path like v4l2:/dev/video0"
                )));
            }
        };
        let name = wanted.to_string();
        let camera = match Camera::open(nodes.as_ref(), &wanted, options) {
            Ok(camera) => Some(camera),
            // The thread logs this and waits.
            Err(Missing::Yet(_) | Missing::NoBandwidth(_)) => None,
            Err(Missing::Useless(what)) => return Err(Error::source(name, what)),
        };
        let mailbox = Arc::new(Mailbox::default());
        let capture = Capture {
            nodes,
            wanted,
            options: options.clone(),
            patience,
            mailbox: Arc::clone(&mailbox),
            session: 0,
            frames: 0,
            closed: Repeated::default(),
            news: News::default(),
            stamps_said: false,
        };
        let thread = spawn(Role::Capture, move || capture.run(camera))
            .map_err(|error| Error::source(&name, "no thread to capture").because(error))?;
        Ok(V4l2Source {
            name,
            mailbox,
            thread: Some(thread),
            held: None,
            options: options.clone(),
            rgb: Vec::new(),
            decoded_px: (0, 0),
            tones: Tones::new(),
        })
    }

    /// Takes frames until one can be read. A JPEG is decoded.
    fn take(&mut self, deadline: Instant) -> Taken {
        loop {
            let taken = self.mailbox.take(deadline);
            let Taken::Frame(fresh) = &taken else {
                return taken;
            };
            if fresh.encoding != Encoding::Jpeg {
                return taken;
            }
            let agreed_px = [fresh.layout.width_px, fresh.layout.height_px];
            let most_px = self.options.jpeg_limit_px(agreed_px);
            match jpeg::decode_within(fresh.bytes(), most_px, &mut self.rgb) {
                Ok(size_px) => {
                    self.mailbox.decoded(fresh.ticket.session);
                    self.decoded_px = size_px;
                    return taken;
                }
                Err(why) => {
                    self.mailbox.undecodable(&self.name, fresh, why);
                    self.mailbox.give_back(fresh.ticket);
                }
            }
        }
    }
}

impl FrameSource for V4l2Source {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        if let Some(done) = self.held.take() {
            self.mailbox.give_back(done.ticket);
        }
        let fresh = match self.take(Instant::now() + timeout) {
            Taken::Frame(fresh) => fresh,
            Taken::Quiet { camera } => {
                return Ok(Next::TimedOut {
                    camera_present: camera,
                });
            }
            Taken::Ended => {
                return Err(Error::source(&self.name, "the capture thread has ended"));
            }
        };
        let fresh = self.held.insert(fresh);
        let pixels = match fresh.encoding {
            Encoding::Raw(format) => {
                if let PixelFormat::Bayer(bayer) = format {
                    self.tones.set(bayer.sample.bits(), fresh.balance);
                }
                let pixels = fresh.layout.pixels(format, fresh.bytes());
                pixels.map(|pixels| pixels.with_tones(&self.tones))
            }
            Encoding::Jpeg => {
                let (width_px, height_px) = self.decoded_px;
                let rgb = PixelFormat::Rgb24;
                Pixels::new(rgb, width_px, height_px, rgb.row_bytes(width_px), &self.rgb)
            }
        };
        Ok(match pixels {
            Some(pixels) => Next::Frame(Frame {
                pixels,
                captured: fresh.captured,
                index: fresh.index,
                file: None,
            }),
            None => Next::TimedOut {
                camera_present: true,
            },
        })
    }

    fn counts(&self) -> SourceCounts {
        self.mailbox.counts()
    }
}

impl Drop for V4l2Source {
    fn drop(&mut self) {
        self.held = None;
        if self.mailbox.stop(END_PATIENCE) {
            if let Some(thread) = self.thread.take() {
                // The thread has ended. A panic was already reported when it happened.
                let _ = thread.join();
            }
        } else {
            log::warn!("{}: the driver does not answer; left behind", self.name);
        }
    }
}
