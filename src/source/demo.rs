//! The built-in clips as a source, at their own rate or as a camera would show them.

use super::{CameraOptions, Context, FILE_BYTES, Footprint, FrameSource, Kind, RAW_PICTURES, jpeg};
use crate::error::Result;
use crate::process::sandbox::Access;

/// `demo` takes the model's task; `demo:hand` and `demo:body` name one.
pub(super) const KIND: Kind = Kind {
    name: "demo",
    argument: "",
    help: "demo (the built-in clip)",
    check: |task| match task {
        "" | "hand" | "body" => Ok(()),
        _ => Err("the built-in clips are demo:hand and demo:body".into()),
    },
    footprint,
    access: |_| Access::default(),
    open,
    is_camera: false,
    is_live: true,
    reads_stdin: |_| false,
};

/// A clip's frames.
const SIZE_PX: [u32; 2] = [640, 480];

fn footprint(_: &str, camera: &CameraOptions) -> Footprint {
    let raw_bytes = camera.raw_format().map_or(0, |format| {
        RAW_PICTURES * format.picture_bytes(SIZE_PX) as u64
    });
    Footprint {
        mapped_bytes: 0,
        heap_bytes: raw_bytes + FILE_BYTES + jpeg::decoding_bytes(SIZE_PX),
    }
}

#[cfg(feature = "clips")]
fn open(task: &str, context: &Context<'_>) -> Result<Box<dyn FrameSource>> {
    use super::clip::Clip;
    use super::raw_clip::RawClip;
    use super::{MjpegSource, Paced};
    use crate::scene::Task;
    use std::time::Duration;

    let task = match task {
        "hand" => Task::Hand,
        "body" => Task::Body,
        _ => context.task,
    };
    let clip = Clip::shipped(task)?;
    let rate = context
        .camera
        .frames_per_second
        .unwrap_or(clip.frames_per_second);
    let period = Duration::from_secs(1) / rate;
    let mut pictures = MjpegSource::looping(format!("demo:{}", task.name()), clip.mjpeg);
    Ok(match context.camera.raw_format() {
        Some(format) => Box::new(Paced::new(RawClip::new(&mut pictures, format)?, period)),
        None => Box::new(Paced::new(pictures, period)),
    })
}

#[cfg(not(feature = "clips"))]
fn open(task: &str, context: &Context<'_>) -> Result<Box<dyn FrameSource>> {
    let task = match task {
        "" => context.task.name(),
        task => task,
    };
    Err(crate::Error::source(
        format!("demo:{task}"),
        "this build has no demo clips: build with --features clips",
    ))
}
