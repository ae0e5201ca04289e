//! The settings of a run, in one table.
//!
//! In: layers, weakest first: the table's defaults, a board's, a file's, the command line's. All layers use the
//! same names and the same checks. Out: checked [`Settings`]. Rules across settings are in [`Settings::finish`].

mod layer;
mod layer_set;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use layer::{Layer, Origin};
pub use layer_set::LayerSet;
pub use suggest::nearest;
pub use table::{Group, SETTINGS, Setting};
pub use value::Value;

use crate::engine::{EngineChoice, Threads};
use crate::error::{Error, Result};
use crate::filter::Smooth;
use crate::limits::{MAX_INSTANCES, MAX_MODELS};
use crate::model::{DecodeMode, ModelHash};
use crate::pipeline::{LookOptions, StreamOptions};
use crate::process::realtime::Priority;
use crate::process::sandbox;
use crate::producer::Words;
use crate::scene::{BBox, Mount, Task};
use crate::sink::{KINDS, RecordOptions, SinkSpec};
use crate::source::{CameraOptions, SourceSpec};
use crate::wire::{EpochSource, Key};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every setting, checked. [`Settings::from_layers`] makes it; `default` lacks the defaults of the table.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `None` until a layer names one.
    pub source: Option<SourceSpec>,
    /// The command whose pictures the source reads.
    pub run_camera: Option<Words>,
    /// The end of a pipe's producer is the end of the run.
    pub once: bool,
    /// The request to a camera.
    pub camera: CameraOptions,
    /// Files, or `builtin:` and a name: at most one of each task, and a finder. [`Settings::from_layers`] gives at least one.
    pub models: Vec<PathBuf>,
    /// Required SHA-256 of the model files, in the same order.
    pub model_hashes: Vec<ModelHash>,
    /// The most instances that are followed, of all tasks and of each.
    pub most: Most,
    /// New instances are searched only here.
    pub roi: Option<BBox>,
    /// `None`: light where several are followed.
    pub smooth: Option<Smooth>,
    /// `None`: a share of the camera's period.
    pub frame_budget: Option<Duration>,
    /// A fixed box, instead of searching and following.
    pub bbox: Option<BBox>,
    /// Receivers, at most one of each kind.
    pub sinks: Vec<SinkSpec>,
    /// Bounds of the files of a recording.
    pub record: RecordOptions,
    /// The vehicle's number, for receivers of MAVLink.
    pub mavlink_system: u8,
    /// The file of `key`.
    pub key_file: Option<PathBuf>,
    /// The key that packets are sealed with; [`Settings::finish`] reads it.
    pub key: Option<Key>,
    /// The order of this sender's starts, for receivers of sealed packets.
    pub epoch: EpochSource,
    /// The demands on the sandbox.
    pub sandbox: sandbox::Mode,
    /// Threads of the network; [`Settings::finish`] decides whether they are pinned.
    pub threads: Threads,
    /// `None`: pinned if `realtime` is given.
    pub pin: Option<bool>,
    /// `None`: any amount.
    pub memory_budget_bytes: Option<u64>,
    /// `None`: ordinary scheduling.
    pub realtime: Option<Priority>,
    /// The engine that runs the network.
    pub engine: EngineChoice,
    /// Quarter turns clockwise that make the camera's picture upright.
    pub quarter_turns: u8,
    /// The networks also look at the mirror image.
    pub flip_test: bool,
    /// In place of that of the model's card.
    pub decode: Option<DecodeMode>,
    /// The heatmap maximum from which a joint counts as found.
    pub min_score: f32,
    /// The log names a stage that runs longer.
    pub stage_deadline: Duration,
    /// Options of the stream.
    pub stream: StreamOptions,
}

/// The most instances that are followed; `None` where the user gives no number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Most {
    /// Of all tasks.
    pub all: Option<usize>,
    /// Hands.
    pub hands: Option<usize>,
    /// Persons.
    pub bodies: Option<usize>,
}

impl Most {
    /// The most of a task: without a number, as many as of all tasks, or 4 hands and 2 bodies.
    pub fn of(self, task: Task) -> usize {
        let (own, default) = match task {
            Task::Hand => (self.hands, 4),
            Task::Body => (self.bodies, 2),
        };
        own.or(self.all).unwrap_or(default)
    }

    /// The most of all tasks.
    pub fn of_all(self) -> usize {
        self.all.unwrap_or(MAX_INSTANCES)
    }
}

/// The row of this name.
pub fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|row| row.name == name)
}

impl Settings {
    /// The defaults.
    ///
    /// # Errors
    /// None: a test applies them.
    fn new() -> Result<Settings> {
        let mut settings = Settings::default();
        settings.apply(&Layer::defaults())?;
        Ok(settings)
    }

