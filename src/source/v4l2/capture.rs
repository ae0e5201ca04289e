//! The capture thread: provides the newest good frame, and keeps a camera open whenever there is one.
//!
//! Any queue error (`EIO`, `ENODEV`, a driver that breaks the rules) and any stall closes the camera with all its
//! buffers. The thread then tries to open it until it succeeds. A frame that is damaged or too short costs only
//! itself.

use super::camera::{Camera, CameraOptions, Encoding, Wanted};
use super::mailbox::{BufferTicket, CapturedFrame, EndMark, Mailbox};
use super::node::{Filled, Nodes};
use crate::clock;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shortest possible JPEG, in bytes: its tables need as much. Cameras send shorter stumps when USB loses packets.
const SHORTEST_JPEG: usize = 125;
/// Longest time from the start of a camera to its first frame.
const LONGEST_START: Duration = Duration::from_secs(5);
const SHORTEST_STALL: Duration = Duration::from_secs(1);
const LONGEST_STALL: Duration = Duration::from_secs(5);
/// Missing frames after which a camera counts as stalled.
const STALL_FRAMES: u32 = 10;
const ALWAYS_SAID: u64 = 16;
const NOTHING_CAME: Duration = Duration::from_millis(1);
/// A larger jump of sequence numbers means that the driver does not count.
const LONGEST_GAP: u32 = 100_000;

/// Waiting times of the thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Wait for a frame, before the next check for a stop request.
    pub look: Duration,
    /// Pause before the next attempt to open a camera.
    pub reopen: Duration,
    /// Lower and upper bound of the time without a good frame that counts as a stall.
    pub stall: [Duration; 2],
    /// The same bounds before the first frame.
    pub start: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            look: Duration::from_millis(100),
            reopen: Duration::from_millis(500),
            stall: [SHORTEST_STALL, LONGEST_STALL],
            start: LONGEST_START,
        }
    }
}

impl Patience {
    fn stall_after(&self, interval: Option<Duration>) -> Duration {
        let frames = interval.unwrap_or(self.stall[0]) * STALL_FRAMES;
        frames.clamp(self.stall[0], self.stall[1])
    }
}

/// The thread's state between two frames.
pub(super) struct Capture {
    pub nodes: Box<dyn Nodes>,
    pub wanted: Wanted,
    pub options: CameraOptions,
    pub patience: Patience,
    pub mailbox: Arc<Mailbox>,
    /// Number of openings.
    pub session: u32,
    /// Number of pictures over all sessions.
    pub frames: u64,
}

impl Capture {
    /// Runs until a stop request. `camera` is already open, if there is one.
    pub(super) fn run(mut self, mut camera: Option<Camera>) {
        let _mark = EndMark(Arc::clone(&self.mailbox));
        // The last state of the camera in the log.
        let mut said = String::new();
        while !self.mailbox.is_stopping() {
            let opened = match camera.take() {
                Some(camera) => Ok(camera),
                None => Camera::open(self.nodes.as_ref(), &self.wanted, &self.options),
            };
            match opened {
                Ok(mut camera) => {
                    if said != camera.agreed {
                        log::info!("{}: {}", camera.name, camera.agreed);
                        said.clone_from(&camera.agreed);
                    }
                    self.remember(&camera);
                    let why = self.stream(&mut camera);
                    self.mailbox.clear();
                    if let Err(error) = why {
                        self.say_closed(&camera.name, &error);
                    }
                }
                // The log gets each reason once, not twice a second for a year.
                Err(missing) if missing.what() != said => {
                    log::warn!("{}: {}; waiting for it", self.wanted, missing.what());
                    said = missing.what().into();
                }
                Err(_) => {}
            }
            self.mailbox.pause(self.patience.reopen);
        }
    }

    /// Logs the first closings, then only those at powers of two: a camera with a loose plug must not fill the log.
    fn say_closed(&self, name: &str, error: &io::Error) {
        let times = self.mailbox.count(|counts| {
            counts.reopened += 1;
            counts.reopened
        });
        if times <= ALWAYS_SAID || times.is_power_of_two() {
            log::warn!("{name}: {error}; opening it again ({times} times so far)");
        }
    }

    /// Accepts only this model from now on.
    fn remember(&mut self, camera: &Camera) {
        if let Wanted::Any { card } = &mut self.wanted {
            card.get_or_insert_with(|| camera.card.clone());
        }
        self.session = self.session.wrapping_add(1);
    }

