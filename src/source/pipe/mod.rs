//! A program that writes pictures to a pipe: `rpicam-vid`, GStreamer, or a command that posewire starts itself.
//!
//! A thread ([`drain`]) takes the bytes as they come, makes pictures of them ([`assembler`], [`splitter`]) and hands over
//! the newest one ([`exchange`]). A pipe has no times: a picture counts from the earliest moment at which its first byte
//! could be read ([`arrivals`]). All memory is there before the first byte, except that of the decoder of JPEGs.

mod arrivals;
mod assembler;
mod drain;
mod exchange;
mod spec;
mod splitter;
#[cfg(test)]
mod tests;
mod waits;

pub use splitter::{Mark, Splitter};

use super::{CameraOptions, Context, Footprint, FrameSource, Kind, Next, SourceCounts, jpeg};
use crate::clock;
use crate::error::{Error, Result};
use crate::file;
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::process::sandbox::Access;
use crate::process::thread::{Role, spawn};
use assembler::Assembler;
use drain::{Drain, From, HUNG};
use exchange::{Exchange, Picture, Taken};
use rustix::fs::FileType;
use spec::{Encoding, PipeSpec};
use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pictures from a pipe.
pub(super) const KIND: Kind = Kind {
    name: "pipe",
    argument: "FORMAT:WIDTHxHEIGHT[:FIFO]",
    help: "pipe:yuv420:640x480 (standard input, or the pictures of --run-camera), pipe:MJPG:640x480:FIFO",
    check: |argument| argument.parse::<PipeSpec>().map(drop),
    footprint: |argument, _| {
        let spec = argument.parse::<PipeSpec>();
        spec.map_or_else(|_| Footprint::default(), |spec| spec.footprint())
    },
    access: |argument| {
        let spec = argument.parse::<PipeSpec>();
        Access {
            read: spec.ok().and_then(|spec| spec.file).into_iter().collect(),
            ..Access::default()
        }
    },
    open: |argument, context| Ok(Box::new(PipeSource::open(argument, context)?)),
    is_camera: false,
    is_live: true,
    reads_stdin: |argument| {
        let spec = argument.parse::<PipeSpec>();
        spec.is_ok_and(|spec| spec.file.is_none())
    },
};

/// Pictures of a producer that counts as there: as many as a camera may miss.
const STALL_FRAMES: u32 = 10;
const SHORTEST_STALL: Duration = Duration::from_secs(1);
const LONGEST_STALL: Duration = Duration::from_secs(5);
const FRAMES_PER_SECOND: u32 = 30;
/// Longest wait for the thread at the end.
const END_PATIENCE: Duration = Duration::from_millis(500);

/// A pipe as a source of frames.
pub(super) struct PipeSource {
    spec: PipeSpec,
    exchange: Arc<Exchange>,
    thread: Option<JoinHandle<()>>,
    /// The picture that is lent.
    lent: Picture,
    rgb: Vec<u8>,
    /// Time without a usable picture from which there is no camera.
    stall: Duration,
}

impl PipeSource {
    /// Opens the pipe. A writer that is not there yet is waited for.
    fn open(argument: &str, context: &Context<'_>) -> Result<Self> {
        let name = format!("pipe:{argument}");
        let spec: PipeSpec = argument
            .parse()
            .map_err(|why| Error::usage(format!("pipe:{argument}: {why}")))?;
        let (pipe, from) = match (&spec.file, context.producer.take()) {
            (None, Some((pipe, producer))) => (pipe, From::Command(producer)),
            (Some(path), _) => (open_fifo(&name, path)?, From::Fifo),
            (None, None) => (standard_input(&name)?, From::Stdin),
        };
        Self::start(name, spec, pipe, from, context, true, HUNG)
    }

