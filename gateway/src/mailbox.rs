//! The queue of an output: packets in a ring, and the boards of which there is news.
//!
//! In: packets and places from the thread that receives. Out: batches for the output's thread. A full ring loses its
//! oldest packet, and counts it. News is a bit for each board, so that an output that was away for long gets the newest
//! state of each board, and nothing in between.

use crate::limits::QUEUE_PACKETS;
use posewire::wire::MAX_PACKET_BYTES;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A packet on its way to an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The board's place in the table, and which board it is.
    pub place: u16,
    pub generation: u32,
    /// Arrival on the steady clock.
    pub received_steady_us: u64,
    /// The packet without its seal.
    pub bytes: heapless::Vec<u8, MAX_PACKET_BYTES>,
}

/// A ring of packets, and a bit for each board.
#[derive(Debug)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    wake: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct Inner {
    ring: VecDeque<Message>,
    news: Vec<u64>,
    has_news: bool,
    /// Packets that had no room.
    pushed_out: u64,
    waiting: bool,
    closed: bool,
}

impl Mailbox {
    /// For this many boards.
    pub fn new(boards: usize) -> Self {
        Self::with_capacity(boards, QUEUE_PACKETS)
    }

    pub fn with_capacity(boards: usize, capacity: usize) -> Self {
        Mailbox {
            inner: Mutex::new(Inner {
                ring: VecDeque::new(),
                news: vec![0; boards.div_ceil(64)],
                has_news: false,
                pushed_out: 0,
                waiting: false,
                closed: false,
            }),
            wake: Condvar::new(),
            capacity,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a packet. [`flush`](Self::flush) wakes the output.
    pub fn push(&self, message: Message) {
        let mut inner = self.inner();
        if inner.ring.len() >= self.capacity {
            inner.ring.pop_front();
            inner.pushed_out += 1;
        }
        inner.ring.push_back(message);
    }

    /// Says that there is news of a board.
    pub fn tell(&self, place: u16) {
        let mut inner = self.inner();
        if let Some(word) = inner.news.get_mut(usize::from(place / 64)) {
            *word |= 1 << (place % 64);
            inner.has_news = true;
        }
    }

    /// Says that there is news of the first `boards`.
    pub fn tell_all(&self, boards: usize) {
        let mut inner = self.inner();
        for (index, word) in inner.news.iter_mut().enumerate() {
            let bits = boards.saturating_sub(64 * index).min(64) as u32;
            *word |= 1_u64.checked_shl(bits).unwrap_or(0).wrapping_sub(1);
        }
        inner.has_news |= boards > 0;
    }

    /// Wakes the output if it waits for something that is there now.
    pub fn flush(&self) {
        let inner = self.inner();
        if inner.waiting && (inner.has_news || !inner.ring.is_empty()) {
            drop(inner);
            self.wake.notify_one();
        }
    }

    /// Ends the output.
    pub fn close(&self) {
        self.inner().closed = true;
        self.wake.notify_one();
    }

    /// True if nothing more comes.
    pub fn is_closed(&self) -> bool {
        self.inner().closed
    }

    /// Waits for packets or news, at most `patience`, and takes what is there: news into `places`, and packets into
    /// `messages` if they are wanted. False if the mailbox is closed and empty.
    pub fn take(
        &self,
        messages: Option<&mut VecDeque<Message>>,
        places: &mut Vec<u16>,
        patience: Duration,
    ) -> bool {
        let mut inner = self.inner();
        let is_idle =
            |inner: &Inner| !inner.has_news && (messages.is_none() || inner.ring.is_empty());
        if is_idle(&inner) && !inner.closed {
            inner.waiting = true;
            inner = self
                .wake
                .wait_timeout(inner, patience)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            inner.waiting = false;
        }
        let is_open = !(inner.closed && is_idle(&inner));
        places.clear();
        if std::mem::take(&mut inner.has_news) {
            for (index, word) in inner.news.iter_mut().enumerate() {
                let mut bits = std::mem::take(word);
                while bits != 0 {
                    // Places fit 16 bits.
                    places.push((64 * index) as u16 + bits.trailing_zeros() as u16);
                    bits &= bits - 1;
                }
            }
        }
        if let Some(messages) = messages {
            messages.clear();
            std::mem::swap(&mut inner.ring, messages);
        }
        is_open
    }

    /// Packets that wait, and packets that had no room so far.
    pub fn counts(&self) -> (usize, u64) {
        let inner = self.inner();
        (inner.ring.len(), inner.pushed_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(number: u64) -> Message {
        Message {
            place: 0,
            generation: 0,
            received_steady_us: number,
            bytes: heapless::Vec::new(),
        }
    }

    #[test]
    fn the_newest_win() {
        let mailbox = Mailbox::with_capacity(1, 3);
        for number in 0..5 {
            mailbox.push(message(number));
        }
        let (mut messages, mut places) = (VecDeque::new(), Vec::new());
        assert!(mailbox.take(Some(&mut messages), &mut places, Duration::ZERO));
        let numbers: Vec<u64> = messages
            .iter()
            .map(|message| message.received_steady_us)
            .collect();
        assert_eq!(numbers, [2, 3, 4]);
        assert_eq!(mailbox.counts(), (0, 2));
    }

    #[test]
    fn packets_stay_while_they_are_not_wanted_and_news_comes_once() {
        let mailbox = Mailbox::with_capacity(300, 3);
        mailbox.push(message(7));
        mailbox.tell(299);
        mailbox.tell(64);
        mailbox.tell(64);
        mailbox.tell(999);
        let mut places = Vec::new();
        assert!(mailbox.take(None, &mut places, Duration::ZERO));
        assert_eq!(places, [64, 299]);
        assert!(mailbox.take(None, &mut places, Duration::ZERO));
        assert_eq!((places.len(), mailbox.counts()), (0, (1, 0)));
    }

    #[test]
    fn a_closed_mailbox_is_emptied_first() {
        let mailbox = Mailbox::with_capacity(1, 3);
        mailbox.push(message(7));
        mailbox.close();
        let (mut messages, mut places) = (VecDeque::new(), Vec::new());
        let patience = Duration::from_secs(60);
        assert!(mailbox.take(Some(&mut messages), &mut places, patience));
        assert_eq!(messages.len(), 1);
        assert!(!mailbox.take(Some(&mut messages), &mut places, patience));
    }

    proptest! {
        #[test]
        fn all_boards_are_told_of(boards in 0_usize..300, limit in 0_usize..300) {
            let mailbox = Mailbox::with_capacity(limit, 1);
            mailbox.tell_all(boards.min(limit));
            let mut places = Vec::new();
            mailbox.take(None, &mut places, Duration::ZERO);
            let expected: Vec<u16> = (0..boards.min(limit) as u16).collect();
            prop_assert_eq!(places, expected);
        }
    }
}
