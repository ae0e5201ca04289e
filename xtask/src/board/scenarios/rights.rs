//! What the program gives up on a real kernel for boards.

use super::in_sequence;
use crate::board::Outcome;
use crate::board::running::{Board, SERIAL};
use std::time::Duration;

/// As the agent gives them, of a thread that has no rights left.
const NO_RIGHTS: [&str; 5] = [
    "CapPrm:0000000000000000",
    "CapEff:0000000000000000",
    "CapAmb:0000000000000000",
    "NoNewPrivs:1",
    "Seccomp:2",
];

pub fn sandbox(board: &mut Board) -> Outcome<String> {
    let options = format!("--threads 2 --sandbox strict --serial {SERIAL}:115200");
    let (_, receiver) = board.stream_frames(&options)?;
    let said = board.ask("log posewire 1000")?;
    let level = said
        .split('|')
        .find_map(|line| Some(line.split_once("sandbox: ")?.1))
        .ok_or("the log does not say what holds")?
        .to_string();
    for part in [
        "seccomp (",
        "landlock ABI ",
        "no_new_privs",
        "no capabilities",
    ] {
        if !level.contains(part) {
            return Err(format!("no {part:?} in {level:?}"));
        }
    }
    let rights = board.ask("rights posewire")?;
    let threads: Vec<&str> = rights.split('|').collect();
    for thread in &threads {
        let words: Vec<&str> = thread.split_whitespace().collect();
        if let Some(missing) = NO_RIGHTS.iter().find(|right| !words.contains(right)) {
            return Err(format!("a thread has no {missing}: {thread}"));
        }
    }
    // The main thread, the camera's, a worker, and the one that looks for overruns.
    if threads.len() < 4 {
        return Err(format!("there are only {} threads", threads.len()));
    }
    in_sequence(&receiver.collect(board.within(Duration::from_secs(2)))?)?;
    board.must_live()?;
    Ok(format!("{level}; {} threads", threads.len()))
}
