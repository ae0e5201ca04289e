//! Births, crossings, gaps, borders, cuts.

use super::drawn::{Run, Thing, body, hand};
use crate::scene::{Task, TrackState};
use crate::track::cut::Grid;

#[test]
fn two_hands_at_rest_are_found_and_keep_their_numbers() {
    let mut run = Run::new(4, 0, 2_000);
    for _ in 0..300 {
        run.show(&[Some(hand(150.0, 200.0)), Some(hand(480.0, 300.0))], None);
    }
    run.say("rest");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    assert_eq!(run.followed().len(), 2);
    assert!(run.lock_ms(0) <= 1000 && run.lock_ms(1) <= 1000);
    assert!(run.followed().iter().all(|track| track.seen_us > 8_000_000));
}

#[test]
fn a_finder_locks_on_in_200_ms() {
    let mut run = Run::with_finder(4, 0, 4_000, 5_000);
    for _ in 0..60 {
        run.show(&[Some(hand(150.0, 200.0)), Some(hand(480.0, 300.0))], None);
    }
    run.say("rest, with a finder");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    assert!(run.lock_ms(0).max(run.lock_ms(1)) <= 200);
}

#[test]
fn clutter_is_never_born_and_an_empty_scene_stays_empty() {
    let clutter = |x| Thing {
        presence: 0.43,
        ..hand(x, 240.0)
    };
    for finder_us in [None, Some(3_000)] {
        let mut run = Run::with_options(4, 0, 2_000, finder_us);
        for _ in 0..600 {
            run.show(&[Some(clutter(200.0)), Some(clutter(420.0))], None);
            assert_eq!(run.followed(), []);
        }
        run.say("clutter");
        assert_eq!(run.ghosts, 0);
    }
}

#[test]
fn hands_that_cross_keep_their_numbers() {
    let mut run = Run::new(2, 0, 2_000);
    for _ in 0..60 {
        run.show(&[Some(hand(150.0, 240.0)), Some(hand(490.0, 250.0))], None);
    }
    // Five crossings of 10 s in all, one hand in front of the other, at 2.1 sides/s.
    for frame in 0..300 {
        let phase = (frame as f32 / 60.0 * std::f32::consts::PI).cos();
        let near = hand(320.0 + 170.0 * phase, 250.0);
        let far = hand(320.0 - 170.0 * phase, 240.0);
        run.show(&[Some(far), Some(near)], None);
    }
    run.say("five crossings");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    assert_eq!(run.followed().len(), 2);
}

/// Near each other they share a look: each joint is that of one or the other.
#[test]
fn a_network_that_mixes_the_joints_of_two_swaps_no_number() {
    for (thing, way_px, speed) in [(hand(0.0, 240.0), 170.0, 1.0), (body(), 200.0, 0.5)] {
        let is_hand = thing.task == Task::Hand;
        let mut run = match is_hand {
            true => Run::with_finder(2, 0, 2_000, 2_000),
            false => Run::with_finder(0, 2, 2_000, 2_000),
        };
        run.eyes.is_mixing = true;
        for frame in 0..360 {
            let way = way_px * (speed * frame as f32 / 60.0 * std::f32::consts::PI).cos();
            let at = |x_px| Some(Thing { x_px, ..thing });
            run.show(&[at(320.0 - way), at(320.0 + way)], None);
        }
        run.say("crossings with mixed joints");
        assert_eq!((run.swaps, run.ghosts), (0, 0), "{:?}", thing.task);
        assert_eq!(run.followed().len(), 2);
    }
}

#[test]
fn what_has_its_joints_elsewhere_in_each_look_is_never_born() {
    for finder_us in [None, Some(3_000)] {
        let mut run = Run::with_options(4, 0, 2_000, finder_us);
        let restless = Thing {
            is_restless: true,
            ..hand(200.0, 240.0)
        };
        for _ in 0..600 {
            run.show(&[Some(restless)], None);
            assert_eq!(run.followed(), []);
        }
    }
}

#[test]
fn a_short_gap_is_predicted_and_a_longer_one_keeps_the_number() {
    for (gap_frames, is_lost) in [(3, false), (15, true), (25, true)] {
        let mut run = Run::new(2, 0, 2_000);
        let there = [Some(hand(200.0, 240.0))];
        for _ in 0..60 {
            run.show(&there, None);
        }
        let number = run.followed()[0].number;
        let mut lost = 0;
        for _ in 0..gap_frames {
            run.show(&[None], None);
            let tracks = run.tracks();
            lost += tracks
                .iter()
                .filter(|(track, ..)| track.state == TrackState::Lost)
                .count();
            assert!(
                tracks
                    .iter()
                    .all(|(track, ..)| track.state != TrackState::Tracked)
            );
        }
        assert_eq!(lost, usize::from(is_lost), "{gap_frames}: said once");
        for _ in 0..45 {
            run.show(&there, None);
        }
        run.say("gap");
        let after = run.followed();
        assert_eq!(after.len(), 1);
        assert_eq!(after[0].number, number, "after {gap_frames} frames");
    }
}

#[test]
fn a_long_absence_gives_a_new_number() {
    let mut run = Run::new(2, 0, 2_000);
    let there = [Some(hand(200.0, 240.0))];
    for _ in 0..60 {
        run.show(&there, None);
    }
    let number = run.followed()[0].number;
    for _ in 0..90 {
        run.show(&[None], None);
    }
    for _ in 0..60 {
        run.show(&there, None);
    }
    assert!(run.followed()[0].number > number);
}

#[test]
fn a_scene_cut_loses_all_at_once() {
    let mut run = Run::new(2, 0, 2_000);
    let (dark, bright): (Grid, Grid) = ([20; 192], [200; 192]);
    for _ in 0..60 {
        run.show(&[Some(hand(200.0, 240.0))], Some(&dark));
    }
    assert_eq!(run.followed().len(), 1);
    run.show(&[None], Some(&bright));
    let states: Vec<TrackState> = run.tracks().iter().map(|(track, ..)| track.state).collect();
    assert_eq!(states, [TrackState::Lost]);
    run.show(&[None], Some(&bright));
    assert_eq!(run.tracks().len(), 0);
}

#[test]
fn a_hand_enters_at_the_border_and_leaves_at_the_other() {
    let mut run = Run::new(2, 0, 2_000);
    let mut first_inside = None;
    for frame in 0..150 {
        let x = -60.0 + 6.0 * frame as f32;
        let is_in = (-20.0..660.0).contains(&x);
        let entering = hand(x, 240.0);
        run.show(&[is_in.then_some(entering)], None);
        if x > 40.0 && first_inside.is_none() {
            first_inside = Some(run.now_us());
        }
        if x > 680.0 {
            assert_eq!(run.followed(), [], "gone beyond the border");
        }
    }
    run.say("border");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    let lock_us = run.first_match_us[0]
        .unwrap()
        .saturating_sub(first_inside.unwrap());
    assert!(lock_us < 700_000, "{lock_us}");
}

#[test]
fn two_tracks_never_stay_on_one_hand() {
    // The second hand disappears behind the first one for good.
    let mut run = Run::new(4, 0, 2_000);
    for _ in 0..60 {
        run.show(&[Some(hand(200.0, 240.0)), Some(hand(400.0, 240.0))], None);
    }
    assert_eq!(run.followed().len(), 2);
    for frame in 0..90 {
        let x = (400.0 - 8.0 * frame as f32).max(200.0);
        run.show(&[Some(hand(x, 240.0)), Some(hand(200.0, 240.0))], None);
    }
    run.say("two become one");
    assert_eq!(run.followed().len(), 1);
}
