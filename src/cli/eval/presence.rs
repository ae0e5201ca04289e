//! `posewire eval presence`: the values of a card's `presence`, measured on pictures with and without subjects.
//!
//! A subject is looked at as a new instance is: three looks, of which the least counts. An empty picture is asked at
//! five places.

use super::labels::{Labels, Subject};
use super::run::{self, Judged};
use crate::cli::say;
use crate::error::{Error, Result};
use crate::frame::Pixels;
use crate::scene::BBox;
use crate::track::birth_looks;
use serde_json::json;
use std::path::Path;

/// Side of the places in an empty picture, as a share of its shorter side.
const EMPTY_SHARE: f32 = 0.6;
/// Shares of the subjects that thresholds are printed for. The first is that of `birth`.
const KEPT: [f64; 4] = [0.9, 0.95, 0.8, 0.99];
/// Share of single looks at subjects that reach `keep`.
const KEPT_LOOKS: f64 = 0.98;

/// Presence at subjects and where none is.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The least of three looks at each subject.
    births: Vec<f32>,
    /// Each look at a subject.
    looks: Vec<f32>,
    /// The least of three looks at each place of an empty picture.
    empty_places: Vec<f32>,
    /// The highest of these of each empty picture.
    empty_pictures: Vec<f32>,
}

/// # Errors
/// Those of the pictures and of the network; [`ErrorKind::Data`](crate::ErrorKind::Data) if there are no subjects, or
/// no empty pictures.
pub(super) fn measure(
    judged: &mut Judged,
    labels: &Labels,
    path: &Path,
    as_json: bool,
) -> Result<()> {
    let empty = labels
        .pictures
        .iter()
        .filter(|picture| picture.is_empty)
        .count();
    if labels.subjects() == 0 || empty == 0 {
        let what = format!(
            "labels {} subjects and {empty} empty pictures, presence needs both: list pictures of other things among \
             the images, without an annotation",
            labels.subjects()
        );
        return Err(Error::data(path, what));
    }
    let seen = look_at(judged, labels)?;
    let (birth, keep) = seen.rule();
    let separation = separation(&seen.births, &seen.empty_places);
    if as_json {
        let rows: Vec<_> = KEPT.iter().map(|&share| row(&seen, share)).collect();
        say!(
            "{}",
            json!({
                "task": judged.card().task.name(),
                "engine": judged.engine_name(),
                "has_map": judged.card().tells_presence(),
                "subjects": seen.births.len(),
                "empty_pictures": seen.empty_pictures.len(),
                "auc": separation,
                "presence": { "birth": birth, "keep": keep },
                "thresholds": rows.iter().map(|row| json!({
                    "kept": row.share, "birth": row.birth, "false_places": row.places, "false_pictures": row.pictures,
                })).collect::<Vec<_>>(),
            })
        );
        return Ok(());
    }
    let of = match judged.card().tells_presence() {
        true => "the map of presence",
        false => "the mean of the joints' scores",
    };
    say!(
        "{of}: {} subjects, {} empty pictures, AUC {separation:.3}",
        seen.births.len(),
        seen.empty_pictures.len()
    );
    for share in KEPT {
        let row = row(&seen, share);
        say!(
            "birth {:.2}: {:.0} % of the subjects, {:.1} % of the empty places, {} of {} empty pictures",
            row.birth,
            100.0 * row.share,
            100.0 * row.places,
            row.pictures,
            seen.empty_pictures.len()
        );
    }
    say!("for the model card: presence = {{ birth = {birth:.2}, keep = {keep:.2} }}");
    Ok(())
}

/// Looks at all pictures.
///
/// # Errors
/// Those of the pictures and of the network.
pub(super) fn look_at(judged: &mut Judged, labels: &Labels) -> Result<Seen> {
    let mut seen = Seen::default();
    for picture in &labels.pictures {
        // Where something without usable labels is, nothing can be said.
        if picture.is_empty || !picture.subjects.is_empty() {
            run::with_picture(&picture.path, |pixels| {
                seen.picture(judged, pixels, &picture.subjects)
            })?;
        }
    }
    seen.sort();
    Ok(seen)
}

impl Seen {
    /// Values of `birth` and `keep` for the card.
    pub fn rule(&self) -> (f32, f32) {
        let birth = at_share(&self.births, KEPT[0]);
        (birth, at_share(&self.looks, KEPT_LOOKS).min(birth))
    }

