//! Facts of sensors: one row each.
//!
//! Modes, control ranges and the lines that an exposure must leave are from Linux' drivers: `drivers/media/i2c/imx219.c`
//! and `ov5647.c` of torvalds/linux, and `imx708.c` of raspberrypi/linux. The drivers state neither black levels nor
//! what a number of the gain control means: these are from libcamera's tables (`camera_sensor_helper.cpp`, and its
//! tuning files for Raspberry Pi), except the imx708's gain and the black levels of imx708 and ov5647, which were not
//! compared with those. No sensor was ever connected.

/// A sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Facts {
    /// The beginning of its entity's name, which a number of the bus follows.
    pub name: &'static str,
    /// Widths and heights, the smallest first, with the whole or nearly the whole view.
    pub modes: &'static [[u32; 2]],
    /// Sample of no light, of 16 bits.
    pub black: u16,
    pub gain: GainCode,
    /// Least and largest number of the gain control.
    pub gain_codes: [i64; 2],
    /// Least number of the exposure control, in lines.
    pub exposure_lines: i64,
    /// Lines of a frame that no exposure reaches.
    pub dark_lines: i64,
}

/// Meaning of a number of the gain control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum GainCode {
    /// Gain is the code, divided by this.
    Parts(f32),
    /// Gain is this, divided by what the code leaves of it.
    Rest(f32),
}

impl GainCode {
    pub(super) fn gain(self, code: i64) -> f32 {
        let code = code as f32;
        match self {
            GainCode::Parts(one) => code / one,
            GainCode::Rest(one) => one / (one - code).max(1.0),
        }
    }

    /// The nearest code.
    pub(super) fn code(self, gain: f32) -> i64 {
        let code = match self {
            GainCode::Parts(one) => gain * one,
            GainCode::Rest(one) => one - one / gain.max(1e-3),
        };
        code.round() as i64
    }
}

pub(super) const SENSORS: [Facts; 3] = [
    Facts {
        name: "imx219",
        modes: &[[640, 480], [1640, 1232], [3280, 2464]],
        black: 64 << 6,
        gain: GainCode::Rest(256.0),
        gain_codes: [0, 232],
        exposure_lines: 4,
        dark_lines: 4,
    },
    Facts {
        name: "ov5647",
        modes: &[[640, 480], [1296, 972], [2592, 1944]],
        black: 16 << 6,
        gain: GainCode::Parts(16.0),
        gain_codes: [16, 1023],
        exposure_lines: 4,
        dark_lines: 4,
    },
    Facts {
        name: "imx708",
        modes: &[[1536, 864], [2304, 1296], [4608, 2592]],
        black: 64 << 6,
        gain: GainCode::Rest(1024.0),
        gain_codes: [112, 960],
        exposure_lines: 8,
        dark_lines: 48,
    },
];

/// The row of a sensor, by its entity's name.
pub(super) fn of(entity: &str) -> Option<&'static Facts> {
    let name = entity.split(' ').next().unwrap_or("");
    // imx708 has variants: imx708_wide, imx708_noir.
    let model = name.split('_').next().unwrap_or("");
    SENSORS.iter().find(|facts| facts.name == model)
}

impl Facts {
    /// The smallest mode whose picture, half as wide and high, reaches a size and whose samples fit; or else the largest
    /// that fits, or the smallest.
    pub(super) fn mode(&self, size_px: [u32; 2], fits: impl Fn([u32; 2]) -> bool) -> [u32; 2] {
        let fitting = || self.modes.iter().copied().filter(|&mode| fits(mode));
        fitting()
            .find(|[width, height]| width / 2 >= size_px[0] && height / 2 >= size_px[1])
            .or_else(|| fitting().next_back())
            .unwrap_or(self.modes[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_is_known_by_its_entity() {
        let name = |entity: &str| of(entity).map(|facts| facts.name);
        assert_eq!(name("imx219 10-0010"), Some("imx219"));
        assert_eq!(name("imx708_wide_noir 4-001a"), Some("imx708"));
        assert_eq!(name("ov5647"), Some("ov5647"));
        assert_eq!(name("imx477 10-001a"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn every_row_is_possible() {
        for facts in &SENSORS {
            let [least, most] = facts.gain_codes;
            assert!(facts.gain.gain(least) >= 0.99, "{}", facts.name);
            assert!(facts.gain.gain(most) > 7.9, "{}", facts.name);
            for code in least..=most {
                assert_eq!(facts.gain.code(facts.gain.gain(code)), code);
                assert!(facts.gain.gain(code) <= facts.gain.gain(code + 1));
            }
            assert!(facts.modes.is_sorted());
            let sides = facts.modes.as_flattened();
            assert!(sides.iter().all(|side| side % 2 == 0));
        }
    }

    #[test]
    fn the_smallest_sufficient_mode_is_taken() {
        let imx219 = of("imx219").unwrap();
        let any = |_: [u32; 2]| true;
        assert_eq!(imx219.mode([640, 480], any), [1640, 1232]);
        assert_eq!(imx219.mode([320, 240], any), [640, 480]);
        assert_eq!(imx219.mode([1920, 1080], any), [3280, 2464]);
        assert_eq!(
            imx219.mode([640, 480], |[width, _]| width < 1000),
            [640, 480]
        );
        assert_eq!(imx219.mode([640, 480], |_| false), [640, 480]);
        assert_eq!(of("imx708").unwrap().mode([640, 480], any), [2304, 1296]);
    }
}
