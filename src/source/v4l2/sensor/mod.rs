//! The sensor behind a node with raw pictures: its mode, its exposure and gain, and the development of its pictures.
//!
//! In: a [`Sensor`], which the kernel's media controller leads to ([`path`]), and the light of each picture. Out: the
//! bus format for the node, control values, and the [`Balance`] that the picture is developed with. A node without a
//! sensor, as of a test driver, has white balance and digital gain only.

mod balance;
mod exposure;
mod facts;
#[cfg(test)]
mod model;
pub(super) mod path;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use model::SensorModel;

use super::control::{BusFormat, Control, Sensor};
use super::node::FourCc;
use crate::frame::{Balance, Bayer, BayerOrder, BayerSample, Light, Pixels, measure_light};
use crate::stats::Repeated;
use crate::text::Shown;
use balance::WhiteBalance;
use exposure::{Exposure, Limits, Setting};
use facts::{Facts, GainCode};

/// Pictures after a change that do not show it yet: a sensor takes exposure and gain over for the picture after the
/// next one (libcamera's delays for these sensors), and one is on its way.
const LATENCY_PICTURES: u64 = 2;
/// For a sensor whose line time is not known: 640 x 480 at 30 Hz.
const USUAL_LINE_S: f64 = 60e-6;

/// Codes of the bus, and the samples that they are.
const CODES: [(u32, BayerOrder, u32); 12] = [
    (0x3014, BayerOrder::Rggb, 8),
    (0x3002, BayerOrder::Grbg, 8),
    (0x3013, BayerOrder::Gbrg, 8),
    (0x3001, BayerOrder::Bggr, 8),
    (0x300f, BayerOrder::Rggb, 10),
    (0x300a, BayerOrder::Grbg, 10),
    (0x300e, BayerOrder::Gbrg, 10),
    (0x3007, BayerOrder::Bggr, 10),
    (0x3012, BayerOrder::Rggb, 12),
    (0x3011, BayerOrder::Grbg, 12),
    (0x3010, BayerOrder::Gbrg, 12),
    (0x3008, BayerOrder::Bggr, 12),
];

/// V4L2's names of raw formats, those with the fewest bytes first among the same bits.
pub(super) const FORMATS: [(&[u8; 4], BayerOrder, BayerSample); 24] = [
    (b"RGGB", BayerOrder::Rggb, BayerSample::Byte),
    (b"GRBG", BayerOrder::Grbg, BayerSample::Byte),
    (b"GBRG", BayerOrder::Gbrg, BayerSample::Byte),
    (b"BA81", BayerOrder::Bggr, BayerSample::Byte),
    (b"pRAA", BayerOrder::Rggb, BayerSample::Packed10),
    (b"pgAA", BayerOrder::Grbg, BayerSample::Packed10),
    (b"pGAA", BayerOrder::Gbrg, BayerSample::Packed10),
    (b"pBAA", BayerOrder::Bggr, BayerSample::Packed10),
    (b"RG10", BayerOrder::Rggb, BayerSample::Wide10),
    (b"BA10", BayerOrder::Grbg, BayerSample::Wide10),
    (b"GB10", BayerOrder::Gbrg, BayerSample::Wide10),
    (b"BG10", BayerOrder::Bggr, BayerSample::Wide10),
    (b"pRCC", BayerOrder::Rggb, BayerSample::Packed12),
    (b"pgCC", BayerOrder::Grbg, BayerSample::Packed12),
    (b"pGCC", BayerOrder::Gbrg, BayerSample::Packed12),
    (b"pBCC", BayerOrder::Bggr, BayerSample::Packed12),
    (b"RG12", BayerOrder::Rggb, BayerSample::Wide12),
    (b"BA12", BayerOrder::Grbg, BayerSample::Wide12),
    (b"GB12", BayerOrder::Gbrg, BayerSample::Wide12),
    (b"BG12", BayerOrder::Bggr, BayerSample::Wide12),
    (b"RG16", BayerOrder::Rggb, BayerSample::Wide16),
    (b"GR16", BayerOrder::Grbg, BayerSample::Wide16),
    (b"GB16", BayerOrder::Gbrg, BayerSample::Wide16),
    (b"BYR2", BayerOrder::Bggr, BayerSample::Wide16),
];

/// The raw format of this name.
pub(super) fn bayer(format: FourCc) -> Option<Bayer> {
    let found = FORMATS.iter().find(|(code, ..)| **code == format.0);
    found.map(|&(_, order, sample)| Bayer { order, sample })
}

/// A sensor that is set up.
pub(super) struct Prepared {
    pub sensor: Box<dyn Sensor>,
    /// Size of the samples.
    pub size_px: [u32; 2],
    /// Of the formats that the node offers, the one of this sensor.
    pub format: FourCc,
}

