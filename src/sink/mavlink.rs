//! The place of one hand or person in the picture, for flight controllers and ground stations: MAVLink 2.
//!
//! In: packets. Out: CAMERA_TRACKING_IMAGE_STATUS for each frame, and a HEARTBEAT each second. With several instances the
//! target is one of them, and stays the same as long as it is followed. docs/receivers/mavlink.md says why this message.

use super::serial::LineSender;
use super::udp::Destination;
use super::{Context, Delivery, Event, Kind, SendError, Sink, What, When};
use crate::address::HostPort;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::mavlink::{Message, Rectangle, Sender, Tracking};
use crate::process::sandbox::Access;
use crate::scene::BBox;
use crate::serial::SerialSpec;
use crate::wire::{Body, Flags, InstanceState, LineFrame, Packet, WireInstance};

/// A receiver of MAVLink.
pub(super) const KIND: Kind = Kind {
    name: "mavlink",
    argument: "udp:HOST:PORT|serial:DEVICE[:BAUD]",
    example: "udp:127.0.0.1:14550",
    help: "send the place of one hand or person in the picture as MAVLink 2, message CAMERA_TRACKING_IMAGE_STATUS \
           (docs/receivers/mavlink.md)",
    check: |to| Spec::read(to).map(drop),
    heap_bytes: 0,
    thread: None,
    writes: |_| None,
    access: |to| Access {
        devices: match Spec::read(to) {
            Ok(Spec::Serial(line)) => vec![line.device.into()],
            _ => Vec::new(),
        },
        ..Access::default()
    },
    prepare: |_| Ok(()),
    when: When::First,
    open: |to, context| Ok(Box::new(MavlinkSink::open(to, context)?)),
};

/// Time between two HEARTBEATs.
const HEARTBEAT_US: u64 = 1_000_000;

/// The receiver as the user names it.
enum Spec<'a> {
    Udp(&'a str),
    Serial(SerialSpec),
}

impl<'a> Spec<'a> {
    fn read(text: &'a str) -> std::result::Result<Self, String> {
        match text.split_once(':') {
            Some(("udp", to)) => {
                to.parse::<HostPort>()
                    .map_err(|what| format!("{to:?} {what}"))?;
                Ok(Spec::Udp(to))
            }
            Some(("serial", line)) => {
                let line = line.parse().map_err(|error: Error| error.to_string())?;
                Ok(Spec::Serial(line))
            }
            _ => Err(format!(
                "{text:?} is neither udp:HOST:PORT nor serial:DEVICE:BAUD"
            )),
        }
    }
}

enum Way {
    Udp(Box<Destination>),
    Serial(Box<LineSender>),
}

/// See the module's comment.
pub struct MavlinkSink {
    name: String,
    way: Way,
    sender: Sender,
    /// Number of the followed instance, if there are several.
    target: Option<u16>,
    heartbeat: Option<Instant>,
}

impl MavlinkSink {
    /// Opens `udp:HOST:PORT` or `serial:DEVICE[:BAUD]`.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) as for the sinks of packets.
    pub fn open(to: &str, context: &Context<'_>) -> Result<Self> {
        let name = format!("mavlink:{to}");
        let way = match Spec::read(to).map_err(|why| Error::sink(&name, why))? {
            Spec::Udp(to) => Way::Udp(Box::new(Destination::open(&name, to, context.lookup)?)),
            Spec::Serial(line) => Way::Serial(Box::new(LineSender::open(&name, &line)?)),
        };
        Ok(MavlinkSink {
            name,
            way,
            sender: Sender::new(context.mavlink_system),
            target: None,
            heartbeat: None,
        })
    }

    fn send(&mut self, message: Message, now: Instant) -> Delivery {
        let frame = self.sender.frame(&message);
        match &mut self.way {
            Way::Udp(to) => to
                .send(&frame)
                .map_err(|error| SendError::Dropped(error.to_string())),
            // A line's frame is the longer one.
            Way::Serial(line) => line.send(&LineFrame::from_slice(&frame).unwrap_or_default(), now),
        }
    }

