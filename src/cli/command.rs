//! Commands as data: the options that one takes, read from its arguments.
//!
//! In: arguments without the command's name. Out: [`Given`]: what they say. Help, the man page, completions and
//! the settings page are made of the same [`Command`]s.

use crate::error::{Error, Result};
use crate::settings::{Layer, Origin, SETTINGS, Setting, Value, nearest, setting};
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

/// A command of the program.
pub struct Command {
    /// As the user names it.
    pub name: &'static str,
    /// Its line in the list of commands.
    pub summary: &'static str,
    /// The first lines of its help.
    pub about: &'static str,
    /// Its arguments, without the program's and the command's name.
    pub usage: &'static [&'static str],
    /// The positional argument that it takes at most once.
    pub positional: Option<&'static str>,
    /// Options of its own.
    pub options: &'static [CommandOption],
    /// The settings that it takes.
    pub settings: Accepts,
    /// More to say after the options.
    pub notes: &'static str,
    /// Arguments of examples, without the program's and the command's name.
    pub examples: &'static [&'static str],
    /// Does it.
    pub run: fn(Given) -> Result<()>,
}

/// The settings that a command takes.
pub enum Accepts {
    /// All of them.
    All,
    /// All of them, which the help of `run` lists.
    AllOfRun,
    /// Those of these names.
    These(&'static [&'static str]),
}

/// An option that is no setting of a run.
pub struct CommandOption {
    pub name: &'static str,
    /// `None`: a switch.
    pub argument: Option<&'static str>,
    pub default: Option<&'static str>,
    pub help: &'static str,
}

impl CommandOption {
    /// The switch of commands that print their result for programs.
    pub const JSON: CommandOption = CommandOption {
        name: "json",
        argument: None,
        default: None,
        help: "print JSON",
    };
}

/// An option of any kind, for help and completions.
pub struct AnyOption {
    pub name: &'static str,
    pub argument: Option<&'static str>,
    /// The option may stand alone.
    pub argument_is_optional: bool,
    pub default: Option<&'static str>,
    pub help: &'static str,
}

impl From<&CommandOption> for AnyOption {
    fn from(option: &CommandOption) -> Self {
        AnyOption {
            name: option.name,
            argument: option.argument,
            argument_is_optional: false,
            default: option.default,
            help: option.help,
        }
    }
}

impl From<&Setting> for AnyOption {
    fn from(row: &Setting) -> Self {
        AnyOption {
            name: row.name,
            argument: row.value.argument(),
            argument_is_optional: matches!(row.value, Value::OptionalInteger(..)),
            default: row.default,
            help: row.help,
        }
    }
}

/// The arguments of a command.
pub struct Given {
    /// The settings among them.
    pub line: Layer,
    options: Vec<(&'static str, OsString)>,
    positional: Option<OsString>,
}

impl Command {
    /// The settings that it takes, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = &'static Setting> {
        SETTINGS.iter().filter(|row| self.takes(row.name))
    }

    /// All options that it takes, its own first.
    pub fn all_options(&self) -> impl Iterator<Item = AnyOption> {
        let own = self.options.iter().map(AnyOption::from);
        own.chain(self.rows().map(AnyOption::from))
    }

    fn takes(&self, name: &str) -> bool {
        match self.settings {
            Accepts::All | Accepts::AllOfRun => true,
            Accepts::These(names) => names.contains(&name),
        }
    }

    /// Reads the arguments. `None`: they ask for help.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for arguments that it does not take.
    pub fn read(&self, mut parser: Parser) -> Result<Option<Given>> {
        let mut given = Given {
            line: Layer::new(Origin::Line),
            options: Vec::new(),
            positional: None,
        };
        while let Some(arg) = parser.next().map_err(usage)? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => {
                    return Ok(None);
                }
                Arg::Long(name) => {
                    let name = name.to_owned();
                    self.take(&name, &mut parser, &mut given)?;
                }
                Arg::Value(value) if self.positional.is_some() && given.positional.is_none() => {
                    given.positional = Some(value);
                }
                Arg::Value(value) => {
                    return Err(Error::usage(format!(
                        "unexpected argument {:?}: try --help",
                        value.to_string_lossy()
                    )));
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        Ok(Some(given))
    }

    /// Takes an option and its value.
    fn take(&self, name: &str, parser: &mut Parser, given: &mut Given) -> Result<()> {
        if let Some(option) = self.options.iter().find(|option| option.name == name) {
            let value = match option.argument {
                Some(_) => parser.value().map_err(usage)?,
                None => OsString::new(),
            };
            given.options.push((option.name, value));
            return Ok(());
        }
        let Some(row) = setting(name).filter(|row| self.takes(row.name)) else {
            let known: Vec<&str> = self.all_options().map(|option| option.name).collect();
            return Err(Error::usage(match nearest(name, known) {
                Some(near) => format!("unknown option --{name}: did you mean --{near}?"),
                None => format!("unknown option --{name}: try --help"),
            }));
        };
        let text = |value: OsString| value.string().map_err(usage);
        let value = match row.value {
            Value::Switch => "true".into(),
            Value::OptionalInteger(_, alone) => match parser.optional_value() {
                Some(value) => text(value)?,
                None => alone.into(),
            },
            _ => text(parser.value().map_err(usage)?)?,
        };
        given.line.set(name, value)
    }
}

impl Given {
    /// Whether a switch of the command is given.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The value of an option of the command.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the option, if the value is not one of its type.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>>
    where
        T::Err: Display,
    {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let bad = |error: &dyn Display| Error::usage(format!("--{name}: {error}"));
        let text = raw.to_str().ok_or_else(|| bad(&"is no valid Unicode"))?;
        text.parse().map(Some).map_err(|error| bad(&error))
    }

    /// The path that an option of the command names.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// The path that an option of the command must name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if it is missing.
    pub fn required_path(&self, name: &str) -> Result<PathBuf> {
        self.path(name).ok_or_else(|| missing(name))
    }

    /// The positional argument.
    pub fn positional(&self) -> Option<String> {
        let value = self.positional.as_ref()?;
        Some(value.to_string_lossy().into_owned())
    }

    /// The value that was given last.
    fn raw(&self, name: &str) -> Option<&OsString> {
        let mut options = self.options.iter().rev();
        options
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

fn missing(option: &str) -> Error {
    Error::usage(format!("--{option} is missing: try --help"))
}

pub(super) fn usage(error: lexopt::Error) -> Error {
    Error::usage(error.to_string())
}
