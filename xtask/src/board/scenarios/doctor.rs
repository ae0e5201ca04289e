//! What `posewire doctor` says of this board, on a real kernel.

use crate::board::Outcome;
use crate::board::running::{Board, FULL_MODEL};

/// On an idle board every check is well; the camera is named when it is free and when it is not, and a
/// console on the serial line is found.
pub fn doctor(board: &mut Board) -> Outcome<String> {
    board.lone_camera()?;
    let idle = says(
        board,
        &format!("--model {FULL_MODEL}"),
        0,
        &["16 ok, 0 warning, 0 fail"],
    )?;
    says(
        board,
        "--serial /dev/ttyAMA0",
        1,
        &["fail     console", "messages on ttyAMA0"],
    )?;
    let (_, _receiver) = board.stream_frames("")?;
    says(
        board,
        "",
        0,
        &["warning  camera", "in use by posewire (process"],
    )?;
    let camera = idle.lines().find(|line| line.contains(" camera "));
    Ok(camera
        .unwrap_or_default()
        .trim_start_matches("ok ")
        .trim()
        .to_owned())
}

/// Runs it with these options: how it must end, and what it must say.
fn says(board: &mut Board, options: &str, code: i32, words: &[&str]) -> Outcome<String> {
    board.ask(&format!("spawn doctor /bin/posewire doctor {options}"))?;
    let ended = board.ask("wait doctor 20000")?;
    let text = board.ask("log doctor 60")?.replace('|', "\n");
    if ended.split_whitespace().next() != Some(&code.to_string()) {
        return Err(format!("doctor {options} ended with {ended}: {text}"));
    }
    match words.iter().find(|word| !text.contains(*word)) {
        None => Ok(text),
        Some(word) => Err(format!("doctor {options}: no {word:?} in {text}")),
    }
}
