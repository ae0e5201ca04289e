//! The findings of `posewire doctor` on this board, on a real kernel.

use crate::board::running::{Board, FULL_MODEL};
use crate::tools::Outcome;

/// Every check passes on an idle board. Doctor names the camera, free or busy, and finds a console on the serial
/// line.
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

/// Runs doctor with these options, and checks its exit code and its words.
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
