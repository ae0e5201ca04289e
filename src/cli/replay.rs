//! `posewire replay`: the packets of a recording, sent again.
//!
//! A replay is never sealed, so that a receiver with a key refuses it. Its packets are `stale`, so that other receivers
//! show them and do not act on them.

use super::command::{Accepts, Command, CommandOption, Given};
use super::recording::Recording;
use super::{layers, stop};
use crate::clock;
use crate::error::{Error, Result};
use crate::process::sandbox::{Access, CapabilitySet, Sandbox};
use crate::serial::SerialSpec;
use crate::sink::{Event, SerialSink, Sink, UdpSink, What};
use crate::stats::Repeated;
use crate::wire::{Flags, Kind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The longest time without a look at the stop flag.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub const COMMAND: Command = Command {
    name: "replay",
    summary: "send the packets of a recording again",
    about: "\
Send the packets of a recording again, at the pace at which they were recorded. A replay is no live sender: its
packets are marked `stale`, so that receivers show them and do not act on them, and they are never sealed, so that
receivers with a key refuse them.",
    usage: &["FILE (--udp HOST:PORT | --serial DEVICE[:BAUD]) [OPTIONS]"],
    positional: Some("FILE"),
    options: &[
        CommandOption {
            name: "udp",
            argument: Some("HOST:PORT"),
            default: None,
            help: "the receiver",
        },
        CommandOption {
            name: "serial",
            argument: Some("DEVICE[:BAUD]"),
            default: None,
            help: "the serial line, at 115200 baud if not given",
        },
        CommandOption {
            name: "as-live",
            argument: None,
            default: None,
            help: "send the packets as they were, so that receivers without a key act on them: for tests on a bench, \
                   not where a robot can move",
        },
        CommandOption {
            name: "speed",
            argument: Some("X"),
            default: Some("1"),
            help: "times the recorded pace, 0.01 to 100",
        },
    ],
    settings: Accepts::These(&["sandbox"]),
    notes: "",
    examples: &["run.mcap --udp 127.0.0.1:9000"],
    run,
};

fn run(given: Given) -> Result<()> {
    let path = given
        .positional()
        .map(PathBuf::from)
        .ok_or_else(|| Error::usage("no recording: try `posewire replay --help`"))?;
    let speed: f64 = given.value("speed")?.unwrap_or(1.0);
    if !(0.01..=100.0).contains(&speed) {
        return Err(Error::usage(format!("--speed {speed} is not in 0.01..100")));
    }
    let as_live = given.has("as-live");
    let sandbox = layers::partial(&given.line)?.sandbox;
    let mut recording = Recording::open(&path)?;
    let line = given.value::<SerialSpec>("serial")?;
    let mut sink: Box<dyn Sink> = match (given.value::<String>("udp")?, line) {
        (Some(address), None) => Box::new(UdpSink::open(&address, None)?),
        (None, Some(line)) => Box::new(SerialSink::open(&line, None)?),
        _ => {
            return Err(Error::usage(
                "give one of --udp and --serial, the receiver: try --help",
            ));
        }
    };
    let stop = stop::on_signals()?;
    let access = Access {
        devices: given.path("serial").into_iter().collect(),
        ..Access::default()
    };
    Sandbox::enter(sandbox, access, CapabilitySet::empty())?.close()?;
    if as_live {
        log::warn!("{}: packets are sent as if they were live", sink.name());
    }
    let begun = Instant::now();
    let (mut first_ns, mut sent, mut lost) = (None, 0_u64, Repeated::default());
    while let Some((time_ns, mut packet)) = recording.next_packet()? {
        let from_ns = *first_ns.get_or_insert(time_ns);
        // The seconds of a u64 of nanoseconds, at a hundredth of the pace, are still a duration.
        let offset = Duration::from_nanos(time_ns.saturating_sub(from_ns)).div_f64(speed);
        while let Some(left) = offset
            .checked_sub(begun.elapsed())
            .filter(|left| !left.is_zero())
        {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if !as_live {
            packet.flags.set(Flags::STALE, true);
        }
        let what = match packet.kind() {
            Kind::Stats => What::Stats,
            _ => What::Idle,
        };
        let event = Event {
            what,
            packets: &[packet],
        };
        sent += 1;
        if let Err(error) = sink.take(&event, clock::Instant::now())
            && let Some(count) = lost.again()
        {
            log::warn!("{}: not sent: {error:?} ({count} so far)", sink.name());
        }
    }
    recording.say_end();
    log::info!("{}: {sent} packets sent", sink.name());
    Ok(())
}
