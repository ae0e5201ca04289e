//! Pictures of every legal form are decoded, and pictures that lack a block, or have one too many, are not.

use super::writer::{Form, Picture};
use super::*;
use proptest::prelude::*;

/// A start, a segment that contains a complete fake picture, a scan with a stuffed byte, an end.
const MARKERS: [u8; 26] = [
    0xFF, 0xD8, 0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9, 0xFF, 0xFF, 0xDA, 0x00, 0x03, 0x01,
    0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD3, 0x56, 0x78, 0xFF, 0xD9,
];

/// Four 8x8 blocks of luma per unit, 33 x 17 pixels, with restart markers.
const PROGRESSIVE: &[u8] = include_bytes!("../../../tests/fixtures/progressive.jpg");

/// A grey picture of 8 x 8 pixels that relies on the standard's Huffman tables.
pub(in crate::source) fn without_tables() -> Vec<u8> {
    let picture = Picture::new(&Form {
        width: 8,
        height: 8,
        sampling: vec![(1, 1)],
        restart_units: 0,
        seed: 3,
    });
    [
        &picture.head_without_tables[..],
        &picture.data,
        &[0xFF, END],
    ]
    .concat()
}

fn decoded(bytes: &[u8]) -> Result<((u32, u32), Vec<u8>), String> {
    let mut rgb = Vec::new();
    let size = decode(bytes, &mut rgb)?;
    Ok((size, rgb))
}

fn refused(bytes: &[u8]) -> String {
    decoded(bytes).unwrap_err()
}

/// Sampling factors that the decoder reads: luma first.
fn samplings() -> impl Strategy<Value = Vec<(u8, u8)>> {
    let color = prop::sample::select(vec![
        [(1, 1), (1, 1), (1, 1)],
        [(2, 1), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(2, 2), (1, 1), (1, 1)],
        [(4, 1), (1, 1), (1, 1)],
        [(2, 2), (1, 2), (1, 2)],
        [(2, 2), (2, 1), (1, 2)],
    ]);
    prop_oneof![
        color.prop_map(|factors| factors.to_vec()),
        Just(vec![(1, 1)]),
        Just(vec![(2, 2)]),
    ]
}

fn forms() -> impl Strategy<Value = Form> {
    let restarts = prop_oneof![Just(0_u16), 1..20_u16];
    (1..50_u16, 1..50_u16, samplings(), restarts, any::<u64>()).prop_map(
        |(width, height, sampling, restart_units, seed)| Form {
            width,
            height,
            sampling,
            restart_units,
            seed,
        },
    )
}

#[test]
fn a_thumbnail_does_not_end_the_picture() {
    assert_eq!(frame_length(&MARKERS), FrameLength::Complete(MARKERS.len()));
    let mut followed = MARKERS.to_vec();
    followed.extend([0xFF, 0xD8]);
    assert_eq!(
        frame_length(&followed),
        FrameLength::Complete(MARKERS.len())
    );
}

#[test]
fn every_cut_is_incomplete() {
    for length in 0..MARKERS.len() {
        assert_eq!(
            frame_length(&MARKERS[..length]),
            FrameLength::Incomplete,
            "{length}"
        );
    }
}

#[test]
fn a_new_start_breaks_a_cut_picture() {
    let mut cut = MARKERS[..20].to_vec();
    cut.extend(MARKERS);
    assert_eq!(frame_length(&cut), FrameLength::Broken(20));
    assert_eq!(frame_length(b"GIF89a"), FrameLength::Broken(0));
}

#[test]
fn four_components_are_refused() {
    let error = refused(include_bytes!(
        "../../../tests/fixtures/four-components.jpg"
    ));
    assert!(error.contains("4 components"), "{error}");
}

#[test]
fn a_progressive_picture_needs_all_its_scans() {
    let (size, whole) = decoded(PROGRESSIVE).unwrap();
    assert_eq!(size, (33, 17));
    let without_end = &PROGRESSIVE[..PROGRESSIVE.len() - 2];
    assert_eq!(decoded(without_end).unwrap().1, whole);
    for length in 0..without_end.len() {
        refused(&PROGRESSIVE[..length]);
        refused(&[&PROGRESSIVE[..length], &[0xFF, 0xD9]].concat());
    }
}

