//! Pictures of PoseTrack18's videos, each by itself. A frame that is not labelled is left out.

use super::labels::{self, Labels, Measure, Picture};
use super::persons;
use crate::error::Result;
use crate::protocol;
use std::path::Path;

/// Labels of persons for a model of these joints.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and the picture.
pub(super) fn labels(path: &Path, images: &Path, joints: &[String]) -> Result<Labels> {
    let compared = persons::compared(path, joints)?;
    let (mut pictures, mut skipped) = (Vec::new(), 0);
    let videos = protocol::read_videos(path, images, joints)?;
    let frames = videos.into_iter().flat_map(|video| video.frames);
    for frame in frames.filter(|frame| frame.is_labelled) {
        let mut picture = Picture {
            is_empty: frame.persons.is_empty() && frame.ignored.is_empty(),
            ..Picture::empty(frame.picture)
        };
        for person in frame.persons {
            let numbers = labels::numbers(person.joints.into_iter());
            let subject = labels::subject(Some(&numbers), person.bbox, joints.len())
                .map_err(|what| labels::fault(path, &picture.path, what))?;
            match subject {
                Some(subject) => picture.subjects.push(subject),
                None => skipped += 1,
            }
        }
        pictures.push(picture);
    }
    Ok(Labels {
        form: "PoseTrack18",
        boxes: "the labels' boxes, or else those of the labelled joints",
        measure: Measure::Box,
        compared: Some(compared),
        pictures,
        skipped,
    })
}
