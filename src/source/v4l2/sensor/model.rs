//! A model of a sensor under lamps: rows that are exposed one after the other, written values that show late, black
//! level, noise, and samples that are cut off.
//!
//! Light 1 exposes a white surface fully in 10 ms at gain 1.

use super::facts::{self, Facts};
use crate::frame::BayerSample;
use crate::source::v4l2::control::{BusFormat, Control, Range, Sensor};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) const SIZE: [usize; 2] = [64, 48];
const UNIT_S: f64 = 0.01;

/// Lamps: the light, and how much of it comes and goes how often in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lamps {
    pub light: f64,
    pub depth: f64,
    pub turns_hz: f64,
}

#[derive(Debug)]
struct State {
    facts: Option<&'static Facts>,
    /// Least, most and value of exposure, gain, and lines after a picture.
    exposure: Range,
    gain: Range,
    blank: Range,
    mode: [u32; 2],
    /// Brightness of red, green and blue of a white surface.
    colours: [f64; 3],
    /// Values that show from a picture on.
    written: VecDeque<(u64, Control, i64)>,
    shown: [i64; 2],
    picture: u64,
    latency: u64,
    noise: u64,
    broken: bool,
}

/// The model. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SensorModel(Arc<Mutex<State>>, String);

/// Pixels a second, and pixels of a line with its blank: 18.9 us a line, as the imx219 has.
const PIXEL_RATE: i64 = 182_400_000;
const LINE: i64 = 3448;

impl SensorModel {
    pub(crate) fn new(name: &str, colours: [f64; 3]) -> Self {
        let facts = facts::of(name);
        let [least, most] = facts.map_or([16, 256], |facts| facts.gain_codes);
        let state = State {
            facts,
            exposure: Range {
                least: 4,
                most: 1755,
                value: 1000,
            },
            gain: Range {
                least,
                most,
                value: least,
            },
            blank: Range {
                least: 4,
                most: 64_000,
                value: 527,
            },
            mode: [3280, 2464],
            colours,
            written: VecDeque::new(),
            shown: [1000, least],
            picture: 0,
            latency: super::LATENCY_PICTURES,
            noise: 1,
            broken: false,
        };
        SensorModel(Arc::new(Mutex::new(state)), name.into())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pictures until a written value shows, beside the one on its way.
    pub(crate) fn set_latency(&self, pictures: u64) {
        self.lock().latency = pictures;
    }

    /// Every later write fails.
    pub(crate) fn break_down(&self) {
        self.lock().broken = true;
    }

    pub(crate) fn mode(&self) -> [u32; 2] {
        self.lock().mode
    }

    /// Exposure in seconds and gain of the next picture.
    pub(crate) fn shown(&self) -> [f64; 2] {
        let state = self.lock();
        let line_s = LINE as f64 / PIXEL_RATE as f64;
        let gain = state.facts.map_or(state.shown[1] as f32 / 16.0, |facts| {
            facts.gain.gain(state.shown[1])
        });
        [state.shown[0] as f64 * line_s, f64::from(gain)]
    }

    /// The bytes of the next picture, 10 bits in two bytes, red first. Rows are read out over `readout_s`, and the
    /// pictures begin at `at_s`.
    pub(crate) fn picture(&self, lamps: &Lamps, at_s: f64, readout_s: f64) -> Vec<u8> {
        self.show_written();
        let [exposure_s, gain] = self.shown();
        let mut state = self.lock();
        state.picture += 1;
        let white = f64::from(u16::MAX >> (16 - BayerSample::Wide10.bits()));
        let black = state.facts.map_or(0, |facts| facts.black >> 6);
        let mut bytes = Vec::new();
        for y in 0..SIZE[1] {
            let begin = at_s + readout_s * y as f64 / SIZE[1] as f64;
            let light = lamps.over(begin, exposure_s) / UNIT_S * gain;
            for x in 0..SIZE[0] {
                // Patches from 3 to 81 parts of 100, with a mean of middle grey.
                let patch = (x / 8 * 5 + y / 8 * 3) % 10;
                let surface = 0.03 + 0.78 * (patch as f64 / 9.0).powi(3);
                let colour = state.colours[(x % 2 + y % 2).min(2)];
                state.noise = state
                    .noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let noise = (state.noise >> 33) as f64 / f64::from(1_u32 << 31) - 0.5;
                let sample = f64::from(black)
                    + (white - f64::from(black)) * surface * light * colour
                    + 3.0 * noise;
                bytes.extend((sample.round().clamp(0.0, white) as u16).to_le_bytes());
            }
        }
        bytes
    }

    fn show_written(&self) {
        let mut state = self.lock();
        while let Some(&(from, control, value)) = state.written.front()
            && from <= state.picture
        {
            state.written.pop_front();
            state.shown[usize::from(control == Control::AnalogueGain)] = value;
        }
    }
}

impl Lamps {
    /// Light that falls in from `begin` on, times the time.
    fn over(&self, begin_s: f64, length_s: f64) -> f64 {
        let turn = std::f64::consts::TAU * self.turns_hz;
        let wave = |time: f64| (turn * time).sin() / turn;
        self.light * (length_s + self.depth * (wave(begin_s + length_s) - wave(begin_s)))
    }
}

impl Sensor for SensorModel {
    fn name(&self) -> &str {
        &self.1
    }

    fn codes(&self) -> Vec<u32> {
        vec![0x300f, 0x3014]
    }

    fn set_format(&mut self, wanted: BusFormat) -> io::Result<BusFormat> {
        let mut state = self.lock();
        if state.broken {
            return Err(io::Error::other("no answer on the bus"));
        }
        state.mode = wanted.size_px;
        Ok(wanted)
    }

    fn range(&self, control: Control) -> Option<Range> {
        let state = self.lock();
        let only = |value| Range {
            least: value,
            most: value,
            value,
        };
        Some(match control {
            Control::Exposure => state.exposure,
            Control::AnalogueGain => state.gain,
            Control::VerticalBlank => state.blank,
            Control::HorizontalBlank => only(LINE - i64::from(state.mode[0])),
            Control::PixelRate => only(PIXEL_RATE),
        })
    }

    fn set(&mut self, control: Control, value: i64) -> io::Result<()> {
        let mut state = self.lock();
        if state.broken {
            return Err(io::Error::other("no answer on the bus"));
        }
        let range = match control {
            Control::Exposure => state.exposure,
            Control::AnalogueGain => state.gain,
            Control::VerticalBlank => {
                // As the drivers do.
                state.exposure.most = i64::from(state.mode[1]) + value - 4;
                state.blank.value = value;
                state.blank
            }
            _ => return Err(io::Error::other("read only")),
        };
        assert!(
            (range.least..=range.most).contains(&value),
            "{control:?} {value}"
        );
        if control != Control::VerticalBlank {
            // The picture that was read last is `picture - 1`, and the one after it is on its way.
            let from = state.picture + state.latency;
            state.written.push_back((from, control, value));
        }
        Ok(())
    }
}
