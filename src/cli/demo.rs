//! `posewire demo`: the shipped models over the built-in clips, with pictures to look at.

use super::command::{Accepts, Command, CommandOption, Given};
use super::run::new_session;
use super::{say, say_lines};
use crate::clock::Instant;
use crate::engine::{self, EngineChoice, Workspace};
use crate::error::{Error, Result};
use crate::metrics::{self, Sample};
use crate::model::{ModelCard, ModelFile};
use crate::pipeline::{Estimator, Pipeline, Stream, StreamOptions};
use crate::process::output::Patience;
use crate::scene::Task;
use crate::sink::{Delivery, Event, JsonSink, OverlaySink, SendError, Sink, What};
use crate::source::{Clip, ClipFrame, MjpegSource};
use crate::stats::StageTimes;
use crate::text::Shown;
use crate::wire::{Flags, Packet};
use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub const COMMAND: Command = Command {
    name: "demo",
    summary: "run the shipped models over the built-in clips and draw the result",
    about: "Run the shipped hand and body models over the built-in clips: no camera, no files.",
    usage: &["[--out DIR]"],
    positional: None,
    options: &[CommandOption {
        name: "out",
        argument: Some("DIR"),
        default: Some("posewire-demo"),
        help: "folder for the pictures and packets",
    }],
    settings: Accepts::These(&[]),
    notes: "\
Prints each frame's result against the clip's known truth and the time of each stage; writes a PNG
a frame, demo.png with some of them side by side, and the packets as JSON lines.",
    examples: &["--out /tmp/demo"],
    run,
};

/// A keypoint with this score is counted as found.
const MIN_SCORE: f32 = 0.3;
/// Pictures of each clip in demo.png.
const SHEET_COLUMNS: usize = 4;
const SHEET_WIDTH_PX: u32 = 320;

fn run(given: Given) -> Result<()> {
    let out = given.path("out").unwrap_or_else(|| "posewire-demo".into());
    for task in [Task::Hand, Task::Body] {
        play(task, &out)?;
    }
    let sheet = out.join("demo.png");
    write_sheet(&out, &sheet)?;
    say!(
        "pictures: {}, some of them together: {}",
        Shown::path(&out),
        Shown::path(&sheet)
    );
    Ok(())
}

fn play(task: Task, out: &Path) -> Result<()> {
    let clip = Clip::shipped(task)?;
    let model = ModelFile::open(Path::new(&format!("builtin:{}", task.name())))?;
    let network = engine::load(&model, EngineChoice::Auto, 1)?;
    let work = Workspace::new(network.workspace(), 1)?;
    let estimator = Estimator::new(&model, network)?;
    let pipeline = Pipeline::new(estimator, work, None, MIN_SCORE);
    let card = pipeline.card().clone();
    say!(
        "{}: {} joints at {} x {} on {}",
        task.name(),
        card.joints.len(),
        card.input_px.width,
        card.input_px.height,
        pipeline.engine_name()
    );
    let overlay = OverlaySink::open(
        out,
        task.name(),
        std::slice::from_ref(&card),
        Patience::UntilRead,
    )?;
    let lines = out.join(format!("{}.jsonl", task.name()));
    let lines = JsonSink::open(&lines.to_string_lossy(), Patience::UntilRead)?;
    let samples = RefCell::new(Vec::new());
    let report = Report {
        card: &card,
        truth: &clip.frames,
        samples: &samples,
    };
    let options = StreamOptions {
        frames: Some(clip.frames.len() as u64),
        stale_after: Duration::from_secs(1),
        ..StreamOptions::default()
    };
    let mut source = MjpegSource::once(format!("demo:{}", task.name()), clip.mjpeg.into());
    let mut times = StageTimes::default();
    Stream::new(
        pipeline,
        vec![Box::new(report), Box::new(lines), Box::new(overlay)],
        options,
        new_session(),
    )
    .run(&mut source, &AtomicBool::new(false), &mut times)?;
    let samples = samples.into_inner();
    say!(
        "{}: PCK@0.2 {:.3}, mean error {:.1} px over {} frames",
        task.name(),
        metrics::pck(&samples, 0.2),
        metrics::epe_px(&samples),
        samples.len()
    );
    say_lines(times.to_string().lines());
    say!();
    Ok(())
}

