//! A model of the kernel: devices that come and go, and the buffer queue of a streaming device.
//!
//! Frames come in real time, one per [`Device::interval`]. Like the kernel, the model fills queued buffers in order,
//! loses frames without a buffer, keeps a broken queue broken, and lets one program stream at a time. It records
//! violations that a driver would not report (a buffer queued twice, memory read while the driver has it). Tests
//! check them.

use super::control::Sensor;
pub(crate) use super::field::Field;
use super::node::{Filled, FourCc, Identity, Layout, Memory, Node, Nodes};
use super::sensor::SensorModel;
use crate::clock;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A fault of the next frame, or from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The driver flags the next frame as damaged.
    Flag,
    /// The next frame has this many bytes.
    Short(usize),
    /// The next frame has this arrangement of lines.
    Field(u32),
    /// The queue breaks with this error and stays broken until the device is closed.
    Break(Errno),
    /// The next buffer has this number, whatever buffer was filled.
    Number(usize),
    /// The driver loses this many frames.
    Lose(u32),
    /// No frame comes for this time.
    Stall(Duration),
    /// The device is gone for this time.
    Unplug(Duration),
    /// The driver blocks each request for a frame for this time.
    Hang(Duration),
    /// Another program uses the device for this time.
    Busy(Duration),
}

/// One device of the model.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub path: PathBuf,
    pub identity: Identity,
    /// Formats, each with its highest rate in frames per second.
    pub formats: Vec<(FourCc, f64)>,
    pub size_px: [u32; 2],
    /// The stride that the driver reports; 0 if it reports none.
    pub stride_bytes: usize,
    pub interval: Duration,
    /// The bytes of every frame.
    pub picture: Vec<u8>,
    /// The error of opening it, if any.
    pub closed: Option<Errno>,
    /// Number of buffers that it gives, whatever the request.
    pub buffers: usize,
    pub stamps: Stamping,
    pub field: Field,
    /// Formats for which USB has no bandwidth.
    pub no_bandwidth: Vec<FourCc>,
    /// The sensor behind it. It takes no part in the pictures.
    pub sensor: Option<SensorModel>,
}

/// Capture times of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamping {
    Right,
    /// Of another clock, or none.
    Unknown,
    Zero,
    Behind(Duration),
    Ahead(Duration),
}

impl Device {
    /// A webcam that sends grey YUYV pictures of 8 x 4 pixels.
    pub(crate) fn webcam(path: &str) -> Device {
        Device {
            path: path.into(),
            identity: Identity {
                driver: "uvcvideo".into(),
                card: "Model camera".into(),
                bus: "usb-1".into(),
                capabilities: super::camera::CAPTURE | super::camera::STREAMING,
            },
            formats: vec![(FourCc(*b"YUYV"), 30.0)],
            size_px: [8, 4],
            stride_bytes: 0,
            interval: Duration::from_millis(2),
            picture: vec![128; 8 * 4 * 2],
            closed: None,
            buffers: 5,
            stamps: Stamping::Right,
            field: Field::NONE,
            no_bandwidth: Vec::new(),
            sensor: None,
        }
    }
}

/// Interval at which a waiting node checks.
const TICK: Duration = Duration::from_micros(200);

#[derive(Default)]
struct Queue {
    memories: Vec<Arc<FakeMemory>>,
    started: Option<Instant>,
    /// Frames so far, taken or lost.
    frames: u32,
    waiting: VecDeque<usize>,
    done: VecDeque<Filled>,
    broken: Option<Errno>,
}

struct State {
    device: Device,
    /// The last requested format.
    format: Option<FourCc>,
    queue: Queue,
    /// True if a node of this device has buffers.
    in_use: bool,
    troubles: VecDeque<Trouble>,
    away_until: Option<Instant>,
    busy_until: Option<Instant>,
    stalled_until: Option<Instant>,
    hangs_until: Option<Instant>,
}

#[derive(Default)]
struct World {
    devices: Vec<State>,
    open_nodes: usize,
    most_open_nodes: usize,
    violations: Vec<String>,
}

/// The model. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct FakeKernel(Arc<Mutex<World>>);

impl FakeKernel {
    pub(crate) fn with(devices: impl IntoIterator<Item = Device>) -> Self {
        let kernel = FakeKernel::default();
        for device in devices {
            kernel.plug(device);
        }
        kernel
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn plug(&self, device: Device) {
        self.lock().devices.push(State {
            device,
            format: None,
            queue: Queue::default(),
            in_use: false,
            troubles: VecDeque::new(),
            away_until: None,
            busy_until: None,
            stalled_until: None,
            hangs_until: None,
        });
    }

    /// Changes the first device.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Device)) {
        change(&mut self.lock().devices[0].device);
    }

