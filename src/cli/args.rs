//! The command line, over lexopt: options in any order, values checked where they are read.

use crate::error::{Error, Result};
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

/// One argument, its name without dashes.
pub enum Item {
    Option(String),
    Positional(OsString),
}

pub struct Args {
    parser: Parser,
    /// The option whose value is read next, for messages.
    option: String,
}

impl Args {
    pub fn new(args: impl IntoIterator<Item = OsString>) -> Self {
        Args {
            parser: Parser::from_args(args.into_iter().collect::<Vec<_>>()),
            option: String::new(),
        }
    }

    /// The first argument: a command, or an option that stands for one.
    pub fn command(&mut self) -> Result<Option<String>> {
        Ok(match self.parser.next().map_err(usage)? {
            None => None,
            Some(Arg::Short('h') | Arg::Long("help")) => Some("help".into()),
            Some(Arg::Short('V') | Arg::Long("version")) => Some("version".into()),
            Some(Arg::Value(value)) => Some(value.to_string_lossy().into_owned()),
            Some(other) => return Err(usage(other.unexpected())),
        })
    }

    /// The next argument; `-h` counts as `--help`.
    pub fn next(&mut self) -> Result<Option<Item>> {
        Ok(match self.parser.next().map_err(usage)? {
            None => None,
            Some(Arg::Long(name)) => {
                self.option = name.into();
                Some(Item::Option(name.into()))
            }
            Some(Arg::Short('h')) => Some(Item::Option("help".into())),
            Some(Arg::Value(value)) => Some(Item::Positional(value)),
            Some(other) => return Err(usage(other.unexpected())),
        })
    }

    /// The value of the option that was just given.
    pub fn value<T: FromStr>(&mut self) -> Result<T>
    where
        T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.raw()?
            .parse()
            .map_err(|error| Error::usage(format!("--{}: {error}", self.option)))
    }

    /// The same where the option may stand alone: the value is only what follows it by `=`.
    pub fn optional_value<T: FromStr>(&mut self) -> Result<Option<T>>
    where
        T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(raw) = self.parser.optional_value() else {
            return Ok(None);
        };
        raw.parse()
            .map(Some)
            .map_err(|error| Error::usage(format!("--{}: {error}", self.option)))
    }

    pub fn path(&mut self) -> Result<PathBuf> {
        Ok(self.raw()?.into())
    }

    fn raw(&mut self) -> Result<OsString> {
        self.parser.value().map_err(usage)
    }

    /// The error for an argument that a command does not have.
    pub fn unknown(item: Item) -> Error {
        Error::usage(match item {
            Item::Option(name) => format!("unknown option --{name}: try --help"),
            Item::Positional(value) => {
                format!(
                    "unexpected argument {:?}: try --help",
                    value.to_string_lossy()
                )
            }
        })
    }
}

fn usage(error: lexopt::Error) -> Error {
    Error::usage(error.to_string())
}

/// The value of an option that must be given.
pub fn required<T>(value: Option<T>, option: &str) -> Result<T> {
    value.ok_or_else(|| Error::usage(format!("--{option} is missing: try --help")))
}