/// Sets a sensor up for pictures of `size_px` after development. `fits` tells whether samples of a size and format have
/// room.
///
/// # Errors
/// The reason, if the sensor gives nothing that the node offers.
pub(super) fn prepare(
    mut sensor: Box<dyn Sensor>,
    offered: &[FourCc],
    size_px: [u32; 2],
    fits: impl Fn([u32; 2], Bayer) -> bool,
) -> Result<Prepared, String> {
    let name = Shown(sensor.name()).to_string();
    let codes = sensor.codes();
    // In dark places ten bits have more than noise. More bits only cost memory, and packed ones cost least.
    let formats = [10, 12, 8].into_iter().flat_map(|bits| {
        let rows = FORMATS
            .iter()
            .filter(move |(.., sample)| sample.bits() == bits);
        rows.map(|&(code, order, sample)| (FourCc(*code), Bayer { order, sample }))
    });
    let mut formats = formats.filter(|(format, _)| offered.contains(format));
    let given_by = |code: u32| {
        let row = CODES.iter().find(|row| row.0 == code);
        row.map(|&(_, order, bits)| (order, bits))
    };
    let is = |bayer: &Bayer, code: u32| given_by(code) == Some((bayer.order, bayer.sample.bits()));
    let choice = formats.find_map(|(format, bayer)| {
        let code = codes.iter().find(|&&code| is(&bayer, code))?;
        Some((format, bayer, *code))
    });
    let Some((format, bayer, code)) = choice else {
        return Err(format!(
            "its sensor {name} gives none of the raw formats that it offers and that are read"
        ));
    };
    let mode = match facts::of(sensor.name()) {
        Some(facts) => facts.mode(size_px, |mode| fits(mode, bayer)),
        None => size_px.map(|side| side.saturating_mul(2)),
    };
    let wanted = BusFormat {
        code,
        size_px: mode,
    };
    let given = sensor
        .set_format(wanted)
        .map_err(|error| format!("its sensor {name} cannot be set up: {error}"))?;
    if !is(&bayer, given.code) {
        return Err(format!(
            "its sensor {name} was asked for format {code:#x} and gives {:#x}",
            given.code
        ));
    }
    Ok(Prepared {
        sensor,
        size_px: given.size_px,
        format,
    })
}

/// Exposure, white balance and black level of a camera with raw pictures.
pub(in crate::source) struct Developer {
    /// Sample of no light.
    black: u16,
    driven: Option<Driven>,
    exposure: Exposure,
    white: WhiteBalance,
    /// For the log.
    about: String,
}

impl Developer {
    /// Takes a sensor whose format is set, if the node has one, and sets its rate and a first exposure.
    pub(super) fn new(
        bayer: Bayer,
        size_px: [u32; 2],
        sensor: Option<Box<dyn Sensor>>,
        rate: u32,
        mains_hz: u32,
    ) -> Self {
        let name = sensor.as_ref().map(|sensor| sensor.name().to_owned());
        let facts = name.as_deref().and_then(facts::of);
        let black = facts.map_or(0, |facts| facts.black >> (16 - bayer.sample.bits()));
        let lamps_hz = 2.0 * mains_hz.max(1) as f32;
        let driven = sensor.and_then(|sensor| Driven::new(sensor, facts, size_px, rate, lamps_hz));
        let (mut driven, limits) = driven.unzip();
        let exposure = Exposure::new(limits.unwrap_or(Limits {
            // The tables' gain alone.
            exposure_s: [1.0 / lamps_hz; 2],
            gain: [1.0; 2],
            latency: 0,
            lamps_hz,
        }));
        if let Some(driven) = &mut driven {
            driven.set(exposure.setting());
        }
        let known = match facts {
            Some(_) => "",
            None => " is not known: no black level",
        };
        let about = match (name, &driven) {
            (Some(name), Some(_)) => format!("sensor {}{known}", Shown(&name)),
            (Some(name), None) => format!(
                "sensor {}{known}; it has no controls for exposure and gain",
                Shown(&name)
            ),
            (None, _) => "no sensor found whose exposure could be set".into(),
        };
        Developer {
            black,
            driven,
            exposure,
            white: WhiteBalance::default(),
            about,
        }
    }

    /// White balance and digital gain alone.
    #[cfg(feature = "clips")]
    pub(in crate::source) fn without_sensor(bayer: Bayer) -> Self {
        Self::new(bayer, [0; 2], None, 1, 50)
    }

    pub(super) fn about(&self) -> &str {
        &self.about
    }

