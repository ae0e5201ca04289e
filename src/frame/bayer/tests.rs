//! Every format against a plain unpacker that takes bits one by one.

use super::mosaic::pack;
use super::{Balance, Bayer, BayerOrder, BayerSample, Tones, measure_light};
use crate::frame::{PixelFormat, Pixels, WidePixel, encode};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Raw {
    bayer: Bayer,
    /// Of samples.
    width: usize,
    height: usize,
    stride: usize,
    bytes: Vec<u8>,
}

impl Raw {
    fn pixels(&self) -> Pixels<'_> {
        let format = PixelFormat::Bayer(self.bayer);
        let (width, height) = (self.width as u32, self.height as u32);
        Pixels::new(format, width, height, self.stride, &self.bytes).unwrap()
    }

    /// A bit of a row: bit 0 is the lowest of its first byte.
    fn bit(&self, y: usize, index: usize) -> u16 {
        u16::from(self.bytes[y * self.stride + index / 8] >> (index % 8) & 1)
    }

    /// A sample, from the places of its bits as the kernel's documentation of the format shows them.
    fn sample(&self, x: usize, y: usize) -> u16 {
        let places: Vec<usize> = match self.bayer.sample {
            BayerSample::Byte => (0..8).map(|bit| 8 * x + bit).collect(),
            BayerSample::Wide10 | BayerSample::Wide12 | BayerSample::Wide16 => {
                (0..16).map(|bit| 16 * x + bit).collect()
            }
            BayerSample::Packed10 => {
                let (group, inside) = (40 * (x / 4), x % 4);
                let low = (0..2).map(|bit| group + 32 + 2 * inside + bit);
                low.chain((0..8).map(|bit| group + 8 * inside + bit))
                    .collect()
            }
            BayerSample::Packed12 => {
                let (group, inside) = (24 * (x / 2), x % 2);
                let low = (0..4).map(|bit| group + 16 + 4 * inside + bit);
                low.chain((0..8).map(|bit| group + 8 * inside + bit))
                    .collect()
            }
        };
        let bits = places.iter().enumerate();
        let value: u16 = bits.map(|(bit, &place)| self.bit(y, place) << bit).sum();
        value.min(u16::MAX >> (16 - self.bayer.sample.bits()))
    }

    /// Red, green and blue of a pixel.
    fn quad(&self, x: usize, y: usize) -> [u16; 3] {
        let letters = match self.bayer.order {
            BayerOrder::Rggb => "RGGB",
            BayerOrder::Grbg => "GRBG",
            BayerOrder::Gbrg => "GBRG",
            BayerOrder::Bggr => "BGGR",
        };
        let of = |wanted: char| -> Vec<u32> {
            let all = letters.chars().enumerate();
            all.filter(|(_, letter)| *letter == wanted)
                .map(|(at, _)| self.sample(2 * x + at % 2, 2 * y + at / 2).into())
                .collect()
        };
        let greens = of('G');
        [
            of('R')[0] as u16,
            (greens[0] + greens[1]).div_ceil(2) as u16,
            of('B')[0] as u16,
        ]
    }
}

fn any_format() -> impl Strategy<Value = Bayer> {
    prop::sample::select(Bayer::all().collect::<Vec<_>>())
}

prop_compose! {
    /// Wide enough for several blocks.
    fn any_raw()(
        bayer in any_format(),
        width in 1..170_usize,
        height in 1..6_usize,
        padding in 0..5_usize,
    )(
        // The fewest bytes that the frame may have, so that a read past the end fails.
        bytes in vec(any::<u8>(), {
            let row = bayer.row_bytes(2 * width);
            (row + padding) * (2 * height - 1) + row
        }),
        bayer in Just(bayer),
        width in Just(2 * width),
        height in Just(2 * height),
        padding in Just(padding),
    ) -> Raw {
        Raw { bayer, width, height, stride: bayer.row_bytes(width) + padding, bytes }
    }
}

