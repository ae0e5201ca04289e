//! White balance: on average what is greyish is grey.
//!
//! In: the light of each picture. Out: factors of red, green and blue, the least of them 1, so that what is cut off in
//! all colours stays white. The first pictures count at once, and later ones little: colours must not follow a hand.

use crate::frame::Light;

/// Limits of the factors against green: beyond, a lamp has no white.
const LEAST: f32 = 0.4;
const MOST: f32 = 4.0;
/// Pictures whose mean is taken at the beginning.
const FIRST: u32 = 8;
/// Part of a later picture.
const LATER: f32 = 0.03;
/// Changes that the tables are not filled anew for.
const SAME: f32 = 1.03;

/// White balance of a camera.
#[derive(Debug)]
pub(super) struct WhiteBalance {
    /// Logarithms of the factors of red and blue.
    mean: [f32; 2],
    pictures: u32,
    used: [f32; 2],
}

impl Default for WhiteBalance {
    fn default() -> Self {
        WhiteBalance {
            mean: [0.0; 2],
            pictures: 0,
            used: [0.0; 2],
        }
    }
}

impl WhiteBalance {
    /// Factors after this picture.
    pub(super) fn see(&mut self, light: &Light) -> [f32; 3] {
        let [red, green, blue] = light.colours;
        if green > 0.0 {
            let found = [red, blue].map(|colour| {
                let factor = green / colour.max(1e-6);
                factor.clamp(LEAST, MOST).ln()
            });
            let part = match self.pictures {
                0..FIRST => 1.0 / (self.pictures + 1) as f32,
                _ => LATER,
            };
            self.pictures = (self.pictures + 1).min(FIRST);
            for (mean, found) in self.mean.iter_mut().zip(found) {
                *mean += part * (found - *mean);
            }
        }
        self.use_mean();
        self.gains()
    }

    /// Takes the mean over, if it is another one.
    fn use_mean(&mut self) {
        let mean = self.mean;
        let changed = |(a, b): (&f32, &f32)| (a - b).abs() > SAME.ln();
        if mean.iter().zip(&self.used).any(changed) {
            self.used = mean;
        }
    }

    /// Factors of red, green and blue.
    pub(super) fn gains(&self) -> [f32; 3] {
        let [red, blue] = self.used.map(f32::exp);
        let least = red.min(blue).min(1.0);
        [red / least, 1.0 / least, blue / least]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light(colours: [f32; 3]) -> Light {
        Light {
            mean: 0.2,
            full: 0.0,
            colours,
        }
    }

    #[test]
    fn grey_becomes_grey_at_once_and_others_slowly() {
        let mut white = WhiteBalance::default();
        let gains = white.see(&light([0.1, 0.2, 0.05]));
        for (gain, expected) in gains.into_iter().zip([2.0, 1.0, 4.0]) {
            assert!((gain - expected).abs() < 0.01, "{gains:?}");
        }
        for _ in 0..20 {
            white.see(&light([0.1, 0.2, 0.05]));
        }
        // A red hand before the camera for a quarter of a second.
        let before = white.see(&light([0.1, 0.2, 0.05]));
        for _ in 0..8 {
            white.see(&light([0.2, 0.2, 0.05]));
        }
        let after = white.see(&light([0.2, 0.2, 0.05]));
        assert!(after[0] > 0.8 * before[0], "{before:?} {after:?}");
        for _ in 0..200 {
            white.see(&light([0.2, 0.2, 0.05]));
        }
        let [red, ..] = white.see(&light([0.2, 0.2, 0.05]));
        assert!((0.97..1.04).contains(&red), "{red}");
    }

    #[test]
    fn white_stays_white_and_darkness_changes_nothing() {
        let mut white = WhiteBalance::default();
        let warm = white.see(&light([0.4, 0.2, 0.1]));
        assert!(warm.iter().all(|&gain| gain >= 1.0), "{warm:?}");
        assert_eq!(white.see(&light([0.0; 3])), warm);
        let odd = WhiteBalance::default().see(&light([0.0, 1.0, 1.0]));
        assert!(
            odd.iter().all(|gain| (1.0..=MOST).contains(gain)),
            "{odd:?}"
        );
    }

    #[test]
    fn small_changes_leave_the_tables_alone() {
        let mut white = WhiteBalance::default();
        let first = white.see(&light([0.2, 0.2, 0.2]));
        for turn in 0..100_u8 {
            let wave = 0.2 + f32::from(turn % 3) * 0.002;
            assert_eq!(white.see(&light([wave, 0.2, 0.2])), first);
        }
    }
}
