//! `posewire doctor`: what works on this board, and what to do about what does not.

use super::args::{Args, Item};
use super::say;
use crate::doctor::{Asked, Facts, Report, State};
use crate::error::{Error, Result};

const HELP: &str = "\
Say what works on this board, and what to do about what does not. Nothing is changed.

Usage: posewire doctor [OPTIONS]

  --board NAME             the board this is meant to be [what its device tree says]
  --model FILE             also look at a model or plan
  --source SOURCE          as in run [v4l2:auto]
  --serial DEVICE[:BAUD]   as in run [the board's line, only to warn]
  --json                   for scripts: version, board, and checks with check, state (ok, warning,
                           fail), what, advice and notes

Exit code: 1 if a check fails. Warnings do not count.

Example: posewire doctor --model hand.plan --serial /dev/ttyAMA0
";

pub fn main(mut args: Args) -> Result<()> {
    let mut asked = Asked::default();
    let mut json = false;
    while let Some(item) = args.next()? {
        let Item::Option(name) = &item else {
            return Err(Args::unknown(item));
        };
        match name.as_str() {
            "board" => asked.board = Some(args.value()?),
            "model" => asked.model = Some(args.path()?),
            "source" => asked.source = Some(args.value::<String>()?.parse()?),
            "serial" => asked.serial = Some(args.value::<String>()?.parse()?),
            "json" => json = true,
            "help" => {
                say!("{HELP}");
                return Ok(());
            }
            _ => return Err(Args::unknown(item)),
        }
    }
    let report = Report::make(&Facts::of_this_machine()?, &asked)?;
    if json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        say!("{text}");
    } else {
        print(&report);
    }
    match report.count(State::Fail) {
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
        report.count(State::Ok),
        report.count(State::Warning),
        report.count(State::Fail)
    );
}
