//! The interface to the kernel: the operations on a V4L2 device node that the capture loop needs.
//!
//! [`ioctl`](super::ioctl) implements it for real devices, [`fake`](super::fake) for tests. Buffers belong to the
//! node. A [`Memory`] stays readable after its node is closed.

use super::control::Sensor;
use super::field::Field;
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
    /// Text, with escapes for other bytes: a driver may return anything.
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

/// Identity of a node, from its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub driver: String,
    /// The model name from the camera.
    pub card: String,
    pub bus: String,
    /// `V4L2_CAP_*` of this node alone, not of the whole device.
    pub capabilities: u32,
}

/// Layout of pictures in the buffers, set by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub format: FourCc,
    pub width_px: u32,
    pub height_px: u32,
    /// 0 for compressed formats.
    pub stride_bytes: usize,
    pub field: Field,
}

impl Layout {
    /// Bytes of a raw picture in this layout.
    pub(super) fn frame_bytes(&self, format: PixelFormat) -> usize {
        format
            .frame_bytes(self.width_px, self.height_px, self.stride_bytes)
            .unwrap_or(usize::MAX)
    }

    /// A raw picture in this layout; `None` if there are too few bytes.
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
    /// The driver reports that the picture is incomplete.
    pub damaged: bool,
    pub field: Field,
    /// Counter of the camera's pictures, including those for which the driver had no buffer.
    pub sequence: u32,
    /// Capture time on `CLOCK_MONOTONIC`; `None` if the driver uses another clock or none.
    pub captured_us: Option<u64>,
}

/// The bytes of one buffer.
pub(crate) trait Memory: Send + Sync {
    /// The bytes. Read them only between [`Node::dequeue`] and [`Node::queue`] of this buffer.
    fn bytes(&self) -> &[u8];
}

/// One open device node. Drop stops the camera and closes the node.
pub(crate) trait Node: Send {
    fn identity(&self) -> io::Result<Identity>;

    /// The formats of single-planar capture, in the driver's order.
    fn formats(&self) -> Vec<FourCc>;

    /// Highest rate at this size, in frames per second; `None` if the driver does not list the size.
    fn fastest(&self, format: FourCc, size_px: [u32; 2]) -> Option<f64>;

    /// Requests a format, with whole pictures. The driver returns the nearest one that it has.
    fn set_format(&mut self, format: FourCc, size_px: [u32; 2]) -> io::Result<Layout>;

    /// Requests a rate. Returns the time between frames if the driver knows it.
    fn set_rate(&mut self, frames_per_second: u32) -> Option<Duration>;

    /// Allocates buffers. The driver may change the count.
    fn allocate(&mut self, count: u32) -> io::Result<Vec<Arc<dyn Memory>>>;

    fn start(&mut self) -> io::Result<()>;

    /// Gives a buffer to the driver.
    fn queue(&mut self, index: usize) -> io::Result<()>;

    /// Takes the oldest filled buffer. The error is [`io::ErrorKind::WouldBlock`] if there is none.
    fn dequeue(&mut self) -> io::Result<Filled>;

    /// Waits for a filled buffer or an error. False after `timeout`.
    fn wait(&mut self, timeout: Duration) -> io::Result<bool>;
}

/// A supply of nodes.
pub(crate) trait Nodes: Send {
    /// Every video node, in the order of their numbers.
    fn list(&self) -> Vec<PathBuf>;

    fn open(&self, path: &Path) -> io::Result<Box<dyn Node>>;

    /// The sensor whose pictures the node gives, if the kernel knows one.
    fn sensor(&self, path: &Path) -> Option<Box<dyn Sensor>>;
}
