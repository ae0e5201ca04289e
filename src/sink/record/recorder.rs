//! The thread of a recording, and the caller's end of its queue.

use super::QUEUE_BYTES;
use super::disk::{Disk, Folder};
use super::files::{CHUNK_TIME, Files};
use super::options::RecordOptions;
#[cfg(feature = "pictures")]
use super::pictures::{Pictures, Timed};
use super::queue::PacketQueue;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::process::output::{LONGEST_WAIT, Lost, Patience};
use crate::process::thread::{Role, spawn};
use crate::text::Shown;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of the longest packet that can be put in.
const PACKET_BYTES: usize = 1024;

/// A recording: a queue and the thread that writes.
pub struct Recorder {
    name: String,
    shared: Arc<Shared>,
    patience: Patience,
    /// The time of the first moment, on both clocks. Later ones follow the steady clock.
    base: Instant,
    /// The files, until the thread has them.
    files: Option<Files<Folder>>,
    #[cfg(feature = "pictures")]
    pictures: Option<Arc<Pictures>>,
}

struct Shared {
    state: Mutex<State>,
    /// There are packets, or the end.
    filled: Condvar,
    /// A packet left the queue, or the files have ended.
    emptied: Condvar,
}

struct State {
    queue: PacketQueue,
    /// A picture waits beside the queue.
    has_picture: bool,
    /// The disk took longer than it is waited for.
    is_stalled: bool,
    /// The recording failed, and the thread said so.
    has_stopped: bool,
    ends: bool,
    has_ended: bool,
}

