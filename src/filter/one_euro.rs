//! The One Euro filter (Casiez, Roussel and Vogel, CHI 2012), with true time steps.
//!
//! A low pass whose cutoff rises with the speed: a joint at rest is steady, a fast one does not lag. Speeds count in
//! sides of the instance's region, so that one setting fits near and far hands.

/// Parameters of the filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// Cutoff at rest.
    pub min_cutoff_hz: f32,
    /// Hz of cutoff for each side per second.
    pub beta: f32,
    /// Cutoff of the speed.
    pub speed_cutoff_hz: f32,
}

impl Strength {
    /// Removes most of the jitter at rest, and lags by about 20 ms at half a region's side per second.
    pub const LIGHT: Strength = Strength {
        min_cutoff_hz: 1.0,
        beta: 16.0,
        speed_cutoff_hz: 2.0,
    };
    /// Steadier, with about three times the lag.
    pub const STRONG: Strength = Strength {
        min_cutoff_hz: 1.0,
        beta: 4.0,
        speed_cutoff_hz: 1.0,
    };
}

/// One value over time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OneEuro {
    /// Smoothed value, raw value and speed; `None` before the first one.
    pub(super) state: Option<(f32, f32, f32)>,
}

impl OneEuro {
    /// Takes a value after `step_s`, and gives the smoothed one. A speed is divided by `side`, in the unit of the value.
    /// `trust` from 0 to 1 scales the share of the new value.
    pub fn take(
        &mut self,
        value: f32,
        step_s: f32,
        side: f32,
        trust: f32,
        strength: &Strength,
    ) -> f32 {
        let Some((smooth, raw, speed)) = self.state.filter(|_| step_s > 0.0) else {
            self.state = Some((value, value, 0.0));
            return value;
        };
        let speed_share = share(strength.speed_cutoff_hz, step_s);
        let speed = speed + speed_share * ((value - raw) / step_s - speed);
        let cutoff_hz = strength.min_cutoff_hz + strength.beta * speed.abs() / side;
        let smooth = smooth + trust * share(cutoff_hz, step_s) * (value - smooth);
        self.state = Some((smooth, value, speed));
        smooth
    }
}

/// The share of a new value in a low pass.
fn share(cutoff_hz: f32, step_s: f32) -> f32 {
    let turns = 2.0 * std::f32::consts::PI * cutoff_hz * step_s;
    turns / (1.0 + turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// About normal noise with a deviation of 1, always the same.
    fn noise(state: &mut u32) -> f32 {
        (0..6)
            .map(|_| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (*state >> 8) as f32 / (1 << 24) as f32 - 0.5
            })
            .sum::<f32>()
            * 1.414
    }

    /// Jitter at rest against that of the raw values: the mean square of the second difference.
    fn jitter_left(strength: &Strength, step_s: f32) -> f32 {
        let mut filter = OneEuro::default();
        let mut seed = 3;
        let raw: Vec<f32> = (0..3000).map(|_| 0.008 * noise(&mut seed)).collect();
        let smooth: Vec<f32> = raw
            .iter()
            .map(|&value| filter.take(value, step_s, 1.0, 1.0, strength))
            .collect();
        let rms = |values: &[f32]| {
            let second = values
                .windows(3)
                .map(|w| (w[0] - 2.0 * w[1] + w[2]).powi(2));
            (second.sum::<f32>() / values.len() as f32).sqrt()
        };
        rms(&smooth[100..]) / rms(&raw[100..])
    }

    /// The lag at a constant speed in sides per second.
    fn lag_s(strength: &Strength, speed: f32) -> f32 {
        let mut filter = OneEuro::default();
        let step_s = 1.0 / 30.0;
        let mut behind = 0.0;
        for step in 0..90 {
            let value = speed * step_s * step as f32;
            behind = value - filter.take(value, step_s, 1.0, 1.0, strength);
        }
        behind / speed
    }

    #[test]
    fn a_joint_at_rest_is_steady_and_a_moving_one_does_not_lag() {
        for (name, strength, jitter, lag) in [
            ("light", Strength::LIGHT, 0.30, 0.035),
            ("strong", Strength::STRONG, 0.25, 0.06),
        ] {
            let measured = (
                jitter_left(&strength, 1.0 / 30.0),
                lag_s(&strength, 0.5),
                lag_s(&strength, 2.0),
            );
            println!(
                "{name}: jitter left {:.2}, lag {:.0} and {:.0} ms",
                measured.0,
                1e3 * measured.1,
                1e3 * measured.2
            );
            assert!(measured.0 <= jitter, "{name}: {measured:?}");
            assert!(
                measured.1 <= lag && measured.2 < measured.1,
                "{name}: {measured:?}"
            );
        }
    }

    #[test]
    fn the_first_value_and_equal_stamps_pass_unchanged() {
        let mut filter = OneEuro::default();
        assert_eq!(filter.take(3.0, 0.1, 1.0, 1.0, &Strength::LIGHT), 3.0);
        assert_eq!(filter.take(5.0, 0.0, 1.0, 1.0, &Strength::LIGHT), 5.0);
        let steady = filter.take(5.1, 0.033, 1.0, 0.2, &Strength::LIGHT);
        assert!((5.0..5.05).contains(&steady));
    }
}
