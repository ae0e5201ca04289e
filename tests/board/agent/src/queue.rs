//! An output node's mapped buffers: pictures in, at the device's own rate.
//!
//! vivid refuses `write()`, and gives no buffer back while it has fewer than two.

use crate::Outcome;
use crate::video::{Node, OUTPUT, PROGRESSIVE, zeroed};
use std::os::fd::AsRawFd;
use v4l::v4l_sys::{v4l2_buffer, v4l2_requestbuffers};
use v4l::v4l2::{mmap, munmap, vidioc};

const BUFFERS: u32 = 3;
const MAPPED: u32 = 1;
const READ_WRITE: i32 = 3;
const SHARED: i32 = 1;

pub struct OutputQueue {
    // Dropped before the node: buffers are returned while it is open.
    buffers: Vec<Mapping>,
    node: Node,
}

struct Mapping {
    start: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone, and any thread may unmap it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn fill(&mut self, picture: &[u8]) {
        let length = picture.len().min(self.length);
        // SAFETY: `start` points to `length` mapped bytes that only this value refers to, and the
        // kernel does not read the buffer until it is queued.
        unsafe { std::ptr::copy_nonoverlapping(picture.as_ptr(), self.start, length) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `OutputQueue::start` with this length, and not used after this.
        if let Err(error) = unsafe { munmap(self.start.cast(), self.length) } {
            eprintln!("agent: unmapping a buffer: {error}");
        }
    }
}

impl OutputQueue {
    /// Starts to stream with the same picture in every buffer.
    pub fn start(node: Node, picture: &[u8]) -> Outcome<Self> {
        let mut request: v4l2_requestbuffers = zeroed();
        request.count = BUFFERS;
        request.type_ = OUTPUT;
        request.memory = MAPPED;
        node.ask("buffers", vidioc::VIDIOC_REQBUFS, &mut request)?;
        let mut queue = OutputQueue {
            buffers: Vec::new(),
            node,
        };
        for index in 0..request.count {
            let mut buffer = empty(index);
            queue
                .node
                .ask("a buffer", vidioc::VIDIOC_QUERYBUF, &mut buffer)?;
            let length = buffer.length as usize;
            // SAFETY: a new shared mapping of the whole buffer that the driver described.
            let start = unsafe {
                mmap(
                    std::ptr::null_mut(),
                    length,
                    READ_WRITE,
                    SHARED,
                    queue.node.file.as_raw_fd(),
                    i64::from(buffer.m.offset),
                )
            }
            .map_err(|error| format!("mapping a buffer: {error}"))?;
            queue.buffers.push(Mapping {
                start: start.cast(),
                length,
            });
            queue.put(index, picture)?;
        }
        let mut kind = OUTPUT as i32;
        queue
            .node
            .ask("starting", vidioc::VIDIOC_STREAMON, &mut kind)?;
        Ok(queue)
    }

    /// Waits for a free buffer and sends a picture in it.
    pub fn send(&mut self, picture: &[u8]) -> Outcome<()> {
        let mut buffer = empty(0);
        self.node
            .ask("a free buffer", vidioc::VIDIOC_DQBUF, &mut buffer)?;
        self.put(buffer.index, picture)
    }

    fn put(&mut self, index: u32, picture: &[u8]) -> Outcome<()> {
        let mapping = self
            .buffers
            .get_mut(index as usize)
            .ok_or("the driver named a buffer that is not there")?;
        mapping.fill(picture);
        let mut buffer = empty(index);
        buffer.bytesused = picture.len() as u32;
        buffer.field = PROGRESSIVE;
        self.node.ask("sending", vidioc::VIDIOC_QBUF, &mut buffer)
    }
}

fn empty(index: u32) -> v4l2_buffer {
    let mut buffer: v4l2_buffer = zeroed();
    buffer.index = index;
    buffer.type_ = OUTPUT;
    buffer.memory = MAPPED;
    buffer
}
