//! `posewire listen`: a receiver, to see what a robot would get.

use super::args::{Args, Item, required};
use super::{say, stop_on_signals};
use crate::error::{Error, Result};
use crate::sink::json_line;
use crate::wire::{Kind, Packet, PacketView};
use std::io;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const HELP: &str = "\
Receive keypoints and print them, one line a packet, until stopped; then the count of each kind.

Usage: posewire listen --udp ADDR:PORT [OPTIONS]

  --udp ADDR:PORT   the address to listen on; 0.0.0.0:9000 is port 9000 of every interface
  --json            print each packet as a JSON line
  --packets N       stop after N valid packets
  --seconds N       stop after N seconds

Example: posewire listen --udp 127.0.0.1:9000
";

/// How often the loop looks whether it should stop.
const POLL: Duration = Duration::from_millis(100);
/// Longer than any packet, so that one that is too long is seen to be.
const BUFFER_BYTES: usize = 2048;

pub fn main(mut args: Args) -> Result<()> {
    let (mut address, mut as_json) = (None::<String>, false);
    let (mut packets, mut seconds) = (u64::MAX, None::<f64>);
    while let Some(item) = args.next()? {
        let Item::Option(name) = &item else {
            return Err(Args::unknown(item));
        };
        match name.as_str() {
            "udp" => address = Some(args.value()?),
            "json" => as_json = true,
            "packets" => packets = args.value()?,
            "seconds" => seconds = Some(args.value()?),
            "help" => {
                say!("{HELP}");
                return Ok(());
            }
            _ => return Err(Args::unknown(item)),
        }
    }
    let limit = seconds
        .map(|seconds| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| Error::usage(format!("--seconds {seconds} is not a duration")))
        })
        .transpose()?;
    let address = required(address, "udp")?;
    let fail = |what: String| Error::source(format!("udp:{address}"), what);
    let socket = UdpSocket::bind(&address).map_err(|error| {
        fail(match error.kind() {
            io::ErrorKind::AddrInUse => {
                "the port is in use: stop the other program or take another port".into()
            }
            _ => format!("cannot listen: {error}"),
        })
    })?;
    socket
        .set_read_timeout(Some(POLL))
        .map_err(|error| fail(error.to_string()))?;
    log::info!("listening on {address}");

    let stop = stop_on_signals()?;
    let start = Instant::now();
    let mut counts = Counts::default();
    let mut buffer = [0; BUFFER_BYTES];
    while !stop.load(Ordering::Relaxed)
        && counts.valid < packets
        && limit.is_none_or(|limit| start.elapsed() < limit)
    {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(fail(format!("cannot receive: {error}"))),
        };
        match PacketView::new(&buffer[..length]) {
            Ok(view) => {
                let packet = view.to_packet();
                counts.take(&packet);
                if as_json {
                    say!("{}", json_line(&packet));
                } else {
                    say!("{}", text_line(&packet));
                }
            }
            Err(error) => {
                counts.invalid += 1;
                log::warn!("not a packet: {error}");
            }
        }
    }
    log::info!(
        "{} packets ({} keypoints, {} heartbeats), {} lost, {} out of order, {} invalid, {} session(s)",
        counts.valid,
        counts.keypoints,
        counts.valid - counts.keypoints,
        counts.lost,
        counts.late,
        counts.invalid,
        counts.sessions
    );
    Ok(())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// What was received, judged by the sequence numbers.
#[derive(Debug, Default)]
struct Counts {
    valid: u64,
    keypoints: u64,
    lost: u64,
    late: u64,
    invalid: u64,
    sessions: u64,
    /// Session and next sequence number of the sender heard last.
    expected: Option<(u32, u32)>,
}

impl Counts {
    fn take(&mut self, packet: &Packet) {
        self.valid += 1;
        self.keypoints += u64::from(packet.kind == Kind::Keypoints);
        if let Some((session, next)) = self.expected
            && session == packet.session
        {
            // Sequence numbers wrap: the nearer way round says which side of the gap this is.
            let ahead = packet.sequence.wrapping_sub(next);
            if ahead > u32::MAX / 2 {
                self.late += 1;
                self.lost = self.lost.saturating_sub(1);
                return;
            }
            self.lost += u64::from(ahead);
        } else {
            self.sessions += 1;
        }
        self.expected = Some((packet.session, packet.sequence.wrapping_add(1)));
    }
}

fn text_line(packet: &Packet) -> String {
    let flags: Vec<_> = packet.flags.names().collect();
    let age = match packet.age_us {
        u32::MAX => "-".to_string(),
        age_us => format!("{:.1}", f64::from(age_us) / 1000.0),
    };
    let mut line = format!(
        "#{:<6} {} frame {} age {age} ms [{}]",
        packet.sequence,
        match packet.kind {
            Kind::Keypoints => "keypoints",
            Kind::Heartbeat => "heartbeat",
        },
        packet.frame_index,
        flags.join(" ")
    );
    if packet.kind == Kind::Keypoints {
        line += &format!(" score {:.2}", packet.score());
        for keypoint in &packet.keypoints {
            line += &match keypoint.position_px(packet.unit) {
                Some((x, y)) => format!(" {x:.1},{y:.1}"),
                None => " -".to_string(),
            };
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::wire::{FixedPoint, Flags};

    fn packet(session: u32, sequence: u32) -> Packet {
        Packet {
            kind: Kind::Heartbeat,
            flags: Flags::default(),
            session,
            sequence,
            captured: clock::Instant::default(),
            age_us: 0,
            frame_index: 0,
            frame_width_px: 0,
            frame_height_px: 0,
            task: 1,
            joint_table: 1,
            unit: FixedPoint::for_frame(1, 1),
            instance: 0,
            score: 0,
            keypoints: heapless::Vec::new(),
        }
    }

    fn counts(packets: &[(u32, u32)]) -> (u64, u64, u64) {
        let mut counts = Counts::default();
        for &(session, sequence) in packets {
            counts.take(&packet(session, sequence));
        }
        (counts.lost, counts.late, counts.sessions)
    }

    #[test]
    fn gaps_late_packets_restarts_and_wrapping() {
        assert_eq!(counts(&[(1, 5), (1, 6), (1, 7)]), (0, 0, 1));
        assert_eq!(counts(&[(1, 0), (1, 4)]), (3, 0, 1));
        assert_eq!(counts(&[(1, 0), (1, 2), (1, 1), (1, 3)]), (0, 1, 1));
        assert_eq!(counts(&[(1, u32::MAX), (1, 0), (1, 1)]), (0, 0, 1));
        assert_eq!(counts(&[(1, 9), (2, 0), (2, 1)]), (0, 0, 2));
    }
}
