//! The settings of `posewire run`, in one place.
//!
//! The command line and the configuration file have the same names for the same things. What the
//! command line says wins; what neither says has the default given here.

use crate::engine::{EngineChoice, Threads};
use crate::error::{Error, Result};
use crate::limits::{MAX_CAMERA_FPS, MAX_CONFIG_BYTES, MAX_FRAME_SIDE_PX, MAX_THREADS};
use crate::model::ModelHash;
use crate::pipeline::StreamOptions;
use crate::process::memory;
use crate::process::realtime::Priority;
use crate::process::sandbox;
use crate::scene::BBox;
use crate::serial::SerialSpec;
use crate::source::{CameraOptions, SourceSpec};
use crate::wire::{EpochSource, Key};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub const DEFAULT_MODEL: &str = "builtin:hand";
pub const DEFAULT_MIN_SCORE: f32 = 0.3;
const DEFAULT_HEARTBEAT_MS: u64 = 100;
const DEFAULT_STALE_MS: u64 = 500;
const DEFAULT_STATS_SECONDS: u64 = 60;
/// The slowest board with the largest network needs 3 s for a frame.
const DEFAULT_STAGE_DEADLINE_MS: u64 = 5000;
/// What a board's profile limits may be left unlimited.
const NO_BUDGET: &str = "none";

/// What was asked for, each setting perhaps not at all. The fields are the TOML keys.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunConfig {
    /// A board profile, whose values are taken where there are none here.
    pub board: Option<String>,
    /// `image:FILE`, `dir:FOLDER`, `mjpeg:FILE`, `v4l2:auto`, `v4l2:PATH` or `demo`.
    pub source: Option<String>,
    /// WIDTHxHEIGHT.
    pub camera_size: Option<String>,
    pub camera_fps: Option<u32>,
    /// A V4L2 format code.
    pub camera_format: Option<String>,
    pub model: Option<PathBuf>,
    /// 64 hexadecimal digits: a model with another hash is refused.
    pub model_sha256: Option<String>,
    /// x, y, width, height in source-frame pixels.
    pub bbox: Option<[f32; 4]>,
    /// HOST:PORT.
    pub udp: Option<String>,
    /// DEVICE or DEVICE:BAUD.
    pub serial: Option<String>,
    /// A file with the key that packets by UDP and serial line are sealed with.
    pub key_file: Option<PathBuf>,
    /// A file that orders this sender's starts, for receivers of sealed packets.
    pub session_file: Option<PathBuf>,
    /// Seal packets without order if there is neither a session file nor a set clock.
    pub unordered: Option<bool>,
    /// A file, or `-` for standard output.
    pub json: Option<String>,
    /// A folder for PNGs with the skeleton drawn on them.
    pub overlay: Option<PathBuf>,
    /// The board's watchdog, usually `/dev/watchdog`.
    pub watchdog: Option<PathBuf>,
    /// `auto`, `strict` or `off`.
    pub sandbox: Option<String>,
    pub frames: Option<u64>,
    pub threads: Option<usize>,
    /// Each thread on a processor of its own.
    pub pin: Option<bool>,
    /// Bytes, a number with KiB, MiB or GiB behind it, or `none`.
    pub memory_budget: Option<String>,
    /// A SCHED_FIFO priority.
    pub realtime: Option<u8>,
    /// `auto` or `tract`.
    pub engine: Option<String>,
    /// The heatmap maximum from which a joint counts as found.
    pub min_score: Option<f32>,
    pub heartbeat_ms: Option<u64>,
    pub stale_ms: Option<u64>,
    /// How often the log and the sinks get the run's figures; 0 is never.
    pub stats_seconds: Option<u64>,
    /// A stage that takes longer is named in the log.
    pub stage_deadline_ms: Option<u64>,
    pub mirrored: Option<bool>,
    pub instance: Option<u8>,
}

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub source: SourceSpec,
    pub camera: CameraOptions,
    pub model: PathBuf,
    pub model_sha256: Option<ModelHash>,
    pub bbox: Option<BBox>,
    pub udp: Option<String>,
    pub serial: Option<SerialSpec>,
    pub key: Option<Key>,
    pub epoch: EpochSource,
    pub json: Option<String>,
    pub overlay: Option<PathBuf>,
    pub watchdog: Option<PathBuf>,
    pub sandbox: sandbox::Mode,
    pub threads: Threads,
    /// Nothing: any amount.
    pub memory_budget_bytes: Option<u64>,
    /// Nothing: threads share the processors like those of other programs.
    pub realtime: Option<Priority>,
    pub engine: EngineChoice,
    pub min_score: f32,
    pub stage_deadline: Duration,
    pub stream: StreamOptions,
}

