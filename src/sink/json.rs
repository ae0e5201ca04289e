//! One JSON object per line, to standard output or a file. The fields are those of the packet, with coordinates in
//! pixels. docs/wire.md lists them.

use super::{Context, Delivery, Event, Kind, SendError, Sink, What, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::file;
use crate::process::output::{LineThread, Patience};
use crate::process::sandbox::Access;
use crate::process::thread::Role;
use crate::text::Shown;
use crate::wire::{Body, FixedPoint, InstanceFlags, InstanceState, Packet, WireInstance};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Bytes of the lines that wait for a reader: some seconds of a camera's.
const QUEUE_BYTES: usize = 256 << 10;

/// The name of standard output among files.
pub const STANDARD_OUTPUT: &str = "/dev/stdout";

/// A file or standard output.
pub(super) const KIND: Kind = Kind {
    name: "json",
    argument: "FILE",
    example: "-",
    help: "write a JSON line for each frame; - is standard output",
    check: |_| Ok(()),
    heap_bytes: QUEUE_BYTES as u64,
    thread: Some(Role::Json),
    writes: |to| {
        Some(Path::new(match to {
            "-" => STANDARD_OUTPUT,
            path => path,
        }))
    },
    access: |to| Access {
        write: if is_pipe(Path::new(to)) {
            vec![to.into()]
        } else {
            Vec::new()
        },
        ..Access::default()
    },
    prepare: |_| Ok(()),
    when: When::First,
    open: |to, context: &Context<'_>| Ok(Box::new(JsonSink::open(to, context.patience)?)),
};

/// A sink that writes line by line, so that a reader sees each frame at once. A thread does the writing.
pub struct JsonSink {
    name: String,
    patience: Patience,
    /// The output, until the thread has it.
    out: Option<Output>,
    thread: Option<LineThread>,
    line: Vec<u8>,
    /// The file has contents of an earlier run, and no line of this one.
    is_old: bool,
}

/// The thread's output.
#[derive(Debug)]
enum Output {
    Open(File),
    /// A file, and whether it has old contents, which the first line replaces.
    Plain(File, bool),
    /// A pipe with a name, which has no reader yet.
    Pipe(PathBuf),
}

impl JsonSink {
    /// Opens a file, or `-` for standard output. A run without a packet leaves the contents of an older file. A named
    /// pipe need not have a reader: lines are lost until it has one.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the file cannot be written.
    pub fn open(to: &str, patience: Patience) -> Result<Self> {
        let name = format!("json:{}", Shown::path(Path::new(to)));
        let out = Output::open(to)
            .map_err(|error| Error::sink(&name, "cannot be written").because(error))?;
        let is_old = matches!(&out, Output::Plain(file, _) if file.metadata().is_ok_and(|found| found.len() > 0));
        Ok(JsonSink {
            name,
            patience,
            is_old,
            out: Some(out),
            thread: None,
            line: Vec::new(),
        })
    }

    /// The thread; started now if it does not run yet.
    fn thread(&mut self) -> io::Result<&LineThread> {
        if let Some(out) = self.out.take() {
            let thread = LineThread::start(Role::Json, QUEUE_BYTES, self.patience, out)?;
            self.thread = Some(thread);
        }
        self.thread
            .as_ref()
            .ok_or_else(|| io::Error::other("there is no thread for it"))
    }
}

impl Output {
    fn open(to: &str) -> io::Result<Self> {
        if to == "-" {
            let out = io::stdout().as_fd().try_clone_to_owned()?;
            return Ok(Output::Open(out.into()));
        }
        let path = Path::new(to);
        if is_pipe(path) {
            return Ok(Output::Pipe(path.into()));
        }
        // Appended, so that a file that is cut by others (logrotate's copytruncate) begins at its beginning.
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::APPEND
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o666))?;
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(match file::kind_of(&file) {
            Some(FileType::RegularFile) => Output::Plain(file.into(), true),
            _ => Output::Open(file.into()),
        })
    }
}

fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    path.metadata()
        .is_ok_and(|found| found.file_type().is_fifo())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Open(file) => file.write(bytes),
            Output::Plain(file, is_old) => {
                if *is_old {
                    file.set_len(0)?;
                    *is_old = false;
                }
                file.write(bytes)
            }
            Output::Pipe(path) => {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let pipe = rustix::fs::open(&*path, flags, Mode::empty())
                    .map_err(|_| io::Error::new(io::ErrorKind::NotConnected, "no reader"))?;
                fcntl_setfl(&pipe, fcntl_getfl(&pipe)? - OFlags::NONBLOCK)?;
                *self = Output::Open(pipe.into());
                self.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for JsonSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&mut self) -> Result<()> {
        let name = self.name.clone();
        self.thread()
            .map(drop)
            .map_err(|error| Error::sink(name, "no thread").because(error))
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        // A run that sends nothing but its end has no lines for an older file.
        if self.is_old && matches!(event.what, What::Last) {
            return Ok(());
        }
        self.is_old = false;
        let mut line = std::mem::take(&mut self.line);
        let mut delivery = Ok(());
        let thread = self
            .thread()
            .map_err(|error| SendError::Dropped(error.to_string()))?;
        for packet in event.packets {
            line.clear();
            let mut json = json_line(packet);
            if let What::Scene { frame, .. } = event.what
                && let Some(name) = frame.file.and_then(Path::file_name)
            {
                json["file"] = json!(name.to_string_lossy());
            }
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(&mut line, &json);
            line.push(b'\n');
            if let Err(lost) = thread.put(&line) {
                delivery = Err(lost.into());
            }
        }
        if thread.is_closed() {
            delivery = Err(SendError::Closed);
        }
        self.line = line;
        delivery
    }

    fn finish(&mut self, gives_up: &dyn Fn() -> bool) -> Delivery {
        match &self.thread {
            Some(thread) => Ok(thread.finish(gives_up)?),
            None => Ok(()),
        }
    }
}

