//! COCO's evaluation of persons' joints: average precision by the similarity of joints (OKS).
//!
//! In: the true and the found persons of each picture, in pixels. Out: [`Figures`], those of COCO's own tools for the same
//! persons: thresholds of 0.50 to 0.95, precision at 101 recalls, at most 20 persons of a picture, areas from 32 and 96 px
//! squared on. Pictures are in the order of their ids.

/// The joints of a person.
pub const JOINTS: usize = 17;

/// Deviations of people who label a joint, of the square root of the person's area. In the order of
/// [`COCO_JOINTS`](crate::scene::COCO_JOINTS).
const DEVIATIONS: [f64; JOINTS] = [
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
    0.087, 0.087, 0.089, 0.089,
];
/// Found persons of a picture that count: those with the highest scores.
const MAX_FOUND: usize = 20;
const THRESHOLDS: usize = 10;
/// The index of the threshold 0.75.
const AT_75: usize = 5;
const RECALLS: usize = 101;
/// Areas in px squared: all, medium and large persons.
const AREAS: [(f64, f64); 3] = [(0.0, 1e10), (1024.0, 9216.0), (9216.0, 1e10)];

/// A person that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    pub joints: [(f64, f64); JOINTS],
    pub labelled: [bool; JOINTS],
    /// Left, top, width, height.
    pub bbox: [f64; 4],
    /// Of the person's outline, in px squared.
    pub area: f64,
    /// Stands for several persons.
    pub is_crowd: bool,
    /// May be found or not: a crowd, or a person without labelled joints.
    pub is_ignored: bool,
}

/// A person that a network found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub joints: [(f64, f64); JOINTS],
    pub score: f64,
}

/// The persons of a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    pub truths: Vec<Truth>,
    pub found: Vec<Found>,
}

/// `None` where no person is of the size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub ap: Option<f64>,
    pub ap50: Option<f64>,
    pub ap75: Option<f64>,
    pub ap_medium: Option<f64>,
    pub ap_large: Option<f64>,
    pub ar: Option<f64>,
}

/// Judges all pictures.
pub fn figures(pictures: &[Picture]) -> Figures {
    let prepared: Vec<Prepared<'_>> = pictures.iter().map(Prepared::new).collect();
    let [all, medium, large] = AREAS.map(|area| curves(&prepared, area));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let ap = |curves: &Option<[Curve; THRESHOLDS]>| {
        let curves = curves.as_ref()?;
        Some(mean(&curves.each_ref().map(|curve| curve.precision)))
    };
    let at = |index: usize| all.as_ref().map(|curves| curves[index].precision);
    Figures {
        ap: ap(&all),
        ap50: at(0),
        ap75: at(AT_75),
        ap_medium: ap(&medium),
        ap_large: ap(&large),
        ar: all
            .as_ref()
            .map(|curves| mean(&curves.each_ref().map(|curve| curve.recall))),
    }
}

/// The similarity of a true and a found person, 0 to 1. Without a labelled joint it is that of the found joints to twice the box.
fn similarity(truth: &Truth, found: &Found) -> f64 {
    let [left, top, width, height] = truth.bbox;
    let beyond = |at: f64, from: f64, length: f64| {
        (from - length - at).max(0.0) + (at - (from + 2.0 * length)).max(0.0)
    };
    let has_labels = truth.labelled.contains(&true);
    let (mut sum, mut count) = (0.0, 0);
    for (joint, deviation) in DEVIATIONS.iter().enumerate() {
        if has_labels && !truth.labelled[joint] {
            continue;
        }
        let (x, y) = found.joints[joint];
        let (dx, dy) = match has_labels {
            true => (x - truth.joints[joint].0, y - truth.joints[joint].1),
            false => (beyond(x, left, width), beyond(y, top, height)),
        };
        let variance = (2.0 * deviation).powi(2);
        let error = (dx * dx + dy * dy) / variance / (truth.area + f64::EPSILON) / 2.0;
        sum += (-error).exp();
        count += 1;
    }
    sum / f64::from(count)
}

/// The area of the box around the joints.
fn found_area(found: &Found) -> f64 {
    let span = |axis: fn(&(f64, f64)) -> f64| {
        let values = found.joints.iter().map(axis);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        high - low
    };
    span(|joint| joint.0) * span(|joint| joint.1)
}

/// A picture with its found persons in the order of their scores.
struct Prepared<'a> {
    truths: &'a [Truth],
    /// Score and area.
    found: Vec<(f64, f64)>,
    /// For each found person that of each truth.
    similarities: Vec<Vec<f64>>,
}

