//! Checks of a board, with a remedy for each fault.
//!
//! In: [`Facts`] about a machine, and the settings of a run. Out: a [`Report`] with one or more [`Finding`]s from
//! each check, in a fixed order. The checks change nothing: they read files and query devices. Facts may contain
//! anything; a check reports facts that it does not understand as unknown.

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
use crate::text::Shown;
use serde::Serialize;
use std::path::PathBuf;

/// The settings of a planned run. Missing settings are those of `run`: a camera.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub board: Option<String>,
    pub model: Option<PathBuf>,
    pub source: Option<SourceSpec>,
    pub serial: Option<SerialSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Ok,
    /// It works, but not well, or it may fail.
    Warning,
    /// It does not work.
    Fail,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check. It never changes, because scripts read it.
    pub check: &'static str,
    pub state: Severity,
    pub what: String,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Further facts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Finding {
    fn ok(check: &'static str, what: impl AsRef<str>) -> Self {
        Finding {
            check,
            state: Severity::Ok,
            what: printable(what.as_ref()),
            advice: None,
            notes: Vec::new(),
        }
    }

    fn warning(check: &'static str, what: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Finding {
            state: Severity::Warning,
            advice: Some(printable(advice.as_ref())),
            ..Finding::ok(check, what)
        }
    }

    fn fail(check: &'static str, what: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Finding {
            state: Severity::Fail,
            ..Finding::warning(check, what, advice)
        }
    }

    /// A failure if the user asked for the item, else a warning.
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

/// Escaped and cut: device names and files may contain anything, and reports go to terminals, in JSON too.
fn printable(text: &str) -> String {
    let text = Shown(text.trim()).to_string();
    match text.char_indices().nth(MAX_FINDING_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Input of the checks.
struct Subject<'a> {
    facts: &'a Facts,
    request: &'a Request,
    /// The named board, or the recognised one.
    board: &'a Profile,
    /// Model in the device tree, if there is one.
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

/// The result of all checks.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of the report format.
    pub version: u32,
    pub board: String,
    pub checks: Vec<Finding>,
}

impl Report {
    /// Runs all checks.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if the named board is unknown.
    pub fn make(facts: &Facts, request: &Request) -> Result<Report> {
        let model = facts.files.text("/proc/device-tree/model");
        let board = board::of(request.board.as_deref(), model.as_deref())?;
        let subject = Subject {
            facts,
            request,
            board: &board,
            model,
        };
        Ok(Report {
            version: 1,
            checks: CHECKS.iter().flat_map(|check| check(&subject)).collect(),
            board: board.name,
        })
    }

    pub fn count(&self, state: Severity) -> usize {
        self.checks
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    }
}
