//! A view as JSON, for the page.
//!
//! In: packets and figures. Out: text at the end of a buffer that keeps its capacity. The text has numbers and words of
//! this program only. An instance that has no room is left out.

use crate::scene::BBox;
use crate::sink::Figures;
use crate::stats::Stage;
use crate::wire::{Body, FixedPoint, InstanceState, Packet, WireInstance, WireKeypoint};
use std::fmt::{self, Write};

/// Appends the text. False, and nothing is appended, if there is no room for its head.
pub(super) fn append(
    number: u64,
    packets: &[Packet],
    figures: &Figures,
    out: &mut Vec<u8>,
) -> bool {
    let begin = out.len();
    let mut text = Text(out);
    let is_whole = head(&mut text, number, packets.first(), figures)
        .and_then(|()| text.write_str(r#","instances":["#))
        .is_ok();
    // The end needs as much room as this.
    const END: &str = "]}";
    if is_whole {
        for packet in packets {
            instances(&mut text, packet, END.len());
        }
    }
    if !is_whole || text.write_str(END).is_err() {
        out.truncate(begin);
        return false;
    }
    true
}

/// Text in memory that does not grow.
struct Text<'a>(&'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.0.capacity() - self.0.len() {
            return Err(fmt::Error);
        }
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Text<'_> {
    /// Writes an element of an array whole, with room for `reserve` behind it, or not at all.
    fn element(&mut self, reserve: usize, write: impl FnOnce(&mut Self) -> fmt::Result) {
        let begin = self.0.len();
        let comma = match self.0.last() {
            Some(b'[') => Ok(()),
            _ => self.write_char(','),
        };
        let written = comma.and_then(|()| write(self));
        if written.is_err() || self.0.capacity() - self.0.len() < reserve {
            self.0.truncate(begin);
        }
    }
}

fn head(
    text: &mut Text<'_>,
    number: u64,
    packet: Option<&Packet>,
    figures: &Figures,
) -> fmt::Result {
    write!(text, r#"{{"number":{number}"#)?;
    if let Some(packet) = packet {
        write!(
            text,
            r#","kind":"{}","session":{},"sequence":{},"frame":{},"width":{},"height":{},"age_us":"#,
            packet.kind().name(),
            packet.session,
            packet.sequence,
            packet.frame_index,
            packet.frame_width_px,
            packet.frame_height_px,
        )?;
        match packet.age_us {
            u32::MAX => text.write_str("null")?,
            age_us => write!(text, "{age_us}")?,
        }
        text.write_str(r#","flags":["#)?;
        for (index, name) in packet.flags.names().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(text, r#"{comma}"{name}""#)?;
        }
        text.write_char(']')?;
        if let Body::Instances(part) = &packet.body {
            write!(text, r#","waiting":{}"#, part.counts().waiting)?;
        }
    }
    text.write_str(r#","stages_us":{"#)?;
    for (index, (stage, us)) in Stage::ALL.iter().zip(figures.stages_us).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(text, r#"{comma}"{}":{us}"#, stage.name())?;
    }
    text.write_char('}')?;
    for (name, count) in [
        ("frames", figures.frames),
        ("found", figures.found),
        ("failed", figures.failed),
        ("dropped", figures.dropped),
        ("skipped", figures.skipped),
        ("passed_over", figures.passed_over),
        ("lost", figures.lost),
        ("reopened", figures.reopened),
    ] {
        write!(text, r#","{name}":{count}"#)?;
    }
    write!(text, r#","takes_roi":{},"roi":"#, figures.takes_roi)?;
    match &figures.roi {
        None => text.write_str("null"),
        Some(roi) => {
            let BBox {
                x_px,
                y_px,
                width_px,
                height_px,
            } = roi;
            write!(text, "[{x_px},{y_px},{width_px},{height_px}]")
        }
    }
}

fn instances(text: &mut Text<'_>, packet: &Packet, reserve: usize) {
    match &packet.body {
        Body::Heartbeat | Body::Stats(_) => {}
        Body::Keypoints(points) => text.element(reserve, |text| {
            write!(
                text,
                r#"{{"task":{},"table":{},"state":"tracked","score":{:.3},"#,
                packet.task,
                packet.joint_table,
                packet.score()
            )?;
            joints(
                text,
                packet.unit,
                points.iter().map(|point| (*point, false)),
            )
        }),
        Body::Instances(part) => {
            for instance in part.instances() {
                text.element(reserve, |text| one_of_several(text, &instance, packet.unit));
            }
        }
    }
}

fn one_of_several(text: &mut Text<'_>, one: &WireInstance, unit: FixedPoint) -> fmt::Result {
    let state = InstanceState::from_code(one.state).map_or("unknown", |state| state.name());
    let [x, y, side] = one.region_px(unit);
    write!(
        text,
        r#"{{"id":{},"task":{},"table":{},"state":"{state}","score":{:.3},"region":[{x:.1},{y:.1},{side:.1}],"#,
        one.number,
        one.task,
        one.joint_table,
        f32::from(one.presence) / 255.0,
    )?;
    match one.side {
        1 => text.write_str(r#""side":"left","#)?,
        2 => text.write_str(r#""side":"right","#)?,
        _ => {}
    }
    if let Some(parent) = one.parent {
        write!(text, r#""parent":{parent},"#)?;
    }
    let points = one.joints.iter().map(|joint| (joint.point, joint.is_held));
    joints(text, unit, points)
}

/// x, y, score and whether the joint is an earlier one; `null` for a joint that was not found.
fn joints(
    text: &mut Text<'_>,
    unit: FixedPoint,
    points: impl Iterator<Item = (WireKeypoint, bool)>,
) -> fmt::Result {
    text.write_str(r#""joints":["#)?;
    for (index, (point, is_held)) in points.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        match point.position_px(unit) {
            None => write!(text, "{comma}null")?,
            Some((x, y)) => {
                let held = u8::from(is_held);
                write!(text, "{comma}[{x:.1},{y:.1},{:.2},{held}]", point.score())?;
            }
        }
    }
    text.write_str("]}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Keypoint;
    use crate::wire::{Flags, FrameCounts, WireJoint, instance_parts, test_packet};
    use serde_json::Value;

    fn json(packets: &[Packet], figures: &Figures, capacity: usize) -> Option<Value> {
        let mut out = Vec::with_capacity(capacity);
        out.extend(*b"head");
        let is_in = append(9, packets, figures, &mut out);
        assert_eq!(out.capacity(), capacity);
        assert_eq!(&out[..4], b"head");
        match is_in {
            true => Some(serde_json::from_slice(&out[4..]).unwrap()),
            false => {
                assert_eq!(out.len(), 4);
                None
            }
        }
    }

    #[test]
    fn a_heartbeat_has_its_flags_and_all_figures() {
        let mut flags = Flags::NO_CAMERA;
        flags.set(Flags::STALE, true);
        let mut packet = test_packet(flags);
        packet.age_us = u32::MAX;
        let figures = Figures {
            stages_us: [1, 2, 3, 4, 5, 6],
            lost: 11,
            roi: Some(BBox::whole(64, 48)),
            takes_roi: true,
            ..Figures::default()
        };
        let view = json(&[packet], &figures, 4096).unwrap();
        assert_eq!(view["flags"], serde_json::json!(["stale", "no_camera"]));
        assert_eq!(
            (&view["kind"], &view["number"]),
            (&"heartbeat".into(), &9.into())
        );
        assert!(view["age_us"].is_null());
        assert_eq!(view["stages_us"]["infer"], 3);
        assert_eq!(view["lost"], 11);
        assert_eq!(view["roi"], serde_json::json!([0, 0, 64, 48]));
        assert_eq!(view["instances"].as_array().unwrap().len(), 0);
        // Before the first packet.
        assert!(json(&[], &figures, 4096).unwrap()["kind"].is_null());
    }

    #[test]
    fn instances_come_whole_or_not_at_all() {
        let unit = FixedPoint::for_frame(640, 480);
        let point = |score| {
            WireKeypoint::new(
                &Keypoint {
                    x_px: 12.5,
                    y_px: 30.0,
                    score,
                },
                unit,
            )
        };
        let one = |number| WireInstance {
            number,
            parent: Some(3),
            slot: 0,
            task: 1,
            state: 2,
            side: 2,
            flags: 0,
            seen_ds: 1,
            look_age_ms: 2,
            centre: [160, 320],
            region_side: 64,
            presence: 255,
            side_score: 0,
            joint_table: 1,
            joints: [0.5, 0.0]
                .map(|score| WireJoint {
                    point: point(score),
                    is_held: true,
                })
                .into_iter()
                .collect(),
        };
        let all = [one(4), one(5), one(6)];
        let packets: Vec<Packet> = instance_parts(&all, FrameCounts::default())
            .map(|part| Packet {
                body: Body::Instances(part),
                unit,
                ..test_packet(Flags::default())
            })
            .collect();
        let view = json(&packets, &Figures::default(), 4096).unwrap();
        let first = &view["instances"][0];
        assert_eq!(
            (&first["id"], &first["state"]),
            (&4.into(), &"predicted".into())
        );
        assert_eq!(
            (&first["side"], &first["parent"]),
            (&"right".into(), &3.into())
        );
        assert_eq!(first["region"], serde_json::json!([10.0, 20.0, 4.0]));
        assert_eq!(
            first["joints"],
            serde_json::json!([[12.5, 30.0, 0.5, 1], null])
        );
        let mut counts = Vec::new();
        for capacity in 0..2000 {
            if let Some(view) = json(&packets, &Figures::default(), capacity.max(4)) {
                counts.push(view["instances"].as_array().unwrap().len());
            }
        }
        assert!(counts.is_sorted());
        counts.dedup();
        assert_eq!(counts, [0, 1, 2, 3]);
    }
}
