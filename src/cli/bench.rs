//! `posewire bench`: the time of each stage, on a picture of its own.

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::{layers, say, say_lines};
use crate::clock;
use crate::engine::{self, LayerTime, Network, Outputs, Workspace};
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::limits::MAX_BENCH_FRAMES;
use crate::model::ModelFile;
use crate::pipeline::{Estimator, Pipeline, Stream, StreamOptions};
use crate::scene::BBox;
use crate::sink::{Delivery, Event, Sink};
use crate::source::{FrameSource, Next};
use crate::stats::{Stage, StageTimes};
use crate::text::Shown;
use serde_json::json;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub const COMMAND: Command = Command {
    name: "bench",
    summary: "measure the time of each stage",
    about: "Measure the time of each stage: a 640 x 480 YUYV frame in, an encoded packet out.",
    usage: &["[OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "frames",
            argument: Some("N"),
            default: Some("100"),
            help: "frames to measure, after two that are not",
        },
        CommandOption {
            name: "layers",
            argument: None,
            default: None,
            help: "print the time of each layer of the network instead, the slowest first, and its speed \
                   against the peak of a core",
        },
        CommandOption {
            name: "json",
            argument: None,
            default: None,
            help: "print JSON",
        },
    ],
    settings: Accepts::These(&["model", "threads", "pin", "engine"]),
    notes: "",
    examples: &["--model builtin:hand --frames 200 --json"],
    run,
};

const DEFAULT_FRAMES: u64 = 100;
const WARM_UP_FRAMES: u64 = 2;
const WIDTH_PX: u32 = 640;
const HEIGHT_PX: u32 = 480;

fn run(given: Given) -> Result<()> {
    let frames = given.value("frames")?.unwrap_or(DEFAULT_FRAMES);
    if !(1..=MAX_BENCH_FRAMES).contains(&frames) {
        return Err(Error::usage(format!(
            "--frames is {frames}, must be in 1..{MAX_BENCH_FRAMES}"
        )));
    }
    let settings = layers::partial(&given.line)?;
    let (path, threads) = (settings.model()?, settings.threads);
    let input = Named {
        role: "--model",
        path,
    };
    clash::check(&[input], &[clash::standard_output()])?;
    let model = ModelFile::open(path)?;
    let mut network = engine::load(&model, settings.engine, threads)?;
    let mut work = Workspace::new(network.workspace(), threads)?;
    if given.has("layers") {
        return print_layers(network.as_mut(), &mut work, frames);
    }
    // A fixed box: every frame then does the same work.
    let bbox = BBox {
        x_px: 200.0,
        y_px: 120.0,
        width_px: 240.0,
        height_px: 240.0,
    };
    let estimator = Estimator::new(&model, network)?;
    let pipeline = Pipeline::new(estimator, work, Some(bbox), settings.min_score);
    let engine_name = pipeline.engine_name().to_string();
    let options = StreamOptions {
        frames: Some(frames),
        stale_after: Duration::from_secs(60),
        ..StreamOptions::default()
    };
    let mut times = StageTimes::default();
    let mut source = TestPicture::new();
    let stop = AtomicBool::new(false);
    let mut stream = Stream::new(pipeline, vec![Box::new(EncodeOnly)], options, 0);
    stream.warm_up(&mut source, WARM_UP_FRAMES)?;
    stream.run(&mut source, &stop, &mut times)?;
    if given.has("json") {
        say!(
            "{}",
            report(
                &Shown::path(path).to_string(),
                &engine_name,
                threads.count,
                &times
            )
        );
    } else {
        say!(
            "{}: {frames} frames on {engine_name}, {} thread(s)",
            Shown::path(path),
            threads.count
        );
        say_lines(times);
    }
    Ok(())
}

