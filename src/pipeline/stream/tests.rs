//! The loop of a run, with sources and networks that fail on purpose.

use super::*;
use crate::engine::{FakeNetwork, Workspace};
use crate::error::ErrorKind;
use crate::filter::Smooth;
use crate::pipeline::{Estimator, LookCosts, SeveralOptions};
use crate::scene::BBox;
use crate::sink::{Delivery, RecordingSink, SendError};
use crate::source::{Fault, Faulty};
use crate::wire::{Body, Flags, Kind, Packet, WireStats};

fn pipeline(network: FakeNetwork) -> Pipeline {
    Pipeline::new(
        Estimator::with_card(crate::model::test_card(), Box::new(network)),
        Workspace::new(None, 1).unwrap(),
        None,
        0.3,
    )
}

fn hand() -> FakeNetwork {
    let peaks = (0..21)
        .map(|joint| (20.0 + joint as f32, 30.0, 0.9))
        .collect();
    FakeNetwork::new(256, peaks)
}

fn options() -> StreamOptions {
    StreamOptions {
        heartbeat: Duration::from_millis(1),
        instance: 3,
        ..StreamOptions::default()
    }
}

fn run(network: FakeNetwork, script: &[Fault]) -> (Result<Totals>, Vec<Packet>) {
    run_with(options(), network, script)
}

fn run_with(
    options: StreamOptions,
    network: FakeNetwork,
    script: &[Fault],
) -> (Result<Totals>, Vec<Packet>) {
    let sink = RecordingSink::new();
    let mut stream = Stream::new(pipeline(network), vec![Box::new(sink.clone())], options, 77);
    let mut source = Faulty::script(script.iter().copied());
    let totals = stream.run(
        &mut source,
        &AtomicBool::new(false),
        &mut StageTimes::default(),
    );
    (totals, sink.packets())
}

/// A network that sees a hand which fills every region as a followed one does.
fn large_hand() -> FakeNetwork {
    let peaks = (0..21)
        .map(|joint| {
            (
                11.0 + 2.1 * joint as f32,
                11.0 + 8.0 * (joint % 6) as f32,
                0.9,
            )
        })
        .collect();
    FakeNetwork::new(256, peaks)
}

/// With time for one look in a frame: what these networks see moves with the look, and a birth's looks in one frame must agree.
fn several(networks: Vec<(crate::model::ModelCard, FakeNetwork)>, most: usize) -> Pipeline {
    let estimators = networks
        .into_iter()
        .map(|(card, network)| Estimator::with_card(card, Box::new(network)));
    let options = SeveralOptions {
        hands: most,
        bodies: most,
        limit: most,
        roi: None,
        budget: Some(Duration::from_millis(10)),
        min_score: 0.3,
        smooth: Smooth::Light,
        costs: Some(LookCosts {
            hand_us: 6_000,
            body_us: 6_000,
            finder_us: 6_000,
        }),
    };
    let work = Workspace::new(None, 1).unwrap();
    Pipeline::several(estimators.collect(), None, work, &options).unwrap()
}

#[test]
fn several_instances_go_out_in_packets_of_their_own_kind() {
    let sink = RecordingSink::new();
    let pipeline = several(vec![(crate::model::test_card(), large_hand())], 3);
    let mut stream = Stream::new(pipeline, vec![Box::new(sink.clone())], options(), 77);
    let mut source = Faulty::script([Fault::Frame; 40].into_iter());
    let stop = AtomicBool::new(false);
    let totals = stream
        .run(&mut source, &stop, &mut StageTimes::default())
        .unwrap();
    assert_eq!((totals.frames, totals.failed), (40, 0));
    let packets = sink.packets();
    let sequence: Vec<u32> = packets.iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequence, (0..packets.len() as u32).collect::<Vec<_>>());
    let (frames, last) = packets.split_at(packets.len() - 1);
    assert!(last[0].flags.contains(Flags::LAST));
    let mut most = 0;
    for packet in frames {
        let Body::Instances(part) = &packet.body else {
            panic!("{packet:?}")
        };
        assert_eq!((packet.score, packet.instance), (0, 3));
        let mut numbers: Vec<u16> = part.instances().map(|one| one.number).collect();
        most = most.max(part.counts().confirmed);
        numbers.dedup();
        assert!(numbers.len() <= 3);
        for one in part.instances().filter(|one| one.state == 1) {
            assert_eq!((one.task, one.joint_table, one.joints.len()), (1, 1, 21));
            assert!(one.presence > 220 && one.look_age_ms == 0);
        }
    }
    assert!((1..=3).contains(&most), "{most}");
    // A packet of the same frame has the same index and another part.
    assert!(frames.iter().any(|packet| packet.frame_index == 39));
}

