//! `posewire eval finder`: how many of the labelled hands or persons a finder sees, by size, and what it sees where none is.
//!
//! In: a finder, and labels of hands or of persons. Each picture has one pass, of the whole frame. Sides are in pixels of
//! the network's input: they, and not those of the picture, bound what a finder sees.

use super::labels::{Labels, Subject};
use super::presence::at_share;
use super::run;
use crate::cli::say;
use crate::engine::{self, Workspace};
use crate::error::{Error, Result};
use crate::frame::Pixels;
use crate::model::ModelFile;
use crate::pipeline::Finder;
use crate::scene::{BBox, CropBox, Task};
use crate::settings::Settings;
use crate::stats::StageTimes;
use crate::text::Shown;
use crate::track::{Candidate, Candidates};
use serde_json::json;
use std::path::Path;

/// Peaks below this are not asked for.
const LEAST_SCORE: f32 = 0.05;
/// A peak belongs to a subject whose centre is within this many of its sides, or within one pixel of the maps.
const NEAR_SIDES: f32 = 0.4;
const NEAR_PX: f32 = 8.0;
/// Lower ends of the rows of sizes.
const SIDES_PX: [f32; 5] = [8.0, 16.0, 24.0, 48.0, 96.0];
/// The thresholds come from subjects that a finder hardly misses.
const SURE_PX: f32 = 24.0;
/// Shares of those subjects that thresholds are printed for. The first is that of `birth`, the last that of `keep`.
const SHARES: [f64; 4] = [0.9, 0.95, 0.8, 0.98];

/// A labelled subject, and the highest peak at it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    side_px: f32,
    /// 0 without a peak.
    score: f32,
}

/// The subjects and false peaks of all pictures.
#[derive(Debug, Default)]
pub(super) struct Sight {
    subjects: Vec<Seen>,
    /// Peaks that belong to no subject.
    false_peaks: Vec<f32>,
    pictures: usize,
}

/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if the model is no finder; those of the pictures and of the network;
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if nothing is labelled.
pub(super) fn measure(
    model: &Path,
    settings: &Settings,
    task: Task,
    labels: &Labels,
    path: &Path,
    as_json: bool,
) -> Result<()> {
    if labels.subjects() == 0 {
        return Err(Error::data(path, "labels no joint of any picture"));
    }
    let (mut finder, mut work) = open(model, settings)?;
    let sight = look(&mut finder, &mut work, task, labels)?;
    let birth = finder.card().presence().birth;
    let proposed = sight.rule();
    if as_json {
        let size = |row: SizeRow| json!({ "side_px": row.least_px, "subjects": row.subjects, "found": row.found });
        let share = |row: ShareRow| json!({ "kept": row.share, "score": row.score, "false_peaks": row.false_peaks });
        say!(
            "{}",
            json!({
                "task": task.name(),
                "engine": finder.engine_name(),
                "pictures": sight.pictures,
                "birth": birth,
                "false_peaks": sight.false_at(birth),
                "sizes": sight.sizes(birth).map(size).collect::<Vec<_>>(),
                "thresholds": sight.shares().map(share).collect::<Vec<_>>(),
                "presence": proposed.map(|(birth, keep)| json!({ "birth": birth, "keep": keep })),
            })
        );
        return Ok(());
    }
    print(&finder, task, &sight, birth, proposed);
    Ok(())
}

fn print(finder: &Finder, task: Task, sight: &Sight, birth: f32, proposed: Option<(f32, f32)>) {
    say!(
        "{}s at {} x {} on {}: {} in {} pictures, peaks from {birth:.2} on",
        task.name(),
        finder.card().input_px.width,
        finder.card().input_px.height,
        finder.engine_name(),
        sight.subjects.len(),
        sight.pictures
    );
    for row in sight.sizes(birth) {
        say!(
            "from {:.0} px: {} of {}, {:.0} %",
            row.least_px,
            row.found,
            row.subjects,
            100.0 * row.found as f64 / row.subjects as f64
        );
    }
    say!("false peaks: {:.3} a picture", sight.false_at(birth));
    for row in sight.shares() {
        say!(
            "{:.0} % of those from {SURE_PX} px have {:.2}; {:.3} false peaks a picture do",
            100.0 * row.share,
            row.score,
            row.false_peaks
        );
    }
    if let Some((birth, keep)) = proposed {
        say!("for the model card: presence = {{ birth = {birth:.2}, keep = {keep:.2} }}");
    }
}

