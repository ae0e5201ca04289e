//! One run: warm-up, measured frames in blocks, layers, and given frame rates.

use super::camera::TestCamera;
use super::record::{FORMAT, LayerRecord, LoadRecord, ModelRecord, Record, StageRecord};
use crate::clock;
use crate::engine::{self, EngineChoice, LayerTime, Outputs, Threads, Workspace};
use crate::error::Result;
use crate::machine::{Files, Identity, State};
use crate::model::{ModelFile, ModelHash};
use crate::pipeline::{Estimator, Pipeline, Stream, StreamOptions};
use crate::scene::BBox;
use crate::sink::{Delivery, Event, Sink};
use crate::source::FrameSource;
use crate::stats::{Probe, Stage, StageTimes};
use crate::text::Shown;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const WARM_UP_FRAMES: u64 = 5;
/// Parts of a run. Their medians show drift and noise.
const BLOCKS: u64 = 16;
/// A fixed region of the picture: every frame then costs the same work.
const REGION: BBox = BBox {
    x_px: 200.0,
    y_px: 120.0,
    width_px: 240.0,
    height_px: 240.0,
};
/// Frame rates of a sweep, as shares of the rate that the program reaches.
const LOADS: [f64; 9] = [0.25, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0, 4.0];
/// Time of one point of a sweep.
const LOAD_TIME_S: f64 = 3.0;
const FEWEST_LOAD_FRAMES: f64 = 30.0;
/// The share of a run that its thread may wait for a processor. More is another program's doing.
const MOST_WAITING: f64 = 0.02;

/// The model to measure, and how to run it.
pub struct Subject<'a> {
    /// An opened model with a card.
    pub model: &'a ModelFile,
    /// Hash of its file.
    pub hash: ModelHash,
    /// The engine that the user asks for.
    pub engine: EngineChoice,
    /// The network's threads.
    pub threads: Threads,
    /// Least score of a joint that counts.
    pub min_score: f32,
}

/// Amount of a measurement.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Frames to measure.
    pub frames: u64,
    /// Runs of the network whose layers are timed; 0 leaves the layers out.
    pub layer_frames: u64,
    /// Frame rates from a quarter to four times what the program reaches, for each of these numbers of threads.
    pub sweep_threads: Vec<usize>,
    /// For the record.
    pub command: String,
}

/// Measures. It takes the time of the plan's frames, and about half a minute for each number of threads of a sweep.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model) or [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network
/// cannot be loaded or fails.
pub fn measure(subject: &Subject<'_>, plan: &Plan, files: &Files) -> Result<Record> {
    let mut camera = TestCamera::eager();
    let mut bench = Bench::new(subject, subject.threads)?;
    let engine = bench.engine_name.clone();
    bench.stream.warm_up(&mut camera, WARM_UP_FRAMES)?;
    let mut probe = Probe::open();
    let first_kib = probe.read().resident_kib;
    let before = State::read(files);
    let begun = Instant::now();
    let (times, block_medians) = bench.blocks(&mut camera, plan.frames)?;
    let took = begun.elapsed();
    let after = State::read(files);
    let last_kib = probe.read().resident_kib;
    drop(bench);

    let stages = Stage::ALL.into_iter().filter_map(|stage| {
        Some(StageRecord {
            name: stage.name().to_string(),
            ms: times.summary(stage)?,
            block_medians_ms: block_medians[stage as usize].clone(),
        })
    });
    let energy_mj = before.energy_until_mj(&after);
    let mut record = Record {
        format: FORMAT.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        command: plan.command.clone(),
        machine: Identity::read(files),
        kernel_family: engine::kernel_family()?.to_string(),
        model: ModelRecord {
            name: Shown::path(subject.model.path()).to_string(),
            sha256: subject.hash.to_string(),
            bytes: subject.model.bytes(),
            engine,
        },
        threads: subject.threads.count,
        frames: plan.frames,
        before,
        after,
        disturbed: disturbances(&before, &after, took),
        stages: stages.collect(),
        resident_kib: [first_kib, last_kib],
        energy_mj: energy_mj.map(|energy_mj| energy_mj / plan.frames as f64),
        layers: layers(subject, plan.layer_frames)?,
        loads: Vec::new(),
    };
    for &count in &plan.sweep_threads {
        let threads = Threads {
            count,
            ..subject.threads
        };
        record.loads.extend(sweep(subject, threads)?);
    }
    Ok(record)
}

