//! Pictures on their way to a recording: one waits while another is encoded.
//!
//! The stream's side copies a frame if one is due and the place is free, and never waits. The thread's side takes it.

use crate::clock::Instant;
use crate::frame::Frame;
use crate::sink::small_picture::{PICTURE_BYTES, SmallPicture};
use std::sync::{Mutex, PoisonError};

/// Bytes of a JPEG. Its text has a third more, and fits a chunk.
pub(super) const JPEG_BYTES: usize = 96 << 10;
/// Bytes of the memory for pictures, with the encoder's: two pictures, a JPEG and its text.
pub(in crate::sink) const HEAP_BYTES: usize = 2 * PICTURE_BYTES + 7 * JPEG_BYTES / 3 + (64 << 10);

/// A picture and its times.
#[derive(Debug)]
pub(super) struct Timed {
    pub picture: SmallPicture,
    /// Time of the recording, as that of the packets of the same frame.
    pub time_ns: u64,
    /// Time of the capture.
    pub captured_ns: u64,
}

impl Timed {
    pub fn new() -> Box<Self> {
        Box::new(Timed {
            picture: SmallPicture::new(),
            time_ns: 0,
            captured_ns: 0,
        })
    }
}

/// The place where one picture waits.
#[derive(Debug)]
pub(super) struct Pictures {
    period_us: u64,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    waiting: Box<Timed>,
    is_full: bool,
    /// From this time on the next one is due.
    due_us: u64,
}

impl Pictures {
    /// At most so many a second.
    pub fn new(per_second: u32) -> Self {
        Pictures {
            period_us: 1_000_000 / u64::from(per_second.max(1)),
            place: Mutex::new(Place {
                waiting: Timed::new(),
                is_full: false,
                due_us: 0,
            }),
        }
    }

    /// Copies a frame if it is time for one. True if there is one for the thread.
    pub fn put(&self, frame: &Frame<'_>, time_ns: u64, now: Instant) -> bool {
        let Ok(mut place) = self.place.try_lock() else {
            return false;
        };
        if place.is_full || now.mono_us < place.due_us {
            return false;
        }
        // The next one is due a period after this one was, so that the mean rate does not depend on the frames' times.
        let next_us = place.due_us + self.period_us;
        place.due_us = match next_us > now.mono_us {
            true => next_us,
            // After a pause there is nothing to make up for.
            false => now.mono_us + self.period_us,
        };
        let age_us = frame.captured.age_us(now);
        let waiting = &mut place.waiting;
        waiting.time_ns = time_ns;
        waiting.captured_ns = time_ns.saturating_sub(1000 * age_us);
        waiting.picture.take(frame);
        place.is_full = true;
        true
    }

    /// Exchanges `picture` for the one that waits. False if there is none.
    pub fn exchange(&self, picture: &mut Box<Timed>) -> bool {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if !place.is_full {
            return false;
        }
        std::mem::swap(&mut place.waiting, picture);
        place.is_full = false;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{PixelFormat, Pixels};

    #[test]
    fn pictures_come_at_their_rate_and_a_slow_thread_gets_fewer() {
        let bytes = [9; 16 * 16];
        let pixels = Pixels::new(PixelFormat::Grey, 16, 16, 16, &bytes).unwrap();
        let at = |mono_us| Instant {
            mono_us,
            wall_us: 0,
        };
        let pictures = Pictures::new(2);
        let mut taken = Timed::new();
        let mut put = |us: u64, is_slow: bool| {
            let frame = Frame {
                pixels,
                captured: at(us - 20_000),
                index: 0,
                file: None,
            };
            let is_in = pictures.put(&frame, 1000 * us, at(us));
            if is_in && !is_slow {
                assert!(pictures.exchange(&mut taken) && !pictures.exchange(&mut taken));
                assert_eq!(
                    (taken.time_ns, taken.captured_ns),
                    (1000 * us, 1000 * (us - 20_000))
                );
                assert_eq!(taken.picture.size_px(), [16, 16]);
            }
            is_in
        };
        let second = |put: &mut dyn FnMut(u64, bool) -> bool, from_us: u64, is_slow| {
            (0..30)
                .filter(|frame| put(from_us + 33_333 * frame, is_slow))
                .count()
        };
        assert_eq!(second(&mut put, 1_000_000, false), 2);
        assert_eq!(second(&mut put, 2_000_000, false), 2);
        assert_eq!(second(&mut put, 3_000_000, true), 1);
    }
}
