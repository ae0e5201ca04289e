//! Keypoints as Foxglove draws them: one `foxglove.ImageAnnotations` in JSON for each frame.
//!
//! In: packets. Out: the text of a message, in pieces. Nothing grows: an instance that has no room is not drawn.

use crate::frame::step_for;
use crate::limits::PICTURE_PX;
use crate::sink::bones;
use crate::wire::{Body, Flags, InstanceState, Packet};
use std::fmt::{self, Write};

/// Bytes of a frame's drawing. A hand takes 2.5 KiB.
pub(super) const TEXT_BYTES: usize = 32 << 10;

/// Orange for hands, blue for bodies.
const HAND_RGB: [f32; 3] = [1.0, 0.55, 0.1];
const OTHER_RGB: [f32; 3] = [0.2, 0.7, 1.0];
/// Opacity of an instance that the network saw, and of a predicted one.
const SEEN_ALPHA: f32 = 1.0;
const PREDICTED_ALPHA: f32 = 0.4;

/// Position of a joint in pixels; `None` if it was not found.
type Place = Option<(f32, f32)>;

/// The drawing of a frame, whose instances can come in several packets.
pub(super) struct Annotator {
    points: Text,
    labels: Text,
    /// Pictures are recorded too, and may be smaller than the frame: positions are pixels of the picture.
    has_pictures: bool,
    /// The frame that is not complete yet, and the time of its first packet.
    open: Option<(Frame, u64)>,
}

/// Stream, session and number of a frame.
type Frame = (u8, u32, u32);

/// Text in memory that does not grow.
struct Text(String);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.0.capacity() - self.0.len() {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

impl Text {
    /// Writes all that `write` writes, or nothing. Elements of an array have commas between them.
    fn element(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) {
        let start = self.0.len();
        let comma = if start > 0 {
            self.write_char(',')
        } else {
            Ok(())
        };
        if comma.and_then(|()| write(self)).is_err() {
            self.0.truncate(start);
        }
    }
}

impl Default for Annotator {
    /// Without memory: nothing is drawn with it.
    fn default() -> Self {
        Annotator {
            points: Text(String::new()),
            labels: Text(String::new()),
            has_pictures: false,
            open: None,
        }
    }
}

impl Annotator {
    /// `has_pictures`: positions are those in recorded pictures.
    pub fn new(has_pictures: bool) -> Self {
        Annotator {
            points: Text(String::with_capacity(TEXT_BYTES)),
            labels: Text(String::with_capacity(TEXT_BYTES)),
            has_pictures,
            open: None,
        }
    }

    /// Takes a packet of `time_ns`, and calls `emit` with the time and the pieces of each message that is complete. A
    /// frame without instances is an empty one, which clears the picture.
    pub fn take(&mut self, packet: &Packet, time_ns: u64, mut emit: impl FnMut(u64, &[&[u8]])) {
        let frame = (packet.instance, packet.session, packet.frame_index);
        if self.open.is_some_and(|(open, _)| open != frame) {
            self.emit(&mut emit);
        }
        let captured_ns = match packet.age_us {
            u32::MAX => time_ns,
            age_us => time_ns.saturating_sub(1000 * u64::from(age_us)),
        };
        let step = self.step(packet);
        let shrunk = |place: Place| place.map(|(x, y)| (x / step, y / step));
        let is_complete = match &packet.body {
            Body::Heartbeat | Body::Stats(_) => return,
            Body::Keypoints(keypoints) => {
                if !packet.flags.contains(Flags::LOST) {
                    let places = keypoints.iter();
                    let places = places.map(|joint| shrunk(joint.position_px(packet.unit)));
                    let places: heapless::Vec<Place, 64> = places.collect();
                    let style = Style {
                        is_hand: packet.task == 1,
                        alpha: SEEN_ALPHA,
                        captured_ns,
                    };
                    self.draw(&places, packet.joint_table, style);
                }
                true
            }
            Body::Instances(part) => {
                for instance in part.instances() {
                    let alpha = match InstanceState::from_code(instance.state) {
                        Some(InstanceState::Tracked) => SEEN_ALPHA,
                        Some(InstanceState::Predicted) => PREDICTED_ALPHA,
                        _ => continue,
                    };
                    let joints = instance.joints.iter();
                    let places = joints.map(|joint| shrunk(joint.point.position_px(packet.unit)));
                    let places: heapless::Vec<Place, 64> = places.collect();
                    let style = Style {
                        is_hand: instance.task == 1,
                        alpha,
                        captured_ns,
                    };
                    self.draw(&places, instance.joint_table, style);
                    let [x, y, side] = instance.region_px(packet.unit).map(|px| px / step);
                    let corner = (x - side / 2.0, y - side / 2.0);
                    self.label(instance.number, corner, style);
                }
                let (index, parts) = part.part();
                index + 1 >= parts
            }
        };
        self.open.get_or_insert((frame, time_ns));
        if is_complete {
            self.emit(&mut emit);
        }
    }

