//! The gateway with a real broker: mosquitto, as Debian has it.
#![cfg(feature = "mqtt")]

mod common;

use common::{Folder, Gateway, Process, Sending, free_tcp, send_from_elsewhere, until};
use gateway::sample::Board;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The promise: a board that dies is said within this time.
const SAID_WITHIN: Duration = Duration::from_millis(500);

fn mosquitto(folder: &Folder, port: u16) -> Process {
    let path = folder.0.join("mosquitto.conf");
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
    std::fs::write(&path, text).unwrap();
    let spawn = |program: &str| {
        let mut command = Command::new(program);
        command.arg("-c").arg(&path);
        command.stderr(Stdio::null()).spawn()
    };
    let broker = spawn("mosquitto").or_else(|_| spawn("/usr/sbin/mosquitto"));
    let broker = broker.expect("NOT TESTED: there is no mosquitto: apt-get install mosquitto");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    until("the broker", || TcpStream::connect(address).ok());
    Process(broker)
}

#[derive(Debug, Clone)]
struct Message {
    topic: String,
    text: String,
    at: Instant,
}

/// Everything that a broker's client hears.
#[derive(Clone)]
struct Heard(Arc<Mutex<Vec<Message>>>);

impl Heard {
    fn listen(port: u16, id: &str) -> Self {
        let heard = Heard(Arc::default());
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 16);
        client.subscribe("#", QoS::AtLeastOnce).unwrap();
        let into = heard.clone();
        std::thread::spawn(move || {
            let _client = client;
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let message = Message {
                            topic: message.topic,
                            text: String::from_utf8_lossy(&message.payload).into_owned(),
                            at: Instant::now(),
                        };
                        into.0.lock().unwrap().push(message);
                    }
                    Ok(_) => {}
                    // The broker is gone: another listener follows.
                    Err(_) => return,
                }
            }
        });
        heard
    }

    fn find(&self, topic: &str, text: &str) -> Option<Message> {
        let heard = self.0.lock().unwrap();
        let fits = |message: &&Message| message.topic == topic && message.text.contains(text);
        heard.iter().find(fits).cloned()
    }

    fn wait(&self, topic: &str, text: &str) -> Message {
        until(&format!("{topic}: {text}"), || self.find(topic, text))
    }
}

#[test]
fn two_boards_a_replay_a_death_and_a_restart_of_the_broker() {
    let folder = Folder::new("mqtt");
    let port = free_tcp();
    let mut broker = mosquitto(&folder, port);
    let heard = Heard::listen(port, "first");
    let keys = folder.keys(&[("door", 1), ("hall", 2)]);
    let broker_address = format!("127.0.0.1:{port}");
    let gateway = Gateway::start(
        Some(&keys),
        &["--mqtt", &broker_address, "--mqtt-rate", "30"],
    );
    let door = Sending::start(Board::sealed(1, 1), gateway.udp);
    let mut hall = Sending::start(Board::sealed(2, 1), gateway.udp);

    // Both are there, and apart.
    for name in ["door", "hall"] {
        heard.wait(&format!("posewire/{name}/0/state"), "live");
        heard.wait(&format!("posewire/{name}/0/summary"), "\"found\":true");
        heard.wait(&format!("posewire/{name}/0/packet"), "\"keypoints\":[[");
        let topic = format!("homeassistant/device/posewire_{name}-0/config");
        let device: serde_json::Value =
            serde_json::from_str(&heard.wait(&topic, "components").text).unwrap();
        let topic = &device["components"]["found"]["state_topic"];
        assert_eq!(topic, &format!("posewire/{name}/0/summary"));
    }
    heard.wait("posewire/gateway/state", "online");

    // A board that dies is said; its recording does not bring it back.
    let (recorded, died_at) = hall.unplug();
    let silent = heard.wait("posewire/hall/0/state", "silent");
    let said_after = silent.at - died_at;
    println!("the death of a board is said after {said_after:?}");
    assert!(said_after < SAID_WITHIN, "{said_after:?}");
    for _ in 0..5 {
        send_from_elsewhere(&recorded, gateway.udp);
    }
    let refused = |name: &str| {
        gateway.figure(&format!(
            "posewire_refused_packets_total{{board=\"{name}\",instance=\"0\",reason=\"old\"}}"
        ))
    };
    until("the replay", || (refused("hall") == 5.0).then_some(()));
    assert_eq!(refused("door"), 0.0);
    let up =
        |name: &str| gateway.figure(&format!("posewire_up{{board=\"{name}\",instance=\"0\"}}"));
    assert_eq!((up("door"), up("hall")), (1.0, 0.0));

    // A restart of the broker, which forgets everything.
    broker.kill();
    let is_up = || gateway.figure("posewire_gateway_output_up{output=\"mqtt\"}");
    until("the break", || (is_up() == 0.0).then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    let _broker = mosquitto(&folder, port);
    let restarted_at = Instant::now();
    let heard = Heard::listen(port, "second");
    heard.wait("posewire/door/0/state", "live");
    heard.wait("posewire/hall/0/state", "silent");
    heard.wait("posewire/gateway/state", "online");
    heard.wait("homeassistant/device/posewire_hall-0/config", "components");
    let packet = heard.wait("posewire/door/0/packet", "\"keypoints\":[[");
    println!(
        "packets come {:?} after the restart",
        packet.at - restarted_at
    );

    // Each packet has one outcome: nothing is lost without a count.
    drop(door);
    let sum = |name: &str, labels: &str| -> f64 {
        let name = |board| format!("posewire_{name}{{board=\"{board}\",instance=\"0\"{labels}}}");
        ["door", "hall"]
            .map(|board| gateway.figure(&name(board)))
            .iter()
            .sum()
    };
    until("the last packet", || {
        let came = sum("packets_total", ",kind=\"keypoints\"");
        let learned = sum("learned_packets_total", "");
        (gateway.outcomes("mqtt") + learned == came).then_some(())
    });
    let waiting = gateway.figure("posewire_gateway_output_queue{output=\"mqtt\"}");
    assert_eq!(waiting, 0.0);
}

#[test]
fn a_gateway_that_dies_is_said_by_the_broker() {
    let folder = Folder::new("mqtt-will");
    let port = free_tcp();
    let _broker = mosquitto(&folder, port);
    let heard = Heard::listen(port, "third");
    let mut gateway = Gateway::start(None, &["--mqtt", &format!("127.0.0.1:{port}")]);
    heard.wait("posewire/gateway/state", "online");
    gateway.process.kill();
    heard.wait("posewire/gateway/state", "offline");
}
