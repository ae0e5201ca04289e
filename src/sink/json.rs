//! One JSON object per line, to standard output or a file. The fields are those of the packet, with coordinates in
//! pixels. docs/wire.md lists them.

use super::{Delivery, Event, Kind, SendError, Sink, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::process::sandbox::Access;
use crate::wire::{Body, FixedPoint, InstanceFlags, InstanceState, Packet, WireInstance};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A file or standard output.
pub(super) const KIND: Kind = Kind {
    name: "json",
    argument: "FILE",
    example: "-",
    help: "write a JSON line for each frame; - is standard output",
    check: |_| Ok(()),
    heap_bytes: 0,
    access: |_| Access::default(),
    prepare: |_| Ok(()),
    when: When::First,
    open: |to, _| Ok(Box::new(JsonSink::open(to)?)),
};

/// A sink that writes and flushes line by line, so that a reader sees each frame at once.
pub struct JsonSink {
    name: String,
    out: Box<dyn Write>,
    /// The file, until the first packet replaces its old contents.
    old: Option<File>,
}

impl JsonSink {
    /// Opens a file, or `-` for standard output. A run without a packet leaves the contents of an older file.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the file cannot be written.
    pub fn open(to: &str) -> Result<Self> {
        let name = format!("json:{to}");
        if to == "-" {
            let out = Box::new(io::stdout());
            return Ok(JsonSink {
                name,
                out,
                old: None,
            });
        }
        let mut options = OpenOptions::new();
        let opened = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(Path::new(to))
            .and_then(|file| Ok((file.try_clone()?, file)));
        let (old, file) =
            opened.map_err(|error| Error::sink(&name, "cannot be written").because(error))?;
        let out = Box::new(BufWriter::new(file));
        Ok(JsonSink {
            name,
            out,
            old: Some(old),
        })
    }
}

impl Sink for JsonSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        if let Some(file) = self.old.take() {
            // Pipes and devices have no old contents.
            let _ = file.set_len(0);
        }
        event
            .packets
            .iter()
            .try_for_each(|packet| writeln!(self.out, "{}", json_line(packet)))
            .and_then(|()| self.out.flush())
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => SendError::Closed,
                _ => SendError::Dropped(error.to_string()),
            })
    }
}

/// A packet as JSON. A joint is [x, y, score], or null if it was not found. Only a stats packet has `stats`,
/// only an instances packet `instances`, `part`, `confirmed` and `waiting`.
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
    match &packet.body {
        Body::Keypoints(_) | Body::Heartbeat => {}
        Body::Stats(stats) => line["stats"] = json!(stats),
        Body::Instances(part) => {
            let (part_index, parts) = part.part();
            let counts = part.counts();
            line["part"] = json!([part_index, parts]);
            line["confirmed"] = json!(counts.confirmed);
            line["waiting"] = json!(counts.waiting);
            let instances = part.instances();
            line["instances"] = instances
                .map(|instance| instance_json(&instance, packet.unit))
                .collect();
        }
    }
    line
}

/// An instance as JSON. A held joint has a fourth value, true.
fn instance_json(instance: &WireInstance, unit: FixedPoint) -> Value {
    let keypoints: Vec<Value> = instance
        .joints
        .iter()
        .map(|joint| match joint.point.position_px(unit) {
            Some((x, y)) if joint.is_held => json!([x, y, thousandths(joint.point.score()), true]),
            Some((x, y)) => json!([x, y, thousandths(joint.point.score())]),
            None => Value::Null,
        })
        .collect();
    json!({
        "number": instance.number,
        "parent": instance.parent,
        "slot": instance.slot,
        "task": instance.task,
        "state": InstanceState::from_code(instance.state).map(InstanceState::name),
        "side": instance.side,
        "flags": InstanceFlags::names(instance.flags).collect::<Vec<_>>(),
        "seen_s": f64::from(instance.seen_ds) / 10.0,
        "look_age_ms": instance.look_age_ms,
        "region": instance.region_px(unit),
        "presence": thousandths(f32::from(instance.presence) / 255.0),
        "side_score": thousandths(f32::from(instance.side_score) / 255.0),
        "joint_table": instance.joint_table,
        "keypoints": keypoints,
    })
}

/// A score to three decimal places. Coordinates need no rounding: they are multiples of 1/16 or more.
fn thousandths(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 1000.0
}