    /// Adds a fault to the first device.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        let mut world = self.lock();
        let state = &mut world.devices[0];
        let now = Instant::now();
        match trouble {
            Trouble::Stall(time) => state.stalled_until = Some(now + time),
            Trouble::Unplug(time) => {
                state.away_until = Some(now + time);
                state.queue.broken = Some(Errno::NODEV);
            }
            Trouble::Hang(time) => state.hangs_until = Some(now + time),
            Trouble::Busy(time) => state.busy_until = Some(now + time),
            Trouble::Break(errno) => state.queue.broken = Some(errno),
            of_a_frame => state.troubles.push_back(of_a_frame),
        }
    }

    /// True if [`Trouble::Hang`] blocks or has blocked a request.
    pub(crate) fn hang_was_met(&self) -> bool {
        self.lock().devices[0].hangs_until.is_none()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    pub(crate) fn open_nodes(&self) -> usize {
        self.lock().open_nodes
    }

    pub(crate) fn most_open_nodes(&self) -> usize {
        self.lock().most_open_nodes
    }
}

impl Nodes for FakeKernel {
    fn list(&self) -> Vec<PathBuf> {
        let world = self.lock();
        world
            .devices
            .iter()
            .map(|s| s.device.path.clone())
            .collect()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Node>> {
        let mut world = self.lock();
        let device = world.devices.iter().position(|s| s.device.path == path);
        let device = device.ok_or(Errno::NOENT)?;
        let state = &world.devices[device];
        if state.away_until.is_some_and(|until| Instant::now() < until) {
            return Err(Errno::NOENT.into());
        }
        if let Some(errno) = state.device.closed {
            return Err(errno.into());
        }
        world.open_nodes += 1;
        world.most_open_nodes = world.most_open_nodes.max(world.open_nodes);
        Ok(Box::new(FakeNode {
            kernel: self.clone(),
            device,
            owner: false,
        }))
    }

    fn sensor(&self, path: &Path) -> Option<Box<dyn Sensor>> {
        let sensor = self.sensor_of(path)?;
        Some(Box::new(sensor))
    }
}

impl FakeKernel {
    fn sensor_of(&self, path: &Path) -> Option<SensorModel> {
        let world = self.lock();
        let state = world.devices.iter().find(|s| s.device.path == path)?;
        state.device.sensor.clone()
    }
}

struct FakeNode {
    kernel: FakeKernel,
    device: usize,
    owner: bool,
}

impl FakeNode {
    fn with<T>(&self, act: impl FnOnce(&mut State, &mut Vec<String>) -> T) -> T {
        let mut world = self.kernel.lock();
        let World {
            devices,
            violations,
            ..
        } = &mut *world;
        act(&mut devices[self.device], violations)
    }
}

impl State {
    /// Makes the frames that are due.
    fn catch_up(&mut self) {
        let Some(started) = self.queue.started else {
            return;
        };
        let now = Instant::now();
        let due = (now - started).as_nanos() / self.device.interval.as_nanos().max(1);
        if self.stalled_until.is_some_and(|until| now < until) {
            // The camera takes no pictures meanwhile, so none are missing afterwards.
            let behind = u32::try_from(due).unwrap_or(u32::MAX) - self.queue.frames;
            self.queue.started = Some(started + self.device.interval * behind);
            return;
        }
        while u128::from(self.queue.frames) < due && self.queue.broken.is_none() {
            let number = self.queue.frames;
            self.queue.frames += 1;
            self.make(number, started);
        }
    }

    fn make(&mut self, sequence: u32, started: Instant) {
        // A frame without a buffer is lost and consumes no fault, so that the program sees every fault.
        let Some(index) = self.queue.waiting.pop_front() else {
            return;
        };
        let mut bytes_used = self.device.picture.len();
        let (mut damaged, mut number, mut field) = (false, None, self.device.field);
        match self.troubles.pop_front() {
            Some(Trouble::Flag) => damaged = true,
            Some(Trouble::Short(bytes)) => bytes_used = bytes,
            Some(Trouble::Field(other)) => field = Field(other),
            Some(Trouble::Number(other)) => number = Some(other),
            Some(Trouble::Lose(frames)) => {
                if frames > 1 {
                    self.troubles.push_front(Trouble::Lose(frames - 1));
                }
                self.queue.waiting.push_front(index);
                return;
            }
            _ => {}
        }
        self.queue.memories[index].set_with_driver(false);
        let age = started
            .elapsed()
            .saturating_sub(self.device.interval * (sequence + 1));
        let captured_us = clock::Instant::now().mono_us - age.as_micros() as u64;
        let stamp = match self.device.stamps {
            Stamping::Right => Some(captured_us),
            Stamping::Unknown => None,
            Stamping::Zero => Some(0),
            Stamping::Behind(by) => Some(captured_us.saturating_sub(by.as_micros() as u64)),
            Stamping::Ahead(by) => Some(captured_us + by.as_micros() as u64),
        };
        self.queue.done.push_back(Filled {
            index: number.unwrap_or(index),
            bytes_used,
            damaged,
            sequence,
            field,
            captured_us: stamp,
        });
    }
}

impl Node for FakeNode {
    fn identity(&self) -> io::Result<Identity> {
        self.with(|state, _| Ok(state.device.identity.clone()))
    }

