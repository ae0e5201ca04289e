//! Whether a joint is there: it comes on at a higher score than it goes off at, so that it does not flicker.

/// Scores above and below the minimum score.
const ON_ABOVE: f32 = 0.05;
const OFF_BELOW: f32 = 0.1;
/// Looks with a high score before a joint that was off is on again.
const LOOKS: u8 = 2;
/// A joint that went off keeps its position for this time.
const HOLD_US: u64 = 150_000;

/// What is sent of a joint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Its position of now.
    On,
    /// Its last sure position.
    Held,
    /// It is not found.
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hysteresis {
    /// Before the first look.
    New,
    On,
    Off {
        since_us: u64,
        looks: u8,
    },
}

impl Hysteresis {
    /// Takes a look.
    pub fn take(&mut self, score: f32, min_score: f32, now_us: u64) -> Sent {
        let is_high = score >= min_score + ON_ABOVE;
        let is_low = score < min_score - OFF_BELOW || score <= 0.0 || score.is_nan();
        *self = match *self {
            Hysteresis::New if is_high => Hysteresis::On,
            // It was never sure, so there is nothing to hold.
            Hysteresis::New => Hysteresis::New,
            Hysteresis::On if is_low => Hysteresis::Off {
                since_us: now_us,
                looks: 0,
            },
            Hysteresis::Off { since_us, looks } if is_high => {
                if looks + 1 >= LOOKS {
                    Hysteresis::On
                } else {
                    Hysteresis::Off {
                        since_us,
                        looks: looks + 1,
                    }
                }
            }
            Hysteresis::Off { since_us, .. } => Hysteresis::Off { since_us, looks: 0 },
            Hysteresis::On => Hysteresis::On,
        };
        self.sent(now_us)
    }

    pub fn sent(&self, now_us: u64) -> Sent {
        match *self {
            Hysteresis::On => Sent::On,
            Hysteresis::Off { since_us, .. } if now_us.saturating_sub(since_us) <= HOLD_US => {
                Sent::Held
            }
            Hysteresis::New | Hysteresis::Off { .. } => Sent::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joint_between_the_scores_does_not_flicker() {
        let mut joint = Hysteresis::New;
        let scores = [0.3, 0.36, 0.3, 0.22, 0.3, 0.19, 0.3, 0.36, 0.3, 0.36, 0.36];
        let sent: Vec<Sent> = scores
            .iter()
            .enumerate()
            .map(|(frame, &score)| joint.take(score, 0.3, frame as u64 * 33_333))
            .collect();
        use Sent::{Absent, Held, On};
        assert_eq!(
            sent,
            [Absent, On, On, On, On, Held, Held, Held, Held, Held, On]
        );
    }

    #[test]
    fn what_is_off_is_held_for_150_ms_and_then_absent() {
        let mut joint = Hysteresis::On;
        assert_eq!(joint.take(0.1, 0.3, 0), Sent::Held);
        assert_eq!(joint.take(0.1, 0.3, 150_000), Sent::Held);
        assert_eq!(joint.take(f32::NAN, 0.3, 150_001), Sent::Absent);
    }
}
