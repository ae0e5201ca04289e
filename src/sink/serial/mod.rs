//! Packets on a serial line, one frame each (docs/wire.md, 'On a serial line').
//!
//! The stream never waits for the line: [`SendQueue`] holds a few packets for a moment and gives up what gets old. A
//! device that fails is closed, and opened again once a second. All buffers are inside the sink.

#[cfg(test)]
mod fake;
mod kernel_queue;
mod port;
mod send_queue;
#[cfg(test)]
mod tests;

use super::{Delivery, Event, Kind, SendError, Sink, What, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::process::sandbox::Access;
use crate::serial::SerialSpec;
use crate::wire::{self, LineFrame, Sealer, cobs};
use port::TtyOpener;
use send_queue::{Rank, SendQueue};
use std::time::Duration;

/// A serial line, which is opened again when it comes back.
pub(super) const KIND: Kind = Kind {
    name: "serial",
    argument: "DEVICE[:BAUD]",
    example: "/dev/ttyS0:9600",
    help: "send the same packets on a serial line, at 115200 baud if not given",
    check: |line| match line.parse::<SerialSpec>() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    },
    heap_bytes: 0,
    thread: None,
    writes: |_| None,
    access: |line| Access {
        devices: line
            .parse::<SerialSpec>()
            .map(|spec| spec.device.into())
            .into_iter()
            .collect(),
        ..Access::default()
    },
    prepare: |_| Ok(()),
    when: When::First,
    open: |line, context| {
        let sealer = context.sealer.cloned();
        Ok(Box::new(SerialSink::open(&line.parse()?, sealer)?))
    },
};

/// How long the end of the run waits for the last packet to leave: a hand's packet takes 192 ms at 9600
/// baud, the slowest rate that makes any sense.
const FAREWELL: Duration = Duration::from_millis(200);
/// How often it looks whether the packet has left.
const FAREWELL_STEP: Duration = Duration::from_millis(2);

/// A serial line for frames of any protocol whose receivers skip what they do not know.
pub(super) struct LineSender {
    name: String,
    line: SendQueue<TtyOpener>,
}

impl LineSender {
    /// `name` is for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the device is not there, not permitted, not a serial line, or does not run at
    /// the rate: a wrong name should be seen at the start.
    pub fn open(name: &str, spec: &SerialSpec) -> Result<Self> {
        let opener = TtyOpener(spec.clone());
        let line = SendQueue::open(name, opener, spec.baud, Instant::now().mono_us)
            .map_err(|why| Error::sink(name, why))?;
        Ok(LineSender {
            name: name.into(),
            line,
        })
    }

    /// Sends a frame that displaces older ones, and never waits.
    ///
    /// # Errors
    /// The reason why a frame was dropped, this one or an earlier one.
    pub fn send(&mut self, frame: &LineFrame, now: Instant) -> Delivery {
        let sent = self.line.send(frame, Rank::Frame, now.mono_us);
        sent.map_err(|why| SendError::Dropped(why.into()))
    }
}

impl Drop for LineSender {
    fn drop(&mut self) {
        let start = std::time::Instant::now();
        while !self.line.is_done(Instant::now().mono_us) && start.elapsed() < FAREWELL {
            std::thread::sleep(FAREWELL_STEP);
        }
        let lost = self.line.close();
        if lost > 0 {
            log::warn!(
                "{}: {lost} more packet(s) dropped: the end came first",
                self.name
            );
        }
    }
}

/// See the module's comment.
pub struct SerialSink {
    to: LineSender,
    sealer: Option<Sealer>,
}

impl SerialSink {
    /// With a sealer packets are sealed.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the device is not there, not permitted, not a serial line, or does not run at
    /// the rate.
    pub fn open(spec: &SerialSpec, sealer: Option<Sealer>) -> Result<Self> {
        let to = LineSender::open(&spec.to_string(), spec)?;
        Ok(SerialSink { to, sealer })
    }
}

impl Sink for SerialSink {
    fn name(&self) -> &str {
        &self.to.name
    }

    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery {
        let mut lost = None;
        for (part, packet) in event.packets.iter().enumerate() {
            let rank = match event.what {
                What::Stats => Rank::Stats,
                _ if part > 0 => Rank::Part,
                _ => Rank::Frame,
            };
            let frame = cobs::encode(&wire::encode(packet, self.sealer.as_mut()));
            if let Err(why) = self.to.line.send(&frame, rank, now.mono_us) {
                let (count, _) = lost.unwrap_or((0, why));
                lost = Some((count + 1, why));
            }
        }
        match lost {
            None => Ok(()),
            Some((1, why)) => Err(SendError::Dropped(why.into())),
            Some((count, why)) => Err(SendError::Lost(count, why.into())),
        }
    }
}
