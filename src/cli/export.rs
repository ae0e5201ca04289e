//! `posewire export`: a recording as CSV or JSON lines.

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::layers;
use super::recording::Recording;
use crate::error::{Error, Result};
use crate::process::sandbox::{Access, CapabilitySet, Sandbox};
use crate::sink::json_line;
use crate::wire::{Body, FixedPoint, Packet, WireKeypoint};
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

pub const COMMAND: Command = Command {
    name: "export",
    summary: "write a recording as CSV or JSON lines",
    about: "\
Write the packets of a recording as text: JSON lines as `listen --json` prints them, or CSV with a row for each joint.",
    usage: &["FILE (--csv | --jsonl) [--out FILE]"],
    positional: Some("FILE"),
    options: &[
        CommandOption {
            name: "csv",
            argument: None,
            default: None,
            help: "a row for each joint, and one for each packet without joints",
        },
        CommandOption {
            name: "jsonl",
            argument: None,
            default: None,
            help: "a line for each packet",
        },
        CommandOption {
            name: "out",
            argument: Some("FILE"),
            default: Some("standard output"),
            help: "a new file",
        },
    ],
    settings: Accepts::These(&["sandbox"]),
    notes: "",
    examples: &["run.mcap --csv --out run.csv"],
    run,
};

fn run(given: Given) -> Result<()> {
    let path = given
        .positional()
        .map(PathBuf::from)
        .ok_or_else(|| Error::usage("no recording: try `posewire export --help`"))?;
    let write: Row = match (given.has("csv"), given.has("jsonl")) {
        (true, false) => csv,
        (false, true) => jsonl,
        _ => return Err(Error::usage("give one of --csv and --jsonl: try --help")),
    };
    let out = given.path("out");
    let input = Named {
        role: "the recording",
        path: &path,
    };
    let output = match &out {
        Some(path) => Named {
            role: "--out",
            path,
        },
        None => clash::standard_output(),
    };
    clash::check(&[input], &[output])?;
    let sandbox = layers::partial(&given.line)?.sandbox;
    let mut recording = Recording::open(&path)?;
    let mut to: Box<dyn Write> = match &out {
        // A file that is there is kept.
        Some(path) => Box::new(BufWriter::new(
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path)
                .map_err(|error| Error::data(path, format!("cannot be created: {error}")))?,
        )),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    Sandbox::enter(sandbox, Access::default(), CapabilitySet::empty())?.close()?;
    let written = (|| {
        if given.has("csv") {
            writeln!(to, "{CSV_HEADER}")?;
        }
        while let Some((time_ns, packet)) = recording.next_packet().map_err(io::Error::other)? {
            write(&mut *to, time_ns, &packet)?;
        }
        to.flush()
    })();
    match written {
        // The reader has what it wants.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => return Err(Error::data(&path, format!("cannot be exported: {error}"))),
        Ok(()) => {}
    }
    recording.say_end();
    Ok(())
}

type Row = fn(&mut dyn Write, u64, &Packet) -> io::Result<()>;

/// The JSON line of a packet, and when it was recorded.
fn jsonl(to: &mut dyn Write, time_ns: u64, packet: &Packet) -> io::Result<()> {
    let mut line = json_line(packet);
    line["recorded_us"] = (time_ns / 1000).into();
    writeln!(to, "{line}")
}

const CSV_HEADER: &str = "recorded_us,instance,session,sequence,kind,flags,captured_wall_us,age_us,frame_index,number,task,\
                          state,joint,x_px,y_px,score,held";

/// An instance of a frame, as rows name it.
struct Subject {
    number: u16,
    task: u8,
    state: u8,
}

fn csv(to: &mut dyn Write, time_ns: u64, packet: &Packet) -> io::Result<()> {
    let flags: Vec<_> = packet.flags.names().collect();
    let head = format!(
        "{},{},{},{},{},{},{},{},{}",
        time_ns / 1000,
        packet.instance,
        packet.session,
        packet.sequence,
        packet.kind().name(),
        flags.join(" "),
        packet.captured.wall_us,
        match packet.age_us {
            u32::MAX => String::new(),
            age_us => age_us.to_string(),
        },
        packet.frame_index
    );
    let mut rows = 0;
    let mut joint = |subject: &Subject, index: usize, point: &WireKeypoint, is_held: bool| {
        rows += 1;
        let Subject {
            number,
            task,
            state,
        } = subject;
        let place = place(point, packet.unit);
        let score = point.score();
        writeln!(
            to,
            "{head},{number},{task},{state},{index},{place},{score:.4},{}",
            u8::from(is_held)
        )
    };
    match &packet.body {
        Body::Keypoints(keypoints) => {
            let subject = Subject {
                number: 0,
                task: packet.task,
                state: 1,
            };
            for (index, point) in keypoints.iter().enumerate() {
                joint(&subject, index, point, false)?;
            }
        }
        Body::Instances(part) => {
            for instance in part.instances() {
                let subject = Subject {
                    number: instance.number,
                    task: instance.task,
                    state: instance.state,
                };
                for (index, found) in instance.joints.iter().enumerate() {
                    joint(&subject, index, &found.point, found.is_held)?;
                }
            }
        }
        Body::Heartbeat | Body::Stats(_) => {}
    }
    if rows == 0 {
        writeln!(to, "{head},,,,,,,,")?;
    }
    Ok(())
}

/// x and y in pixels; empty if the joint was not found.
fn place(point: &WireKeypoint, unit: FixedPoint) -> String {
    match point.position_px(unit) {
        Some((x, y)) => format!("{x},{y}"),
        None => ",".into(),
    }
}