#[test]
fn a_network_that_tells_presence_is_believed_more_than_its_joints() {
    let card = || {
        let mut card = crate::model::test_card();
        card.extra_channels = vec![crate::model::ExtraChannel::Presence];
        card
    };
    let sent = |pipeline: Pipeline| {
        let sink = RecordingSink::new();
        let mut stream = Stream::new(pipeline, vec![Box::new(sink.clone())], options(), 77);
        let mut source = Faulty::script([Fault::Frame; 40].into_iter());
        let stop = AtomicBool::new(false);
        stream
            .run(&mut source, &stop, &mut StageTimes::default())
            .unwrap();
        sink.packets()
    };
    for (level, is_there) in [(0.2, false), (0.8, true)] {
        let network = large_hand().with_level(level);
        let estimator = Estimator::with_card(card(), Box::new(network.clone()));
        let work = Workspace::new(None, 1).unwrap();
        let one = sent(Pipeline::new(estimator, work, None, 0.3));
        for packet in &one[..8] {
            assert!((packet.score() - level).abs() < 0.01);
            assert_eq!(!packet.flags.contains(Flags::LOST), is_there);
        }

        let many = sent(several(vec![(card(), network)], 3));
        let confirmed = many.iter().filter_map(|packet| match &packet.body {
            Body::Instances(part) => Some(part.counts().confirmed),
            _ => None,
        });
        assert_eq!(confirmed.max().unwrap() > 0, is_there);
    }
}

#[test]
fn two_models_of_one_task_and_too_many_joints_are_refused() {
    let card = crate::model::test_card;
    let estimator = |card, network: FakeNetwork| Estimator::with_card(card, Box::new(network));
    let options = SeveralOptions {
        hands: 2,
        bodies: 2,
        limit: 4,
        roi: None,
        budget: None,
        min_score: 0.3,
        smooth: Smooth::Light,
        costs: None,
    };
    let mut wide = card();
    wide.joint_table = "own".into();
    wide.joints = (0..60).map(|joint| joint.to_string()).collect();
    for (cards, word) in [
        (vec![card(), card()], "two models"),
        (vec![wide], "60 joints"),
        (vec![], "no model"),
    ] {
        let estimators = cards.into_iter().map(|card| {
            let peaks = vec![(9.0, 9.0, 0.5); card.joints.len()];
            estimator(card, FakeNetwork::new(256, peaks))
        });
        let work = Workspace::new(None, 1).unwrap();
        let refused = Pipeline::several(estimators.collect(), None, work, &options).err();
        let error = refused.unwrap().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn every_frame_is_a_packet_and_the_sequence_has_no_gaps() {
    let (totals, packets) = run(hand(), &[Fault::Frame; 5]);
    assert_eq!(totals.unwrap().frames, 5);
    let sequence: Vec<u32> = packets.iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequence, [0, 1, 2, 3, 4, 5]);
    assert!(
        packets[..5]
            .iter()
            .all(|p| p.kind() == Kind::Keypoints && p.keypoints().len() == 21)
    );
    assert!(
        packets
            .iter()
            .all(|packet| packet.session == 77 && packet.instance == 3)
    );
    assert!(packets[5].flags.contains(Flags::LAST));
}

#[test]
fn the_second_frame_is_tracked() {
    let (_, packets) = run(hand(), &[Fault::Frame; 2]);
    assert!(!packets[0].flags.contains(Flags::TRACKING));
    assert!(packets[1].flags.contains(Flags::TRACKING));
    assert!(!packets[1].flags.contains(Flags::LOST));
}

#[test]
fn an_empty_frame_is_reported_as_lost() {
    let nothing = FakeNetwork::new(256, vec![(20.0, 30.0, 0.05); 21]);
    let (totals, packets) = run(nothing, &[Fault::Frame; 2]);
    assert_eq!(totals.unwrap().found, 0);
    assert_eq!(packets[1].kind(), Kind::Keypoints);
    assert!(packets[1].flags.contains(Flags::LOST));
    assert!(!packets[1].flags.contains(Flags::TRACKING));
}

#[test]
fn silence_and_an_unplugged_camera_are_told_apart() {
    let (_, packets) = run(
        hand(),
        &[Fault::Frame, Fault::Stall, Fault::Unplugged, Fault::Frame],
    );
    assert_eq!(packets[1].kind(), Kind::Heartbeat);
    assert!(!packets[1].flags.contains(Flags::NO_CAMERA));
    assert!(packets[2].flags.contains(Flags::NO_CAMERA));
    assert_eq!(packets[2].body, Body::Heartbeat);
    assert_eq!(packets[3].kind(), Kind::Keypoints);
    assert!(!packets[3].flags.contains(Flags::NO_CAMERA));
    // After the silence the whole frame is searched.
    assert!(!packets[3].flags.contains(Flags::TRACKING));
}

/// The figures in a packet.
fn figures(packet: &Packet) -> &WireStats {
    let Body::Stats(stats) = &packet.body else {
        panic!("{packet:?} has none")
    };
    stats
}

#[test]
fn the_figures_are_packets_between_the_others_and_count_as_neither_frame_nor_heartbeat() {
    let script = [
        Fault::Frame,
        Fault::Unreadable,
        Fault::Frame,
        Fault::Unplugged,
    ];
    let often = StreamOptions {
        stats_every: Some(Duration::ZERO),
        ..options()
    };
    let (totals, packets) = run_with(often, hand().failing_on(1), &script);
    let sequence: Vec<u32> = packets.iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequence, (0..packets.len() as u32).collect::<Vec<_>>());
    let (figures_at, others): (Vec<usize>, Vec<usize>) =
        (0..packets.len()).partition(|&at| packets[at].kind() == Kind::Stats);
    // One stats packet after each, and none after the last packet.
    assert_eq!(
        (figures_at, others),
        (vec![1, 3, 5, 7], vec![0, 2, 4, 6, 8])
    );
    let counts = |at: usize| {
        let figures = figures(&packets[at]);
        (
            figures.frames,
            figures.found,
            figures.failed,
            figures.heartbeats,
            figures.skipped,
        )
    };
    assert_eq!(counts(1), (1, 1, 0, 0, 0));
    // A picture is skipped. The network fails on the next one, which gives a heartbeat.
    assert_eq!(counts(3), (1, 1, 1, 1, 1));
    assert_eq!(counts(5), (2, 2, 1, 1, 1));
    assert_eq!(counts(7), (2, 2, 1, 2, 1));
    assert_eq!(figures(&packets[1]).stages[Stage::Infer as usize].count, 1);
    assert_eq!(figures(&packets[3]).stages[Stage::Infer as usize].count, 0);
    let totals = totals.unwrap();
    assert_eq!((totals.frames, totals.heartbeats, totals.failed), (2, 3, 1));
    // The header is that of the previous packet, without a score.
    assert_eq!((packets[1].frame_index, packets[1].score), (0, 0));
    assert!(packets[1].captured == packets[0].captured && packets[0].score > 0);
    assert!(packets[7].flags.contains(Flags::NO_CAMERA));
}

