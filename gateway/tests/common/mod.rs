//! The gateway as a program, boards that send to it, and a page that is read.

#![allow(dead_code, reason = "each test uses a part")]

use gateway::sample::Board;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time for what happens at once, on a machine that is busy.
pub const SOON: Duration = Duration::from_secs(30);

pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A TCP port that nobody has.
pub fn free_tcp() -> u16 {
    let listener = TcpListener::bind(local(0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A UDP port that nobody has.
pub fn free_udp() -> u16 {
    let socket = UdpSocket::bind(local(0)).unwrap();
    socket.local_addr().unwrap().port()
}

/// Waits until something is there.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A folder that is removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("posewire-gateway-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// A folder with the keys of some boards, by number.
    pub fn keys(&self, boards: &[(&str, u8)]) -> PathBuf {
        let folder = self.0.join("keys");
        std::fs::create_dir(&folder).unwrap();
        for (name, number) in boards {
            let path = folder.join(format!("{name}.key"));
            std::fs::write(&path, format!("{number:02x}").repeat(32)).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that is ended with the test.
pub struct Process(pub Child);

impl Process {
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The gateway at work.
pub struct Gateway {
    pub process: Process,
    pub udp: SocketAddr,
    metrics: SocketAddr,
}

impl Gateway {
    pub fn start(keys: Option<&Path>, arguments: &[&str]) -> Self {
        let (udp, metrics) = (local(free_udp()), local(free_tcp()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command
            .args([
                "--listen",
                &udp.to_string(),
                "--metrics",
                &metrics.to_string(),
            ])
            .args(arguments);
        if let Some(keys) = keys {
            command.arg("--keys").arg(keys);
        }
        let process = Process(command.spawn().unwrap());
        let gateway = Gateway {
            process,
            udp,
            metrics,
        };
        until("the page of figures", || gateway.page().ok());
        gateway
    }

    fn page(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.metrics)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// A figure by its name and labels; 0 if there is none.
    pub fn figure(&self, name: &str) -> f64 {
        let page = self.page().unwrap();
        let mut lines = page.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Outcomes of all packets that an output was given.
    pub fn outcomes(&self, output: &str) -> f64 {
        let outcomes = ["published", "left_out", "lost", "outdated", "no_room"];
        let name = |what| {
            format!("posewire_gateway_output_packets_total{{output=\"{output}\",what=\"{what}\"}}")
        };
        outcomes.iter().map(|what| self.figure(&name(what))).sum()
    }
}

/// A board that sends 30 frames a second until it is unplugged.
pub struct Sending {
    unplugged: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: Option<JoinHandle<(Vec<u8>, Instant)>>,
}

impl Sending {
    pub fn start(mut board: Board, to: SocketAddr) -> Self {
        let unplugged = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicU64::new(0));
        let (ends, counted) = (Arc::clone(&unplugged), Arc::clone(&count));
        let thread = std::thread::spawn(move || {
            let socket = UdpSocket::bind(local(0)).unwrap();
            loop {
                let packet = board.frame(true);
                socket.send_to(&packet, to).unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let sent_at = Instant::now();
                if ends.load(Ordering::Relaxed) {
                    return (packet, sent_at);
                }
                std::thread::sleep(Duration::from_millis(33));
            }
        });
        Sending {
            unplugged,
            count,
            thread: Some(thread),
        }
    }

    /// Packets so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Ends the board without a goodbye. Its last packet, and the time of it.
    pub fn unplug(&mut self) -> (Vec<u8>, Instant) {
        self.unplugged.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.unplugged.store(true, Ordering::Relaxed);
    }
}

/// Sends a packet from an address of its own.
pub fn send_from_elsewhere(packet: &[u8], to: SocketAddr) {
    UdpSocket::bind(local(0))
        .unwrap()
        .send_to(packet, to)
        .unwrap();
}
