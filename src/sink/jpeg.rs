//! JPEGs of packed RGB, in memory that does not grow.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::io::{self, Write};

/// Qualities that are tried, until one fits.
const QUALITIES: [u8; 3] = [75, 50, 25];

/// Appends a JPEG to `out`, which keeps its capacity. False, and nothing is appended, if there is no room for it.
pub(super) fn append(rgb: &[u8], [width_px, height_px]: [u32; 2], out: &mut Vec<u8>) -> bool {
    let (Ok(width), Ok(height)) = (u16::try_from(width_px), u16::try_from(height_px)) else {
        return false;
    };
    let begin = out.len();
    for quality in QUALITIES {
        let mut encoder = Encoder::new(Bounded(out), quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        if encoder.encode(rgb, width, height, ColorType::Rgb).is_ok() {
            return true;
        }
        out.truncate(begin);
    }
    false
}

/// Fails where a vector would grow.
struct Bounded<'a>(&'a mut Vec<u8>);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0.capacity() - self.0.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use zune_core::bytestream::ZCursor;
    use zune_jpeg::JpegDecoder;

    /// Size and mean colour of a JPEG.
    pub(in crate::sink) fn size_and_mean(jpeg: &[u8]) -> ([usize; 2], [u8; 3]) {
        let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
        let pixels = decoder.decode().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        let mean = std::array::from_fn(|channel| {
            let values = pixels.iter().skip(channel).step_by(3);
            (values.map(|&value| usize::from(value)).sum::<usize>() / (width * height)) as u8
        });
        ([width, height], mean)
    }

    #[test]
    fn a_picture_has_its_size_and_colour_and_one_without_room_leaves_nothing() {
        let red = [200, 30, 40].repeat(33 * 17);
        let mut out = Vec::with_capacity(4096);
        out.extend(*b"head");
        assert!(append(&red, [33, 17], &mut out));
        let (size, mean) = size_and_mean(&out[4..]);
        assert_eq!((size, &out[..4]), ([33, 17], &b"head"[..]));
        for (found, given) in mean.into_iter().zip([200, 30, 40]) {
            assert!(found.abs_diff(given) <= 3, "{mean:?}");
        }

        let mut small = Vec::with_capacity(300);
        small.extend(*b"head");
        assert!(!append(&red, [33, 17], &mut small));
        assert_eq!((&*small, small.capacity()), (&b"head"[..], 300));
        // A size that is not that of the bytes, or none at all.
        assert!(!append(&red, [34, 17], &mut out) && !append(&red, [70_000, 1], &mut out));
    }

    #[test]
    fn noise_gets_the_best_quality_that_fits() {
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..3 * 64 * 64)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut sizes = Vec::new();
        for room in [16_384, 3300, 2500] {
            let mut out = Vec::with_capacity(room);
            assert!(append(&noise, [64, 64], &mut out), "{room}");
            assert!(out.len() <= room);
            sizes.push(out.len());
        }
        assert!(sizes.is_sorted_by(|more, less| more > less), "{sizes:?}");
    }
}
