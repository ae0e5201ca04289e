//! An endless clip: pictures at a steady rate into a named pipe.

use crate::tools::Outcome;
use posewire::source::{FrameLength, frame_length};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Feeds until it is dropped, or until the reader closes the pipe.
pub struct Feeder(Arc<AtomicBool>);

impl Feeder {
    /// The thread waits for a reader.
    pub fn start(pipe: &Path, clip: &Path, frames_per_second: u64) -> Outcome<Self> {
        let at =
            |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        if pipe.exists() {
            fs::remove_file(pipe).map_err(|error| at(pipe, &error))?;
        }
        mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(|error| at(pipe, &error))?;
        let clip_bytes = fs::read(clip).map_err(|error| at(clip, &error))?;
        let mut pictures = Vec::new();
        let mut rest = &clip_bytes[..];
        while let FrameLength::Complete(length) = frame_length(rest) {
            pictures.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        if pictures.is_empty() {
            return Err(at(clip, &"has no pictures"));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, pipe) = (Arc::clone(&stop), pipe.to_owned());
        let period = Duration::from_secs(1) / u32::try_from(frames_per_second).unwrap_or(u32::MAX);
        thread::spawn(move || {
            // Opening waits for the reader. Writing fails when the reader is gone, which ends the thread.
            let Ok(mut to) = fs::OpenOptions::new().write(true).open(pipe) else {
                return;
            };
            let mut due = Instant::now();
            for picture in pictures.iter().cycle() {
                if stopped.load(Ordering::Relaxed) || to.write_all(picture).is_err() {
                    return;
                }
                due += period;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Ok(Feeder(stop))
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
