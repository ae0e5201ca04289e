//! One PNG per frame, with the skeleton drawn on it: for people, not for robots.

use super::draw::Canvas;
use super::picture_thread::{Picture, PictureThread};
use super::{Delivery, Event, Kind, SendError, Sink, What, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::model::ModelCard;
use crate::process::output::Patience;
use crate::process::sandbox::Access;
use crate::process::thread::Role;
use crate::scene::Keypoint;
use crate::text::Shown;
use std::path::{Path, PathBuf};

/// A folder of pictures.
pub(super) const KIND: Kind = Kind {
    name: "overlay",
    argument: "DIR",
    example: "pictures",
    help: "write a PNG for each frame with the skeleton drawn on it",
    check: |_| Ok(()),
    // Pictures of 1080p: one that is drawn on, one that waits, one that is handed over; and a PNG.
    heap_bytes: 20 << 20,
    thread: Some(Role::Overlay),
    writes: |folder| Some(Path::new(folder)),
    access: |folder| Access {
        create_in: vec![folder.into()],
        ..Access::default()
    },
    prepare: |folder| OverlaySink::make_folder(Path::new(folder)),
    when: When::WithCard,
    open: |folder, context| {
        let fail = || Error::sink(name(Path::new(folder)), "there is no model card");
        let card = context.card.ok_or_else(fail)?;
        let sink = OverlaySink::open(Path::new(folder), card.task.name(), card, context.patience)?;
        Ok(Box::new(sink))
    },
};

/// A sink that writes `PREFIX-000000.png` and so on, numbered by the source's frame counter. A thread draws and writes.
pub struct OverlaySink {
    name: String,
    folder: PathBuf,
    prefix: String,
    card: ModelCard,
    patience: Patience,
    thread: Option<PictureThread>,
}

impl OverlaySink {
    /// Makes the folder if it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if it cannot be made.
    pub fn make_folder(folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::sink(name(folder), "cannot be made").because(error))
    }

    /// Makes `folder` if it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if it cannot be made.
    pub fn open(folder: &Path, prefix: &str, card: &ModelCard, patience: Patience) -> Result<Self> {
        Self::make_folder(folder)?;
        Ok(OverlaySink {
            name: name(folder),
            folder: folder.into(),
            prefix: prefix.into(),
            card: card.clone(),
            patience,
            thread: None,
        })
    }
}

fn name(folder: &Path) -> String {
    format!("overlay:{}", Shown::path(folder))
}

impl Sink for OverlaySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        let (What::Scene { frame, .. }, [packet, ..]) = (event.what, event.packets) else {
            return Ok(());
        };
        let keypoints: Vec<Keypoint> = packet
            .keypoints()
            .iter()
            .map(|keypoint| {
                let (x_px, y_px) = keypoint.position_px(packet.unit).unwrap_or_default();
                Keypoint {
                    x_px,
                    y_px,
                    score: keypoint.score(),
                }
            })
            .collect();
        self.start()
            .map_err(|error| SendError::Dropped(error.to_string()))?;
        let Some(thread) = &self.thread else {
            return Ok(());
        };
        let name = format!("{}-{:06}.png", self.prefix, frame.index);
        thread.put(
            Picture {
                canvas: Canvas::new(&frame.pixels),
                keypoints,
                path: self.folder.join(name),
            },
            self.patience,
        )
    }

    fn start(&mut self) -> Result<()> {
        if self.thread.is_none() {
            let thread = PictureThread::start(self.card.clone())
                .map_err(|error| Error::sink(&self.name, "no thread").because(error))?;
            self.thread = Some(thread);
        }
        Ok(())
    }

    fn finish(&mut self, gives_up: &dyn Fn() -> bool) -> Delivery {
        self.thread
            .as_ref()
            .map_or(Ok(()), |thread| thread.finish(gives_up))
    }
}
