//! `posewire run`: frames in, keypoints out.

use super::args::{Args, Item};
use super::{say, stop_on_signals};
use crate::clock;
use crate::config::{RunConfig, Settings, parse_bbox};
use crate::engine;
use crate::error::{Error, Result};
use crate::model::{ModelCard, ModelFile};
use crate::pipeline::{Pipeline, Stream};
use crate::sink::{JsonSink, OverlaySink, SerialSink, Sink, Systemd, UdpSink, WatchdogDevice};
use crate::source;
use crate::stats::{Overruns, StageTimes};

const HELP: &str = "\
Read frames, find keypoints, send them.

Usage: posewire run --source SOURCE [OPTIONS]

  --source SOURCE     image:FILE, dir:FOLDER, mjpeg:FILE, demo (the built-in clip), or a camera:
                      v4l2:auto, v4l2:/dev/video0, v4l2:/dev/v4l/by-id/...
  --camera-size WxH   what is asked of the camera; its nearest is taken [640x480]
  --camera-fps N      likewise [30]
  --camera-format F   YUYV, UYVY, NV12, RGB3, BGR3, MJPG or GREY [the cheapest that is fast enough]
  --model FILE        an ONNX file with a model card [builtin:hand]; builtin:body is the other one
  --model-sha256 HEX  refuse a model file with another SHA-256; `posewire inspect` prints it
  --bbox X,Y,W,H      where the hand or person is, in pixels; without it the whole frame is searched
                      and then the last frame's keypoints are followed
  --udp HOST:PORT     send a packet for each frame (docs/wire.md)
  --serial DEVICE[:BAUD]
                      the same packets on a serial line [115200 baud]
  --key-file FILE     seal these packets with the key in FILE, 64 hexadecimal digits
  --json FILE         write a JSON line for each frame; - is standard output
  --overlay DIR       write a PNG for each frame with the skeleton drawn on it
  --watchdog DEVICE   feed the board's watchdog with each packet; it reboots a board that hangs
  --frames N          stop after N frames
  --threads N         threads of the network [1]
  --pin               each thread on a processor of its own
  --engine NAME       auto or tract [auto]
  --min-score S       the heatmap maximum from which a joint counts [0.3]
  --heartbeat-ms N    the longest silence while there are no frames [100]
  --stale-ms N        frames older than this are marked stale [500]
  --stats-seconds N   how often the log gets a line of figures and the receivers a packet of them,
                      0 never [60]
  --stage-deadline-ms N  a stage that takes longer is named in the log [5000]
  --mirrored          declare on the wire that the pictures are mirrored
  --instance N        a number on the wire that tells several streams apart [0]
  --config FILE       the same settings as TOML; the command line wins

Example: posewire run --source v4l2:/dev/video0 --model hand.int8.onnx --udp 192.168.1.20:9000
";

pub fn main(mut args: Args) -> Result<()> {
    let mut line = RunConfig::default();
    let mut file = RunConfig::default();
    while let Some(item) = args.next()? {
        let Item::Option(name) = &item else {
            return Err(Args::unknown(item));
        };
        match name.as_str() {
            "source" => line.source = Some(args.value()?),
            "model" => line.model = Some(args.path()?),
            "model-sha256" => line.model_sha256 = Some(args.value()?),
            "bbox" => line.bbox = Some(parse_bbox(&args.value::<String>()?)?),
            "udp" => line.udp = Some(args.value()?),
            "serial" => line.serial = Some(args.value()?),
            "key-file" => line.key_file = Some(args.path()?),
            "json" => line.json = Some(args.value()?),
            "overlay" => line.overlay = Some(args.path()?),
            "watchdog" => line.watchdog = Some(args.path()?),
            "frames" => line.frames = Some(args.value()?),
            "camera-size" => line.camera_size = Some(args.value()?),
            "camera-fps" => line.camera_fps = Some(args.value()?),
            "camera-format" => line.camera_format = Some(args.value()?),
            "threads" => line.threads = Some(args.value()?),
            "pin" => line.pin = Some(true),
            "engine" => line.engine = Some(args.value()?),
            "min-score" => line.min_score = Some(args.value()?),
            "heartbeat-ms" => line.heartbeat_ms = Some(args.value()?),
            "stale-ms" => line.stale_ms = Some(args.value()?),
            "stats-seconds" => line.stats_seconds = Some(args.value()?),
            "stage-deadline-ms" => line.stage_deadline_ms = Some(args.value()?),
            "mirrored" => line.mirrored = Some(true),
            "instance" => line.instance = Some(args.value()?),
            "config" => file = RunConfig::read(&args.path()?)?,
            "help" => {
                say!("{HELP}");
                return Ok(());
            }
            _ => return Err(Args::unknown(item)),
        }
    }
    stream(line.or(file).resolve()?)
}

