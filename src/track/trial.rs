//! The evidence for a new instance: a candidate, and the looks at it.

use super::kind::Thresholds;
use crate::scene::Keypoint;

/// A finder that is surer than it needs to be makes up for looks that are less sure, and the other way round, up to this.
const MAX_EXCUSE: f32 = 0.1;
/// What a finder and the looks must have in all above what they need alone.
const LEAD: f32 = 0.1;
/// What the looks must have on the mean above what each needs, where no finder spoke.
const ALONE: f32 = 0.05;
/// Two looks at one thing give half of its joints within this distance of each other, in sides.
const STEADY: f32 = 0.15;

/// Whether a look of this presence may belong to a new instance. `lead` is the height of a finder's peak above what it needs.
pub(super) fn may_be_one(presence: f32, needed: &Thresholds, lead: Option<f32>) -> bool {
    let excuse = lead.map_or(0.0, |_| MAX_EXCUSE);
    presence >= (needed.birth - excuse).max(needed.keep)
}

/// Whether the looks in all are enough. `mean` is that of their presence.
pub(super) fn is_one(mean: f32, needed: &Thresholds, lead: Option<f32>) -> bool {
    match lead {
        Some(lead) => mean - needed.birth + lead >= LEAD,
        None => mean - needed.birth >= ALONE,
    }
}

/// The height from which a finder's peaks are tried.
pub(super) fn least_peak(needed: &Thresholds) -> f32 {
    (needed.birth - MAX_EXCUSE).max(needed.keep)
}

/// Whether two looks see the same thing: half of the joints are at the same place, after the thing has moved by `shift_px`.
pub(super) fn is_steady(
    before: &[Keypoint],
    now: &[Keypoint],
    shift_px: (f32, f32),
    side_px: f32,
) -> bool {
    let found = before
        .iter()
        .zip(now)
        .filter(|(a, b)| a.is_found() && b.is_found());
    let (mut near, mut all) = (0, 0);
    for (a, b) in found {
        let (dx, dy) = (b.x_px - a.x_px - shift_px.0, b.y_px - a.y_px - shift_px.1);
        near += usize::from(dx.hypot(dy) < STEADY * side_px);
        all += 1;
    }
    2 * near >= all
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Thresholds = Thresholds {
        birth: 0.5,
        keep: 0.35,
    };

    #[test]
    fn a_sure_finder_makes_up_for_a_look_that_is_less_sure_but_not_for_any() {
        assert!(!may_be_one(0.45, &NEEDED, None));
        assert!(may_be_one(0.45, &NEEDED, Some(0.0)));
        assert!(!may_be_one(0.39, &NEEDED, Some(0.5)));
        assert!(!may_be_one(f32::NAN, &NEEDED, Some(0.5)));
        assert!(is_one(0.45, &NEEDED, Some(0.2)));
        assert!(is_one(0.75, &NEEDED, Some(-0.1)));
        assert!(!is_one(0.52, &NEEDED, Some(0.02)));
        assert!(is_one(0.56, &NEEDED, None) && !is_one(0.54, &NEEDED, None));
        assert_eq!(least_peak(&NEEDED), 0.4);
    }

    #[test]
    fn a_network_whose_birth_is_low_needs_its_keep() {
        let low = Thresholds {
            birth: 0.4,
            keep: 0.35,
        };
        assert!(!may_be_one(0.34, &low, Some(0.5)));
        assert_eq!(least_peak(&low), 0.35);
    }

    #[test]
    fn half_of_the_joints_must_be_at_the_same_place() {
        let joint = |x_px| Keypoint {
            x_px,
            y_px: 0.0,
            score: 0.8,
        };
        let before = [joint(0.0), joint(20.0), joint(40.0), joint(60.0)];
        let mut now = [joint(10.0), joint(30.0), joint(90.0), joint(0.0)];
        assert!(is_steady(&before, &now, (10.0, 0.0), 100.0));
        assert!(is_steady(&before, &now, (0.0, 0.0), 100.0));
        now[1] = joint(80.0);
        assert!(!is_steady(&before, &now, (10.0, 0.0), 100.0));
        assert!(is_steady(&[], &[], (0.0, 0.0), 100.0));
    }
}
