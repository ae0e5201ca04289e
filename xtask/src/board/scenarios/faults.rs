//! Camera faults.

use super::{in_sequence, longest_silence_ms};
use crate::board::running::{Board, SMALL_MODEL};
use crate::receiver::{Receiver, Seen};
use crate::tools::Outcome;
use posewire::wire::Flags;
use std::time::{Duration, Instant};

/// The program looks for a lost camera at least this often. Emulation may double the time.
const ALLOWED_RETURN: Duration = Duration::from_secs(2);
/// Time after which the flags must show a lost camera: the stale limit plus the overhead of emulation.
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
        let mut seen = receiver.collect(Duration::from_millis(100))?;
        if !seen.iter().any(Seen::is_keypoints) {
            let limit = board.within(Duration::from_secs(5));
            seen.extend(receiver.until("frame after a damaged one", limit, Seen::is_keypoints)?);
        }
        all.extend(seen);
    }
    board.must_live()?;
    in_sequence(&all)?;
    let frames = all.iter().filter(|seen| seen.is_keypoints()).count();
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
        times.push(returns(|| {
            receiver.drain()?;
            board.ask(&format!(
                "control {} inject_fatal_streaming_error 1",
                camera.capture
            ))?;
            let start = Instant::now();
            // Frames that were being captured may still arrive. A heartbeat shows that the stream has stopped.
            let limit = board.within(5 * ALLOWED_RETURN);
            receiver.wait_for("sign of the broken stream", limit, |seen| {
                !seen.is_keypoints() || start.elapsed() > Duration::from_millis(300)
            })?;
            let seen = receiver.wait_for("frame after it", limit, Seen::is_fresh)?;
            board.must_live()?;
            Ok((seen.at - start).as_secs_f64())
        })?);
    }
    Ok(format!("frames were back after {}", times.join(", ")))
}

/// Seconds from a fault to the next frame, as text. A busy machine may exceed the limit once, so the fault gets a
/// second try.
pub fn returns(mut fault: impl FnMut() -> Outcome<f64>) -> Outcome<String> {
    let allowed = ALLOWED_RETURN.as_secs_f64();
    let first = fault()?;
    if first <= allowed {
        return Ok(format!("{first:.2} s"));
    }
    let second = fault()?;
    if second <= allowed {
        return Ok(format!("{second:.2} s (at a first try {first:.2} s)"));
    }
    Err(format!(
        "frames were back only after {first:.2} s, and after {second:.2} s at a second try"
    ))
}

pub fn unplug(board: &mut Board) -> Outcome<String> {
    const AWAY: Duration = Duration::from_secs(5);
    let (camera, receiver) = board.stream_frames("")?;
    let mut told = String::new();
    let back = returns(|| {
        // The driver brings the device back when its last user closes it. This handle stands for the cable.
        board.ask(&format!("hold {}", camera.capture))?;
        receiver.drain()?;
        board.ask(&format!("control {} disconnect 1", camera.capture))?;
        let unplugged = Instant::now();
        let seen = receiver.collect(board.within(AWAY))?;
        board.must_live()?;
        told = told_away(&seen, unplugged)?;
        board.ask(&format!("release {}", camera.capture))?;
        back_after(board, &receiver)
    })?;
    Ok(format!("{told}, back after {back}"))
}

/// Checks the packets while the camera is away, and returns the figures as text.
pub fn told_away(seen: &[Seen], unplugged: Instant) -> Outcome<String> {
    in_sequence(seen)?;
    let ms = |time: Duration| 1000.0 * time.as_secs_f64();
    // Receive times are by this machine's clock, send times by the board's. The fastest packet gives the difference
    // of the clocks, so that transfer times do not count.
    let came_ms = |seen: &Seen| {
        ms(seen.at.saturating_duration_since(unplugged))
            - ms(unplugged.saturating_duration_since(seen.at))
    };
    let board_ms = |seen: &Seen| Some(seen.sent_us()? as f64 / 1000.0);
    let apart_ms = seen
        .iter()
        .filter_map(|seen| Some(came_ms(seen) - board_ms(seen)?))
        .fold(f64::INFINITY, f64::min);
    let sent_ms = |seen: &Seen| board_ms(seen).map_or(came_ms(seen), |sent| sent + apart_ms);
    let mut late = seen
        .iter()
        .filter(|seen| sent_ms(seen) > ms(ALLOWED_SILENCE));
    if let Some(fresh) = late
        .find(|seen| seen.is_keypoints() || !seen.has(Flags::STALE) || !seen.has(Flags::NO_CAMERA))
    {
        return Err(format!(
            "{:.0} ms after it was unplugged a packet said {:?}",
            sent_ms(fresh),
            fresh.packet.flags.names().collect::<Vec<_>>()
        ));
    }
    let told = seen
        .iter()
        .find(|seen| seen.has(Flags::NO_CAMERA))
        .ok_or("no packet said that the camera is away")?;
    // It may have been sent while this machine waited for the command's answer.
    let told_ms = sent_ms(told).max(0.0);
    Ok(format!(
        "said so after {told_ms:.0} ms, {} packets meanwhile, longest silence {:.0} ms",
        seen.len(),
        longest_silence_ms(seen)
    ))
}

pub fn late_camera(board: &mut Board) -> Outcome<String> {
    const HEARTBEATS: usize = 10;
    let mut waited_s = 0.0;
    let back = returns(|| {
        // The program of the first try.
        board.ask("clear")?;
        board.unload_camera()?;
        let receiver = Receiver::start(0)?;
        board.start_posewire("/dev/video0", SMALL_MODEL, receiver.port, "")?;
        let limit = board.within(Duration::from_secs(10));
        receiver.wait_for("heartbeat without a camera", limit, |seen| {
            !seen.is_keypoints() && seen.has(Flags::NO_CAMERA) && seen.has(Flags::STALE)
        })?;
        let start = Instant::now();
        let mut left = HEARTBEATS;
        let limit = board.within(Duration::from_secs(5));
        receiver.wait_for("tenth heartbeat", limit, |seen| {
            left -= usize::from(!seen.is_keypoints());
            left == 0
        })?;
        waited_s = start.elapsed().as_secs_f64();
        board.must_live()?;
        board.load_camera()?;
        back_after(board, &receiver)
    })?;
    Ok(format!(
        "{HEARTBEATS} heartbeats in {waited_s:.1} s before, frames {back} after the camera appeared"
    ))
}

/// Seconds to the next fresh frame.
pub fn back_after(board: &mut Board, receiver: &Receiver) -> Outcome<f64> {
    let start = Instant::now();
    receiver.drain()?;
    let limit = board.within(5 * ALLOWED_RETURN);
    let seen = receiver.until("frame of the camera that is back", limit, Seen::is_fresh)?;
    let back = start.elapsed().as_secs_f64();
    board.must_live()?;
    in_sequence(&seen)?;
    let frames = || seen.iter().filter(|seen| seen.is_keypoints());
    if frames().any(|seen| seen.has(Flags::NO_CAMERA)) {
        return Err("a frame says that there is no camera".into());
    }
    Ok(back)
}
