//! `posewire run`: frames in, keypoints out.

use super::clash::{self, Named};
use super::command::{Accepts, Command};
use super::layers;
use super::startup::{self, Startup};
use super::{logging, stop};
use super::{lookup, producer};
use crate::clock;
use crate::error::{Error, Result};
use crate::model::{ModelCard, ModelFile};
use crate::pipeline::Stream;
use crate::process::memory;
use crate::process::realtime;
use crate::process::sandbox::{Access, CapabilitySet, Sandbox};
use crate::producer::Producer;
use crate::settings::Settings;
use crate::sink::{Context, SinkSpec, Systemd, When};
use crate::source;
use crate::stats::{StageTimes, StageWatch};
use crate::text::Shown;
use crate::wire::{Sealer, UNORDERED_EPOCH};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

pub const COMMAND: Command = Command {
    name: "run",
    summary: "read frames, send keypoints",
    about: "Read frames, find keypoints, send them.",
    usage: &["--source SOURCE [OPTIONS]"],
    positional: None,
    options: &[],
    settings: Accepts::All,
    notes: "",
    examples: &["--source v4l2:/dev/video0 --model hand.int8.onnx --udp 192.168.1.20:9000"],
    run: |given| {
        let config = given.line.get("config").map(PathBuf::from);
        stream(layers::settings(&given.line)?.finish()?, config.as_deref())
    },
};

fn stream(settings: Settings, config: Option<&Path>) -> Result<()> {
    refuse_clashes(&settings, config)?;
    let mut startup = Startup::begin(&settings)?;
    // The cheap failures first: an unknown host or a missing folder shows before a large model loads. A sink
    // that is open needs no right to open it later.
    let sealer = sealer(&settings)?;
    let mut sinks = Vec::new();
    let mut open = |when: When, cards: &[ModelCard]| -> Result<()> {
        let context = Context {
            sealer: sealer.as_ref(),
            cards,
            lookup: Some(&|host| lookup::command(host, settings.sandbox)),
            patience: settings.source()?.patience(),
            record: settings.record,
            mavlink_system: settings.mavlink_system,
        };
        for sink in settings.sinks.iter().filter(|sink| sink.when() == when) {
            sinks.push(sink.open(&context)?);
        }
        Ok(())
    };
    open(When::First, &[])?;
    settings.sinks.iter().try_for_each(SinkSpec::prepare)?;
    if settings.sinks.iter().all(|sink| sink.when() == When::Last) {
        return Err(Error::usage(
            "nowhere to send keypoints to: give --udp, --serial, --mavlink, --json, --overlay, \
             --record or --preview",
        ));
    }
    let keep = match settings.realtime {
        Some(_) => CapabilitySet::SYS_NICE | CapabilitySet::IPC_LOCK,
        None => CapabilitySet::empty(),
    };
    // A closed sandbox starts no programs.
    let producer = match &settings.run_camera {
        Some(words) => Some(
            Producer::start(producer::command(words)?)
                .map_err(|error| Error::source("--run-camera", "cannot be kept").because(error))?,
        ),
        None => None,
    };
    let sandbox = Sandbox::enter(settings.sandbox, access(&settings)?, keep)?;
    let models = startup.models()?;
    let cards = startup::cards(&models)?;
    let mut source = settings.source()?.open(&source::Context {
        task: cards[0].task,
        camera: &settings.camera,
        once: settings.once,
        producer: producer.into(),
    })?;
    open(When::WithCard, &cards)?;
    let pipeline = startup.pipeline(models)?;
    startup.enforce()?;
    // Last: opening a watchdog starts it, and it must hear only of packets that all other sinks have got.
    open(When::Last, &cards)?;
    if let Some(systemd) = Systemd::from_environment()? {
        sinks.push(Box::new(systemd));
    }
    // Threads have the rights of the thread that starts them, so not before the sandbox is entered.
    logging::start_thread();
    sinks.iter_mut().try_for_each(|sink| sink.start())?;
    for (name, input_px, engine_name) in pipeline.networks() {
        log::info!(
            "{name} at {} x {} from {} on {engine_name}, {} thread(s)",
            input_px.width,
            input_px.height,
            settings.source()?,
            settings.threads.count
        );
    }
    let mut times = StageTimes::default();
    let _watch = StageWatch::watch(times.clock(), settings.stage_deadline);
    if let Some(priority) = settings.realtime {
        realtime::enter(priority, settings.stage_deadline);
    }
    let mut stream = Stream::new(pipeline, sinks, settings.stream, new_session());
    // Until here a signal ends the program at once, also while it looks a name up or reads a large model.
    let stop = stop::on_signals()?;
    stop::within_a_second(&stop)?;
    // No thread is started after this, and nothing new is connected.
    sandbox.close()?;
    let totals = stream.run(source.as_mut(), &stop, &mut times)?;
    // Before the log's last lines, which are longer than those before.
    let heap = memory::heap_stats();
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
    log::info!(
        "heap: {} KiB in use, {} KiB at most, {} allocations since the warm-up",
        heap.live_bytes / 1024,
        heap.most_bytes / 1024,
        heap.allocations
    );
    for row in times.to_string().lines() {
        log::info!("{row}");
    }
    Ok(())
}

