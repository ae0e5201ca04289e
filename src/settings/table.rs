//! The table of settings: a row is a setting.

use super::value::{
    bbox, choice, fps, milliseconds, number, path, sha256, size, switch, text, threads,
};
use super::{LayerSet, Settings, Value};
use crate::engine::EngineChoice;
use crate::filter::Smooth;
use crate::limits::MAX_INSTANCES;
use crate::model::DecodeMode;
use crate::process::memory;
use crate::process::realtime::Priority;
use crate::process::sandbox;
use crate::sink::{KINDS, SinkSpec};
use crate::source;
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

/// The value that lifts a board's memory budget.
const NO_BUDGET: &str = "none";

/// Bytes of a file of a recording: room for a chunk and the index, and what any file system has.
const RECORDING_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 40;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The option without its dashes, and the TOML key.
    pub name: &'static str,
    /// The type of the value, and its name in help.
    pub value: Value,
    /// In a user's notation. Help and docs print it; `set` parses it.
    pub default: Option<&'static str>,
    /// A valid value in a user's notation. Docs print it; fuzzers start from it.
    pub example: &'static str,
    /// The layers that may have it.
    pub layers: LayerSet,
    /// The heading of its section.
    pub group: Group,
    /// The text of the help and of the docs.
    pub help: &'static str,
    /// Checks and stores a value of this row. The caller adds the name and the place to an error.
    pub set: fn(&mut Settings, &Setting, &str) -> Result<(), String>,
}

/// A heading of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The source of frames.
    Source,
    /// The network and what it finds.
    Model,
    /// The receivers of keypoints.
    Sinks,
    /// Packets and their times.
    Stream,
    /// Processors, memory and rights.
    Machine,
    /// Places that settings come from.
    Files,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Group; 6] = [
        Group::Source,
        Group::Model,
        Group::Sinks,
        Group::Stream,
        Group::Machine,
        Group::Files,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Source => "Source",
            Group::Model => "Model",
            Group::Sinks => "Receivers",
            Group::Stream => "Stream",
            Group::Machine => "Machine",
            Group::Files => "Where settings come from",
        }
    }
}

use Group::{Files, Machine, Model, Sinks, Source, Stream};

const LINE: LayerSet = LayerSet::LINE;
const LINE_FILE: LayerSet = LayerSet::LINE.and(LayerSet::FILE);
const ALL: LayerSet = LINE_FILE.and(LayerSet::BOARD);

static SOURCE_HELP: LazyLock<String> = LazyLock::new(source::help);

/// Every setting in the order of the help: the source, the rows of this file, and one row per kind of sink.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let source = Setting {
        name: "source",
        value: Value::Text("SOURCE"),
        default: None,
        example: "v4l2:/dev/video0",
        layers: LINE_FILE,
        group: Source,
        help: &SOURCE_HELP,
        set: |to, _, text| choice(text).map(|value| to.source = Some(value)),
    };
    let sinks = KINDS.iter().map(|kind| Setting {
        name: kind.name,
        value: Value::Text(kind.argument),
        default: None,
        example: kind.example,
        layers: LINE_FILE,
        group: Sinks,
        help: kind.help,
        set: |to, row, argument| {
            let sink = SinkSpec::new(row.name, &text(argument)?)?;
            to.add_sink(sink);
            Ok(())
        },
    });
    let at = ROWS.partition_point(|row| (row.group as u8) < Sinks as u8);
    let (before, after) = ROWS.split_at(at);
    std::iter::once(source)
        .chain(before.iter().copied())
        .chain(sinks)
        .chain(after.iter().copied())
        .collect()
});

