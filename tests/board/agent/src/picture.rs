//! A screen in front of the camera: a thread feeds one picture repeatedly to vivid's output.
//!
//! The tests make the device vanish at any time. The thread then tries to open it until it is back.

use crate::Outcome;
use crate::queue::OutputQueue;
use crate::video::Node;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const RETRY_EVERY: Duration = Duration::from_millis(20);

/// The picture and its format.
#[derive(Clone)]
struct Shown {
    format: String,
    size_px: [u32; 2],
    bytes: Arc<Vec<u8>>,
}

pub struct Screen {
    shown: Arc<Mutex<Shown>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Starts to show a raw picture; fails if the device does not take it.
    pub fn start(node: &str, format: &str, size_px: [u32; 2], bytes: Vec<u8>) -> Outcome<Self> {
        let shown = Shown {
            format: format.into(),
            size_px,
            bytes: Arc::new(bytes),
        };
        let first = prepare(node, &shown)?;
        let shown = Arc::new(Mutex::new(shown));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (node, shown, stop) = (node.to_string(), Arc::clone(&shown), Arc::clone(&stop));
            std::thread::spawn(move || keep_showing(&node, Some(first), &shown, &stop))
        };
        Ok(Screen {
            shown,
            stop,
            thread: Some(thread),
        })
    }

    /// Another picture of the same format and size, from the next frame on.
    pub fn change(&self, bytes: Vec<u8>) -> Outcome<()> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() != shown.bytes.len() {
            return Err(format!(
                "the picture has {} bytes, the screen {}",
                bytes.len(),
                shown.bytes.len()
            ));
        }
        shown.bytes = Arc::new(bytes);
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("agent: the screen's thread panicked");
        }
    }
}

fn prepare(path: &str, shown: &Shown) -> Outcome<OutputQueue> {
    let node = Node::open(path)?;
    let bytes = node.set_format(true, &shown.format, shown.size_px)?;
    if bytes != shown.bytes.len() {
        return Err(format!(
            "{path}: a picture has {bytes} bytes, this one {}",
            shown.bytes.len()
        ));
    }
    OutputQueue::start(node, &shown.bytes)
}

fn keep_showing(
    path: &str,
    mut queue: Option<OutputQueue>,
    shown: &Mutex<Shown>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let now = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shown = queue
            .as_mut()
            .is_some_and(|queue| queue.send(&now.bytes).is_ok());
        if !shown {
            // Closed before the pause: an open handle keeps an unplugged device away.
            drop(queue.take());
            std::thread::sleep(RETRY_EVERY);
            queue = prepare(path, &now).ok();
        }
    }
}
