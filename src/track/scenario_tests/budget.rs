//! The time for a frame, the slots, and a finder's passes.

use super::drawn::{PERIOD_US, Run, Thing, hand};
use crate::scene::TrackState;

/// Looks that take the whole budget leave no time for the finder, which waits for a second at most. Then its pass is
/// the only thing that a followed hand waits for.
#[test]
fn a_finder_costs_a_followed_hand_one_pass_a_second() {
    let mut run = Run::with_finder(4, 0, 26_000, 20_000);
    let there = [Some(hand(200.0, 240.0))];
    for _ in 0..60 {
        run.show(&there, None);
    }
    assert_eq!(run.followed().len(), 1);
    (run.eyes.passes, run.most_us) = (0, 0);
    for _ in 0..300 {
        run.show(&there, None);
        assert_eq!(run.followed()[0].look_age_us, 0);
    }
    // 10 s.
    assert!((9..=10).contains(&run.eyes.passes), "{}", run.eyes.passes);
    assert_eq!(run.most_us, 26_000 + 20_000);
}

#[test]
fn full_slots_are_searched_once_a_second_and_a_ghost_is_given_up() {
    let mut run = Run::with_finder(1, 0, 2_000, 2_000);
    let mut ghost = hand(200.0, 240.0);
    // Sure enough to be born, and to stay.
    for _ in 0..60 {
        run.show(&[Some(ghost)], None);
    }
    assert_eq!(run.followed().len(), 1);
    run.eyes.passes = 0;
    for _ in 0..90 {
        run.show(&[Some(ghost)], None);
    }
    assert!((2..=3).contains(&run.eyes.passes), "{}", run.eyes.passes);
    // Not any more, and the finder has not seen it for a while.
    ghost.presence = 0.42;
    run.eyes.is_finder_blind = true;
    for _ in 0..150 {
        run.show(&[Some(ghost)], None);
    }
    assert_eq!(run.followed(), []);
}

#[test]
fn more_than_there_are_slots_for_wait_and_are_counted() {
    let mut run = Run::with_finder(2, 0, 2_000, 2_000);
    let things: Vec<Option<Thing>> = (0..4)
        .map(|at| Some(hand(80.0 + 150.0 * at as f32, 240.0)))
        .collect();
    for _ in 0..90 {
        run.show(&things, None);
        assert!(run.followed().len() <= 2);
    }
    let crowd = run.scene.crowd.unwrap();
    assert_eq!((crowd.confirmed, crowd.waiting), (2, 2));
}

/// Eight hands on a budget of four looks.
#[test]
fn eight_instances_on_a_budget_of_four_are_served_by_staleness() {
    let mut run = Run::with_finder(8, 0, 7_000, 7_000);
    let things: Vec<Option<Thing>> = (0..8)
        .map(|at| {
            Some(hand(
                80.0 + 150.0 * (at % 4) as f32,
                130.0 + 200.0 * (at / 4) as f32,
            ))
        })
        .collect();
    for _ in 0..90 {
        run.show(&things, None);
    }
    assert_eq!(run.followed().len(), 8);
    run.most_us = 0;
    let mut oldest_us = 0;
    let mut last: Vec<u8> = Vec::new();
    let mut alternating = 0;
    for _ in 0..300 {
        run.show(&things, None);
        let followed = run.followed();
        assert_eq!(followed.len(), 8);
        let served: Vec<u8> = followed
            .iter()
            .filter(|track| track.look_age_us == 0)
            .map(|track| track.slot)
            .collect();
        // Four looks, or three and a pass of the finder.
        assert!((3..=4).contains(&served.len()), "{served:?}");
        for track in followed {
            let is_seen = track.state == TrackState::Tracked;
            assert_eq!(is_seen, track.look_age_us == 0);
            oldest_us = oldest_us.max(track.look_age_us);
        }
        alternating += usize::from(served.iter().all(|slot| !last.contains(slot)));
        last = served;
    }
    run.say("eight on a budget of four");
    // 85 % of the period.
    assert!(run.most_us <= 28_333, "{}", run.most_us);
    assert!(alternating > 250, "{alternating}");
    assert!(oldest_us <= 3 * PERIOD_US, "{oldest_us}");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
}

#[test]
fn a_slow_board_follows_as_many_as_it_looks_at_often_enough() {
    let mut run = Run::with_finder(8, 0, 28_000, 10_000);
    let things: Vec<Option<Thing>> = (0..6)
        .map(|at| Some(hand(60.0 + 105.0 * at as f32, 240.0)))
        .collect();
    for _ in 0..300 {
        run.show(&things, None);
    }
    let crowd = run.scene.crowd.unwrap();
    println!("{crowd:?}");
    // Three looks are a round of 100 ms, four would be one of 133 ms.
    assert_eq!((crowd.confirmed, crowd.waiting), (3, 3));
}
