//! Every way posewire can fail, and the exit code of each.
//!
//! A message is one line: the place, the problem, the remedy. Exit codes are part of the interface (a supervisor
//! acts on them); SPECIFICATION.md lists them.

use crate::text::{Escaping, Shown};
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// A result with posewire's error.
pub type Result<T> = std::result::Result<T, Error>;

/// The part of posewire or of its surroundings that failed. The value is the process's exit code; 0 is success
/// and 101 a bug (a Rust panic).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum ErrorKind {
    /// `doctor` found something that keeps posewire from working here.
    Unfit = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A configuration file or one of its fields is wrong.
    Config = 3,
    /// A model file cannot be used.
    Model = 4,
    /// The network failed while running.
    Engine = 5,
    /// A frame source cannot be opened, or broke and cannot be recovered.
    Source = 6,
    /// A sink cannot be opened.
    Sink = 7,
    /// A data file (tensor, picture, clip truth) is missing or malformed.
    Data = 8,
    /// More memory is needed than the budget has. A process that passes its budget while it runs ends with this
    /// code, too.
    Memory = 9,
    /// Rights cannot be given up as was asked. A forbidden system call ends the process with this code, too.
    Sandbox = 10,
}

impl ErrorKind {
    /// The first word of a message; empty if the place speaks for itself.
    fn word(self) -> &'static str {
        match self {
            ErrorKind::Unfit => "doctor",
            ErrorKind::Usage | ErrorKind::Data => "",
            ErrorKind::Config => "configuration",
            ErrorKind::Model => "model",
            ErrorKind::Engine => "inference",
            ErrorKind::Source => "source",
            ErrorKind::Sink => "sink",
            ErrorKind::Memory => "memory",
            ErrorKind::Sandbox => "sandbox",
        }
    }
}

/// The place of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The process as a whole, or its command line.
    Process,
    /// A source or a sink, as the user names it.
    Endpoint(String),
    /// A file.
    File(PathBuf),
    /// A graph node or a card field of a model file.
    Node(PathBuf, String),
}

/// A failure: its kind, its place, the problem and remedy in words, and the error that caused it.
///
/// ```
/// use posewire::{Error, ErrorKind};
/// use std::error::Error as _;
/// use std::io;
///
/// let error = Error::sink("json:out", "cannot be written").because(io::Error::other("disk full"));
/// assert_eq!(error.to_string(), "sink json:out: cannot be written: disk full");
/// assert_eq!(error.kind(), ErrorKind::Sink);
/// assert!(error.source().is_some());
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    place: Place,
    what: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    fn new(kind: ErrorKind, place: Place, what: impl Into<String>) -> Self {
        Error {
            kind,
            place,
            what: what.into(),
            cause: None,
        }
    }

    /// `doctor` found `fails` failures, at least one.
    pub fn unfit(fails: usize) -> Self {
        let what = match fails {
            1 => "one check fails: do what it says".to_owned(),
            _ => format!("{fails} checks fail: do what they say"),
        };
        Self::new(ErrorKind::Unfit, Place::Process, what)
    }

    /// The command line is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, Place::Process, what)
    }

    /// A configuration file is wrong; `what` names the field.
    pub fn config(path: &Path, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, Place::File(path.into()), what)
    }

    /// A model file cannot be used.
    pub fn model(path: &Path, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Model, Place::File(path.into()), what)
    }

    /// A model file cannot be used because of one graph node or card field.
    pub fn model_node(path: &Path, node: impl Into<String>, what: impl Into<String>) -> Self {
        let place = Place::Node(path.into(), node.into());
        Self::new(ErrorKind::Model, place, what)
    }

    /// The network failed while running.
    pub fn engine(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Engine, Place::Process, what)
    }

    /// A source cannot be opened, or broke.
    pub fn source(source: impl fmt::Display, what: impl Into<String>) -> Self {
        let place = Place::Endpoint(source.to_string());
        Self::new(ErrorKind::Source, place, what)
    }

    /// A sink cannot be opened.
    pub fn sink(sink: impl fmt::Display, what: impl Into<String>) -> Self {
        let place = Place::Endpoint(sink.to_string());
        Self::new(ErrorKind::Sink, place, what)
    }

    /// A data file is missing or malformed.
    pub fn data(path: &Path, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, Place::File(path.into()), what)
    }

    /// More memory is needed than the budget has.
    pub fn memory(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Memory, Place::Process, what)
    }

    /// Rights cannot be given up as was asked.
    pub fn sandbox(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Sandbox, Place::Process, what)
    }

    /// Adds the error that caused this one. The message ends with it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The part that failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The place of the failure.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The problem, and the remedy if there is one, without the place and the cause.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The process's exit code for this failure.
    pub fn exit_code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.kind.word();
        f.write_str(word)?;
        if !word.is_empty() && self.place != Place::Process {
            f.write_str(" ")?;
        }
        match &self.place {
            Place::Process => {}
            Place::Endpoint(name) => write!(f, "{}", Name(name))?,
            Place::File(path) => write!(f, "{}", Name(&path.to_string_lossy()))?,
            Place::Node(path, node) => {
                let path = path.to_string_lossy();
                write!(f, "{}: {}", Name(&path), Name(node))?;
            }
        }
        if !word.is_empty() || self.place != Place::Process {
            f.write_str(": ")?;
        }
        write!(f, "{}", OneLine(&self.what))?;
        match &self.cause {
            Some(cause) => write!(f, ": {}", OneLine(&cause.to_string())),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Libraries put whole graphs into their messages.
const MAX_CHARS: usize = 600;

/// A name from outside, escaped and cut.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => write!(f, "{}...", Shown(&self.0[..end])),
            None => Shown(self.0).fmt(f),
        }
    }
}

