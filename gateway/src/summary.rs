//! A board in a few words: what its newest packet shows, and its health as JSON.

use crate::fleet::Report;
use posewire::wire::{Body, Flags, Packet, PacketView};
use serde_json::{Value, json};

/// Contents of a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub is_found: bool,
    /// Hands and bodies in the frame.
    pub count: u8,
}

impl Summary {
    /// `None` for the board's figures, which show nothing.
    pub fn of(view: &PacketView<'_>) -> Option<Self> {
        let is_found = !view.flags().contains(Flags::LOST);
        let count = match view.to_packet().body {
            Body::Keypoints(_) | Body::Heartbeat => u8::from(is_found),
            Body::Instances(part) => part.counts().confirmed,
            Body::Stats(_) => return None,
        };
        Some(Summary { is_found, count })
    }

    /// For Home Assistant and other readers that need no joints.
    pub fn json(self, packet: &Packet) -> Value {
        let age_ms = Some(packet.age_us).filter(|&age_us| age_us != u32::MAX);
        json!({
            "found": self.is_found,
            "count": self.count,
            "score": (f64::from(packet.score()) * 1000.0).round() / 1000.0,
            "age_ms": age_ms.map(|age_us| f64::from(age_us) / 1000.0),
            "stale": packet.flags.contains(Flags::STALE),
            "no_camera": packet.flags.contains(Flags::NO_CAMERA),
        })
    }
}

/// State, counts and figures of a board.
pub fn health(report: &Report) -> Value {
    let counts = &report.counts;
    let packets =
        counts.keypoints + counts.instances + counts.heartbeats + counts.stats + counts.unknown;
    json!({
        "board": report.name.as_str(),
        "instance": report.instance,
        "state": report.state.name(),
        "address": report.address.to_string(),
        "packets": packets,
        "lost": report.loss.lost,
        "late": report.loss.late,
        "repeated": report.loss.repeated,
        "sessions": report.loss.sessions,
        "refused": counts.old + counts.other_session + counts.held_back + counts.unordered,
        "bad_seal": counts.bad_seal,
        "silences": counts.silences,
        "flags": report.flags.names().collect::<Vec<_>>(),
        "stats": report.stats,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Board;

    #[test]
    fn found_hands_count_and_heartbeats_show_nothing() {
        let mut board = Board::open(1);
        let summary = |bytes: &[u8]| Summary::of(&PacketView::new(bytes).unwrap());
        for (packet, is_found) in [
            (board.frame(true), true),
            (board.frame(false), false),
            (board.heartbeat(), false),
        ] {
            let expected = Summary {
                is_found,
                count: u8::from(is_found),
            };
            assert_eq!(summary(&packet), Some(expected));
        }
        assert_eq!(summary(&board.stats(Default::default())), None);
        let packet = board.frame(true);
        let view = PacketView::new(&packet).unwrap();
        let json = Summary::of(&view).unwrap().json(&view.to_packet());
        assert_eq!(
            (&json["found"], &json["score"]),
            (&json!(true), &json!(0.9))
        );
        assert!(json["age_ms"].is_number());
    }
}
