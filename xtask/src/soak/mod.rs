//! The shipped program, left running: does it grow, slow down or lose packets?
//!
//! In: a number of minutes. A thread feeds the demo clip into a pipe, `posewire run` reads the pipe, and its packets
//! come back by UDP. Out: a line per minute, and at the end whether memory or descriptors grew after the first
//! minute.

mod feeder;
mod figures;
mod process;

use crate::tools::{self, Outcome};
use feeder::Feeder;
use figures::Minute;
use posewire::process::memory;
use posewire::wire::PacketView;
use process::Program;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A network for any processor, small enough for the slowest.
const PLAN: &str = "tests/board/portable.plan";
const CLIP: &str = "models/demo/clips/hand.mjpeg";
const DEFAULT_FPS: u64 = 30;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const MINUTE: Duration = Duration::from_secs(60);
/// A packet is due every 100 ms, and no frame takes longer than this.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

struct Options {
    minutes: u64,
    frames_per_second: u64,
    plan: PathBuf,
}

/// Runs the program for a warm-up minute and then for the requested minutes. True if it did not grow.
pub fn main(args: &[String]) -> Outcome<bool> {
    let options = read(args)?;
    let folder = tools::target()?.join("soak");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let binary = process::build()?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| {
            socket.set_read_timeout(Some(LOOK_EVERY))?;
            Ok(socket)
        })
        .map_err(|error| format!("listening to packets: {error}"))?;
    let port = socket.local_addr().map_err(|e| e.to_string())?.port();
    let pipe = folder.join("clip.pipe");
    let feeder = Feeder::start(
        &pipe,
        &tools::repository()?.join(CLIP),
        options.frames_per_second,
    )?;
    let mut program = Program::start(&binary, &pipe, &options.plan, port, &folder.join("log"))?;

    println!("{}", Minute::HEADING);
    let mut expected = None;
    let warming = listen(&socket, &mut program, &mut expected)?;
    let start = program.usage()?;
    warming.print("warm", &start);
    let (mut minutes, mut end, mut most) = (Vec::new(), start, start.resident_bytes);
    for number in 1..=options.minutes {
        let minute = listen(&socket, &mut program, &mut expected)?;
        end = program.usage()?;
        most = most.max(end.resident_bytes);
        minute.print(&number.to_string(), &end);
        minutes.push(minute);
    }
    let exit = program.end();
    drop(feeder);
    exit?;
    let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else {
        return Err("there was no minute".into());
    };
    println!(
        "{} frames, {} packets lost",
        minutes.iter().map(|minute| minute.frames).sum::<u64>(),
        minutes.iter().map(|minute| minute.lost).sum::<u64>()
    );
    println!(
        "resident memory {} KiB after the first minute, {} at the end, {} at most; \
         descriptors {} and {}; threads {} and {}",
        start.resident_bytes >> 10,
        end.resident_bytes >> 10,
        most >> 10,
        start.descriptors,
        end.descriptors,
        start.threads,
        end.threads
    );
    println!(
        "age of packets, first and last minute: median {:.2} and {:.2} ms, p99 {:.2} and {:.2} ms; median drifted by {:+.2} ms",
        first.age_ms(50),
        last.age_ms(50),
        first.age_ms(99),
        last.age_ms(99),
        last.age_ms(50) - first.age_ms(50)
    );
    let grew = end.resident_bytes >= start.resident_bytes + memory::PAGE_BYTES
        || end.descriptors > start.descriptors;
    println!(
        "{}",
        if grew {
            "FAIL  it grew"
        } else {
            "PASS  it did not grow"
        }
    );
    Ok(!grew)
}

fn read(args: &[String]) -> Outcome<Options> {
    let mut options = Options {
        minutes: 10,
        frames_per_second: DEFAULT_FPS,
        plan: tools::repository()?.join(PLAN),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || {
            value
                .parse()
                .ok()
                .filter(|&number| number > 0)
                .ok_or_else(|| format!("{arg} is {value}: a number above 0 is wanted"))
        };
        match arg.as_str() {
            "--minutes" => options.minutes = number()?,
            "--fps" => options.frames_per_second = number()?,
            "--plan" => options.plan = value.into(),
            other => return Err(format!("unknown option {other}: try cargo xtask")),
        }
    }
    Ok(options)
}

/// A minute of packets. `expected` is the next sequence number.
fn listen(
    socket: &UdpSocket,
    program: &mut Program,
    expected: &mut Option<u32>,
) -> Outcome<Minute> {
    let start = Instant::now();
    let mut heard = start;
    let mut minute = Minute::default();
    let mut bytes = [0; 2048];
    while start.elapsed() < MINUTE {
        match socket.recv(&mut bytes) {
            Ok(length) => {
                let packet = PacketView::new(&bytes[..length])
                    .map_err(|error| format!("a bad packet: {error}"))?
                    .to_packet();
                heard = Instant::now();
                minute.take(&packet, expected);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                program.must_run()?;
                if heard.elapsed() > LONGEST_SILENCE {
                    return Err(format!("silence; the log is {}", program.log.display()));
                }
            }
            Err(error) => return Err(format!("receiving: {error}")),
        }
    }
    Ok(minute)
}
