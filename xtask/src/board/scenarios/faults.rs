//! Cameras that fail.

use super::{in_sequence, longest_silence_ms};
use crate::board::Outcome;
use crate::board::receiver::{Receiver, Seen};
use crate::board::running::{Board, SMALL_MODEL};
use posewire::wire::Flags;
use std::time::{Duration, Instant};

/// The program looks for a lost camera at least this often; emulation may add as much again.
const ALLOWED_RETURN: Duration = Duration::from_secs(2);
/// After this a camera that went away must show in the flags: the limit for stale frames, and what
/// emulation adds.
const ALLOWED_SILENCE: Duration = Duration::from_millis(1000);

pub fn error_flags(board: &mut Board) -> Outcome<String> {
    const PRESSES: u32 = 20;
    let (camera, receiver) = board.stream_frames("")?;
    receiver.drain()?;
    let mut all = Vec::new();
    for _ in 0..PRESSES {
        board.ask(&format!(
            "control {} inject_v4l2_buf_flag_error 1",
            camera.capture
        ))?;
        all.extend(receiver.collect(Duration::from_millis(100))?);
    }
    board.must_live()?;
    in_sequence(&all)?;
    let frames = all.iter().filter(|seen| seen.is_keypoints()).count();
    if frames < PRESSES as usize {
        return Err(format!("only {frames} frames while {PRESSES} were damaged"));
    }
    Ok(format!(
        "{PRESSES} damaged, {frames} frames, longest silence {:.0} ms",
        longest_silence_ms(&all)
    ))
}

pub fn dropped_frames(board: &mut Board) -> Outcome<String> {
    let (camera, receiver) = board.stream_frames("")?;
    receiver.drain()?;
    let rate = |seen: &[Seen], time: Duration| {
        seen.iter().filter(|seen| seen.is_keypoints()).count() as f64 / time.as_secs_f64()
    };
    let time = Duration::from_secs(3);
    let before = receiver.collect(time)?;
    board.ask(&format!(
        "control {} percentage_of_dropped_buffers 50",
        camera.capture
    ))?;
    let during = receiver.collect(time)?;
    board.must_live()?;
    in_sequence(&during)?;
    let figures = format!(
        "{:.1} frames/s, {:.1} with every other one dropped, longest silence {:.0} ms",
        rate(&before, time),
        rate(&during, time),
        longest_silence_ms(&during)
    );
    if !during.iter().any(Seen::is_keypoints) {
        return Err(format!("no frames: {figures}"));
    }
    Ok(figures)
}

pub fn fatal_error(board: &mut Board) -> Outcome<String> {
    let (camera, receiver) = board.stream_frames("")?;
    let mut times = Vec::new();
    for _ in 0..3 {
        receiver.drain()?;
        board.ask(&format!(
            "control {} inject_fatal_streaming_error 1",
            camera.capture
        ))?;
        let start = Instant::now();
        // Frames that were under way may still come; a heartbeat says that the stream has broken.
        let limit = board.within(2 * ALLOWED_RETURN);
        receiver.wait_for("sign of the broken stream", limit, |seen| {
            !seen.is_keypoints() || start.elapsed() > Duration::from_millis(300)
        })?;
        receiver.wait_for("frame after it", limit, Seen::is_keypoints)?;
        board.must_live()?;
        times.push(start.elapsed().as_secs_f64());
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    if worst > ALLOWED_RETURN.as_secs_f64() {
        return Err(format!("frames were back only after {worst:.1} s"));
    }
    Ok(format!(
        "{} times, frames were back after at most {worst:.2} s",
        times.len()
    ))
}

pub fn unplug(board: &mut Board) -> Outcome<String> {
    const AWAY: Duration = Duration::from_secs(5);
    let (camera, receiver) = board.stream_frames("")?;
    // The driver brings the device back when its last user closes it: this handle is the cable.
    board.ask(&format!("hold {}", camera.capture))?;
    receiver.drain()?;
    board.ask(&format!("control {} disconnect 1", camera.capture))?;
    let unplugged = Instant::now();
    let seen = receiver.collect(board.within(AWAY))?;
    board.must_live()?;
    let told = told_away(&seen, unplugged)?;
    board.ask(&format!("release {}", camera.capture))?;
    let back = back_after(board, &receiver)?;
    Ok(format!("{told}, back after {back:.2} s"))
}

/// Checks what packets say while the camera is away, and puts it into words.
pub fn told_away(seen: &[Seen], unplugged: Instant) -> Outcome<String> {
    in_sequence(seen)?;
    let late: Vec<&Seen> = seen
        .iter()
        .filter(|seen| seen.at > unplugged + ALLOWED_SILENCE)
        .collect();
    if let Some(fresh) = late
        .iter()
        .find(|seen| seen.is_keypoints() || !seen.has(Flags::STALE) || !seen.has(Flags::NO_CAMERA))
    {
        return Err(format!(
            "{:.1} s after it was unplugged a packet said {:?}",
            (fresh.at - unplugged).as_secs_f64(),
            fresh.packet.flags.names().collect::<Vec<_>>()
        ));
    }
    let told = seen
        .iter()
        .find(|seen| seen.has(Flags::NO_CAMERA))
        .ok_or("no packet said that the camera is away")?;
    let told_ms = 1000.0 * (told.at - unplugged).as_secs_f64();
    Ok(format!(
        "said so after {told_ms:.0} ms, {} packets meanwhile, longest silence {:.0} ms",
        seen.len(),
        longest_silence_ms(seen)
    ))
}

pub fn late_camera(board: &mut Board) -> Outcome<String> {
    board.unload_camera()?;
    let receiver = Receiver::start(0)?;
    board.start_posewire("/dev/video0", SMALL_MODEL, receiver.port, "")?;
    let limit = board.within(Duration::from_secs(10));
    receiver.wait_for("heartbeat without a camera", limit, |seen| {
        !seen.is_keypoints() && seen.has(Flags::NO_CAMERA) && seen.has(Flags::STALE)
    })?;
    let waiting = receiver.collect(Duration::from_secs(2))?;
    board.must_live()?;
    if waiting.len() < 10 {
        return Err(format!("only {} heartbeats in 2 s", waiting.len()));
    }
    board.load_camera()?;
    let back = back_after(board, &receiver)?;
    Ok(format!(
        "{} heartbeats in 2 s before, frames {back:.2} s after the camera appeared",
        waiting.len()
    ))
}

/// Seconds until the next frame, which must not be many.
pub fn back_after(board: &mut Board, receiver: &Receiver) -> Outcome<f64> {
    let start = Instant::now();
    receiver.drain()?;
    let limit = board.within(5 * ALLOWED_RETURN);
    let seen = receiver.wait_for(
        "frame of the camera that is back",
        limit,
        Seen::is_keypoints,
    )?;
    board.must_live()?;
    if seen.has(Flags::NO_CAMERA) || seen.has(Flags::STALE) {
        return Err("the first frame says that there is no camera, or is stale".into());
    }
    let back = (seen.at - start).as_secs_f64();
    if back > ALLOWED_RETURN.as_secs_f64() {
        return Err(format!("frames came only after {back:.1} s"));
    }
    Ok(back)
}
