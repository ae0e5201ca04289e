//! The program under test as a process, and its resources as the kernel counts them.

use crate::tools::{self, Outcome};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const LONGEST_END: Duration = Duration::from_secs(5);

/// Builds the program for boards: a release without ONNX.
pub fn build() -> Outcome<PathBuf> {
    let folder = tools::target()?.join("plan-only");
    let mut cargo = tools::cargo();
    cargo
        .current_dir(tools::repository()?)
        .args(["build", "--locked", "--release", "--package=posewire"])
        .args(["--no-default-features", "--features=plan", "--target-dir"])
        .arg(&folder);
    match tools::succeeds(&mut cargo)? {
        true => Ok(folder.join("release/posewire")),
        false => Err("posewire cannot be built".into()),
    }
}

/// Resources of a process.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub resident_bytes: u64,
    pub descriptors: usize,
    pub threads: usize,
}

pub struct Program {
    child: Child,
    pub log: PathBuf,
}

impl Program {
    pub fn start(binary: &Path, pipe: &Path, plan: &Path, port: u16, log: &Path) -> Outcome<Self> {
        let at = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = fs::File::create(log).map_err(at)?;
        let mut source = OsString::from("mjpeg:");
        source.push(pipe);
        let child = Command::new(binary)
            .args(["run", "--udp", &format!("127.0.0.1:{port}"), "--source"])
            .arg(source)
            .arg("--model")
            .arg(plan)
            // The first minute has more than one line of statistics: the first line is part of the warm-up.
            .args(["--stats-seconds", "20"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        Ok(Program {
            child,
            log: log.into(),
        })
    }

    /// # Errors
    /// If it has ended.
    pub fn must_run(&mut self) -> Outcome<()> {
        match self.child.try_wait().map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(status) => Err(format!("it ended: {status}; see {}", self.log.display())),
        }
    }

    pub fn usage(&self) -> Outcome<Usage> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let count = |name: &str| -> Outcome<usize> {
            let entries = fs::read_dir(folder.join(name));
            entries
                .map(Iterator::count)
                .map_err(|error| format!("{name}: {error}"))
        };
        let rollup = folder.join("smaps_rollup");
        let text = fs::read_to_string(&rollup)
            .map_err(|error| format!("{}: {error}", rollup.display()))?;
        Ok(Usage {
            resident_bytes: resident_kib(&text).ok_or("smaps_rollup has no line Rss")? << 10,
            descriptors: count("fd")?,
            threads: count("task")?,
        })
    }

    /// Ends it with SIGTERM, like systemd.
    ///
    /// # Errors
    /// If it does not end by itself with success.
    pub fn end(&mut self) -> Outcome<()> {
        let id = self.child.id().to_string();
        tools::succeeds(Command::new("kill").args(["-TERM", &id]))?;
        let start = Instant::now();
        while start.elapsed() < LONGEST_END {
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                return match status.success() {
                    true => Ok(()),
                    false => Err(format!(
                        "it ended with {status}; see {}",
                        self.log.display()
                    )),
                };
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("it did not end on SIGTERM".into())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if it has already ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resident_kib(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_resident_memory_is_found() {
        let text = "55d0-7ffd ---p 0 00:00 0 [rollup]\nRss:             7432 kB\nPss:  3000 kB\n";
        assert_eq!(resident_kib(text), Some(7432));
        assert_eq!(resident_kib(""), None);
    }
}