proptest! {
    #[test]
    fn every_format_is_read_as_it_is_documented(raw in any_raw(), from in 0..170_usize, to in 0..170_usize) {
        let pixels = raw.pixels();
        let [width, height] = [raw.width / 2, raw.height / 2];
        prop_assert_eq!([pixels.width_px(), pixels.height_px()], [width as u32, height as u32]);
        let (from, to) = (from.min(width), to.min(width));
        let span = from.min(to)..from.max(to);
        let upper = raw.bayer.sample.bits() - 8;
        for y in 0..height {
            let mut row = [WidePixel::BLACK; 170];
            pixels.read_row(y as u32, span.start as u32, &mut row[..span.len()]);
            for (pixel, x) in row.iter().zip(span.clone()) {
                let expected = raw.quad(x, y);
                prop_assert_eq!(pixels.samples(x as u32, y as u32), Some(expected));
                prop_assert_eq!(pixel.rgb(), expected.map(|sample| (sample >> upper) as u8));
            }
        }
        prop_assert_eq!(pixels.samples(width as u32, 0), None);
        prop_assert_eq!(pixels.samples(0, height as u32), None);
    }

    #[test]
    fn tones_are_the_formula(
        bits in prop::sample::select(vec![8_u32, 10, 12, 16]),
        black in any::<u16>(),
        gains in any::<[u16; 3]>(),
        samples in vec(any::<[u16; 3]>(), 50),
    ) {
        let white = (1_u32 << bits) - 1;
        let balance = Balance { black: black % (white / 4) as u16, gains };
        let mut tones = Tones::new();
        tones.set(bits, balance);
        for samples in samples.into_iter().map(|all| all.map(|value| value & white as u16)) {
            for colour in 0..3 {
                // A byte as it would be with this much more or less light.
                let of = |more: f64| {
                    let light = f64::from(samples[colour]) - f64::from(balance.black) + more;
                    let light = light.max(0.0) / f64::from(white - u32::from(balance.black));
                    let linear = light * f64::from(gains[colour]) / 256.0 + more.signum() / 4095.0;
                    let linear = linear.clamp(0.0, 1.0);
                    255.0 * match linear {
                        ..=0.003_130_8 => 12.92 * linear,
                        _ => 1.055 * linear.powf(1.0 / 2.4) - 0.055,
                    }
                };
                // Of 16 bits the table drops 4, also of black.
                let step = if bits == 16 { 32.0 } else { 0.01 };
                let byte = f64::from(tones.of(samples)[colour]);
                prop_assert!(
                    (of(-step) - 1.0..=of(step) + 1.0).contains(&byte),
                    "{:?} {} of {:?}: {} for {}", balance, colour, samples, byte, of(0.0)
                );
            }
        }
    }

    /// No sizes, strides or lengths are read past, and none panic.
    #[test]
    fn impossible_frames_are_none(
        bayer in any_format(),
        width in any::<u32>(),
        height in any::<u32>(),
        small in [0..40_u32, 0..40_u32],
        stride in prop_oneof![0..300_usize, any::<usize>()],
        length in 0..5000_usize,
    ) {
        let bytes = vec![0; length];
        let format = PixelFormat::Bayer(bayer);
        for [width, height] in [[width, height], small] {
            let Some(pixels) = Pixels::new(format, width, height, stride, &bytes) else {
                let fits = width > 0 && height > 0 && width % 2 == 0 && height % 2 == 0
                    && width < 1000 && height < 1000
                    && stride >= bayer.row_bytes(width as usize)
                    && stride < 1000
                    && length >= stride * (height as usize - 1) + bayer.row_bytes(width as usize);
                prop_assert!(!fits, "{width} {height} {stride} {length}");
                continue;
            };
            prop_assert!(width % 2 == 0 && height % 2 == 0);
            let _ = pixels.to_rgb();
            let _ = measure_light(&pixels, 1000, [1.0; 3]);
        }
    }
}

