//! Pairs of true and sent instances in each frame, as in CLEAR MOT (Bernardin and Stiefelhagen, 2008).

use super::assignment;
use super::{Judged, SAME, distance};
use std::collections::BTreeMap;

/// A true and a sent instance of one frame, by their places in its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub truth: usize,
    pub sent: usize,
}

/// Matches frame after frame.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    /// The number that each truth had last.
    numbers: BTreeMap<u32, u32>,
}

impl Matcher {
    /// The pairs of a frame: a pair of before stays as long as it is near enough. Of the others, as many as can be,
    /// with the least distance in all.
    pub fn pairs(&mut self, frame: &Judged) -> Vec<Pair> {
        let near = |truth: usize, sent: usize| {
            distance(&frame.truths[truth], &frame.sent[sent]).filter(|&far| far < SAME)
        };
        let mut pairs: Vec<Pair> = Vec::new();
        for (truth, there) in frame.truths.iter().enumerate() {
            let known = self.numbers.get(&there.id);
            let sent = frame
                .sent
                .iter()
                .position(|sent| Some(&sent.number) == known);
            let is_free = |sent: &usize| pairs.iter().all(|pair| pair.sent != *sent);
            if let Some(sent) = sent.filter(is_free)
                && near(truth, sent).is_some()
            {
                pairs.push(Pair { truth, sent });
            }
        }
        let open_truths: Vec<usize> = (0..frame.truths.len())
            .filter(|&truth| pairs.iter().all(|pair| pair.truth != truth))
            .collect();
        let open_sent: Vec<usize> = (0..frame.sent.len())
            .filter(|&sent| pairs.iter().all(|pair| pair.sent != sent))
            .collect();
        // A pair is worth more than all distances together.
        let worth = |truth: usize, sent: usize| {
            near(truth, sent).map_or(0.0, |far| 1000.0 - f64::from(far / SAME))
        };
        let values: Vec<Vec<f64>> = open_truths
            .iter()
            .map(|&truth| open_sent.iter().map(|&sent| worth(truth, sent)).collect())
            .collect();
        for (row, column) in assignment::best(&values).into_iter().enumerate() {
            if let Some(column) = column {
                pairs.push(Pair {
                    truth: open_truths[row],
                    sent: open_sent[column],
                });
            }
        }
        for pair in &pairs {
            let number = frame.sent[pair.sent].number;
            self.numbers.insert(frame.truths[pair.truth].id, number);
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{frames, sent, truth};
    use super::*;

    #[test]
    fn a_known_pair_stays_although_another_is_nearer() {
        let list = frames(vec![
            (vec![truth(1, 0.0)], vec![sent(7, 5.0)]),
            (vec![truth(1, 0.0)], vec![sent(8, 1.0), sent(7, 25.0)]),
            (vec![truth(1, 0.0)], vec![sent(8, 1.0), sent(7, 35.0)]),
        ]);
        let mut matcher = Matcher::default();
        let numbers: Vec<u32> = list
            .iter()
            .map(|frame| frame.sent[matcher.pairs(frame)[0].sent].number)
            .collect();
        assert_eq!(numbers, [7, 7, 8]);
    }

    #[test]
    fn as_many_pairs_as_can_be() {
        // The nearest pair alone would leave one truth without any.
        let list = frames(vec![(
            vec![truth(1, 0.0), truth(2, 40.0)],
            vec![sent(1, 19.0), sent(2, -20.0)],
        )]);
        let mut pairs = Matcher::default().pairs(&list[0]);
        pairs.sort_by_key(|pair| pair.truth);
        let pair = |truth, sent| Pair { truth, sent };
        assert_eq!(pairs, [pair(0, 1), pair(1, 0)]);
    }
}
