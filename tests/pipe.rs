//! `--source pipe:` and `--run-camera` on the real program. Shells imitate the programs of cameras.

mod common;

use common::{TestDir, posewire, run, stderr, terminate, wait_for};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A small network for any processor.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/board/portable.plan");
const SOURCE: &str = "pipe:GREY:64x64";
const FRAME_BYTES: usize = 64 * 64;
const EVERY: Duration = Duration::from_secs(60);
/// Bits of a packet's flags, and its kinds: docs/wire.md.
const NO_CAMERA: u16 = 1 << 4;
const LAST: u16 = 1 << 5;
const KEYPOINTS: u8 = 1;

/// False under emulators of other processors, which do not start this program again by `/proc/self/exe`.
fn programs_start() -> bool {
    std::env::var_os("POSEWIRE_TEST_RUNNER").is_none()
}

/// A receiver of packets.
struct Robot(UdpSocket);

impl Robot {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(EVERY)).unwrap();
        Robot(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// The next packet's kind and flags.
    fn next(&self) -> (u8, u16) {
        let mut packet = [0; 2048];
        while let Err(error) = self.0.recv(&mut packet) {
            assert_eq!(
                error.kind(),
                ErrorKind::Interrupted,
                "packets stop: {error}"
            );
        }
        (packet[5], u16::from_le_bytes([packet[6], packet[7]]))
    }

    fn until(&self, what: &str, wanted: impl Fn(u8, u16) -> bool) {
        let begun = Instant::now();
        loop {
            let (kind, flags) = self.next();
            if wanted(kind, flags) {
                return;
            }
            assert!(begun.elapsed() < EVERY, "{what}");
        }
    }
}