    /// Hands over frames until the camera fails or a stop request comes.
    fn stream(&mut self, camera: &mut Camera) -> io::Result<()> {
        let stall = self.patience.stall_after(camera.interval);
        let mut good = Instant::now();
        let mut patience = self.patience.start.max(stall);
        let mut counter = Counter::default();
        // Buffers that the driver has. It must not return a buffer that is being read.
        let mut queued = vec![true; camera.buffers.len()];
        while !self.mailbox.is_stopping() {
            while let Some(index) = self.mailbox.take_returned(self.session) {
                queue(camera, &mut queued, index)?;
            }
            if camera.node.wait(self.patience.look)? {
                if let Some(newest) = self.drain(camera, &mut queued, &mut counter)? {
                    self.publish(camera, &mut queued, newest)?;
                    good = Instant::now();
                    patience = stall;
                    continue;
                }
                // A driver that announces a frame and has none must not keep a core busy.
                self.mailbox.pause(NOTHING_CAME);
            }
            if good.elapsed() > patience {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no good frame for {:.1} s", patience.as_secs_f64()),
                ));
            }
        }
        Ok(())
    }

    /// Takes every filled buffer and keeps the newest good one. The others go back to the driver.
    fn drain(
        &mut self,
        camera: &mut Camera,
        queued: &mut [bool],
        counter: &mut Counter,
    ) -> io::Result<Option<(Filled, u64)>> {
        let mut newest: Option<(Filled, u64)> = None;
        // At most once per buffer: a fast camera must not keep the loop here.
        for _ in 0..queued.len() {
            let filled = match camera.node.dequeue() {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            match queued.get_mut(filled.index) {
                Some(with_driver @ true) => *with_driver = false,
                _ => {
                    return Err(io::Error::other(format!(
                        "the driver gave buffer {} of {}, which it did not have",
                        filled.index,
                        queued.len()
                    )));
                }
            }
            let lost = counter.step(filled.sequence);
            self.frames += lost;
            let index = self.frames;
            self.frames += 1;
            let sound = is_sound(camera, &filled);
            let older = if sound {
                newest.replace((filled, index)).map(|(older, _)| older)
            } else {
                Some(filled)
            };
            self.mailbox.count(|counts| {
                counts.lost += lost;
                counts.skipped += u64::from(!sound);
                counts.passed_over += u64::from(sound && older.is_some());
            });
            if let Some(older) = older {
                queue(camera, queued, older.index)?;
            }
        }
        Ok(newest)
    }

    fn publish(
        &mut self,
        camera: &mut Camera,
        queued: &mut [bool],
        (filled, index): (Filled, u64),
    ) -> io::Result<()> {
        let passed_over = self.mailbox.publish(CapturedFrame {
            memory: Arc::clone(&camera.buffers[filled.index]),
            ticket: BufferTicket {
                session: self.session,
                index: filled.index,
            },
            bytes_used: filled.bytes_used,
            captured: filled
                .captured_us
                .map_or_else(clock::Instant::now, clock::Instant::from_mono_us),
            index,
            layout: camera.layout,
            encoding: camera.encoding,
        });
        match passed_over {
            Some(older) => queue(camera, queued, older.ticket.index),
            None => Ok(()),
        }
    }
}

fn queue(camera: &mut Camera, queued: &mut [bool], index: usize) -> io::Result<()> {
    camera.node.queue(index)?;
    queued[index] = true;
    Ok(())
}

/// True if a buffer holds a complete picture, as far as visible without decoding.
fn is_sound(camera: &Camera, filled: &Filled) -> bool {
    let memory = camera.buffers[filled.index].bytes();
    let bytes = &memory[..filled.bytes_used.min(memory.len())];
    !filled.damaged
        && match camera.encoding {
            Encoding::Raw(format) => camera.layout.pixels(format, bytes).is_some(),
            Encoding::Jpeg => bytes.len() > SHORTEST_JPEG && bytes.starts_with(&[0xFF, 0xD8]),
        }
}

/// State of the driver's sequence numbers.
#[derive(Debug, Default)]
struct Counter {
    last: Option<u32>,
}

impl Counter {
    /// Number of missing pictures before this one.
    fn step(&mut self, sequence: u32) -> u64 {
        let ahead = self
            .last
            .replace(sequence)
            .map_or(1, |last| sequence.wrapping_sub(last));
        match ahead {
            // Drivers that do not count always send the same number.
            1..=LONGEST_GAP => u64::from(ahead - 1),
            _ => 0,
        }
    }
}
