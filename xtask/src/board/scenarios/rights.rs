//! The rights that the program drops on a real board kernel.

use super::in_sequence;
use crate::board::running::{Board, SERIAL};
use crate::tools::Outcome;
use std::time::Duration;

/// The agent's words for a thread without rights.
const NO_RIGHTS: [&str; 5] = [
    "CapPrm:0000000000000000",
    "CapEff:0000000000000000",
    "CapAmb:0000000000000000",
    "NoNewPrivs:1",
    "Seccomp:2",
];

/// A thread's name, its policy and its priority with `--realtime=9`.
const SCHEDULED: [(&str, [&str; 2]); 4] = [
    ("Name:posewire", ["Policy:1", "Priority:9"]),
    ("Name:posewire-1", ["Policy:1", "Priority:9"]),
    ("Name:capture", ["Policy:1", "Priority:10"]),
    ("Name:overruns", ["Policy:0", "Priority:0"]),
];

pub fn realtime(board: &mut Board) -> Outcome<String> {
    let (_, receiver) = board.stream_frames("--threads 2 --realtime=9")?;
    let rights = board.ask("rights posewire")?;
    let threads: Vec<Vec<&str>> = rights
        .split('|')
        .map(|thread| thread.split_whitespace().collect())
        .collect();
    for (name, wanted) in SCHEDULED {
        let thread = threads.iter().find(|words| words.contains(&name));
        let thread = thread.ok_or_else(|| format!("no thread has {name}: {rights}"))?;
        if let Some(missing) = wanted.iter().find(|word| !thread.contains(word)) {
            return Err(format!("{name} has not {missing}: {thread:?}"));
        }
    }
    let locked_kib: u64 = threads
        .iter()
        .flatten()
        .find_map(|word| {
            word.strip_prefix("VmLck:")?
                .strip_suffix("kB")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    if locked_kib < 4096 {
        return Err(format!("only {locked_kib} KiB are locked"));
    }
    in_sequence(&receiver.collect(board.within(Duration::from_secs(2)))?)?;
    board.must_live()?;
    Ok(format!(
        "{} threads at their priorities, {locked_kib} KiB locked",
        threads.len()
    ))
}

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
    // Threads: main, capture, one worker, stage watch.
    if threads.len() < 4 {
        return Err(format!("there are only {} threads", threads.len()));
    }
    in_sequence(&receiver.collect(board.within(Duration::from_secs(2)))?)?;
    board.must_live()?;
    Ok(format!("{level}; {} threads", threads.len()))
}
