//! The flow of frames without faults.

use super::{collect_frames, in_sequence, longest_silence_ms, must_flow};
use crate::board::pictures::{FORMATS, RAW_FORMATS};
use crate::board::running::{Board, FULL_MODEL, median};
use crate::receiver::{Receiver, Seen};
use crate::tools::Outcome;
use posewire::wire::Flags;
use std::time::{Duration, Instant};

/// Distance of visible joints, mean over the pictures and worst. A hand is about 200 px wide in them, and the model
/// itself is 4 to 15 px off.
const ALLOWED_MEAN_PX: f64 = 12.0;
const ALLOWED_WORST_PX: f64 = 20.0;
/// Mean distance of joints in a raw picture from those in the RGB one.
const ALLOWED_RAW_PX: f64 = 1.0;
/// Packets between a change of picture and the first that must show its joints.
const SETTLE_PACKETS: usize = 6;
/// Time that an emulated camera needs to be scheduled and to fill a buffer after it has noted the capture time.
const EMULATION_MS: f64 = 50.0;
/// 640 x 480 at 60 Hz.
const FRAME_MS: f64 = 1000.0 / 60.0;

pub fn boot(board: &mut Board) -> Outcome<String> {
    let started = Instant::now();
    let (_, _receiver) = board.stream_hands("")?;
    Ok(format!(
        "agent after {:.1} s ({:.1} s of the kernel's), keypoints {:.1} s after loading the camera, \
         {:.1} s after power-on",
        board.ready_after.as_secs_f64(),
        board.kernel_ready_ms() as f64 / 1000.0,
        started.elapsed().as_secs_f64(),
        board.switched_on.elapsed().as_secs_f64()
    ))
}

pub fn hands(board: &mut Board) -> Outcome<String> {
    let (_, receiver) = board.stream_hands("")?;
    shown_hands(board, &receiver, |index| {
        format!("show /pictures/{index}.YUYV")
    })
}

