//! A load generator: many boards on this machine, the gateway, and a peer of Zenoh that receives everything.
//!
//! ```sh
//! cargo build --release -p gateway --example load --bin gateway
//! target/release/examples/load --boards 1000 --rate 30 --seconds 60 --sealed
//! ```
//!
//! Each board has an address of its own in 127.0.0.0/8 and, if sealed, a key of its own. The generator starts the gateway of
//! the same build, and takes the processor time of it alone. It prints one line for each figure.

use gateway::sample::Board;
use lexopt::prelude::{Long, ValueExt};
use posewire::stats::Histogram;
use posewire::wire::{Key, PacketView, Sealer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashMap;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use zenoh::{Config, Wait};

type Outcome<T> = Result<T, Box<dyn Error>>;

const UDP_PORT: u16 = 19_000;
const METRICS_PORT: u16 = 19_001;
const ZENOH: &str = "tcp/127.0.0.1:19002";
/// Time in which boards are found and the gateway stops learning.
const WARM_UP: Duration = Duration::from_secs(10);

struct Options {
    boards: u32,
    rate: f64,
    seconds: u64,
    sealed: bool,
    /// Further options of the gateway.
    more: Vec<String>,
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        boards: 1000,
        rate: 30.0,
        seconds: 60,
        sealed: false,
        more: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("boards") => options.boards = parser.value()?.parse()?,
            Long("rate") => options.rate = parser.value()?.parse()?,
            Long("seconds") => options.seconds = parser.value()?.parse()?,
            Long("sealed") => options.sealed = true,
            Long("mqtt") => {
                options.more.push("--mqtt".into());
                options.more.push(parser.value()?.string()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The key of a board.
fn secret(board: u32) -> [u8; 32] {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&board.to_le_bytes());
    secret
}

fn write_keys(folder: &std::path::Path, boards: u32) -> Outcome<()> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder)?;
    for board in 0..boards {
        let digits: String = secret(board)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = folder.join(format!("b{board}"));
        std::fs::write(&path, digits)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode)?;
    }
    Ok(())
}

/// Sends until `stop`. Each board's packets have the same distance, and no two boards start together.
fn send(options: &Options, stop: &AtomicBool, sent: &AtomicU64) -> Outcome<()> {
    let mut boards = Vec::new();
    for board in 0..options.boards {
        let [_, _, high, low] = board.to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 1, high, low.max(1)), 0))?;
        let sealer = options
            .sealed
            .then(|| Sealer::new(Key::new(&secret(board)), 1_700_000_000_000_000));
        boards.push((socket, Board::new(board, 0, sealer)));
    }
    let to = SocketAddr::from(([127, 0, 0, 1], UDP_PORT));
    let each = Duration::from_secs_f64(1.0 / (options.rate * f64::from(options.boards)));
    let begun = Instant::now();
    let mut next = 0_u32;
    let mut turn = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        while each * next <= begun.elapsed() {
            let (socket, board) = &mut boards[turn];
            socket.send_to(&board.frame(true), to)?;
            sent.fetch_add(1, Ordering::Relaxed);
            turn = (turn + 1) % boards.len();
            next += 1;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Packets that the peer received.
#[derive(Default)]
struct Received {
    packets: u64,
    /// Newest number of each board.
    newest: HashMap<u32, u32>,
    lost: u64,
    delays: Histogram,
}

impl Received {
    fn take(&mut self, bytes: &[u8]) {
        let Ok(view) = PacketView::new(bytes) else {
            return;
        };
        self.packets += 1;
        let captured = view.to_packet().captured;
        self.delays
            .record(captured.elapsed_until(posewire::clock::Instant::now()));
        let newest = self.newest.insert(view.session(), view.sequence());
        if let Some(newest) = newest {
            let ahead = view.sequence().wrapping_sub(newest);
            self.lost += u64::from(ahead.saturating_sub(1));
        }
    }
}

/// Processor time of a process, which Linux tells in hundredths of a second, and its memory now and at most.
fn usage(process: u32) -> Outcome<(Duration, String, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').ok_or("no name")?.1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim().to_owned()
    };
    let time = Duration::from_millis(10 * ticks);
    Ok((time, line("VmRSS:"), line("VmHWM:")))
}