fn sender(robot: &Robot, more: &[&str]) -> Command {
    let mut command = posewire();
    command
        .args(["run", "--source", SOURCE, "--model", MODEL])
        .args(["--udp", &robot.address()])
        .args(more)
        .env("POSEWIRE_KERNEL", "portable")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn pictures_in_a_pipe_become_keypoints_without_memory_and_its_end_is_no_camera() {
    let robot = Robot::new();
    let mut posewire = sender(&robot, &["--stats-seconds", "1"]).spawn().unwrap();
    let mut pipe = posewire.stdin.take().unwrap();
    let mut log = wait_for(&mut posewire, "sandbox: ");
    let begun = Instant::now();
    let mut keypoints = 0;
    // The counting of memory starts after 30 frames.
    while keypoints < 60 {
        pipe.write_all(&[100; FRAME_BYTES]).unwrap();
        loop {
            let (kind, _) = robot.next();
            if kind == KEYPOINTS {
                keypoints += 1;
                break;
            }
            // The first picture may have waited before anybody looked.
            if kind == 2 && begun.elapsed() > Duration::from_millis(300) {
                break;
            }
        }
        assert!(begun.elapsed() < EVERY);
    }
    // Half a picture.
    pipe.write_all(&[100; FRAME_BYTES / 2]).unwrap();
    drop(pipe);
    robot.until("the camera is gone", |_, flags| flags & NO_CAMERA != 0);
    let ends = Instant::now();
    terminate(&posewire);
    robot.until("the last packet", |_, flags| flags & LAST != 0);
    assert!(posewire.wait().unwrap().success());
    assert!(ends.elapsed() < Duration::from_secs(10));
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    assert!(said.contains("standard input has ended"), "{said}");
    assert!(said.contains("its end is missing"), "{said}");
    // The first line of a thread takes one in the logger, here that of the end.
    let steady = ["0", "1"].map(|count| format!(" {count} allocations since the warm-up"));
    assert!(steady.iter().any(|words| said.contains(words)), "{said}");
}

#[test]
fn with_once_the_end_of_the_producer_is_an_error() {
    let robot = Robot::new();
    let mut posewire = sender(&robot, &["--once"]).spawn().unwrap();
    let mut pipe = posewire.stdin.take().unwrap();
    pipe.write_all(&[100; FRAME_BYTES + 1]).unwrap();
    drop(pipe);
    let output = posewire.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("source pipe:GREY:64x64: its producer has ended"),
        "{said}"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let quoted = "cat '/dev/zero";
    for (arguments, code, words) in [
        (&["--source", "pipe:yuv420:641x480"][..], 2, "odd side"),
        (&["--source", "pipe:H264:640x480"], 2, "not a format"),
        (
            &["--source", "v4l2:auto", "--run-camera", "cat"],
            2,
            "--source pipe:",
        ),
        (&["--source", "v4l2:auto", "--once"], 2, "--once is for"),
        (&["--source", "pipe:GREY:64x64:/dev/null"], 6, "is no FIFO"),
        (&["--source", "pipe:GREY:64x64:/nowhere"], 6, "mkfifo"),
        (&["--source", SOURCE, "--run-camera", quoted], 2, "no end"),
        (
            &["--source", SOURCE, "--run-camera", "cat x | y"],
            2,
            "no shell",
        ),
        (
            &["--source", SOURCE, "--run-camera", "no-such-program"],
            2,
            "there is no program",
        ),
        // Standard input of tests is no pipe.
        (&["--source", SOURCE], 6, "is no pipe"),
    ] {
        let always = ["run", "--model", MODEL, "--udp", "127.0.0.1:9"];
        let output = posewire()
            .args([&always[..], arguments].concat())
            .env("POSEWIRE_KERNEL", "portable")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(run(&["run-camera"]).status.code(), Some(2));
}

/// A program that imitates a camera's: it notes its process id, says something, and writes pictures for ever, except
/// that its first run sends a frame and a half and dies.
struct Camera {
    dir: TestDir,
    command: String,
}

impl Camera {
    fn new(name: &str, before: &str) -> Self {
        let dir = TestDir::new(name);
        let frame = dir.file("frame", &[100; FRAME_BYTES]);
        let folder = dir.path().display();
        let script = format!(
            "{before}\necho $$ >> {folder}/pids\nprintf 'hello \\033[2J\\n' >&2\ncat {frame}\n\
             if [ ! -e {folder}/second ]; then touch {folder}/second; sleep 0.1; head -c 2000 {frame}; exit 3; fi\n\
             sleep 1000 &\necho $! >> {folder}/pids\nwhile :; do cat {frame}; sleep 0.02; done\n",
            frame = frame.display()
        );
        let script = dir.file("my camera.sh", script.as_bytes());
        let command = format!("sh '{}'", script.display());
        Camera { dir, command }
    }

    /// All processes so far.
    fn pids(&self) -> Vec<u32> {
        let pids = fs::read_to_string(self.dir.path().join("pids")).unwrap_or_default();
        pids.lines().map(|line| line.parse().unwrap()).collect()
    }

    fn wait_for_the_end(&self) {
        let begun = Instant::now();
        for pid in self.pids() {
            while runs(pid) {
                assert!(begun.elapsed() < EVERY, "process {pid} is left behind");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn proc(pid: u32, file: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(file)
}

/// A process that has ended may wait for its parent.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(proc(pid, "stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// A program that a failed test does not leave behind.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Posewire with this camera, in its second run.
fn in_second_run(camera: &Camera, robot: &Robot) -> Running {
    let posewire = sender(robot, &["--run-camera", &camera.command])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut posewire = Running(posewire);
    let log = wait_for(&mut posewire.0, "exit code 3");
    posewire.0.stderr = Some(log.into_inner());
    robot.until("the first producer is gone", |_, flags| {
        flags & NO_CAMERA != 0
    });
    robot.until("keypoints come again", |kind, flags| {
        kind == KEYPOINTS && flags & NO_CAMERA == 0 && camera.pids().len() == 3
    });
    posewire
}

#[test]
fn a_command_is_started_again_and_ends_with_posewire_however_that_ends() {
    if !programs_start() {
        return;
    }
    for (signal, before) in [("-TERM", ""), ("-KILL", ""), ("-TERM", "trap '' TERM")] {
        let robot = Robot::new();
        let camera = Camera::new("run-camera", before);
        let mut posewire = in_second_run(&camera, &robot);
        common::signal(&posewire.0, signal);
        let status = posewire.0.wait().unwrap();
        match signal {
            "-KILL" => assert_eq!(status.signal(), Some(9)),
            _ => assert!(status.success(), "{status}"),
        }
        camera.wait_for_the_end();
    }
}

#[test]
fn what_a_command_says_is_in_the_log_and_cannot_forge_a_line() {
    if !programs_start() {
        return;
    }
    let robot = Robot::new();
    let camera = Camera::new("says", "");
    let mut posewire = sender(&robot, &["--run-camera", &camera.command])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let _log = wait_for(&mut posewire, "the camera's command: hello \\x1b[2J");
    terminate(&posewire);
    assert!(posewire.wait().unwrap().success());
    camera.wait_for_the_end();
}

#[test]
fn without_its_keeper_a_run_ends_and_so_does_the_command() {
    if !programs_start() {
        return;
    }
    let robot = Robot::new();
    let camera = Camera::new("keeper", "");
    let mut posewire = in_second_run(&camera, &robot);
    let pid = posewire.0.id();
    let children = fs::read_to_string(proc(pid, &format!("task/{pid}/children")));
    // Not every kernel lists children.
    if let Ok(children) = children {
        let killed = Command::new("kill")
            .arg("-KILL")
            .args(children.split_whitespace())
            .status();
        assert!(killed.unwrap().success());
        let status = posewire.0.wait().unwrap();
        assert_eq!(status.code(), Some(6));
        // The command itself; what it started has lost its keeper.
        let shells = camera.pids();
        let begun = Instant::now();
        while runs(shells[1]) {
            assert!(begun.elapsed() < EVERY);
        }
        let _ = Command::new("kill").arg(shells[2].to_string()).status();
    }
}

#[test]
fn with_once_a_command_is_not_started_again() {
    if !programs_start() {
        return;
    }
    let robot = Robot::new();
    let camera = Camera::new("once", "");
    let output = sender(&robot, &["--once", "--run-camera", &camera.command])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert_eq!(camera.pids().len(), 1);
    camera.wait_for_the_end();
}
