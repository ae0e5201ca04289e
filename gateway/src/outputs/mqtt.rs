//! MQTT 3.1.1, with Home Assistant's discovery.
//!
//! | topic | message | |
//! |---|---|---|
//! | `posewire/gateway/state` | `online`, `offline` | kept; `offline` also if the gateway dies |
//! | `posewire/NAME/INSTANCE/state` | `live`, `silent`, `stopped` | kept, at once |
//! | `posewire/NAME/INSTANCE/summary` | JSON: `found`, `count`, `score`, `age_ms` | at once when it changes, else `--mqtt-rate` a second |
//! | `posewire/NAME/INSTANCE/packet` | a packet as in docs/wire.md, "JSON lines" | `--mqtt-rate` frames a second |
//! | `posewire/NAME/INSTANCE/health` | JSON: counts, and the board's figures | kept, every 10 s |
//! | `homeassistant/device/ID/config` | a device of Home Assistant | kept |
//!
//! rumqttc connects again by itself; the wait doubles up to [`MOST_WAIT`]. Its queue has a bound. What was kept is sent
//! again to a new connection, since a broker may have forgotten it.

use crate::args::MqttOptions;
use crate::fleet::Report;
use crate::mailbox::Message;
use crate::name::Name;
use crate::output::{Outcome, Output};
use crate::summary::{Summary, health};
use posewire::clock::steady_us;
use posewire::sink::json_line;
use posewire::stats::Repeated;
use posewire::wire::{Kind, PacketView};
use posewire::{Error, Result};
use rumqttc::{Client, Connection, Event, LastWill, Outgoing, Packet, QoS};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Messages between the output's thread and the one that writes to the broker.
const QUEUE_MESSAGES: usize = 4096;
/// Bytes of a message. A packet of the most joints takes 4 KiB.
const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// A broker that is silent for this long is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// First and longest wait before a new connection.
const LEAST_WAIT: Duration = Duration::from_millis(100);
const MOST_WAIT: Duration = Duration::from_secs(5);
/// Time between two summaries of a board that changes all the time.
const CHANGE_US: u64 = 100_000;
/// Time to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
const GATEWAY_STATE: &str = "posewire/gateway/state";

/// Messages of the connection's thread.
#[derive(Debug, Default)]
struct Link {
    is_up: AtomicBool,
    /// Connections so far.
    count: AtomicU64,
    stops: AtomicBool,
}

/// The state that was last published of a board.
#[derive(Debug)]
struct Shown {
    generation: u32,
    /// `posewire/NAME/INSTANCE/`.
    prefix: String,
    /// The connection that knows the device.
    discovered: Option<u64>,
    summary: Option<Summary>,
    summary_us: u64,
    /// Session and number of the newest published frame.
    frame: Option<(u32, u32)>,
    frame_us: u64,
}

/// The output.
pub struct Mqtt {
    client: Client,
    link: Arc<Link>,
    thread: Option<JoinHandle<()>>,
    /// The connection that the output knows.
    seen: u64,
    boards: Vec<Option<Shown>>,
    /// Time between two packets of a board.
    period_us: u64,
}

impl Mqtt {
    /// Starts to connect.
    ///
    /// # Errors
    /// A user has no password, or the system no thread.
    pub fn open(options: &MqttOptions) -> Result<Self> {
        let place = format!("mqtt:{}:{}", options.host, options.port);
        let id = format!("posewire-gateway-{}", std::process::id());
        let mut settings = rumqttc::MqttOptions::new(id, &options.host, options.port);
        settings
            .set_keep_alive(KEEP_ALIVE)
            .set_max_packet_size(MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES)
            .set_last_will(LastWill::new(
                GATEWAY_STATE,
                "offline",
                QoS::AtLeastOnce,
                true,
            ));
        if let Some(user) = &options.user {
            let password = std::env::var("MQTT_PASSWORD")
                .map_err(|_| Error::usage("--mqtt-user needs the variable MQTT_PASSWORD"))?;
            settings.set_credentials(user, password);
        }
        let (client, connection) = Client::new(settings, QUEUE_MESSAGES);
        let link = Arc::new(Link::default());
        let thread = std::thread::Builder::new().name("mqtt-link".into());
        let (watched, name) = (Arc::clone(&link), place.clone());
        let thread = thread
            .spawn(move || keep_connected(connection, &watched, &name))
            .map_err(|error| Error::sink(place, "no thread").because(error))?;
        Ok(Mqtt {
            client,
            link,
            thread: Some(thread),
            seen: 0,
            boards: Vec::new(),
            period_us: period_us(options.rate),
        })
    }

    fn keep(&self, topic: &str, text: impl Into<Vec<u8>>) -> bool {
        let sent = self.client.try_publish(topic, QoS::AtLeastOnce, true, text);
        sent.is_ok()
    }