fn figures() -> Outcome<Vec<String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", METRICS_PORT))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: load\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let wanted = ["posewire_gateway_", "posewire_lost_packets"];
    let lines = text
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    Ok(lines.map(str::to_owned).collect())
}

fn main() -> Outcome<()> {
    let options = Arc::new(options()?);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    let program = std::env::current_exe()?;
    let program = program
        .ancestors()
        .nth(2)
        .ok_or("no folder")?
        .join("gateway");
    let mut command = Command::new(&program);
    command.args(["--listen", &format!("0.0.0.0:{UDP_PORT}")]);
    command.args(["--metrics", &format!("127.0.0.1:{METRICS_PORT}")]);
    command.args(["--zenoh-listen", ZENOH]);
    command.args(&options.more);
    let folder = std::env::temp_dir().join(format!("gateway-load-{}", std::process::id()));
    if options.sealed {
        write_keys(&folder, options.boards)?;
        command.arg("--keys").arg(&folder);
    }
    let gateway = Running(
        command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?,
    );
    let process = gateway.0.id();
    while figures().is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }

    let mut config = Config::default();
    for (key, value) in [
        ("scouting/multicast/enabled", "false".to_owned()),
        ("listen/endpoints", "[]".to_owned()),
        ("connect/endpoints", format!("[{ZENOH:?}]")),
    ] {
        config
            .insert_json5(key, &value)
            .map_err(|error| error.to_string())?;
    }
    let session = zenoh::open(config)
        .wait()
        .map_err(|error| error.to_string())?;
    let received = Arc::new(Mutex::new(Received::default()));
    let into = Arc::clone(&received);
    let subscriber = session
        .declare_subscriber("posewire/*/*/packet")
        .callback(move |sample| {
            if let Ok(mut received) = into.lock() {
                received.take(&sample.payload().to_bytes());
            }
        })
        .wait()
        .map_err(|error| error.to_string())?;

    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let sender = {
        let (options, stop, sent) = (Arc::clone(&options), Arc::clone(&stop), Arc::clone(&sent));
        std::thread::spawn(move || send(&options, &stop, &sent).map_err(|error| error.to_string()))
    };
    std::thread::sleep(WARM_UP);
    if let Ok(mut received) = received.lock() {
        let newest = std::mem::take(&mut received.newest);
        *received = Received {
            newest,
            ..Received::default()
        };
    }
    let (before, ..) = usage(process)?;
    let (begun, first) = (Instant::now(), sent.load(Ordering::Relaxed));
    std::thread::sleep(Duration::from_secs(options.seconds));
    let (after, resident, most) = usage(process)?;
    let (seconds, last) = (begun.elapsed().as_secs_f64(), sent.load(Ordering::Relaxed));
    if let Ok(received) = received.lock() {
        let share = 100.0 * received.lost as f64 / (received.packets + received.lost).max(1) as f64;
        println!("boards {}, sealed {}", options.boards, options.sealed);
        println!("sent {:.0} packets/s", (last - first) as f64 / seconds);
        println!(
            "received {:.0} packets/s, lost {} ({share:.4} %)",
            received.packets as f64 / seconds,
            received.lost
        );
        if let Some(delay) = received.delays.summary() {
            println!(
                "from the board to the peer: median {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.1} ms",
                delay.median_ms, delay.p99_ms, delay.p999_ms, delay.max_ms
            );
        }
    }
    let busy = (after - before).as_secs_f64();
    println!(
        "gateway: {busy:.1} s of processor time in {seconds:.1} s: {:.2} cores",
        busy / seconds
    );
    println!("gateway: memory {resident}, at most {most}");
    for line in figures()?
        .iter()
        .filter(|line| line.starts_with("posewire_gateway_"))
    {
        println!("{line}");
    }
    stop.store(true, Ordering::Relaxed);
    sender.join().map_err(|_| "the sender failed")??;
    subscriber
        .undeclare()
        .wait()
        .map_err(|error| error.to_string())?;
    drop(gateway);
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
