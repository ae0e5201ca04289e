//! `posewire doctor`: what works on this board, and what to do about what does not.

use super::command::{Accepts, Command, CommandOption, Given};
use super::{say, say_lines};
use crate::doctor::{Facts, Report, Request, Severity};
use crate::error::{Error, Result};

pub const COMMAND: Command = Command {
    name: "doctor",
    summary: "say what works on this board, and what to do about what does not",
    about: "Say what works on this board, and what to do about what does not. Nothing is changed.",
    usage: &["[OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "board",
            argument: Some("NAME"),
            default: None,
            help: "the board this is meant to be; if not given, what its device tree says",
        },
        CommandOption {
            name: "model",
            argument: Some("FILE"),
            default: None,
            help: "also look at a model or plan",
        },
        CommandOption {
            name: "source",
            argument: Some("SOURCE"),
            default: Some("v4l2:auto"),
            help: "as in run",
        },
        CommandOption {
            name: "serial",
            argument: Some("DEVICE[:BAUD]"),
            default: None,
            help: "as in run; if not given, the board's line, only to warn",
        },
        CommandOption {
            name: "json",
            argument: None,
            default: None,
            help: "for scripts: version, board, and checks with check, state (ok, warning, fail), what, \
                   advice and notes",
        },
    ],
    settings: Accepts::These(&[]),
    notes: "Exit code: 1 if a check fails. Warnings do not count.",
    examples: &["--model hand.plan --serial /dev/ttyAMA0"],
    run,
};

fn run(given: Given) -> Result<()> {
    let request = Request {
        board: given.value("board")?,
        model: given.path("model"),
        source: given.value("source")?,
        serial: given.value("serial")?,
    };
    let report = Report::make(&Facts::of_this_machine()?, &request)?;
    if given.has("json") {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        say_lines(text.lines());
    } else {
        print(&report);
    }
    match report.count(Severity::Fail) {
        0 => Ok(()),
        fails => Err(Error::unfit(fails)),
    }
}

fn print(report: &Report) {
    const INDENT: usize = 22;
    for finding in &report.checks {
        say!(
            "{:<8} {:<12} {}",
            finding.state.name(),
            finding.check,
            finding.what
        );
        if let Some(advice) = &finding.advice {
            say!("{:INDENT$}=> {advice}", "");
        }
        for note in &finding.notes {
            say!("{:INDENT$}- {note}", "");
        }
    }
    say!(
        "{} ok, {} warning, {} fail",
        report.count(Severity::Ok),
        report.count(Severity::Warning),
        report.count(Severity::Fail)
    );
}
