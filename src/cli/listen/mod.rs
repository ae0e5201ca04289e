//! `posewire listen`: a receiver that shows the packets a robot would get.

mod counts;
mod dots;
mod receiver;
mod screen;
mod table;

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::{layers, stop};
use crate::clock;
use crate::error::{Error, Result};
use crate::process::output::{LineWriter, NoWait, Patience};
use crate::process::sandbox::{Access, CapabilitySet, Sandbox};
use crate::serial::SerialSpec;
use crate::sink::{Recorder, folder_of, json_line};
use crate::stats::Repeated;
use crate::text::Shown;
use crate::wire::{Body, Inbox, InstanceState, Key, Packet, Received, Sessions, without_seal};
use counts::Counts;
use receiver::{Arrival, Receiver, SerialReceiver, UdpReceiver};
use std::fmt::Display;
use std::io;
use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use table::Table;

pub const COMMAND: Command = Command {
    name: "listen",
    summary: "receive keypoints and print them",
    about: "\
Receive keypoints until stopped, and show them: as a table on a terminal, otherwise one line a packet; then the count of \
each kind.",
    usage: &["(--udp ADDR:PORT | --serial DEVICE[:BAUD]) [OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "udp",
            argument: Some("ADDR:PORT"),
            default: None,
            help: "the address to listen on; 0.0.0.0:9000 is port 9000 of every interface, 239.1.2.3:9000 joins \
                   that multicast group, and a name stands for all its addresses here",
        },
        CommandOption {
            name: "serial",
            argument: Some("DEVICE[:BAUD]"),
            default: None,
            help: "the serial line to listen on, at 115200 baud if not given",
        },
        CommandOption {
            name: "key-file",
            argument: Some("FILE"),
            default: None,
            help: "take only packets that are sealed with this key, each once, in order and in time, from 1 s \
                   after the start on",
        },
        CommandOption {
            name: "unordered",
            argument: None,
            default: None,
            help: "with a key: take also senders whose starts have no order (docs/wire.md)",
        },
        CommandOption {
            name: "json",
            argument: None,
            default: None,
            help: "print each packet as a JSON line",
        },
        CommandOption {
            name: "draw",
            argument: None,
            default: None,
            help: "also draw the newest frame's skeletons in the terminal",
        },
        CommandOption {
            name: "record",
            argument: Some("FILE"),
            default: None,
            help: "record the packets, and drawn keypoints, in an MCAP file for Foxglove and `posewire replay`; an \
                   existing file is kept, and FILE-2 is written, FILE-3 and so on",
        },
        CommandOption {
            name: "packets",
            argument: Some("N"),
            default: None,
            help: "stop after N valid packets",
        },
        CommandOption {
            name: "seconds",
            argument: Some("N"),
            default: None,
            help: "stop after N seconds",
        },
    ],
    settings: Accepts::These(&["record-size", "record-minutes", "sandbox"]),
    notes: "",
    examples: &["--udp 127.0.0.1:9000", "--serial /dev/ttyUSB0:115200"],
    run,
};

/// The longest wait for the disk at the end.
const RECORDING_PATIENCE: Duration = Duration::from_secs(3);

