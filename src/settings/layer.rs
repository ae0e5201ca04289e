//! A layer: settings of one origin, each with its value as a user writes it.
//!
//! In: a TOML file, a table of a board's file, or options one by one. Out: a [`Layer`]. Names and TOML types are
//! checked here, values when the layer is applied.

use super::layer_set::LayerSet;
use super::suggest::nearest;
use super::{SETTINGS, Setting, Value, setting};
use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_CONFIG_BYTES;
use std::path::{Path, PathBuf};

/// The origin of a layer's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table's own defaults.
    Default,
    /// A board's file.
    Board(PathBuf),
    /// A configuration file.
    File(PathBuf),
    /// The command line.
    Line,
}

impl Origin {
    fn layers(&self) -> LayerSet {
        match self {
            Origin::Default | Origin::Line => LayerSet::LINE,
            Origin::File(_) => LayerSet::FILE,
            Origin::Board(_) => LayerSet::BOARD,
        }
    }

    /// An error about one name of this origin.
    pub(super) fn error(&self, name: &str, what: impl std::fmt::Display) -> Error {
        match self {
            Origin::Default | Origin::Line => Error::usage(format!("--{name}: {what}")),
            Origin::File(path) => Error::config(path, format!("{name}: {what}")),
            Origin::Board(path) => Error::config(path, format!("run.{name}: {what}")),
        }
    }
}

/// Settings of one origin.
#[derive(Debug, Clone)]
pub struct Layer {
    origin: Origin,
    values: Vec<(&'static Setting, String)>,
}

impl Layer {
    /// A layer without values.
    pub fn new(origin: Origin) -> Layer {
        Layer {
            origin,
            values: Vec::new(),
        }
    }

    /// The defaults of the table.
    pub(super) fn defaults() -> Layer {
        let values = SETTINGS
            .iter()
            .filter_map(|row| Some((row, row.default?.to_owned())));
        Layer {
            values: values.collect(),
            ..Layer::new(Origin::Default)
        }
    }

    /// The settings in a configuration file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read, or has an unknown key or a value of
    /// the wrong type.
    pub fn read(path: &Path) -> Result<Layer> {
        let text = file::read_text(path, MAX_CONFIG_BYTES)
            .map_err(|error| Error::config(path, error.to_string()))?;
        Layer::parse(path, &text)
    }

    /// The settings in the text of a configuration file.
    ///
    /// # Errors
    /// As for [`Layer::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Layer> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| Error::config(path, error.to_string()))?;
        Layer::from_table(Origin::File(path.into()), &table)
    }

    /// The settings in a table of TOML.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming a key that is unknown or has a value of the wrong type.
    pub fn from_table(origin: Origin, table: &toml::Table) -> Result<Layer> {
        let mut layer = Layer::new(origin);
        for (name, value) in table {
            let row = layer.row(name)?;
            let several = match (row.value, value) {
                (Value::Texts(_), toml::Value::Array(several)) => &several[..],
                _ => std::slice::from_ref(value),
            };
            for value in several {
                let text = row
                    .value
                    .text_of(value)
                    .map_err(|what| layer.origin.error(name, what))?;
                layer.values.push((row, text));
            }
        }
        Ok(layer)
    }

    /// Adds a value, which replaces an earlier one of the same name, except for a list.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) or [`ErrorKind::Config`](crate::ErrorKind::Config) if this origin
    /// has no such setting.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<()> {
        let row = self.row(name)?;
        if !matches!(row.value, Value::Texts(_)) {
            self.values.retain(|(known, _)| known.name != name);
        }
        self.values.push((row, value.into()));
        Ok(())
    }

    /// The value of a setting as it was written.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(row, _)| row.name == name)
            .map(|(_, value)| value.as_str())
    }

    /// Settings and their values, in the order that they were given in.
    pub fn values(&self) -> impl Iterator<Item = (&'static Setting, &str)> {
        self.values
            .iter()
            .map(|(row, value)| (*row, value.as_str()))
    }

    /// Whose values these are.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    fn row(&self, name: &str) -> Result<&'static Setting> {
        let layers = self.origin.layers();
        setting(name)
            .filter(|row| row.layers.has(layers))
            .ok_or_else(|| {
                let known = SETTINGS.iter().filter(|row| row.layers.has(layers));
                let names = known.map(|row| row.name);
                let hint = match nearest(name, names) {
                    Some(near) => format!(", did you mean {near}?"),
                    None => ": `posewire run --help` lists them".into(),
                };
                self.origin.error(name, format!("no such setting{hint}"))
            })
    }
}
