//! Prediction of a place: an alpha-beta filter with true time steps.
//!
//! Its gains are Kalata's, which are those of the steady Kalman filter for an acceleration and a noise that are
//! constants in units of the instance's side.

use super::place::Place;

/// Standard deviation of the acceleration, in sides per second squared.
const ACCELERATION: f32 = 10.0;
/// Standard deviation of a look's error, in sides.
const NOISE: f32 = 0.03;
const MAX_ALPHA: f32 = 0.85;
const MAX_BETA: f32 = 0.5;
/// In sides per second.
const MAX_SPEED: f32 = 8.0;
/// Time after which a smaller size is taken over by 63 %. A larger size counts at once: a fist that opens must
/// not be cut.
const SHRINK_S: f32 = 0.3;
/// A place is not extrapolated further than this, unless it is behind another.
const MAX_AHEAD_S: f32 = 0.25;
/// The shortest time step: frames with equal stamps.
const MIN_STEP_S: f32 = 1e-3;

/// A place with its speed, at a capture time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    place: Place,
    /// In pixels per second.
    speed_px: (f32, f32),
    at_us: u64,
    /// It is not extrapolated further than this.
    ahead_s: f32,
}

impl Motion {
    pub fn at_rest(place: Place, at_us: u64) -> Motion {
        Motion {
            place,
            speed_px: (0.0, 0.0),
            at_us,
            ahead_s: MAX_AHEAD_S,
        }
    }

    /// Behind another, it goes on for this time, until it is seen again.
    pub fn go_on(&mut self, ahead_s: f32) {
        self.ahead_s = ahead_s;
    }

    /// Stands still: an instance that is lost is looked for where it was.
    pub fn stop(&mut self, now_us: u64) {
        *self = Motion::at_rest(self.at(now_us), now_us);
    }

    /// The place at a capture time.
    pub fn at(&self, now_us: u64) -> Place {
        let ahead_s = self.step_s(now_us).min(self.ahead_s);
        Place {
            x_px: self.place.x_px + self.speed_px.0 * ahead_s,
            y_px: self.place.y_px + self.speed_px.1 * ahead_s,
            side_px: self.place.side_px,
        }
    }

    /// In sides per second.
    pub fn speed_sides(&self) -> f32 {
        self.speed_px.0.hypot(self.speed_px.1) / self.place.side_px
    }

    fn step_s(&self, now_us: u64) -> f32 {
        now_us.saturating_sub(self.at_us) as f32 / 1e6
    }

    /// Takes over a place that was seen at a capture time.
    pub fn see(&mut self, seen: Place, now_us: u64) {
        let step_s = self.step_s(now_us).max(MIN_STEP_S);
        let expected = self.at(now_us);
        let (alpha, beta) = gains(step_s);
        let (dx, dy) = (seen.x_px - expected.x_px, seen.y_px - expected.y_px);
        let shrink = 1.0 - (-step_s / SHRINK_S).exp();
        let change = seen.side_px - self.place.side_px;
        let side_px = if change > 0.0 {
            seen.side_px
        } else {
            self.place.side_px + shrink * change
        };
        let mut speed_px = (
            self.speed_px.0 + beta * dx / step_s,
            self.speed_px.1 + beta * dy / step_s,
        );
        let speed = speed_px.0.hypot(speed_px.1);
        let most = MAX_SPEED * side_px;
        if speed > most {
            speed_px = (speed_px.0 * most / speed, speed_px.1 * most / speed);
        }
        *self = Motion {
            place: Place {
                x_px: expected.x_px + alpha * dx,
                y_px: expected.y_px + alpha * dy,
                side_px,
            },
            speed_px,
            at_us: now_us,
            ahead_s: MAX_AHEAD_S,
        };
    }
}

/// Shares of an error that go to the position and to the speed times the step.
fn gains(step_s: f32) -> (f32, f32) {
    let index = ACCELERATION * step_s * step_s / NOISE;
    let r = (4.0 + index - (8.0 * index + index * index).sqrt()) / 4.0;
    let alpha = 1.0 - r * r;
    let beta = 2.0 * (2.0 - alpha) - 4.0 * (1.0 - alpha).max(0.0).sqrt();
    (alpha.min(MAX_ALPHA), beta.min(MAX_BETA))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAND: Place = Place {
        x_px: 100.0,
        y_px: 100.0,
        side_px: 50.0,
    };

    #[test]
    fn the_gains_are_kalatas() {
        for (hz, alpha, beta) in [(30.0, 0.57, 0.24), (15.0, 0.81, 0.5), (10.0, 0.85, 0.5)] {
            let (a, b) = gains(1.0 / hz);
            assert!(
                (a - alpha).abs() < 0.01 && (b - beta).abs() < 0.01,
                "{hz}: {a} {b}"
            );
        }
    }

    #[test]
    fn a_steady_motion_is_predicted_to_a_twentieth_of_a_side() {
        let mut motion = Motion::at_rest(HAND, 0);
        let at = |step: u64| Place {
            x_px: 100.0 + 5.0 * step as f32,
            ..HAND
        };
        for step in 1..20 {
            motion.see(at(step), step * 33_333);
        }
        assert!(motion.at(20 * 33_333).distance_sides(&at(20)) < 0.05);
        assert!((motion.speed_sides() - 3.0).abs() < 0.2);
        // It stops in the end, and a stamp in the past moves nothing.
        let (late, later) = (motion.at(5_000_000), motion.at(9_000_000));
        assert_eq!(late, later);
        assert_eq!(motion.at(0), motion.at(19 * 33_333));
    }

    #[test]
    fn it_grows_at_once_and_shrinks_slowly() {
        let mut motion = Motion::at_rest(HAND, 0);
        motion.see(HAND.scaled(1.5), 33_000);
        assert_eq!(motion.at(33_000).side_px, 75.0);
        motion.see(HAND, 66_000);
        assert!((70.0..75.0).contains(&motion.at(66_000).side_px));
    }

    #[test]
    fn the_speed_has_a_bound() {
        let mut motion = Motion::at_rest(HAND, 0);
        motion.see(Place { x_px: 9e5, ..HAND }, 0);
        assert!(motion.speed_sides() <= 8.01);
    }

    #[test]
    fn behind_another_it_goes_on_for_longer_until_it_is_seen() {
        let mut motion = Motion::at_rest(HAND, 0);
        for step in 1..20 {
            let x_px = 100.0 + 5.0 * step as f32;
            motion.see(Place { x_px, ..HAND }, step * 33_333);
        }
        let ahead = |motion: &Motion, us: u64| motion.at(19 * 33_333 + us).x_px;
        assert_eq!(ahead(&motion, 250_000), ahead(&motion, 900_000));
        motion.go_on(0.5);
        assert!(ahead(&motion, 500_000) > ahead(&motion, 250_000) + 30.0);
        assert_eq!(ahead(&motion, 500_000), ahead(&motion, 900_000));
        motion.see(HAND, 20 * 33_333);
        let seen_us = 20 * 33_333;
        assert_eq!(motion.at(seen_us + 250_000), motion.at(seen_us + 900_000));
    }
}
