//! One PNG per frame, with the skeleton drawn on it: for people, not for robots.

use super::draw::{Canvas, draw_skeleton};
use super::{Delivery, Event, Kind, SendError, Sink, What, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::model::ModelCard;
use crate::process::sandbox::Access;
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
    // A picture with a skeleton on it, and the PNG that it becomes.
    heap_bytes: 8 << 20,
    access: |folder| Access {
        create_in: vec![folder.into()],
        ..Access::default()
    },
    prepare: |folder| OverlaySink::make_folder(Path::new(folder)),
    when: When::WithCard,
    open: |folder, context| {
        let fail = || Error::sink(name(Path::new(folder)), "there is no model card");
        let card = context.card.ok_or_else(fail)?;
        let sink = OverlaySink::open(Path::new(folder), card.task.name(), card)?;
        Ok(Box::new(sink))
    },
};

/// A sink that writes `PREFIX-000000.png` and so on, numbered by the source's frame counter.
pub struct OverlaySink {
    name: String,
    folder: PathBuf,
    prefix: String,
    card: ModelCard,
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
    pub fn open(folder: &Path, prefix: &str, card: &ModelCard) -> Result<Self> {
        Self::make_folder(folder)?;
        Ok(OverlaySink {
            name: name(folder),
            folder: folder.into(),
            prefix: prefix.into(),
            card: card.clone(),
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
        let mut canvas = Canvas::new(&frame.pixels);
        draw_skeleton(&mut canvas, &self.card, &keypoints);
        let path = self
            .folder
            .join(format!("{}-{:06}.png", self.prefix, frame.index));
        image::save_buffer(
            path,
            canvas.rgb(),
            canvas.width_px(),
            canvas.height_px(),
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|error| SendError::Dropped(error.to_string()))
    }
}
