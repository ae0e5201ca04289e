//! One still picture from bytes, in any supported format.
//!
//! In: the bytes of a file. Out: packed RGB in a buffer of the caller, and the size in pixels. The header's size is
//! checked before pixels are allocated, and no moment takes more than 11 bytes per pixel. A JPEG is turned upright as
//! its EXIF orientation says, so that positions are those on a screen.

use super::{exif, jpeg};
use crate::limits::{MAX_FRAME_SIDE_PX, MAX_PICTURE_PIXELS};
use image::{ImageDecoder, ImageFormat};
use std::io::Cursor;

/// File extensions of the pictures in a folder.
const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "ppm", "pgm", "pbm", "pnm"];

/// Memory of a PNG's decoder besides its pixels. It keeps a few rows.
const PNG_BYTES: usize = 16 << 20;

pub(super) fn is_picture_name(path: &std::path::Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

/// Decodes JPEG, PNG, BMP or PNM to packed RGB in `rgb`. Returns width and height in pixels.
pub(super) fn decode(bytes: &[u8], rgb: &mut Vec<u8>) -> Result<(u32, u32), String> {
    if bytes.starts_with(&[0xFF, 0xD8]) {
        let size = jpeg::decode(bytes, rgb)?;
        return Ok(exif::turn_upright(exif::orientation(bytes), size, rgb));
    }
    match image::guess_format(bytes).map_err(|error| error.to_string())? {
        ImageFormat::Png => decode_png(bytes, rgb),
        format => decode_other(bytes, format, rgb),
    }
}

/// Refuses a picture that is too large to decode.
fn check_size(width: u32, height: u32) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err("the picture has no pixels".into());
    }
    if width.max(height) > MAX_FRAME_SIDE_PX || pixels > MAX_PICTURE_PIXELS as u64 {
        return Err(format!("the picture is too large: {width} x {height}"));
    }
    Ok(())
}

/// Decodes a PNG. Texts and colour profiles stay packed: small files can have large ones.
fn decode_png(bytes: &[u8], rgb: &mut Vec<u8>) -> Result<(u32, u32), String> {
    let text = |error: png::DecodingError| error.to_string();
    let limits = png::Limits { bytes: PNG_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let (width, height) = decoder.read_header_info().map_err(text)?.size();
    check_size(width, height)?;
    let mut reader = decoder.read_info().map_err(text)?;
    let (color, _) = reader.output_color_type();
    let pixels = width as usize * height as usize;
    if color == png::ColorType::Rgb {
        rgb.resize(3 * pixels, 0);
        reader.next_frame(rgb).map_err(text)?;
        return Ok((width, height));
    }
    let mut samples = vec![0; color.samples() * pixels];
    reader.next_frame(&mut samples).map_err(text)?;
    rgb.resize(3 * pixels, 0);
    let to = rgb.chunks_exact_mut(3);
    for (to, from) in to.zip(samples.chunks_exact(color.samples())) {
        match *from {
            [grey] | [grey, _] => to.fill(grey),
            // An alpha channel has no meaning here.
            [red, green, blue, ..] => to.copy_from_slice(&[red, green, blue]),
            [] => {}
        }
    }
    Ok((width, height))
}

/// Decodes BMP or PNM.
fn decode_other(
    bytes: &[u8],
    format: ImageFormat,
    rgb: &mut Vec<u8>,
) -> Result<(u32, u32), String> {
    let text = |error: image::ImageError| error.to_string();
    let decoder = image::ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(text)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let picture = image::DynamicImage::from_decoder(decoder).map_err(text)?;
    *rgb = picture.into_rgb8().into_raw();
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size_of(bytes: &[u8]) -> Result<(u32, u32), String> {
        decode(bytes, &mut Vec::new())
    }

    /// A PNG of `side` x `side` pixels.
    fn png_of(side: u32, color: png::ColorType, depth: png::BitDepth, sample: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![sample; 3]);
        }
        let row = (side as usize * color.samples() * depth as usize).div_ceil(8);
        let byte = if color == png::ColorType::Indexed {
            0
        } else {
            sample
        };
        let data = vec![byte; row * side as usize];
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&data).unwrap();
        drop(writer);
        bytes
    }

    #[test]
    fn every_kind_of_png_is_rgb() {
        use png::BitDepth::{Eight, Sixteen};
        use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        for color in [Grayscale, GrayscaleAlpha, Rgb, Rgba, Indexed] {
            for depth in [Eight, Sixteen] {
                if (color, depth) == (Indexed, Sixteen) {
                    continue;
                }
                let mut rgb = Vec::new();
                let size = decode(&png_of(5, color, depth, 77), &mut rgb).unwrap();
                assert_eq!(
                    (size, &rgb[..]),
                    ((5, 5), &[77; 75][..]),
                    "{color:?} {depth:?}"
                );
            }
        }
    }

    #[test]
    fn large_pictures_are_refused_by_their_headers() {
        let mut png = png_of(1, png::ColorType::Rgb, png::BitDepth::Eight, 1);
        for (at, side) in [(16, 8192_u32), (20, 4097)] {
            png[at..at + 4].copy_from_slice(&side.to_be_bytes());
        }
        let crc = crc32fast::hash(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let mut bmp = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bmp.extend(8192_u32.to_le_bytes());
        bmp.extend(4097_u32.to_le_bytes());
        bmp.extend(b"\x01\0\x18\0");
        bmp.extend([0; 24]);
        for picture in [&png[..], &bmp, b"P5\n8192 4097\n255\n", b"P4\n8192 4097\n"] {
            let error = size_of(picture).unwrap_err();
            assert_eq!(error, "the picture is too large: 8192 x 4097");
        }
    }

    #[test]
    fn a_colour_profile_stays_packed() {
        let png = png_of(2, png::ColorType::Rgb, png::BitDepth::Eight, 9);
        // Not even a stream: unpacking it would be an error.
        let mut chunk = b"iCCPx\0\0no zlib".to_vec();
        chunk.extend(crc32fast::hash(&chunk).to_be_bytes());
        let length = (chunk.len() - 8) as u32;
        let bytes = [&png[..33], &length.to_be_bytes(), &chunk, &png[33..]].concat();
        assert_eq!(size_of(&bytes), Ok((2, 2)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(start in 0..4_usize, rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let start: &[u8] = [&b"\x89PNG\r\n\x1a\n"[..], b"BM", b"P6\n2 2\n255\n", b"P4 "][start];
            let _ = size_of(&[start, &rest].concat());
        }
    }
}
