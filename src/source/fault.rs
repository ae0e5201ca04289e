//! A scripted source: the fault injector for tests of everything after a source.

use super::{FrameSource, Next, SourceCounts};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels};
use std::time::Duration;

/// One step of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault: a grey frame, taken now.
    Frame,
    /// A frame with this age.
    Late {
        /// Age of the frame.
        age_us: u64,
    },
    /// The time-out passes without a frame.
    Stall,
    /// The device is not there.
    Unplugged,
    /// An unreadable picture is skipped, then a frame comes.
    Unreadable,
    /// The source breaks permanently.
    Broken,
}

const SIDE_PX: u32 = 64;

/// A source that plays a script of faults, then ends.
#[derive(Debug)]
pub struct Faulty<I> {
    script: I,
    bytes: Vec<u8>,
    index: u64,
    skipped: u64,
}

impl<I: Iterator<Item = Fault>> Faulty<I> {
    /// A source that plays `script`.
    pub fn script(script: I) -> Self {
        Faulty {
            script,
            bytes: vec![128; (SIDE_PX * SIDE_PX) as usize],
            index: 0,
            skipped: 0,
        }
    }

    fn frame(&mut self, age_us: u64) -> Result<Next<'_>> {
        let index = self.index;
        self.index += 1;
        let now = Instant::now();
        let pixels = Pixels::new(
            PixelFormat::Grey,
            SIDE_PX,
            SIDE_PX,
            SIDE_PX as usize,
            &self.bytes,
        )
        .ok_or_else(|| Error::source("fault injector", "its frame has no valid size"))?;
        Ok(Next::Frame(Frame {
            pixels,
            captured: Instant::from_mono_us(now.mono_us.saturating_sub(age_us)),
            index,
            file: None,
        }))
    }
}

impl<I: Iterator<Item = Fault>> FrameSource for Faulty<I> {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        match self.script.next() {
            None => Ok(Next::End),
            Some(Fault::Frame) => self.frame(0),
            Some(Fault::Late { age_us }) => self.frame(age_us),
            Some(Fault::Stall) => {
                std::thread::sleep(timeout);
                Ok(Next::TimedOut {
                    camera_present: true,
                })
            }
            Some(Fault::Unplugged) => {
                std::thread::sleep(timeout);
                Ok(Next::TimedOut {
                    camera_present: false,
                })
            }
            Some(Fault::Unreadable) => {
                self.skipped += 1;
                self.index += 1;
                self.frame(0)
            }
            Some(Fault::Broken) => Err(Error::source("fault injector", "broken for good")),
        }
    }

    fn counts(&self) -> SourceCounts {
        SourceCounts {
            skipped: self.skipped,
            ..SourceCounts::default()
        }
    }
}