impl RunConfig {
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read, or has an unknown key or a value of the wrong
    /// type.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |what: String| Error::config(path, what);
        let metadata =
            std::fs::metadata(path).map_err(|error| fail(format!("cannot be opened: {error}")))?;
        if !metadata.is_file() || metadata.len() > MAX_CONFIG_BYTES {
            return Err(fail(format!(
                "is not a file of at most {} KiB",
                MAX_CONFIG_BYTES >> 10
            )));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| fail(format!("cannot be read: {error}")))?;
        toml::from_str(&text).map_err(|error| fail(error.to_string()))
    }

    /// These settings, and `other`'s where there are none.
    pub fn or(self, other: RunConfig) -> RunConfig {
        RunConfig {
            board: self.board.or(other.board),
            source: self.source.or(other.source),
            camera_size: self.camera_size.or(other.camera_size),
            camera_fps: self.camera_fps.or(other.camera_fps),
            camera_format: self.camera_format.or(other.camera_format),
            model: self.model.or(other.model),
            model_sha256: self.model_sha256.or(other.model_sha256),
            bbox: self.bbox.or(other.bbox),
            udp: self.udp.or(other.udp),
            serial: self.serial.or(other.serial),
            key_file: self.key_file.or(other.key_file),
            session_file: self.session_file.or(other.session_file),
            unordered: self.unordered.or(other.unordered),
            json: self.json.or(other.json),
            overlay: self.overlay.or(other.overlay),
            watchdog: self.watchdog.or(other.watchdog),
            sandbox: self.sandbox.or(other.sandbox),
            frames: self.frames.or(other.frames),
            threads: self.threads.or(other.threads),
            pin: self.pin.or(other.pin),
            memory_budget: self.memory_budget.or(other.memory_budget),
            realtime: self.realtime.or(other.realtime),
            engine: self.engine.or(other.engine),
            min_score: self.min_score.or(other.min_score),
            heartbeat_ms: self.heartbeat_ms.or(other.heartbeat_ms),
            stale_ms: self.stale_ms.or(other.stale_ms),
            stats_seconds: self.stats_seconds.or(other.stats_seconds),
            stage_deadline_ms: self.stage_deadline_ms.or(other.stage_deadline_ms),
            mirrored: self.mirrored.or(other.mirrored),
            instance: self.instance.or(other.instance),
        }
    }

    /// Fills in the defaults and checks every value. The board's values are not looked at: see
    /// [`RunConfig::or`].
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the setting, [`ErrorKind::Config`](crate::ErrorKind::Config) if the key cannot be read.
    pub fn resolve(self) -> Result<Settings> {
        let source = self.source.ok_or_else(|| {
            Error::usage(
                "no source: give --source, for example --source v4l2:/dev/video0 or --source demo",
            )
        })?;
        let min_score = self.min_score.unwrap_or(DEFAULT_MIN_SCORE);
        if !(0.0..=1.0).contains(&min_score) {
            return Err(Error::usage(format!(
                "min-score is {min_score}, must be in 0..1"
            )));
        }
        let milliseconds = |name: &str, value: u64| match value {
            1..=60_000 => Ok(Duration::from_millis(value)),
            _ => Err(Error::usage(format!(
                "{name} is {value}, must be in 1..60000"
            ))),
        };
        let memory_budget_bytes = self
            .memory_budget
            .as_deref()
            .filter(|text| *text != NO_BUDGET)
            .map(|text| memory::parse_bytes("memory-budget", text))
            .transpose()?;
        let mut camera = checked_camera(self.camera_size, self.camera_fps, self.camera_format)?;
        camera.most_bytes = memory_budget_bytes.map(|_| camera.buffer_bytes());
        Ok(Settings {
            source: source.parse()?,
            camera,
            model: self.model.unwrap_or_else(|| DEFAULT_MODEL.into()),
            model_sha256: self.model_sha256.as_deref().map(str::parse).transpose()?,
            bbox: self.bbox.map(checked_bbox).transpose()?,
            udp: self.udp,
            serial: self.serial.as_deref().map(str::parse).transpose()?,
            key: self.key_file.as_deref().map(Key::read).transpose()?,
            epoch: EpochSource {
                file: self.session_file,
                allows_unordered: self.unordered.unwrap_or(false),
            },
            json: self.json,
            overlay: self.overlay,
            watchdog: self.watchdog,
            sandbox: self
                .sandbox
                .as_deref()
                .map_or(Ok(sandbox::Mode::default()), str::parse)?,
            threads: Threads {
                count: checked_threads(self.threads.unwrap_or(1))?,
                // A thread that runs before all others is not to be moved about.
                pinned: self.pin.unwrap_or(self.realtime.is_some()),
            },
            memory_budget_bytes,
            realtime: self.realtime.map(Priority::new).transpose()?,
            engine: self
                .engine
                .as_deref()
                .map_or(Ok(EngineChoice::Auto), str::parse)?,
            min_score,
            stage_deadline: milliseconds(
                "stage-deadline-ms",
                self.stage_deadline_ms.unwrap_or(DEFAULT_STAGE_DEADLINE_MS),
            )?,
            stream: StreamOptions {
                frames: self.frames,
                heartbeat: milliseconds(
                    "heartbeat-ms",
                    self.heartbeat_ms.unwrap_or(DEFAULT_HEARTBEAT_MS),
                )?,
                stale_after: milliseconds("stale-ms", self.stale_ms.unwrap_or(DEFAULT_STALE_MS))?,
                stats_every: match self.stats_seconds.unwrap_or(DEFAULT_STATS_SECONDS) {
                    0 => None,
                    seconds @ 1..=86_400 => Some(Duration::from_secs(seconds)),
                    seconds => {
                        return Err(Error::usage(format!(
                            "stats-seconds is {seconds}, must be in 0..86400"
                        )));
                    }
                },
                mirrored: self.mirrored.unwrap_or(false),
                instance: self.instance.unwrap_or(0),
            },
        })
    }
}

