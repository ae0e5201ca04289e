//! Helpers of several tests: the golden vectors, the program, and a folder per test.
#![allow(dead_code, reason = "each test uses its own part")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// A file of vectors that MMPose computed.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

pub fn golden_json(name: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

/// The bytes of a `.npy` of u8 behind its header of format 1.
pub fn golden_u8(name: &str) -> Vec<u8> {
    let file = std::fs::read(golden(name)).unwrap();
    assert!(String::from_utf8_lossy(&file[10..100]).contains("'|u1'"));
    let header = usize::from(u16::from_le_bytes([file[8], file[9]]));
    file[10 + header..].to_vec()
}

pub fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

pub fn points(value: &serde_json::Value) -> Vec<(f64, f64)> {
    let point = |v: &serde_json::Value| {
        let v = numbers(v);
        (v[0], v[1])
    };
    value.as_array().unwrap().iter().map(point).collect()
}

/// An empty folder that is removed at the end of the test.
pub struct TestDir(PathBuf);

impl TestDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        TestDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program, without arguments yet. `POSEWIRE_TEST_RUNNER` precedes it: an emulator, for tests of another
/// architecture.
pub fn posewire() -> Command {
    let program = env!("CARGO_BIN_EXE_posewire");
    let runner = std::env::var("POSEWIRE_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().chain([program]);
    let mut command = Command::new(words.next().unwrap_or(program));
    command.args(words).env_remove("RUST_LOG");
    command
}

pub fn run(args: &[&str]) -> Output {
    posewire().args(args).output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// False under emulators that do not know termios2, such as qemu-user 7.2: no serial line can be set there.
pub fn serial_lines_can_be_set() -> bool {
    let terminal = std::fs::File::open("/dev/ptmx").unwrap();
    rustix::termios::tcgetattr(terminal).err() != Some(rustix::io::Errno::NOSYS)
}

/// Starts the program with both outputs piped.
pub fn spawn(args: &[&str]) -> Child {
    posewire()
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a line on standard error that contains `word`. Returns it and the following output, or all output if
/// the program ends without such a line.
pub fn line_with(
    child: &mut Child,
    word: &str,
) -> Result<(String, BufReader<ChildStderr>), String> {
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let before = said.len();
        if reader.read_line(&mut said).unwrap() == 0 {
            return Err(said);
        }
        if said[before..].contains(word) {
            return Ok((said.split_off(before), reader));
        }
    }
}

/// Waits for a line on standard error that contains `word`.
pub fn wait_for(child: &mut Child, word: &str) -> BufReader<ChildStderr> {
    match line_with(child, word) {
        Ok((_, log)) => log,
        Err(said) => panic!("the program ended without saying {word:?}: {said}"),
    }
}

/// Asks a program to end, as systemd does.
pub fn terminate(child: &Child) {
    signal(child, "-TERM");
}

pub fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let killed = Command::new("kill").args([name, &id]).status();
    assert!(killed.unwrap().success());
}

/// The objects in a program's JSON lines.
pub fn lines(text: &[u8]) -> Vec<serde_json::Value> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}