    /// The news of an event; `None` if it has none.
    fn tracking(&mut self, event: &Event<'_>) -> Option<Tracking> {
        let first = event.packets.first()?;
        let has = |flag| first.flags.contains(flag);
        match event.what {
            What::Last => return Some(Tracking::Idle),
            What::Stats => return None,
            _ if has(Flags::NO_CAMERA) || has(Flags::STALE) => return Some(Tracking::Failed),
            What::Failed => return Some(Tracking::Failed),
            What::Idle => return None,
            What::Scene { .. } => {}
        }
        Some(match &first.body {
            Body::Keypoints(points) if !has(Flags::LOST) => {
                let places = points
                    .iter()
                    .filter_map(|point| point.position_px(first.unit));
                BBox::around(places).map_or(Tracking::Idle, |bbox| {
                    Tracking::Active(rectangle(&bbox, first))
                })
            }
            Body::Instances(_) => self.of_several(event.packets),
            _ => Tracking::Idle,
        })
    }

    fn of_several(&mut self, packets: &[Packet]) -> Tracking {
        let parts = packets.iter().filter_map(|packet| match &packet.body {
            Body::Instances(part) => Some(part.instances().map(move |one| (one, packet))),
            _ => None,
        });
        let is_there = |one: &WireInstance| {
            [InstanceState::Tracked, InstanceState::Predicted]
                .iter()
                .any(|state| one.state == state.code())
        };
        let followed = parts.flatten().filter(|(one, _)| is_there(one));
        // The present target, or the one that was seen for the longest time.
        let target = self.target;
        let found = followed.max_by_key(|(one, _)| {
            let is_target = Some(one.number) == target;
            (is_target, one.seen_ds, u16::MAX - one.number)
        });
        self.target = found.as_ref().map(|(one, _)| one.number);
        let Some((one, packet)) = found else {
            return Tracking::Idle;
        };
        let places = one.joints.iter();
        let places = places.filter_map(|joint| joint.point.position_px(packet.unit));
        match BBox::around(places) {
            None => Tracking::Idle,
            Some(bbox) if one.state == InstanceState::Tracked.code() => {
                Tracking::Active(rectangle(&bbox, packet))
            }
            Some(bbox) => Tracking::Coasting(rectangle(&bbox, packet)),
        }
    }
}

/// The box as shares of the packet's frame. The wire's origin is the centre of the first pixel.
fn rectangle(bbox: &BBox, packet: &Packet) -> Rectangle {
    let share = |px: f32, side_px: u16| ((px + 0.5) / f32::from(side_px.max(1))).clamp(0.0, 1.0);
    let (width, height) = (packet.frame_width_px, packet.frame_height_px);
    Rectangle {
        left: share(bbox.x_px, width),
        top: share(bbox.y_px, height),
        right: share(bbox.x_px + bbox.width_px, width),
        bottom: share(bbox.y_px + bbox.height_px, height),
    }
}