/// Refuses an output that is an input, or another output.
fn refuse_clashes(settings: &Settings, config: Option<&Path>) -> Result<()> {
    let read = settings.source()?.access().read;
    let pictures: Vec<PathBuf> = read.iter().flat_map(|path| clash::files_of(path)).collect();
    let named = |role, path| Named { role, path };
    let cards: Vec<PathBuf> = settings
        .models
        .iter()
        .map(|model| ModelFile::card_beside(model))
        .collect();
    let mut inputs: Vec<Named<'_>> = settings
        .models
        .iter()
        .map(|model| named("--model", &**model))
        .chain(cards.iter().map(|card| named("the card", &**card)))
        .collect();
    inputs.extend(config.map(|path| named("--config", path)));
    inputs.extend(
        settings
            .key_file
            .iter()
            .map(|path| named("--key-file", path)),
    );
    inputs.extend(
        read.iter()
            .chain(&pictures)
            .map(|path| named("--source", path)),
    );
    let roles: Vec<String> = settings
        .sinks
        .iter()
        .map(|sink| format!("--{}", sink.name()))
        .collect();
    let mut outputs: Vec<Named<'_>> = settings
        .sinks
        .iter()
        .zip(&roles)
        .filter_map(|(sink, role)| Some(named(role, sink.writes()?)))
        .collect();
    let session_file = settings.epoch.file.iter();
    outputs.extend(session_file.map(|path| named("--session-file", path)));
    for output in &outputs {
        let is_device = output
            .path
            .metadata()
            .map(|found| found.file_type().is_char_device());
        if output.role == "--watchdog" && is_device.is_ok_and(|is_device| !is_device) {
            return Err(Error::usage(format!(
                "--watchdog {} is no character device: give /dev/watchdog",
                Shown::path(output.path)
            )));
        }
    }
    clash::check(&inputs, &outputs)
}

/// The files and devices that are opened by name from here on, perhaps again and again.
fn access(settings: &Settings) -> Result<Access> {
    // The run's health: see stats::Probe.
    let sensors = [
        "/sys/class/thermal",
        "/sys/devices/virtual/thermal",
        "/run/posewire",
    ];
    let mut access = settings.source()?.access();
    for model in &settings.models {
        access
            .read
            .extend([model.clone(), ModelFile::card_beside(model)]);
    }
    access.read.extend(sensors.map(PathBuf::from));
    for sink in &settings.sinks {
        access.add(sink.access());
    }
    Ok(access)
}

/// The sealer of this start, if there is a key. Its epoch is in the session file before a packet is sent.
fn sealer(settings: &Settings) -> Result<Option<Sealer>> {
    let Some(key) = settings.key.clone() else {
        return Ok(None);
    };
    let epoch = settings.epoch.next(clock::Instant::now().wall_us)?;
    if epoch == UNORDERED_EPOCH {
        log::warn!("sealed packets have no order: a recording may pass for a new start");
    }
    Ok(Some(Sealer::new(key, epoch)))
}

/// A number that differs from one start to the next, also on boards without a set clock: the time
/// since boot and the wall clock, mixed.
pub(super) fn new_session() -> u32 {
    let now = clock::Instant::now();
    let mixed = now.mono_us.rotate_left(32) ^ now.wall_us ^ u64::from(std::process::id());
    // The high half of a multiplicative hash depends on all bits.
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}
