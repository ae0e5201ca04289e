//! The loop: frames in, packets out, and heartbeats without frames.

#[cfg(test)]
mod tests;

use super::frame::Pipeline;
use super::outlets::Outlets;
use super::report::Reporter;
use super::totals::Totals;
use crate::clock;
use crate::error::Result;
use crate::frame::Frame;
use crate::process::memory;
use crate::sink::{Event, Figures, Sink, What, Wish};
use crate::source::{FrameSource, Next};
use crate::stats::{Stage, StageTimes};
use crate::wire::{Sender, StreamId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Frames after which every cache and buffer has its final size.
const WARM_UP_FRAMES: u64 = 30;

/// The longest wait for a frame before the loop looks around.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Options of the loop, apart from its source and sinks.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamOptions {
    /// Stop after this many frames of all runs.
    pub frames: Option<u64>,
    /// The longest silence on the wire while there are no frames.
    pub heartbeat: Duration,
    /// A frame older than this when it is sent is marked stale.
    pub stale_after: Duration,
    /// Period of the statistics in the log and for the sinks.
    pub stats_every: Option<Duration>,
    /// The source shows a mirror image.
    pub mirrored: bool,
    /// Distinguishes this stream from others to the same receiver.
    pub instance: u8,
}

impl Default for StreamOptions {
    /// The defaults of the settings, without statistics.
    fn default() -> Self {
        StreamOptions {
            frames: None,
            heartbeat: Duration::from_millis(100),
            stale_after: Duration::from_millis(500),
            stats_every: None,
            mirrored: false,
            instance: 0,
        }
    }
}

/// One source, one pipeline, any number of sinks.
pub struct Stream<'a> {
    pipeline: Pipeline,
    sender: Sender,
    outlets: Outlets<'a>,
    options: StreamOptions,
    totals: Totals,
    reporter: Option<Reporter>,
    /// As the source said last.
    camera_present: bool,
    /// Time of the last packet of a frame or of a heartbeat.
    told: Instant,
}

impl<'a> Stream<'a> {
    /// `session` distinguishes this run from the sender's earlier runs.
    pub fn new(
        pipeline: Pipeline,
        sinks: Vec<Box<dyn Sink + 'a>>,
        options: StreamOptions,
        session: u32,
    ) -> Self {
        let card = pipeline.card();
        let id = StreamId {
            session,
            instance: options.instance,
            task: card.task,
            joint_table: card.joint_table_id(),
            mirrored: options.mirrored,
        };
        Stream {
            sender: Sender::new(id, options.stale_after),
            pipeline,
            outlets: Outlets::new(sinks),
            reporter: options.stats_every.map(Reporter::new),
            options,
            totals: Totals::default(),
            camera_present: true,
            told: Instant::now(),
        }
    }

    /// Runs until the source ends, the requested frames are sent, `stop` is set, or the reader of the output is gone. The
    /// last packet is a heartbeat with the flag `last`.
    ///
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the source breaks permanently. The last packet is sent
    /// nevertheless.
    pub fn run(
        &mut self,
        source: &mut dyn FrameSource,
        stop: &AtomicBool,
        times: &mut StageTimes,
    ) -> Result<Totals> {
        let outcome = self.feed(source, stop, times);
        self.totals.source = source.counts();
        let camera_present = outcome.is_ok() && self.camera_present;
        self.send_heartbeat(What::Last, camera_present);
        self.outlets.finish(stop, &mut self.totals);
        outcome.map(|()| self.totals)
    }

    /// The next [`run`](Stream::run) ends after this many frames.
    pub fn stop_after(&mut self, frames: u64) {
        let done = self.totals.frames + self.totals.failed;
        self.options.frames = Some(done.saturating_add(frames));
    }

    /// Processes frames without reporting or counting them, so that caches and buffers are filled.
    ///
    /// # Errors
    /// The error of the source or of the network.
    pub fn warm_up(&mut self, source: &mut dyn FrameSource, frames: u64) -> Result<()> {
        let mut times = StageTimes::default();
        for _ in 0..frames {
            if let Next::Frame(frame) = source.next_frame(self.options.heartbeat)? {
                self.pipeline.process(&frame, &mut times)?;
            }
        }
        Ok(())
    }

