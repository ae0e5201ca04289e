//! The packets of a run over the built-in clip, without fields that differ between runs.

use super::program::Program;
use crate::tools::Outcome;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

/// Recorded frames of the clip.
const FRAMES: &str = "40";
const MAX_PACKET_BYTES: usize = 2048;
const PATIENCE: Duration = Duration::from_secs(10);
/// Position of a packet's kind, and the kind of packets about a frame.
const KIND_AT: usize = 5;
const KEYPOINTS: u8 = 1;
/// Session, sequence (it counts heartbeats), both capture times, and the age.
const FLEETING: std::ops::Range<usize> = 8..36;
const CRC_BYTES: usize = 4;

/// The packets of kind 1, one after the other.
pub fn of(program: &Program) -> Outcome<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    socket
        .set_read_timeout(Some(PATIENCE))
        .map_err(|e| e.to_string())?;
    let address = socket.local_addr().map_err(|e| e.to_string())?.to_string();
    let mut run = program.command(&["run", "--source", "demo", "--model", "builtin:hand"])?;
    run.args(["--frames", FRAMES, "--udp", &address]);
    let mut child = run
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("posewire: {error}"))?;
    let heard = hear(&socket);
    let ended = child.wait().map_err(|error| format!("posewire: {error}"))?;
    match ended.success() {
        true => heard,
        false => Err("posewire run --source demo --udp fails".into()),
    }
}

fn hear(socket: &UdpSocket) -> Outcome<Vec<u8>> {
    let mut heard = Vec::new();
    let mut bytes = [0; MAX_PACKET_BYTES];
    loop {
        let length = socket
            .recv(&mut bytes)
            .map_err(|error| format!("waiting for packets: {error}"))?;
        let packet = &mut bytes[..length];
        let last = packet.get(6).is_some_and(|flags| flags & 1 << 5 != 0);
        if packet.get(KIND_AT) == Some(&KEYPOINTS) && length > FLEETING.end + CRC_BYTES {
            packet[FLEETING].fill(0);
            packet[length - CRC_BYTES..].fill(0);
            heard.extend_from_slice(packet);
        }
        if last {
            return Ok(heard);
        }
    }
}
