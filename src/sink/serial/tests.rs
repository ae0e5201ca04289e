//! The rules of [`SendQueue`], on a device that misbehaves. No test waits: the time is a number.

use super::fake::FakeDevice;
use super::send_queue::{Rank, SendQueue};
use crate::clock::Instant;
use crate::wire::{
    Body, FixedPoint, Flags, LineFrame, Packet, RESYNC, WireKeypoint, WireStats, cobs,
};
use proptest::prelude::*;

const BAUD: u32 = 115_200;
/// 30 frames a second.
const INTERVAL_US: u64 = 33_333;
/// A hand's packet.
const FRAME_BYTES: usize = 184;

fn frame(rank: Rank, sequence: u32) -> LineFrame {
    let joint = WireKeypoint {
        x: 5,
        y: 6,
        score: 7,
    };
    let packet = Packet {
        flags: Flags::default(),
        session: 1,
        sequence,
        captured: Instant::default(),
        age_us: 0,
        frame_index: sequence,
        frame_width_px: 640,
        frame_height_px: 480,
        task: 1,
        joint_table: 1,
        unit: FixedPoint::for_frame(640, 480),
        instance: 0,
        score: 0,
        body: match rank {
            Rank::Frame | Rank::Part => Body::Keypoints(std::iter::repeat_n(joint, 21).collect()),
            Rank::Stats => Body::Stats(WireStats::default()),
        },
    };
    cobs::encode(&packet.encode())
}

/// A line that gets a packet when it is told to, and what became of them.
struct Bench {
    device: FakeDevice,
    line: SendQueue<FakeDevice>,
    now_us: u64,
    sequence: u32,
    reported: u32,
    /// When each packet was sent.
    sent_us: Vec<u64>,
}

impl Bench {
    fn new(baud: u32) -> Self {
        let device = FakeDevice::new(baud);
        Bench {
            line: SendQueue::open("test", device.clone(), baud, 0).unwrap(),
            device,
            now_us: 0,
            sequence: 0,
            reported: 0,
            sent_us: Vec::new(),
        }
    }

    fn send(&mut self) -> Result<(), &'static str> {
        self.send_ranked(Rank::Frame)
    }

    fn send_ranked(&mut self, rank: Rank) -> Result<(), &'static str> {
        let frame = frame(rank, self.sequence);
        let outcome = self.line.send(&frame, rank, self.now_us);
        self.sequence += 1;
        self.sent_us.push(self.now_us);
        self.reported += u32::from(outcome.is_err());
        outcome
    }

    fn wait(&mut self, time_us: u64) {
        self.now_us += time_us;
        self.device.run_us(time_us);
    }

    /// One packet each frame interval.
    fn stream(&mut self, packets: u32) {
        for _ in 0..packets {
            let _ = self.send();
            self.wait(INTERVAL_US);
        }
    }

    fn received(&self) -> Vec<u32> {
        self.device.received().0
    }
}

#[test]
fn a_frame_for_each_packet_and_before_the_first_what_brings_the_receiver_in_step() {
    let mut bench = Bench::new(BAUD);
    bench.stream(50);
    assert_eq!(bench.device.received(), ((0..50).collect(), 0));
    assert_eq!(bench.reported, 0);
    let line = bench.device.get(|state| state.line.clone());
    assert_eq!(line.len(), RESYNC.len() + 50 * FRAME_BYTES);
    assert!(line.starts_with(&RESYNC));
    assert_eq!(bench.line.close(), 0);
}

#[test]
fn the_kernel_gets_no_more_than_leaves_soon() {
    let mut bench = Bench::new(BAUD);
    for _ in 0..20 {
        let _ = bench.send();
    }
    let queued = bench.device.get(|state| state.kernel.len());
    assert!((576..576 + FRAME_BYTES).contains(&queued), "{queued}");
    // Four in the kernel, two wait, each other one was reported.
    assert_eq!(bench.reported, 14);
    bench.wait(INTERVAL_US);
    let _ = bench.send();
    bench.wait(INTERVAL_US * 2);
    let _ = bench.send();
    bench.wait(INTERVAL_US * 2);
    assert_eq!(bench.received(), [0, 1, 2, 3, 18, 19, 20, 21]);
}

