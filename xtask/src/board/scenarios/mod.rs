//! The scenarios. Each starts from an idle board and returns its figures.

mod doctor;
mod faults;
mod flow;
mod lines;
mod rights;
mod storm;
mod usb;

use super::running::Board;
use crate::receiver::{Receiver, Seen};
use crate::tools::Outcome;
use posewire::wire::Flags;
use std::time::Duration;

/// The program's stale limit.
const STALE_AFTER_US: u32 = 500_000;

pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub limit: Duration,
    pub run: fn(&mut Board) -> Outcome<String>,
}

const fn scenario(
    name: &'static str,
    about: &'static str,
    limit_s: u64,
    run: fn(&mut Board) -> Outcome<String>,
) -> Scenario {
    Scenario {
        name,
        about,
        limit: Duration::from_secs(limit_s),
        run,
    }
}

pub const SCENARIOS: &[Scenario] = &[
    scenario(
        "boot",
        "from power-on to the first keypoints",
        60,
        flow::boot,
    ),
    scenario(
        "loop",
        "a hand on the screen, its joints on the wire",
        90,
        flow::hands,
    ),
    scenario(
        "serial",
        "the same packets over the serial line",
        60,
        lines::serial,
    ),
    scenario(
        "sandbox",
        "what the program can still do",
        60,
        rights::sandbox,
    ),
    scenario(
        "realtime",
        "threads before all others, memory locked",
        60,
        rights::realtime,
    ),
    scenario(
        "formats",
        "every pixel format of the camera that is read",
        120,
        flow::formats,
    ),
    scenario(
        "bayer",
        "every raw Bayer format of the camera, against RGB",
        600,
        flow::bayer,
    ),
    scenario(
        "thousand",
        "1,000 frames in sequence, nothing grows",
        120,
        flow::thousand,
    ),
    scenario(
        "error-flags",
        "buffers that the driver marks as damaged",
        60,
        faults::error_flags,
    ),
    scenario(
        "dropped-frames",
        "the driver drops every other frame",
        40,
        faults::dropped_frames,
    ),
    scenario(
        "fatal-error",
        "the driver stops the stream for good",
        90,
        faults::fatal_error,
    ),
    scenario("unplug", "the camera is away for 5 s", 60, faults::unplug),
    scenario(
        "late-camera",
        "the camera appears after the program started",
        90,
        faults::late_camera,
    ),
    scenario(
        "late-receiver",
        "nobody listens for 3 s",
        40,
        lines::late_receiver,
    ),
    scenario(
        "serial-jam",
        "nobody reads the serial line",
        120,
        lines::serial_jam,
    ),
    scenario(
        "sigterm",
        "a last packet, and an orderly end",
        40,
        lines::sigterm,
    ),
    scenario(
        "doctor",
        "what posewire doctor says of the board",
        90,
        doctor::doctor,
    ),
    scenario(
        "storm",
        "200 faults of all kinds in one run",
        180,
        storm::storm,
    ),
    scenario(
        "slow-consumer",
        "the camera is faster than the network",
        120,
        flow::slow_consumer,
    ),
    scenario(
        "usb-camera",
        "a hand before a USB camera that sends JPEGs",
        90,
        usb::hands,
    ),
    scenario(
        "usb-unplug",
        "a USB camera is pulled out and put back",
        60,
        usb::unplug,
    ),
    scenario(
        "usb-damage",
        "JPEGs that are cut, garbled, flagged or missing",
        60,
        usb::damage,
    ),
];

/// Packets of a period, extended until it has so many frames.
fn collect_frames(
    board: &Board,
    receiver: &Receiver,
    time: Duration,
    frames: usize,
) -> Outcome<Vec<Seen>> {
    let mut all = receiver.collect(board.within(time))?;
    while all.iter().filter(|seen| seen.is_keypoints()).count() < frames {
        let limit = board.within(Duration::from_secs(10));
        all.extend(receiver.until("frame", limit, Seen::is_keypoints)?);
    }
    Ok(all)
}

/// Gaps between packets, in milliseconds of the board's clock.
fn silences_ms(seen: &[Seen]) -> impl Iterator<Item = f64> {
    let sent_us = || seen.iter().filter_map(Seen::sent_us);
    let pairs = sent_us().zip(sent_us().skip(1));
    pairs.map(|(before, now)| now.saturating_sub(before) as f64 / 1000.0)
}

/// The longest gap between packets, in milliseconds.
fn longest_silence_ms(seen: &[Seen]) -> f64 {
    silences_ms(seen).fold(0.0, f64::max)
}

/// Returns an error if the stream pauses; a heartbeat is due every 100 ms. A busy machine may suspend the emulated
/// board for longer now and then. A blocked stream pauses repeatedly or for long.
fn must_flow(seen: &[Seen]) -> Outcome<()> {
    const LONG_MS: f64 = 500.0;
    const MOST_LONG: usize = 3;
    const LONGEST_MS: f64 = 3000.0;
    let long: Vec<f64> = silences_ms(seen).filter(|&ms| ms > LONG_MS).collect();
    if long.len() > MOST_LONG || long.iter().any(|&ms| ms > LONGEST_MS) {
        return Err(format!("silences of {long:.0?} ms"));
    }
    Ok(())
}

/// Returns an error unless all packets are of one session without gaps, frames only go forward, and no old frame is
/// sent as fresh.
fn in_sequence(seen: &[Seen]) -> Outcome<()> {
    let mut last = None;
    for frame in seen.iter().filter(|seen| seen.is_keypoints()) {
        let now = frame.packet.frame_index;
        if let Some(last) = last.filter(|&last| now <= last) {
            return Err(format!("frame {now} came after frame {last}"));
        }
        last = Some(now);
        if frame.packet.age_us > STALE_AFTER_US && !frame.has(Flags::STALE) {
            return Err(format!(
                "frame {now} was {} us old and not marked as stale",
                frame.packet.age_us
            ));
        }
    }
    for pair in seen.windows(2) {
        let [before, after] = [&pair[0].packet, &pair[1].packet];
        if after.session != before.session {
            return Err("the program was restarted".into());
        }
        if after.sequence != before.sequence.wrapping_add(1) {
            return Err(format!(
                "packet {} came after packet {}",
                after.sequence, before.sequence
            ));
        }
    }
    Ok(())
}