fn open(path: &Path, settings: &Settings) -> Result<(Finder, Workspace)> {
    let model = ModelFile::open(path)?;
    if model.finder().is_none() {
        let what = format!("eval finder: {} is no finder", Shown::path(path));
        return Err(Error::usage(what));
    }
    let network = engine::load(&model, settings.engine, settings.threads)?;
    let work = Workspace::new(network.workspace(), settings.threads)?;
    Ok((Finder::new(&model, network)?, work))
}

/// # Errors
/// Those of the pictures and of the network.
pub(super) fn look(
    finder: &mut Finder,
    work: &mut Workspace,
    task: Task,
    labels: &Labels,
) -> Result<Sight> {
    finder.count_from(LEAST_SCORE);
    let mut sight = Sight::default();
    for picture in &labels.pictures {
        run::with_picture(&picture.path, |pixels| {
            sight.picture(finder, work, task, pixels, &picture.subjects)
        })?;
    }
    Ok(sight)
}

impl Sight {
    fn picture(
        &mut self,
        finder: &mut Finder,
        work: &mut Workspace,
        task: Task,
        pixels: &Pixels<'_>,
        subjects: &[Subject],
    ) -> Result<()> {
        let frame = BBox::whole(pixels.width_px(), pixels.height_px());
        let mut found = Candidates::new();
        finder.find(pixels, &frame, work, &mut StageTimes::default(), &mut found)?;
        found.retain(|candidate| candidate.task == task);
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        let input_px = finder.card().input_px;
        let scale = CropBox::new(frame, 1.0, input_px).width_px as f32 / input_px.width as f32;
        let boxes: Vec<BBox> = subjects.iter().map(|subject| subject.bbox).collect();
        let mut seen: Vec<Seen> = boxes
            .iter()
            .map(|bbox| Seen {
                side_px: side(bbox) / scale,
                score: 0.0,
            })
            .collect();
        for candidate in &found {
            match nearest(candidate, &boxes, NEAR_PX * scale) {
                Some(at) if seen[at].score == 0.0 => seen[at].score = candidate.score,
                // A second peak at a subject is false as well.
                _ => self.false_peaks.push(candidate.score),
            }
        }
        self.subjects.extend(seen);
        self.pictures += 1;
        Ok(())
    }

    fn false_at(&self, score: f32) -> f64 {
        let count = self.false_peaks.iter().filter(|&&one| one >= score).count();
        count as f64 / self.pictures.max(1) as f64
    }

    /// A row for each size that there is.
    fn sizes(&self, birth: f32) -> impl Iterator<Item = SizeRow> {
        SIDES_PX
            .iter()
            .enumerate()
            .filter_map(move |(at, &least_px)| {
                let most_px = SIDES_PX.get(at + 1).copied().unwrap_or(f32::INFINITY);
                let of_size = |seen: &&Seen| (least_px..most_px).contains(&seen.side_px);
                let subjects = self.subjects.iter().filter(of_size).count();
                let found = self
                    .subjects
                    .iter()
                    .filter(of_size)
                    .filter(|seen| seen.score >= birth);
                (subjects > 0).then(|| SizeRow {
                    least_px,
                    subjects,
                    found: found.count(),
                })
            })
    }

    /// Thresholds that keep a share of the sure subjects. None without such subjects.
    fn shares(&self) -> impl Iterator<Item = ShareRow> {
        let sure = self.sure();
        let rows = if sure.is_empty() {
            &[][..]
        } else {
            &SHARES[..]
        };
        rows.iter().map(move |&share| {
            let score = at_share(&sure, share);
            ShareRow {
                share,
                score,
                false_peaks: self.false_at(score),
            }
        })
    }

    /// Values of `birth` and `keep` for the card; none without sure subjects.
    fn rule(&self) -> Option<(f32, f32)> {
        let sure = self.sure();
        let [birth, .., keep] = SHARES.map(|share| at_share(&sure, share));
        (!sure.is_empty()).then_some((birth, keep.min(birth)))
    }

