//! An emulator's process that never outlives this one, with its console in a file.

use crate::board::at;
use crate::tools::Outcome;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);
const TAIL_LINES: usize = 25;

/// A machine that runs until it is dropped, which is its plug being pulled.
pub struct Emulator {
    process: Child,
    console: PathBuf,
    pub switched_on: Instant,
}

impl Emulator {
    /// Switches on a 64-bit ARM machine that `machine` describes in QEMU's options and their values, without a
    /// screen. A restart ends it.
    pub fn start(machine: &[(&str, &str)], console: PathBuf) -> Outcome<Self> {
        let log = File::create(&console).map_err(at(&console))?;
        let errors = log.try_clone().map_err(at(&console))?;
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(machine.iter().flat_map(|(option, value)| [option, value]))
            .args(["-display", "none", "-monitor", "none", "-no-reboot"])
            .stdout(log)
            .stderr(errors);
        Self::run(&mut qemu, console)
            .map_err(|error| format!("{error}; Debian's package is qemu-system-arm"))
    }

    /// Switches on a machine that writes its console to the file `console`.
    pub fn run(command: &mut Command, console: PathBuf) -> Outcome<Self> {
        let process = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Emulator {
            process,
            console,
            switched_on: Instant::now(),
        })
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Everything on the console so far.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the console has a line with all of these words.
    pub fn wait_for(&mut self, words: &[&str], limit: Duration) -> Outcome<String> {
        let has_words = |line: &str| words.iter().all(|word| line.contains(word));
        self.wait_for_line(0, has_words, limit)
            .map(|(_, line)| line)
            .map_err(|error| format!("no line with {words:?}{error}"))
    }

    /// Waits until a line of the console, from number `from` on, is the one. Its number and text.
    pub fn wait_for_line(
        &mut self,
        from: usize,
        is_it: impl Fn(&str) -> bool,
        limit: Duration,
    ) -> Outcome<(usize, String)> {
        let start = Instant::now();
        loop {
            let ended = !self.is_running();
            let said = self.said();
            let whole = said.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let found = whole
                .lines()
                .enumerate()
                .skip(from)
                .find(|(_, line)| is_it(line));
            if let Some((number, line)) = found {
                return Ok((number, line.trim().into()));
            }
            if ended || start.elapsed() > limit {
                return Err(format!(
                    " on the console in {} s\n{}",
                    start.elapsed().as_secs(),
                    self.tail()
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    pub fn tail(&self) -> String {
        let text = self.said();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
