//! Packets on a serial line. COBS encodes each packet without zero bytes; a zero byte ends it.

use posewire::wire::{Packet, PacketView};

/// A limit above every encoded packet.
const LONGEST: usize = 1024;

/// Reads bytes in pieces and returns packets. It may start anywhere in the stream.
#[derive(Default)]
pub struct Deframer {
    partial: Vec<u8>,
    /// True until the first delimiter: the first frame may be the end of one.
    started: bool,
    pub packets: Vec<Packet>,
    pub damaged: u32,
}

impl Deframer {
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte != 0 {
                if self.partial.len() < LONGEST {
                    self.partial.push(byte);
                }
                continue;
            }
            let frame = std::mem::take(&mut self.partial);
            let packet = decode(&frame)
                .and_then(|bytes| PacketView::new(&bytes).ok().map(|view| view.to_packet()));
            match packet {
                Some(packet) => self.packets.push(packet),
                // Empty frames are fillers.
                None => self.damaged += u32::from(self.started && !frame.is_empty()),
            }
            self.started = true;
        }
    }
}

/// Decodes COBS: each group starts with its length plus one. A zero follows, except after the longest and the last
/// group.
fn decode(frame: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(frame.len());
    let mut rest = frame;
    while let Some((&code, after)) = rest.split_first() {
        let (group, left) = after.split_at_checked(usize::from(code).checked_sub(1)?)?;
        bytes.extend(group);
        if code < 0xFF && !left.is_empty() {
            bytes.push(0);
        }
        rest = left;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_joined_by_zeros() {
        assert_eq!(decode(&[3, 1, 2, 2, 3]).unwrap(), [1, 2, 0, 3]);
        assert_eq!(decode(&[1, 1]).unwrap(), [0]);
        assert_eq!(decode(&[5, 1]), None);
        assert_eq!(decode(&[0]), None);
    }

    #[test]
    fn rubbish_is_counted_and_passed_over() {
        let mut deframer = Deframer::default();
        deframer.feed(&[9, 9, 0, 9, 9, 0, 0]);
        assert_eq!((deframer.packets.len(), deframer.damaged), (0, 1));
    }
}