#[test]
fn a_slow_line_thins_out_whole_frames_of_several_parts() {
    let mut bench = Bench::new(BAUD / 4);
    for _ in 0..60 {
        for rank in [Rank::Frame, Rank::Part, Rank::Part] {
            let _ = bench.send_ranked(rank);
        }
        bench.wait(INTERVAL_US);
    }
    bench.wait(10 * INTERVAL_US);
    while !bench.line.is_done(bench.now_us) {
        bench.wait(INTERVAL_US);
    }
    let received = bench.received();
    let left = bench.line.close();
    assert_eq!(
        received.len() as u64 + u64::from(bench.reported) + left,
        180
    );
    assert!(received.is_sorted() && received.len() > 20, "{received:?}");
    // A frame arrives from its first part on: no part comes without those before it.
    for &sequence in received.iter().filter(|&&sequence| sequence % 3 > 0) {
        assert!(received.contains(&(sequence - 1)), "{received:?}");
    }
}

#[test]
fn at_the_slowest_rates_one_packet_at_a_time_is_on_its_way() {
    let mut bench = Bench::new(9_600);
    bench.stream(60);
    let received = bench.received();
    // Two seconds, 192 ms each.
    assert!((9..=10).contains(&received.len()), "{received:?}");
    let left = bench.line.close();
    assert_eq!(received.len() as u64 + u64::from(bench.reported) + left, 60);
}

#[test]
fn what_waited_too_long_is_given_up() {
    let mut bench = Bench::new(BAUD);
    for _ in 0..6 {
        assert_eq!(bench.send(), Ok(()));
    }
    bench.wait(100_001);
    assert!(bench.send().is_err());
    assert!(bench.send().is_err());
    assert_eq!(bench.send(), Ok(()));
    bench.wait(100_000);
    assert_eq!(bench.received(), [0, 1, 2, 3, 6, 7, 8]);
}

#[test]
fn a_frame_that_was_begun_is_finished_first() {
    let mut bench = Bench::new(BAUD);
    bench.device.set(|state| state.bite_bytes = 100);
    bench.stream(40);
    let (received, damaged) = bench.device.received();
    assert_eq!(damaged, 0);
    assert!(received.len() >= 15, "{received:?}");
    assert!(received.is_sorted());
    bench.device.set(|state| state.bite_bytes = usize::MAX);
    bench.stream(3);
    let left = bench.line.close();
    let received = bench.received().len() as u64;
    assert_eq!(received + u64::from(bench.reported) + left, 43);
}

#[test]
fn a_packet_of_which_nothing_was_taken_makes_room_for_newer_ones() {
    let mut bench = Bench::new(BAUD);
    bench.stream(1);
    bench.device.set(|state| state.room_bytes = 0);
    for _ in 0..5 {
        let _ = bench.send();
    }
    assert_eq!(bench.reported, 3);
    bench.device.set(|state| state.room_bytes = 4096);
    bench.stream(1);
    bench.wait(INTERVAL_US);
    assert_eq!(bench.received(), [0, 4, 5, 6]);
}

#[test]
fn an_extra_packet_takes_no_results_place_and_gives_up_its_own() {
    let mut bench = Bench::new(BAUD);
    for _ in 0..5 {
        assert_eq!(bench.send(), Ok(()));
    }
    // Four are in the kernel and one waits; there is room for one more.
    assert_eq!(bench.send_ranked(Rank::Stats), Ok(()));
    assert!(bench.send().is_err(), "the extra one gives way");
    assert!(
        bench.send_ranked(Rank::Stats).is_err(),
        "and takes no place"
    );
    for _ in 0..4 {
        bench.wait(INTERVAL_US);
        let _ = bench.line.is_done(bench.now_us);
    }
    assert_eq!(bench.received(), [0, 1, 2, 3, 4, 6]);
    // With room it is sent in its turn.
    assert_eq!(bench.send_ranked(Rank::Stats), Ok(()));
    assert_eq!(bench.send(), Ok(()));
    bench.wait(2 * INTERVAL_US);
    assert_eq!(bench.received(), [0, 1, 2, 3, 4, 6, 8, 9]);
    assert_eq!(bench.reported, 2);
}

