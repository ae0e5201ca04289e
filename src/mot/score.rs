//! Counts of a whole clip: numbers, false tracks, locks, recall, sides, ages, MOTA and IDF1.

use super::matching::{Matcher, Pair};
use super::{Judged, LOCK_SIDE_PX, SAME, Sent, Truth, assignment, distance};
use crate::metrics::nearest_rank;
use crate::scene::Side;
use std::collections::BTreeMap;

/// Frames in a row without a truth, after which a sent instance is a false track.
const FALSE_FRAMES: u32 = 3;
/// The first sides of the bins of recall, in pixels of the frame.
pub const SIZES_PX: [f32; 4] = [24.0, 32.0, 48.0, 96.0];

/// Truths of a range of sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bin {
    /// All that count, one for each frame.
    pub truths: u64,
    /// Those that were sent.
    pub found: u64,
}

impl Bin {
    /// `None` if there were none.
    pub fn recall(&self) -> Option<f64> {
        (self.truths > 0).then(|| self.found as f64 / self.truths as f64)
    }
}

/// The figures of a clip.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Time from the first labelled frame to the end of the last.
    pub seconds: f64,
    /// Truths that count, one for each frame.
    pub truths: u64,
    /// Of these, the ones that were not sent.
    pub misses: u64,
    /// Sent instances without a truth, one for each frame.
    pub false_sent: u64,
    /// A truth has the number that another truth had before.
    pub swaps: u64,
    /// A truth has another number than before, which no truth had.
    pub new_numbers: u64,
    /// Sent instances without a truth for three frames in a row.
    pub false_tracks: u64,
    /// Time of each truth that was found, from the first frame in which it could be.
    pub lock_us: Vec<u64>,
    /// Truths that could be found and never were.
    pub never_found: u64,
    /// For [`SIZES_PX`].
    pub recall: [Bin; 4],
    /// Times that a side became wrong.
    pub side_errors: u64,
    /// Changes of the side that a number has.
    pub side_changes: u64,
    /// Those of hands that belonged to a body before and after.
    pub linked_side_changes: u64,
    /// Sent instances, one for each frame.
    pub sent: u64,
    /// Those that were predicted.
    pub predicted: u64,
    /// Ages of all looks, sorted.
    pub ages_us: Vec<u64>,
    /// Frames of truths in which they have their own number, of the best pairing of truths and numbers.
    pub own_number: u64,
    /// Sent instances that compete for these: all but those of truths that do not count, and those that are left open.
    pub judged_sent: u64,
}

impl Score {
    /// A count for each minute.
    pub fn per_minute(&self, count: u64) -> f64 {
        60.0 * count as f64 / self.seconds.max(1e-6)
    }

    /// The longest time to the first lock; `None` if nothing was found.
    pub fn slowest_lock_us(&self) -> Option<u64> {
        self.lock_us.iter().max().copied()
    }

    /// Share of the sent instances that were predicted.
    pub fn predicted_share(&self) -> f64 {
        self.predicted as f64 / self.sent.max(1) as f64
    }

    /// The age that this share of the sent instances does not exceed (nearest rank).
    pub fn age_us(&self, share: f64) -> u64 {
        nearest_rank(&self.ages_us, share).unwrap_or(0)
    }

    /// 1 less misses, false ones and changes of numbers; `None` without truths.
    pub fn mota(&self) -> Option<f64> {
        let wrong = self.misses + self.false_sent + self.swaps + self.new_numbers;
        (self.truths > 0).then(|| 1.0 - wrong as f64 / self.truths as f64)
    }

    /// F1 of the frames with the own number; `None` without truths.
    pub fn idf1(&self) -> Option<f64> {
        let all = self.truths + self.judged_sent;
        (self.truths > 0).then(|| 2.0 * self.own_number as f64 / all as f64)
    }

    /// Adds the counts of another clip.
    pub fn join(&mut self, other: Score) {
        self.seconds += other.seconds;
        for (own, others) in [
            (&mut self.truths, other.truths),
            (&mut self.misses, other.misses),
            (&mut self.false_sent, other.false_sent),
            (&mut self.swaps, other.swaps),
            (&mut self.new_numbers, other.new_numbers),
            (&mut self.false_tracks, other.false_tracks),
            (&mut self.never_found, other.never_found),
            (&mut self.side_errors, other.side_errors),
            (&mut self.side_changes, other.side_changes),
            (&mut self.linked_side_changes, other.linked_side_changes),
            (&mut self.sent, other.sent),
            (&mut self.predicted, other.predicted),
            (&mut self.own_number, other.own_number),
            (&mut self.judged_sent, other.judged_sent),
        ] {
            *own += others;
        }
        for (own, others) in self.recall.iter_mut().zip(other.recall) {
            own.truths += others.truths;
            own.found += others.found;
        }
        self.lock_us.extend(other.lock_us);
        self.ages_us.extend(other.ages_us);
        self.ages_us.sort_unstable();
    }