    fn send(&self, topic: &str, text: impl Into<Vec<u8>>) -> bool {
        let sent = self.client.try_publish(topic, QoS::AtMostOnce, false, text);
        sent.is_ok()
    }
}

/// Time between two packets at a rate; none are published at a rate of 0.
fn period_us(rate: f64) -> u64 {
    match rate {
        rate if rate > 0.0 => (1e6 / rate) as u64,
        _ => u64::MAX,
    }
}

/// Connects until the output ends.
fn keep_connected(mut connection: Connection, link: &Link, name: &str) {
    let mut wait = LEAST_WAIT;
    let mut faults = Repeated::default();
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                link.count.fetch_add(1, Ordering::Relaxed);
                link.is_up.store(true, Ordering::Release);
                wait = LEAST_WAIT;
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
            Ok(_) => {}
            Err(error) => {
                link.is_up.store(false, Ordering::Release);
                if link.stops.load(Ordering::Relaxed) {
                    break;
                }
                if let Some(count) = faults.again() {
                    log::warn!("{name}: {error} ({count} times so far)");
                }
                std::thread::sleep(wait);
                wait = MOST_WAIT.min(2 * wait);
            }
        }
    }
}

impl Output for Mqtt {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn is_up(&mut self) -> bool {
        let count = self.link.count.load(Ordering::Relaxed);
        if !self.link.is_up.load(Ordering::Acquire) {
            return false;
        }
        if count != self.seen {
            // A short break is one as well: everything is told again.
            self.seen = count;
            self.keep(GATEWAY_STATE, "online");
            return false;
        }
        true
    }

    fn board(&mut self, place: u16, report: &Report) -> bool {
        let index = usize::from(place);
        if self.boards.len() <= index {
            self.boards.resize_with(index + 1, || None);
        }
        let is_known = |shown: &Shown| shown.generation == report.generation;
        let shown = match self.boards[index].take().filter(is_known) {
            Some(shown) => shown,
            None => Shown {
                generation: report.generation,
                prefix: format!("posewire/{}/{}/", report.name, report.instance),
                discovered: None,
                summary: None,
                summary_us: 0,
                frame: None,
                frame_us: 0,
            },
        };
        let shown = self.boards[index].insert(shown);
        let topic = |last: &str| format!("{}{last}", shown.prefix);
        let (state, figures) = (topic("state"), topic("health"));
        if shown.discovered != Some(self.seen) {
            let (topic, device) = discovery(&report.name, report.instance, &shown.prefix);
            if !self.keep(&topic, device.to_string()) {
                return false;
            }
            if let Some(shown) = &mut self.boards[index] {
                shown.discovered = Some(self.seen);
                shown.summary = None;
            }
        }
        self.keep(&state, report.state.name()) && self.keep(&figures, health(report).to_string())
    }

    fn packet(&mut self, message: &Message) -> Outcome {
        let Ok(view) = PacketView::new(&message.bytes) else {
            return Outcome::LeftOut;
        };
        let Some(Some(shown)) = self.boards.get_mut(usize::from(message.place)) else {
            return Outcome::Lost;
        };
        let now_us = steady_us();
        let Some(summary) = Summary::of(&view) else {
            return Outcome::LeftOut;
        };
        let since_us = now_us.saturating_sub(shown.summary_us);
        let is_change = shown.summary != Some(summary) && since_us >= CHANGE_US;
        let sends_summary = shown.summary.is_none() || is_change || since_us >= self.period_us;
        let packet = view.to_packet();
        // All parts of a frame, or none.
        let frame = Some((packet.session, packet.frame_index));
        let has_joints = matches!(view.kind(), Kind::Keypoints | Kind::Instances);
        let is_next = now_us.saturating_sub(shown.frame_us) >= self.period_us;
        let sends_packet = has_joints && (shown.frame == frame || is_next);
        if !sends_summary && !sends_packet {
            return Outcome::LeftOut;
        }
        if sends_packet {
            if shown.frame != frame {
                shown.frame_us = now_us;
            }
            shown.frame = frame;
        }
        if sends_summary {
            (shown.summary, shown.summary_us) = (Some(summary), now_us);
        }
        let prefix = shown.prefix.clone();
        let mut is_sent = true;
        if sends_summary {
            let text = summary.json(&packet).to_string();
            is_sent &= self.send(&format!("{prefix}summary"), text);
        }
        if sends_packet {
            let text = json_line(&packet).to_string();
            is_sent &= self.send(&format!("{prefix}packet"), text);
        }
        match is_sent {
            true => Outcome::Published,
            false => Outcome::Lost,
        }
    }

