//! Hands of bodies, and sides.

use super::drawn::{Run, Thing, body, hand};
use crate::scene::Side;

#[test]
fn a_body_gives_its_hands_their_boxes_sides_and_parents() {
    let mut run = Run::new(4, 2, 1_500);
    let body = body();
    // A wrist of a hand is at its lower edge.
    let at_wrist = |column: f32| Thing {
        side_px: 50.0,
        ..hand(320.0 + 400.0 * column, 240.0 - 80.0 - 25.0)
    };
    let things = [Some(body), Some(at_wrist(-0.42)), Some(at_wrist(0.42))];
    for _ in 0..120 {
        run.show(&things, None);
    }
    run.say("a body and its hands");
    let tracks = run.tracks();
    assert_eq!(tracks.len(), 3, "{tracks:?}");
    let person = tracks
        .iter()
        .find(|(track, x, _)| track.parent.is_none() && (x - 320.0).abs() < 20.0)
        .unwrap()
        .0;
    for (track, x, _) in tracks
        .iter()
        .filter(|(track, ..)| track.number != person.number)
    {
        assert_eq!(track.parent, Some(person.number), "{track:?}");
        let side = if *x < 320.0 { Side::Right } else { Side::Left };
        let (found, sureness) = track.side.unwrap();
        assert_eq!(found, side);
        assert!(sureness > 0.9);
    }
    assert_eq!((run.swaps, run.ghosts), (0, 0));
}

#[test]
fn the_network_tells_a_hands_side_and_a_short_contradiction_changes_nothing() {
    let mut run = Run::new(2, 0, 2_000);
    let mut right = hand(200.0, 240.0);
    right.right_hand = Some(0.9);
    for _ in 0..60 {
        run.show(&[Some(right)], None);
    }
    let (found, sureness) = run.followed()[0].side.unwrap();
    assert_eq!(found, Side::Right);
    assert!(sureness > 0.9);
    // Ten looks that say the contrary.
    right.right_hand = Some(0.1);
    for _ in 0..10 {
        run.show(&[Some(right)], None);
    }
    assert_eq!(run.followed()[0].side.unwrap().0, Side::Right);
}

#[test]
fn a_bodys_word_on_a_side_outweighs_the_networks() {
    let mut run = Run::new(2, 1, 1_500);
    let body = body();
    // The body's right wrist, and a hand network that takes the hand for a left one.
    let at_wrist = Thing {
        side_px: 50.0,
        right_hand: Some(0.02),
        ..hand(320.0 - 400.0 * 0.42, 240.0 - 80.0 - 25.0)
    };
    for _ in 0..120 {
        run.show(&[Some(body), Some(at_wrist)], None);
    }
    let tracks = run.followed();
    let linked = tracks.iter().find(|track| track.parent.is_some()).unwrap();
    assert_eq!(linked.side.unwrap().0, Side::Right);
}
