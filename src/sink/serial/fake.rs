//! A line that jams, accepts parts, breaks and comes back. It keeps the bytes that a receiver would see.

use super::port::{Opener, Port};
use crate::wire::{PacketView, cobs};
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// The kernel's buffer for a terminal.
const KERNEL_BYTES: usize = 4096;

/// A fake device. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct FakeDevice(Rc<RefCell<State>>);

#[derive(Debug)]
pub(super) struct State {
    /// Can be opened.
    pub present: bool,
    /// Every call on the open device fails.
    pub broken: bool,
    /// Nothing leaves the kernel.
    pub jammed: bool,
    /// Capacity of the kernel's queue, in bytes.
    pub room_bytes: usize,
    /// Largest accepted write, in bytes.
    pub bite_bytes: usize,
    /// Always reports an empty queue, like pseudo-terminals.
    pub hides_queue: bool,
    pub opened: u32,
    pub kernel: VecDeque<u8>,
    /// Bytes that have left.
    pub line: Vec<u8>,
    baud: u64,
    /// Time towards the next byte.
    rest_us: u64,
}

impl FakeDevice {
    pub fn new(baud: u32) -> Self {
        FakeDevice(Rc::new(RefCell::new(State {
            present: true,
            broken: false,
            jammed: false,
            room_bytes: KERNEL_BYTES,
            bite_bytes: usize::MAX,
            hides_queue: false,
            opened: 0,
            kernel: VecDeque::new(),
            line: Vec::new(),
            baud: baud.into(),
            rest_us: 0,
        })))
    }

    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.borrow_mut());
    }

    pub fn get<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.borrow())
    }

    /// Lets the line send for this time.
    pub fn run_us(&self, time_us: u64) {
        let state = &mut *self.0.borrow_mut();
        if state.jammed || state.broken {
            return;
        }
        let scaled = (time_us + state.rest_us) * state.baud / 10;
        state.rest_us = (scaled % 1_000_000) * 10 / state.baud;
        let leaving = (scaled / 1_000_000).min(state.kernel.len() as u64);
        state.line.extend(state.kernel.drain(..leaving as usize));
        if state.kernel.is_empty() {
            state.rest_us = 0;
        }
    }

    /// Sequence numbers of the received packets, and the number of frames that were not packets.
    pub fn received(&self) -> (Vec<u32>, usize) {
        let state = self.0.borrow();
        let (mut splitter, mut rest) = (cobs::Splitter::default(), &state.line[..]);
        let (mut sequences, mut damaged) = (Vec::new(), 0);
        while let Some(frame) = splitter.next_frame(&mut rest) {
            match frame.and_then(cobs::decode).as_deref().map(PacketView::new) {
                Ok(Ok(view)) => sequences.push(view.sequence()),
                _ => damaged += 1,
            }
        }
        (sequences, damaged)
    }

    fn working(&self) -> io::Result<()> {
        if self.0.borrow().broken {
            Err(Errno::IO.into())
        } else {
            Ok(())
        }
    }
}

impl Opener for FakeDevice {
    type Port = FakeDevice;

    fn open(&mut self) -> Result<FakeDevice, String> {
        let mut state = self.0.borrow_mut();
        state.opened += 1;
        if state.present {
            Ok(self.clone())
        } else {
            Err("there is no such device".into())
        }
    }
}

impl Port for FakeDevice {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.working()?;
        let state = &mut *self.0.borrow_mut();
        let room_bytes = state.room_bytes.saturating_sub(state.kernel.len());
        let taken = bytes.len().min(room_bytes).min(state.bite_bytes);
        state.kernel.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn queued_bytes(&mut self) -> io::Result<usize> {
        self.working()?;
        let state = self.0.borrow();
        Ok(if state.hides_queue {
            0
        } else {
            state.kernel.len()
        })
    }

    fn discard(&mut self) {
        self.0.borrow_mut().kernel.clear();
    }
}