    fn start(
        name: String,
        spec: PipeSpec,
        pipe: OwnedFd,
        from: From,
        context: &Context<'_>,
        counts_waits: bool,
        hung: Duration,
    ) -> Result<Self> {
        let exchange = Arc::new(Exchange::new(name, spec.frame_bytes()));
        let drain = Drain {
            pipe,
            from,
            assembler: Assembler::new(&spec),
            exchange: Arc::clone(&exchange),
            once: context.once,
            counts_waits,
            hung,
        };
        let [width_px, height_px] = spec.jpeg_room_px().map(|side| side as usize);
        let rgb_bytes = match spec.encoding {
            Encoding::Raw(_) => 0,
            Encoding::Jpeg => 3 * width_px * height_px,
        };
        let thread = spawn(Role::Capture, move || drain.run())
            .map_err(|error| Error::source(exchange.name(), "no thread to read").because(error))?;
        Ok(PipeSource {
            thread: Some(thread),
            lent: Picture::with_room(spec.frame_bytes()),
            rgb: Vec::with_capacity(rgb_bytes),
            stall: stall_after(context.camera),
            exchange,
            spec,
        })
    }
}

/// The time without a picture from which there is no camera: ten frames, as of a camera.
fn stall_after(camera: &CameraOptions) -> Duration {
    let rate = camera.frames_per_second.unwrap_or(FRAMES_PER_SECOND);
    let frames = Duration::from_secs(1) / rate.max(1) * STALL_FRAMES;
    frames.clamp(SHORTEST_STALL, LONGEST_STALL)
}

fn open_fifo(name: &str, path: &Path) -> Result<OwnedFd> {
    // Without waiting for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let fifo = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| {
            Error::source(name, "cannot be opened (`mkfifo` makes a FIFO)").because(error)
        })?;
    match file::kind_of(&fifo) {
        Some(FileType::Fifo) => Ok(fifo.into()),
        _ => Err(Error::source(
            name,
            "is no FIFO: `mkfifo` makes one; mjpeg:FILE and dir:FOLDER read files",
        )),
    }
}

fn standard_input(name: &str) -> Result<OwnedFd> {
    let stdin = std::io::stdin();
    match file::kind_of(&stdin) {
        // Some shells connect programs by sockets.
        Some(FileType::Fifo | FileType::Socket) => stdin
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| Error::source(name, "cannot be used").because(error)),
        _ => Err(Error::source(
            name,
            "standard input is no pipe: start posewire as `PRODUCER | posewire run ...`, or give --run-camera or \
             the name of a FIFO",
        )),
    }
}

impl FrameSource for PipeSource {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        let deadline = Instant::now() + timeout;
        let (format, [width_px, height_px]) = loop {
            match self.exchange.take(&mut self.lent, deadline) {
                Taken::Picture => {}
                Taken::Quiet(good) => {
                    return Ok(Next::TimedOut {
                        camera_present: good.is_some_and(|good| good < self.stall),
                    });
                }
                Taken::Failed(why) => return Err(Error::source(self.exchange.name(), why)),
            }
            let format = match self.spec.encoding {
                Encoding::Raw(format) => break (format, self.spec.size_px),
                Encoding::Jpeg => PixelFormat::Rgb24,
            };
            let most_px = self.spec.jpeg_room_px();
            match jpeg::decode_within(self.lent.bytes(), most_px, &mut self.rgb) {
                Ok((width_px, height_px)) => {
                    self.exchange.good();
                    break (format, [width_px, height_px]);
                }
                Err(why) => self.exchange.skip(self.lent.index, &why),
            }
        };
        let bytes = match self.spec.encoding {
            Encoding::Raw(_) => self.lent.bytes(),
            Encoding::Jpeg => &self.rgb,
        };
        let stride = format.row_bytes(width_px);
        let pixels = Pixels::new(format, width_px, height_px, stride, bytes);
        Ok(match pixels {
            Some(pixels) => Next::Frame(Frame {
                pixels,
                captured: clock::Instant::from_mono_us(self.lent.captured_us),
                index: self.lent.index,
                file: None,
            }),
            None => Next::TimedOut {
                camera_present: true,
            },
        })
    }

    fn counts(&self) -> SourceCounts {
        self.exchange.counts()
    }
}

impl Drop for PipeSource {
    fn drop(&mut self) {
        if self.exchange.stop(END_PATIENCE) {
            if let Some(thread) = self.thread.take() {
                // It has ended. A panic was already reported when it happened.
                let _ = thread.join();
            }
        } else {
            log::warn!(
                "{}: another program reads it as well; left behind",
                self.exchange.name()
            );
        }
    }
}