    /// Pixels of the frame for each pixel of what is drawn on.
    fn step(&self, packet: &Packet) -> f32 {
        let size_px = [packet.frame_width_px, packet.frame_height_px].map(u32::from);
        match self.has_pictures {
            true => step_for(size_px, PICTURE_PX) as f32,
            false => 1.0,
        }
    }

    fn emit(&mut self, emit: &mut impl FnMut(u64, &[&[u8]])) {
        if let Some((_, time_ns)) = self.open.take() {
            let pieces = [
                r#"{"circles":[],"points":["#,
                &self.points.0,
                r#"],"texts":["#,
                &self.labels.0,
                "]}",
            ];
            emit(time_ns, &pieces.map(str::as_bytes));
        }
        self.points.0.clear();
        self.labels.0.clear();
    }

    /// Bones as pairs of points, and joints as points.
    fn draw(&mut self, places: &[Place], joint_table: u8, style: Style) {
        let place = |index: u8| places.get(usize::from(index)).copied().flatten();
        let ends = bones(joint_table)
            .iter()
            .filter_map(|&(from, to)| Some([place(from)?, place(to)?]))
            .flatten();
        self.points.element(|text| {
            text.write_str("{")?;
            style.write(text)?;
            points(text, LINE_LIST, 2, ends)
        });
        self.points.element(|text| {
            text.write_str("{")?;
            style.write(text)?;
            points(text, POINTS, 6, places.iter().copied().flatten())
        });
    }

    fn label(&mut self, number: u16, (x, y): (f32, f32), style: Style) {
        self.labels.element(|text| {
            text.write_str("{")?;
            style.timestamp(text)?;
            write!(
                text,
                r#""position":{{"x":{x},"y":{y}}},"text":"{number}","font_size":14,"#
            )?;
            text.write_str(r#""text_color":"#)?;
            style.color(text)?;
            text.write_str(r#","background_color":{"r":0,"g":0,"b":0,"a":0.5}}"#)
        });
    }
}

/// `foxglove.PointsAnnotationType`.
const POINTS: u8 = 1;
const LINE_LIST: u8 = 4;

#[derive(Debug, Clone, Copy)]
struct Style {
    is_hand: bool,
    alpha: f32,
    captured_ns: u64,
}

impl Style {
    fn write(self, text: &mut Text) -> fmt::Result {
        self.timestamp(text)?;
        text.write_str(r#""outline_colors":[],"fill_color":"#)?;
        self.color(text)?;
        text.write_str(r#","outline_color":"#)?;
        self.color(text)?;
        text.write_str(",")
    }

    fn timestamp(self, text: &mut Text) -> fmt::Result {
        let (seconds, rest) = (
            self.captured_ns / 1_000_000_000,
            self.captured_ns % 1_000_000_000,
        );
        write!(text, r#""timestamp":{{"sec":{seconds},"nsec":{rest}}},"#)
    }

    fn color(self, text: &mut Text) -> fmt::Result {
        let [r, g, b] = if self.is_hand { HAND_RGB } else { OTHER_RGB };
        let a = self.alpha;
        write!(text, r#"{{"r":{r},"g":{g},"b":{b},"a":{a}}}"#)
    }
}

/// The rest of a `foxglove.PointsAnnotation`. Its origin is the corner of the first pixel, and the wire's is the centre.
fn points(
    text: &mut Text,
    kind: u8,
    thickness: u8,
    places: impl Iterator<Item = (f32, f32)>,
) -> fmt::Result {
    write!(text, r#""type":{kind},"thickness":{thickness},"points":["#)?;
    for (index, (x, y)) in places.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"x":{},"y":{}}}"#, x + 0.5, y + 0.5)?;
    }
    text.write_str("]}")
}