static ROWS: &[Setting] = &[
    Setting {
        name: "camera-size",
        value: Value::Text("WxH"),
        default: Some("640x480"),
        example: "1280x720",
        layers: ALL,
        group: Source,
        help: "frame size requested of the camera; the nearest that it offers is used",
        set: |to, _, text| size(text).map(|value| to.camera.size_px = value),
    },
    Setting {
        name: "camera-fps",
        value: Value::Integer("N"),
        default: None,
        example: "30",
        layers: ALL,
        group: Source,
        help: "frame rate requested of the camera, 30 if not given; the nearest that it offers is used; \
               with --source demo: the clip's rate",
        set: |to, _, text| fps(text).map(|value| to.camera.frames_per_second = Some(value)),
    },
    Setting {
        name: "camera-format",
        value: Value::Text("F"),
        default: None,
        example: "YUYV",
        layers: ALL,
        group: Source,
        help: "YUYV, UYVY, NV12, YU12, RGB3, BGR3, MJPG, GREY, or a raw Bayer format by V4L2's name such as pRAA or \
               RG10; if not given, the cheapest that reaches the rate; with --source demo: the format that its pictures \
               are shown in",
        set: |to, _, text| choice(text).map(|value| to.camera.format = Some(value)),
    },
    Setting {
        name: "mains-hz",
        value: Value::Integer("N"),
        default: Some("50"),
        example: "60",
        layers: ALL,
        group: Source,
        help: "frequency of the mains, 50 or 60: exposures of a camera with raw Bayer pictures are whole turns of its \
               lamps",
        set: |to, _, text| {
            to.camera.mains_hz = match text {
                "50" => 50,
                "60" => 60,
                _ => return Err(format!("{text:?} is neither 50 nor 60")),
            };
            Ok(())
        },
    },
    Setting {
        name: "run-camera",
        value: Value::Text("COMMAND"),
        default: None,
        example: "rpicam-vid -n -t 0 --flush --codec yuv420 --width 640 --height 480 -o -",
        layers: LINE_FILE,
        group: Source,
        help: "start a program that writes pictures to its standard output, for --source pipe:FORMAT:WxH; it is \
               started again when it ends, and ended with posewire; no shell reads COMMAND, '...' and \"...\" \
               keep words together",
        set: |to, _, text| choice(text).map(|value| to.run_camera = Some(value)),
    },
    Setting {
        name: "once",
        value: Value::Switch,
        default: None,
        example: "true",
        layers: LINE_FILE,
        group: Source,
        help: "with --source pipe: end with an error when its producer ends, instead of waiting for another",
        set: |to, _, text| switch(text).map(|value| to.once = value),
    },
    Setting {
        name: "model",
        value: Value::Texts("FILE"),
        default: Some("builtin:hand"),
        example: "hand.int8.onnx",
        layers: LINE_FILE,
        group: Model,
        help: "a plan, an ONNX file with a model card, builtin:hand, builtin:body or builtin:finder; given several times, hands and \
               persons are followed, each by its model, and a finder finds them",
        set: |to, _, text| path(text).map(|value| to.models.push(value)),
    },
    Setting {
        name: "model-sha256",
        value: Value::Texts("HEX"),
        default: None,
        example: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        layers: LINE_FILE,
        group: Model,
        help: "refuse a model file with another SHA-256; `posewire inspect` prints it",
        set: |to, _, text| sha256(text).map(|value| to.model_hashes.push(value)),
    },
    Setting {
        name: "bbox",
        value: Value::Numbers("X,Y,W,H"),
        default: None,
        example: "1,2,300.5,4e2",
        layers: LINE_FILE,
        group: Model,
        help: "fixed box around the hand or person, in pixels; without it, posewire searches the whole \
               frame and then follows the keypoints",
        set: |to, _, text| bbox(text).map(|value| to.bbox = Some(value)),
    },
    Setting {
        name: "instances",
        value: Value::Integer("N"),
        default: None,
        example: "4",
        layers: LINE_FILE,
        group: Model,
        help: "follow at most N hands and persons, each with a number that stays (docs/tracking.md); without this \
               option, --hands, --bodies and a second --model, one is followed",
        set: |to, _, text| number(text, 1..=MAX_INSTANCES).map(|value| to.most.all = Some(value)),
    },
    Setting {
        name: "hands",
        value: Value::Integer("N"),
        default: None,
        example: "2",
        layers: LINE_FILE,
        group: Model,
        help: "follow at most N hands; with several models 4 if not given",
        set: |to, _, text| number(text, 1..=MAX_INSTANCES).map(|value| to.most.hands = Some(value)),
    },
    Setting {
        name: "bodies",
        value: Value::Integer("N"),
        default: None,
        example: "2",
        layers: LINE_FILE,
        group: Model,
        help: "follow at most N persons; with several models 2 if not given",
        set: |to, _, text| {
            number(text, 1..=MAX_INSTANCES).map(|value| to.most.bodies = Some(value))
        },
    },
    Setting {
        name: "roi",
        value: Value::Numbers("X,Y,W,H"),
        default: None,
        example: "0,120,640,360",
        layers: LINE_FILE,
        group: Model,
        help: "part of the frame, in pixels, in which new hands and persons are searched; they are followed anywhere",
        set: |to, _, text| bbox(text).map(|value| to.roi = Some(value)),
    },
    Setting {
        name: "frame-budget-ms",
        value: Value::Integer("N"),
        default: None,
        example: "28",
        layers: LINE_FILE,
        group: Model,
        help: "time for the networks in each frame when several are followed; 85 % of the camera's period if not given",
        set: |to, _, text| milliseconds(text).map(|value| to.frame_budget = Some(value)),
    },
    Setting {
        name: "smooth",
        value: Value::Text("HOW"),
        default: None,
        example: "strong",
        layers: LINE_FILE,
        group: Model,
        help: "off, light or strong: steadies the joints over time when several instances are followed; light if not \
               given",
        set: |to, _, text| choice::<Smooth>(text).map(|value| to.smooth = Some(value)),
    },
    Setting {
        name: "quarter-turns",
        value: Value::Integer("N"),
        default: Some("0"),
        example: "1",
        layers: LINE_FILE,
        group: Model,
        help: "0 to 3: quarter turns clockwise that make the picture of a camera upright; joints stay in its own pixels",
        set: |to, _, text| number(text, 0..=3).map(|value| to.quarter_turns = value),
    },
    Setting {
        name: "flip-test",
        value: Value::Switch,
        default: None,
        example: "true",
        layers: LINE_FILE,
        group: Model,
        help: "look at the mirror image too and take the mean: a little more accurate, for twice the time",
        set: |to, _, text| switch(text).map(|value| to.flip_test = value),
    },
    Setting {
        name: "decode",
        value: Value::Text("HOW"),
        default: None,
        example: "dark",
        layers: LINE_FILE,
        group: Model,
        help: "default or dark: how the place of a joint is read from its heatmap; that of the model card if not given",
        set: |to, _, text| choice::<DecodeMode>(text).map(|value| to.decode = Some(value)),
    },
    Setting {
        name: "min-score",
        value: Value::Number("S"),
        default: Some("0.3"),
        example: "0.5",
        layers: LINE_FILE,
        group: Model,
        help: "lowest heatmap maximum of a joint that counts as found",
        set: |to, _, text| number(text, 0.0..=1.0).map(|value| to.min_score = value),
    },
    Setting {
        name: "engine",
        value: Value::Text("NAME"),
        default: Some("auto"),
        example: "auto",
        layers: LINE_FILE,
        group: Model,
        help: "auto or tract",
        set: |to, _, text| choice::<EngineChoice>(text).map(|value| to.engine = value),
    },
    Setting {
        name: "mavlink-system",
        value: Value::Integer("N"),
        default: Some("1"),
        example: "7",
        layers: LINE_FILE,
        group: Sinks,
        help: "with --mavlink: the number of the vehicle that the camera belongs to",
        set: |to, _, text| number(text, 1..=u8::MAX).map(|value| to.mavlink_system = value),
    },
    Setting {
        name: "record-size",
        value: Value::Text("BYTES"),
        default: Some("256MiB"),
        example: "64MiB",
        layers: LINE_FILE,
        group: Sinks,
        help: "largest file of a recording; then the next one begins",
        set: |to, _, text| {
            let bytes = memory::parse_bytes(text)?;
            if !RECORDING_BYTES.contains(&bytes) {
                return Err(format!("{text:?} is not between 1MiB and 1024GiB"));
            }
            to.record.file_bytes = bytes;
            Ok(())
        },
    },
    Setting {
        name: "record-minutes",
        value: Value::Integer("N"),
        default: Some("10"),
        example: "30",
        layers: LINE_FILE,
        group: Sinks,
        help: "longest time of a file of a recording; then the next one begins",
        set: |to, _, text| {
            number(text, 1..=60)
                .map(|minutes| to.record.file_time = Duration::from_secs(60 * minutes))
        },
    },
    Setting {
        name: "record-pictures",
        value: Value::Integer("N"),
        default: None,
        example: "2",
        layers: LINE_FILE,
        group: Sinks,
        help: "with --record: also record at most N pictures a second, as JPEGs of at most 640 x 480 pixels; drawn \
               keypoints are then in the pictures' pixels",
        set: |to, _, text| {
            number(text, 1..=30).map(|rate| to.record.pictures_per_second = Some(rate))
        },
    },
    Setting {
        name: "key-file",
        value: Value::Text("FILE"),
        default: None,
        example: "/etc/posewire/key",
        layers: LINE_FILE,
        group: Sinks,
        help: "seal packets by UDP and on serial lines with the key in FILE, 64 hexadecimal digits",
        set: |to, _, text| path(text).map(|value| to.key_file = Some(value)),
    },
    Setting {
        name: "session-file",
        value: Value::Text("FILE"),
        default: None,
        example: "/var/lib/posewire/session",
        layers: LINE_FILE,
        group: Sinks,
        help: "file of a number that grows at each start, so that receivers refuse recorded sealed \
               packets; a board without a set clock needs it",
        set: |to, _, text| path(text).map(|value| to.epoch.file = Some(value)),
    },
    Setting {
        name: "unordered",
        value: Value::Switch,
        default: None,
        example: "true",
        layers: LINE_FILE,
        group: Sinks,
        help: "seal packets also without a session file and a set clock; receivers need the same option",
        set: |to, _, text| switch(text).map(|value| to.epoch.allows_unordered = value),
    },
    Setting {
        name: "frames",
        value: Value::Integer("N"),
        default: None,
        example: "9",
        layers: LINE_FILE,
        group: Stream,
        help: "stop after N frames",
        set: |to, _, text| number(text, 0..=u64::MAX).map(|value| to.stream.frames = Some(value)),
    },
    Setting {
        name: "heartbeat-ms",
        value: Value::Integer("N"),
        default: Some("100"),
        example: "100",
        layers: LINE_FILE,
        group: Stream,
        help: "longest time between packets while there are no frames",
        set: |to, _, text| milliseconds(text).map(|value| to.stream.heartbeat = value),
    },
    Setting {
        name: "stale-ms",
        value: Value::Integer("N"),
        default: Some("500"),
        example: "500",
        layers: LINE_FILE,
        group: Stream,
        help: "age from which a frame is marked stale",
        set: |to, _, text| milliseconds(text).map(|value| to.stream.stale_after = value),
    },
    Setting {
        name: "stats-seconds",
        value: Value::Integer("N"),
        default: Some("60"),
        example: "60",
        layers: LINE_FILE,
        group: Stream,
        help: "period of the statistics in the log and on the wire; 0 turns them off",
        set: |to, _, text| {
            let period = |seconds| (seconds > 0).then(|| Duration::from_secs(seconds));
            number(text, 0..=86_400).map(|seconds| to.stream.stats_every = period(seconds))
        },
    },
    Setting {
        name: "stage-deadline-ms",
        value: Value::Integer("N"),
        // The slowest board with the largest network needs 3 s for a frame.
        default: Some("5000"),
        example: "5000",
        layers: LINE_FILE,
        group: Stream,
        help: "time after which the log names a stage that is still running",
        set: |to, _, text| milliseconds(text).map(|value| to.stage_deadline = value),
    },
    Setting {
        name: "mirrored",
        value: Value::Switch,
        default: None,
        example: "true",
        layers: LINE_FILE,
        group: Stream,
        help: "the pictures are mirror images: where several are followed, the networks see them the right way round, and \
               left and right come out as they are; the flag on the wire is set",
        set: |to, _, text| switch(text).map(|value| to.stream.mirrored = value),
    },
    Setting {
        name: "instance",
        value: Value::Integer("N"),
        default: Some("0"),
        example: "1",
        layers: LINE_FILE,
        group: Stream,
        help: "number on the wire that tells this stream from others",
        set: |to, _, text| number(text, 0..=u8::MAX).map(|value| to.stream.instance = value),
    },
    Setting {
        name: "threads",
        value: Value::Integer("N"),
        default: Some("1"),
        example: "2",
        layers: ALL,
        group: Machine,
        help: "threads of the network",
        set: |to, _, text| threads(text).map(|value| to.threads.count = value),
    },
    Setting {
        name: "pin",
        value: Value::Switch,
        default: None,
        example: "true",
        layers: ALL,
        group: Machine,
        help: "pin each thread to a processor of its own",
        set: |to, _, text| switch(text).map(|value| to.pin = Some(value)),
    },
    Setting {
        name: "memory-budget",
        value: Value::Text("N"),
        default: Some(NO_BUDGET),
        example: "64MiB",
        layers: ALL,
        group: Machine,
        help: "limit on all memory; a run that needs more is refused at the start (`posewire inspect \
               --budget` lists the parts); none lifts a board's limit",
        set: |to, _, text| {
            let bytes = match text {
                NO_BUDGET => None,
                size => Some(memory::parse_bytes(size)?),
            };
            to.memory_budget_bytes = bytes;
            Ok(())
        },
    },
    Setting {
        name: "realtime",
        value: Value::OptionalInteger("PRIORITY", "10"),
        default: None,
        example: "10",
        layers: LINE_FILE,
        group: Machine,
        help: "lock memory in RAM, pin threads, and run them at this SCHED_FIFO priority, 10 if not \
               given",
        set: |to, _, text| {
            let priority = number(text, 0..=u8::MAX)?;
            let priority = Priority::new(priority).map_err(|error| error.to_string())?;
            to.realtime = Some(priority);
            Ok(())
        },
    },
    Setting {
        name: "sandbox",
        value: Value::Text("MODE"),
        default: Some("auto"),
        example: "auto",
        layers: LINE_FILE,
        group: Machine,
        help: "auto drops every right that the stream does not need, as far as the kernel supports it; \
               strict refuses to start if the kernel supports less; off drops none",
        set: |to, _, text| choice::<sandbox::Mode>(text).map(|value| to.sandbox = value),
    },
    Setting {
        name: "board",
        value: Value::Text("NAME"),
        default: None,
        example: "rpi4",
        layers: LINE_FILE,
        group: Files,
        help: "use a board's values for settings that are not given; `posewire boards` lists the boards",
        // It names a layer, so it is read before the layers are applied.
        set: |_, _, value| text(value).map(drop),
    },
    Setting {
        name: "config",
        value: Value::Text("FILE"),
        default: None,
        example: "/etc/posewire/posewire.toml",
        layers: LINE,
        group: Files,
        help: "TOML file with the same settings; the command line overrides it",
        set: |_, _, text| path(text).map(drop),
    },
];
