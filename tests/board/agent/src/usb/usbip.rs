//! The USB/IP protocol as the kernel's virtual host controller speaks it: requests in, answers out.
//!
//! All numbers are big-endian. A header is 48 bytes; see the kernel's Documentation/usb/usbip_protocol.rst.

use std::io::{self, Read, Write};

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMITTED: u32 = 3;
const UNLINKED: u32 = 4;
const HEADER_BYTES: usize = 48;
/// Limit above any transfer of this device.
const LONGEST: u32 = 1 << 20;

/// A transfer that the host requests.
pub struct Transfer {
    pub sequence: u32,
    pub endpoint: u32,
    pub input: bool,
    pub length: u32,
    /// Setup bytes of a transfer on endpoint 0.
    pub setup: [u8; 8],
    /// Data from the host, for a transfer to the device.
    pub data: Vec<u8>,
}

pub enum Request {
    Submit(Transfer),
    /// The host takes back the transfer `which`.
    Unlink {
        sequence: u32,
        which: u32,
    },
}

pub fn read(stream: &mut impl Read) -> io::Result<Request> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let word = |index: usize| {
        let at = 4 * index;
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let bad = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let sequence = word(1);
    match word(0) {
        SUBMIT => {
            let (input, length) = (word(3) == 1, word(6));
            if length > LONGEST {
                return Err(bad("a transfer is too long"));
            }
            let mut setup = [0; 8];
            setup.copy_from_slice(&header[40..]);
            let mut data = vec![0; if input { 0 } else { length as usize }];
            stream.read_exact(&mut data)?;
            Ok(Request::Submit(Transfer {
                sequence,
                endpoint: word(4),
                input,
                length,
                setup,
                data,
            }))
        }
        UNLINK => Ok(Request::Unlink {
            sequence,
            which: word(5),
        }),
        _ => Err(bad("unknown USB/IP request")),
    }
}

/// Answers a transfer: `status` is 0 or a negative error number, `data` what the device sends.
pub fn answer(
    stream: &mut impl Write,
    transfer: &Transfer,
    status: i32,
    data: &[u8],
) -> io::Result<()> {
    let moved = if transfer.input {
        data.len()
    } else {
        transfer.data.len()
    };
    let mut bytes = header(SUBMITTED, transfer.sequence, status, moved as u32);
    if transfer.input {
        bytes.extend(data);
    }
    stream.write_all(&bytes)
}

pub fn answer_unlink(stream: &mut impl Write, sequence: u32, status: i32) -> io::Result<()> {
    stream.write_all(&header(UNLINKED, sequence, status, 0))
}

fn header(command: u32, sequence: u32, status: i32, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    for word in [command, sequence, 0, 0, 0, status as u32, length] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.resize(HEADER_BYTES, 0);
    bytes
}
