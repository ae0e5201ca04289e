//! Messages of MAVLink 2 for flight controllers and ground stations: those that a camera sends.
//!
//! In: a [`Message`]. Out: its frame, as on a serial line or in a datagram. Frames are not signed. Nothing is allocated.
//! Message 275 is from `common.xml`, <https://mavlink.io/en/messages/common.html>.

/// Bytes of the longest frame that is made here.
pub const MAX_FRAME_BYTES: usize = HEAD_BYTES + MAX_PAYLOAD_BYTES + CRC_BYTES;

/// A frame.
pub type Frame = heapless::Vec<u8, MAX_FRAME_BYTES>;

const MAGIC: u8 = 0xFD;
const HEAD_BYTES: usize = 10;
const MAX_PAYLOAD_BYTES: usize = 32;
const CRC_BYTES: usize = 2;

/// `MAV_COMP_ID_CAMERA`, `MAV_TYPE_CAMERA`, `MAV_AUTOPILOT_INVALID`, `MAV_STATE_ACTIVE`, and the version.
const COMPONENT: u8 = 100;
const TYPE_CAMERA: u8 = 30;
const AUTOPILOT_INVALID: u8 = 8;
const STATE_ACTIVE: u8 = 4;
const VERSION: u8 = 3;

/// `CAMERA_TRACKING_MODE_RECTANGLE` and `CAMERA_TRACKING_TARGET_DATA_IN_STATUS`.
const MODE_RECTANGLE: u8 = 2;
const DATA_IN_STATUS: u8 = 4;

/// A box, as shares of the picture's width and height: 0 is left or top, 1 is right or bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Bottom edge.
    pub bottom: f32,
}

/// State of a camera that tracks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tracking {
    /// Nothing is tracked.
    Idle,
    /// The target was seen in the last frame.
    Active(Rectangle),
    /// The target was not seen; its place is predicted.
    Coasting(Rectangle),
    /// There is no picture, or only an old one.
    Failed,
}

impl Tracking {
    /// `CAMERA_TRACKING_STATUS_FLAGS`.
    fn status(self) -> u8 {
        match self {
            Tracking::Idle => 0,
            Tracking::Active(_) => 1,
            Tracking::Failed => 2,
            // Active, and predicted.
            Tracking::Coasting(_) => 1 | 8,
        }
    }
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Message {
    /// HEARTBEAT: the component is there.
    Heartbeat,
    /// CAMERA_TRACKING_IMAGE_STATUS: the place of the target in the picture.
    Tracking(Tracking),
}

impl Message {
    /// Number, and the byte that makes the checksum depend on the message's definition.
    fn id_and_extra(&self) -> (u32, u8) {
        match self {
            Message::Heartbeat => (0, 50),
            Message::Tracking(_) => (275, 126),
        }
    }

    fn payload(&self) -> [u8; MAX_PAYLOAD_BYTES] {
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        match self {
            Message::Heartbeat => {
                payload[4..9].copy_from_slice(&[
                    TYPE_CAMERA,
                    AUTOPILOT_INVALID,
                    0,
                    STATE_ACTIVE,
                    VERSION,
                ]);
            }
            Message::Tracking(tracking) => {
                let (rectangle, mode, data) = match *tracking {
                    Tracking::Active(rectangle) | Tracking::Coasting(rectangle) => {
                        (Some(rectangle), MODE_RECTANGLE, DATA_IN_STATUS)
                    }
                    Tracking::Idle | Tracking::Failed => (None, 0, 0),
                };
                let edges = rectangle.map_or([f32::NAN; 4], |r| [r.left, r.top, r.right, r.bottom]);
                // A point and its radius are of another mode.
                let floats = [f32::NAN; 3].into_iter().chain(edges);
                for (bytes, float) in payload.as_chunks_mut().0.iter_mut().zip(floats) {
                    *bytes = float.to_le_bytes();
                }
                payload[28..31].copy_from_slice(&[tracking.status(), mode, data]);
            }
        }
        payload
    }
}

/// Numbers the frames of one system.
#[derive(Debug)]
pub struct Sender {
    system: u8,
    sequence: u8,
}

impl Sender {
    /// The camera of the system with this number, from 1.
    pub fn new(system: u8) -> Self {
        Sender {
            system,
            sequence: 0,
        }
    }

