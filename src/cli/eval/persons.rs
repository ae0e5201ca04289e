//! COCO's persons: `person_keypoints_NAME.json`, whose category names 17 joints.
//!
//! Joints are put into the model's order by name. A crowd, and a person without a labelled joint of the model, are not looked at.
//! A model with all 17 joints is judged as COCO's own tools do, for which all persons of a picture are kept.

use super::coco::{self, Image};
use super::labels::{self, Labels, Measure};
use crate::error::{Error, Result};
use crate::metrics::oks;
use crate::scene::{BODY_JOINTS, COCO_JOINTS, joint_places};
use serde::Deserialize;
use std::collections::HashSet;
use std::path::Path;

/// Areas beyond this are those of no picture.
const FAR_PX2: f64 = 1e12;

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Person>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    #[serde(default)]
    keypoints: Vec<String>,
}

#[derive(Deserialize)]
struct Person {
    id: u64,
    image_id: u64,
    category_id: u64,
    iscrowd: Option<u8>,
    keypoints: Option<Vec<f64>>,
    num_keypoints: Option<u64>,
    bbox: Option<[f64; 4]>,
    area: Option<f64>,
}

/// Whether a list of joints is COCO's.
pub(super) fn are_cocos(joints: &[String]) -> bool {
    joints.iter().map(String::as_str).eq(COCO_JOINTS)
}

/// Labels of persons for a model of these joints.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the picture.
pub(super) fn labels(path: &Path, images: &Path, text: &str, joints: &[String]) -> Result<Labels> {
    let mut file: File = labels::parse(path, text)?;
    let compared = compared(path, joints)?;
    let category = file.categories.iter().find(|one| are_cocos(&one.keypoints));
    let category = category.map(|one| one.id);
    // Persons that are equally sure count in this order.
    file.images.sort_by_key(|image| image.id);
    let (mut pictures, places) = coco::pictures(path, images, &file.images)?;
    let own = joint_places(joints, &COCO_JOINTS);
    let measure = measure(joints);
    let mut ids = HashSet::with_capacity(file.annotations.len());
    let mut skipped = 0;
    for person in &file.annotations {
        if !ids.insert(person.id) {
            let what = format!("has two annotations of the id {}", person.id);
            return Err(Error::data(path, what));
        }
        if Some(person.category_id) != category {
            continue;
        }
        let picture = coco::picture_of(person.image_id, &mut pictures, &places, path)?;
        let fail = |what| labels::fault(path, &picture.path, what);
        let truth = person.truth().map_err(fail)?;
        let subject = match truth.is_crowd {
            true => None,
            false => labels::subject(Some(&numbers(&own, &truth)), person.bbox, own.len())
                .map_err(fail)?,
        };
        match subject {
            Some(subject) => picture.subjects.push(subject),
            None => skipped += 1,
        }
        if let Measure::Persons(_) = measure {
            picture.persons.push(truth);
        }
    }
    Ok(Labels {
        form: "COCO persons",
        boxes: "the labels' boxes, or else those of the labelled joints",
        measure,
        compared: Some(compared),
        pictures,
        skipped,
    })
}

/// The joints of a model whose distances count in sets of persons: those from shoulders to ankles, which all sets have.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if it has none of them.
pub(super) fn compared(path: &Path, joints: &[String]) -> Result<Vec<bool>> {
    let places = joint_places(joints, &BODY_JOINTS);
    let compared: Vec<bool> = places.iter().map(Option::is_some).collect();
    if !compared.contains(&true) {
        let what = format!(
            "labels joints by name, and the model's card names none of them: {}",
            BODY_JOINTS.join(", ")
        );
        return Err(Error::data(path, what));
    }
    Ok(compared)
}

fn measure(joints: &[String]) -> Measure {
    let places: Option<Vec<usize>> = joint_places(&COCO_JOINTS, joints).into_iter().collect();
    let places = places.and_then(|places| places.try_into().ok());
    places.map_or(Measure::Box, Measure::Persons)
}

/// The numbers of the model's joints, which have these places in COCO's order.
fn numbers(own: &[Option<usize>], truth: &oks::Truth) -> Vec<f64> {
    labels::numbers(own.iter().map(|place| {
        let place = (*place)?;
        truth.labelled[place].then_some(truth.joints[place])
    }))
}

impl Person {
    fn truth(&self) -> std::result::Result<oks::Truth, String> {
        let triples = labels::triples(self.keypoints.as_deref(), "", oks::JOINTS)?;
        let labelled: [bool; oks::JOINTS] = std::array::from_fn(|joint| triples[joint][2] > 0.0);
        let bbox = self.bbox.ok_or("an annotation has no bbox")?;
        let area = self.area.ok_or("an annotation has no area")?;
        if !(0.0..FAR_PX2).contains(&area) {
            return Err(format!("a person has an area of {area}"));
        }
        if !bbox.iter().all(|&one| labels::is_place(one, one)) {
            return Err(format!("a bbox is {bbox:?}"));
        }
        let is_crowd = self.iscrowd.is_some_and(|crowd| crowd > 0);
        let count = labelled.iter().filter(|&&labelled| labelled).count() as u64;
        Ok(oks::Truth {
            joints: std::array::from_fn(|joint| (triples[joint][0], triples[joint][1])),
            labelled,
            bbox,
            area,
            is_crowd,
            is_ignored: is_crowd || self.num_keypoints.unwrap_or(count) == 0,
        })
    }
}