    /// Recall of truths from this side on, which is one of [`SIZES_PX`].
    pub fn recall_from(&self, side_px: f32) -> Option<f64> {
        let bins = SIZES_PX.iter().zip(&self.recall);
        let large = bins.filter(|(from, _)| **from >= side_px);
        let sum = large.fold(Bin::default(), |sum, (_, bin)| Bin {
            truths: sum.truths + bin.truths,
            found: sum.found + bin.found,
        });
        sum.recall()
    }
}

/// Record of a truth.
#[derive(Debug, Default)]
struct Known {
    number: Option<u32>,
    could_lock_us: Option<u64>,
    is_locked: bool,
    is_side_wrong: bool,
}

/// Record of a number.
#[derive(Debug, Default)]
struct Track {
    /// The truth that had it last.
    truth: Option<u32>,
    alone: u32,
    side: Option<Side>,
    is_linked: bool,
}

#[derive(Default)]
struct Counting {
    score: Score,
    known: BTreeMap<u32, Known>,
    tracks: BTreeMap<u32, Track>,
    /// Frames in which a truth that counts and a number are near each other.
    together: BTreeMap<(u32, u32), u64>,
}

/// Judges a clip: its labelled frames.
pub fn score(frames: &[Judged]) -> Score {
    let mut counting = Counting::default();
    let mut matcher = Matcher::default();
    let frames: Vec<&Judged> = frames.iter().filter(|frame| frame.is_labelled).collect();
    for frame in &frames {
        let pairs = matcher.pairs(frame);
        counting.frame(frame, &pairs);
    }
    counting.finish(&frames)
}

impl Counting {
    fn frame(&mut self, frame: &Judged, pairs: &[Pair]) {
        for (at, truth) in frame.truths.iter().enumerate() {
            let sent = pairs.iter().find(|pair| pair.truth == at);
            let sent = sent.map(|pair| &frame.sent[pair.sent]);
            self.truth(frame.captured_us, truth, sent);
        }
        for (at, sent) in frame.sent.iter().enumerate() {
            let truth = pairs.iter().find(|pair| pair.sent == at);
            let truth = truth.map(|pair| &frame.truths[pair.truth]);
            self.sent(sent, truth, frame.leaves_open(sent));
            for truth in frame.truths.iter().filter(|truth| truth.counts()) {
                if distance(truth, sent).is_some_and(|far| far < SAME) {
                    *self.together.entry((truth.id, sent.number)).or_default() += 1;
                }
            }
        }
    }

    fn truth(&mut self, now_us: u64, truth: &Truth, sent: Option<&Sent>) {
        let score = &mut self.score;
        let known = self.known.entry(truth.id).or_default();
        if truth.counts() {
            let side_px = truth.side_px();
            score.truths += 1;
            score.misses += u64::from(sent.is_none());
            let bin = SIZES_PX.partition_point(|&from| from <= side_px);
            let bin = &mut score.recall[bin.saturating_sub(1)];
            bin.truths += 1;
            bin.found += u64::from(sent.is_some());
            if side_px >= LOCK_SIDE_PX {
                known.could_lock_us.get_or_insert(now_us);
            }
        }
        let Some(sent) = sent else { return };
        if let Some(could_us) = known.could_lock_us
            && !known.is_locked
        {
            known.is_locked = true;
            score.lock_us.push(now_us - could_us);
        }
        if known.number.is_some_and(|number| number != sent.number) {
            let was_anothers = self
                .tracks
                .get(&sent.number)
                .and_then(|track| track.truth)
                .is_some_and(|other| other != truth.id);
            score.swaps += u64::from(was_anothers);
            score.new_numbers += u64::from(!was_anothers);
        }
        known.number = Some(sent.number);
        if let (Some(right), Some(told)) = (truth.side, sent.side) {
            score.side_errors += u64::from(right != told && !known.is_side_wrong);
            known.is_side_wrong = right != told;
        }
    }

    fn sent(&mut self, sent: &Sent, truth: Option<&Truth>, is_open: bool) {
        let score = &mut self.score;
        let track = self.tracks.entry(sent.number).or_default();
        score.sent += 1;
        score.predicted += u64::from(sent.is_predicted);
        score.ages_us.push(sent.look_age_us);
        score.judged_sent += u64::from(truth.map_or(!is_open, Truth::counts));
        match truth {
            Some(truth) => {
                track.alone = 0;
                track.truth = Some(truth.id);
            }
            None if is_open => {}
            None => {
                score.false_sent += 1;
                track.alone += 1;
                score.false_tracks += u64::from(track.alone == FALSE_FRAMES);
            }
        }
        if let Some(side) = sent.side {
            if track.side.is_some_and(|before| before != side) {
                score.side_changes += 1;
                score.linked_side_changes += u64::from(track.is_linked && sent.is_linked);
            }
            track.side = Some(side);
        }
        track.is_linked = sent.is_linked;
    }

