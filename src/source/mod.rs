//! Sources of frames: files, clips, cameras.
//!
//! Out: [`Frame`]s with their capture time. The source owns the pixels until the next request. It skips and
//! counts pictures that it cannot read, and fails only if no frame can come again.

#![warn(missing_docs)]

mod byte_reader;
#[cfg(feature = "clips")]
mod clip;
mod demo;
mod exif;
mod fault;
mod jpeg;
mod kind;
mod mjpeg;
mod natural;
mod paced;
mod picture;
mod pipe;
#[cfg(feature = "clips")]
mod raw_clip;
mod stills;
pub(crate) mod v4l2;

#[cfg(feature = "clips")]
pub use clip::{Clip, ClipFrame};
pub use fault::{Fault, Faulty};
pub use jpeg::{FrameLength, frame_length};
pub(crate) use kind::help;
pub use kind::{Context, Footprint, Kind, SourceSpec};
pub use mjpeg::MjpegSource;
pub use paced::Paced;
pub use pipe::{Mark, Splitter};
pub use stills::{StillsSource, pictures_of};
pub use v4l2::{CameraOptions, FourCc, V4l2Source};

use crate::error::Result;
use crate::frame::Frame;
use std::time::Duration;

/// Pictures of a clip that are kept in a raw format.
const RAW_PICTURES: u64 = 8;
/// Pictures in files are counted in a memory budget as if they were so large, and their files so long.
const FILE_SIZE_PX: [u32; 2] = [1920, 1080];
const FILE_BYTES: u64 = 2 << 20;

/// The outcome of one request for a frame.
#[derive(Debug)]
pub enum Next<'a> {
    /// The next frame.
    Frame(Frame<'a>),
    /// No frame came within the time-out; `camera_present` is false if the device is not there.
    TimedOut {
        /// The camera is there, or the source is no camera.
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

    /// Pictures that were not handed out so far.
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
    /// Times that the camera was closed because of an error or a stall.
    pub reopened: u64,
}

/// Every kind of source. A new one is a file and a line here.
pub static KINDS: &[Kind] = &[
    stills::IMAGE,
    stills::FOLDER,
    mjpeg::KIND,
    v4l2::KIND,
    pipe::KIND,
    demo::KIND,
];

/// The memory for pictures of a file.
fn file_footprint(_: &str, _: &CameraOptions) -> Footprint {
    Footprint {
        mapped_bytes: 0,
        heap_bytes: FILE_BYTES + jpeg::decoding_bytes(FILE_SIZE_PX),
    }
}