/// A stream whose packets go nowhere.
struct Bench {
    stream: Stream<'static>,
    engine_name: String,
}

impl Bench {
    fn new(subject: &Subject<'_>, threads: Threads) -> Result<Bench> {
        let network = engine::load(subject.model, subject.engine, threads)?;
        let work = Workspace::new(network.workspace(), threads)?;
        let estimator = Estimator::new(subject.model, network)?;
        let pipeline = Pipeline::new(estimator, work, Some(REGION), subject.min_score);
        let engine_name = pipeline.engine_name().to_string();
        let options = StreamOptions {
            stale_after: Duration::from_secs(60),
            ..StreamOptions::default()
        };
        Ok(Bench {
            stream: Stream::new(pipeline, vec![Box::new(EncodeOnly)], options, 0),
            engine_name,
        })
    }

    /// Times of all frames, and each stage's medians of blocks of them.
    fn blocks(
        &mut self,
        camera: &mut TestCamera,
        frames: u64,
    ) -> Result<(StageTimes, [Vec<f64>; Stage::ALL.len()])> {
        let mut times = StageTimes::default();
        let mut medians: [Vec<f64>; Stage::ALL.len()] = Default::default();
        let blocks = frames.min(BLOCKS);
        for block in 0..blocks {
            let count = frames * (block + 1) / blocks - frames * block / blocks;
            self.run(camera, count, &mut times)?;
            for stage in Stage::ALL {
                let recent = times.recent(stage).map(|summary| summary.median_ms);
                medians[stage as usize].extend(recent);
            }
            times.forget_recent();
        }
        Ok((times, medians))
    }

    fn run(&mut self, camera: &mut TestCamera, frames: u64, times: &mut StageTimes) -> Result<()> {
        let stop = AtomicBool::new(false);
        self.stream.stop_after(frames);
        self.stream.run(camera, &stop, times).map(drop)
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

/// Reasons not to trust a run, as text for people.
fn disturbances(before: &State, after: &State, took: Duration) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(first), Some(last)) = (before.throttling, after.throttling) {
        for (throttling, when) in [(first, "before"), (last, "after")] {
            if throttling.is_slowed() {
                found.push(format!(
                    "the board was slowed down {when} the run: heat or frequency limits"
                ));
            }
            if throttling.has_too_little_voltage() {
                found.push(format!("the voltage was too low {when} the run"));
            }
        }
        if first.since_start() != last.since_start() {
            found.push("the board was slowed down during the run".to_string());
        }
    }
    if let (Some(first), Some(last)) = (before.throttled_count, after.throttled_count)
        && last > first
    {
        let times = last - first;
        found.push(format!(
            "the processor was slowed down {times} times because of heat"
        ));
    }
    if let (Some(first), Some(last)) = (before.waited_ns, after.waited_ns) {
        let share = last.saturating_sub(first) as f64 / took.as_nanos().max(1) as f64;
        if share > MOST_WAITING {
            let percent = 100.0 * share;
            found.push(format!(
                "other programs had the processor for {percent:.0} % of the time"
            ));
        }
    }
    found
}