    fn formats(&self) -> Vec<FourCc> {
        self.with(|state, _| state.device.formats.iter().map(|(code, _)| *code).collect())
    }

    fn fastest(&self, format: FourCc, size_px: [u32; 2]) -> Option<f64> {
        self.with(|state, _| {
            let formats = &state.device.formats;
            let rate = formats.iter().find(|(code, _)| *code == format)?.1;
            (size_px == state.device.size_px).then_some(rate)
        })
    }

    fn set_format(&mut self, format: FourCc, _size_px: [u32; 2]) -> io::Result<Layout> {
        self.with(|state, _| {
            if state.in_use || state.busy_until.is_some_and(|until| Instant::now() < until) {
                return Err(Errno::BUSY.into());
            }
            let [width_px, height_px] = state.device.size_px;
            state.format = Some(format);
            Ok(Layout {
                format,
                width_px,
                height_px,
                stride_bytes: state.device.stride_bytes,
                field: state.device.field,
            })
        })
    }

    fn set_rate(&mut self, _frames_per_second: u32) -> Option<Duration> {
        self.with(|state, _| Some(state.device.interval))
    }

    fn allocate(&mut self, _count: u32) -> io::Result<Vec<Arc<dyn Memory>>> {
        let kernel = self.kernel.clone();
        let memories: Vec<Arc<FakeMemory>> = self.with(|state, _| {
            state.in_use = true;
            state.queue = Queue::default();
            let new = || {
                Arc::new(FakeMemory {
                    bytes: state.device.picture.clone(),
                    with_driver: Mutex::new(false),
                    kernel: kernel.clone(),
                })
            };
            state.queue.memories = (0..state.device.buffers).map(|_| new()).collect();
            state.queue.memories.clone()
        });
        self.owner = true;
        Ok(memories.into_iter().map(|m| m as Arc<dyn Memory>).collect())
    }

    fn start(&mut self) -> io::Result<()> {
        self.with(|state, _| {
            if (state.format).is_some_and(|format| state.device.no_bandwidth.contains(&format)) {
                return Err(Errno::NOSPC.into());
            }
            state.queue.started = Some(Instant::now());
            Ok(())
        })
    }

    fn queue(&mut self, index: usize) -> io::Result<()> {
        self.with(|state, violations| {
            let filled = state.queue.done.iter().any(|filled| filled.index == index);
            if state.queue.waiting.contains(&index) || filled {
                violations.push(format!("buffer {index} was queued twice"));
                return Err(Errno::INVAL.into());
            }
            if let Some(errno) = state.queue.broken {
                return Err(errno.into());
            }
            state.queue.memories[index].set_with_driver(true);
            state.queue.waiting.push_back(index);
            Ok(())
        })
    }

    fn dequeue(&mut self) -> io::Result<Filled> {
        self.with(|state, _| {
            state.catch_up();
            if let Some(errno) = state.queue.broken {
                return Err(errno.into());
            }
            state.queue.done.pop_front().ok_or(Errno::AGAIN.into())
        })
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            let ready = self.with(|state, _| {
                state.catch_up();
                state.queue.broken.is_some() || !state.queue.done.is_empty()
            });
            if ready || Instant::now() >= deadline {
                return Ok(ready);
            }
            let hangs_until = self.with(|state, _| state.hangs_until.take());
            std::thread::sleep(hangs_until.map_or(TICK, |until| until - Instant::now()));
        }
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        let owner = self.owner;
        self.with(|state, _| {
            if owner {
                // Closing takes the buffers from the driver. Existing mappings stay.
                for memory in &state.queue.memories {
                    memory.set_with_driver(false);
                }
                state.queue = Queue::default();
                state.in_use = false;
            }
        });
        self.kernel.lock().open_nodes -= 1;
    }
}

struct FakeMemory {
    bytes: Vec<u8>,
    with_driver: Mutex<bool>,
    kernel: FakeKernel,
}

impl FakeMemory {
    fn set_with_driver(&self, with_driver: bool) {
        *self
            .with_driver
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = with_driver;
    }
}

impl Memory for FakeMemory {
    fn bytes(&self) -> &[u8] {
        if *self
            .with_driver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            let mut world = self.kernel.lock();
            world.violations.push("a queued buffer was read".into());
        }
        &self.bytes
    }
}
