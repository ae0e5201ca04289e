//! Zenoh: every packet, and the state of each board.
//!
//! | key | value | |
//! |---|---|---|
//! | `posewire/NAME/INSTANCE/packet` | a packet of docs/wire.md, without a seal | each |
//! | `posewire/NAME/INSTANCE/health` | JSON: state, counts, and the board's figures | at once when the state changes, else every 10 s; queries are answered |
//! | `posewire/gateway/ZID/live` | a token of liveliness | while the gateway runs |
//! | `posewire/board_NAME_INSTANCE/keypoints` | `sensor_msgs/msg/PointCloud2` in CDR | with `--zenoh-ros`, each hand and body that a robot may act on |
//!
//! Zenoh finds peers by itself, and connects again by itself. A peer that reads too slowly loses packets inside of Zenoh,
//! so that it holds up nobody else; the packets' numbers tell it.
//!
//! Boards have no tokens of their own. A peer compares the key of each message that it receives with all tokens that it
//! knows: with a thousand of them one received 4,000 messages a second, and without them 30,000 (README.md).

use crate::args::ZenohOptions;
use crate::cloud;
use crate::fleet::Report;
use crate::mailbox::Message;
use crate::output::{Outcome, Output};
use crate::summary::health;
use posewire::clock::{Instant, steady_us};
use posewire::stats::Repeated;
use posewire::wire::PacketView;
use posewire::{Error, Result};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use zenoh::bytes::Encoding;
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::Publisher;
use zenoh::qos::{CongestionControl, Priority};
use zenoh::query::Queryable;
use zenoh::{Config, Session, Wait};

/// Time between two looks for the router.
const LOOK_US: u64 = 100_000;

/// The newest health of each board, for those who ask.
type Healths = Arc<Mutex<HashMap<String, String>>>;

struct Shown {
    generation: u32,
    prefix: String,
    packets: Publisher<'static>,
    health: Publisher<'static>,
    clouds: Option<Publisher<'static>>,
}

/// The output.
pub struct Zenoh {
    session: Session,
    boards: Vec<Option<Shown>>,
    healths: Healths,
    _queryable: Queryable<()>,
    _token: LivelinessToken,
    /// Messages for ROS 2 are wanted.
    for_ros: bool,
    /// A router or peer is named in the command line: without one, packets wait.
    needs_peer: bool,
    is_up: bool,
    looked_us: u64,
    faults: Repeated,
}

fn fail(error: zenoh::Error) -> Error {
    Error::sink("zenoh", error.to_string().replace('\n', " "))
}

impl Zenoh {
    /// Opens a session.
    ///
    /// # Errors
    /// The configuration is wrong, or an endpoint to listen on cannot be had.
    pub fn open(options: &ZenohOptions) -> Result<Self> {
        let mut config = match &options.config {
            Some(path) => Config::from_file(path)
                .map_err(|error| Error::config(path, error.to_string().replace('\n', " ")))?,
            None => {
                let mut config = Config::default();
                let retry = json!({
                    "period_init_ms": 100,
                    "period_max_ms": 1000,
                    "period_increase_factor": 2,
                });
                set(&mut config, "connect/retry", &retry)?;
                config
            }
        };
        if !options.connect.is_empty() {
            set(&mut config, "connect/endpoints", &json!(options.connect))?;
        }
        if !options.listen.is_empty() {
            set(&mut config, "listen/endpoints", &json!(options.listen))?;
        }
        let session = zenoh::open(config).wait().map_err(fail)?;
        let healths = Healths::default();
        let asked = Arc::clone(&healths);
        let queryable = session
            .declare_queryable("posewire/*/*/health")
            .callback(move |query| {
                let healths = asked.lock().unwrap_or_else(PoisonError::into_inner);
                for (key, text) in healths.iter() {
                    let is_meant = zenoh::key_expr::KeyExpr::try_from(key.as_str())
                        .is_ok_and(|key| query.key_expr().intersects(&key));
                    if is_meant {
                        let reply = query.reply(key, text.as_str());
                        let _ = reply.encoding(Encoding::APPLICATION_JSON).wait();
                    }
                }
            })
            .wait()
            .map_err(fail)?;
        let key = format!("posewire/gateway/{}/live", session.zid());
        let token = session.liveliness().declare_token(key);
        let token = token.wait().map_err(fail)?;
        log::info!("zenoh: {} is open", session.zid());
        Ok(Zenoh {
            session,
            boards: Vec::new(),
            healths,
            _queryable: queryable,
            _token: token,
            for_ros: options.for_ros,
            needs_peer: !options.connect.is_empty(),
            is_up: options.connect.is_empty(),
            looked_us: 0,
            faults: Repeated::default(),
        })
    }

