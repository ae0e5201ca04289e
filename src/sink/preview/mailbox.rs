//! The place where the stream leaves a view, and takes a wish.
//!
//! The stream never waits here: it writes only when a viewer asked for a view and the other side does not hold the lock.
//! The one view exists twice, so that the thread encodes its own while the stream fills the other.

use crate::limits::MAX_INSTANCES;
use crate::sink::small_picture::{PICTURE_BYTES, SmallPicture};
use crate::sink::{Event, Figures, What, Wish};
use crate::wire::Packet;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of the two pictures.
pub(super) const HEAP_BYTES: usize = 2 * PICTURE_BYTES;

/// A moment of the stream.
#[derive(Debug)]
pub(super) struct View {
    /// Those of one frame, or of a heartbeat.
    pub packets: heapless::Vec<Packet, MAX_INSTANCES>,
    pub figures: Figures,
    pub picture: SmallPicture,
}

impl View {
    fn new() -> Box<Self> {
        Box::new(View {
            packets: heapless::Vec::new(),
            figures: Figures::default(),
            picture: SmallPicture::new(),
        })
    }
}

/// Both sides' memory.
#[derive(Debug)]
pub(super) struct Mailbox {
    /// A viewer waits for the next view.
    is_wanted: AtomicBool,
    /// The stream has ended.
    has_ended: AtomicBool,
    state: Mutex<State>,
    /// Wakes the thread.
    bell: OwnedFd,
}

#[derive(Debug)]
struct State {
    view: Box<View>,
    progress: Progress,
    wish: Option<Wish>,
}

/// How much of a view is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Empty,
    /// The packets and the picture; the figures come later in the same turn of the loop.
    Event,
    Whole,
}

impl Mailbox {
    /// The mailbox, and the view that the thread gives back for another.
    pub fn new() -> io::Result<(Self, Box<View>)> {
        let mailbox = Mailbox {
            is_wanted: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            state: Mutex::new(State {
                view: View::new(),
                progress: Progress::Empty,
                wish: None,
            }),
            bell: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        };
        Ok((mailbox, View::new()))
    }

    // The stream's side.

    /// Leaves an event, if a viewer waits for one.
    pub fn put(&self, event: &Event<'_>) {
        if !self.is_wanted.load(Ordering::Acquire) || matches!(event.what, What::Stats) {
            return;
        }
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        let state = &mut *state;
        if state.progress == Progress::Whole {
            return;
        }
        state.view.packets.clear();
        // A frame has no more packets than instances.
        let fitting = event.packets.iter().take(MAX_INSTANCES);
        state.view.packets.extend(fitting.cloned());
        match event.what {
            What::Scene { frame, .. } => state.view.picture.take(frame),
            _ => state.view.picture.clear(),
        }
        state.progress = match event.what {
            // No turn of the loop comes any more.
            What::Last => Progress::Whole,
            _ => Progress::Event,
        };
        if state.progress == Progress::Whole {
            self.give();
        }
    }

    /// Completes a view, and takes a wish.
    pub fn complete(&self, figures: &Figures) -> Option<Wish> {
        let mut state = self.state.try_lock().ok()?;
        if state.progress == Progress::Event {
            state.view.figures = *figures;
            state.progress = Progress::Whole;
            self.give();
        }
        state.wish.take()
    }

    /// Tells the thread to end.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.ring();
    }

    fn give(&self) {
        self.is_wanted.store(false, Ordering::Release);
        self.ring();
    }

    fn ring(&self) {
        // A bell that was rung so often that its counter is full rings anyway.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    // The thread's side.

    /// Readable when there is something to take.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Stops the bell.
    pub fn hear(&self) {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Asks the stream for its next event.
    pub fn ask(&self) {
        self.is_wanted.store(true, Ordering::Release);
    }

    /// Exchanges `view` for a new one. False if there is none.
    pub fn exchange(&self, view: &mut Box<View>) -> bool {
        let mut state = self.lock();
        if state.progress != Progress::Whole {
            return false;
        }
        std::mem::swap(&mut state.view, view);
        state.progress = Progress::Empty;
        true
    }

    pub fn wish(&self, wish: Wish) {
        self.lock().wish = Some(wish);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::BBox;
    use crate::wire::{Flags, test_packet};

    fn idle(packets: &[Packet]) -> Event<'_> {
        Event {
            what: What::Idle,
            packets,
        }
    }

    #[test]
    fn nothing_is_left_until_a_viewer_asks_and_then_one_view() {
        let (mailbox, mut view) = Mailbox::new().unwrap();
        let packets = [test_packet(Flags::NO_CAMERA)];
        let figures = Figures {
            frames: 7,
            ..Figures::default()
        };
        mailbox.put(&idle(&packets));
        assert_eq!(mailbox.complete(&figures), None);
        assert!(!mailbox.exchange(&mut view));

        mailbox.ask();
        mailbox.put(&idle(&packets));
        assert!(!mailbox.exchange(&mut view), "the figures are missing");
        mailbox.complete(&figures);
        assert!(mailbox.exchange(&mut view));
        assert_eq!((view.packets.len(), view.figures.frames), (1, 7));
        assert!(view.picture.rgb().is_empty());

        mailbox.put(&idle(&packets));
        mailbox.complete(&figures);
        assert!(!mailbox.exchange(&mut view), "it was asked for once");
    }

    #[test]
    fn the_stream_does_not_wait_for_the_other_side() {
        let (mailbox, mut view) = Mailbox::new().unwrap();
        mailbox.ask();
        let held = mailbox.lock();
        mailbox.put(&idle(&[]));
        assert_eq!(mailbox.complete(&Figures::default()), None);
        drop(held);
        assert!(!mailbox.exchange(&mut view));
    }

    #[test]
    fn the_last_packet_is_seen_without_another_turn_and_a_wish_is_taken_once() {
        let (mailbox, mut view) = Mailbox::new().unwrap();
        let roi = BBox::whole(64, 48);
        mailbox.wish(Wish::Roi(None));
        mailbox.wish(Wish::Roi(Some(roi)));
        let figures = Figures::default();
        assert_eq!(mailbox.complete(&figures), Some(Wish::Roi(Some(roi))));
        assert_eq!(mailbox.complete(&figures), None);
        mailbox.ask();
        mailbox.put(&Event {
            what: What::Last,
            packets: &[test_packet(Flags::LAST)],
        });
        assert!(mailbox.exchange(&mut view));
        assert!(view.packets[0].flags.contains(Flags::LAST));
    }
}
