//! The gateway with a viewer of Foxglove's WebSocket, as small as the protocol allows.
#![cfg(feature = "foxglove")]

mod common;

use common::{Gateway, Sending, free_tcp, local, until};
use gateway::sample::Board;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A WebSocket, whose frames are not split by this server.
struct Viewer(TcpStream);

impl Viewer {
    fn connect(port: u16) -> Self {
        let mut stream = until("the server", || TcpStream::connect(local(port)).ok());
        stream.set_read_timeout(Some(common::SOON)).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: foxglove.sdk.v1\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        Viewer(stream)
    }

    /// The next frame: whether it is text, and its bytes.
    fn next(&mut self) -> (bool, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut bytes = [0; 2];
                self.0.read_exact(&mut bytes).unwrap();
                u64::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                self.0.read_exact(&mut bytes).unwrap();
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut bytes).unwrap();
        (head[0] & 0x0f == 1, bytes)
    }

    /// The next message in JSON that has this operation.
    fn wait(&mut self, operation: &str) -> Value {
        loop {
            if let (true, bytes) = self.next() {
                let message: Value = serde_json::from_slice(&bytes).unwrap();
                if message["op"] == operation {
                    return message;
                }
            }
        }
    }

    /// Sends a short text. The mask of zeros changes nothing.
    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        assert!(text.len() < 126);
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).unwrap();
    }
}

#[test]
fn a_viewer_gets_the_scene_of_the_board_that_it_looks_at() {
    let port = free_tcp();
    let gateway = Gateway::start(None, &["--foxglove", &format!("127.0.0.1:{port}")]);
    let _board = Sending::start(Board::open(1), gateway.udp);
    let mut viewer = Viewer::connect(port);
    let channel = loop {
        let message = viewer.wait("advertise");
        let channels = message["channels"].as_array().unwrap().clone();
        let scene = channels
            .iter()
            .find(|channel| channel["topic"] == "/127.0.0.1/0/scene");
        if let Some(scene) = scene {
            break scene.clone();
        }
    };
    assert_eq!(channel["schemaName"], "foxglove.SceneUpdate");
    let published = "posewire_gateway_output_packets_total{output=\"foxglove\",what=\"published\"}";
    assert_eq!(gateway.figure(published), 0.0, "nobody looks yet");
    let subscription = json!({ "id": 7, "channelId": channel["id"] });
    viewer.send(&json!({ "op": "subscribe", "subscriptions": [subscription] }));
    let message = loop {
        let (is_text, bytes) = viewer.next();
        // 1: data of a message, then the subscription.
        if !is_text && bytes.starts_with(&[1, 7, 0, 0, 0]) {
            break bytes;
        }
    };
    let has = |text: &str| {
        message
            .windows(text.len())
            .any(|bytes| bytes == text.as_bytes())
    };
    assert!(has("camera_optical_frame"), "a scene");
    until("its count", || {
        (gateway.figure(published) > 0.0).then_some(())
    });
}