    /// Table that develops a picture. `index` counts the camera's pictures.
    pub(in crate::source) fn develop(&mut self, pixels: &Pixels<'_>, index: u64) -> Balance {
        match measure_light(pixels, self.black, self.white.gains()) {
            Some(light) => self.see(&light, index),
            None => Balance::NEUTRAL,
        }
    }

    fn see(&mut self, light: &Light, index: u64) -> Balance {
        // The next pictures' digital gain belongs to what the sensor will give then.
        let digital = self.exposure.setting().digital;
        if let Some(setting) = self.exposure.see(index, light)
            && let Some(driven) = &mut self.driven
        {
            driven.set(setting);
        }
        let gains = self.white.see(light);
        Balance {
            black: self.black,
            // Both factors are small.
            gains: gains.map(|gain| (256.0 * gain * digital).round() as u16),
        }
    }
}

/// Control of a sensor in the units of the exposure loop.
struct Driven {
    sensor: Box<dyn Sensor>,
    line_s: f32,
    gain: GainCode,
    lines: [i64; 2],
    codes: [i64; 2],
    failed: Repeated,
}

impl Driven {
    /// `None` if the sensor has no controls for exposure and gain.
    fn new(
        mut sensor: Box<dyn Sensor>,
        facts: Option<&Facts>,
        size_px: [u32; 2],
        rate: u32,
        lamps_hz: f32,
    ) -> Option<(Self, Limits)> {
        let timing = Timing::set(sensor.as_mut(), size_px, rate);
        // The drivers change the range of the exposure with the lines of a frame.
        let exposure = sensor.range(Control::Exposure)?;
        let gains = sensor.range(Control::AnalogueGain)?;
        let mut lines = [exposure.least.max(1), exposure.most];
        let mut codes = [gains.least, gains.most];
        let mut gain = GainCode::Parts(gains.least.max(1) as f32);
        if let Some(facts) = facts {
            lines[0] = lines[0].max(facts.exposure_lines);
            lines[1] = lines[1].min(timing.frame_lines - facts.dark_lines);
            codes = [
                codes[0].max(facts.gain_codes[0]),
                codes[1].min(facts.gain_codes[1]),
            ];
            gain = facts.gain;
        }
        lines[1] = lines[1].max(lines[0]);
        codes[1] = codes[1].max(codes[0]);
        let limits = Limits {
            exposure_s: lines.map(|count| count as f32 * timing.line_s),
            gain: codes.map(|code| gain.gain(code).max(1e-3)),
            latency: LATENCY_PICTURES,
            lamps_hz,
        };
        let driven = Driven {
            sensor,
            line_s: timing.line_s,
            gain,
            lines,
            codes,
            failed: Repeated::default(),
        };
        Some((driven, limits))
    }

    fn set(&mut self, setting: Setting) {
        let lines = (setting.exposure_s / self.line_s).round() as i64;
        let code = self.gain.code(setting.gain);
        for (control, value, [least, most]) in [
            (Control::Exposure, lines, self.lines),
            (Control::AnalogueGain, code, self.codes),
        ] {
            if let Err(error) = self.sensor.set(control, value.clamp(least, most))
                && let Some(count) = self.failed.again()
            {
                let name = Shown(self.sensor.name()).to_string();
                log::warn!("sensor {name}: {control:?}: {error} ({count} times so far)");
            }
        }
    }
}

/// Times of a sensor's mode.
struct Timing {
    line_s: f32,
    frame_lines: i64,
}

impl Timing {
    /// Sets the lines after a picture so that the sensor gives this rate, or the nearest one that its mode has.
    fn set(sensor: &mut dyn Sensor, [width_px, height_px]: [u32; 2], rate: u32) -> Timing {
        let range = |sensor: &dyn Sensor, control| sensor.range(control);
        let pixels_a_second = range(sensor, Control::PixelRate).map(|range| range.value);
        let blank = range(sensor, Control::HorizontalBlank).map(|range| range.value);
        let line_s = match (pixels_a_second, blank) {
            (Some(rate @ 1..), Some(blank @ 0..)) => {
                (f64::from(width_px) + blank as f64) / rate as f64
            }
            _ => USUAL_LINE_S,
        };
        let height = i64::from(height_px);
        let wanted = (1.0 / (line_s * f64::from(rate.max(1)))) as i64;
        let frame_lines = match range(sensor, Control::VerticalBlank) {
            Some(vertical) => {
                let most = vertical.most.max(vertical.least);
                let blank = wanted.saturating_sub(height).clamp(vertical.least, most);
                match sensor.set(Control::VerticalBlank, blank) {
                    Ok(()) => height.saturating_add(blank),
                    // The driver's own rate.
                    Err(_) => height.saturating_add(vertical.value),
                }
            }
            None => wanted.max(height),
        };
        Timing {
            line_s: line_s as f32,
            frame_lines,
        }
    }
}
