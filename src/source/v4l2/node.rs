//! The seam to the kernel: what the capture loop needs of a V4L2 device node, and no more.
//!
//! [`ioctl`](super::ioctl) is the kernel's side of it, [`fake`](super::fake) a model of one. Buffers
//! belong to the node; a [`Memory`] stays readable after its node was closed.

use crate::frame::{PixelFormat, Pixels};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A pixel format as V4L2 names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    /// As text, but for bytes that are none: drivers may answer anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.trim_ascii_end() {
            write!(f, "{}", byte.escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a node says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub driver: String,
    /// The model, as the camera names itself.
    pub card: String,
    pub bus: String,
    /// `V4L2_CAP_*` of this node alone, not of the whole device.
    pub capabilities: u32,
}

/// How pictures lie in the buffers, as the driver set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub format: FourCc,
    pub width_px: u32,
    pub height_px: u32,
    /// 0 for compressed formats.
    pub stride_bytes: usize,
}

impl Layout {
    /// A raw picture in this layout; nothing if the bytes are too few.
    pub(super) fn pixels<'a>(&self, format: PixelFormat, bytes: &'a [u8]) -> Option<Pixels<'a>> {
        Pixels::new(
            format,
            self.width_px,
            self.height_px,
            self.stride_bytes,
            bytes,
        )
    }
}

/// A buffer that the driver has filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filled {
    pub index: usize,
    pub bytes_used: usize,
    /// The driver says that the picture is not whole.
    pub damaged: bool,
    /// Counts the camera's pictures, those that the driver had no buffer for included.
    pub sequence: u32,
    /// On `CLOCK_MONOTONIC`; nothing if the driver uses another clock or none.
    pub captured_us: Option<u64>,
}

/// The bytes of one buffer.
pub(crate) trait Memory: Send + Sync {
    /// To be read only between [`Node::dequeue`] and [`Node::queue`] of this buffer.
    fn bytes(&self) -> &[u8];
}

/// One open device node. Dropping it stops the camera and closes it.
pub(crate) trait Node: Send {
    fn identity(&self) -> io::Result<Identity>;

    /// The formats of single-planar capture, in the driver's order.
    fn formats(&self) -> Vec<FourCc>;

    /// The most frames a second at this size, if the driver says that it has the size.
    fn fastest(&self, format: FourCc, size_px: [u32; 2]) -> Option<f64>;

    /// Asks for a format; the driver answers with the nearest it has.
    fn set_format(&mut self, format: FourCc, size_px: [u32; 2]) -> io::Result<Layout>;

    /// Asks for a rate; gives the time between frames if the driver knows it.
    fn set_rate(&mut self, frames_per_second: u32) -> Option<Duration>;

    /// Allocates about so many buffers.
    fn allocate(&mut self, count: u32) -> io::Result<Vec<Arc<dyn Memory>>>;

    fn start(&mut self) -> io::Result<()>;

    /// Gives a buffer to the driver.
    fn queue(&mut self, index: usize) -> io::Result<()>;

    /// Takes the oldest filled buffer; [`io::ErrorKind::WouldBlock`] if there is none.
    fn dequeue(&mut self) -> io::Result<Filled>;

    /// Waits for a filled buffer or an error; false after `timeout`.
    fn wait(&mut self, timeout: Duration) -> io::Result<bool>;
}

/// Where nodes come from.
pub(crate) trait Nodes: Send {
    /// Every video node, in the order of their numbers.
    fn list(&self) -> Vec<PathBuf>;

    fn open(&self, path: &Path) -> io::Result<Box<dyn Node>>;
}
