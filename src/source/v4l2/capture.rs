//! The capture thread: provides the newest good frame, and keeps a camera open whenever there is one.
//!
//! Any queue error (`EIO`, `ENODEV`, a driver that breaks the rules) and any stall closes the camera with all its
//! buffers. The thread then tries to open it until it succeeds. A frame that is damaged or too short costs only
//! itself.

use super::camera::{Camera, Wanted};
use super::formats::Encoding;
use super::mailbox::{BufferTicket, CapturedFrame, EndMark, Mailbox};
use super::node::{Filled, Nodes};
use super::options::CameraOptions;
use super::stamps::Stamps;
use super::unusable::Unusable;
use crate::clock;
use crate::frame::Balance;
use crate::stats::Repeated;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shortest possible JPEG, in bytes: a quantisation table, the headers and a byte of data. Cameras send shorter stumps
/// when USB loses packets.
const SHORTEST_JPEG: usize = 95;
/// Longest time from the start of a camera to its first frame.
const LONGEST_START: Duration = Duration::from_secs(5);
/// Longest time in which pictures come and none can be used.
const LONGEST_UNUSABLE: Duration = Duration::from_secs(3);
const SHORTEST_STALL: Duration = Duration::from_secs(1);
const LONGEST_STALL: Duration = Duration::from_secs(5);
/// Missing frames after which a camera counts as stalled.
const STALL_FRAMES: u32 = 10;
/// States of which each has its own count.
const MAX_NEWS: usize = 16;
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
    /// The lower bound before the first frame.
    pub start: Duration,
    /// Time without a usable picture that counts as a stall although pictures come.
    pub unusable: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            look: Duration::from_millis(100),
            reopen: Duration::from_millis(500),
            stall: [SHORTEST_STALL, LONGEST_STALL],
            start: LONGEST_START,
            unusable: LONGEST_UNUSABLE,
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
    /// Closings because of an error.
    pub closed: Repeated,
    /// States of the camera in the log.
    pub news: News,
    /// The log has heard of impossible capture times.
    pub stamps_said: bool,
}

/// States of the camera, for the log: each only when it is another one than before, and then at powers of two.
#[derive(Default)]
pub(super) struct News {
    last: String,
    /// A driver's messages may have any number of forms.
    seen: heapless::Vec<(String, Repeated), MAX_NEWS>,
    others: Repeated,
}

impl News {
    /// The count of this state if the log should hear of it.
    fn again(&mut self, what: &str) -> Option<u64> {
        if self.last == what {
            return None;
        }
        self.last.clear();
        self.last.push_str(what);
        if let Some((_, count)) = self.seen.iter_mut().find(|(seen, _)| seen == what) {
            return count.again();
        }
        let mut count = Repeated::default();
        count.again();
        match self.seen.push((what.to_owned(), count)) {
            Ok(()) => Some(1),
            Err(_) => self.others.again(),
        }
    }
}

impl Capture {
    /// Runs until a stop request. `camera` is already open, if there is one.
    pub(super) fn run(mut self, mut camera: Option<Camera>) {
        let _mark = EndMark(Arc::clone(&self.mailbox));
        while !self.mailbox.is_stopping() {
            let opened = match camera.take() {
                Some(camera) => Ok(camera),
                None => Camera::open(self.nodes.as_ref(), &self.wanted, &self.options),
            };
            match opened {
                Ok(mut camera) => {
                    if self.news.again(&camera.agreed).is_some() {
                        log::info!("{}: {}", camera.name, camera.agreed);
                    }
                    self.remember(&camera);
                    let why = self.stream(&mut camera);
                    self.mailbox.clear();
                    if let Err(error) = why {
                        self.say_closed(&camera.name, &error);
                    }
                }
                Err(missing) => {
                    let what = missing.to_string();
                    if let Some(count) = self.news.again(&what) {
                        log::warn!("{}: {what}; waiting for it{}", self.wanted, times(count));
                    }
                }
            }
            self.mailbox.pause(self.patience.reopen);
        }
    }

    /// Counts a closing: a camera with a loose plug must not fill the log.
    fn say_closed(&mut self, name: &str, error: &io::Error) {
        self.mailbox.count(|counts| counts.reopened += 1);
        if let Some(count) = self.closed.again() {
            log::warn!("{name}: {error}; opening it again{}", times(count));
        }
    }

    /// Accepts only this model from now on.
    fn remember(&mut self, camera: &Camera) {
        if let Wanted::Any { card } = &mut self.wanted {
            card.get_or_insert_with(|| camera.card.clone());
        }
        self.session = self.session.wrapping_add(1);
        self.mailbox.begin(self.session);
    }

