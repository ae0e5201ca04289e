//! One PNG per frame, with the skeleton drawn on it: for people, not for robots.

use super::draw::Canvas;
use super::picture_thread::{Picture, PictureThread, Skeleton};
use super::{Delivery, Event, Kind, SendError, Sink, What, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::model::ModelCard;
use crate::process::output::Patience;
use crate::process::sandbox::Access;
use crate::process::thread::Role;
use crate::scene::Keypoint;
use crate::text::Shown;
use crate::wire::{Body, FixedPoint, Packet, WireKeypoint};
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
        let prefix = context.cards.first().ok_or_else(fail)?.task.name();
        let sink = OverlaySink::open(Path::new(folder), prefix, context.cards, context.patience)?;
        Ok(Box::new(sink))
    },
};

/// A sink that writes `PREFIX-000000.png` and so on, numbered by the source's frame counter. A thread draws and writes.
pub struct OverlaySink {
    name: String,
    folder: PathBuf,
    prefix: String,
    cards: Vec<ModelCard>,
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
    pub fn open(
        folder: &Path,
        prefix: &str,
        cards: &[ModelCard],
        patience: Patience,
    ) -> Result<Self> {
        Self::make_folder(folder)?;
        Ok(OverlaySink {
            name: name(folder),
            folder: folder.into(),
            prefix: prefix.into(),
            cards: cards.to_vec(),
            patience,
            thread: None,
        })
    }
}

fn name(folder: &Path) -> String {
    format!("overlay:{}", Shown::path(folder))
}

/// The skeletons of a packet: the positions are those that receivers get.
fn skeletons(packet: &Packet) -> Vec<Skeleton> {
    let joint = |point: &WireKeypoint, unit: FixedPoint| {
        let (x_px, y_px) = point.position_px(unit).unwrap_or_default();
        Keypoint {
            x_px,
            y_px,
            score: point.score(),
        }
    };
    match &packet.body {
        Body::Instances(part) => part
            .instances()
            .map(|one| Skeleton {
                task: one.task,
                number: Some(one.number),
                keypoints: one
                    .joints
                    .iter()
                    .map(|held| joint(&held.point, packet.unit))
                    .collect(),
            })
            .collect(),
        _ => vec![Skeleton {
            task: packet.task,
            number: None,
            keypoints: packet
                .keypoints()
                .iter()
                .map(|point| joint(point, packet.unit))
                .collect(),
        }],
    }
}

impl Sink for OverlaySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        let What::Scene { frame, .. } = event.what else {
            return Ok(());
        };
        let skeletons = event.packets.iter().flat_map(skeletons).collect();
        self.start()
            .map_err(|error| SendError::Dropped(error.to_string()))?;
        let Some(thread) = &self.thread else {
            return Ok(());
        };
        let name = format!("{}-{:06}.png", self.prefix, frame.index);
        thread.put(
            Picture {
                canvas: Canvas::new(&frame.pixels),
                skeletons,
                path: self.folder.join(name),
            },
            self.patience,
        )
    }

    fn start(&mut self) -> Result<()> {
        if self.thread.is_none() {
            let thread = PictureThread::start(self.cards.clone())
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
