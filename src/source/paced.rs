//! A source at a camera's rate.

use super::{FrameSource, Next, SourceCounts};
use crate::error::Result;
use std::time::{Duration, Instant};

/// Gives at most one frame of the inner source per `period`.
#[derive(Debug)]
pub struct Paced<S> {
    inner: S,
    period: Duration,
    due: Option<Instant>,
}

impl<S: FrameSource> Paced<S> {
    /// Paces `inner` to a frame per `period`.
    pub fn new(inner: S, period: Duration) -> Self {
        Paced {
            inner,
            period,
            due: None,
        }
    }
}

impl<S: FrameSource> FrameSource for Paced<S> {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        let now = Instant::now();
        let due = self.due.unwrap_or(now);
        let wait = due.saturating_duration_since(now);
        if wait > timeout {
            std::thread::sleep(timeout);
            return Ok(Next::TimedOut {
                camera_present: true,
            });
        }
        std::thread::sleep(wait);
        // A late consumer gets no burst of frames afterwards.
        self.due = Some(due.max(now) + self.period);
        self.inner.next_frame(timeout)
    }

    fn counts(&self) -> SourceCounts {
        self.inner.counts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Fault, Faulty};

    #[test]
    fn frames_keep_their_distance_and_the_timeout_is_kept() {
        let faults = [Fault::Frame, Fault::Frame].into_iter();
        let mut source = Paced::new(Faulty::script(faults), Duration::from_millis(60));
        let start = Instant::now();
        assert!(matches!(
            source.next_frame(Duration::ZERO),
            Ok(Next::Frame(_))
        ));
        // A frame that is due in a minute is not due yet even on the slowest machine.
        let in_a_minute = Some(Instant::now() + Duration::from_secs(60));
        let due = std::mem::replace(&mut source.due, in_a_minute);
        let early = source.next_frame(Duration::from_millis(10));
        assert!(matches!(
            early,
            Ok(Next::TimedOut {
                camera_present: true
            })
        ));
        source.due = due;
        assert!(matches!(
            source.next_frame(Duration::from_secs(5)),
            Ok(Next::Frame(_))
        ));
        assert!(start.elapsed() >= Duration::from_millis(60));
    }
}
