//! Figures of a minute of packets.

use super::process::Usage;
use posewire::wire::{Kind, Packet};

#[derive(Debug, Default)]
pub struct Minute {
    pub frames: u64,
    pub lost: u64,
    /// Time from capture to sending, of each frame.
    ages_us: Vec<u32>,
}

impl Minute {
    pub const HEADING: &str =
        "minute   frames  lost  age ms: median     p99   resident KiB  descriptors  threads";

    /// `expected` is the next sequence number. On one machine packets keep their order.
    pub fn take(&mut self, packet: &Packet, expected: &mut Option<u32>) {
        if let Some(expected) = *expected {
            self.lost += u64::from(packet.sequence.wrapping_sub(expected));
        }
        *expected = Some(packet.sequence.wrapping_add(1));
        if packet.kind() == Kind::Keypoints {
            self.frames += 1;
            self.ages_us.push(packet.age_us);
        }
    }

    /// The age percentile: so many of a hundred frames are not older; 0 without frames.
    pub fn age_ms(&self, percent: usize) -> f64 {
        let mut ages = self.ages_us.clone();
        ages.sort_unstable();
        let rank = (ages.len() * percent).div_ceil(100).max(1) - 1;
        ages.get(rank).map_or(0.0, |&age| f64::from(age) / 1e3)
    }

    pub fn print(&self, number: &str, usage: &Usage) {
        println!(
            "{:>6} {:>8} {:>5} {:>15.2} {:>7.2} {:>14} {:>12} {:>8}",
            number,
            self.frames,
            self.lost,
            self.age_ms(50),
            self.age_ms(99),
            usage.resident_bytes >> 10,
            usage.descriptors,
            usage.threads
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ages_that_were_seen() {
        let minute = Minute {
            ages_us: (1..=200).rev().map(|ms| 1000 * ms).collect(),
            ..Minute::default()
        };
        assert_eq!(minute.age_ms(50), 100.0);
        assert_eq!(minute.age_ms(99), 198.0);
        assert_eq!(minute.age_ms(100), 200.0);
        assert_eq!(Minute::default().age_ms(99), 0.0);
    }
}
