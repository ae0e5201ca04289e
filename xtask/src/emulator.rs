//! The process of an emulator, which never outlives this program. Its console goes to a file.

use crate::tools::Outcome;
use crate::tools::at;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);
const TAIL_LINES: usize = 25;

/// A running machine. Dropping it is pulling its plug.
pub struct Emulator {
    process: Child,
    console: PathBuf,
    pub switched_on: Instant,
}

impl Emulator {
    /// Starts a 64-bit ARM machine without a screen. `machine` has QEMU's options and values. A restart ends it.
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

    /// Starts a machine whose console goes to the file `console`.
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

    /// All console output so far.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a console line that contains all of these words.
    pub fn wait_for(&mut self, words: &[&str], limit: Duration) -> Outcome<String> {
        let has_words = |line: &str| words.iter().all(|word| line.contains(word));
        self.wait_for_line(0, has_words, limit)
            .map(|(_, line)| line)
            .map_err(|error| format!("no line with {words:?}{error}"))
    }

    /// Waits for a console line that matches, from line `from` on. Returns its number and text.
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
