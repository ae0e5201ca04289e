//! The vectors that every receiver is tried with: clients/vectors/wire.txt.
//!
//! This file makes them, checks posewire's own receiver against them, and compares them with the file. After a
//! change of the wire format: `POSEWIRE_BLESS=1 cargo test --test wire_vectors`. clients/vectors/README.md describes
//! the lines.

use posewire::clock::Instant;
use posewire::wire::{
    Body, Encoded, FixedPoint, Flags, FrameCounts, Inbox, Key, Packet, RESYNC, Received, Refusal,
    Sealer, Sessions, WireInstance, WireJoint, WireKeypoint, WireStage, WireStats, cobs,
    instance_parts,
};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const FILE: &str = "clients/vectors/wire.txt";
const S: u64 = 1_000_000;
const MS: u64 = 1_000;
/// Unix time in microseconds: the epoch of a sender with a clock.
const EPOCH: u64 = 1_800_000_000 * S;

fn secret() -> [u8; 32] {
    std::array::from_fn(|index| index as u8)
}

/// Numbers that look random, and are the same at each run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    fn packet(&mut self) -> Packet {
        let body = match self.below(4) {
            0 => Body::Keypoints((0..self.below(65)).map(|_| self.keypoint()).collect()),
            1 => Body::Heartbeat,
            2 => Body::Stats(self.stats()),
            _ => self.instances(),
        };
        Packet {
            flags: Flags(self.next() as u16 & 0x3f),
            session: self.next() as u32,
            sequence: self.next() as u32,
            captured: Instant {
                mono_us: self.next(),
                wall_us: self.next(),
            },
            age_us: self.next() as u32,
            frame_index: self.next() as u32,
            frame_width_px: self.next() as u16,
            frame_height_px: self.next() as u16,
            task: self.below(3) as u8,
            joint_table: self.below(3) as u8,
            unit: FixedPoint::from_bits(self.below(16) as u8).unwrap(),
            instance: self.below(4) as u8,
            score: self.next() as u16,
            body,
        }
    }

    fn keypoint(&mut self) -> WireKeypoint {
        // Zeros in some places, which COBS takes out; one joint in eight was not found.
        let mask = if self.below(2) == 0 { 0xff } else { 0xffff };
        WireKeypoint {
            x: match self.below(8) {
                0 => i16::MIN,
                _ => (self.next() & mask) as i16,
            },
            y: (self.next() & mask) as i16,
            score: (self.next() & mask) as u16,
        }
    }

    fn figure(&mut self) -> Option<u32> {
        (self.below(4) > 0).then(|| self.next() as u32 >> 1)
    }

    fn stats(&mut self) -> WireStats {
        let mut word = || self.next() as u32 >> 1;
        let mut stats = WireStats {
            uptime_s: word(),
            period_ms: word(),
            frames: word(),
            found: word(),
            failed: word(),
            heartbeats: word(),
            dropped: word(),
            skipped: word(),
            passed_over: word(),
            lost: word(),
            reopened: word(),
            processor_ms: word(),
            stages: std::array::from_fn(|_| WireStage {
                count: word(),
                median_us: word(),
                p99_us: word(),
                max_us: word(),
            }),
            ..WireStats::default()
        };
        stats.heap_bytes = self.figure();
        stats.heap_most_bytes = self.figure();
        stats.allocations = self.figure();
        stats.resident_kib = self.figure();
        stats.hottest_decicelsius = self.figure().map(|figure| figure as i16 >> 1);
        stats
    }

    fn instances(&mut self) -> Body {
        let instances: Vec<WireInstance> = (0..self.below(4))
            .map(|slot| {
                let joints = self.below(9);
                self.instance(slot as u8, joints)
            })
            .collect();
        let counts = FrameCounts {
            confirmed: instances.len() as u8,
            waiting: self.below(3) as u8,
        };
        Body::Instances(instance_parts(&instances, counts).next().unwrap())
    }

    fn instance(&mut self, slot: u8, joints: u64) -> WireInstance {
        WireInstance {
            number: 1 + self.below(65_535) as u16,
            parent: (self.below(2) == 0).then(|| 1 + self.below(65_535) as u16),
            slot,
            task: 1 + self.below(2) as u8,
            state: 1 + self.below(4) as u8,
            side: self.below(4) as u8,
            flags: self.next() as u16,
            seen_ds: self.next() as u16,
            look_age_ms: self.below(200) as u16,
            centre: [self.next() as i16, self.next() as i16],
            region_side: self.next() as u16,
            presence: self.next() as u8,
            side_score: self.next() as u8,
            joint_table: self.below(3) as u8,
            joints: (0..joints)
                .map(|_| WireJoint {
                    point: WireKeypoint {
                        score: self.next() as u16 >> 1,
                        ..self.keypoint()
                    },
                    is_held: self.below(2) == 0,
                })
                .collect(),
        }
    }
}

