//! COCO's form of keypoints: `images`, and `annotations` with x, y, v for each joint. An image without an
//! annotation shows no subject.

use super::labels::{self, Labels, Picture, Subject};
use crate::error::{Error, Result};
use crate::scene::BBox;
use crate::text::Shown;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// The parts of a file that are used, also in the form of InterHand2.6M.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub images: Vec<Image>,
    pub annotations: Vec<Annotation>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Image {
    pub id: u64,
    pub file_name: String,
    pub width: Option<f64>,
    pub height: Option<f64>,
    pub capture: Option<u64>,
    pub camera: Option<String>,
    pub frame_idx: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Annotation {
    pub image_id: u64,
    keypoints: Option<Vec<f64>>,
    bbox: Option<[f64; 4]>,
    pub joint_valid: Option<Vec<Valid>>,
}

/// InterHand2.6M has both forms.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Valid {
    Number(f64),
    List([f64; 1]),
}

impl Valid {
    pub fn is_set(self) -> bool {
        match self {
            Valid::Number(value) | Valid::List([value]) => value > 0.0,
        }
    }
}

impl File {
    /// InterHand2.6M says which joints are valid, and where they are in files of their own.
    pub fn has_joint_valid(&self) -> bool {
        let first = self.annotations.first();
        first.is_some_and(|one| one.joint_valid.is_some())
    }
}

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the picture.
pub(super) fn labels(path: &Path, images: &Path, file: File, joints: usize) -> Result<Labels> {
    let mut pictures: Vec<Picture> = Vec::with_capacity(file.images.len());
    let mut places = HashMap::with_capacity(file.images.len());
    for image in &file.images {
        places.insert(image.id, pictures.len());
        pictures.push(Picture {
            path: images.join(&image.file_name),
            subjects: Vec::new(),
        });
    }
    let mut skipped = 0;
    for annotation in &file.annotations {
        let id = annotation.image_id;
        let picture = places.get(&id).map(|&place| &mut pictures[place]);
        let picture = picture.ok_or_else(|| {
            let what = format!("has an annotation of the image {id}, which it does not list");
            Error::data(path, what)
        })?;
        let fail = |what: String| {
            let shown = Shown::path(&picture.path);
            Err(Error::data(path, format!("{shown}: {what}")))
        };
        let Some(keypoints) = &annotation.keypoints else {
            return fail("an annotation has no keypoints".into());
        };
        if keypoints.len() != 3 * joints {
            return fail(format!(
                "an annotation has {} numbers of keypoints, the model's {joints} joints need {}",
                keypoints.len(),
                3 * joints
            ));
        }
        let (triples, _) = keypoints.as_chunks::<3>();
        if let Some([x, y, _]) = triples
            .iter()
            .find(|[x, y, v]| *v > 0.0 && !labels::is_place(*x, *y))
        {
            return fail(format!("a joint is at {x}, {y}"));
        }
        let truth: Vec<(f64, f64)> = triples.iter().map(|&[x, y, _]| (x, y)).collect();
        let valid: Vec<bool> = triples.iter().map(|&[.., v]| v > 0.0).collect();
        let Some(bbox) = box_of(annotation).or_else(|| labels::tight_box(&truth, &valid)) else {
            skipped += 1;
            continue;
        };
        let scale_px = f64::from(bbox.width_px.max(bbox.height_px));
        if !valid.contains(&true) || scale_px <= 0.0 {
            skipped += 1;
            continue;
        }
        picture.subjects.push(Subject {
            bbox,
            truth,
            valid,
            scale_px,
        });
    }
    Ok(Labels {
        form: "COCO keypoints",
        boxes: "the labels' boxes, or else those of the labelled joints",
        pictures,
        skipped,
    })
}

/// The box of an annotation, if it has one.
fn box_of(annotation: &Annotation) -> Option<BBox> {
    let [x, y, width, height] = annotation.bbox?;
    let is_box = labels::is_place(x, y) && labels::is_place(width, height);
    (is_box && width > 0.0 && height > 0.0).then_some(BBox {
        x_px: x as f32,
        y_px: y as f32,
        width_px: width as f32,
        height_px: height as f32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels> {
        let file = serde_json::from_str(text).unwrap();
        labels(Path::new("labels.json"), Path::new("pictures"), file, 2)
    }

    #[test]
    fn a_subject_has_its_box_and_a_picture_without_one_is_empty() {
        let read = read(
            r#"{"images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
            "annotations": [
              {"image_id": 7, "keypoints": [1, 2, 2, 30, 42, 1], "bbox": [0, 0, 50, 60], "area": 3000},
              {"image_id": 7, "keypoints": [5, 5, 0, 10, 25, 1]},
              {"image_id": 7, "keypoints": [5, 5, 0, 0, 0, 0], "bbox": [0, 0, 9, 9]},
              {"image_id": 7, "keypoints": [0, 0, 1, 10, 20, 1], "bbox": [0, 0, 0, 0]}]}"#,
        )
        .unwrap();
        assert_eq!(read.pictures.len(), 2);
        assert_eq!(read.pictures[0].path, Path::new("pictures/a.jpg"));
        assert!(read.pictures[1].subjects.is_empty());
        let [given, tight] = &read.pictures[0].subjects[..] else {
            panic!("{read:?}")
        };
        assert_eq!((given.scale_px, given.bbox.width_px), (60.0, 50.0));
        assert_eq!(given.truth, [(1.0, 2.0), (30.0, 42.0)]);
        // The joints' own box.
        assert_eq!((tight.scale_px, tight.bbox.height_px), (20.0, 20.0));
        // One labelled joint has no size; the other annotation has no labelled joint.
        assert_eq!(read.skipped, 2);
    }

    #[test]
    fn faults_name_the_file_and_the_picture() {
        let image = r#"{"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [ANNOTATION]}"#;
        for (annotation, word) in [
            (r#"{"image_id": 8, "keypoints": []}"#, "image 8"),
            (r#"{"image_id": 7}"#, "no keypoints"),
            (r#"{"image_id": 7, "keypoints": [1, 2, 2]}"#, "3 numbers"),
            (
                r#"{"image_id": 7, "keypoints": [1e9, 2, 2, 1, 1, 1]}"#,
                "1000000000, 2",
            ),
        ] {
            let error = read(&image.replace("ANNOTATION", annotation)).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains("labels.json") && error.contains(word),
                "{error}"
            );
        }
    }
}
