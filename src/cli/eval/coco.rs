//! COCO's form of keypoints: `images`, and `annotations` with x, y, v for each joint. An image without an
//! annotation shows no subject.

use super::labels::{self, Labels, Measure, Picture};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// The parts of a file that are used, also in the forms of InterHand2.6M and COCO-WholeBody.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub images: Vec<Image>,
    pub annotations: Vec<Annotation>,
    /// Of any form: most sets are read without it.
    #[serde(default)]
    categories: Value,
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
    pub lefthand_kpts: Option<Vec<f64>>,
    pub lefthand_box: Option<[f64; 4]>,
    pub lefthand_valid: Option<bool>,
    pub righthand_kpts: Option<Vec<f64>>,
    pub righthand_box: Option<[f64; 4]>,
    pub righthand_valid: Option<bool>,
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

    /// Whether a category names its joints so.
    pub fn names_joints(&self, are_they: impl Fn(&[String]) -> bool) -> bool {
        let categories = self.categories.as_array().into_iter().flatten();
        let names = categories.filter_map(|one| Vec::deserialize(one.get("keypoints")?).ok());
        names.into_iter().any(|names| are_they(&names))
    }

    /// Joints of a subject, as the first annotation has them.
    pub fn joints(&self) -> usize {
        let first = self
            .annotations
            .iter()
            .find_map(|one| one.keypoints.as_ref());
        first.map_or(0, |keypoints| keypoints.len() / 3)
    }

    /// COCO-WholeBody's annotations have the hands beside the person.
    pub fn has_hands(&self) -> bool {
        let first = self.annotations.first();
        first.is_some_and(|one| one.lefthand_kpts.is_some())
    }
}

/// The place of a picture in a list by its id.
pub(super) type Places = HashMap<u64, usize>;

/// The pictures of a list, and the place of each by its id.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if two have the same id.
pub(super) fn pictures(
    path: &Path,
    folder: &Path,
    list: &[Image],
) -> Result<(Vec<Picture>, Places)> {
    let mut pictures = Vec::with_capacity(list.len());
    let mut places = HashMap::with_capacity(list.len());
    for image in list {
        if places.insert(image.id, pictures.len()).is_some() {
            let what = format!("has two images of the id {}", image.id);
            return Err(Error::data(path, what));
        }
        pictures.push(Picture::empty(folder.join(&image.file_name)));
    }
    Ok((pictures, places))
}

/// The picture that an annotation is of. Something is in it.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if there is none.
pub(super) fn picture_of<'a>(
    id: u64,
    pictures: &'a mut [Picture],
    places: &Places,
    path: &Path,
) -> Result<&'a mut Picture> {
    let picture = places.get(&id).and_then(|&place| pictures.get_mut(place));
    let picture = picture.ok_or_else(|| {
        let what = format!("has an annotation of the image {id}, which it does not list");
        Error::data(path, what)
    })?;
    picture.is_empty = false;
    Ok(picture)
}

/// The numbers of a subject's joints, and its box.
pub(super) type Given<'a> = (Option<Cow<'a, [f64]>>, Option<[f64; 4]>);

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the picture.
pub(super) fn labels(path: &Path, images: &Path, file: &File, joints: usize) -> Result<Labels> {
    labels_of(path, images, file, joints, "COCO keypoints", |annotation| {
        let keypoints = annotation.keypoints.as_deref().map(Cow::Borrowed);
        [(keypoints, annotation.bbox)]
    })
}

/// The labels of the subjects that `subjects` finds in each annotation.
///
/// # Errors
/// As of [`labels`].
pub(super) fn labels_of<'a, S: IntoIterator<Item = Given<'a>>>(
    path: &Path,
    images: &Path,
    file: &'a File,
    joints: usize,
    form: &'static str,
    subjects: impl Fn(&'a Annotation) -> S,
) -> Result<Labels> {
    let (mut pictures, places) = pictures(path, images, &file.images)?;
    let mut skipped = 0;
    for annotation in &file.annotations {
        let picture = picture_of(annotation.image_id, &mut pictures, &places, path)?;
        for (keypoints, bbox) in subjects(annotation) {
            let subject = labels::subject(keypoints.as_deref(), bbox, joints)
                .map_err(|what| labels::fault(path, &picture.path, what))?;
            match subject {
                Some(subject) => picture.subjects.push(subject),
                None => skipped += 1,
            }
        }
    }
    Ok(Labels {
        form,
        boxes: "the labels' boxes, or else those of the labelled joints",
        measure: Measure::Box,
        compared: None,
        pictures,
        skipped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels> {
        let file: File = serde_json::from_str(text).unwrap();
        labels(Path::new("labels.json"), Path::new("pictures"), &file, 2)
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