/// Prints each packet beside the truth, and keeps it for the figures.
struct Report<'a> {
    card: &'a ModelCard,
    truth: &'a [ClipFrame],
    samples: &'a RefCell<Vec<Sample>>,
}

impl Sink for Report<'_> {
    fn name(&self) -> &str {
        "report"
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        let (What::Scene { frame, .. }, [packet, ..]) = (event.what, event.packets) else {
            return Ok(());
        };
        let Some(truth) = self.truth.get(frame.index as usize) else {
            return Err(SendError::Dropped(
                "the clip has no truth for this frame".into(),
            ));
        };
        let mut found = 0;
        let predicted = packet
            .keypoints()
            .iter()
            .map(|keypoint| {
                found += usize::from(keypoint.score() >= MIN_SCORE);
                let (x, y) = keypoint.position_px(packet.unit).unwrap_or((-1.0, -1.0));
                (f64::from(x), f64::from(y))
            })
            .collect();
        let sample = Sample {
            predicted,
            truth: truth
                .keypoints
                .iter()
                .map(|&[x, y]| (x.into(), y.into()))
                .collect(),
            valid: vec![true; truth.keypoints.len()],
            scale_px: truth.bbox_xywh[2].max(truth.bbox_xywh[3]).into(),
        };
        let error_px = metrics::epe_px(std::slice::from_ref(&sample));
        if packet.frame_index == 0 {
            let bytes = packet.encode();
            let hex: String = bytes[..32]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            say!("  the packet of frame 0 is {} bytes: {hex}...", bytes.len());
        }
        say!(
            "  frame {:2}: {found:2} of {} joints, score {:.2}, error {error_px:5.1} px, {}{}",
            packet.frame_index,
            packet.keypoints().len(),
            packet.score(),
            self.first_joints(packet),
            if packet.flags.contains(Flags::LOST) {
                ", lost"
            } else {
                ""
            },
        );
        self.samples.borrow_mut().push(sample);
        Ok(())
    }
}

impl Report<'_> {
    /// The first and the last joint by name: enough to follow the movement.
    fn first_joints(&self, packet: &Packet) -> String {
        let last = packet.keypoints().len().saturating_sub(1);
        let joint = |index: usize| {
            let place = packet.keypoints().get(index)?.position_px(packet.unit);
            let (x, y) = place?;
            Some(format!("{} at {x:.0},{y:.0}", self.card.joints.get(index)?))
        };
        let joints: Vec<String> = [0, last].into_iter().filter_map(joint).collect();
        joints.join(", ")
    }
}

/// Some frames of both clips side by side, a row a clip.
fn write_sheet(folder: &Path, path: &Path) -> Result<()> {
    let mut sheet = image::RgbImage::new(0, 0);
    for (row, task) in [Task::Hand, Task::Body].into_iter().enumerate() {
        let frames = Clip::shipped(task)?.frames.len();
        for column in 0..SHEET_COLUMNS {
            // The middle of each quarter of the clip.
            let index = (2 * column + 1) * frames / (2 * SHEET_COLUMNS);
            let name = folder.join(format!("{}-{index:06}.png", task.name()));
            let picture = image::open(&name)
                .map_err(|error| Error::data(&name, error.to_string()))?
                .into_rgb8();
            let height = SHEET_WIDTH_PX * picture.height() / picture.width().max(1);
            let small = image::imageops::thumbnail(&picture, SHEET_WIDTH_PX, height);
            if sheet.width() == 0 {
                sheet = image::RgbImage::new(SHEET_WIDTH_PX * SHEET_COLUMNS as u32, 2 * height);
            }
            let (x, y) = (SHEET_WIDTH_PX * column as u32, height * row as u32);
            image::imageops::replace(&mut sheet, &small, x.into(), y.into());
        }
    }
    sheet
        .save(path)
        .map_err(|error| Error::data(path, error.to_string()))
}