/// A heartbeat of a hand's stream.
fn heartbeat(session: u32, sequence: u32) -> Packet {
    Packet {
        flags: Flags::LOST,
        session,
        sequence,
        captured: Instant {
            mono_us: 5 * S,
            wall_us: EPOCH,
        },
        age_us: 40_000,
        frame_index: 12,
        frame_width_px: 640,
        frame_height_px: 480,
        task: 1,
        joint_table: 1,
        unit: FixedPoint::from_bits(4).unwrap(),
        instance: 0,
        score: 0,
        body: Body::Heartbeat,
    }
}

/// The bytes with a checksum that fits.
fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 4;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The packet's bytes after a change, with a checksum that fits.
fn changed(packet: &Packet, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = packet.encode().to_vec();
    change(&mut bytes);
    with_crc(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a receiver says about bytes: one line in the file.
fn describe(received: &Received) -> String {
    match received {
        Received::Packet(packet) => describe_packet(packet),
        Received::Learned => "learned".into(),
        Received::Unknown => "unknown".into(),
        Received::Invalid(_) => "invalid".into(),
        Received::Refused { why, .. } => {
            let why = match why {
                Refusal::Old => "old",
                Refusal::OtherSession => "other_session",
                Refusal::Late { .. } => "late",
                Refusal::Unordered => "unordered",
            };
            format!("refused {why}")
        }
    }
}

fn describe_packet(packet: &Packet) -> String {
    let mut line = format!(
        "{} flags={} session={} sequence={} captured_mono_us={} captured_wall_us={} age_us={} frame_index={} \
         frame_width_px={} frame_height_px={} task={} joint_table={} fraction_bits={} instance={} score={}",
        packet.kind().name(),
        packet.flags.0,
        packet.session,
        packet.sequence,
        packet.captured.mono_us,
        packet.captured.wall_us,
        packet.age_us,
        packet.frame_index,
        packet.frame_width_px,
        packet.frame_height_px,
        packet.task,
        packet.joint_table,
        packet.unit.fraction_bits(),
        packet.instance,
        packet.score,
    );
    match &packet.body {
        Body::Heartbeat => {}
        Body::Keypoints(joints) => {
            for joint in joints {
                write!(line, " {}:{}:{}", joint.x, joint.y, joint.score).unwrap();
            }
        }
        Body::Stats(stats) => {
            let raw = |figure: Option<u32>| figure.unwrap_or(u32::MAX);
            let figures = [
                stats.uptime_s,
                stats.period_ms,
                stats.frames,
                stats.found,
                stats.failed,
                stats.heartbeats,
                stats.dropped,
                stats.skipped,
                stats.passed_over,
                stats.lost,
                stats.reopened,
                raw(stats.heap_bytes),
                raw(stats.heap_most_bytes),
                raw(stats.allocations),
                raw(stats.resident_kib),
                stats.processor_ms,
            ];
            let stages = stats
                .stages
                .iter()
                .flat_map(|stage| [stage.count, stage.median_us, stage.p99_us, stage.max_us]);
            for figure in figures.into_iter().chain(stages) {
                write!(line, " {figure}").unwrap();
            }
            let hottest = stats.hottest_decicelsius.unwrap_or(i16::MIN);
            write!(line, " {hottest}").unwrap();
        }
        Body::Instances(part) => {
            let counts = part.counts();
            let (index, parts) = part.part();
            let (confirmed, waiting) = (counts.confirmed, counts.waiting);
            write!(
                line,
                " confirmed={confirmed} waiting={waiting} part={index} parts={parts}"
            )
            .unwrap();
            for instance in part.instances() {
                write!(
                    line,
                    " | {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}",
                    instance.number,
                    instance.parent.unwrap_or(0),
                    instance.slot,
                    instance.task,
                    instance.state,
                    instance.side,
                    instance.flags,
                    instance.seen_ds,
                    instance.look_age_ms,
                    instance.centre[0],
                    instance.centre[1],
                    instance.region_side,
                    instance.presence,
                    instance.side_score,
                    instance.joint_table,
                )
                .unwrap();
                for joint in &instance.joints {
                    let WireKeypoint { x, y, score } = joint.point;
                    let held = if joint.is_held { ":held" } else { "" };
                    write!(line, " {x}:{y}:{score}{held}").unwrap();
                }
            }
        }
    }
    line
}

/// Writes the file, and runs posewire's receiver on each step.
struct Script {
    text: String,
    inbox: Inbox,
    splitter: cobs::Splitter,
    invalid: u64,
    refused: u64,
}

impl Script {
    fn new() -> Self {
        Script {
            text: "# Written by tests/wire_vectors.rs; README.md describes the lines.\n".into(),
            inbox: Inbox::open(),
            splitter: cobs::Splitter::default(),
            invalid: 0,
            refused: 0,
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Begins a case with a new receiver, whose time is 0.
    fn case(&mut self, name: &str, is_sealed: bool) {
        let kind = if is_sealed { "sealed" } else { "open" };
        self.line(&format!("\ncase {kind} {name}"));
        self.inbox = match is_sealed {
            true => Inbox::sealed(Key::new(&secret()), Sessions::new(0, false)),
            false => Inbox::open(),
        };
        self.splitter = cobs::Splitter::default();
        (self.invalid, self.refused) = (0, 0);
    }

    fn take(&mut self, bytes: &[u8], now_us: u64) -> String {
        let received = self.inbox.take(bytes, now_us);
        self.invalid += u64::from(matches!(received, Received::Invalid(_)));
        self.refused += u64::from(matches!(received, Received::Refused { .. }));
        describe(&received)
    }

    /// A datagram, and the first word or words that the receiver must say.
    fn datagram(&mut self, now_us: u64, bytes: &[u8], expected: &str) {
        let said = self.take(bytes, now_us);
        assert!(said.starts_with(expected), "{expected}, not {said}");
        self.line(&format!("datagram {now_us} {}", hex(bytes)));
        self.line(&format!("= {said}"));
    }

    /// Bytes of a serial line, and how each thing that the receiver must say begins.
    fn serial(&mut self, now_us: u64, mut bytes: &[u8], expected: &[&str]) {
        self.line(&format!("line {now_us} {}", hex(bytes)));
        let mut said = Vec::new();
        while let Some(frame) = self.splitter.next_frame(&mut bytes) {
            said.push(match frame.and_then(cobs::decode) {
                Ok(packet) => self.take(&packet, now_us),
                Err(_) => {
                    self.invalid += 1;
                    "invalid".into()
                }
            });
        }
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{expected}, not {said}");
            self.line(&format!("= {said}"));
        }
    }

    /// Each proper beginning of the bytes, and the bytes with each bit changed: none is a packet.
    fn damage(&mut self, now_us: u64, bytes: &[u8]) {
        self.line(&format!("damage {now_us} {}", hex(bytes)));
        for length in 0..bytes.len() {
            assert_eq!(
                self.take(&bytes[..length], now_us),
                "invalid",
                "{length} bytes"
            );
        }
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(self.take(&bytes, now_us), "invalid", "bit {bit}");
        }
    }

    /// The end of a case: the receiver's counts.
    fn counts(&mut self, lost: u64, late: u64, repeated: u64, sessions: u64) {
        let loss = self.inbox.loss();
        assert_eq!(
            (loss.lost, loss.late, loss.repeated, loss.sessions),
            (lost, late, repeated, sessions)
        );
        let (invalid, refused) = (self.invalid, self.refused);
        self.line(&format!(
            "counts lost={lost} late={late} repeated={repeated} sessions={sessions} invalid={invalid} refused={refused}"
        ));
    }
}

fn framed(packet: &Encoded) -> Vec<u8> {
    cobs::encode(packet).to_vec()
}

#[test]
fn the_file_is_what_posewire_says() {
    let mut script = Script::new();
    every_kind(&mut script);
    damaged(&mut script);
    loss(&mut script);
    lines(&mut script);
    sealed(&mut script);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("POSEWIRE_BLESS").is_some() {
        fs::write(&path, &script.text).unwrap();
    }
    let file = fs::read_to_string(&path).unwrap();
    assert!(
        file == script.text,
        "{FILE} is not what posewire says: POSEWIRE_BLESS=1 cargo test --test wire_vectors"
    );
}

fn every_kind(script: &mut Script) {
    script.case("valid packets of each kind, at random", false);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..48 {
        let packet = numbers.packet();
        script.datagram(0, &packet.encode(), packet.kind().name());
    }
    let loss = script.inbox.loss();
    script.counts(loss.lost, loss.late, loss.repeated, loss.sessions);

    script.case("packets of other versions", false);
    let packet = heartbeat(1, 0);
    let version = |version| changed(&packet, |bytes| bytes[4] = version);
    script.datagram(0, &version(1), "heartbeat");
    script.datagram(0, &version(0), "invalid");
    script.datagram(0, &version(3), "invalid");
    // A later sender's kind, and its coordinates.
    let unknown = |sequence: u8| {
        changed(&packet, |bytes| {
            (bytes[5], bytes[12], bytes[46]) = (9, sequence, 7);
        })
    };
    script.datagram(0, &unknown(1), "unknown");
    script.datagram(0, &unknown(3), "unknown");
    // A stats packet with more fields.
    let stats = Packet {
        body: Body::Stats(Numbers(7).stats()),
        sequence: 4,
        ..packet.clone()
    };
    let longer = changed(&stats, |bytes| {
        bytes[49] += 2;
        bytes.splice(214..214, [0x55; 12]);
    });
    script.datagram(0, &longer, "stats");
    script.counts(1, 0, 0, 1);
}

fn damaged(script: &mut Script) {
    script.case("cut at each length, and each bit changed", false);
    let mut numbers = Numbers(42);
    let joints = (0..2).map(|_| numbers.keypoint()).collect();
    let hand = Packet {
        body: Body::Keypoints(joints),
        ..heartbeat(1, 0)
    };
    let stats = Packet {
        body: Body::Stats(numbers.stats()),
        ..heartbeat(1, 1)
    };
    let instance = numbers.instance(0, 2);
    let part = instance_parts(&[instance], FrameCounts::default()).next();
    let instances = Packet {
        body: Body::Instances(part.unwrap()),
        ..heartbeat(1, 2)
    };
    for packet in [&heartbeat(1, 3), &hand, &stats, &instances] {
        script.damage(0, &packet.encode());
    }
    script.counts(0, 0, 0, 0);

    script.case("a checksum that fits, and fields that do not", false);
    let bad = |packet: &Packet, at: usize, value: u8| changed(packet, |bytes| bytes[at] = value);
    script.datagram(0, &bad(&hand, 0, b'p'), "invalid");
    script.datagram(0, &bad(&hand, 46, 0), "invalid");
    script.datagram(0, &bad(&hand, 46, 2), "invalid");
    script.datagram(0, &bad(&hand, 47, 16), "invalid");
    script.datagram(0, &bad(&hand, 49, 1), "invalid");
    script.datagram(0, &bad(&hand, 49, 3), "invalid");
    script.datagram(0, &bad(&hand, 5, 2), "invalid");
    script.datagram(0, &bad(&hand, 5, 3), "invalid");
    script.datagram(0, &bad(&instances, 52 + 2, 1), "invalid");
    script.datagram(0, &bad(&instances, 52 + 3, 0), "invalid");
    let nameless = changed(&instances, |bytes| bytes[58..60].fill(0));
    script.datagram(0, &nameless, "invalid");
    script.datagram(0, &bad(&instances, 58 + 23, 1), "invalid");
    script.datagram(0, &bad(&instances, 58 + 23, 3), "invalid");
    script.datagram(0, &bad(&instances, 58 + 23, 60), "invalid");
    // The longest packet, and one joint more.
    let joints = |count: usize| {
        changed(&heartbeat(1, 4), |bytes| {
            (bytes[5], bytes[49]) = (1, count as u8);
            bytes.resize(56 + 6 * count, 0x11);
        })
    };
    script.datagram(0, &joints(64), "keypoints");
    script.datagram(0, &joints(65), "invalid");
    script.datagram(0, &[0; 1300], "invalid");
    script.datagram(0, &bad(&instances, 56, 0xff), "instances");
    script.counts(0, 0, 1, 1);
}

/// The order in which a bad network delivers.
fn loss(script: &mut Script) {
    let take = |script: &mut Script, session, numbers: &[u32]| {
        for &sequence in numbers {
            script.datagram(0, &heartbeat(session, sequence).encode(), "heartbeat");
        }
    };
    script.case("gaps, other order, copies", false);
    take(script, 1, &[5, 6, 8, 7, 7, 6, 12, 9, 11]);
    script.counts(1, 3, 2, 1);
    script.case("numbers wrap", false);
    take(script, 1, &[u32::MAX - 1, 1, u32::MAX, 0, 2]);
    script.counts(0, 2, 0, 1);
    script.case("the window of 64 numbers", false);
    take(script, 1, &[0, 2, 64, 1, 67, 3, 4, 200, 199, 66]);
    script.counts(193, 3, 2, 1);
    script.case("half of all numbers", false);
    take(script, 1, &[0, 0x7fff_ffff, 0xffff_ffff]);
    script.counts(0x7fff_fffe, 0, 1, 1);
    script.case("a sender that starts again", false);
    take(script, 1, &[7, 8]);
    take(script, 2, &[0, 1, 3]);
    take(script, 1, &[9]);
    script.counts(1, 0, 0, 3);
    script.case("two senders", false);
    for sequence in 0..4 {
        let second = Packet {
            instance: 200,
            ..heartbeat(77, 3 * sequence)
        };
        take(script, 1, &[sequence]);
        script.datagram(0, &second.encode(), "heartbeat");
    }
    script.counts(6, 0, 0, 2);

    script.case("a lossy relay", false);
    let mut numbers = Numbers(2026);
    let mut arrivals: Vec<(u64, u32)> = Vec::new();
    for sequence in 0..300_u32 {
        let copies = [0, 1, 1, 1, 1, 1, 1, 2][numbers.below(8) as usize];
        for _ in 0..copies {
            let delay = if numbers.below(10) == 0 {
                numbers.below(20)
            } else {
                0
            };
            arrivals.push((u64::from(sequence) + delay, sequence));
        }
    }
    arrivals.sort();
    let sequences: Vec<u32> = arrivals.iter().map(|&(_, sequence)| sequence).collect();
    take(script, 1, &sequences);
    let total = script.inbox.loss();
    assert!(
        total.lost > 10 && total.late > 10 && total.repeated > 10,
        "{total:?}"
    );
    script.counts(total.lost, total.late, total.repeated, 1);
}

fn lines(script: &mut Script) {
    let frame = |sequence| framed(&heartbeat(1, sequence).encode());
    script.case("a serial line from its middle on", false);
    let first = frame(0);
    script.serial(0, &[&first[20..], &frame(1)].concat(), &["heartbeat"]);
    script.serial(0, &frame(2)[..30], &[]);
    script.serial(0, &frame(2)[30..], &["heartbeat"]);
    script.serial(0, &[&RESYNC[..], &frame(3)].concat(), &["heartbeat"]);
    // A frame whose end was lost, and what the sender sends after it.
    script.serial(
        0,
        &[&frame(4)[..40], &RESYNC, &frame(5)].concat(),
        &["invalid", "heartbeat"],
    );
    script.serial(0, &[0, 0, 0], &[]);
    script.counts(1, 0, 0, 1);

    script.case("garbage between frames", false);
    let mut numbers = Numbers(99);
    script.serial(0, &[0], &[]);
    for sequence in 0..24 {
        let mut garbage: Vec<u8> = (0..1 + numbers.below(40))
            .map(|_| 1 + numbers.below(255) as u8)
            .collect();
        garbage.push(0);
        let is_resync = garbage == RESYNC;
        assert!(!is_resync);
        script.serial(
            0,
            &[&garbage[..], &frame(sequence)].concat(),
            &["invalid", "heartbeat"],
        );
    }
    // Longer than any frame, once and twice.
    for (sequence, length) in [(24, 474), (25, 475), (26, 1000), (27, 2000)] {
        let garbage = [vec![0x41; length], vec![0]].concat();
        script.serial(
            0,
            &[garbage, frame(sequence)].concat(),
            &["invalid", "heartbeat"],
        );
    }
    script.counts(0, 0, 0, 1);

    script.case("all packets that a line can carry", false);
    script.serial(0, &[0], &[]);
    let mut numbers = Numbers(0x0bad_cafe);
    for _ in 0..24 {
        let packet = numbers.packet();
        script.serial(0, &framed(&packet.encode()), &[packet.kind().name()]);
    }
    // 254 bytes without a zero, and a zero at the end of such a run.
    for count in [30, 31, 33, 34, 35, 64] {
        let bytes = changed(&heartbeat(1, 4), |bytes| {
            bytes[5..52].fill(0x11);
            (bytes[5], bytes[46], bytes[47], bytes[48], bytes[49]) = (1, 1, 4, 0, count);
            bytes.resize(56 + 6 * usize::from(count), 0x11);
        });
        let encoded = Encoded::from_slice(&bytes).unwrap();
        script.serial(0, &framed(&encoded), &["keypoints"]);
    }
    let loss = script.inbox.loss();
    script.counts(loss.lost, loss.late, loss.repeated, loss.sessions);
}

fn sealed(script: &mut Script) {
    let key = || Key::new(&secret());
    let other_key = Key::new(&[0x77; 32]);

    script.case("a sealed stream, and what is not of it", true);
    let mut sender = Sealer::new(key(), EPOCH);
    let at = |sender: &mut Sealer, sequence, now_us| {
        sender
            .seal(heartbeat(1, sequence).encode(), 400 * S + now_us)
            .to_vec()
    };
    // The receiver learns for one second.
    let early = at(&mut sender, 0, 900 * MS);
    script.datagram(901 * MS, &early, "learned");
    script.datagram(902 * MS, &early, "refused old");
    let first = at(&mut sender, 1, 1_000 * MS);
    script.datagram(1_001 * MS, &first, "heartbeat");
    script.datagram(1_001 * MS, &first, "refused old");
    script.datagram(1_002 * MS, &early, "refused old");
    script.datagram(1_003 * MS, &heartbeat(1, 2).encode(), "invalid");
    let foreign = Sealer::new(other_key, EPOCH).seal(heartbeat(1, 2).encode(), 402 * S);
    script.datagram(1_003 * MS, &foreign, "invalid");
    let old_version = changed(&heartbeat(1, 2), |bytes| bytes[4] = 1);
    let old_version = sender.seal(Encoded::from_slice(&old_version).unwrap(), 401 * S + 4 * MS);
    script.datagram(1_005 * MS, &old_version, "invalid");
    // Two packets change places on the way.
    let (second, third) = (
        at(&mut sender, 2, 1_050 * MS),
        at(&mut sender, 3, 1_100 * MS),
    );
    script.datagram(1_101 * MS, &third, "heartbeat");
    script.datagram(1_102 * MS, &second, "refused old");
    let mut unknown = Packet::encode(&heartbeat(1, 4)).to_vec();
    unknown[5] = 9;
    let unknown = Encoded::from_slice(&with_crc(unknown)).unwrap();
    let unknown = sender.seal(unknown, 401 * S + 150 * MS);
    script.datagram(1_151 * MS, &unknown, "unknown");
    script.damage(1_200 * MS, &at(&mut sender, 5, 1_200 * MS));
    script.counts(1, 0, 0, 1);

    script.case("held back", true);
    let mut sender = Sealer::new(key(), EPOCH);
    script.datagram(2 * S, &at(&mut sender, 0, 2 * S), "heartbeat");
    let held = at(&mut sender, 1, 2_500 * MS);
    script.datagram(3_000 * MS, &held, "heartbeat");
    let held = at(&mut sender, 2, 2_600 * MS);
    script.datagram(3_101 * MS, &held, "refused late");
    // Two crystals drift apart by 200 ppm: 2 s in 10,000 s.
    let slow = at(&mut sender, 3, 10_002 * S);
    script.datagram(10_004 * S, &slow, "heartbeat");
    let slow = at(&mut sender, 4, 20_002 * S);
    script.datagram(20_002 * S + 4_501 * MS, &slow, "refused late");
    script.datagram(20_002 * S + 4_500 * MS, &slow, "heartbeat");
    // A quicker packet is the new measure.
    let quick = at(&mut sender, 5, 20_010 * S);
    script.datagram(20_009 * S, &quick, "heartbeat");
    let quick = at(&mut sender, 6, 20_011 * S);
    script.datagram(20_010 * S + 501 * MS, &quick, "refused late");
    script.counts(1, 0, 0, 1);

    script.case(
        "starts, recorded starts, and two senders with one key",
        true,
    );
    let restart = |epoch, session, sequence, now_us| {
        Sealer::new(key(), epoch)
            .seal(heartbeat(session, sequence).encode(), now_us)
            .to_vec()
    };
    script.datagram(2 * S, &restart(EPOCH + 5, 1, 0, 50 * S), "heartbeat");
    script.datagram(3 * S, &restart(EPOCH + 4, 2, 0, 60 * S), "refused old");
    script.datagram(
        3 * S,
        &restart(EPOCH + 5, 2, 0, 60 * S),
        "refused other_session",
    );
    script.datagram(3 * S, &restart(0, 2, 0, 60 * S), "refused unordered");
    script.datagram(4 * S, &restart(EPOCH + 9, 3, 0, 10 * S), "heartbeat");
    script.datagram(5 * S, &restart(EPOCH + 5, 1, 1, 53 * S), "refused old");
    let second = Packet {
        instance: 3,
        ..heartbeat(9, 0)
    };
    let second = Sealer::new(key(), EPOCH).seal(second.encode(), 5);
    script.datagram(5 * S, &second, "heartbeat");
    script.datagram(
        u64::MAX,
        &restart(u64::MAX, 4, 0, u64::MAX - 1),
        "heartbeat",
    );
    script.datagram(u64::MAX, &restart(u64::MAX, 4, 1, u64::MAX), "heartbeat");
    script.counts(0, 0, 0, 4);

    script.case("sealed packets on a serial line", true);
    let mut sender = Sealer::new(key(), EPOCH);
    script.serial(2 * S, &RESYNC, &[]);
    for sequence in 0..4 {
        let packet = sender.seal(heartbeat(1, sequence).encode(), 2 * S + u64::from(sequence));
        script.serial(
            2 * S + u64::from(sequence),
            &framed(&packet),
            &["heartbeat"],
        );
    }
    let longest = changed(&heartbeat(1, 4), |bytes| {
        (bytes[5], bytes[49]) = (1, 64);
        bytes.resize(440, 0x11);
    });
    let longest = sender.seal(Encoded::from_slice(&longest).unwrap(), 3 * S);
    script.serial(3 * S, &framed(&longest), &["keypoints"]);
    script.counts(0, 0, 0, 1);
}
