//! Foxglove's WebSocket: a scene for each board, and its health.
//!
//! | topic | schema | |
//! |---|---|---|
//! | `/NAME/INSTANCE/scene` | `foxglove.SceneUpdate` | skeletons in the plane of the picture, for the 3D panel |
//! | `/NAME/INSTANCE/health` | JSON | state, counts, and the board's figures |
//!
//! A scene is made only while somebody looks at it. A viewer that reads too slowly loses messages inside of the server.

use crate::fleet::Report;
use crate::mailbox::Message;
use crate::output::{Outcome, Output};
use crate::summary::health;
use ::foxglove::messages::line_primitive::Type as LineType;
use ::foxglove::messages::{
    Color, Duration, LinePrimitive, Point3, SceneEntity, SceneUpdate, Timestamp,
};
use ::foxglove::{
    Channel, ChannelBuilder, Context, RawChannel, WebSocketServer, WebSocketServerHandle,
};
use posewire::sink::bones;
use posewire::wire::{Body, Flags, InstanceState, Packet, PacketView};
use posewire::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;

/// Metres that a pixel is drawn as: as in the markers of the ROS 2 node.
const METRES_PER_PX: f64 = 0.002;
/// A skeleton without a successor vanishes.
const LIFETIME_S: f64 = 0.5;
const HAND: [f64; 3] = [1.0, 0.55, 0.1];
const BODY: [f64; 3] = [0.2, 0.7, 1.0];

struct Shown {
    generation: u32,
    scene: Channel<SceneUpdate>,
    health: Arc<RawChannel>,
}

/// The output.
pub struct Foxglove {
    context: Arc<Context>,
    server: Option<WebSocketServerHandle>,
    boards: Vec<Option<Shown>>,
}

impl Foxglove {
    /// Starts the server.
    ///
    /// # Errors
    /// The port cannot be had.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let context = Context::new();
        let server = WebSocketServer::new()
            .name("posewire gateway")
            .bind(address.ip().to_string(), address.port())
            .context(&context)
            .start_blocking()
            .map_err(|error| Error::sink(format!("foxglove:{address}"), error.to_string()))?;
        log::info!("foxglove: ws://{address}");
        Ok(Foxglove {
            context,
            server: Some(server),
            boards: Vec::new(),
        })
    }

    fn show(&self, report: &Report) -> Option<Shown> {
        let topic = |last: &str| format!("/{}/{}/{last}", report.name, report.instance);
        let scene = ChannelBuilder::new(topic("scene"))
            .context(&self.context)
            .build::<SceneUpdate>();
        let health = ChannelBuilder::new(topic("health"))
            .context(&self.context)
            .message_encoding("json")
            .build_raw()
            .ok()?;
        Some(Shown {
            generation: report.generation,
            scene,
            health,
        })
    }
}

impl Output for Foxglove {
    fn name(&self) -> &'static str {
        "foxglove"
    }

    fn is_up(&mut self) -> bool {
        true
    }

    fn board(&mut self, place: u16, report: &Report) -> bool {
        let place = usize::from(place);
        if self.boards.len() <= place {
            self.boards.resize_with(place + 1, || None);
        }
        let is_known = |shown: &Shown| shown.generation == report.generation;
        if !self.boards[place].as_ref().is_some_and(is_known) {
            if let Some(gone) = self.boards[place].take() {
                gone.scene.close();
                gone.health.close();
            }
            self.boards[place] = self.show(report);
        }
        if let Some(shown) = &self.boards[place]
            && shown.health.has_sinks()
        {
            shown.health.log(health(report).to_string().as_bytes());
        }
        true
    }

    fn packet(&mut self, message: &Message) -> Outcome {
        let Some(Some(shown)) = self.boards.get(usize::from(message.place)) else {
            return Outcome::Lost;
        };
        if !shown.scene.has_sinks() {
            return Outcome::LeftOut;
        }
        let Ok(view) = PacketView::new(&message.bytes) else {
            return Outcome::LeftOut;
        };
        match scene(&view.to_packet()) {
            Some(scene) => {
                shown.scene.log(&scene);
                Outcome::Published
            }
            None => Outcome::LeftOut,
        }
    }

    fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().wait_blocking();
        }
    }
}

type Place = Option<(f32, f32)>;

/// The skeletons of a packet; `None` for kinds that show nothing.
fn scene(packet: &Packet) -> Option<SceneUpdate> {
    let mut entities = Vec::new();
    match &packet.body {
        Body::Keypoints(joints) => {
            if !packet.flags.contains(Flags::LOST) {
                let places = joints.iter().map(|joint| joint.position_px(packet.unit));
                let places: Vec<Place> = places.collect();
                let bones = bones(packet.joint_table);
                entities.push(entity("one", &places, bones, packet.task, 1.0));
            }
        }
        Body::Instances(part) => {
            for instance in part.instances() {
                let alpha = match InstanceState::from_code(instance.state) {
                    Some(InstanceState::Tracked) => 1.0,
                    Some(InstanceState::Predicted) => 0.4,
                    _ => continue,
                };
                let joints = instance.joints.iter();
                let places = joints.map(|joint| joint.point.position_px(packet.unit));
                let places: Vec<Place> = places.collect();
                let bones = bones(instance.joint_table);
                let id = instance.number.to_string();
                entities.push(entity(&id, &places, bones, instance.task, alpha));
            }
        }
        Body::Heartbeat | Body::Stats(_) => return None,
    }
    Some(SceneUpdate {
        deletions: Vec::new(),
        entities,
    })
}

/// A skeleton in the plane of the picture: x right, y down.
fn entity(id: &str, places: &[Place], bones: &[(u8, u8)], task: u8, alpha: f64) -> SceneEntity {
    let place = |joint: u8| places.get(usize::from(joint)).copied().flatten();
    let point = |(x, y): (f32, f32)| Point3 {
        x: f64::from(x) * METRES_PER_PX,
        y: f64::from(y) * METRES_PER_PX,
        z: 0.0,
    };
    let ends = bones.iter().filter_map(|&(from, to)| {
        let (from, to) = (place(from)?, place(to)?);
        Some([point(from), point(to)])
    });
    let [r, g, b] = if task == 1 { HAND } else { BODY };
    SceneEntity {
        timestamp: Some(Timestamp::now()),
        frame_id: "camera_optical_frame".into(),
        id: id.into(),
        lifetime: Some(Duration::new(0, (LIFETIME_S * 1e9) as u32)),
        lines: vec![LinePrimitive {
            r#type: LineType::LineList as i32,
            thickness: 3.0,
            scale_invariant: true,
            points: ends.flatten().collect(),
            color: Some(Color { r, g, b, a: alpha }),
            ..LinePrimitive::default()
        }],
        ..SceneEntity::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Board;

    #[test]
    fn a_hand_has_twenty_bones_and_nothing_has_none() {
        let mut board = Board::open(1);
        let drawn = |bytes: &[u8]| scene(&PacketView::new(bytes).unwrap().to_packet());
        let hand = drawn(&board.frame(true)).unwrap();
        assert_eq!(hand.entities[0].lines[0].points.len(), 2 * 20);
        assert_eq!(drawn(&board.frame(false)).unwrap().entities.len(), 0);
        assert_eq!(drawn(&board.heartbeat()), None);
    }
}