    fn feed(
        &mut self,
        source: &mut dyn FrameSource,
        stop: &AtomicBool,
        times: &mut StageTimes,
    ) -> Result<()> {
        let wanted = self.options.frames.unwrap_or(u64::MAX);
        let mut asked = Instant::now();
        self.told = asked;
        while self.totals.frames + self.totals.failed < wanted
            && !self.outlets.is_closed
            && !stop.load(Ordering::Relaxed)
        {
            let begun = times.begin(Stage::Source);
            // Not longer, so that supervisors are fed and the end is seen whatever the heartbeat.
            let quiet = self.options.heartbeat.saturating_sub(self.told.elapsed());
            let wait = quiet.min(LONGEST_WAIT);
            let next = source.next_frame(wait);
            times.stop_unrecorded(begun);
            match next? {
                Next::End => break,
                Next::TimedOut { camera_present } => {
                    self.camera_present = camera_present;
                    if wait == quiet {
                        self.send_heartbeat(What::Idle, camera_present);
                    }
                    // After an outage the tracked region is out of date. A slow camera's normal frame gap
                    // is not an outage.
                    if !camera_present || self.sender.was_stale() {
                        self.pipeline.reset();
                    }
                }
                Next::Frame(frame) => {
                    times.begin_frame();
                    times.record(Stage::Source, asked.elapsed());
                    self.camera_present = true;
                    self.handle(&frame, times);
                    asked = Instant::now();
                }
            }
            self.outlets.tick(clock::Instant::now(), &mut self.totals);
            self.show(source, times);
            self.report(source, times);
        }
        Ok(())
    }

    fn handle(&mut self, frame: &Frame<'_>, times: &mut StageTimes) {
        match self.pipeline.process(frame, times) {
            Ok(scene) => {
                self.totals.frames += 1;
                if self.totals.frames == WARM_UP_FRAMES {
                    memory::mark_steady();
                }
                self.totals.found += u64::from(scene.has_found());
                let begun = times.begin(Stage::Send);
                let now = clock::Instant::now();
                let event = Event {
                    what: What::Scene { scene, frame },
                    packets: self.sender.scene(scene, now),
                };
                self.outlets.tell(&event, now, &mut self.totals);
                self.told = Instant::now();
                times.end(begun);
                if let Some(reporter) = &mut self.reporter {
                    reporter.count(self.sender.was_stale());
                }
                let age_us = frame.captured.age_us(now);
                times.record(Stage::Age, Duration::from_micros(age_us));
            }
            Err(error) => {
                log::error!("frame {}: {error}", frame.index);
                self.totals.failed += 1;
                self.send_heartbeat(What::Failed, true);
            }
        }
    }

    fn send_heartbeat(&mut self, what: What<'_>, camera_present: bool) {
        self.totals.heartbeats += 1;
        self.told = Instant::now();
        let now = clock::Instant::now();
        let is_last = matches!(what, What::Last);
        let packets = self.sender.heartbeat(camera_present, is_last, now);
        self.outlets
            .tell(&Event { what, packets }, now, &mut self.totals);
    }

    /// Shows the run to the sinks that a person watches, and does what they wish.
    fn show(&mut self, source: &dyn FrameSource, times: &StageTimes) {
        let (totals, counts) = (&self.totals, source.counts());
        let us = |stage| u64::try_from(times.latest(stage).as_micros()).unwrap_or(u64::MAX);
        let wish = self.outlets.watch(&Figures {
            stages_us: Stage::ALL.map(us),
            frames: totals.frames,
            found: totals.found,
            failed: totals.failed,
            dropped: totals.dropped,
            skipped: counts.skipped,
            passed_over: counts.passed_over,
            lost: counts.lost,
            reopened: counts.reopened,
            roi: self.pipeline.roi(),
            takes_roi: self.pipeline.takes_roi(),
        });
        if let Some(Wish::Roi(roi)) = wish {
            self.pipeline.set_roi(roi);
        }
    }

    /// Sends the statistics if they are due.
    fn report(&mut self, source: &dyn FrameSource, times: &mut StageTimes) {
        if let Some(reporter) = &mut self.reporter
            && reporter.is_due()
        {
            self.totals.source = source.counts();
            let now = clock::Instant::now();
            let stats = reporter.take(&self.totals, times);
            let event = Event {
                what: What::Stats,
                packets: self.sender.stats(stats, now),
            };
            self.outlets.tell(&event, now, &mut self.totals);
        }
    }
}
