//! Belief in a hand's side: a sum of evidence that fades, and a side that changes rarely.

use crate::scene::Side;

/// Bound of the sum, in natural log odds.
const MOST: f32 = 4.0;
/// Time after which evidence falls to 37 %.
const FADE_S: f32 = 2.0;
/// A side is shown from here on.
const SHOWN: f32 = 1.0;
/// A shown side changes beyond this on the other side, for [`CHANGE_US`].
const CHANGE: f32 = 1.5;
const CHANGE_US: u64 = 500_000;

/// A network's probability counts up to this one, so that no look is proof.
const SUREST: f32 = 0.95;
/// Evidence of a side from a finder, in log odds a pass.
pub(super) const FINDER_WEIGHT: f32 = 0.5;
/// Weight of a network's probability: looks at neighbouring frames tell almost the same.
const LOOK_WEIGHT: f32 = 0.25;

/// Above 0 for the right side.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Belief {
    log_odds: f32,
    at_us: u64,
    shown: Option<Side>,
    against_since_us: Option<u64>,
}

impl Belief {
    /// Adds evidence of a frame.
    pub fn add(&mut self, side: Side, weight: f32, now_us: u64) {
        let step_s = now_us.saturating_sub(self.at_us) as f32 / 1e6;
        let sign = if side == Side::Right { 1.0 } else { -1.0 };
        let faded = self.log_odds * (-step_s / FADE_S).exp();
        self.log_odds = (faded + sign * weight).clamp(-MOST, MOST);
        self.at_us = now_us;
        let likely = if self.log_odds > 0.0 {
            Side::Right
        } else {
            Side::Left
        };
        let sureness = self.log_odds.abs();
        match self.shown {
            None if sureness >= SHOWN => self.shown = Some(likely),
            Some(shown) if shown != likely && sureness > CHANGE => {
                let since = *self.against_since_us.get_or_insert(now_us);
                if now_us.saturating_sub(since) >= CHANGE_US {
                    self.shown = Some(likely);
                    self.against_since_us = None;
                }
            }
            _ => self.against_since_us = None,
        }
    }

    /// A person's wrist tells the side: what was believed before does not count.
    pub fn decide(&mut self, side: Side, now_us: u64) {
        *self = Belief {
            log_odds: if side == Side::Right { MOST } else { -MOST },
            at_us: now_us,
            shown: Some(side),
            against_since_us: None,
        };
    }

    /// Adds a network's probability that it is the right side.
    pub fn tell(&mut self, right: f32, now_us: u64) {
        if right.is_nan() {
            return;
        }
        let right = right.clamp(1.0 - SUREST, SUREST);
        let log_odds = (right / (1.0 - right)).ln();
        let side = if log_odds > 0.0 {
            Side::Right
        } else {
            Side::Left
        };
        self.add(side, LOOK_WEIGHT * log_odds.abs(), now_us);
    }

    pub fn shown(&self) -> Option<Side> {
        self.shown
    }

    /// The shown side, and the probability that it is right.
    pub fn side(&self) -> Option<(Side, f32)> {
        let side = self.shown?;
        let sign = if side == Side::Right { 1.0 } else { -1.0 };
        Some((side, 1.0 / (1.0 + (-sign * self.log_odds).exp())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_shown_once_it_is_likely_and_changes_only_after_half_a_second() {
        let mut belief = Belief::default();
        belief.add(Side::Left, 0.6, 0);
        assert_eq!(belief.side(), None);
        belief.add(Side::Left, 0.6, 33_000);
        assert_eq!(belief.shown(), Some(Side::Left));
        let mut now_us = 33_000;
        let mut changed_us = None;
        while changed_us.is_none() {
            now_us += 33_000;
            belief.add(Side::Right, 0.6, now_us);
            changed_us = (belief.shown() == Some(Side::Right)).then_some(now_us);
        }
        assert!((600_000..900_000).contains(&changed_us.unwrap()));
        assert!(belief.side().unwrap().1 > 0.8);
    }

    #[test]
    fn a_network_tells_a_side_in_a_few_looks_and_never_with_an_even_chance() {
        let mut belief = Belief::default();
        let mut looks = 0;
        while belief.shown().is_none() {
            belief.tell(0.9, looks * 33_000);
            looks += 1;
        }
        assert_eq!((belief.shown(), looks), (Some(Side::Right), 2));
        let mut even = Belief::default();
        for frame in 0..300 {
            even.tell(0.5, frame * 33_000);
            even.tell(f32::NAN, frame * 33_000);
        }
        assert_eq!(even.side(), None);
    }

    #[test]
    fn a_short_contradiction_changes_nothing() {
        let mut belief = Belief::default();
        for frame in 0..300 {
            let side = if frame % 10 == 5 {
                Side::Right
            } else {
                Side::Left
            };
            belief.add(side, 2.0, frame * 33_000);
            assert_eq!(belief.shown(), Some(Side::Left), "{frame}");
        }
    }

    #[test]
    fn a_body_decides_at_once() {
        let mut belief = Belief::default();
        belief.add(Side::Left, 4.0, 0);
        belief.decide(Side::Right, 33_000);
        let (side, sureness) = belief.side().unwrap();
        assert!(side == Side::Right && sureness > 0.95);
    }
}
