//! Descriptors of the camera: USB Video Class 1.0, one MJPEG format of one size, pictures by bulk transfers.

pub const WIDTH_PX: u16 = 640;
pub const HEIGHT_PX: u16 = 480;
/// Units of 100 ns: 30 frames a second.
pub const FRAME_INTERVAL: u32 = 333_333;
pub const LARGEST_FRAME_BYTES: u32 = 640 * 480 * 2;
/// Bytes of one transfer: as many packets as the driver puts into one.
pub const LARGEST_PAYLOAD_BYTES: u32 = 32 * 512;

const PICTURES_IN: u8 = 0x81;
const CLASS_INTERFACE: u8 = 0x24;

pub const DEVICE: [u8; 18] = [
    18, 1, 0x00, 0x02, // USB 2.0
    0xEF, 2, 1, 64, // interfaces belong together
    0x6B, 0x1D, 0x02, 0x01, // the Linux foundation's webcam gadget
    0x00, 0x01, 0, 0, 0, 1,
];

/// The configuration with everything below it.
pub fn configuration() -> Vec<u8> {
    let control = control_interface();
    let streaming = streaming_interface();
    let total = 9 + 8 + control.len() + streaming.len();
    let mut bytes = vec![9, 2];
    bytes.extend((total as u16).to_le_bytes());
    bytes.extend([2, 1, 0, 0x80, 50]);
    bytes.extend([8, 11, 0, 2, 14, 3, 0, 0]);
    bytes.extend(control);
    bytes.extend(streaming);
    bytes
}

fn control_interface() -> Vec<u8> {
    let mut parts = Vec::new();
    // A camera without controls, and the way out.
    parts.extend([18, CLASS_INTERFACE, 2, 1, 0x01, 0x02, 0, 0]);
    parts.extend([0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    parts.extend([9, CLASS_INTERFACE, 3, 2, 0x01, 0x01, 0, 1, 0]);
    let mut bytes = vec![9, 4, 0, 0, 0, 14, 1, 0, 0];
    bytes.extend([13, CLASS_INTERFACE, 1, 0x00, 0x01]);
    bytes.extend((13 + parts.len() as u16).to_le_bytes());
    bytes.extend(48_000_000_u32.to_le_bytes());
    bytes.extend([1, 1]);
    bytes.extend(parts);
    bytes
}

fn streaming_interface() -> Vec<u8> {
    let mut parts = vec![11, CLASS_INTERFACE, 6, 1, 1, 1, 1, 0, 0, 0, 0];
    parts.extend([30, CLASS_INTERFACE, 7, 1, 0]);
    parts.extend(WIDTH_PX.to_le_bytes());
    parts.extend(HEIGHT_PX.to_le_bytes());
    for word in [1_000_000, 100_000_000, LARGEST_FRAME_BYTES, FRAME_INTERVAL] {
        parts.extend(word.to_le_bytes());
    }
    parts.push(1);
    parts.extend(FRAME_INTERVAL.to_le_bytes());
    let mut bytes = vec![9, 4, 1, 0, 1, 14, 2, 0, 0];
    bytes.extend([14, CLASS_INTERFACE, 1, 1]);
    bytes.extend((14 + parts.len() as u16).to_le_bytes());
    bytes.extend([PICTURES_IN, 0, 2, 0, 0, 0, 1, 0]);
    bytes.extend(parts);
    bytes.extend([7, 5, PICTURES_IN, 2]);
    bytes.extend(512_u16.to_le_bytes());
    bytes.push(0);
    bytes
}

/// The negotiated settings for the driver. There is only one choice.
pub fn streaming_control() -> [u8; 26] {
    let mut bytes = [0; 26];
    bytes[0] = 1;
    bytes[2] = 1;
    bytes[3] = 1;
    bytes[4..8].copy_from_slice(&FRAME_INTERVAL.to_le_bytes());
    bytes[18..22].copy_from_slice(&LARGEST_FRAME_BYTES.to_le_bytes());
    bytes[22..26].copy_from_slice(&LARGEST_PAYLOAD_BYTES.to_le_bytes());
    bytes
}