fn stream(settings: Settings) -> Result<()> {
    let stop = stop_on_signals()?;
    let model = match &settings.model_sha256 {
        Some(hash) => {
            let path = &settings.model;
            ModelFile::open_checked(path, |file| hash.check(path, file))?
        }
        None => ModelFile::open(&settings.model)?,
    };
    let card = model.require_card()?.clone();
    // The cheap failures first: a wrong source or a missing folder shows before a large model loads.
    let mut source = source::open(&settings.source, card.task, &settings.camera)?;
    let mut sinks = open_sinks(&settings, &card)?;
    let network = engine::load(&model, settings.engine, settings.threads)?;
    let pipeline = Pipeline::new(&model, network, settings.bbox, settings.min_score)?;
    // The graph's file is not needed any more.
    drop(model);
    // Last: opening a watchdog starts it, and it is to hear of packets that all others have got.
    add_supervisors(&settings, &mut sinks)?;
    log::info!(
        "{} at {} x {} from {} on {}, {} thread(s)",
        card.task.name(),
        card.input_size[0],
        card.input_size[1],
        settings.source,
        pipeline.engine_name(),
        settings.threads.count
    );
    let mut times = StageTimes::default();
    let _overruns = Overruns::watch(times.clock(), settings.stage_deadline);
    let totals = Stream::new(pipeline, sinks, settings.stream, new_session()).run(
        source.as_mut(),
        &stop,
        &mut times,
    )?;
    log::info!(
        "{} frames, {} found, {} failed, {} heartbeats, {} packets dropped",
        totals.frames,
        totals.found,
        totals.failed,
        totals.heartbeats,
        totals.dropped
    );
    log::info!(
        "{} pictures skipped, {} passed over for a newer one, {} lost by the camera, reopened {} times",
        totals.source.skipped,
        totals.source.passed_over,
        totals.source.lost,
        totals.source.reopened
    );
    for row in times.to_string().lines() {
        log::info!("{row}");
    }
    Ok(())
}

fn open_sinks(settings: &Settings, card: &ModelCard) -> Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(to) = &settings.udp {
        sinks.push(Box::new(UdpSink::open(to, settings.key.clone())?));
    }
    if let Some(line) = &settings.serial {
        sinks.push(Box::new(SerialSink::open(line, settings.key.clone())?));
    }
    if let Some(to) = &settings.json {
        sinks.push(Box::new(JsonSink::open(to)?));
    }
    if let Some(folder) = &settings.overlay {
        sinks.push(Box::new(OverlaySink::open(folder, card.task.name(), card)?));
    }
    if sinks.is_empty() {
        return Err(Error::usage(
            "nowhere to send keypoints to: give --udp, --serial, --json or --overlay",
        ));
    }
    Ok(sinks)
}

fn add_supervisors(settings: &Settings, sinks: &mut Vec<Box<dyn Sink>>) -> Result<()> {
    if let Some(systemd) = Systemd::from_environment()? {
        sinks.push(Box::new(systemd));
    }
    if let Some(device) = &settings.watchdog {
        sinks.push(Box::new(WatchdogDevice::open(device)?));
    }
    Ok(())
}

/// A number that differs from one start to the next, also on boards without a set clock: the time
/// since boot and the wall clock, mixed.
pub(super) fn new_session() -> u32 {
    let now = clock::Instant::now();
    let mixed = now.mono_us.rotate_left(32) ^ now.wall_us ^ u64::from(std::process::id());
    // The high half of a multiplicative hash depends on all bits.
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}