/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if there are none or too many.
pub fn checked_threads(threads: usize) -> Result<usize> {
    if (1..=MAX_THREADS).contains(&threads) {
        Ok(threads)
    } else {
        Err(Error::usage(format!(
            "threads is {threads}, must be in 1..{MAX_THREADS}"
        )))
    }
}

/// Four numbers with commas between them, as `--bbox` takes them.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if they are not that.
pub fn parse_bbox(text: &str) -> Result<[f32; 4]> {
    let numbers: Vec<f32> = text
        .split(',')
        .map_while(|number| f32::from_str(number.trim()).ok())
        .collect();
    <[f32; 4]>::try_from(numbers)
        .ok()
        .filter(|_| text.split(',').count() == 4)
        .ok_or_else(|| {
            Error::usage(format!(
                "bbox is {text:?}, expected are x,y,width,height in pixels"
            ))
        })
}

fn checked_camera(
    size: Option<String>,
    fps: Option<u32>,
    format: Option<String>,
) -> Result<CameraOptions> {
    let mut camera = CameraOptions::default();
    if let Some(size) = size {
        let sides = size.split_once('x').and_then(|(width, height)| {
            let side = |text: &str| {
                text.parse()
                    .ok()
                    .filter(|px| (16..=MAX_FRAME_SIDE_PX).contains(px))
            };
            Some([side(width)?, side(height)?])
        });
        camera.size_px = sides.ok_or_else(|| {
            Error::usage(format!(
                "camera-size is {size:?}, expected is WIDTHxHEIGHT, each in 16..{MAX_FRAME_SIDE_PX}"
            ))
        })?;
    }
    if let Some(fps) = fps {
        if !(1..=MAX_CAMERA_FPS).contains(&fps) {
            return Err(Error::usage(format!(
                "camera-fps is {fps}, must be in 1..{MAX_CAMERA_FPS}"
            )));
        }
        camera.frames_per_second = Some(fps);
    }
    camera.format = format
        .map(|format| format.parse())
        .transpose()
        .map_err(|error| Error::usage(format!("camera-format {error}")))?;
    Ok(camera)
}

