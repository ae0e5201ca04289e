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
use crate::model::ModelHash;
use crate::pipeline::StreamOptions;
use crate::process::realtime::Priority;
use crate::process::sandbox;
use crate::producer::Words;
use crate::scene::BBox;
use crate::sink::{KINDS, SinkSpec};
use crate::source::{CameraOptions, SourceSpec};
use crate::wire::{EpochSource, Key};
use std::path::PathBuf;
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
    /// A file, or `builtin:` and a name.
    pub model: PathBuf,
    /// Required SHA-256 of the model file.
    pub model_sha256: Option<ModelHash>,
    /// A fixed box, instead of searching and following.
    pub bbox: Option<BBox>,
    /// Receivers, at most one of each kind.
    pub sinks: Vec<SinkSpec>,
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
    /// The heatmap maximum from which a joint counts as found.
    pub min_score: f32,
    /// The log names a stage that runs longer.
    pub stage_deadline: Duration,
    /// Options of the stream.
    pub stream: StreamOptions,
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
