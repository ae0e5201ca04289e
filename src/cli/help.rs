//! Help of the program and of its commands.

use super::command::{Accepts, AnyOption, Command};
use super::commands;
use crate::settings::Group;
use std::fmt::Write as _;

/// Longer lines are broken.
const LINE_CHARS: usize = 100;
/// The column of help texts. Longer options stand on a line of their own.
const COLUMN: usize = 24;

pub(super) const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 doctor found a failure, 2 command line, 3 configuration, 4 model,
5 inference, 6 source, 7 sink, 8 data file, 9 memory budget,
10 sandbox, 101 a bug.
";

/// The help of the program.
pub fn of_program() -> String {
    let mut text = String::from(
        "posewire: hand and body keypoints from a camera to a robot\n\n\
         Usage: posewire COMMAND [OPTIONS]\n\nCommands:\n",
    );
    for command in commands() {
        let _ = writeln!(text, "  {:<8} {}", command.name, command.summary);
    }
    text += "\n`posewire COMMAND --help` has the options and an example.\n\n";
    text + EXIT_CODES
}

/// The help of a command.
pub fn of(command: &Command) -> String {
    let mut text = format!("{}\n\n", command.about);
    lines(&mut text, "Usage: ", command.name, command.usage);
    if !command.options.is_empty() {
        text.push('\n');
        for option in command.options {
            option_line(&mut text, &option.into());
        }
    }
    match command.settings {
        Accepts::All => {
            for group in Group::ALL {
                let _ = write!(text, "\n{}:\n", group.title());
                for row in command.rows().filter(|row| row.group == group) {
                    option_line(&mut text, &row.into());
                }
            }
        }
        Accepts::AllOfRun => {}
        Accepts::These(_) => {
            if command.options.is_empty() {
                text.push('\n');
            }
            for row in command.rows() {
                option_line(&mut text, &row.into());
            }
        }
    }
    if !command.notes.is_empty() {
        let _ = write!(text, "\n{}\n", command.notes);
    }
    text.push('\n');
    lines(&mut text, "Example: ", command.name, command.examples);
    text
}

/// The option and its argument, as help and the man page show them.
pub fn synopsis(option: &AnyOption) -> String {
    let name = option.name;
    match option.argument {
        None => format!("--{name}"),
        Some(argument) if option.argument_is_optional => format!("--{name}[={argument}]"),
        Some(argument) => format!("--{name} {argument}"),
    }
}

/// The help of an option, and its default.
pub fn sentence(option: &AnyOption) -> String {
    match option.default {
        Some(default) => format!("{} [{default}]", option.help),
        None => option.help.to_owned(),
    }
}

/// A line for each call; the first begins with `word`.
fn lines(text: &mut String, word: &str, command: &str, calls: &[&str]) {
    let indent = " ".repeat(word.len());
    for (index, arguments) in calls.iter().enumerate() {
        let start = if index == 0 { word } else { &indent };
        let line = format!("{start}posewire {command} {arguments}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn option_line(text: &mut String, option: &AnyOption) {
    let mut line = format!("  {}", synopsis(option));
    if line.len() + 2 > COLUMN {
        let _ = writeln!(text, "{line}");
        line.clear();
    }
    line = format!("{line:COLUMN$}");
    let mut is_first = true;
    for word in sentence(option).split(' ') {
        if line.len() + 1 + word.len() > LINE_CHARS {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(COLUMN);
            is_first = true;
        }
        if !is_first {
            line.push(' ');
        }
        line += word;
        is_first = false;
    }
    let _ = writeln!(text, "{line}");
}