    /// The next frame.
    pub fn frame(&mut self, message: &Message) -> Frame {
        let (id, extra) = message.id_and_extra();
        let payload = message.payload();
        // Zeros at the end are left out, except for the first byte.
        let length = payload.iter().rposition(|&byte| byte != 0).unwrap_or(0) + 1;
        let [id_low, id_middle, id_high, _] = id.to_le_bytes();
        let head = [
            MAGIC,
            // At most MAX_PAYLOAD_BYTES.
            length as u8,
            0,
            0,
            self.sequence,
            self.system,
            COMPONENT,
            id_low,
            id_middle,
            id_high,
        ];
        self.sequence = self.sequence.wrapping_add(1);
        let summed = head[1..].iter().chain(&payload[..length]);
        let crc = summed
            .chain([&extra])
            .fold(CRC_START, |crc, &byte| add(crc, byte));
        let frame = head.iter().chain(&payload[..length]).copied();
        frame.chain(crc.to_le_bytes()).collect()
    }
}

const CRC_START: u16 = 0xFFFF;

/// CRC-16/MCRF4XX, which MAVLink calls X.25.
fn add(crc: u16, byte: u8) -> u16 {
    let [low, high] = crc.to_le_bytes();
    let mixed = byte ^ low;
    let mixed = u16::from(mixed ^ (mixed << 4));
    u16::from(high) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_catalogue() {
        let crc = b"123456789"
            .iter()
            .fold(CRC_START, |crc, &byte| add(crc, byte));
        assert_eq!(crc, 0x6F91);
    }

    /// Frames that pymavlink 2.4.50 makes.
    #[test]
    fn frames_are_those_of_pymavlink() {
        let hex = |frame: &Frame| {
            frame
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let mut sender = Sender::new(7);
        sender.sequence = 5;
        assert_eq!(
            hex(&sender.frame(&Message::Heartbeat)),
            "fd090000050764000000000000001e08000403fe96"
        );
        let rectangle = Rectangle {
            left: 0.25,
            top: 0.5,
            right: 0.75,
            bottom: 1.0,
        };
        assert_eq!(
            hex(&sender.frame(&Message::Tracking(Tracking::Active(rectangle)))),
            "fd1f00000607641301000000c07f0000c07f0000c07f0000803e0000003f0000403f0000803f010204758d"
        );
        sender.sequence = 255;
        assert_eq!(
            hex(&sender.frame(&Message::Tracking(Tracking::Idle))),
            "fd1c0000ff07641301000000c07f0000c07f0000c07f0000c07f0000c07f0000c07f0000c07f929e"
        );
        assert_eq!(
            sender.frame(&Message::Heartbeat)[4],
            0,
            "numbers begin again"
        );
    }

    #[test]
    fn a_predicted_target_and_no_picture_have_states_of_their_own() {
        let rectangle = Rectangle {
            left: 0.0,
            top: 0.0,
            right: 1.0,
            bottom: 1.0,
        };
        let status = |tracking| {
            let frame = Sender::new(1).frame(&Message::Tracking(tracking));
            // Zeros at the end are not there.
            frame[HEAD_BYTES..frame.len() - CRC_BYTES]
                .get(28)
                .copied()
                .unwrap_or(0)
        };
        assert_eq!(status(Tracking::Coasting(rectangle)), 9);
        assert_eq!(status(Tracking::Active(rectangle)), 1);
        assert_eq!(status(Tracking::Failed), 2);
        assert_eq!(status(Tracking::Idle), 0);
    }
}
