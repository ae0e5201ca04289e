//! Automatic exposure: the light of each picture to exposure time, analogue gain and digital gain.
//!
//! The goal is a mean brightness. In steady state small errors are left alone, and larger ones must last: the light of
//! lamps changes 100 or 120 times a second, and no picture may be answered for its moment in that. A change is judged
//! only when pictures show it.

use crate::frame::Light;

/// Mean brightness of a well exposed picture, as a part of the range: middle grey.
pub(super) const GOAL: f32 = 0.18;
/// Errors, as factors, that a settled exposure leaves alone, and that end a correction.
const LEAVE: f32 = 1.35;
const REACH: f32 = 1.12;
/// Changes below are none.
const NO_CHANGE: f32 = 1.02;
/// Errors that are no flicker: answered after two pictures.
const SUDDEN: f32 = 11.0;
/// Errors that are answered when several pictures in a row have them.
const LARGE: f32 = 2.0;
const LARGE_PICTURES: usize = 4;
/// Parts of cut off pixels from which the mean is of no use, and the factors for them.
const ALL_FULL: (f32, f32) = (0.75, 1.0 / 16.0);
const MANY_FULL: (f32, f32) = (0.3, 1.0 / 3.0);
/// Errors above [`LEAVE`] are answered when so many pictures in a row have them.
const LASTING_PICTURES: usize = 6;
/// Corrections in a row: lamps that change from picture to picture must not be followed for ever.
const CORRECTIONS: u32 = 5;
/// Pictures whose mean error is answered: several turns of lamps against the camera's rate.
const WINDOW: usize = 12;
/// A picture's noise and blur both grow: gain up to here, before the exposure gets longer than one turn of the lamps.
const EASY_GAIN: f32 = 4.0;
/// Largest gain of the tables, for what the sensor cannot give.
const MOST_DIGITAL: f32 = 8.0;

/// Abilities of a sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Shortest and longest exposure, in seconds.
    pub exposure_s: [f32; 2],
    /// Least and most analogue gain.
    pub gain: [f32; 2],
    /// Pictures after a change that do not show it yet.
    pub latency: u64,
    /// Turns of lamps in a second: twice the mains frequency.
    pub lamps_hz: f32,
}

/// Settings of a sensor and of the tables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    pub exposure_s: f32,
    pub gain: f32,
    pub digital: f32,
}

impl Setting {
    /// The exposure at gain 1 that is as bright, in seconds.
    pub(super) fn brightness(&self) -> f32 {
        self.exposure_s * self.gain * self.digital
    }
}

/// The loop.
#[derive(Debug)]
pub(super) struct Exposure {
    limits: Limits,
    setting: Setting,
    /// The first picture that shows the setting.
    shown_from: u64,
    /// Corrections that may follow before the exposure counts as settled; 0 when it is.
    corrections: u32,
    /// Logarithms of the last pictures' errors.
    errors: heapless::Deque<f32, WINDOW>,
}

impl Exposure {
    pub(super) fn new(limits: Limits) -> Self {
        let most = limits.exposure_s[1] * limits.gain[1];
        Exposure {
            limits,
            // An evening at home, about, and no digital gain.
            setting: limits.split(f32::min(2.0 / limits.lamps_hz, most)),
            shown_from: 0,
            corrections: CORRECTIONS,
            errors: heapless::Deque::new(),
        }
    }

    pub(super) fn setting(&self) -> Setting {
        self.setting
    }

    /// Takes the light of picture `index`, counted by the camera. Returns a setting if it changes.
    pub(super) fn see(&mut self, index: u64, light: &Light) -> Option<Setting> {
        if index < self.shown_from {
            return None;
        }
        // The tables add to what the sensor gives.
        let error = error(light) / self.setting.digital;
        if self.errors.is_full() {
            self.errors.pop_front();
        }
        // There is room.
        let _ = self.errors.push_back(error.ln());
        let factor = self.correction(error)?;
        let wanted = self.limits.within(self.setting.brightness() * factor);
        let setting = self.limits.split(wanted);
        let change = setting.brightness() / self.setting.brightness();
        if change.ln().abs() < NO_CHANGE.ln() {
            // The sensor is at its end.
            self.corrections = 0;
            return None;
        }
        self.errors.clear();
        self.shown_from = index + 1 + self.limits.latency;
        self.setting = setting;
        Some(setting)
    }

    /// The factor of a correction that is due.
    fn correction(&mut self, error: f32) -> Option<f32> {
        if self.corrections > 0 {
            self.corrections -= 1;
            if error.ln().abs() > REACH.ln() {
                return Some(error);
            }
            self.corrections = 0;
            return None;
        }
        let last = |count: usize, beyond: f32| {
            let beyond = |sign: f32| {
                let newest = self.errors.iter().rev().take(count);
                newest.filter(|error| sign * **error > beyond.ln()).count()
            };
            beyond(1.0) == count || beyond(-1.0) == count
        };
        if last(2, SUDDEN) || last(LARGE_PICTURES, LARGE) {
            self.corrections = CORRECTIONS - 1;
            return Some(error);
        }
        let mean = |count: usize| {
            let newest = self.errors.iter().rev().take(count);
            newest.sum::<f32>() / count as f32
        };
        if last(LASTING_PICTURES, LEAVE) {
            return Some(mean(LASTING_PICTURES).exp());
        }
        let mean = mean(WINDOW);
        (self.errors.is_full() && mean.abs() > LEAVE.ln()).then(|| mean.exp())
    }
}

/// The factor by which a picture should be brighter.
fn error(light: &Light) -> f32 {
    let by_mean = GOAL / light.mean.max(1e-4);
    match light.full {
        full if full > ALL_FULL.0 => ALL_FULL.1,
        full if full > MANY_FULL.0 => by_mean.min(MANY_FULL.1),
        _ => by_mean,
    }
}

impl Limits {
    /// Exposure at gain 1 that sensor and tables together can give.
    fn within(&self, wanted: f32) -> f32 {
        let least = self.exposure_s[0] * self.gain[0];
        let most = self.exposure_s[1] * self.gain[1] * MOST_DIGITAL;
        wanted.clamp(least, most.max(least))
    }

    /// Exposure, gain and rest for an exposure at gain 1. Exposures of a turn of the lamps or more are whole turns, so
    /// that all rows get the same light.
    fn split(&self, wanted: f32) -> Setting {
        let [shortest, longest] = self.exposure_s;
        let [least, most] = self.gain;
        let turn = 1.0 / self.lamps_hz;
        // A little more, so that a whole number of turns is not rounded to the one below.
        let turns = |exposure_s: f32| {
            let whole = (exposure_s.min(longest) / turn * 1.001).floor();
            (whole * turn).clamp(shortest, longest)
        };
        let easy = EASY_GAIN.clamp(least, most);
        let exposure_s = if wanted / least <= turn.min(longest) {
            (wanted / least).clamp(shortest, longest)
        } else if wanted <= turn * easy || longest < turn {
            turn.clamp(shortest, longest)
        } else if wanted <= turns(longest) * most {
            turns(wanted / easy)
        } else {
            longest
        };
        let gain = (wanted / exposure_s).clamp(least, most);
        Setting {
            exposure_s,
            gain,
            digital: (wanted / (exposure_s * gain)).clamp(1.0, MOST_DIGITAL),
        }
    }
}
