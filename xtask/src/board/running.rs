//! A running board, with the commands of the scenarios.

use super::link::{self, Link};
use super::machine::Machine;
use super::pictures::{self, RAW_FORMATS};
use super::scenarios::Scenario;
use crate::receiver::Receiver;
use crate::tools::Outcome;
use std::io::BufRead;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Memory budget that is enough for every run, also with the JPEGs of a USB camera.
const BUDGET: &str = "32MiB";

/// Address of this machine in the board's network.
const HOST: &str = "10.0.2.2";
/// The serial line to the host. The console has the other one.
pub const SERIAL: &str = "/dev/ttyS0";
/// A camera and a screen alone: vivid loads faster without its other devices.
const VIVID_OPTIONS: &str = "node_types=0x101";
/// Frame rate of the camera with the test pattern: vivid's maximum at 640 x 480. The serial line can carry that many
/// packets.
const LONE_RATE: u32 = 25;
pub const FULL_MODEL: &str = "/models/hand.plan";
/// A small network of random weights that keeps up with a camera, also emulated.
pub const SMALL_MODEL: &str = "/models/small.plan";

/// The files of a board.
pub struct Files {
    pub folder: PathBuf,
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// Joint positions per picture; `None` for hidden joints.
    pub joints: Vec<Vec<Option<[f64; 2]>>>,
}

pub struct Board {
    pub machine: Machine,
    link: Link,
    pub joints: Vec<Vec<Option<[f64; 2]>>>,
    pub switched_on: Instant,
    /// Time from power-on to the agent's greeting.
    pub ready_after: Duration,
    deadline: Instant,
    broken: bool,
}

/// A camera and the screen in front of it.
pub struct Camera {
    pub capture: String,
    pub output: String,
}

/// Open file descriptors and resident memory of the program.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    pub fds: u64,
    pub rss_kib: u64,
}

impl Board {
    pub fn start(files: &Files) -> Outcome<Self> {
        let (listener, port) = link::listen()?;
        let switched_on = Instant::now();
        let mut machine = Machine::start(&files.folder, &files.kernel, &files.initramfs, port)?;
        let link = Link::accept(&listener, &mut machine.emulator)
            .map_err(|error| format!("{error}\n{}", machine.emulator.tail()))?;
        let ready_after = switched_on.elapsed();
        Ok(Board {
            machine,
            link,
            joints: files.joints.clone(),
            switched_on,
            ready_after,
            deadline: Instant::now(),
            broken: false,
        })
    }

    /// Runs a scenario and cleans up. The error of a failure quotes the program's log.
    pub fn run(&mut self, scenario: &Scenario) -> Outcome<String> {
        self.deadline = Instant::now() + scenario.limit;
        self.machine.drain_serial();
        let report = (scenario.run)(self).map_err(|error| {
            let said = self.link.ask("log posewire 8").unwrap_or_default();
            format!("{error}\n    {}", said.replace('|', "\n    "))
        });
        self.broken = self.tidy().is_err();
        report.map_err(|error| {
            if self.broken {
                format!("{error}\n{}", self.machine.emulator.tail())
            } else {
                error
            }
        })
    }

    fn tidy(&mut self) -> Outcome<()> {
        self.link.ask("clear")?;
        self.unload_camera()
    }

    pub fn is_usable(&mut self) -> bool {
        !self.broken && self.machine.emulator.is_running()
    }

    /// Milliseconds from the kernel's start to the agent's greeting, by the board's clock.
    pub fn kernel_ready_ms(&self) -> u64 {
        self.link.ready_ms
    }

    pub fn ask(&mut self, command: &str) -> Outcome<String> {
        if Instant::now() > self.deadline {
            return Err(format!("out of time at: {command}"));
        }
        self.link.ask(command)
    }

