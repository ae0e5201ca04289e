//! One JSON object a line, to standard output or a file. The fields are those of the packet, with
//! coordinates in pixels; docs/wire.md lists them.

use super::{Delivery, NotSent, Sink};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::wire::{Body, Packet};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes and flushes line by line, so that a reader sees each frame when it happens.
pub struct JsonSink {
    name: String,
    out: Box<dyn Write>,
}

impl JsonSink {
    /// `to` is a file, or `-` for standard output.
    ///
    /// # Errors
    /// [`Error::Sink`] if the file cannot be made.
    pub fn open(to: &str) -> Result<Self> {
        let name = format!("json:{to}");
        let out: Box<dyn Write> = if to == "-" {
            Box::new(io::stdout())
        } else {
            let file = File::create(Path::new(to))
                .map_err(|error| Error::sink(&name, format!("cannot be written: {error}")))?;
            Box::new(BufWriter::new(file))
        };
        Ok(JsonSink { name, out })
    }
}

impl Sink for JsonSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send(&mut self, packet: &Packet, _frame: Option<&Frame<'_>>) -> Delivery {
        writeln!(self.out, "{}", json_line(packet))
            .and_then(|()| self.out.flush())
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => NotSent::Closed,
                _ => NotSent::Dropped(error.to_string()),
            })
    }
}

/// A packet as JSON. A joint is [x, y, score], or null if it was not found. Only a stats packet has `stats`.
pub fn json_line(packet: &Packet) -> Value {
    let keypoints: Vec<Value> = packet
        .keypoints()
        .iter()
        .map(|keypoint| match keypoint.position_px(packet.unit) {
            Some((x, y)) => json!([x, y, thousandths(keypoint.score())]),
            None => Value::Null,
        })
        .collect();
    let mut line = json!({
        "kind": packet.kind().name(),
        "flags": packet.flags.names().collect::<Vec<_>>(),
        "session": packet.session,
        "sequence": packet.sequence,
        "captured_mono_us": packet.captured.mono_us,
        "captured_wall_us": packet.captured.wall_us,
        "age_us": packet.age_us,
        "frame_index": packet.frame_index,
        "frame_size": [packet.frame_width_px, packet.frame_height_px],
        "task": packet.task,
        "joint_table": packet.joint_table,
        "instance": packet.instance,
        "score": thousandths(packet.score()),
        "keypoints": keypoints,
    });
    if let Body::Stats(stats) = &packet.body {
        line["stats"] = json!(stats);
    }
    line
}

/// Scores are printed to three places; coordinates are exact, being multiples of 1/16 or more.
fn thousandths(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 1000.0
}