    /// Scores of the subjects that are not small, in order.
    fn sure(&self) -> Vec<f32> {
        let large = self.subjects.iter().filter(|seen| seen.side_px >= SURE_PX);
        let mut sure: Vec<f32> = large.map(|seen| seen.score).collect();
        sure.sort_by(f32::total_cmp);
        sure
    }
}

/// A row of sizes: at least so many pixels of the input.
struct SizeRow {
    least_px: f32,
    subjects: usize,
    found: usize,
}

/// A threshold that a share of the sure subjects reaches.
struct ShareRow {
    share: f64,
    score: f32,
    /// A picture.
    false_peaks: f64,
}

fn side(bbox: &BBox) -> f32 {
    bbox.width_px.max(bbox.height_px)
}

/// The subject whose centre is nearest in its own sides, if it is near.
fn nearest(candidate: &Candidate, boxes: &[BBox], near_px: f32) -> Option<usize> {
    let (x, y) = candidate.bbox.center_px();
    let distances = boxes.iter().enumerate().map(|(at, bbox)| {
        let (own_x, own_y) = bbox.center_px();
        let reach = (NEAR_SIDES * side(bbox)).max(near_px);
        (at, (x - own_x).hypot(y - own_y) / reach)
    });
    let (at, distance) = distances.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (distance < 1.0).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(x_px: f32, y_px: f32, side_px: f32) -> BBox {
        BBox {
            x_px,
            y_px,
            width_px: side_px,
            height_px: side_px,
        }
    }

    fn candidate(bbox: BBox) -> Candidate {
        Candidate {
            task: Task::Hand,
            bbox,
            score: 0.7,
            side: None,
            parent: None,
        }
    }

    #[test]
    fn a_peak_belongs_to_the_nearest_in_its_own_sides() {
        let boxes = [at(0.0, 0.0, 100.0), at(90.0, 40.0, 20.0)];
        // Nearer to the small one in pixels, and nearer to the large one in sides.
        assert_eq!(
            nearest(&candidate(at(70.0, 40.0, 20.0)), &boxes, 2.0),
            Some(0)
        );
        assert_eq!(
            nearest(&candidate(at(89.0, 40.0, 20.0)), &boxes, 2.0),
            Some(1)
        );
        assert_eq!(
            nearest(&candidate(at(200.0, 40.0, 20.0)), &boxes, 2.0),
            None
        );
        assert_eq!(nearest(&candidate(at(0.0, 0.0, 9.0)), &[], 2.0), None);
    }

    #[test]
    fn figures_are_by_size_and_thresholds_from_what_is_large_enough() {
        let sight = Sight {
            subjects: (0..10)
                .map(|n| Seen {
                    side_px: 30.0,
                    score: 0.1 * n as f32,
                })
                .chain([Seen {
                    side_px: 10.0,
                    score: 0.0,
                }])
                .collect(),
            false_peaks: vec![0.2, 0.6, 0.9],
            pictures: 6,
        };
        let sizes: Vec<_> = sight
            .sizes(0.45)
            .map(|row| (row.least_px, row.subjects, row.found))
            .collect();
        assert_eq!(sizes, [(8.0, 1, 0), (24.0, 10, 5)]);
        assert_eq!(sight.false_at(0.45), 2.0 / 6.0);
        assert_eq!(sight.rule(), Some((0.1, 0.0)));
        assert_eq!(Sight::default().rule(), None);
        assert_eq!(Sight::default().shares().count(), 0);
    }

    proptest! {
        #[test]
        fn a_higher_threshold_finds_no_more(scores in proptest::collection::vec((8.0f32..200.0, 0.0f32..1.0), 1..40)) {
            let subjects = scores.iter().map(|&(side_px, score)| Seen { side_px, score }).collect();
            let sight = Sight { subjects, false_peaks: scores.iter().map(|one| one.1).collect(), pictures: 3 };
            let found = |birth| sight.sizes(birth).map(|row| row.found).sum::<usize>();
            prop_assert!(found(0.6) <= found(0.3));
            prop_assert!(sight.false_at(0.6) <= sight.false_at(0.3));
            prop_assert_eq!(sight.sizes(0.3).map(|row| row.subjects).sum::<usize>(), scores.len());
            if let Some((birth, keep)) = sight.rule() {
                prop_assert!(keep <= birth);
            }
        }
    }
}