/// The median time of each layer over `frames` runs, in order; empty without frames, or if the engine does not
/// measure layers.
pub fn layers(subject: &Subject<'_>, frames: u64) -> Result<Vec<LayerRecord>> {
    if frames == 0 {
        return Ok(Vec::new());
    }
    let mut network = engine::load(subject.model, subject.engine, subject.threads)?;
    let mut work = Workspace::new(network.workspace(), subject.threads)?;
    let input = vec![0.25; network.describe().input_len()];
    let mut outputs = Outputs::new(network.describe());
    let runs: Vec<Vec<LayerTime>> = (0..frames)
        .map(|_| network.profile(&mut work, &input, &mut outputs))
        .collect::<Result<_>>()?;
    let peak = network.peak_macs_per_s();
    let record = |(index, layer): (usize, &LayerTime)| {
        let mut times: Vec<Duration> = runs.iter().map(|run| run[index].time).collect();
        times.sort_unstable();
        let median_s = times[times.len() / 2].as_secs_f64();
        LayerRecord {
            name: layer.name.clone(),
            median_ms: 1e3 * median_s,
            macs: layer.macs,
            peak_share: peak
                .filter(|_| layer.macs > 0 && median_s > 0.0)
                .map(|peak| layer.macs as f64 / median_s / peak),
        }
    };
    Ok(runs.first().map_or_else(Vec::new, |first| {
        first.iter().enumerate().map(record).collect()
    }))
}

/// Frame rates up to and past what the program reaches.
fn sweep(subject: &Subject<'_>, threads: Threads) -> Result<Vec<LoadRecord>> {
    let mut bench = Bench::new(subject, threads)?;
    let mut camera = TestCamera::eager();
    bench.stream.warm_up(&mut camera, WARM_UP_FRAMES)?;
    let begun = Instant::now();
    let mut frames = 0;
    while begun.elapsed().as_secs_f64() < LOAD_TIME_S / 2.0 {
        bench.run(&mut camera, 4, &mut StageTimes::default())?;
        frames += 4;
    }
    let reached_fps = f64::from(frames) / begun.elapsed().as_secs_f64();
    LOADS
        .into_iter()
        .map(|load| {
            let offered_fps = load * reached_fps;
            let wanted = (load.min(1.0) * reached_fps * LOAD_TIME_S).max(FEWEST_LOAD_FRAMES) as u64;
            let mut times = StageTimes::default();
            camera.pace(offered_fps);
            let begun = Instant::now();
            bench.run(&mut camera, wanted, &mut times)?;
            let took_s = begun.elapsed().as_secs_f64();
            let median_ms = |stage| times.summary(stage).map_or(0.0, |found| found.median_ms);
            let work = [Stage::Crop, Stage::Infer, Stage::Decode, Stage::Send];
            Ok(LoadRecord {
                threads: threads.count,
                offered_fps,
                sent_fps: wanted as f64 / took_s,
                passed_over: camera.counts().passed_over,
                age_ms: times.summary(Stage::Age).unwrap_or_default(),
                work_ms: work.into_iter().map(median_ms).sum(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Throttling;

    #[test]
    fn each_disturbance_is_said() {
        let took = Duration::from_secs(1);
        let quiet = State {
            throttling: Some(Throttling::from_bits(0)),
            throttled_count: Some(3),
            waited_ns: Some(500),
            ..State::default()
        };
        assert_eq!(disturbances(&quiet, &quiet, took), [""; 0]);
        assert_eq!(disturbances(&State::default(), &quiet, took), [""; 0]);
        let with = |change: fn(&mut State)| {
            let mut after = quiet;
            change(&mut after);
            disturbances(&quiet, &after, took).join("; ")
        };
        let heat = with(|after| after.throttled_count = Some(5));
        assert_eq!(
            heat,
            "the processor was slowed down 2 times because of heat"
        );
        let others = with(|after| after.waited_ns = Some(100_000_500));
        assert_eq!(
            others,
            "other programs had the processor for 10 % of the time"
        );
        let slowed = with(|after| after.throttling = Some(Throttling::from_bits(0x4_0000)));
        assert_eq!(slowed, "the board was slowed down during the run");
        let volts = with(|after| after.throttling = Some(Throttling::from_bits(1)));
        assert_eq!(volts, "the voltage was too low after the run");
    }
}
