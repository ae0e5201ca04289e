//! Every way posewire can fail, and the exit code of each.
//!
//! A message is one line: what went wrong, where, and what to do about it. The exit codes are part
//! of the interface (a supervisor acts on them) and are listed in SPECIFICATION.md.

use std::fmt;
use std::path::{Path, PathBuf};

/// Also that of a process that passes its memory budget while it runs.
pub(crate) const MEMORY_EXIT_CODE: u8 = 9;

/// The handler of forbidden system calls ends the process with it, too.
pub(crate) const SANDBOX_EXIT_CODE: u8 = 10;

pub type Result<T> = std::result::Result<T, Error>;

/// What failed. Every variant names the place: an argument, a file, a node, a device or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// `doctor` found something that keeps posewire from working here.
    Unfit { fails: usize },
    /// The command line is wrong.
    Usage { what: String },
    /// A configuration file or one of its fields is wrong.
    Config { path: PathBuf, what: String },
    /// A model file cannot be used; `node` is the graph node or card field at fault, where known.
    Model {
        path: PathBuf,
        node: Option<String>,
        what: String,
    },
    /// The network failed while running.
    Engine { what: String },
    /// A frame source cannot be opened, or broke and cannot be recovered.
    Source { source: String, what: String },
    /// A sink cannot be opened.
    Sink { sink: String, what: String },
    /// A data file (tensor, picture, clip truth) is missing or malformed.
    Data { path: PathBuf, what: String },
    /// More memory is needed than the budget has.
    Memory { what: String },
    /// Rights cannot be given up as was asked.
    Sandbox { what: String },
}

impl Error {
    pub fn usage(what: impl Into<String>) -> Self {
        Error::Usage { what: what.into() }
    }

    pub fn config(path: &Path, what: impl Into<String>) -> Self {
        Error::Config {
            path: path.into(),
            what: what.into(),
        }
    }

    pub fn model(path: &Path, what: impl Into<String>) -> Self {
        Error::Model {
            path: path.into(),
            node: None,
            what: what.into(),
        }
    }

    pub fn model_node(path: &Path, node: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Model {
            path: path.into(),
            node: Some(node.into()),
            what: what.into(),
        }
    }

    pub fn engine(what: impl Into<String>) -> Self {
        Error::Engine { what: what.into() }
    }

    pub fn source(source: impl fmt::Display, what: impl Into<String>) -> Self {
        Error::Source {
            source: source.to_string(),
            what: what.into(),
        }
    }

    pub fn sink(sink: impl fmt::Display, what: impl Into<String>) -> Self {
        Error::Sink {
            sink: sink.to_string(),
            what: what.into(),
        }
    }

    pub fn data(path: &Path, what: impl Into<String>) -> Self {
        Error::Data {
            path: path.into(),
            what: what.into(),
        }
    }

    pub fn memory(what: impl Into<String>) -> Self {
        Error::Memory { what: what.into() }
    }

    pub fn sandbox(what: impl Into<String>) -> Self {
        Error::Sandbox { what: what.into() }
    }

    /// The process's exit code for this failure. 0 is success and 101 a bug (a Rust panic).
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Unfit { .. } => 1,
            Error::Usage { .. } => 2,
            Error::Config { .. } => 3,
            Error::Model { .. } => 4,
            Error::Engine { .. } => 5,
            Error::Source { .. } => 6,
            Error::Sink { .. } => 7,
            Error::Data { .. } => 8,
            Error::Memory { .. } => MEMORY_EXIT_CODE,
            Error::Sandbox { .. } => SANDBOX_EXIT_CODE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unfit { fails: 1 } => f.write_str("doctor: one check fails: do what it says"),
            Error::Unfit { fails } => {
                write!(f, "doctor: {fails} checks fail: do what they say")
            }
            Error::Usage { what } => write!(f, "{}", OneLine(what)),
            Error::Config { path, what } => {
                write!(f, "configuration {}: {}", path.display(), OneLine(what))
            }
            Error::Model { path, node, what } => {
                write!(f, "model {}: ", path.display())?;
                if let Some(node) = node {
                    write!(f, "{}: ", OneLine(node))?;
                }
                write!(f, "{}", OneLine(what))
            }
            Error::Engine { what } => write!(f, "inference: {}", OneLine(what)),
            Error::Source { source, what } => {
                write!(f, "source {}: {}", OneLine(source), OneLine(what))
            }
            Error::Sink { sink, what } => write!(f, "sink {}: {}", OneLine(sink), OneLine(what)),
            Error::Data { path, what } => write!(f, "{}: {}", path.display(), OneLine(what)),
            Error::Memory { what } => write!(f, "memory: {}", OneLine(what)),
            Error::Sandbox { what } => write!(f, "sandbox: {}", OneLine(what)),
        }
    }
}

impl std::error::Error for Error {}

/// Text from files and libraries, kept on one line and free of terminal escapes.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 600;
        let mut space = false;
        for (count, c) in self.0.trim().chars().enumerate() {
            if count == LONGEST {
                return f.write_str("...");
            }
            if c.is_whitespace() || c.is_control() {
                space = true;
                continue;
            }
            if std::mem::take(&mut space) {
                f.write_str(" ")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_its_parts_hold() {
        let error = Error::model_node(Path::new("x.onnx"), "conv\n1", "bad\r\n  shape\x1b[31m\n");
        assert_eq!(error.to_string(), "model x.onnx: conv 1: bad shape [31m");
    }

    #[test]
    fn a_very_long_message_is_cut() {
        let error = Error::engine("x".repeat(10_000));
        assert!(error.to_string().len() < 700);
    }

    #[test]
    fn exit_codes_are_distinct() {
        let path = Path::new("p");
        let all = [
            Error::Unfit { fails: 2 },
            Error::usage(""),
            Error::config(path, ""),
            Error::model(path, ""),
            Error::engine(""),
            Error::source("", ""),
            Error::sink("", ""),
            Error::data(path, ""),
            Error::memory(""),
            Error::sandbox(""),
        ];
        let mut codes: Vec<u8> = all.iter().map(Error::exit_code).collect();
        codes.dedup();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
}