    fn show(&self, report: &Report) -> zenoh::Result<Shown> {
        let prefix = format!("posewire/{}/{}", report.name, report.instance);
        let packets = self
            .session
            .declare_publisher(format!("{prefix}/packet"))
            .encoding(Encoding::APPLICATION_OCTET_STREAM)
            .congestion_control(CongestionControl::Drop)
            .priority(Priority::RealTime)
            .wait()?;
        let health = self
            .session
            .declare_publisher(format!("{prefix}/health"))
            .encoding(Encoding::APPLICATION_JSON)
            .congestion_control(CongestionControl::Block)
            .wait()?;
        let clouds = self.for_ros.then(|| {
            self.session
                .declare_publisher(cloud::topic(&report.name, report.instance))
                .congestion_control(CongestionControl::Drop)
                .wait()
        });
        Ok(Shown {
            generation: report.generation,
            prefix,
            packets,
            health,
            clouds: clouds.transpose()?,
        })
    }

    fn tell(&mut self, place: usize, report: &Report) -> zenoh::Result<()> {
        let is_known = |shown: &Shown| shown.generation == report.generation;
        let old = self.boards[place].take();
        let mut healths = self.healths.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = match old {
            Some(shown) if is_known(&shown) => shown,
            other => {
                if let Some(gone) = other {
                    healths.remove(&format!("{}/health", gone.prefix));
                }
                self.show(report)?
            }
        };
        let text = health(report).to_string();
        healths.insert(format!("{}/health", shown.prefix), text.clone());
        drop(healths);
        let sent = shown.health.put(text).wait();
        self.boards[place] = Some(shown);
        sent
    }
}

fn set(config: &mut Config, key: &str, value: &serde_json::Value) -> Result<()> {
    config.insert_json5(key, &value.to_string()).map_err(fail)
}

impl Output for Zenoh {
    fn name(&self) -> &'static str {
        "zenoh"
    }

    fn is_up(&mut self) -> bool {
        let now_us = steady_us();
        if self.needs_peer && now_us.saturating_sub(self.looked_us) >= LOOK_US {
            self.looked_us = now_us;
            let info = self.session.info();
            let has_router = info.routers_zid().wait().next().is_some();
            self.is_up = has_router || info.peers_zid().wait().next().is_some();
        }
        self.is_up
    }

    fn board(&mut self, place: u16, report: &Report) -> bool {
        let place = usize::from(place);
        if self.boards.len() <= place {
            self.boards.resize_with(place + 1, || None);
        }
        let told = self.tell(place, report);
        if let Err(error) = &told
            && let Some(count) = self.faults.again()
        {
            log::warn!("zenoh: {error} ({count} times so far)");
        }
        told.is_ok()
    }

    fn packet(&mut self, message: &Message) -> Outcome {
        let Some(Some(shown)) = self.boards.get(usize::from(message.place)) else {
            return Outcome::Lost;
        };
        if let Some(clouds) = &shown.clouds
            && let Ok(view) = PacketView::new(&message.bytes)
        {
            let way_us = steady_us().saturating_sub(message.received_steady_us);
            cloud::messages(&view.to_packet(), way_us, Instant::now().wall_us, |bytes| {
                // What becomes of the packet itself counts.
                let _ = clouds.put(bytes).wait();
            });
        }
        match shown.packets.put(message.bytes.as_slice()).wait() {
            Ok(()) => Outcome::Published,
            Err(_) => Outcome::Lost,
        }
    }

    fn end(&mut self) {
        self.boards.clear();
        let _ = self.session.close().wait();
    }
}
