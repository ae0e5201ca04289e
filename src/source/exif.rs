//! The EXIF orientation of a JPEG (CIPA DC-008, tag 0x0112): how a picture must be turned to be upright.
//!
//! In: a JPEG's bytes, or pixels. Out: the orientation, 1 to 8, or turned pixels. Damaged metadata counts as none.

/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;
/// The type of its value: 16 bits.
const SHORT: u16 = 3;
/// Entries of a directory that are looked at. Cameras write some tens.
const MAX_ENTRIES: usize = 256;

/// The orientation that a JPEG's EXIF segment names: 1 is upright, as is a picture without the segment.
pub(super) fn orientation(jpeg: &[u8]) -> u8 {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    // Segments before the first scan.
    while let &[0xFF, marker, high, low, ..] = rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = rest.get(4..2 + length);
        match (marker, segment) {
            (0xFF, _) => rest = &rest[1..],
            (0xDA, _) | (_, None) => break,
            (0xE1, Some(segment)) => {
                if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
                    return of_tiff(tiff).unwrap_or(1);
                }
                rest = &rest[2 + length..];
            }
            (_, Some(_)) => rest = &rest[2 + length..],
        }
    }
    1
}

/// The orientation in the first directory of a TIFF header.
fn of_tiff(tiff: &[u8]) -> Option<u8> {
    let is_big = match tiff.get(..2)? {
        b"MM" => true,
        b"II" => false,
        _ => return None,
    };
    let half = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if is_big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    };
    let bytes = *tiff.get(4..)?.first_chunk()?;
    let directory = if is_big {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    };
    let directory = usize::try_from(directory).ok()?;
    let entries = usize::from(half(directory)?).min(MAX_ENTRIES);
    let entry = (0..entries)
        .map(|index| directory + 2 + 12 * index)
        .find(|&at| half(at) == Some(ORIENTATION) && half(at + 2) == Some(SHORT))?;
    u8::try_from(half(entry + 8)?)
        .ok()
        .filter(|value| (1..=8).contains(value))
}

/// Turns packed RGB of the size (width, height) upright. Returns the new size.
pub(super) fn turn_upright(
    orientation: u8,
    (width, height): (u32, u32),
    rgb: &mut Vec<u8>,
) -> (u32, u32) {
    // The upright picture's row and column go with the stored picture's, against them, or are exchanged.
    let (is_exchanged, is_mirrored, is_flipped) = match orientation {
        2 => (false, true, false),
        3 => (false, true, true),
        4 => (false, false, true),
        5 => (true, false, false),
        6 => (true, false, true),
        7 => (true, true, true),
        8 => (true, true, false),
        _ => return (width, height),
    };
    let (stored_width, stored_height) = (width as usize, height as usize);
    let (new_width, new_height) = match is_exchanged {
        true => (height, width),
        false => (width, height),
    };
    let mut turned = Vec::with_capacity(rgb.len());
    for y in 0..new_height as usize {
        for x in 0..new_width as usize {
            let (x, y) = if is_exchanged { (y, x) } else { (x, y) };
            let x = if is_mirrored { stored_width - 1 - x } else { x };
            let y = if is_flipped { stored_height - 1 - y } else { y };
            turned.extend_from_slice(&rgb[3 * (y * stored_width + x)..][..3]);
        }
    }
    *rgb = turned;
    (new_width, new_height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A JPEG's start with an EXIF segment that names the orientation behind another tag.
    fn with_exif(orientation: u16, is_big: bool) -> Vec<u8> {
        let half = |value: u16| {
            if is_big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let word = |value: u32| {
            if is_big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let mut tiff = if is_big {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        tiff.extend(half(42));
        tiff.extend(word(8));
        tiff.extend(half(2));
        for (tag, value) in [(0x010F, 7), (ORIENTATION, orientation)] {
            tiff.extend(half(tag));
            tiff.extend(half(SHORT));
            tiff.extend(word(1));
            tiff.extend(half(value));
            tiff.extend([0, 0]);
        }
        let segment = [b"Exif\0\0", &tiff[..]].concat();
        let length = (segment.len() as u16 + 2).to_be_bytes();
        [
            &[0xFF, 0xD8, 0xFF, 0xE0, 0, 2, 0xFF, 0xE1][..],
            &length,
            &segment,
            &[0xFF, 0xDA],
        ]
        .concat()
    }

    #[test]
    fn the_tag_is_found_in_both_byte_orders() {
        for value in 1..=8 {
            for is_big in [true, false] {
                assert_eq!(orientation(&with_exif(value, is_big)), value as u8);
            }
        }
        assert_eq!(orientation(&with_exif(9, true)), 1);
        assert_eq!(orientation(&[0xFF, 0xD8, 0xFF, 0xDA]), 1);
        assert_eq!(orientation(&[]), 1);
    }

    /// The standard's table: the stored first row and first column are these sides of the upright picture.
    #[test]
    fn stored_corners_come_to_their_places() {
        // A 3 x 2 picture whose first pixel is 1, the last of its first row 2, the first of its last row 3.
        let stored = [1, 0, 2, 3, 0, 4].map(|value| [value; 3]).concat();
        for (orientation, expected) in [
            (1, [1, 2, 3, 4]),
            (2, [2, 1, 4, 3]),
            (3, [4, 3, 2, 1]),
            (4, [3, 4, 1, 2]),
            (5, [1, 3, 2, 4]),
            (6, [3, 1, 4, 2]),
            (7, [4, 2, 3, 1]),
            (8, [2, 4, 1, 3]),
        ] {
            let mut rgb = stored.clone();
            let (width, height) = turn_upright(orientation, (3, 2), &mut rgb);
            let pixel = |x: u32, y: u32| rgb[3 * (y * width + x) as usize];
            let corners = [
                pixel(0, 0),
                pixel(width - 1, 0),
                pixel(0, height - 1),
                pixel(width - 1, height - 1),
            ];
            assert_eq!(corners, expected, "{orientation}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(cut in 0..60_usize, at in 0..60_usize, byte in any::<u8>(), is_big in any::<bool>()) {
            let mut jpeg = with_exif(6, is_big);
            if let Some(place) = jpeg.get_mut(at) {
                *place = byte;
            }
            jpeg.truncate(jpeg.len().saturating_sub(cut));
            prop_assert!((1..=8).contains(&orientation(&jpeg)));
        }
    }
}