impl Shared {
    fn new() -> Self {
        Shared {
            state: Mutex::new(State {
                queue: PacketQueue::new(QUEUE_BYTES),
                has_picture: false,
                is_stalled: false,
                has_stopped: false,
                ends: false,
                has_ended: false,
            }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        on: &Condvar,
        state: MutexGuard<'a, State>,
        time: Duration,
    ) -> MutexGuard<'a, State> {
        on.wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl Recorder {
    /// Creates the first file: `path`, or the next free name if there is such a file.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if it cannot be created.
    pub fn open(path: &Path, options: RecordOptions, patience: Patience) -> Result<Self> {
        let name = format!("record:{}", Shown::path(path));
        if options.pictures_per_second.is_some() && cfg!(not(feature = "pictures")) {
            let why = "this build records no pictures: build with --features pictures";
            return Err(Error::sink(name, why));
        }
        let files = Folder::open(path)
            .and_then(|folder| Files::begin(folder, options))
            .map_err(|error| Error::sink(&name, "cannot be created").because(error))?;
        say_name(&name, &files);
        Ok(Recorder {
            name,
            shared: Arc::new(Shared::new()),
            patience,
            base: Instant::now(),
            files: Some(files),
            #[cfg(feature = "pictures")]
            pictures: options
                .pictures_per_second
                .map(|rate| Arc::new(Pictures::new(rate))),
        })
    }

    /// The recording, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts the thread, if it does not run yet.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(&mut self) -> io::Result<()> {
        let Some(files) = self.files.take() else {
            return Ok(());
        };
        let (theirs, name) = (Arc::clone(&self.shared), self.name.clone());
        #[cfg(feature = "pictures")]
        let pictures = self.pictures.clone().map(|waiting| (waiting, Timed::new()));
        #[cfg(not(feature = "pictures"))]
        let pictures = None;
        spawn(Role::Record, move || {
            record(&theirs, files, &name, pictures)
        })
        .map(drop)
    }

    /// Puts a packet, without a seal, into the queue. After a failure of the recording it does nothing.
    ///
    /// # Errors
    /// The packet is lost, because the disk is too slow.
    pub fn put(&self, packet: &[u8], now: Instant) -> std::result::Result<(), Lost> {
        let time_ns = self.time_ns(now);
        let state = self.shared.lock();
        if state.has_stopped {
            return Ok(());
        }
        let (_state, is_in) = self.patience.put(
            LONGEST_WAIT,
            &self.shared.emptied,
            state,
            |state| &mut state.is_stalled,
            |state| state.queue.push(time_ns, packet),
        );
        if is_in {
            self.shared.filled.notify_one();
            return Ok(());
        }
        Err(too_slow(1))
    }

    /// Copies the frame if pictures are recorded and one is due. It never waits: a picture may be left out.
    #[cfg(feature = "pictures")]
    pub fn put_picture(&self, frame: &Frame<'_>, now: Instant) {
        let Some(pictures) = &self.pictures else {
            return;
        };
        if pictures.put(frame, self.time_ns(now), now) {
            self.shared.lock().has_picture = true;
            self.shared.filled.notify_one();
        }
    }

    /// This build records none.
    #[cfg(not(feature = "pictures"))]
    pub fn put_picture(&self, _frame: &Frame<'_>, _now: Instant) {}

    fn time_ns(&self, now: Instant) -> u64 {
        let since_us = self.base.age_us(now);
        (self.base.wall_us + since_us).saturating_mul(1000)
    }

    /// Waits until the last file is whole, or until `gives_up` says so.
    ///
    /// # Errors
    /// Packets that are not written yet.
    pub fn finish(&mut self, gives_up: &dyn Fn() -> bool) -> std::result::Result<(), Lost> {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let mut state = self.shared.lock();
        state.ends = true;
        self.shared.filled.notify_one();
        if self.files.is_some() {
            return Ok(());
        }
        while !state.has_ended && !gives_up() {
            state = Shared::wait(&self.shared.emptied, state, LOOK_EVERY);
        }
        match state.queue.packets() {
            0 => Ok(()),
            left => Err(too_slow(left)),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.filled.notify_one();
        // A run that did not begin leaves no file.
        if let Some(mut files) = self.files.take() {
            let _ = files.end();
        }
    }
}

fn too_slow(lines: u64) -> Lost {
    Lost {
        lines,
        why: "the disk is too slow".into(),
    }
}

fn say_name<D: Disk>(name: &str, files: &Files<D>) {
    let file = Path::new(OsStr::from_bytes(files.name()));
    log::info!("{name}: recording to {}", Shown::path(file));
}

/// The place where pictures wait, and the thread's own.
#[cfg(feature = "pictures")]
type TheirPictures = (Arc<Pictures>, Box<Timed>);
#[cfg(not(feature = "pictures"))]
type TheirPictures = std::convert::Infallible;

/// The thread's work, until the end or a failure.
fn record<D: Disk>(
    shared: &Shared,
    mut files: Files<D>,
    name: &str,
    mut pictures: Option<TheirPictures>,
) {
    let mut packet = Vec::with_capacity(PACKET_BYTES);
    let ended =
        write_all(shared, &mut files, &mut packet, &mut pictures, name).and_then(|()| files.end());
    let mut state = shared.lock();
    if let Err(error) = ended {
        state.has_stopped = true;
        state.queue.clear();
        drop(state);
        files.give_up();
        log::error!("{name}: {error}: the recording stops here, and nothing else does");
        state = shared.lock();
    }
    state.has_ended = true;
    shared.emptied.notify_all();
}

fn write_all<D: Disk>(
    shared: &Shared,
    files: &mut Files<D>,
    packet: &mut Vec<u8>,
    pictures: &mut Option<TheirPictures>,
    name: &str,
) -> io::Result<()> {
    // The chunk is written so long after the thread saw its first packet, also if no other packet comes.
    let mut due: Option<std::time::Instant> = None;
    loop {
        let mut state = shared.lock();
        let next = loop {
            if let Some(time_ns) = state.queue.pop(packet) {
                state.is_stalled = false;
                break Next::Packet(time_ns);
            }
            if std::mem::take(&mut state.has_picture) {
                break Next::Picture;
            }
            if state.ends {
                return Ok(());
            }
            let left = due.map(|due| due.saturating_duration_since(std::time::Instant::now()));
            state = match left {
                Some(Duration::ZERO) => break Next::Chunk,
                Some(left) => Shared::wait(&shared.filled, state, left),
                None => shared
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        };
        drop(state);
        shared.emptied.notify_all();
        let now = std::time::Instant::now();
        if due.is_some_and(|due| due <= now) {
            files.flush()?;
            due = None;
        }
        let is_new = match next {
            Next::Packet(time_ns) => files.take(packet, time_ns)?,
            Next::Picture => take_picture(files, pictures)?,
            Next::Chunk => continue,
        };
        if is_new {
            say_name(name, files);
        }
        due.get_or_insert(now + CHUNK_TIME);
    }
}

/// Next step of the thread.
enum Next {
    /// Of this time.
    Packet(u64),
    Picture,
    /// It is time to write the chunk.
    Chunk,
}

#[cfg(feature = "pictures")]
fn take_picture<D: Disk>(
    files: &mut Files<D>,
    pictures: &mut Option<TheirPictures>,
) -> io::Result<bool> {
    let Some((waiting, timed)) = pictures else {
        return Ok(false);
    };
    match waiting.exchange(timed) {
        true => files.take_picture(timed),
        false => Ok(false),
    }
}

#[cfg(not(feature = "pictures"))]
fn take_picture<D: Disk>(_: &mut Files<D>, _: &mut Option<TheirPictures>) -> io::Result<bool> {
    Ok(false)
}