    /// Hands over frames until the camera fails or a stop request comes.
    fn stream(&mut self, camera: &mut Camera) -> io::Result<()> {
        let stall = self.patience.stall_after(camera.interval);
        let mut good = Instant::now();
        let mut patience = self.patience.start.max(stall);
        let mut counter = Counter::default();
        let mut stamps = Stamps::since(camera.started_us);
        // Buffers that the driver has. It must not return a buffer that is being read.
        let mut queued = vec![true; camera.buffers.len()];
        while !self.mailbox.is_stopping() {
            while let Some(index) = self.mailbox.take_returned(self.session) {
                queue(camera, &mut queued, index)?;
            }
            if camera.node.wait(self.patience.look)? {
                let drained = self.drain(camera, &mut queued, &mut counter)?;
                if let Some(newest) = drained.newest {
                    self.publish(camera, &mut queued, newest, &mut stamps)?;
                    good = Instant::now();
                    patience = stall;
                } else if drained.filled > 0 {
                    patience = patience.min(self.patience.unusable.max(stall));
                } else {
                    // A driver that announces a frame and has none must not keep a core busy.
                    self.mailbox.pause(NOTHING_CAME);
                }
            }
            let silence = good.elapsed();
            if silence > patience
                || self.mailbox.unreadable_for() > self.patience.unusable.max(stall)
            {
                let silence = silence.max(self.mailbox.unreadable_for());
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "no usable frame for {:.1} s{}",
                        silence.as_secs_f64(),
                        self.mailbox.unusable()
                    ),
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
    ) -> io::Result<Drained> {
        let mut drained = Drained::default();
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
            drained.filled += 1;
            self.mailbox.count(|counts| counts.lost += lost);
            let older = match judge(camera, &filled) {
                Ok(()) => {
                    let older = drained.newest.replace((filled, index));
                    let passed_over = u64::from(older.is_some());
                    self.mailbox
                        .count(|counts| counts.passed_over += passed_over);
                    older.map(|(older, _)| older)
                }
                Err(why) => {
                    self.mailbox.refuse(&camera.name, index, why);
                    Some(filled)
                }
            };
            if let Some(older) = older {
                queue(camera, queued, older.index)?;
            }
        }
        Ok(drained)
    }

    fn publish(
        &mut self,
        camera: &mut Camera,
        queued: &mut [bool],
        (filled, index): (Filled, u64),
        stamps: &mut Stamps,
    ) -> io::Result<()> {
        let captured = stamps.captured(filled.captured_us, clock::Instant::now());
        if let Some(fault) = stamps.fault()
            && !std::mem::replace(&mut self.stamps_said, true)
        {
            log::warn!(
                "{}: its capture times {fault}: ages count from the arrival of a frame",
                camera.name
            );
        }
        let balance = develop(camera, &filled, index);
        let passed_over = self.mailbox.publish(CapturedFrame {
            memory: Arc::clone(&camera.buffers[filled.index]),
            ticket: BufferTicket {
                session: self.session,
                index: filled.index,
            },
            bytes_used: filled.bytes_used,
            captured,
            index,
            layout: camera.layout,
            encoding: camera.encoding,
            balance,
        });
        match passed_over {
            Some(older) => queue(camera, queued, older.ticket.index),
            None => Ok(()),
        }
    }
}

/// Measures a raw picture, which may change the sensor's exposure.
fn develop(camera: &mut Camera, filled: &Filled, index: u64) -> Balance {
    let memory = camera.buffers[filled.index].bytes();
    let bytes = &memory[..filled.bytes_used.min(memory.len())];
    let pixels = match camera.encoding {
        Encoding::Raw(format) => camera.layout.pixels(format, bytes),
        Encoding::Jpeg => None,
    };
    match (&mut camera.developer, pixels) {
        (Some(developer), Some(pixels)) => developer.develop(&pixels, index),
        _ => Balance::NEUTRAL,
    }
}

fn queue(camera: &mut Camera, queued: &mut [bool], index: usize) -> io::Result<()> {
    camera.node.queue(index)?;
    queued[index] = true;
    Ok(())
}

/// Buffers that were taken from the driver at once.
#[derive(Default)]
struct Drained {
    /// The newest good frame and its index.
    newest: Option<(Filled, u64)>,
    filled: usize,
}

/// Checks that a buffer holds a complete picture, as far as visible without decoding.
pub(super) fn judge(camera: &Camera, filled: &Filled) -> Result<(), Unusable> {
    let memory = camera.buffers[filled.index].bytes();
    let bytes = &memory[..filled.bytes_used.min(memory.len())];
    if filled.damaged {
        return Err(Unusable::Damaged);
    }
    if !filled.field.is_whole() {
        return Err(Unusable::Field(filled.field));
    }
    match camera.encoding {
        Encoding::Raw(format) => match camera.layout.pixels(format, bytes) {
            Some(_) => Ok(()),
            None => Err(Unusable::Short {
                bytes: bytes.len(),
                expected: camera.layout.frame_bytes(format),
            }),
        },
        Encoding::Jpeg if bytes.len() > SHORTEST_JPEG && bytes.starts_with(&[0xFF, 0xD8]) => Ok(()),
        Encoding::Jpeg => Err(Unusable::NoJpeg { bytes: bytes.len() }),
    }
}

fn times(count: u64) -> String {
    match count {
        1 => String::new(),
        _ => format!(" ({count} times so far)"),
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
