//! One picture of a camera, for `doctor`.
//!
//! In: a camera that streams. Out: the size of its first usable picture, or the reason why none came.

use super::camera::Camera;
use super::capture::judge;
use super::formats::Encoding;
use super::options::CameraOptions;
use super::unusable::{Tally, Unusable};
use crate::source::jpeg;
use std::io;
use std::time::{Duration, Instant};

/// A webcam takes up to two seconds to start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(100);
const NOTHING_CAME: Duration = Duration::from_millis(1);

/// Takes pictures until one can be used. The first ones of many cameras are damaged.
pub(super) fn take_one(
    camera: &mut Camera,
    options: &CameraOptions,
    patience: Duration,
) -> Result<[u32; 2], String> {
    let start = Instant::now();
    let mut tally = Tally::default();
    while start.elapsed() < patience {
        match next(camera, options).map_err(|error| error.to_string())? {
            Some(Ok(size_px)) => return Ok(size_px),
            Some(Err(why)) => {
                tally.add(why);
            }
            None => {}
        }
    }
    Err(format!(
        "no usable picture in {} s{}",
        patience.as_secs_f64(),
        tally.summary()
    ))
}

fn next(
    camera: &mut Camera,
    options: &CameraOptions,
) -> io::Result<Option<Result<[u32; 2], Unusable>>> {
    if !camera.node.wait(LOOK)? {
        return Ok(None);
    }
    let filled = match camera.node.dequeue() {
        Ok(filled) if filled.index < camera.buffers.len() => filled,
        Ok(_) => {
            return Err(io::Error::other(
                "the driver gave a buffer that it did not have",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            // A driver that announces a frame and has none must not keep a core busy.
            std::thread::sleep(NOTHING_CAME);
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let agreed_px = [camera.layout.width_px, camera.layout.height_px];
    let size_px = judge(camera, &filled).and_then(|()| match camera.encoding {
        Encoding::Raw(format) => Ok(agreed_px.map(|side| side / format.cell())),
        Encoding::Jpeg => {
            let memory = camera.buffers[filled.index].bytes();
            let bytes = &memory[..filled.bytes_used.min(memory.len())];
            let most_px = options.jpeg_limit_px(agreed_px);
            jpeg::decode_within(bytes, most_px, &mut Vec::new())
                .map(|(width_px, height_px)| [width_px, height_px])
                .map_err(Unusable::Undecodable)
        }
    });
    camera.node.queue(filled.index)?;
    Ok(Some(size_px))
}