#[test]
fn nothing_old_comes_out_of_a_jam() {
    for hides_queue in [false, true] {
        let mut bench = Bench::new(BAUD);
        bench.device.set(|state| {
            state.hides_queue = hides_queue;
            state.room_bytes = 700;
        });
        bench.stream(10);
        let before = bench.received().len();
        bench.device.set(|state| state.jammed = true);
        bench.stream(300);
        bench.device.set(|state| state.jammed = false);
        let first_fresh = bench.sequence - 12;
        bench.stream(10);
        let (received, damaged) = bench.device.received();
        let late = received[before..].iter().filter(|&&s| s < first_fresh);
        assert_eq!(late.count(), 0, "{received:?}");
        assert!(received.len() >= before + 8, "{received:?}");
        // At most the one that was under way when the jam began.
        assert!(damaged <= 1);
        assert!(bench.reported > 200);
        if !hides_queue {
            let (got, left) = (received.len() as u64, bench.line.close());
            assert_eq!(got + u64::from(bench.reported) + left, 320);
        }
    }
}

#[test]
fn a_device_that_fails_is_looked_for_once_a_second_and_used_again() {
    let mut bench = Bench::new(BAUD);
    bench.stream(10);
    bench.device.set(|state| {
        state.broken = true;
        state.present = false;
    });
    bench.stream(150);
    let opened = bench.device.get(|state| state.opened);
    // Five seconds.
    assert!((5..=6).contains(&(opened - 1)), "{opened}");
    assert!(bench.reported >= 150, "{}", bench.reported);
    bench.device.set(|state| {
        state.broken = false;
        state.present = true;
    });
    bench.stream(60);
    let (received, damaged) = bench.device.received();
    assert_eq!((received.last(), damaged), (Some(&219), 0));
    assert!(received.len() >= 10 + 29);
    let (got, left) = (received.len() as u64, bench.line.close());
    let known = got + u64::from(bench.reported) + left;
    // The packets that were with the kernel when the device broke had in fact left.
    assert!((220..=222).contains(&known), "{known}");
}

#[test]
fn a_frame_that_the_failure_cut_off_does_not_spoil_the_next_one() {
    let mut bench = Bench::new(BAUD);
    bench.stream(2);
    assert_eq!(bench.send(), Ok(()));
    bench.wait(5_000);
    bench.device.set(|state| state.broken = true);
    assert!(bench.send().is_err());
    bench.device.set(|state| state.broken = false);
    bench.wait(1_000_000);
    bench.stream(2);
    assert_eq!(bench.device.received(), (vec![0, 1, 4, 5], 1));
}

#[test]
fn the_end_waits_until_everything_has_left_and_no_longer() {
    let mut bench = Bench::new(BAUD);
    for _ in 0..6 {
        assert_eq!(bench.send(), Ok(()));
    }
    let mut waited_us = 0;
    while !bench.line.is_done(bench.now_us) {
        bench.wait(2_000);
        waited_us += 2_000;
    }
    // Six packets of 16 ms.
    assert!((90_000..110_000).contains(&waited_us), "{waited_us}");
    assert_eq!(bench.line.close(), 0);
    assert_eq!(bench.received().len(), 6);
}

