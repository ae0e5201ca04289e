//! Kinds of sink, and a sink as the user names it.

use super::{KINDS, RecordOptions, Sink};
use crate::error::Result;
use crate::model::ModelCard;
use crate::process::output::Patience;
use crate::process::sandbox::Access;
use crate::process::thread::Role;
use crate::wire::Sealer;
use std::path::Path;
use std::process::Command;

/// One row of [`KINDS`]: all that the program knows of a kind of sink.
pub struct Kind {
    /// The option without its dashes, and the TOML key.
    pub name: &'static str,
    /// The argument, as help shows it.
    pub argument: &'static str,
    /// A valid argument, for docs and fuzzers.
    pub example: &'static str,
    /// One sentence or more, for help and docs.
    pub help: &'static str,
    /// Checks an argument's form. The file, device or host need not be there.
    pub check: fn(&str) -> std::result::Result<(), String>,
    /// The most heap that the sink takes for a frame, with what waits for its thread.
    pub heap_bytes: u64,
    /// The role of the sink's thread, if it has one.
    pub thread: Option<Role>,
    /// The file that is written, or the folder in which files are, if there is one.
    pub writes: fn(&str) -> Option<&Path>,
    /// The files and devices that the sink opens by name after the sandbox is entered.
    pub access: fn(&str) -> Access,
    /// Makes what must be there before the sandbox is entered.
    pub prepare: fn(&str) -> Result<()>,
    /// The moment of opening.
    pub when: When,
    /// Opens the sink.
    pub open: fn(&str, &Context<'_>) -> Result<Box<dyn Sink>>,
}

/// The moment at which a sink is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the sandbox is entered and the model is read: a wrong address shows soon.
    First,
    /// When the model's card is known.
    WithCard,
    /// When the program is ready to run. A supervisor then expects packets.
    Last,
}

/// Facts of the run that a sink may need.
pub struct Context<'a> {
    /// Seals packets, if there is a key.
    pub sealer: Option<&'a Sealer>,
    /// The models' cards; none for a sink that is opened first.
    pub cards: &'a [ModelCard],
    /// A program that looks the HOST:PORT up again and again; `None` means that names are looked up once.
    pub lookup: Option<&'a dyn Fn(&str) -> Command>,
    /// For a source that can wait, a sink may wait a little as well.
    pub patience: Patience,
    /// Bounds of the files of a recording.
    pub record: RecordOptions,
    /// The vehicle's number, for receivers of MAVLink.
    pub mavlink_system: u8,
}

/// A sink as the user names it: a kind and its argument.
#[derive(Clone)]
pub struct SinkSpec {
    kind: &'static Kind,
    argument: String,
}

impl SinkSpec {
    /// A sink of the kind with this name.
    ///
    /// # Errors
    /// The fault of the argument.
    pub fn new(name: &str, argument: &str) -> std::result::Result<Self, String> {
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| format!("there is no sink {name}"))?;
        (kind.check)(argument)?;
        Ok(SinkSpec {
            kind,
            argument: argument.into(),
        })
    }

    /// The kind's name.
    pub fn name(&self) -> &'static str {
        self.kind.name
    }

    /// The most heap that the sink takes for a frame.
    pub fn heap_bytes(&self) -> u64 {
        self.kind.heap_bytes
    }

    /// The stack of the sink's thread.
    pub fn stack_bytes(&self) -> u64 {
        self.kind.thread.map_or(0, |role| role.stack_bytes() as u64)
    }

    /// The file that is written, or the folder in which files are, if there is one.
    pub fn writes(&self) -> Option<&Path> {
        (self.kind.writes)(&self.argument)
    }

    /// The files and devices that the sink opens by name after the sandbox is entered.
    pub fn access(&self) -> Access {
        (self.kind.access)(&self.argument)
    }

    /// The moment at which the sink is opened.
    pub fn when(&self) -> When {
        self.kind.when
    }

    /// Makes what must be there before the sandbox is entered.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if it cannot be made.
    pub fn prepare(&self) -> Result<()> {
        (self.kind.prepare)(&self.argument)
    }

    /// Opens the sink.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the receiver cannot be used.
    pub fn open(&self, context: &Context<'_>) -> Result<Box<dyn Sink>> {
        (self.kind.open)(&self.argument, context)
    }
}

impl std::fmt::Debug for SinkSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.kind.name, self.argument)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::test_card;

    #[test]
    fn each_kind_takes_its_example_and_names_itself_when_it_cannot_be_opened() {
        let card = test_card();
        let context = Context {
            sealer: None,
            cards: std::slice::from_ref(&card),
            lookup: None,
            patience: Patience::None,
            record: RecordOptions::default(),
            mavlink_system: 1,
        };
        for kind in KINDS {
            assert_eq!(
                SinkSpec::new(kind.name, kind.example).err(),
                None,
                "{}",
                kind.name
            );
            let error = (kind.open)("/dev/null/nowhere:1", &context).err();
            let error = error.map_or(String::new(), |error| error.to_string());
            assert!(error.contains(kind.name), "{}: {error}", kind.name);
        }
        assert!(SinkSpec::new("smoke", "signals").is_err());
    }
}
