//! Packets that wait for the disk, in memory of fixed size.

use std::collections::VecDeque;

/// Bytes before each packet: its time and its length.
const HEAD_BYTES: usize = 10;

/// Packets with their times, in order. It allocates once.
#[derive(Debug)]
pub(super) struct PacketQueue {
    bytes: VecDeque<u8>,
    capacity: usize,
    packets: u64,
}

impl PacketQueue {
    pub fn new(capacity: usize) -> Self {
        PacketQueue {
            bytes: VecDeque::with_capacity(capacity),
            capacity,
            packets: 0,
        }
    }

    /// False if there is no room.
    pub fn push(&mut self, time_ns: u64, packet: &[u8]) -> bool {
        let Ok(length) = u16::try_from(packet.len()) else {
            return false;
        };
        let fits = HEAD_BYTES + packet.len() <= self.capacity - self.bytes.len();
        if fits {
            self.bytes.extend(time_ns.to_le_bytes());
            self.bytes.extend(length.to_le_bytes());
            self.bytes.extend(packet);
            self.packets += 1;
        }
        fits
    }

    /// Moves the oldest packet to `packet`, and returns its time.
    pub fn pop(&mut self, packet: &mut Vec<u8>) -> Option<u64> {
        packet.clear();
        if self.packets == 0 {
            return None;
        }
        let time_ns = u64::from_le_bytes(self.take());
        let length = usize::from(u16::from_le_bytes(self.take()));
        packet.extend(self.bytes.drain(..length));
        self.packets -= 1;
        Some(time_ns)
    }

    /// Packets that wait.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.packets = 0;
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.bytes.pop_front().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in_and_the_memory_is_fixed(
            steps in prop::collection::vec(prop::option::of(0..60_usize), 0..200),
        ) {
            let (mut queue, mut model) = (PacketQueue::new(200), VecDeque::<(u64, Vec<u8>)>::new());
            let capacity = queue.bytes.capacity();
            let mut packet = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(length) = step {
                    let pushed = vec![number as u8; length];
                    let used: usize = model.iter().map(|(_, packet)| HEAD_BYTES + packet.len()).sum();
                    let fits = used + HEAD_BYTES + length <= 200;
                    prop_assert_eq!(queue.push(number as u64, &pushed), fits);
                    if fits {
                        model.push_back((number as u64, pushed));
                    }
                } else {
                    let time_ns = queue.pop(&mut packet);
                    let expected = model.pop_front();
                    prop_assert_eq!(time_ns, expected.as_ref().map(|(time_ns, _)| *time_ns));
                    prop_assert_eq!(&packet, &expected.unwrap_or_default().1);
                }
                prop_assert_eq!(queue.packets(), model.len() as u64);
                prop_assert_eq!(queue.bytes.capacity(), capacity);
            }
        }
    }
}