    /// The rest of the scenario's time, at most `limit`.
    pub fn within(&self, limit: Duration) -> Duration {
        limit.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// A new virtual camera in front of a screen with the first picture, in `format`.
    pub fn camera(&mut self, format: &str) -> Outcome<Camera> {
        self.unload_camera()?;
        self.load_camera()?;
        let camera = self.find_camera()?;
        // Four samples are a pixel of a raw picture.
        let (scale, double) = match RAW_FORMATS.contains(&format) {
            true => (2, " double"),
            false => (1, ""),
        };
        self.ask(&format!(
            "loop {} {}{double}",
            camera.capture, camera.output
        ))?;
        self.ask(&format!(
            "screen {} {format} {} {} /pictures/0.{format}",
            camera.output,
            scale * pictures::WIDTH_PX,
            scale * pictures::HEIGHT_PX
        ))?;
        Ok(camera)
    }

    /// A new virtual camera with a built-in test pattern. No other program has the device open, so injected faults
    /// reach the program under test alone.
    pub fn lone_camera(&mut self) -> Outcome<Camera> {
        self.unload_camera()?;
        self.load_camera()?;
        let camera = self.find_camera()?;
        let node = &camera.capture;
        self.ask(&format!("input {node} Webcam"))?;
        // The driver's default at this size is 5 frames a second.
        self.ask(&format!(
            "format {node} YUYV {} {}",
            pictures::WIDTH_PX,
            pictures::HEIGHT_PX
        ))?;
        let rate = self.ask(&format!("rate {node} {LONE_RATE}"))?;
        if rate != LONE_RATE.to_string() {
            return Err(format!("the camera runs at {rate} frames/s"));
        }
        Ok(camera)
    }

    pub fn load_camera(&mut self) -> Outcome<()> {
        self.ask(&format!("load vivid {VIVID_OPTIONS}")).map(drop)
    }

    pub fn unload_camera(&mut self) -> Outcome<()> {
        let nodes = self.link.ask("nodes")?;
        if nodes.contains(":vivid:") {
            self.link.ask("unload vivid")?;
        }
        Ok(())
    }

    pub fn find_camera(&mut self) -> Outcome<Camera> {
        let nodes = self.ask("nodes")?;
        let find = |kind: &str| {
            nodes
                .split_whitespace()
                .find_map(|node| node.strip_suffix(&format!(":vivid:{kind}")))
                .map(str::to_string)
                .ok_or_else(|| format!("no vivid node for {kind} among {nodes:?}"))
        };
        Ok(Camera {
            capture: find("capture")?,
            output: find("output")?,
        })
    }

    /// Starts `posewire` with packets to `port`, a heartbeat every 100 ms, a stale limit of 500 ms, and a memory
    /// budget.
    pub fn start_posewire(
        &mut self,
        source: &str,
        model: &str,
        port: u16,
        more: &str,
    ) -> Outcome<()> {
        self.ask(&format!(
            "spawn posewire RUST_LOG=info /bin/posewire run --source v4l2:{source} --model {model} \
             --udp {HOST}:{port} --heartbeat-ms 100 --stale-ms 500 --memory-budget {BUDGET} {more}"
        ))
        .map(drop)
    }

    /// A new camera in front of a screen, the program on it, and a receiver of its packets.
    pub fn stream_hands(&mut self, more: &str) -> Outcome<(Camera, Receiver)> {
        let camera = self.camera("YUYV")?;
        self.start_stream(camera, FULL_MODEL, more)
    }

    /// The same with the test pattern and the small network: many frames, no hands.
    pub fn stream_frames(&mut self, more: &str) -> Outcome<(Camera, Receiver)> {
        let camera = self.lone_camera()?;
        self.start_stream(camera, SMALL_MODEL, more)
    }

    /// A plugged-in USB camera that sends the first picture, and the program on it.
    pub fn stream_usb(&mut self, model: &str) -> Outcome<(Camera, Receiver)> {
        const LONGEST_ENUMERATION: Duration = Duration::from_secs(10);
        self.ask("load usb")?;
        self.ask("usb plug /pictures/0.JPEG")?;
        let start = Instant::now();
        let capture = loop {
            let nodes = self.ask("nodes")?;
            let found = nodes
                .split_whitespace()
                .find_map(|node| node.strip_suffix(":uvcvideo:capture"));
            if let Some(path) = found {
                break path.to_string();
            }
            if start.elapsed() > LONGEST_ENUMERATION {
                return Err(format!("the USB camera did not appear among {nodes:?}"));
            }
        };
        let camera = Camera {
            capture,
            output: String::new(),
        };
        self.start_stream(camera, model, "")
    }

    fn start_stream(
        &mut self,
        camera: Camera,
        model: &str,
        more: &str,
    ) -> Outcome<(Camera, Receiver)> {
        let receiver = Receiver::start(0)?;
        self.start_posewire(&camera.capture, model, receiver.port, more)?;
        let limit = self.within(Duration::from_secs(20));
        receiver.wait_for("first keypoints", limit, |seen| seen.is_keypoints())?;
        Ok((camera, receiver))
    }

    pub fn figures(&mut self) -> Outcome<Figures> {
        let text = self.ask("figures posewire")?;
        let numbers: Vec<u64> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match numbers[..] {
            [fds, rss_kib, ..] => Ok(Figures { fds, rss_kib }),
            _ => Err(format!("figures: {text:?}")),
        }
    }

    /// An error if the program has ended.
    pub fn must_live(&mut self) -> Outcome<()> {
        match self.ask("alive posewire")?.as_str() {
            "yes" => Ok(()),
            other => Err(format!("posewire ended: {other}")),
        }
    }

    /// Passes lines of this terminal to busybox on the board until they end.
    pub fn shell(&mut self) -> Outcome<()> {
        println!("the board is up; each line is a command for its agent, `busybox ARGS` runs one");
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| error.to_string())?;
            match self.link.ask(&line) {
                Ok(text) | Err(text) => println!("{}", text.replace('|', "\n")),
            }
        }
        Ok(())
    }
}

/// The median; NaN if there is no value.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