#[test]
fn a_camera_that_never_came_is_not_there_in_the_last_packet_either() {
    let (_, packets) = run(hand(), &[Fault::Unplugged; 2]);
    let last = packets.last().unwrap();
    assert!(last.flags.contains(Flags::LAST) && last.flags.contains(Flags::NO_CAMERA));
}

/// A sink that counts turns of the loop, and sets `stop` at the third.
struct Turns<'a>(&'a AtomicBool, u32);

impl Sink for Turns<'_> {
    fn name(&self) -> &str {
        "turns"
    }

    fn take(&mut self, _: &Event<'_>, _: clock::Instant) -> Delivery {
        Ok(())
    }

    fn tick(&mut self, _: clock::Instant) -> Delivery {
        self.1 += 1;
        self.0.store(self.1 >= 3, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_long_heartbeat_neither_starves_supervisors_nor_holds_the_end() {
    let mut rare = options();
    rare.heartbeat = Duration::from_secs(60);
    let stop = AtomicBool::new(false);
    let sink = RecordingSink::new();
    let turns = Turns(&stop, 0);
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(sink.clone()), Box::new(turns)];
    let mut stream = Stream::new(pipeline(hand()), sinks, rare, 0);
    let begun = Instant::now();
    let mut source = Faulty::script(std::iter::repeat(Fault::Unplugged));
    let totals = stream
        .run(&mut source, &stop, &mut StageTimes::default())
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!((totals.heartbeats, sink.packets().len()), (1, 1));
}

/// A sink whose person draws a region at the first turn.
#[derive(Clone, Default)]
struct Viewer(std::rc::Rc<std::cell::RefCell<Vec<Figures>>>);

const REGION: BBox = BBox {
    x_px: 4.0,
    y_px: 8.0,
    width_px: 20.0,
    height_px: 30.0,
};

impl Sink for Viewer {
    fn name(&self) -> &str {
        "viewer"
    }

    fn take(&mut self, _: &Event<'_>, _: clock::Instant) -> Delivery {
        Ok(())
    }

    fn watch(&mut self, figures: &Figures) -> Option<Wish> {
        self.0.borrow_mut().push(*figures);
        (self.0.borrow().len() == 1).then_some(Wish::Roi(Some(REGION)))
    }
}

#[test]
fn a_persons_region_arrives_where_several_are_followed() {
    let seen = |pipeline| {
        let viewer = Viewer::default();
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(viewer.clone())];
        let mut stream = Stream::new(pipeline, sinks, options(), 0);
        let mut source = Faulty::script([Fault::Frame; 3].into_iter());
        let stop = AtomicBool::new(false);
        stream
            .run(&mut source, &stop, &mut StageTimes::default())
            .unwrap();
        viewer.0.take()
    };
    let figures = seen(several(vec![(crate::model::test_card(), large_hand())], 3));
    let rois: Vec<Option<BBox>> = figures.iter().map(|one| one.roi).collect();
    assert_eq!(rois, [None, Some(REGION), Some(REGION)]);
    assert!(figures.iter().all(|one| one.takes_roi));
    let frames: Vec<u64> = figures.iter().map(|one| one.frames).collect();
    assert_eq!(frames, [1, 2, 3]);
    let figures = seen(pipeline(hand()));
    assert!(
        figures
            .iter()
            .all(|one| !one.takes_roi && one.roi.is_none())
    );
}

