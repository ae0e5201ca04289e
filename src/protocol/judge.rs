//! The figures of a clip, of one run or of several.

use super::clip::Clip;
use super::recorder::Recorded;
use crate::metrics::nearest_rank;
use crate::mot::{self, Judged, Score, Sent, Steadiness};

/// How well a clip was followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Frames that were judged. There are more where not all are labelled.
    pub frames: usize,
    /// Counts.
    pub score: Score,
    /// Of raw joints.
    pub raw: Steadiness,
    /// Of joints that `--smooth light` steadies.
    pub smooth: Steadiness,
    /// Costs of the looks of each frame, sorted.
    pub spent_us: Vec<u64>,
    /// Frames whose looks cost more than 85 % of the camera's period.
    pub over_budget: usize,
}

/// The share of the camera's period that a frame's looks may take.
const SHARE: f64 = 0.85;

impl Report {
    pub(super) fn of(clip: &Clip, recorded: &[Recorded]) -> Report {
        let judged = |sent: fn(&Recorded) -> &Vec<Sent>| -> Vec<Judged> {
            let frames = recorded.iter().filter_map(|one| {
                let at = usize::try_from(one.index).ok()?;
                let moment = clip.moments.get(at)?;
                Some(Judged {
                    captured_us: moment.captured_us,
                    is_labelled: moment.is_labelled,
                    ignored: moment.ignored.clone(),
                    truths: moment.truths.clone(),
                    sent: sent(one).clone(),
                })
            });
            frames.collect()
        };
        let raw = judged(|one| &one.raw);
        let times: Vec<u64> = raw.iter().map(|frame| frame.captured_us).collect();
        let is_over = |at: &usize| {
            let step = times.get(at + 1).map(|next| next - times[*at]);
            let step = step.or_else(|| Some(times[*at] - times.get(at.checked_sub(1)?)?));
            let budget_us = SHARE * step.unwrap_or(0) as f64;
            // A period is a whole number of microseconds only nearly.
            recorded[*at].spent_us as f64 > budget_us + 2.0
        };
        let mut spent_us: Vec<u64> = recorded.iter().map(|one| one.spent_us).collect();
        spent_us.sort_unstable();
        Report {
            frames: raw.iter().filter(|frame| frame.is_labelled).count(),
            score: mot::score(&raw),
            raw: mot::steadiness(&raw),
            smooth: mot::steadiness(&judged(|one| &one.smooth)),
            over_budget: (0..times.len()).filter(is_over).count(),
            spent_us,
        }
    }

    /// Joins a run of the same clip with other noise.
    pub fn join(&mut self, other: Report) {
        let weights = (self.frames as f64, other.frames as f64);
        self.frames += other.frames;
        self.raw = mean(weights, self.raw, other.raw);
        self.smooth = mean(weights, self.smooth, other.smooth);
        self.score.join(other.score);
        self.spent_us.extend(other.spent_us);
        self.spent_us.sort_unstable();
        self.over_budget += other.over_budget;
    }

    /// The cost that this share of the frames does not exceed.
    pub fn spent_us(&self, share: f64) -> u64 {
        nearest_rank(&self.spent_us, share).unwrap_or(0)
    }
}

/// The weighted mean of two runs. Of jitters it is the root of the mean square.
fn mean((a, b): (f64, f64), first: Steadiness, second: Steadiness) -> Steadiness {
    let both = |first: Option<f64>, second: Option<f64>| match (first, second) {
        (Some(first), Some(second)) => Some((a * first + b * second) / (a + b)),
        (known, None) | (None, known) => known,
    };
    let square = |jitter: Option<f64>| jitter.map(|jitter| jitter * jitter);
    Steadiness {
        jitter_sides: both(square(first.jitter_sides), square(second.jitter_sides)).map(f64::sqrt),
        lag_s: both(first.lag_s, second.lag_s),
    }
}