    fn finish(self, frames: &[&Judged]) -> Score {
        let mut score = self.score;
        if let [first, .., before, last] = frames {
            let whole_us = 2 * last.captured_us - before.captured_us - first.captured_us;
            score.seconds = whole_us as f64 / 1e6;
        }
        let lost = |known: &&Known| known.could_lock_us.is_some() && !known.is_locked;
        score.never_found = self.known.values().filter(lost).count() as u64;
        score.ages_us.sort_unstable();
        let ids: Vec<u32> = self.known.keys().copied().collect();
        let numbers: Vec<u32> = self.tracks.keys().copied().collect();
        let together = |id: u32, number: u32| {
            let frames = self.together.get(&(id, number)).copied();
            frames.unwrap_or(0) as f64
        };
        let values: Vec<Vec<f64>> = ids
            .iter()
            .map(|&id| numbers.iter().map(|&number| together(id, number)).collect())
            .collect();
        let own = assignment::best(&values).into_iter().enumerate();
        let own = own.filter_map(|(row, column)| Some(values[row][column?]));
        score.own_number = own.sum::<f64>() as u64;
        score
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{frames, sent, truth};
    use super::*;

    #[test]
    fn a_perfect_clip() {
        let there = || (vec![truth(1, 0.0)], vec![sent(4, 2.0)]);
        let score = score(&frames(vec![there(), there(), there(), there()]));
        assert!((score.seconds - 0.4).abs() < 1e-9);
        assert_eq!((score.truths, score.misses, score.false_sent), (4, 0, 0));
        assert_eq!((score.mota(), score.idf1()), (Some(1.0), Some(1.0)));
        assert_eq!(score.lock_us, [0]);
        assert_eq!(score.recall_from(48.0), Some(1.0));
        assert_eq!(
            score.recall[3],
            Bin {
                truths: 4,
                found: 4
            }
        );
        assert_eq!(score.recall[0].recall(), None);
    }

    /// Two truths, of which the numbers are exchanged after two of four frames.
    #[test]
    fn a_swap_of_two_numbers_counts_twice() {
        let before = || {
            (
                vec![truth(1, 0.0), truth(2, 300.0)],
                vec![sent(7, 0.0), sent(8, 300.0)],
            )
        };
        let after = || {
            (
                vec![truth(1, 0.0), truth(2, 300.0)],
                vec![sent(8, 0.0), sent(7, 300.0)],
            )
        };
        let score = score(&frames(vec![before(), before(), after(), after()]));
        assert_eq!((score.swaps, score.new_numbers), (2, 0));
        // 0.4 s: 300 a minute.
        assert!((score.per_minute(score.swaps) - 300.0).abs() < 1e-6);
        assert_eq!(score.mota(), Some(1.0 - 2.0 / 8.0));
        // Each truth keeps one number for 2 of its 4 frames: 2 * 4 / (8 + 8).
        assert_eq!(score.idf1(), Some(0.5));
    }

    #[test]
    fn a_gap_with_another_number_after_it() {
        let mut list = vec![(vec![truth(1, 0.0)], vec![sent(7, 0.0)]); 3];
        list.push((vec![truth(1, 0.0)], vec![]));
        list.extend(vec![(vec![truth(1, 0.0)], vec![sent(9, 0.0)]); 4]);
        let score = score(&frames(list));
        assert_eq!((score.swaps, score.new_numbers, score.misses), (0, 1, 1));
        assert_eq!(score.mota(), Some(1.0 - 2.0 / 8.0));
        // 4 frames with the number 9 are the own ones: 2 * 4 / (8 + 7).
        assert_eq!(score.idf1(), Some(8.0 / 15.0));
    }

    #[test]
    fn a_false_track_is_one_that_is_alone_for_three_frames() {
        let list = |frames: usize| vec![(vec![truth(1, 0.0)], vec![sent(3, 400.0)]); frames];
        assert_eq!(score(&frames(list(2))).false_tracks, 0);
        let alone = score(&frames(list(9)));
        assert_eq!((alone.false_tracks, alone.false_sent), (1, 9));
        assert_eq!((alone.never_found, alone.slowest_lock_us()), (1, None));
        assert_eq!(alone.mota(), Some(-1.0));
        // Two at one hand are one too many.
        let twice = vec![(vec![truth(1, 0.0)], vec![sent(3, 0.0), sent(4, 5.0)]); 4];
        let twice = score(&frames(twice));
        assert_eq!((twice.false_tracks, twice.misses), (1, 0));
    }

    #[test]
    fn what_is_hidden_is_neither_missed_nor_false() {
        let hidden = Truth {
            visible: 0.2,
            ..truth(1, 0.0)
        };
        let mut list = vec![(vec![hidden.clone()], vec![]); 2];
        list.extend(vec![(vec![truth(1, 0.0)], vec![]); 2]);
        list.extend(vec![(vec![truth(1, 0.0)], vec![sent(5, 0.0)]); 2]);
        list.extend(vec![(vec![hidden], vec![sent(5, 10.0)]); 4]);
        let score = score(&frames(list));
        assert_eq!((score.truths, score.misses, score.false_sent), (4, 2, 0));
        assert_eq!((score.sent, score.judged_sent), (6, 2));
        // From the first frame in which it is in view: two frames of 100 ms.
        assert_eq!(score.lock_us, [200_000]);
        assert_eq!(score.idf1(), Some(2.0 * 2.0 / 6.0));
    }

    #[test]
    fn frames_without_labels_are_not_judged_and_ignored_regions_leave_open_what_is_sent_there() {
        let there = || (vec![truth(1, 0.0)], vec![sent(4, 0.0), sent(5, 400.0)]);
        let mut list = frames(vec![there(); 8]);
        assert_eq!(score(&list).false_sent, 8);
        // Two of the four joints of the second one are in the region.
        let corners = [(390.0, 40.0), (410.0, 40.0), (410.0, 160.0), (390.0, 160.0)];
        let region = super::super::Polygon(corners.to_vec());
        for frame in &mut list {
            frame.ignored.push(region.clone());
        }
        let open = score(&list);
        assert_eq!((open.false_sent, open.false_tracks, open.sent), (0, 0, 16));
        assert_eq!((open.mota(), open.idf1()), (Some(1.0), Some(1.0)));
        // One joint of four is too few, and a truth counts wherever it is.
        for frame in &mut list {
            frame.sent[1].joints[2] = Some((500.0, 500.0));
            frame.ignored.push(super::super::Polygon(vec![
                (-10.0, 40.0),
                (110.0, 40.0),
                (110.0, 160.0),
                (-10.0, 160.0),
            ]));
        }
        let few = score(&list);
        assert_eq!((few.false_sent, few.misses, few.truths), (8, 0, 8));
        for frame in list.iter_mut().step_by(2) {
            frame.is_labelled = false;
            frame.truths.clear();
        }
        let half = score(&list);
        assert_eq!((half.truths, half.sent, half.false_sent), (4, 8, 4));
        // From the second frame to the eighth, and two steps of it.
        assert!((half.seconds - 0.8).abs() < 1e-9);
    }

    #[test]
    fn sides_and_ages() {
        let frame = |told: Option<Side>, is_linked, look_age_us| {
            let there = Truth {
                side: Some(Side::Left),
                ..truth(1, 0.0)
            };
            let sent = Sent {
                side: told,
                is_linked,
                look_age_us,
                is_predicted: look_age_us > 0,
                ..sent(2, 0.0)
            };
            (vec![there], vec![sent])
        };
        use Side::{Left, Right};
        let score = score(&frames(vec![
            frame(None, false, 0),
            frame(Some(Right), false, 0),
            frame(Some(Right), true, 33_000),
            frame(None, true, 0),
            frame(Some(Left), true, 0),
            frame(Some(Right), false, 66_000),
        ]));
        assert_eq!((score.side_errors, score.side_changes), (2, 2));
        assert_eq!(score.linked_side_changes, 1);
        assert_eq!((score.predicted, score.sent), (2, 6));
        assert_eq!((score.age_us(0.5), score.age_us(0.99)), (0, 66_000));
    }

    #[test]
    fn an_empty_clip_has_no_figures() {
        let score = score(&[]);
        assert_eq!((score.mota(), score.idf1()), (None, None));
        assert_eq!((score.age_us(0.99), score.recall_from(24.0)), (0, None));
    }

    #[test]
    fn recall_goes_by_size() {
        let sized = |side: f32| {
            let mut one = truth(1, 0.0);
            for joint in &mut one.joints {
                *joint = joint.map(|(x, y)| (0.01 * side * x, 0.01 * side * y));
            }
            (vec![one], vec![])
        };
        let list = [23.0, 24.0, 31.0, 32.0, 47.0, 48.0, 95.0, 96.0, 200.0];
        let score = score(&frames(list.map(sized).to_vec()));
        assert_eq!(score.recall.map(|bin| bin.truths), [2, 2, 2, 2]);
        assert_eq!(score.recall_from(48.0), Some(0.0));
    }
}