#[test]
fn forms_that_decoders_get_wrong_are_named() {
    let form = |sampling: &[(u8, u8)]| Form {
        width: 40,
        height: 24,
        sampling: sampling.to_vec(),
        restart_units: 0,
        seed: 1,
    };
    for (picture, words) in [
        (
            Picture::in_scans(&form(&[(2, 2), (1, 1), (1, 1)])),
            "a scan for each component",
        ),
        (
            Picture::new(&form(&[(1, 1), (2, 2), (1, 1)])),
            "more samples of colour",
        ),
        (
            Picture::new(&form(&[(2, 1), (1, 2), (1, 1)])),
            "more samples of colour",
        ),
        (
            Picture::new(&form(&[(3, 1), (1, 1), (1, 1)])),
            "three samples",
        ),
    ] {
        let error = refused(&picture.bytes());
        assert!(error.contains(words), "{error}");
    }
}

/// A block with one symbol in the Huffman table `table` of two: once if it is the first one, else until the block is full.
fn with_symbol(table: usize, symbol: u8) -> Result<(), String> {
    let mut jpeg = crate::source::mjpeg::tiny_jpeg();
    let tables = jpeg.windows(2).enumerate();
    let mut tables = tables.filter(|(_, two)| *two == [0xFF, 0xC4]);
    let (at, _) = tables.nth(table).unwrap();
    jpeg[at + 21] = symbol;
    let value_bits = usize::from(symbol & 15);
    // Each code is a 0. Values of zeros are the most negative ones.
    let bits = match table {
        0 => 1 + value_bits + 1,
        _ => 1 + 63 * (1 + value_bits),
    };
    let mut data = vec![0; bits.div_ceil(8)];
    if bits % 8 > 0 {
        *data.last_mut().unwrap() = 0xFF >> (bits % 8);
    }
    let end = jpeg.len() - 3;
    jpeg.splice(end..=end, data);
    decoded(&jpeg).map(drop)
}

#[test]
fn a_coefficient_that_8_bits_cannot_have_is_refused() {
    for bits in 0..=11 {
        with_symbol(0, bits).unwrap();
    }
    for bits in 1..=10 {
        with_symbol(1, bits).unwrap();
    }
    for (table, bits) in (12..=15)
        .map(|bits| (0, bits))
        .chain((11..=15).map(|bits| (1, bits)))
    {
        let error = with_symbol(table, bits).unwrap_err();
        assert!(error.contains("means nothing"), "{table} {bits}: {error}");
    }
    // No run of zeros stands in front of the first coefficient.
    for symbol in 16..=255 {
        let error = with_symbol(0, symbol).unwrap_err();
        assert!(error.contains("impossible"), "{symbol}: {error}");
    }
}

#[test]
fn a_panic_of_the_decoder_costs_one_picture() {
    let error = fenced(|| panic!("on purpose")).unwrap_err();
    assert!(error.contains("cannot read"), "{error}");
    assert_eq!(fenced(|| Ok(())), Ok(()));
}

#[test]
fn colours_are_red_green_and_blue_if_a_name_or_a_segment_says_so() {
    let form = Form {
        width: 16,
        height: 8,
        sampling: vec![(1, 1); 3],
        restart_units: 0,
        seed: 5,
    };
    let picture = Picture::new(&form).bytes();
    let named = |names: &[u8; 3]| {
        let mut bytes = picture.clone();
        // In the frame's header and in the scan's.
        let frame = bytes
            .windows(2)
            .position(|two| two == [0xFF, 0xC0])
            .unwrap();
        let scan = bytes
            .windows(2)
            .position(|two| two == [0xFF, 0xDA])
            .unwrap();
        for (index, &name) in names.iter().enumerate() {
            bytes[frame + 10 + 3 * index] = name;
            bytes[scan + 5 + 2 * index] = name;
        }
        bytes
    };
    let with = |bytes: &[u8], segment: &[u8]| [&bytes[..2], segment, &bytes[2..]].concat();
    let adobe = |kind: u8| {
        [
            b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00",
            &[kind][..],
        ]
        .concat()
    };
    let jfif = b"\xFF\xE0\x00\x10JFIF\0\x01\x02\x00\x00\x01\x00\x01\x00\x00";
    let ycc = decoded(&picture).unwrap().1;
    let rgb = decoded(&with(&picture, &adobe(0))).unwrap().1;
    assert_ne!(ycc, rgb);
    for (index, (bytes, expected)) in [
        (named(b"RGB"), &rgb),
        (named(b"abc"), &ycc),
        (with(&named(b"RGB"), &adobe(0)), &rgb),
        (with(&picture, jfif), &ycc),
        (with(&picture, &adobe(1)), &ycc),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, pixels) = decoded(&bytes).unwrap();
        assert!(&pixels == expected, "case {index}");
    }
    // Decoders disagree on these.
    for bytes in [
        with(&with(&picture, &adobe(0)), jfif),
        with(&named(b"RGB"), jfif),
        with(&named(b"RGB"), &adobe(1)),
    ] {
        let both = refused(&bytes);
        assert!(both.contains("YCbCr and RGB"), "{both}");
    }
}