fn checked_bbox([x_px, y_px, width_px, height_px]: [f32; 4]) -> Result<BBox> {
    let far = 1e6;
    let sound = [x_px, y_px, width_px, height_px]
        .iter()
        .all(|value| value.abs() < far);
    if sound && width_px >= 1.0 && height_px >= 1.0 {
        Ok(BBox {
            x_px,
            y_px,
            width_px,
            height_px,
        })
    } else {
        Err(Error::usage(format!(
            "bbox {x_px},{y_px},{width_px},{height_px}: width and height must be at least 1 px"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> RunConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_command_line_beats_the_file_and_the_file_beats_the_default() {
        let file = config(
            "source = 'demo'\nthreads = 2\nudp = '10.0.0.1:9000'\nserial = '/dev/ttyS0:9600'\n",
        );
        let line = RunConfig {
            threads: Some(3),
            ..RunConfig::default()
        };
        let settings = line.or(file).resolve().unwrap();
        assert_eq!(settings.threads.count, 3);
        assert_eq!(settings.udp.as_deref(), Some("10.0.0.1:9000"));
        assert_eq!(settings.serial.map(|line| line.baud), Some(9_600));
        assert_eq!(settings.min_score, DEFAULT_MIN_SCORE);
        assert_eq!(settings.model, Path::new(DEFAULT_MODEL));
    }

    #[test]
    fn unknown_keys_are_errors() {
        let error = toml::from_str::<RunConfig>("thread = 2").unwrap_err();
        assert!(error.to_string().contains("thread"));
    }

    #[test]
    fn bad_values_name_their_setting() {
        for (text, name) in [
            ("", "source"),
            ("source = 'nowhere'", "source"),
            ("source = 'demo'\nthreads = 0", "threads"),
            ("source = 'demo'\nmin-score = 2.0", "min-score"),
            ("source = 'demo'\nheartbeat-ms = 0", "heartbeat-ms"),
            ("source = 'demo'\nbbox = [0.0, 0.0, 0.0, 5.0]", "bbox"),
            ("source = 'demo'\nbbox = [nan, 0.0, 9.0, 5.0]", "bbox"),
            ("source = 'demo'\nengine = 'magic'", "engine"),
            ("source = 'demo'\nmodel-sha256 = 'abc'", "model-sha256"),
            ("source = 'demo'\nsandbox = 'on'", "sandbox"),
            ("source = 'demo'\nstats-seconds = 100000", "stats-seconds"),
            (
                "source = 'demo'\nstage-deadline-ms = 0",
                "stage-deadline-ms",
            ),
            ("source = 'demo'\ncamera-size = '640'", "camera-size"),
            ("source = 'demo'\ncamera-size = '0x480'", "camera-size"),
            ("source = 'demo'\ncamera-fps = 0", "camera-fps"),
            ("source = 'demo'\ncamera-format = 'H264'", "camera-format"),
            ("source = 'demo'\nserial = '/dev/ttyS0:0'", "serial"),
            ("source = 'demo'\nmemory-budget = '64MB'", "memory-budget"),
            ("source = 'demo'\nrealtime = 0", "realtime"),
            ("source = 'demo'\nrealtime = 99", "realtime"),
        ] {
            let error = config(text).resolve().unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn boxes_are_four_numbers() {
        assert_eq!(parse_bbox("1, 2,3.5,4").unwrap(), [1.0, 2.0, 3.5, 4.0]);
        for text in ["", "1,2,3", "1,2,3,4,5", "1,2,x,4", "1,2,3,4,x"] {
            assert!(parse_bbox(text).is_err(), "{text}");
        }
    }
}
