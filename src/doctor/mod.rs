//! What works on this board, and what to do about what does not.
//!
//! In: [`Facts`] about a machine, and what somebody wants to run on it. Out: a [`Report`], one
//! [`Finding`] or more from each check, in a fixed order. Nothing is changed: files are read, devices are
//! asked what they are. Facts may hold anything; what cannot be understood is said to be unknown.

mod board;
mod camera;
mod clock;
mod console;
mod cpu;
mod facts;
#[cfg(test)]
mod fake;
mod governor;
mod memory;
mod model;
mod permissions;
mod realtime;
mod sandbox;
mod serial;
#[cfg(test)]
mod tests;
mod thermal;

pub use facts::Facts;

use crate::board::Profile;
use crate::error::Result;
use crate::limits::MAX_FINDING_CHARS;
use crate::serial::SerialSpec;
use crate::source::SourceSpec;
use serde::Serialize;
use std::path::PathBuf;

/// What somebody wants to run. What is not said is what `run` would want: a camera.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub board: Option<String>,
    pub model: Option<PathBuf>,
    pub source: Option<SourceSpec>,
    pub serial: Option<SerialSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// It works, but not as well as it could, or perhaps not.
    Warning,
    /// It does not work.
    Fail,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name. Scripts read it: it does not change.
    pub check: &'static str,
    pub state: State,
    pub what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What to know about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Finding {
    fn ok(check: &'static str, what: impl AsRef<str>) -> Self {
        Finding {
            check,
            state: State::Ok,
            what: printable(what.as_ref()),
            advice: None,
            notes: Vec::new(),
        }
    }

    fn warning(check: &'static str, what: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Finding {
            state: State::Warning,
            advice: Some(printable(advice.as_ref())),
            ..Finding::ok(check, what)
        }
    }

    fn fail(check: &'static str, what: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Finding {
            state: State::Fail,
            ..Finding::warning(check, what, advice)
        }
    }

    /// A failure of what was asked for, or a warning about what might be.
    fn bad(
        was_asked: bool,
        check: &'static str,
        what: impl AsRef<str>,
        advice: impl AsRef<str>,
    ) -> Self {
        let bad = if was_asked {
            Finding::fail
        } else {
            Finding::warning
        };
        bad(check, what.as_ref(), advice.as_ref())
    }
}

/// Devices choose their own names, files hold anything, and reports go to terminals.
fn printable(text: &str) -> String {
    let text = text.trim().replace(char::is_control, "?");
    match text.char_indices().nth(MAX_FINDING_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// What the checks look at.
struct Subject<'a> {
    facts: &'a Facts,
    asked: &'a Asked,
    /// The board that was named, or that this one seems to be.
    board: &'a Profile,
    /// Its device tree's model, where there is one.
    model: Option<String>,
}

/// The checks, in the order of their lines.
const CHECKS: [fn(&Subject<'_>) -> Vec<Finding>; 15] = [
    board::check,
    cpu::check,
    governor::check,
    thermal::check,
    memory::check,
    memory::check_cgroup,
    clock::check,
    permissions::check,
    camera::check,
    serial::check,
    console::check,
    sandbox::check,
    realtime::check,
    realtime::check_memory,
    model::check,
];

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Of this format.
    pub version: u32,
    pub board: String,
    pub checks: Vec<Finding>,
}

impl Report {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if the board that was named is not known.
    pub fn make(facts: &Facts, asked: &Asked) -> Result<Report> {
        let model = facts.text("/proc/device-tree/model");
        let board = board::of(asked.board.as_deref(), model.as_deref())?;
        let subject = Subject {
            facts,
            asked,
            board: &board,
            model,
        };
        Ok(Report {
            version: 1,
            checks: CHECKS.iter().flat_map(|check| check(&subject)).collect(),
            board: board.name,
        })
    }

    pub fn count(&self, state: State) -> usize {
        self.checks
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    }
}