impl<'a> Prepared<'a> {
    fn new(picture: &'a Picture) -> Self {
        let mut found: Vec<&Found> = picture.found.iter().collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(MAX_FOUND);
        let to_all = |one: &&Found| {
            picture
                .truths
                .iter()
                .map(|truth| similarity(truth, one))
                .collect()
        };
        Prepared {
            truths: &picture.truths,
            similarities: found.iter().map(to_all).collect(),
            found: found
                .iter()
                .map(|one| (one.score, found_area(one)))
                .collect(),
        }
    }

    /// The state of each found person at a threshold. `order` has the truths that count first; `counting` is their number.
    fn verdicts(
        &self,
        threshold: f64,
        order: &[usize],
        counting: usize,
        area: (f64, f64),
    ) -> Vec<Verdict> {
        let mut is_taken = vec![false; order.len()];
        let verdict = |(found, &(score, own_area)): (usize, &(f64, f64))| {
            let mut best = threshold.min(1.0 - 1e-10);
            let mut at = None;
            for (place, &truth) in order.iter().enumerate() {
                if is_taken[place] && !self.truths[truth].is_crowd {
                    continue;
                }
                // A truth that counts is better than any that does not.
                if place >= counting && at.is_some_and(|at| at < counting) {
                    break;
                }
                let similarity = self.similarities[found][truth];
                if similarity >= best {
                    best = similarity;
                    at = Some(place);
                }
            }
            if let Some(at) = at {
                is_taken[at] = true;
            }
            let is_of_area = own_area >= area.0 && own_area <= area.1;
            Verdict {
                score,
                is_right: at.is_some_and(|at| at < counting),
                counts: at.map_or(is_of_area, |at| at < counting),
            }
        };
        self.found.iter().enumerate().map(verdict).collect()
    }
}

/// A found person at a threshold.
struct Verdict {
    score: f64,
    is_right: bool,
    counts: bool,
}

/// Mean precision over the recalls, and the greatest recall.
struct Curve {
    precision: f64,
    recall: f64,
}

/// A curve for each threshold; `None` if no truth of the area counts.
fn curves(pictures: &[Prepared<'_>], area: (f64, f64)) -> Option<[Curve; THRESHOLDS]> {
    let counts = |truth: &Truth| !truth.is_ignored && truth.area >= area.0 && truth.area <= area.1;
    let orders: Vec<(Vec<usize>, usize)> = pictures
        .iter()
        .map(|picture| {
            let places = 0..picture.truths.len();
            let (mut order, others): (Vec<usize>, Vec<usize>) =
                places.partition(|&place| counts(&picture.truths[place]));
            let counting = order.len();
            order.extend(others);
            (order, counting)
        })
        .collect();
    let all: usize = orders.iter().map(|(_, counting)| counting).sum();
    if all == 0 {
        return None;
    }
    Some(std::array::from_fn(|step| {
        let threshold = 0.5 + step as f64 * ((0.95 - 0.5) / (THRESHOLDS - 1) as f64);
        let verdicts = pictures.iter().zip(&orders);
        let mut verdicts: Vec<Verdict> = verdicts
            .flat_map(|(picture, (order, counting))| {
                picture.verdicts(threshold, order, *counting, area)
            })
            .collect();
        verdicts.sort_by(|a, b| b.score.total_cmp(&a.score));
        curve(&verdicts, all)
    }))
}

/// The curve of found persons in the order of their scores, of `all` that are there.
fn curve(verdicts: &[Verdict], all: usize) -> Curve {
    let (mut right, mut wrong) = (0, 0);
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(verdicts.len());
    for verdict in verdicts {
        right += usize::from(verdict.is_right);
        wrong += usize::from(verdict.counts && !verdict.is_right);
        let recall = right as f64 / all as f64;
        let precision = right as f64 / ((right + wrong) as f64 + f64::EPSILON);
        points.push((recall, precision));
    }
    // The precision at a recall is the best one from there on.
    let mut best = 0.0_f64;
    for (_, precision) in points.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    let sum: f64 = (0..RECALLS)
        .map(|step| {
            let wanted = step as f64 * 0.01;
            let at = points.partition_point(|&(recall, _)| recall < wanted);
            points.get(at).map_or(0.0, |&(_, precision)| precision)
        })
        .sum();
    Curve {
        precision: sum / RECALLS as f64,
        recall: points.last().map_or(0.0, |&(recall, _)| recall),
    }
}