    #[cfg(test)]
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        (
            self.births.len(),
            self.looks.len(),
            self.empty_places.len(),
            self.empty_pictures.len(),
        )
    }

    fn picture(
        &mut self,
        judged: &mut Judged,
        pixels: &Pixels<'_>,
        subjects: &[Subject],
    ) -> Result<()> {
        for subject in subjects {
            let looks = looks(judged, pixels, subject.bbox)?;
            self.births.push(least(&looks));
            self.looks.extend(looks);
        }
        if subjects.is_empty() {
            let mut highest = 0.0_f32;
            for place in places(pixels.width_px() as f32, pixels.height_px() as f32) {
                let score = least(&looks(judged, pixels, place)?);
                self.empty_places.push(score);
                highest = highest.max(score);
            }
            self.empty_pictures.push(highest);
        }
        Ok(())
    }

    fn sort(&mut self) {
        for list in [
            &mut self.births,
            &mut self.looks,
            &mut self.empty_places,
            &mut self.empty_pictures,
        ] {
            list.sort_by(f32::total_cmp);
        }
    }
}

/// Presence in each look of a new instance.
fn looks(judged: &mut Judged, pixels: &Pixels<'_>, bbox: BBox) -> Result<Vec<f32>> {
    let looks = birth_looks(&bbox).into_iter();
    looks
        .map(|bbox| Ok(judged.look(pixels, bbox)?.presence))
        .collect()
}

fn least(looks: &[f32]) -> f32 {
    looks.iter().copied().fold(f32::INFINITY, f32::min)
}

/// The middle and the corners of a picture.
fn places(width_px: f32, height_px: f32) -> [BBox; 5] {
    let side_px = EMPTY_SHARE * width_px.min(height_px);
    let (right, bottom) = (width_px - side_px, height_px - side_px);
    let at = |x_px, y_px| BBox {
        x_px,
        y_px,
        width_px: side_px,
        height_px: side_px,
    };
    [
        at(0.5 * right, 0.5 * bottom),
        at(0.0, 0.0),
        at(right, 0.0),
        at(0.0, bottom),
        at(right, bottom),
    ]
}

/// A threshold and what passes it.
struct Row {
    share: f64,
    birth: f32,
    places: f64,
    pictures: usize,
}

fn row(seen: &Seen, share: f64) -> Row {
    let birth = at_share(&seen.births, share);
    let passing = |list: &[f32]| list.iter().filter(|&&score| score >= birth).count();
    Row {
        share,
        birth,
        places: passing(&seen.empty_places) as f64 / seen.empty_places.len().max(1) as f64,
        pictures: passing(&seen.empty_pictures),
    }
}

/// The largest value that at least this share of a sorted list reaches; rounded down to a hundredth.
pub(super) fn at_share(sorted: &[f32], share: f64) -> f32 {
    let left_out = ((1.0 - share) * sorted.len() as f64 + 1e-9) as usize;
    let value = sorted.get(left_out.min(sorted.len().saturating_sub(1)));
    ((value.copied().unwrap_or(0.0) * 100.0).floor() / 100.0).clamp(0.0, 1.0)
}

/// The probability that a subject has more than an empty place; equal ones count half. Both lists are sorted.
fn separation(subjects: &[f32], empty: &[f32]) -> f64 {
    let below = |value: f32| {
        let less = empty.partition_point(|&other| other < value);
        let equal = empty.partition_point(|&other| other <= value) - less;
        less as f64 + 0.5 * equal as f64
    };
    let sum: f64 = subjects.iter().map(|&value| below(value)).sum();
    sum / (subjects.len().max(1) * empty.len().max(1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_keeps_its_share() {
        let scores: Vec<f32> = (0..10).map(|at| 0.05 + 0.1 * at as f32).collect();
        assert_eq!(at_share(&scores, 0.9), 0.15);
        assert_eq!(at_share(&scores, 0.99), 0.05);
        assert_eq!(at_share(&scores, 0.8), 0.25);
        assert_eq!(at_share(&[1.7], 0.9), 1.0);
        assert_eq!(at_share(&[], 0.9), 0.0);
    }

    #[test]
    fn separation_is_one_for_lists_apart_and_half_for_equal_ones() {
        assert_eq!(separation(&[0.8, 0.9], &[0.1, 0.7]), 1.0);
        assert_eq!(separation(&[0.5, 0.5], &[0.5]), 0.5);
        assert_eq!(separation(&[0.1], &[0.2, 0.3]), 0.0);
        assert_eq!(separation(&[0.2, 0.4], &[0.1, 0.3]), 0.75);
    }

    #[test]
    fn the_places_of_an_empty_picture_lie_in_it() {
        for place in places(640.0, 480.0) {
            assert_eq!((place.width_px, place.height_px), (288.0, 288.0));
            assert!(place.share_within(&BBox::whole(640, 480)) > 0.999);
        }
    }
}