    fn end(&mut self) {
        self.link.stops.store(true, Ordering::Relaxed);
        self.keep(GATEWAY_STATE, "offline");
        let _ = self.client.try_disconnect();
        let begun = Instant::now();
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && begun.elapsed() < GOODBYE {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// A name for Home Assistant, which knows letters, digits, `-` and `_`. Different boards have different ones.
fn identity(name: &Name, instance: u8) -> String {
    let plain = name.as_str().replace('_', "__").replace('.', "_-");
    format!("posewire_{plain}-{instance}")
}

/// Topic and message that make a board a device of Home Assistant.
fn discovery(name: &Name, instance: u8, prefix: &str) -> (String, Value) {
    let id = identity(name, instance);
    let sensor = |platform: &str, key: &str, words: &str, topic: &str, template: &str| {
        json!({
            "platform": platform,
            "unique_id": format!("{id}_{key}"),
            "name": words,
            "state_topic": format!("{prefix}{topic}"),
            "value_template": template,
        })
    };
    let with = |mut entity: Value, more: &[(&str, &str)]| {
        for &(key, value) in more {
            entity[key] = json!(value);
        }
        entity
    };
    let found = sensor(
        "binary_sensor",
        "found",
        "Found",
        "summary",
        "{{ 'ON' if value_json.found else 'OFF' }}",
    );
    let count = sensor(
        "sensor",
        "count",
        "Hands and bodies",
        "summary",
        "{{ value_json.count }}",
    );
    let age = sensor("sensor", "age", "Age", "summary", "{{ value_json.age_ms }}");
    let lost = sensor(
        "sensor",
        "lost",
        "Lost packets",
        "health",
        "{{ value_json.lost }}",
    );
    let refused = sensor(
        "sensor",
        "refused",
        "Refused packets",
        "health",
        "{{ value_json.refused + value_json.bad_seal }}",
    );
    let temperature = sensor(
        "sensor",
        "temperature",
        "Temperature",
        "health",
        "{{ value_json.stats.hottest_decicelsius / 10 if value_json.stats and \
         value_json.stats.hottest_decicelsius is number else None }}",
    );
    let measured = ("state_class", "measurement");
    let diagnostic = ("entity_category", "diagnostic");
    let title = match instance {
        0 => format!("posewire {name}"),
        _ => format!("posewire {name} {instance}"),
    };
    let device = json!({
        "device": { "identifiers": [id], "name": title, "manufacturer": "posewire" },
        "origin": { "name": "posewire gateway", "sw_version": env!("CARGO_PKG_VERSION") },
        "availability": [
            { "topic": GATEWAY_STATE },
            {
                "topic": format!("{prefix}state"),
                "value_template": "{{ 'online' if value == 'live' else 'offline' }}",
            },
        ],
        "availability_mode": "all",
        "components": {
            "found": with(found, &[("device_class", "occupancy")]),
            "count": with(count, &[measured]),
            "age": with(age, &[("unit_of_measurement", "ms"), measured, diagnostic]),
            "lost": with(lost, &[measured, diagnostic]),
            "refused": with(refused, &[measured, diagnostic]),
            "temperature": with(
                temperature,
                &[("device_class", "temperature"), ("unit_of_measurement", "°C"), measured, diagnostic],
            ),
        },
    });
    (format!("homeassistant/device/{id}/config"), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_device_has_its_own_topics_and_ids() {
        let name = Name::new("10.0.0.7").unwrap();
        let (topic, device) = discovery(&name, 2, "posewire/10.0.0.7/2/");
        assert_eq!(topic, "homeassistant/device/posewire_10_-0_-0_-7-2/config");
        let components = device["components"].as_object().unwrap();
        assert_eq!(components.len(), 6);
        for entity in components.values() {
            let topic = entity["state_topic"].as_str().unwrap();
            assert!(topic.starts_with("posewire/10.0.0.7/2/"), "{entity}");
            assert!(entity["platform"].is_string() && entity["unique_id"].is_string());
        }
        assert!(device.to_string().len() < MAX_MESSAGE_BYTES / 8);
    }

    #[test]
    fn rates_are_periods() {
        assert_eq!(period_us(2.0), 500_000);
        assert_eq!(period_us(0.0), u64::MAX);
    }

    proptest! {
        #[test]
        fn different_boards_have_different_identities(
            one in "a[a_.-]{0,5}", other in "a[a_.-]{0,5}", first: u8, second: u8,
        ) {
            let id = |text: &str, instance| identity(&Name::new(text).unwrap(), instance);
            let is_same = id(&one, first) == id(&other, second);
            prop_assert_eq!(is_same, one == other && first == second);
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            prop_assert!(id(&one, first).chars().all(plain));
        }
    }
}
