//! A USB camera behind the kernel's own driver.

use super::faults::{back_after, returns, told_away};
use super::flow::shown_hands;
use super::{in_sequence, longest_silence_ms};
use crate::board::running::{Board, FULL_MODEL, SMALL_MODEL};
use crate::receiver::Seen;
use crate::tools::Outcome;
use std::time::{Duration, Instant};

pub fn hands(board: &mut Board) -> Outcome<String> {
    let (_, receiver) = board.stream_usb(FULL_MODEL)?;
    shown_hands(board, &receiver, |index| {
        format!("usb show /pictures/{index}.JPEG")
    })
}

pub fn unplug(board: &mut Board) -> Outcome<String> {
    const AWAY: Duration = Duration::from_secs(4);
    let (camera, receiver) = board.stream_usb(SMALL_MODEL)?;
    let mut told = String::new();
    let back = returns(|| {
        receiver.drain()?;
        board.ask("usb unplug")?;
        let unplugged = Instant::now();
        let seen = receiver.collect(board.within(AWAY))?;
        board.must_live()?;
        told = told_away(&seen, unplugged)?;
        let nodes = board.ask("nodes")?;
        if nodes.contains(&camera.capture) {
            return Err(format!("the device file is still there: {nodes}"));
        }
        board.ask("usb plug /pictures/0.JPEG")?;
        back_after(board, &receiver)
    })?;
    Ok(format!("{told}, back after {back}"))
}

pub fn damage(board: &mut Board) -> Outcome<String> {
    const FRAMES: u32 = 15;
    let (_, receiver) = board.stream_usb(SMALL_MODEL)?;
    receiver.drain()?;
    let before = board.figures()?;
    let mut all = Vec::new();
    for fault in ["cut", "garbage", "flagged", "missing"] {
        board.ask(&format!("usb spoil {fault} {FRAMES}"))?;
        all.extend(receiver.collect(Duration::from_secs(1))?);
        let limit = board.within(Duration::from_secs(5));
        all.extend(
            receiver
                .until("frame", limit, Seen::is_keypoints)
                .map_err(|error| format!("after {fault} frames: {error}"))?,
        );
        board.must_live()?;
    }
    let after = board.figures()?;
    in_sequence(&all)?;
    let frames: Vec<Seen> = all.into_iter().filter(Seen::is_keypoints).collect();
    if after.fds != before.fds {
        return Err(format!("from {before:?} to {after:?}"));
    }
    Ok(format!(
        "4 kinds, {FRAMES} frames each: {} good frames, longest wait for one {:.0} ms",
        frames.len(),
        longest_silence_ms(&frames)
    ))
}
