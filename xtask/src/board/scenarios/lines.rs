//! Outputs: network, serial line, and the end of the program.

use super::{collect_frames, in_sequence, longest_silence_ms, must_flow};
use crate::board::running::{Board, SERIAL, SMALL_MODEL};
use crate::board::serial::Deframer;
use crate::receiver::{Receiver, Seen};
use crate::tools::Outcome;
use posewire::wire::Flags;
use std::io::Read;
use std::time::{Duration, Instant};

const BAUD: u32 = 115_200;
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub fn serial(board: &mut Board) -> Outcome<String> {
    let (_, receiver) = board.stream_frames(&options())?;
    receiver.drain()?;
    let mut deframer = Deframer::default();
    read_serial(board, &mut deframer, Duration::from_secs(4));
    let by_network = receiver.drain()?;
    let mut same = 0;
    for packet in &deframer.packets {
        if let Some(twin) = by_network
            .iter()
            .find(|seen| seen.packet.sequence == packet.sequence)
        {
            if twin.packet != *packet {
                return Err(format!("packet {} differs", packet.sequence));
            }
            same += 1;
        }
    }
    let figures = format!(
        "{} packets by serial line, {} by network, {same} on both, {} damaged",
        deframer.packets.len(),
        by_network.len(),
        deframer.damaged
    );
    if same < 20 || deframer.damaged > 0 {
        return Err(figures);
    }
    Ok(figures)
}

pub fn serial_jam(board: &mut Board) -> Outcome<String> {
    const JAMMED: Duration = Duration::from_secs(8);
    let (_, receiver) = board.stream_frames(&options())?;
    receiver.drain()?;
    let during = collect_frames(board, &receiver, JAMMED, 40)?;
    board.must_live()?;
    in_sequence(&during)?;
    must_flow(&during).map_err(|error| format!("the network suffers: {error}"))?;
    let frames = during.iter().filter(|seen| seen.is_keypoints()).count();
    let drained = board.machine.drain_serial();
    let mut after = Deframer::default();
    read_serial(board, &mut after, Duration::from_secs(3));
    let newest = receiver.drain()?;
    let last_by_network = newest.last().ok_or("packets stopped")?.packet.sequence;
    let last_by_line = after
        .packets
        .last()
        .ok_or("the serial line did not come back")?
        .sequence;
    // Bytes in the kernel's buffers are older and must be gone by now.
    if last_by_line + 30 < last_by_network {
        return Err(format!(
            "the serial line is at packet {last_by_line}, the network at {last_by_network}"
        ));
    }
    Ok(format!(
        "{frames} frames by network meanwhile, longest silence {:.0} ms; {drained} bytes had \
         filled the line, {} packets after it, {} damaged",
        longest_silence_ms(&during),
        after.packets.len(),
        after.damaged
    ))
}

fn options() -> String {
    format!("--serial {SERIAL}:{BAUD}")
}

fn read_serial(board: &mut Board, deframer: &mut Deframer, time: Duration) {
    let start = Instant::now();
    let mut buffer = [0; 4096];
    while start.elapsed() < time {
        match board.machine.serial.read(&mut buffer) {
            Ok(bytes @ 1..) => deframer.feed(&buffer[..bytes]),
            _ => std::thread::sleep(LOOK_EVERY),
        }
    }
}

pub fn late_receiver(board: &mut Board) -> Outcome<String> {
    const TRIES: usize = 3;
    let mut receiver = Err("not tried".into());
    for _ in 0..TRIES {
        let camera = board.lone_camera()?;
        let port = Receiver::start(0)?.port;
        board.start_posewire(&camera.capture, SMALL_MODEL, port, "")?;
        std::thread::sleep(Duration::from_secs(3));
        board.must_live()?;
        receiver = Receiver::start(port);
        if receiver.is_ok() {
            break;
        }
        // Another program of this machine has taken the port in the meantime.
        board.ask("clear")?;
    }
    let receiver = receiver?;
    let start = Instant::now();
    let limit = board.within(Duration::from_secs(5));
    let first = receiver.wait_for("frame", limit, Seen::is_keypoints)?;
    let after = (first.at - start).as_secs_f64();
    let more = receiver.collect(Duration::from_secs(1))?;
    in_sequence(&more)?;
    let said = board.ask("log posewire 1000")?;
    Ok(format!(
        "packet {} was the first, {:.0} ms after listening; {} lines of log",
        first.packet.sequence,
        1000.0 * after,
        said.split('|').count()
    ))
}

pub fn sigterm(board: &mut Board) -> Outcome<String> {
    const ALLOWED_MS: u64 = 1000;
    let (_, receiver) = board.stream_frames("")?;
    board.ask("signal posewire TERM")?;
    let ended = board.ask("wait posewire 5000")?;
    let (code, took_ms) = ended
        .split_once(' ')
        .and_then(|(code, ms)| Some((code.parse::<i32>().ok()?, ms.parse::<u64>().ok()?)))
        .ok_or_else(|| format!("wait gave {ended:?}"))?;
    let limit = board.within(Duration::from_secs(5));
    receiver.until("packet that says it is the last", limit, |seen| {
        seen.has(Flags::LAST)
    })?;
    if !receiver.collect(Duration::from_millis(300))?.is_empty() {
        return Err("the packet that says it is the last was not".into());
    }
    if code != 0 || took_ms > ALLOWED_MS {
        return Err(format!("exit code {code} after {took_ms} ms"));
    }
    Ok(format!(
        "exit code 0 and a last packet {took_ms} ms after SIGTERM"
    ))
}