    /// The defaults and these layers, weakest first. The rules across settings are not applied: see
    /// [`Settings::finish`].
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the option, [`ErrorKind::Config`](crate::ErrorKind::Config)
    /// naming the file and the key.
    pub fn from_layers<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<Settings> {
        let mut settings = Settings::new()?;
        for layer in layers {
            settings.apply(layer)?;
        }
        Ok(settings)
    }

    fn apply(&mut self, layer: &Layer) -> Result<()> {
        // A list of a stronger layer replaces that of a weaker one.
        if layer.get("model").is_some() {
            self.models.clear();
        }
        if layer.get("model-sha256").is_some() {
            self.model_hashes.clear();
        }
        for (row, value) in layer.values() {
            (row.set)(self, row, value).map_err(|what| layer.origin().error(row.name, what))?;
        }
        Ok(())
    }

    /// Applies the rules that concern more than one setting.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if there is no source, [`ErrorKind::Config`](crate::ErrorKind::Config)
    /// if the key cannot be read.
    pub fn finish(mut self) -> Result<Settings> {
        let source = self.source()?;
        if self.run_camera.is_some() && !source.reads_stdin() {
            return Err(Error::usage(format!(
                "--run-camera gives its pictures to a pipe, and the source is {source}: give --source \
                 pipe:FORMAT:WIDTHxHEIGHT"
            )));
        }
        if self.once && !source.is_kind("pipe") {
            return Err(Error::usage(format!(
                "--once is for --source pipe:FORMAT:WIDTHxHEIGHT, and the source is {source}"
            )));
        }
        let records = self.sinks.iter().any(|sink| sink.name() == "record");
        if self.record.pictures_per_second.is_some() && !records {
            return Err(Error::usage(
                "--record-pictures adds pictures to a recording: give --record FILE",
            ));
        }
        self.check_models()?;
        // The scheduler must not move a real-time thread to another processor.
        self.threads.pinned = self.pin.unwrap_or(self.realtime.is_some());
        let buffer_bytes = self.camera.buffer_bytes();
        self.camera.most_bytes = self.memory_budget_bytes.map(|_| buffer_bytes);
        // Receivers get an event in the order of the kinds.
        let rank = |sink: &SinkSpec| KINDS.iter().position(|kind| kind.name == sink.name());
        self.sinks.sort_by_key(rank);
        self.key = self.key_file.as_deref().map(Key::read).transpose()?;
        Ok(self)
    }

    /// The model of a command that takes one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if several are given.
    pub fn model(&self) -> Result<&Path> {
        match &self.models[..] {
            [model] => Ok(model),
            models => Err(Error::usage(format!(
                "--model is given {} times, this command takes one",
                models.len()
            ))),
        }
    }

    /// Whether more than one instance can be followed.
    pub fn follows_several(&self) -> bool {
        let Most { all, hands, bodies } = self.most;
        let is_many = |most: Option<usize>| most.is_some_and(|most| most > 1);
        self.models.len() > 1
            || is_many(all)
            || (all.is_none() && (is_many(hands) || is_many(bodies)))
    }

    /// How the networks look. One instance is looked at in the mirror image as it is, and the flag on the wire says so.
    pub fn looks(&self) -> LookOptions {
        LookOptions {
            mount: Mount {
                quarter_turns: self.quarter_turns,
                is_mirrored: self.stream.mirrored && self.follows_several(),
            },
            flip_test: self.flip_test,
            decode: self.decode,
        }
    }

    fn check_models(&self) -> Result<()> {
        let (models, hashes) = (self.models.len(), self.model_hashes.len());
        if models > MAX_MODELS {
            return Err(Error::usage(format!(
                "--model is given {models} times, at most {MAX_MODELS} work together: for hands, for persons, and a finder"
            )));
        }
        if hashes > 0 && hashes != models {
            return Err(Error::usage(format!(
                "--model-sha256 is given {hashes} times and --model {models} times: give one for each, in the same \
                 order"
            )));
        }
        let several = self.follows_several();
        for (name, is_given) in [
            ("roi", self.roi.is_some()),
            ("frame-budget-ms", self.frame_budget.is_some()),
            (
                "smooth",
                self.smooth.is_some_and(|smooth| smooth != Smooth::Off),
            ),
        ] {
            if is_given && !several {
                return Err(Error::usage(format!(
                    "--{name} is for several instances: give --instances, --hands or --bodies above 1"
                )));
            }
        }
        if self.bbox.is_some() && several {
            return Err(Error::usage(
                "--bbox is for one instance: --roi limits where several are searched",
            ));
        }
        Ok(())
    }

    /// Adds a receiver. It replaces one of the same kind from a weaker layer.
    fn add_sink(&mut self, sink: SinkSpec) {
        self.sinks.retain(|other| other.name() != sink.name());
        self.sinks.push(sink);
    }

    /// The source.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if no layer names one.
    pub fn source(&self) -> Result<&SourceSpec> {
        self.source.as_ref().ok_or_else(|| {
            Error::usage(
                "no source: give --source, for example --source v4l2:/dev/video0 or --source demo",
            )
        })
    }
}