/// A packet as JSON. A joint is [x, y, score], or null if it was not found. Only a stats packet has `stats`,
/// only an instances packet `instances`, `part`, `confirmed` and `waiting`.
pub fn json_line(packet: &Packet) -> Value {
    let keypoints: Vec<Value> = packet
        .keypoints()
        .iter()
        .map(|keypoint| match keypoint.position_px(packet.unit) {
            Some((x, y)) => json!([x, y, thousandths(keypoint.score())]),
            None => Value::Null,
        })
        .collect();
    let mut line = json!({
        "kind": packet.kind().name(),
        "flags": packet.flags.names().collect::<Vec<_>>(),
        "session": packet.session,
        "sequence": packet.sequence,
        "captured_mono_us": packet.captured.mono_us,
        "captured_wall_us": packet.captured.wall_us,
        "age_us": packet.age_us,
        "frame_index": packet.frame_index,
        "frame_size": [packet.frame_width_px, packet.frame_height_px],
        "task": packet.task,
        "joint_table": packet.joint_table,
        "instance": packet.instance,
        "score": thousandths(packet.score()),
        "keypoints": keypoints,
    });
    match &packet.body {
        Body::Keypoints(_) | Body::Heartbeat => {}
        Body::Stats(stats) => line["stats"] = json!(stats),
        Body::Instances(part) => {
            let (part_index, parts) = part.part();
            let counts = part.counts();
            line["part"] = json!([part_index, parts]);
            line["confirmed"] = json!(counts.confirmed);
            line["waiting"] = json!(counts.waiting);
            let instances = part.instances();
            line["instances"] = instances
                .map(|instance| instance_json(&instance, packet.unit))
                .collect();
        }
    }
    line
}

/// An instance as JSON. A held joint has a fourth value, true.
fn instance_json(instance: &WireInstance, unit: FixedPoint) -> Value {
    let keypoints: Vec<Value> = instance
        .joints
        .iter()
        .map(|joint| match joint.point.position_px(unit) {
            Some((x, y)) if joint.is_held => json!([x, y, thousandths(joint.point.score()), true]),
            Some((x, y)) => json!([x, y, thousandths(joint.point.score())]),
            None => Value::Null,
        })
        .collect();
    json!({
        "number": instance.number,
        "parent": instance.parent,
        "slot": instance.slot,
        "task": instance.task,
        "state": InstanceState::from_code(instance.state).map(InstanceState::name),
        "side": instance.side,
        "flags": InstanceFlags::names(instance.flags).collect::<Vec<_>>(),
        "seen_s": f64::from(instance.seen_ds) / 10.0,
        "look_age_ms": instance.look_age_ms,
        "region": instance.region_px(unit),
        "presence": thousandths(f32::from(instance.presence) / 255.0),
        "side_score": thousandths(f32::from(instance.side_score) / 255.0),
        "joint_table": instance.joint_table,
        "keypoints": keypoints,
    })
}

/// A score to three decimal places. Coordinates need no rounding: they are multiples of 1/16 or more.
fn thousandths(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, test_packet};

    fn tell(sink: &mut JsonSink, what: What<'_>) {
        let packets = [test_packet(Flags::default())];
        let event = Event {
            what,
            packets: &packets,
        };
        let _ = sink.take(&event, Instant::now());
    }

    fn end(mut sink: JsonSink) {
        tell(&mut sink, What::Last);
        let begun = std::time::Instant::now();
        let _ = sink.finish(&|| begun.elapsed().as_secs() >= 5);
    }

    fn in_folder(name: &str, test: impl FnOnce(&Path)) {
        let folder = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        test(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_older_file_is_replaced_by_the_first_packet_and_kept_by_a_run_without_one() {
        in_folder("json-old", |folder| {
            let path = folder.join("lines");
            let open = || JsonSink::open(path.to_str().unwrap(), Patience::None).unwrap();
            std::fs::write(&path, "old\n").unwrap();
            end(open());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
            let mut sink = open();
            tell(&mut sink, What::Idle);
            end(sink);
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().filter(|line| line.starts_with('{')).count(), 2);
            assert!(!text.contains("old"));
        });
    }

    #[test]
    fn a_file_that_others_cut_has_no_hole() {
        in_folder("json-cut", |folder| {
            let path = folder.join("lines");
            let mut out = Output::open(path.to_str().unwrap()).unwrap();
            out.write_all(b"one\n").unwrap();
            std::fs::write(&path, "").unwrap();
            out.write_all(b"two\n").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
        });
    }

    #[test]
    fn a_named_pipe_without_a_reader_is_not_waited_for() {
        in_folder("json-pipe", |folder| {
            let path = folder.join("pipe");
            let mode = Mode::RUSR | Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, mode, 0).unwrap();
            let mut sink = JsonSink::open(path.to_str().unwrap(), Patience::None).unwrap();
            tell(&mut sink, What::Idle);
            tell(&mut sink, What::Last);
            let lost = sink.finish(&|| false);
            assert!(matches!(lost, Err(SendError::Lost(1.., _))), "{lost:?}");
        });
    }
}