#[test]
fn the_end_of_a_jammed_line_throws_away_what_would_hold_it_up() {
    let mut bench = Bench::new(BAUD);
    bench.device.set(|state| state.jammed = true);
    for _ in 0..6 {
        assert_eq!(bench.send(), Ok(()));
    }
    assert!(!bench.line.is_done(bench.now_us));
    assert_eq!(bench.line.close(), 6);
    assert!(bench.device.get(|state| state.kernel.is_empty()));
}

#[test]
fn an_absent_device_is_an_error_at_the_start() {
    let device = FakeDevice::new(BAUD);
    device.set(|state| state.present = false);
    assert!(SendQueue::open("test", device, BAUD, 0).is_err());
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Send(Rank),
    Wait(u64),
    Jam(bool),
    Break,
    Mend,
    Bite(usize),
    Room(usize),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        7 => Just(Event::Send(Rank::Frame)),
        2 => Just(Event::Send(Rank::Stats)),
        8 => (0_u64..60_000).prop_map(Event::Wait),
        1 => Just(Event::Wait(1_000_000)),
        1 => any::<bool>().prop_map(Event::Jam),
        1 => Just(Event::Break),
        2 => Just(Event::Mend),
        1 => (1_usize..300).prop_map(Event::Bite),
        1 => (0_usize..900).prop_map(Event::Room),
    ]
}

proptest! {
    // Whatever the device does, a packet is either received or reported once, and never out of order. Only
    // a device that breaks takes with it how much it had sent of the kernel's bytes.
    #[test]
    fn every_packet_is_received_or_reported_once(
        baud in prop_oneof![Just(9_600_u32), Just(115_200), Just(4_000_000)],
        events in proptest::collection::vec(any_event(), 1..200),
    ) {
        let mut bench = Bench::new(baud);
        let mut broke = false;
        for event in events {
            broke |= matches!(event, Event::Break);
            match event {
                Event::Send(rank) => { let _ = bench.send_ranked(rank); }
                Event::Wait(time_us) => bench.wait(time_us),
                Event::Jam(jammed) => bench.device.set(|state| state.jammed = jammed),
                Event::Break => bench.device.set(|state| {
                    state.broken = true;
                    state.present = false;
                }),
                Event::Mend => bench.device.set(|state| {
                    state.broken = false;
                    state.present = true;
                }),
                Event::Bite(bite_bytes) => bench.device.set(|state| state.bite_bytes = bite_bytes),
                Event::Room(room_bytes) => bench.device.set(|state| state.room_bytes = room_bytes),
            }
            prop_assert!(bench.device.get(|state| state.kernel.len()) <= 4096);
        }
        let lost = u64::from(bench.reported) + bench.line.close();
        let (received, sent) = (bench.received(), u64::from(bench.sequence));
        prop_assert!(received.is_sorted_by(|a, b| a < b));
        let known = received.len() as u64 + lost;
        prop_assert!(lost <= sent && known >= sent);
        prop_assert!(broke || known == sent, "{known} of {sent}");
    }

    // 286 ms (200, and the time of 987 bytes) and a frame interval in which nobody looks.
    #[test]
    fn no_packet_arrives_late_whatever_jams(
        jams in proptest::collection::vec((0_u64..400_000, 1_u64..50_000), 1..30),
        bite_bytes in 1_usize..400,
    ) {
        let mut bench = Bench::new(BAUD);
        bench.device.set(|state| state.bite_bytes = bite_bytes);
        let mut seen = 0;
        for (jam_us, run_us) in jams {
            for (jammed, mut time_us) in [(true, jam_us), (false, run_us)] {
                bench.device.set(|state| state.jammed = jammed);
                while time_us > 0 {
                    let step_us = time_us.min(20_000);
                    time_us -= step_us;
                    bench.wait(step_us);
                    let received = bench.received();
                    for &sequence in &received[seen..] {
                        let age_us = bench.now_us - bench.sent_us[sequence as usize];
                        prop_assert!(age_us <= 286_000 + 20_000, "{sequence} is {age_us} us old");
                    }
                    seen = received.len();
                    let _ = bench.send();
                }
            }
        }
    }
}
