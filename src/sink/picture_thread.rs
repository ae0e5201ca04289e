//! A thread that draws skeletons and writes pictures, so that a slow disk holds up no frame.
//!
//! In: pictures, of which one waits while another is written. Out: PNGs, each whole or not there.

use super::draw::{Canvas, draw_number, draw_skeleton};
use super::{Delivery, SendError};
use crate::file::Replacement;
use crate::model::ModelCard;
use crate::process::output::{LONGEST_WAIT, Patience};
use crate::process::thread::{Role, spawn};
use crate::scene::Keypoint;
use crate::wire::Packet;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A picture to draw on and write.
pub(super) struct Picture {
    pub canvas: Canvas,
    pub skeletons: Vec<Skeleton>,
    pub path: PathBuf,
}

/// A skeleton to draw.
pub(super) struct Skeleton {
    /// As in a packet's header.
    pub task: u8,
    /// The instance's number, if it has one.
    pub number: Option<u16>,
    /// Pixels of the picture.
    pub keypoints: Vec<Keypoint>,
}

pub(super) struct PictureThread(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Option<Picture>,
    is_writing: bool,
    /// The disk took longer than it is waited for.
    is_stalled: bool,
    failed: u64,
    why: String,
    ends: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl PictureThread {
    pub fn start(cards: Vec<ModelCard>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        spawn(Role::Overlay, move || work(&theirs, &cards))?;
        Ok(PictureThread(shared))
    }

    pub fn put(&self, picture: Picture, patience: Patience) -> Delivery {
        let mut picture = Some(picture);
        let (mut state, has_room) = patience.put(
            LONGEST_WAIT,
            &self.0.changed,
            self.0.lock(),
            |state| &mut state.is_stalled,
            |state| {
                let is_free = state.waiting.is_none();
                if is_free {
                    state.waiting = picture.take();
                }
                is_free
            },
        );
        if has_room {
            self.0.changed.notify_all();
        }
        let failed = std::mem::take(&mut state.failed);
        if !has_room {
            return Err(SendError::Lost(failed + 1, "the disk is too slow".into()));
        }
        told(failed, &state.why)
    }

    pub fn finish(&self, gives_up: &dyn Fn() -> bool) -> Delivery {
        let mut state = self.0.lock();
        while (state.waiting.is_some() || state.is_writing) && !gives_up() {
            state = self.0.wait(state, Duration::from_millis(20));
        }
        let left = u64::from(state.is_writing) + u64::from(state.waiting.is_some());
        state.ends = true;
        self.0.changed.notify_all();
        let failed = std::mem::take(&mut state.failed);
        if left > 0 {
            return Err(SendError::Lost(
                failed + left,
                "the disk is too slow".into(),
            ));
        }
        told(failed, &state.why)
    }
}

fn told(failed: u64, why: &str) -> Delivery {
    if failed == 0 {
        Ok(())
    } else {
        Err(SendError::Lost(failed, why.into()))
    }
}

impl Drop for PictureThread {
    fn drop(&mut self) {
        self.0.lock().ends = true;
        self.0.changed.notify_all();
    }
}

fn work(shared: &Shared, cards: &[ModelCard]) {
    loop {
        let mut state = shared.lock();
        let picture = loop {
            if let Some(picture) = state.waiting.take() {
                break picture;
            }
            if state.ends {
                return;
            }
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        state.is_writing = true;
        drop(state);
        shared.changed.notify_all();
        let written = write(picture, cards);
        let mut state = shared.lock();
        state.is_writing = false;
        state.is_stalled = false;
        if let Err(error) = written {
            state.failed += 1;
            state.why = error.to_string();
        }
        shared.changed.notify_all();
    }
}

fn write(mut picture: Picture, cards: &[ModelCard]) -> io::Result<()> {
    let canvas = &mut picture.canvas;
    for skeleton in &picture.skeletons {
        let is_of_task = |card: &&ModelCard| Packet::task_code(card.task) == skeleton.task;
        if let Some(card) = cards.iter().find(is_of_task) {
            draw_skeleton(canvas, card, &skeleton.keypoints);
        }
        if let Some(number) = skeleton.number {
            draw_number(canvas, number, &skeleton.keypoints);
        }
    }
    let mut out = BufWriter::new(Replacement::begin(&picture.path)?);
    let png = image::codecs::png::PngEncoder::new(&mut out);
    let color = image::ExtendedColorType::Rgb8;
    image::ImageEncoder::write_image(
        png,
        canvas.rgb(),
        canvas.width_px(),
        canvas.height_px(),
        color,
    )
    .map_err(io::Error::other)?;
    out.flush()?;
    out.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{PixelFormat, Pixels};

    #[test]
    fn a_picture_is_whole_and_one_that_cannot_be_written_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("posewire-thread-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("taken.png")).unwrap();
        let thread = PictureThread::start(vec![crate::model::test_card()]).unwrap();
        let put = |name: &str| {
            let pixels = Pixels::new(PixelFormat::Grey, 8, 8, 8, &[7; 64]).unwrap();
            let picture = Picture {
                canvas: Canvas::new(&pixels),
                skeletons: Vec::new(),
                path: folder.join(name),
            };
            thread.put(picture, Patience::UntilRead)
        };
        assert_eq!(put("a.png"), Ok(()));
        // A folder has its name.
        let first = put("taken.png");
        let second = put("b.png");
        let last = thread.finish(&|| false);
        let losses = [first, second, last].into_iter().filter(Result::is_err);
        assert_eq!(losses.count(), 1);
        let mut names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["a.png", "b.png", "taken.png"]);
        assert_eq!(image::open(folder.join("a.png")).unwrap().width(), 8);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