#[test]
fn a_picture_survives_the_glass_and_the_table() {
    let (width, height) = (64_usize, 32_usize);
    // Pairs of equal pixels in both directions, so that each pixel is under all glasses.
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|at| {
            let (x, y) = (at % width / 2, at / width / 2);
            [(8 * x) as u8, (16 * y) as u8, (4 * (x + y)) as u8]
        })
        .collect();
    for bayer in Bayer::all() {
        let format = PixelFormat::Bayer(bayer);
        let bytes = encode(&rgb, width as u32, format);
        let stride = format.row_bytes(width as u32);
        let mut tones = Tones::new();
        tones.set(bayer.sample.bits(), Balance::NEUTRAL);
        let pixels = Pixels::new(format, width as u32, height as u32, stride, &bytes).unwrap();
        let found = pixels.with_tones(&tones).to_rgb();
        let expected = (0..height).step_by(2).flat_map(|y| {
            let rgb = &rgb;
            (0..width)
                .step_by(2)
                .flat_map(move |x| (0..3).map(move |c| rgb[3 * (y * width + x) + c]))
        });
        // 8 bits have few steps where it is dark.
        let allowed = if bayer.sample == BayerSample::Byte {
            12
        } else {
            3
        };
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.abs_diff(expected) <= allowed,
                "{bayer:?}: {found} {expected}"
            );
        }
    }
}

#[test]
fn tones_of_other_bits_are_not_taken() {
    let bayer = Bayer {
        order: BayerOrder::Rggb,
        sample: BayerSample::Wide10,
    };
    let bytes = [0xFF; 8];
    let pixels = Pixels::new(PixelFormat::Bayer(bayer), 2, 2, 4, &bytes).unwrap();
    let dark = Balance {
        black: 0,
        gains: [0; 3],
    };
    for (bits, expected) in [(10, [0; 3]), (12, [255; 3])] {
        let mut tones = Tones::new();
        tones.set(bits, dark);
        assert_eq!(pixels.with_tones(&tones).to_rgb(), expected);
    }
}

#[test]
fn light_is_measured_above_black() {
    let bayer = Bayer {
        order: BayerOrder::Bggr,
        sample: BayerSample::Packed10,
    };
    let (width, height, black) = (128_usize, 96_usize, 64_u16);
    let of = |sample: &dyn Fn(usize, usize) -> u16| {
        let mut bytes = Vec::new();
        for y in 0..height {
            let row: Vec<u16> = (0..width).map(|x| sample(x, y)).collect();
            pack(&row, bayer.sample, &mut bytes);
        }
        let format = PixelFormat::Bayer(bayer);
        let stride = format.row_bytes(width as u32);
        let pixels = Pixels::new(format, width as u32, height as u32, stride, &bytes).unwrap();
        measure_light(&pixels, black, [1.0; 3]).unwrap()
    };
    let near = |a: f32, b: f32| (a - b).abs() < 0.003;
    let dark = of(&|_, _| 64);
    assert!(dark.mean == 0.0 && dark.full == 0.0 && dark.colours == [0.0; 3]);
    let full = of(&|_, _| 1023);
    assert!(full.full == 1.0 && full.mean > 0.99 && full.colours == [0.0; 3]);
    // Blue a quarter, green a half, red an eighth.
    let part = |parts: f32| 64 + (parts * 959.0) as u16;
    let colours = of(&|x, y| match (x % 2, y % 2) {
        (0, 0) => part(0.25),
        (1, 1) => part(0.125),
        _ => part(0.5),
    });
    let [red, green, blue] = colours.colours;
    assert!(
        near(red, 0.125) && near(green, 0.5) && near(blue, 0.25),
        "{colours:?}"
    );
    assert!(near(colours.mean, 0.34375), "{colours:?}");
    // A lamp counts as cut off, and for nothing else.
    let lamp = of(&|_, y| if y < 4 { 1023 } else { part(0.1) });
    assert!((0.03..0.05).contains(&lamp.full), "{lamp:?}");
    assert!(
        near(lamp.colours[0], 0.1) && near(lamp.mean, 0.1),
        "{lamp:?}"
    );
}
