//! Jitter where the truth rests, and lag where it moves.

use super::matching::Matcher;
use super::{Judged, PointPx, Truth};
use std::collections::BTreeMap;

/// A truth rests if no joint moves by more than this between two frames, in sides.
const AT_REST: f32 = 0.001;
/// A truth moves from this speed on, in sides per second.
const MOVING: f32 = 0.2;
/// Steps of the fit of the lag.
const FIT_STEPS: usize = 5;
/// A lag is looked for within this time.
const MOST_LAG_S: f64 = 0.5;

/// Jitter and lag of a clip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Steadiness {
    /// Root of the mean squared second difference of the joints, in sides; `None` if nothing rests.
    pub jitter_sides: Option<f64>,
    /// The time by which the truth must be delayed to fit best; `None` if nothing moves.
    pub lag_s: Option<f64>,
}

/// A truth with its number and its sent joints in one frame.
struct Step<'a> {
    frame: usize,
    number: u32,
    truth: &'a Truth,
    sent: &'a [Option<PointPx>],
}

/// Judges a clip.
pub fn steadiness(frames: &[Judged]) -> Steadiness {
    let mut matcher = Matcher::default();
    let mut steps: BTreeMap<u32, Vec<Step<'_>>> = BTreeMap::new();
    let mut paths: BTreeMap<u32, Vec<(f64, &Truth)>> = BTreeMap::new();
    for (index, frame) in frames.iter().enumerate() {
        for truth in &frame.truths {
            let at_s = frame.captured_us as f64 / 1e6;
            paths.entry(truth.id).or_default().push((at_s, truth));
        }
        for pair in matcher.pairs(frame) {
            let (truth, sent) = (&frame.truths[pair.truth], &frame.sent[pair.sent]);
            steps.entry(truth.id).or_default().push(Step {
                frame: index,
                number: sent.number,
                truth,
                sent: &sent.joints,
            });
        }
    }
    let mut jitter = Mean::default();
    for list in steps.values() {
        list.windows(3)
            .for_each(|three| jitter_of(three, &mut jitter));
    }
    Steadiness {
        jitter_sides: jitter.value().map(f64::sqrt),
        lag_s: lag_s(frames, &steps, &paths),
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

fn jitter_of(three: &[Step<'_>], jitter: &mut Mean) {
    let [a, b, c] = three else { return };
    let is_row = b.frame == a.frame + 1 && c.frame == b.frame + 1;
    let is_one = a.number == b.number && b.number == c.number;
    let side_px = b.truth.side_px();
    if !(is_row && is_one && rests(a.truth, b.truth, side_px) && rests(b.truth, c.truth, side_px)) {
        return;
    }
    for ((a, b), c) in a.sent.iter().zip(b.sent).zip(c.sent) {
        if let (Some(a), Some(b), Some(c)) = (a, b, c) {
            for second in [a.0 - 2.0 * b.0 + c.0, a.1 - 2.0 * b.1 + c.1] {
                jitter.add(f64::from(second / side_px).powi(2));
            }
        }
    }
}

fn rests(before: &Truth, after: &Truth, side_px: f32) -> bool {
    let mut pairs = before.joints.iter().zip(&after.joints);
    pairs.all(|pair| match pair {
        (Some(a), Some(b)) => (a.0 - b.0).hypot(a.1 - b.1) <= AT_REST * side_px,
        (a, b) => a == b,
    })
}

/// The least squares fit of one delay, by steps of Gauss and Newton.
fn lag_s(
    frames: &[Judged],
    steps: &BTreeMap<u32, Vec<Step<'_>>>,
    paths: &BTreeMap<u32, Vec<(f64, &Truth)>>,
) -> Option<f64> {
    let mut lag_s = 0.0;
    for _ in 0..FIT_STEPS {
        let (mut along, mut squares) = (0.0, 0.0);
        for (id, list) in steps {
            let Some(path) = paths.get(id) else { continue };
            for step in list {
                let then_s = frames[step.frame].captured_us as f64 / 1e6 - lag_s;
                let moving_px = f64::from(MOVING * step.truth.side_px());
                for (joint, sent) in step.sent.iter().enumerate() {
                    let Some(sent) = sent else { continue };
                    let Some((place, speed)) = at(path, joint, then_s) else {
                        continue;
                    };
                    if speed.0.hypot(speed.1) < moving_px {
                        continue;
                    }
                    let behind = (place.0 - f64::from(sent.0), place.1 - f64::from(sent.1));
                    along += behind.0 * speed.0 + behind.1 * speed.1;
                    squares += speed.0 * speed.0 + speed.1 * speed.1;
                }
            }
        }
        if squares <= 0.0 {
            return None;
        }
        lag_s = (lag_s + along / squares).clamp(-MOST_LAG_S, MOST_LAG_S);
    }
    Some(lag_s)
}

/// Place and speed of a joint between two frames, in px and px/s.
fn at(path: &[(f64, &Truth)], joint: usize, at_s: f64) -> Option<((f64, f64), (f64, f64))> {
    let after = path.partition_point(|(time_s, _)| *time_s <= at_s);
    let after = after.clamp(1, path.len().checked_sub(1)?.max(1));
    let ((from_s, from), (to_s, to)) = (path.get(after - 1)?, path.get(after)?);
    let (a, b) = ((*from.joints.get(joint)?)?, (*to.joints.get(joint)?)?);
    let step_s = to_s - from_s;
    // Beyond the ends nothing is known.
    if step_s <= 0.0 || at_s < *from_s || at_s > *to_s {
        return None;
    }
    let speed = (f64::from(b.0 - a.0) / step_s, f64::from(b.1 - a.1) / step_s);
    let since_s = at_s - from_s;
    let place = (
        f64::from(a.0) + speed.0 * since_s,
        f64::from(a.1) + speed.1 * since_s,
    );
    Some((place, speed))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{frames, sent, truth};
    use super::*;

    #[test]
    fn jitter_is_the_second_difference_in_sides() {
        // 0, 1, 0, 1 px to and fro: second differences of 2 px in x and 0 in y, of a side of 100 px.
        let list = (0..20).map(|frame| {
            let x = (frame % 2) as f32;
            (vec![truth(1, 0.0)], vec![sent(1, x)])
        });
        let found = steadiness(&frames(list.collect()));
        let jitter = found.jitter_sides.unwrap();
        assert!((jitter - (0.02_f64.powi(2) / 2.0).sqrt()).abs() < 1e-6);
        assert_eq!(found.lag_s, None);
    }

    #[test]
    fn a_moving_truth_has_no_jitter_and_a_new_number_none_either() {
        let list = (0..20).map(|frame| {
            let x = 5.0 * frame as f32;
            (vec![truth(1, x)], vec![sent(1, x + (frame % 2) as f32)])
        });
        assert_eq!(steadiness(&frames(list.collect())).jitter_sides, None);
        let list = (0..20).map(|frame| (vec![truth(1, 0.0)], vec![sent(frame / 2, 0.0)]));
        assert_eq!(steadiness(&frames(list.collect())).jitter_sides, None);
    }

    #[test]
    fn the_lag_is_the_shift_of_the_truth() {
        // 50 px/s is half a side a second. What is sent is where the truth was 40 ms ago.
        let list = (0..40).map(|frame| {
            let x = 5.0 * frame as f32;
            (vec![truth(1, x)], vec![sent(1, x - 50.0 * 0.04)])
        });
        let lag_s = steadiness(&frames(list.collect())).lag_s.unwrap();
        assert!((lag_s - 0.04).abs() < 1e-4, "{lag_s}");
        // To and fro, 150 ms late.
        let place = |at_s: f32| 200.0 + 60.0 * (3.0 * at_s).sin();
        let list = (0..60).map(|frame| {
            let at_s = 0.1 * frame as f32;
            let (now, then) = (truth(1, place(at_s)), sent(1, place(at_s - 0.15)));
            (vec![now], vec![then])
        });
        let lag_s = steadiness(&frames(list.collect())).lag_s.unwrap();
        assert!((lag_s - 0.15).abs() < 0.01, "{lag_s}");
    }
}