/// The median time of each layer over `frames` runs.
fn print_layers(network: &mut dyn Network, work: &mut Workspace, frames: u64) -> Result<()> {
    let input = vec![0.25; network.describe().input_len()];
    let mut outputs = Outputs::new(network.describe());
    let mut runs = Vec::new();
    for _ in 0..frames {
        runs.push(network.profile(work, &input, &mut outputs)?);
    }
    let mut layers: Vec<(Duration, &LayerTime)> = runs[0]
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let mut times: Vec<Duration> = runs.iter().map(|run| run[index].time).collect();
            times.sort_unstable();
            (times[times.len() / 2], layer)
        })
        .collect();
    if layers.is_empty() {
        return Err(Error::usage(format!(
            "{} cannot tell the time of its layers",
            network.describe().name
        )));
    }
    let peak = network.peak_macs_per_s().unwrap_or(f64::INFINITY);
    let total: Duration = layers.iter().map(|(time, _)| *time).sum();
    layers.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    say!(
        "{:>9} {:>6} {:>9} {:>8} {:>6}  layer",
        "ms",
        "%",
        "MMAC",
        "GMAC/s",
        "% peak"
    );
    for (time, layer) in &layers {
        let seconds = time.as_secs_f64();
        let rate = layer.macs as f64 / seconds;
        say!(
            "{:9.3} {:6.1} {:9.1} {:8.1} {:6.0}  {}",
            1e3 * seconds,
            100.0 * seconds / total.as_secs_f64(),
            layer.macs as f64 / 1e6,
            rate / 1e9,
            100.0 * rate / peak,
            layer.name
        );
    }
    let macs: u64 = layers.iter().map(|(_, layer)| layer.macs).sum();
    if peak.is_finite() {
        say!(
            "One core's peak is {:.1} GMAC/s; Winograd's method may pass it.",
            peak / 1e9
        );
    }
    say!(
        "{:9.3} ms in all on {}, {:.2} GMAC, {:.1} GMAC/s",
        1e3 * total.as_secs_f64(),
        network.describe().name,
        macs as f64 / 1e9,
        macs as f64 / 1e9 / total.as_secs_f64()
    );
    Ok(())
}

fn report(model: &str, engine: &str, threads: usize, times: &StageTimes) -> serde_json::Value {
    let stages: serde_json::Map<_, _> = Stage::ALL
        .iter()
        .filter_map(|&stage| {
            let s = times.summary(stage)?;
            let row = json!({
                "count": s.count,
                "min_ms": s.min_ms,
                "median_ms": s.median_ms,
                "p95_ms": s.p95_ms,
                "p99_ms": s.p99_ms,
                "max_ms": s.max_ms,
            });
            Some((stage.name().to_string(), row))
        })
        .collect();
    json!({ "model": model, "engine": engine, "threads": threads, "stages": stages })
}

/// A YUYV picture of noise, always the same one.
struct TestPicture {
    bytes: Vec<u8>,
    index: u64,
}

impl TestPicture {
    fn new() -> Self {
        let mut state = 1_u32;
        let bytes = (0..PixelFormat::Yuyv.row_bytes(WIDTH_PX) * HEIGHT_PX as usize)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        TestPicture { bytes, index: 0 }
    }
}

impl FrameSource for TestPicture {
    fn next_frame(&mut self, _timeout: Duration) -> Result<Next<'_>> {
        let stride = PixelFormat::Yuyv.row_bytes(WIDTH_PX);
        let pixels = Pixels::new(PixelFormat::Yuyv, WIDTH_PX, HEIGHT_PX, stride, &self.bytes)
            .ok_or_else(|| Error::source("bench", "the test picture has no valid size"))?;
        let index = self.index;
        self.index += 1;
        Ok(Next::Frame(Frame {
            pixels,
            captured: clock::Instant::now(),
            index,
            file: None,
        }))
    }
}

/// Encodes packets, and sends them nowhere.
struct EncodeOnly;

impl Sink for EncodeOnly {
    fn name(&self) -> &str {
        "encode"
    }

    fn take(&mut self, event: &Event<'_>, _now: clock::Instant) -> Delivery {
        for packet in event.packets {
            std::hint::black_box(packet.encode());
        }
        Ok(())
    }
}
