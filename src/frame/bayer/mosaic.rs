//! RGB to samples, for runs without a camera and for tests.

use super::{Bayer, BayerSample};

/// The samples of a sensor that sees this packed RGB picture.
pub(in crate::frame) fn mosaic(rgb: &[u8], width_px: usize, bayer: Bayer) -> Vec<u8> {
    let white = f32::from(u16::MAX >> (16 - bayer.sample.bits()));
    // sRGB's curve, backwards.
    let linear: Vec<u16> = (0..=255_u8)
        .map(|byte| {
            let bent = f32::from(byte) / 255.0;
            let linear = match bent {
                ..=0.040_45 => bent / 12.92,
                _ => ((bent + 0.055) / 1.055).powf(2.4),
            };
            (white * linear).round() as u16
        })
        .collect();
    let [red, _, _, blue] = bayer.order.places();
    let mut bytes = Vec::new();
    for (y, row) in rgb.chunks_exact(3 * width_px).enumerate() {
        let samples: Vec<u16> = row
            .as_chunks::<3>()
            .0
            .iter()
            .enumerate()
            .map(|(x, pixel)| {
                let place = 2 * (y % 2) + x % 2;
                let channel = match place {
                    _ if place == red => 0,
                    _ if place == blue => 2,
                    _ => 1,
                };
                linear[usize::from(pixel[channel])]
            })
            .collect();
        pack(&samples, bayer.sample, &mut bytes);
    }
    bytes
}

/// Appends a row of samples.
pub(super) fn pack(samples: &[u16], sample: BayerSample, bytes: &mut Vec<u8>) {
    let at = |group: &[u16], index: usize| group.get(index).copied().unwrap_or(0);
    match sample {
        BayerSample::Byte => bytes.extend(samples.iter().map(|&value| value as u8)),
        BayerSample::Wide10 | BayerSample::Wide12 | BayerSample::Wide16 => {
            bytes.extend(samples.iter().flat_map(|value| value.to_le_bytes()));
        }
        BayerSample::Packed10 => {
            for group in samples.chunks(4) {
                let all = [0, 1, 2, 3].map(|index| at(group, index));
                bytes.extend(all.map(|value| (value >> 2) as u8));
                let low = (0..)
                    .zip(all)
                    .map(|(index, value)| (value & 3) << (2 * index));
                bytes.push(low.sum::<u16>() as u8);
            }
        }
        BayerSample::Packed12 => {
            for group in samples.chunks(2) {
                let [first, second] = [at(group, 0), at(group, 1)];
                bytes.extend([first, second].map(|value| (value >> 4) as u8));
                bytes.push((first & 15 | (second & 15) << 4) as u8);
            }
        }
    }
}
