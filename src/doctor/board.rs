//! The board: named, recognised or generic.

use super::{Finding, Subject};
use crate::board::{self, Profile};
use crate::error::Result;

const CHECK: &str = "board";

/// The named board, else the board with this device tree, else the generic board for this processor.
pub(super) fn of(named: Option<&str>, model: Option<&str>) -> Result<Profile> {
    if let Some(name) = named {
        return board::find(name);
    }
    let boards = board::all()?;
    match model.and_then(|model| board::of_model(&boards, model)) {
        Some(board) => Ok(board.clone()),
        None => board::find(if cfg!(target_arch = "x86_64") {
            "generic-x86-64"
        } else if cfg!(target_arch = "arm") {
            "generic-armv7"
        } else {
            "generic-aarch64"
        }),
    }
}

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let board = subject.board;
    let fits = |model: &str| {
        let mut beginnings = board.device_tree.iter();
        beginnings.any(|beginning| model.starts_with(beginning.as_str()))
    };
    vec![match &subject.model {
        None => Finding::ok(
            CHECK,
            format!("{}: there is no device tree", of_profile(board)),
        ),
        Some(model) if fits(model) => {
            Finding::ok(CHECK, format!("{model}, profile {}", board.name))
        }
        Some(model) if subject.request.board.is_some() => Finding::warning(
            CHECK,
            format!("this is {model}, not {}", board.title),
            "give the --board that it is, or none",
        ),
        Some(model) => Finding::warning(
            CHECK,
            format!("{model} has no profile: {} is taken", board.name),
            "give --board, or write a profile: boards/README.md",
        ),
    }]
}

fn of_profile(board: &Profile) -> String {
    format!("{}, profile {}", board.title, board.name)
}
