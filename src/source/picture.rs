//! One still picture from bytes, in any supported format.

use super::jpeg;
use crate::limits::{MAX_FRAME_SIDE_PX, MAX_PICTURE_PIXELS};
use std::io::Cursor;

/// File extensions of the pictures in a folder.
const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "ppm", "pgm", "pbm", "pnm"];

pub(super) fn is_picture_name(path: &std::path::Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

/// Decodes JPEG, PNG, BMP or PNM to packed RGB in `rgb`. Returns width and height in pixels.
pub(super) fn decode(bytes: &[u8], rgb: &mut Vec<u8>) -> Result<(u32, u32), String> {
    if bytes.starts_with(&[0xFF, 0xD8]) {
        return jpeg::decode(bytes, rgb);
    }
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_FRAME_SIDE_PX);
    limits.max_image_height = Some(MAX_FRAME_SIDE_PX);
    limits.max_alloc = Some(8 * MAX_PICTURE_PIXELS as u64);
    let mut reader = image::ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    reader.limits(limits);
    let picture = reader
        .decode()
        .map_err(|error| error.to_string())?
        .into_rgb8();
    let size = picture.dimensions();
    *rgb = picture.into_raw();
    Ok(size)
}