impl Sink for MavlinkSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn tick(&mut self, now: Instant) -> Delivery {
        let is_due = |last: Instant| last.age_us(now) >= HEARTBEAT_US;
        if !self.heartbeat.is_none_or(is_due) {
            return Ok(());
        }
        self.heartbeat = Some(now);
        self.send(Message::Heartbeat, now)
    }

    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery {
        match self.tracking(event) {
            Some(tracking) => self.send(Message::Tracking(tracking), now),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, PixelFormat, Pixels};
    use crate::mavlink::Frame as MavlinkFrame;
    use crate::process::output::Patience;
    use crate::scene::{Keypoint, Scene};
    use crate::sink::RecordOptions;
    use crate::wire::{
        FixedPoint, FrameCounts, WireJoint, WireKeypoint, instance_parts, test_packet,
    };
    use std::net::UdpSocket;
    use std::path::Path;
    use std::time::Duration;

    /// A sink and its receiver.
    fn pair() -> (MavlinkSink, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let to = format!("udp:{}", receiver.local_addr().unwrap());
        let context = Context {
            sealer: None,
            cards: &[],
            lookup: None,
            patience: Patience::None,
            record: RecordOptions::default(),
            mavlink_system: 7,
        };
        (MavlinkSink::open(&to, &context).unwrap(), receiver)
    }

    fn at(ms: u64) -> Instant {
        Instant {
            mono_us: 1000 * ms,
            wall_us: 0,
        }
    }

    fn received(receiver: &UdpSocket) -> Option<Vec<u8>> {
        let mut frame = [0; 100];
        let length = receiver.recv(&mut frame).ok()?;
        Some(frame[..length].to_vec())
    }

    fn point(x_px: f32, y_px: f32) -> WireKeypoint {
        let keypoint = Keypoint {
            x_px,
            y_px,
            score: 0.9,
        };
        WireKeypoint::new(&keypoint, FixedPoint::for_frame(640, 480))
    }

    fn packet(flags: Flags, body: Body) -> Packet {
        Packet {
            unit: FixedPoint::for_frame(640, 480),
            frame_width_px: 640,
            frame_height_px: 480,
            body,
            ..test_packet(flags)
        }
    }

    fn hand(flags: Flags) -> Packet {
        let joints = [point(159.5, 119.5), point(479.5, 239.5)];
        packet(flags, Body::Keypoints(joints.into_iter().collect()))
    }

    fn one(number: u16, state: InstanceState, seen_ds: u16, x_px: f32) -> WireInstance {
        let joints = [point(x_px, 100.0), point(x_px + 10.0, 110.0)];
        let held = joints.map(|point| WireJoint {
            point,
            is_held: false,
        });
        WireInstance {
            number,
            parent: None,
            slot: 0,
            task: 1,
            state: state.code(),
            side: 0,
            flags: 0,
            seen_ds,
            look_age_ms: 0,
            centre: [0; 2],
            region_side: 0,
            presence: 200,
            side_score: 0,
            joint_table: 1,
            joints: held.into_iter().collect(),
        }
    }

    fn several(instances: &[WireInstance]) -> Vec<Packet> {
        instance_parts(instances, FrameCounts::default())
            .map(|part| packet(Flags::default(), Body::Instances(part)))
            .collect()
    }

    /// What the sink makes of the packets of a frame.
    fn tracking(sink: &mut MavlinkSink, packets: &[Packet]) -> Option<Tracking> {
        let bytes = [0; 64];
        let frame = Frame {
            pixels: Pixels::new(PixelFormat::Grey, 8, 8, 8, &bytes).unwrap(),
            captured: Instant::default(),
            index: 0,
            file: None,
        };
        let scene = Scene::default();
        let what = What::Scene {
            scene: &scene,
            frame: &frame,
        };
        sink.tracking(&Event { what, packets })
    }

    #[test]
    fn the_state_is_that_of_the_packet() {
        let (mut sink, _receiver) = pair();
        let rectangle = Rectangle {
            left: 0.25,
            top: 0.25,
            right: 0.75,
            bottom: 0.5,
        };
        let mut of = |flags| tracking(&mut sink, &[hand(flags)]);
        assert_eq!(of(Flags::TRACKING), Some(Tracking::Active(rectangle)));
        assert_eq!(of(Flags::LOST), Some(Tracking::Idle));
        assert_eq!(of(Flags::STALE), Some(Tracking::Failed));
        for (what, flags, expected) in [
            (What::Idle, Flags::default(), None),
            (What::Idle, Flags::NO_CAMERA, Some(Tracking::Failed)),
            (What::Failed, Flags::default(), Some(Tracking::Failed)),
            (What::Stats, Flags::default(), None),
            (What::Last, Flags::LAST, Some(Tracking::Idle)),
        ] {
            let packets = [packet(flags, Body::Heartbeat)];
            let event = Event {
                what,
                packets: &packets,
            };
            assert_eq!(sink.tracking(&event), expected, "{what:?}");
        }
    }

    #[test]
    fn of_several_the_target_stays_the_same_as_long_as_it_is_there() {
        use InstanceState::{Lost, Predicted, Tracked};

        let (mut sink, _receiver) = pair();
        let mut left_px =
            |instances: &[WireInstance]| match tracking(&mut sink, &several(instances)) {
                Some(Tracking::Active(target)) => (640.0 * target.left, "active"),
                Some(Tracking::Coasting(target)) => (640.0 * target.left, "coasting"),
                Some(Tracking::Idle) => (0.0, "idle"),
                other => panic!("{other:?}"),
            };
        // The one that was seen longest.
        assert_eq!(
            left_px(&[one(4, Tracked, 10, 50.0), one(5, Tracked, 30, 90.0)]),
            (90.5, "active")
        );
        assert_eq!(
            left_px(&[one(4, Tracked, 90, 50.0), one(5, Predicted, 31, 91.0)]),
            (91.5, "coasting")
        );
        assert_eq!(
            left_px(&[one(4, Tracked, 91, 50.0), one(5, Lost, 31, 91.0)]),
            (50.5, "active")
        );
        assert_eq!(left_px(&[]), (0.0, "idle"));
        // Of two that are equally old the one that was there first.
        assert_eq!(
            left_px(&[one(9, Tracked, 1, 20.0), one(8, Tracked, 1, 30.0)]),
            (30.5, "active")
        );
    }

    #[test]
    fn a_heartbeat_goes_out_each_second_and_a_status_for_each_frame() {
        let (mut sink, receiver) = pair();
        let mut heartbeats = 0;
        for ms in (0..3500).step_by(100) {
            sink.tick(at(ms)).unwrap();
        }
        while let Some(frame) = received(&receiver) {
            assert_eq!((frame[0], frame[5], frame[6], frame[7]), (0xFD, 7, 100, 0));
            heartbeats += 1;
        }
        assert_eq!(heartbeats, 4);
        let packets = [packet(Flags::NO_CAMERA, Body::Heartbeat)];
        let event = Event {
            what: What::Idle,
            packets: &packets,
        };
        sink.take(&event, at(4000)).unwrap();
        let frame = received(&receiver).unwrap();
        assert_eq!(u16::from_le_bytes([frame[7], frame[8]]), 275);
        assert_eq!(frame[4], 4, "the fifth frame");
    }

    #[test]
    fn receivers_that_cannot_be_are_refused() {
        for to in [
            "",
            "udp",
            "udp:host",
            "udp:host:0",
            "serial:",
            "tcp:host:1",
            "127.0.0.1:14550",
        ] {
            assert!((KIND.check)(to).is_err(), "{to}");
        }
        assert!((KIND.check)("serial:/dev/ttyS1:57600").is_ok());
        let access = (KIND.access)("serial:/dev/ttyS1:57600");
        assert_eq!(access.devices, [Path::new("/dev/ttyS1")]);
    }

    /// Frames for pymavlink. `POSEWIRE_BLESS=1` writes them.
    #[test]
    #[cfg_attr(miri, ignore = "Miri reads no files")]
    fn the_frames_for_pymavlink_are_what_the_code_makes() {
        let (mut sink, _receiver) = pair();
        let seen = [one(4, InstanceState::Tracked, 10, 319.5)];
        let gone = [one(4, InstanceState::Predicted, 11, 319.5)];
        let frames: [Vec<Packet>; 5] = [
            vec![hand(Flags::TRACKING)],
            several(&seen),
            several(&gone),
            vec![hand(Flags::LOST)],
            vec![hand(Flags::STALE)],
        ];
        let mut bytes = sink.sender.frame(&Message::Heartbeat).to_vec();
        for packets in &frames {
            let tracking = tracking(&mut sink, packets).unwrap();
            let frame: MavlinkFrame = sink.sender.frame(&Message::Tracking(tracking));
            bytes.extend_from_slice(&frame);
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/vectors/mavlink.bin");
        if std::env::var_os("POSEWIRE_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let kept = std::fs::read(&path).unwrap_or_default();
        assert!(kept == bytes, "POSEWIRE_BLESS=1 cargo test --lib mavlink");
    }
}
