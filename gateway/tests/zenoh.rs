//! The gateway with real peers and a real router of Zenoh, on loopback.
#![cfg(feature = "zenoh")]

mod common;

use common::{Folder, Gateway, Sending, free_tcp, send_from_elsewhere, until};
use gateway::sample::Board;
use posewire::wire::PacketView;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use zenoh::sample::SampleKind;
use zenoh::{Config, Session, Wait};

/// The promise: a board that dies is said within this time.
const SAID_WITHIN: Duration = Duration::from_millis(500);

/// A node that finds others only where it is told to.
fn node(mode: &str, listen: &[String], connect: &[String]) -> Session {
    let mut config = Config::default();
    let mut set = |key: &str, value: String| config.insert_json5(key, &value).unwrap();
    set("mode", format!("{mode:?}"));
    set("scouting/multicast/enabled", "false".into());
    set("scouting/gossip/enabled", "false".into());
    set("listen/endpoints", format!("{listen:?}"));
    set("connect/endpoints", format!("{connect:?}"));
    zenoh::open(config).wait().unwrap()
}

fn config(folder: &Folder) -> PathBuf {
    let path = folder.0.join("zenoh.json5");
    let text = "{ scouting: { multicast: { enabled: false } }, listen: { endpoints: [] }, \
                connect: { retry: { period_init_ms: 100, period_max_ms: 500 } } }";
    std::fs::write(&path, text).unwrap();
    path
}

type Heard = Arc<Mutex<Vec<(String, Vec<u8>, Instant)>>>;

/// Everything on a key from now on.
fn listen(session: &Session, key: &str) -> Heard {
    let heard = Heard::default();
    let into = Arc::clone(&heard);
    let subscriber = session.declare_subscriber(key.to_owned());
    subscriber
        .callback(move |sample| {
            let key = sample.key_expr().as_str().to_owned();
            let bytes = sample.payload().to_bytes().into_owned();
            into.lock().unwrap().push((key, bytes, Instant::now()));
        })
        .background()
        .wait()
        .unwrap();
    heard
}

/// Sequence numbers of the packets on a key.
fn sequences(heard: &Heard, key: &str) -> Vec<u32> {
    let heard = heard.lock().unwrap();
    let packets = heard.iter().filter(|(found, ..)| found == key);
    packets
        .map(|(_, bytes, _)| PacketView::new(bytes).unwrap().sequence())
        .collect()
}

#[test]
fn two_boards_a_replay_and_a_death_among_peers() {
    let folder = Folder::new("zenoh-peers");
    let endpoint = format!("tcp/127.0.0.1:{}", free_tcp());
    let config = config(&folder);
    let keys = folder.keys(&[("door", 1), ("hall", 2)]);
    let arguments = [
        "--zenoh-config",
        config.to_str().unwrap(),
        "--zenoh-listen",
        &endpoint,
    ];
    let gateway = Gateway::start(Some(&keys), &arguments);
    let peer = node("peer", &[], std::slice::from_ref(&endpoint));
    let packets = listen(&peer, "posewire/*/*/packet");
    let healths = listen(&peer, "posewire/*/*/health");
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&tokens);
    peer.liveliness()
        .declare_subscriber("posewire/gateway/*/live")
        .history(true)
        .callback(move |sample| told.lock().unwrap().push(sample.kind()))
        .background()
        .wait()
        .unwrap();
    let door = Sending::start(Board::sealed(1, 1), gateway.udp);
    let mut hall = Sending::start(Board::sealed(2, 1), gateway.udp);
    for key in ["posewire/door/0/packet", "posewire/hall/0/packet"] {
        until(key, || (sequences(&packets, key).len() > 30).then_some(()));
    }

    let (recorded, died_at) = hall.unplug();
    let said_at = until("the death", || {
        let healths = healths.lock().unwrap();
        let said = healths.iter().find(|(key, text, _)| {
            key == "posewire/hall/0/health"
                && String::from_utf8_lossy(text).contains("\"state\":\"silent\"")
        });
        said.map(|(.., at)| *at)
    });
    let said_after = said_at - died_at;
    println!("the death of a board is said after {said_after:?}");
    assert!(said_after < SAID_WITHIN, "{said_after:?}");
    let heard = sequences(&packets, "posewire/hall/0/packet");
    for _ in 0..5 {
        send_from_elsewhere(&recorded, gateway.udp);
    }
    let name = "posewire_refused_packets_total{board=\"hall\",instance=\"0\",reason=\"old\"}";
    until("the replay", || (gateway.figure(name) == 5.0).then_some(()));
    let more = sequences(&packets, "posewire/door/0/packet").len() + 5;
    until("more packets", || {
        (sequences(&packets, "posewire/door/0/packet").len() > more).then_some(())
    });
    assert_eq!(sequences(&packets, "posewire/hall/0/packet"), heard);
    // Every packet that was sent has come, in order.
    let numbers = sequences(&packets, "posewire/door/0/packet");
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    assert!(u64::from(*numbers.last().unwrap()) < door.count());
    // Who comes late asks.
    let replies = peer.get("posewire/hall/*/health").wait().unwrap();
    let reply = replies.recv_timeout(common::SOON).unwrap().unwrap();
    let text = reply
        .result()
        .unwrap()
        .payload()
        .try_to_string()
        .unwrap()
        .into_owned();
    assert!(
        text.contains("\"refused\":5") || text.contains("\"refused\":0"),
        "{text}"
    );
    assert!(text.contains("\"state\":\"silent\""), "{text}");
    assert_eq!(*tokens.lock().unwrap(), [SampleKind::Put]);
    drop(gateway);
    until("the gateway's end", || {
        (tokens.lock().unwrap().last() == Some(&SampleKind::Delete)).then_some(())
    });
}