/// Shows each picture by a command and compares the joints with the truth.
pub fn shown_hands(
    board: &mut Board,
    receiver: &Receiver,
    show: impl Fn(usize) -> String,
) -> Outcome<String> {
    let mut errors = Vec::new();
    for index in 0..board.joints.len() {
        board.ask(&show(index))?;
        let error = settled_error(board, receiver, index)?;
        errors.push(error);
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let worst = errors.iter().copied().fold(0.0, f64::max);
    let figures = format!(
        "{} pictures, {mean:.1} px from the truth on average, {worst:.1} px on the worst",
        errors.len()
    );
    if mean > ALLOWED_MEAN_PX || worst > ALLOWED_WORST_PX {
        return Err(format!("{figures}: {errors:.1?}"));
    }
    Ok(figures)
}

/// Mean distance of visible joints from the truth of picture `index`, once the picture has arrived.
fn settled_error(board: &Board, receiver: &Receiver, index: usize) -> Outcome<f64> {
    mean_error(&settled(board, receiver)?, &board.joints[index])
}

/// A packet of a picture that was shown a while ago.
fn settled(board: &Board, receiver: &Receiver) -> Outcome<Seen> {
    receiver.drain()?;
    let mut left = SETTLE_PACKETS;
    let limit = board.within(Duration::from_secs(20));
    receiver.wait_for("settled keypoints", limit, |seen| {
        left = left.saturating_sub(usize::from(seen.is_keypoints()));
        left == 0 && seen.is_keypoints() && !seen.has(Flags::LOST)
    })
}

fn mean_error(seen: &Seen, truth: &[Option<[f64; 2]>]) -> Outcome<f64> {
    let packet = &seen.packet;
    if packet.keypoints().len() != truth.len() {
        return Err(format!("{} keypoints came", packet.keypoints().len()));
    }
    let mut distances = Vec::new();
    for (keypoint, truth) in packet.keypoints().iter().zip(truth) {
        let Some([x, y]) = truth else { continue };
        let (found_x, found_y) = keypoint
            .position_px(packet.unit)
            .ok_or("a visible joint was not found")?;
        distances.push((f64::from(found_x) - x).hypot(f64::from(found_y) - y));
    }
    Ok(distances.iter().sum::<f64>() / distances.len() as f64)
}

/// A camera that shows the first picture in a format, and the program on it.
fn start_in(board: &mut Board, format: &str, more: &str) -> Outcome<Receiver> {
    let camera = board.camera(format)?;
    let offered = board.ask(&format!("formats {}", camera.capture))?;
    if !offered.split_whitespace().any(|offer| offer == format) {
        return Err(format!("vivid has no {format}: {offered}"));
    }
    let receiver = Receiver::start(0)?;
    let more = format!("--camera-format {format} {more}");
    board.start_posewire(&camera.capture, FULL_MODEL, receiver.port, &more)?;
    Ok(receiver)
}

pub fn formats(board: &mut Board) -> Outcome<String> {
    let mut figures = Vec::new();
    for format in FORMATS {
        let receiver = start_in(board, format, "")?;
        let error =
            settled_error(board, &receiver, 0).map_err(|error| format!("{format}: {error}"))?;
        if error > ALLOWED_WORST_PX {
            return Err(format!(
                "{format}: joints are {error:.1} px away on average"
            ));
        }
        figures.push(format!("{format} {error:.1} px"));
        board.ask("clear")?;
    }
    Ok(figures.join(", "))
}

/// The first picture in every raw format against the same picture in RGB. The screen shows four samples for each pixel.
pub fn bayer(board: &mut Board) -> Outcome<String> {
    let region = around(&board.joints[0]);
    let mut positions = |format: &str| -> Outcome<Vec<Option<[f64; 2]>>> {
        // The same region for all, or a joint that moves by one step of the heatmap moves the next crop as well.
        let receiver = start_in(board, format, &format!("--bbox {region}"))?;
        // The white balance comes to rest in the first pictures.
        let settled = || settled(board, &receiver).map_err(|error| format!("{format}: {error}"));
        settled()?;
        let seen = settled()?;
        board.ask("clear")?;
        let packet = &seen.packet;
        let position = packet
            .keypoints()
            .iter()
            .map(|k| k.position_px(packet.unit));
        Ok(position
            .map(|at| at.map(|(x, y)| [x, y].map(f64::from)))
            .collect())
    };
    let rgb = positions("RGB3")?;
    let mut figures = Vec::new();
    for format in RAW_FORMATS {
        let raw = positions(format)?;
        let pairs = raw
            .iter()
            .zip(&rgb)
            .filter_map(|(raw, rgb)| Some(((*raw)?, (*rgb)?)));
        let away: Vec<f64> = pairs
            .map(|([x, y], rgb)| (x - rgb[0]).hypot(y - rgb[1]))
            .collect();
        if away.is_empty() {
            return Err(format!("{format}: no joint was found"));
        }
        let mean = away.iter().sum::<f64>() / away.len() as f64;
        figures.push(format!("{format} {mean:.2} px"));
        if mean > ALLOWED_RAW_PX {
            return Err(format!("too far from RGB: {}", figures.join(", ")));
        }
    }
    Ok(figures.join(", "))
}

/// The box around the visible joints, as `--bbox` takes it.
fn around(joints: &[Option<[f64; 2]>]) -> String {
    let side = |axis: usize| {
        let all = joints.iter().flatten().map(|joint| joint[axis]);
        let least = all.clone().fold(f64::MAX, f64::min);
        (least, all.fold(f64::MIN, f64::max) - least)
    };
    let ((x, width), (y, height)) = (side(0), side(1));
    format!("{x:.0},{y:.0},{width:.0},{height:.0}")
}

pub fn thousand(board: &mut Board) -> Outcome<String> {
    const FRAMES: usize = 1000;
    const SETTLED_AFTER: usize = 100;
    /// Allowed growth: the pages of a log line. A leaked frame takes hundreds.
    const ALLOWED_GROWTH_KIB: u64 = 64;
    let (_, receiver) = board.stream_frames("")?;
    let start = Instant::now();
    let mut all = Vec::new();
    let mut frames = 0;
    let mut before = None;
    while frames < FRAMES {
        let limit = board.within(Duration::from_secs(5));
        let seen = receiver.next(limit)?.ok_or("packets stopped")?;
        frames += usize::from(seen.is_keypoints());
        all.push(seen);
        if frames == SETTLED_AFTER && before.is_none() {
            before = Some(board.figures()?);
        }
    }
    let took = start.elapsed();
    let (before, after) = (before.ok_or("no figures")?, board.figures()?);
    in_sequence(&all)?;
    must_flow(&all)?;
    if after.fds != before.fds || after.rss_kib > before.rss_kib + ALLOWED_GROWTH_KIB {
        return Err(format!("from {before:?} to {after:?}"));
    }
    Ok(format!(
        "{:.1} frames/s, longest silence {:.0} ms, {} heartbeats, fds {} -> {}, rss {} -> {} KiB",
        FRAMES as f64 / took.as_secs_f64(),
        longest_silence_ms(&all),
        all.len() - frames,
        before.fds,
        after.fds,
        before.rss_kib,
        after.rss_kib
    ))
}

pub fn slow_consumer(board: &mut Board) -> Outcome<String> {
    let (_, receiver) = board.stream_hands("")?;
    receiver.drain()?;
    let seen = collect_frames(board, &receiver, Duration::from_secs(10), 10)?;
    in_sequence(&seen)?;
    // Capture and send time of each frame. The program is ready for the next frame when it has sent one.
    let frames_us: Vec<(u64, u64)> = seen
        .iter()
        .filter(|seen| seen.is_keypoints())
        .filter_map(|seen| Some((seen.packet.captured.mono_us, seen.sent_us()?)))
        .collect();
    let ms = |us: u64| us as f64 / 1000.0;
    // Time of the previous frame, and time that a frame waited for it.
    let rounds_ms: Vec<(f64, f64)> = frames_us
        .windows(3)
        .map(|frames| {
            let [(_, began), (_, ended), (captured, _)] = [frames[0], frames[1], frames[2]];
            (ms(ended - began), ms(ended.saturating_sub(captured)))
        })
        .collect();
    let work_ms = median(rounds_ms.iter().map(|round| round.0));
    let wait_ms = median(rounds_ms.iter().map(|round| round.1));
    let longest_ms = rounds_ms.iter().map(|round| round.1).fold(0.0, f64::max);
    let figures = format!(
        "a camera at 60/s, {:.1} packets/s; a frame takes {work_ms:.0} ms, before that it had waited \
         {wait_ms:.1} ms, at most {longest_ms:.1} ms",
        1000.0 / work_ms
    );
    if work_ms < 4.0 * FRAME_MS {
        return Err(format!("the network is not slow enough to tell: {figures}"));
    }
    // A busy machine may delay a frame and its successor. In a queue every frame waits for the previous one.
    if wait_ms > FRAME_MS + EMULATION_MS {
        return Err(format!("frames wait too long: {figures}"));
    }
    if let Some((took_ms, waited_ms)) = rounds_ms
        .into_iter()
        .find(|(took_ms, waited_ms)| *waited_ms > took_ms + EMULATION_MS)
    {
        return Err(format!(
            "a frame waited {waited_ms:.0} ms, of which the one before it took {took_ms:.0} ms: {figures}"
        ));
    }
    Ok(figures)
}
