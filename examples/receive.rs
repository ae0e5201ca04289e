//! Receives packets by UDP and acts only on fresh ones, as a robot's controller does.
//!
//! `cargo run --example receive -- 0.0.0.0:9000`, and on the board `posewire run ... --udp HOST:9000`.

use posewire::wire::{Flags, Kind, PacketView};
use std::net::UdpSocket;
use std::time::Duration;

/// Longer than the sender's silence between heartbeats (100 ms by default).
const MAX_SILENCE: Duration = Duration::from_millis(300);
/// Longer than any packet.
const BUFFER_BYTES: usize = 2048;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let socket = UdpSocket::bind(address.as_deref().unwrap_or("127.0.0.1:9000"))?;
    socket.set_read_timeout(Some(MAX_SILENCE))?;
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let Ok((bytes, _)) = socket.recv_from(&mut buffer) else {
            println!("stop: no packet in {MAX_SILENCE:?}");
            continue;
        };
        match PacketView::new(&buffer[..bytes]) {
            Err(error) => println!("ignored: {error}"),
            Ok(packet) if packet.kind() == Kind::Stats => {}
            Ok(packet) if !is_fresh(&packet) => {
                let flags: Vec<&str> = packet.flags().names().collect();
                println!("stop: {flags:?}");
            }
            Ok(packet) => {
                let mut keypoints = packet.keypoints();
                let first = keypoints.find_map(|joint| joint.position_px(packet.unit()));
                println!("packet {}: first joint at {first:?} px", packet.sequence());
            }
        }
    }
}

/// True if the packet shows an instance in a frame that is not too old.
fn is_fresh(packet: &PacketView<'_>) -> bool {
    let stops = [Flags::LOST, Flags::STALE, Flags::NO_CAMERA, Flags::LAST];
    packet.kind() == Kind::Keypoints && !stops.iter().any(|&flag| packet.flags().contains(flag))
}