/// Sentences from files and libraries: escaped, cut, and on one line. A line break in them is a space.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = false;
        for (count, c) in self.0.trim().chars().enumerate() {
            if count == MAX_CHARS {
                return f.write_str("...");
            }
            if c.is_whitespace() {
                space = true;
                continue;
            }
            if std::mem::take(&mut space) {
                f.write_str(" ")?;
            }
            Escaping(&mut *f).write_char(c)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;
    use std::io;

    /// One error of each kind, and its message.
    fn all() -> [(Error, &'static str); 11] {
        let path = Path::new("a.toml");
        [
            (Error::unfit(1), "doctor: one check fails: do what it says"),
            (Error::usage("no file"), "no file"),
            (
                Error::config(path, "run is no table"),
                "configuration a.toml: run is no table",
            ),
            (Error::model(path, "no graph"), "model a.toml: no graph"),
            (
                Error::model_node(path, "conv", "no weights"),
                "model a.toml: conv: no weights",
            ),
            (Error::engine("overflow"), "inference: overflow"),
            (
                Error::source("v4l2:/dev/video0", "is busy"),
                "source v4l2:/dev/video0: is busy",
            ),
            (Error::sink("udp:x", "is lost"), "sink udp:x: is lost"),
            (Error::data(path, "is short"), "a.toml: is short"),
            (Error::memory("9 KiB missing"), "memory: 9 KiB missing"),
            (Error::sandbox("no Landlock"), "sandbox: no Landlock"),
        ]
    }

    #[test]
    fn a_message_has_the_kind_the_place_the_problem_and_the_cause() {
        for (error, message) in all() {
            assert_eq!(error.to_string(), message);
            assert!(error.source().is_none());
            let caused = error.because(io::Error::other("disk\nfull"));
            assert_eq!(caused.to_string(), format!("{message}: disk full"));
            assert_eq!(caused.source().unwrap().to_string(), "disk\nfull");
        }
        let two = Error::unfit(2).to_string();
        assert_eq!(two, "doctor: 2 checks fail: do what they say");
    }

    #[test]
    fn a_message_is_one_line_whatever_its_parts_hold() {
        let error = Error::model_node(Path::new("x\n.onnx"), "conv\n1", "bad\r\n  shape\x1b[31m\n");
        assert_eq!(
            error.to_string(),
            "model x\\n.onnx: conv\\n1: bad shape\\x1b[31m"
        );
        let evil = "\x1b[2J\x07\u{9b}\u{202e}\u{2066}\u{2028}\n[ERROR] forged";
        let path = Path::new(evil);
        for error in [
            Error::usage(evil),
            Error::config(path, evil),
            Error::model_node(path, evil, evil),
            Error::source(evil, evil),
            Error::sink(evil, evil),
            Error::data(path, evil),
        ] {
            let message = error.because(io::Error::other(evil)).to_string();
            assert_eq!(Shown(&message).to_string(), message);
            assert_eq!(message.lines().count(), 1);
        }
    }

    #[test]
    fn a_very_long_message_is_cut() {
        let error = Error::engine("x".repeat(10_000));
        assert!(error.to_string().len() < 700);
        let long = "\u{202e}x".repeat(10_000);
        assert!(Error::sink(long, "is lost").to_string().len() < 7 * MAX_CHARS);
    }

    #[test]
    fn exit_codes_are_distinct() {
        let mut codes: Vec<u8> = all().iter().map(|(error, _)| error.exit_code()).collect();
        codes.dedup();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
}