#[test]
fn an_old_frame_is_never_fresh() {
    // Longer than a slow machine takes for the second frame.
    let mut patient = options();
    patient.stale_after = Duration::from_secs(5);
    let script = [Fault::Late { age_us: 7_000_000 }, Fault::Frame];
    let (_, packets) = run_with(patient, hand(), &script);
    assert!(packets[0].flags.contains(Flags::STALE));
    assert!(packets[0].age_us >= 7_000_000);
    assert!(!packets[1].flags.contains(Flags::STALE));
}

#[test]
fn before_the_first_frame_a_heartbeat_is_stale() {
    let (_, packets) = run(hand(), &[Fault::Stall]);
    assert!(packets[0].flags.contains(Flags::STALE));
    assert_eq!(packets[0].age_us, u32::MAX);
}

#[test]
fn unreadable_pictures_are_counted() {
    let (totals, packets) = run(hand(), &[Fault::Frame, Fault::Unreadable, Fault::Frame]);
    assert_eq!(totals.unwrap().source.skipped, 1);
    assert_eq!(packets[1].frame_index, 2);
}

#[test]
fn a_broken_source_ends_with_an_error_and_a_last_packet() {
    let (totals, packets) = run(hand(), &[Fault::Frame, Fault::Broken, Fault::Frame]);
    assert_eq!(totals.unwrap_err().kind(), ErrorKind::Source);
    let last = packets.last().unwrap();
    assert!(last.flags.contains(Flags::LAST) && last.flags.contains(Flags::NO_CAMERA));
}

#[test]
fn a_failed_inference_costs_one_frame() {
    let (totals, packets) = run(hand().failing_on(1), &[Fault::Frame; 3]);
    let totals = totals.unwrap();
    assert_eq!((totals.frames, totals.failed), (2, 1));
    assert_eq!(packets[1].kind(), Kind::Heartbeat);
}

#[test]
fn frames_are_limited_and_stopping_is_prompt() {
    let mut limited = options();
    limited.frames = Some(2);
    let sink = RecordingSink::new();
    let mut stream = Stream::new(pipeline(hand()), vec![Box::new(sink.clone())], limited, 0);
    let mut source = Faulty::script(std::iter::repeat(Fault::Frame));
    let stop = AtomicBool::new(false);
    let totals = stream
        .run(&mut source, &stop, &mut StageTimes::default())
        .unwrap();
    assert_eq!((totals.frames, sink.packets().len()), (2, 3));

    stop.store(true, Ordering::Relaxed);
    let mut stream = Stream::new(pipeline(hand()), vec![], options(), 0);
    let totals = stream
        .run(&mut source, &stop, &mut StageTimes::default())
        .unwrap();
    assert_eq!(totals.frames, 0);
}

#[test]
fn refused_packets_are_counted_and_a_closed_reader_ends_the_run() {
    let refusing = RecordingSink::refusing(SendError::Dropped("jammed".into()));
    let mut stream = Stream::new(pipeline(hand()), vec![Box::new(refusing)], options(), 0);
    let mut source = Faulty::script([Fault::Frame; 3].into_iter());
    let stop = AtomicBool::new(false);
    let totals = stream
        .run(&mut source, &stop, &mut StageTimes::default())
        .unwrap();
    assert_eq!((totals.frames, totals.dropped), (3, 4));

    let closed = RecordingSink::refusing(SendError::Closed);
    let mut stream = Stream::new(pipeline(hand()), vec![Box::new(closed)], options(), 0);
    let mut source = Faulty::script(std::iter::repeat(Fault::Frame));
    let totals = stream
        .run(&mut source, &stop, &mut StageTimes::default())
        .unwrap();
    assert_eq!(totals.frames, 1);
}