fn run(given: Given) -> Result<()> {
    let (address, line) = (
        given.value::<String>("udp")?,
        given.value::<SerialSpec>("serial")?,
    );
    let key_file = given.path("key-file");
    let inputs = key_file.iter().map(|path| Named {
        role: "--key-file",
        path,
    });
    let record = given.path("record");
    let mut outputs = vec![clash::standard_output()];
    outputs.extend(record.iter().map(|path| Named {
        role: "--record",
        path,
    }));
    clash::check(&inputs.collect::<Vec<_>>(), &outputs)?;
    let key = key_file.map(|path| Key::read(&path)).transpose()?;
    let settings = layers::partial(&given.line)?;
    let unordered = given.has("unordered");
    let as_json = given.has("json");
    let packets = given.value("packets")?.unwrap_or(u64::MAX);
    let seconds: Option<f64> = given.value("seconds")?;
    let limit = seconds
        .map(|seconds| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| Error::usage(format!("--seconds {seconds} is not a duration")))
        })
        .transpose()?;
    let mut receiver: Box<dyn Receiver> = match (address, line) {
        (Some(address), None) => Box::new(UdpReceiver::open(&address)?),
        (None, Some(line)) => Box::new(SerialReceiver::open(&line)?),
        _ => {
            return Err(Error::usage(
                "give one of --udp and --serial, the place to listen: try --help",
            ));
        }
    };
    let stop = stop::on_signals()?;
    let mut out = Out::new();
    let draws = given.has("draw");
    let mut table = match screen::size(io::stdout()) {
        Some(size) if !as_json => Some(Table::new(size, draws)),
        _ if draws => {
            return Err(Error::usage(
                "--draw draws in a terminal, and standard output is none, or --json is given",
            ));
        }
        _ => None,
    };
    let mut recorder = record
        .as_deref()
        .map(|path| Recorder::open(path, settings.record, Patience::None))
        .transpose()?;
    // All files and sockets are open now, except the next files of a recording.
    let access = Access {
        create_in: record.iter().map(|path| folder_of(path).into()).collect(),
        ..Access::default()
    };
    let sandbox = Sandbox::enter(settings.sandbox, access, CapabilitySet::empty())?;
    if let Some(recorder) = &mut recorder {
        recorder
            .start()
            .map_err(|error| Error::sink(recorder.name(), "no thread").because(error))?;
    }
    sandbox.close()?;
    log::info!("listening on {}", receiver.name());

    let start = Instant::now();
    let mut inbox = match key {
        Some(key) => Inbox::sealed(key, Sessions::new(clock::steady_us(), unordered)),
        None => Inbox::open(),
    };
    let mut counts = Counts::default();
    let mut unrecorded = Repeated::default();
    let name = Shown(receiver.name()).to_string();
    while !stop.load(Ordering::Relaxed)
        && counts.valid < packets
        && limit.is_none_or(|limit| start.elapsed() < limit)
    {
        if let Some(table) = &mut table
            && let Some(text) = table.paint(&name, &counts, inbox.loss(), Instant::now())
            && !out.paint(&text)?
        {
            break;
        }
        let received = match receiver.receive()? {
            Arrival::Nothing => continue,
            Arrival::Packet(bytes) => {
                let received = inbox.take(bytes, clock::steady_us());
                if let (Some(recorder), Received::Packet(_) | Received::Unknown) =
                    (&recorder, &received)
                    && let Err(lost) = recorder.put(without_seal(bytes), clock::Instant::now())
                    && let Some(count) = unrecorded.again()
                {
                    log::warn!(
                        "{}: {} ({count} packets lost so far)",
                        recorder.name(),
                        lost.why
                    );
                }
                received
            }
            Arrival::Broken(why) => {
                warn_invalid(&mut counts, &why);
                continue;
            }
        };
        match received {
            Received::Packet(packet) => {
                counts.take(packet.kind());
                if let Some(table) = &mut table {
                    table.take(&packet, Instant::now());
                    continue;
                }
                let line = if as_json {
                    json_line(&packet).to_string()
                } else {
                    text_line(&packet)
                };
                if !out.say(&line)? {
                    break;
                }
            }
            Received::Unknown => counts.unknown += 1,
            Received::Learned => {}
            Received::Refused { numbers, why } => {
                if let Some(count) = counts.refused(why).again() {
                    log::warn!(
                        "packet {} of instance {} is {} ({count} so far)",
                        numbers.sequence,
                        numbers.instance,
                        why.name()
                    );
                }
            }
            Received::Invalid(why) => warn_invalid(&mut counts, &why),
        }
    }
    if let Some(recorder) = &mut recorder {
        let ended = Instant::now();
        if let Err(lost) = recorder.finish(&|| ended.elapsed() >= RECORDING_PATIENCE) {
            log::warn!(
                "{}: {} packets lost: {}",
                recorder.name(),
                lost.lines,
                lost.why
            );
        }
    }
    log::info!("{}", counts.with(inbox.loss()));
    Ok(())
}

fn warn_invalid(counts: &mut Counts, why: &dyn Display) {
    if let Some(count) = counts.invalid.again() {
        log::warn!("not a packet: {why} ({count} so far)");
    }
}

/// Standard output that is not waited for: packets go on arriving.
struct Out {
    lines: LineWriter<NoWait>,
    lost: Repeated,
}

impl Out {
    fn new() -> Self {
        static STDOUT: LazyLock<io::Stdout> = LazyLock::new(io::stdout);
        Out {
            lines: LineWriter::new(NoWait::new(STDOUT.as_fd())),
            lost: Repeated::default(),
        }
    }

    /// Writes a line, or counts it as lost if there is no room. False if the reader went away.
    fn say(&mut self, line: &str) -> Result<bool> {
        self.write(format!("{}\n", Shown(line)).as_bytes())
    }

    /// Writes a painting of the terminal, of which nothing comes from outside.
    fn paint(&mut self, text: &str) -> Result<bool> {
        self.write(text.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        match self.lines.write(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Some(count) = self.lost.again() {
                    log::warn!("standard output has no room: {count} lines lost so far");
                }
                Ok(true)
            }
            Err(error) => Err(Error::sink("standard output", "cannot be written").because(error)),
        }
    }
}

fn text_line(packet: &Packet) -> String {
    let flags: Vec<_> = packet.flags.names().collect();
    let age = match packet.age_us {
        u32::MAX => "-".to_string(),
        age_us => format!("{:.1}", f64::from(age_us) / 1000.0),
    };
    let mut line = format!(
        "#{:<6} {} frame {} age {age} ms [{}]",
        packet.sequence,
        packet.kind().name(),
        packet.frame_index,
        flags.join(" ")
    );
    match &packet.body {
        Body::Keypoints(keypoints) => {
            line += &format!(" score {:.2}", packet.score());
            for keypoint in keypoints {
                line += &match keypoint.position_px(packet.unit) {
                    Some((x, y)) => format!(" {x:.1},{y:.1}"),
                    None => " -".to_string(),
                };
            }
        }
        Body::Heartbeat => {}
        Body::Stats(stats) => line += &format!(" {stats}"),
        Body::Instances(part) => {
            let (index, parts) = part.part();
            line += &format!(" part {} of {parts}", index + 1);
            for instance in part.instances() {
                let state =
                    InstanceState::from_code(instance.state).map_or("?", |state| state.name());
                let [x, y, side] = instance.region_px(packet.unit);
                line += &format!(" {}:{state} {x:.1},{y:.1} side {side:.1}", instance.number);
            }
        }
    }
    line
}