#[test]
fn a_restart_of_the_router_loses_nothing_that_is_still_sent() {
    let folder = Folder::new("zenoh-router");
    let endpoint = format!("tcp/127.0.0.1:{}", free_tcp());
    let config = config(&folder);
    let arguments = [
        "--zenoh-config",
        config.to_str().unwrap(),
        "--zenoh-connect",
        &endpoint,
    ];
    // The router is not there yet.
    let gateway = Gateway::start(None, &arguments);
    let door = Sending::start(Board::open(1), gateway.udp);
    let is_up = || gateway.figure("posewire_gateway_output_up{output=\"zenoh\"}") == 1.0;
    std::thread::sleep(Duration::from_millis(300));
    assert!(!is_up());
    for round in 0..2 {
        let router = node("router", std::slice::from_ref(&endpoint), &[]);
        let client = node("client", &[], std::slice::from_ref(&endpoint));
        let packets = listen(&client, "posewire/**/packet");
        until("the link", || is_up().then_some(()));
        let key = "posewire/127.0.0.1/0/packet";
        until("packets", || {
            (sequences(&packets, key).len() > 30).then_some(())
        });
        let numbers = sequences(&packets, key);
        let is_whole = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(is_whole, "round {round}: {numbers:?}");
        client.close().wait().unwrap();
        router.close().wait().unwrap();
        until("the break", || (!is_up()).then_some(()));
    }
    let connects = gateway.figure("posewire_gateway_output_connects_total{output=\"zenoh\"}");
    assert_eq!(connects, 2.0);
    drop(door);
    // Each packet has one outcome, or still waits.
    until("the last packet", || {
        let came = gateway.figure(
            "posewire_packets_total{board=\"127.0.0.1\",instance=\"0\",kind=\"keypoints\"}",
        );
        let waiting = gateway.figure("posewire_gateway_output_queue{output=\"zenoh\"}");
        (gateway.outcomes("zenoh") + waiting == came).then_some(())
    });
}

#[test]
fn ros_gets_clouds_of_what_a_robot_may_act_on() {
    let folder = Folder::new("zenoh-ros");
    let endpoint = format!("tcp/127.0.0.1:{}", free_tcp());
    let config = config(&folder);
    let arguments = [
        "--zenoh-config",
        config.to_str().unwrap(),
        "--zenoh-listen",
        &endpoint,
        "--zenoh-ros",
        "--board",
        "front_door=127.0.0.1",
    ];
    let gateway = Gateway::start(None, &arguments);
    let peer = node("peer", &[], std::slice::from_ref(&endpoint));
    let clouds = listen(&peer, "posewire/board_front_udoor_0/keypoints");
    let _board = Sending::start(Board::open(1), gateway.udp);
    let (_, bytes, _) = until("a cloud", || clouds.lock().unwrap().first().cloned());
    // A head, a stamp, a frame; 21 points of 20 bytes at the end.
    assert_eq!(bytes[..4], [0, 1, 0, 0]);
    assert_eq!(&bytes[16..36], b"camera_optical_frame");
    let points = bytes.len() - 1 - 21 * 20;
    assert_eq!(bytes[points..points + 4], 100.0_f32.to_le_bytes());
}