#[test]
fn a_picture_larger_than_asked_for_is_refused_before_it_is_read() {
    let form = Form {
        width: 40,
        height: 24,
        sampling: vec![(1, 1)],
        restart_units: 0,
        seed: 1,
    };
    let bytes = Picture::new(&form).bytes();
    let mut rgb = Vec::new();
    assert_eq!(decode_within(&bytes, [40, 24], &mut rgb), Ok((40, 24)));
    let error = decode_within(&bytes, [39, 24], &mut rgb).unwrap_err();
    assert_eq!(error, "the JPEG is too large: 40 x 24");
}

proptest! {
    #[test]
    fn a_whole_picture_needs_neither_end_marker_nor_standard_tables(form in forms(), zeros in 0..70_usize) {
        let picture = Picture::new(&form);
        let (size, rgb) = decoded(&picture.bytes()).unwrap();
        prop_assert_eq!(size, (u32::from(form.width), u32::from(form.height)));
        let padding = vec![0; zeros];
        for tail in [&[][..], &padding, &[&padding[..], &[0xFF, 0xD9, 1, 2, 3]].concat()] {
            for head in [&picture.head, &picture.head_without_tables] {
                let bytes = [&head[..], &picture.data, tail].concat();
                prop_assert_eq!(&decoded(&bytes).unwrap().1, &rgb);
            }
        }
    }

    #[test]
    fn a_picture_that_lacks_data_is_refused(form in forms(), cut in any::<prop::sample::Index>(), has_end in any::<bool>()) {
        let picture = Picture::new(&form);
        let cut = cut.index(picture.data.len());
        let end: &[u8] = if has_end { &[0xFF, 0xD9] } else { &[] };
        refused(&[&picture.head, &picture.data[..cut], end].concat());
    }

    #[test]
    fn a_picture_with_spare_data_is_refused(form in forms(), spare in proptest::collection::vec(1..=0xFE_u8, 1..40)) {
        let picture = Picture::new(&form);
        refused(&[&picture.head[..], &picture.data, &spare, &[0xFF, 0xD9]].concat());
        refused(&[&picture.head[..], &picture.data, &spare].concat());
    }

    #[test]
    fn fill_bytes_come_before_a_marker_only(form in forms(), at in any::<prop::sample::Index>(), fill in 1..20_usize) {
        let picture = Picture::new(&form);
        let fill = vec![0xFF; fill];
        decoded(&[&picture.head[..], &picture.data, &fill, &[0xFF, 0xD9]].concat()).unwrap();
        let stuffed: Vec<usize> = (0..picture.data.len() - 1).filter(|&at| picture.data[at..].starts_with(&[0xFF, 0])).collect();
        if !stuffed.is_empty() {
            let (before, after) = picture.data.split_at(stuffed[at.index(stuffed.len())]);
            refused(&[&picture.head[..], before, &fill, after, &[0xFF, 0xD9]].concat());
        }
    }

    #[test]
    fn a_picture_spliced_from_two_is_refused(form in forms(), other in any::<u64>(), at in any::<prop::sample::Index>()) {
        // The head of one, then another from somewhere in its data on: the rest of a whole picture.
        let picture = Picture::new(&form);
        let second = Picture::new(&Form { seed: other, ..form.clone() });
        let cut = at.index(picture.data.len());
        refused(&[&picture.head[..], &picture.data[..cut], &second.bytes()].concat());
        refused(&[&picture.head[..], &picture.data, &second.data, &[0xFF, 0xD9]].concat());
    }

    #[test]
    fn restart_markers_keep_step(form in forms(), which in any::<prop::sample::Index>(), change in 1..8_u8) {
        let mut picture = Picture::new(&form);
        if !picture.restarts.is_empty() {
            let at = picture.restarts[which.index(picture.restarts.len())];
            picture.data[at + 1] = 0xD0 + (picture.data[at + 1] - 0xD0 + change) % 8;
            refused(&picture.bytes());
        }
    }

    #[test]
    fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        frame_length(&bytes);
        bytes.splice(0..0, MARKERS[..10].iter().copied());
        if let FrameLength::Complete(length) = frame_length(&bytes) {
            prop_assert!(length <= bytes.len());
        }
        let _ = decode(&bytes, &mut Vec::new());
    }

    #[test]
    fn no_change_of_a_progressive_picture_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = PROGRESSIVE.to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes, &mut Vec::new());
    }
}
