//! The programs under test: started, watched, signalled.

use crate::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Default)]
pub struct Programs {
    running: BTreeMap<String, Child>,
}

impl Programs {
    /// Leading words of the form NAME=VALUE go to the environment. Output goes to a log.
    pub fn spawn(&mut self, name: &str, words: &[&str]) -> Outcome<String> {
        if self.running.contains_key(name) {
            return Err(format!("{name} is running already"));
        }
        let variables = words.iter().take_while(|word| is_variable(word)).count();
        let (environment, argv) = words.split_at(variables);
        let (program, args) = argv.split_first().ok_or("nothing to start")?;
        let log = File::create(log_path(name)).map_err(|error| error.to_string())?;
        let second = log.try_clone().map_err(|error| error.to_string())?;
        let child = Command::new(program)
            .args(args)
            .envs(environment.iter().filter_map(|word| word.split_once('=')))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(second)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let id = child.id();
        self.running.insert(name.into(), child);
        Ok(id.to_string())
    }

    pub fn signal(&mut self, name: &str, signal: &str) -> Outcome<String> {
        let signal = match signal {
            "TERM" => Signal::TERM,
            "INT" => Signal::INT,
            "KILL" => Signal::KILL,
            "STOP" => Signal::STOP,
            "CONT" => Signal::CONT,
            other => return Err(format!("unknown signal {other}")),
        };
        let pid = Pid::from_child(self.child(name)?);
        kill_process(pid, signal).map_err(|error| format!("signalling {name}: {error}"))?;
        Ok(String::new())
    }

    /// Waits for the end. Returns the exit code (128 + n for a signal) and the time it took.
    pub fn wait(&mut self, name: &str, limit: Duration) -> Outcome<String> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.poll(name)? {
                self.running.remove(name);
                return Ok(format!("{} {}", code(status), start.elapsed().as_millis()));
            }
            if start.elapsed() >= limit {
                return Err(format!(
                    "{name} still runs after {} ms",
                    start.elapsed().as_millis()
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Tells whether it runs, or the exit code.
    pub fn alive(&mut self, name: &str) -> Outcome<String> {
        Ok(match self.poll(name)? {
            None => "yes".into(),
            Some(status) => format!("no {}", code(status)),
        })
    }

    /// Ends and forgets all programs.
    pub fn clear(&mut self) -> Outcome<String> {
        for child in self.running.values_mut() {
            // Both fail if it has already ended, which is fine.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.running.clear();
        Ok(String::new())
    }

    /// Open file descriptors, resident memory in KiB, and threads.
    pub fn figures(&mut self, name: &str) -> Outcome<String> {
        let pid = self.child(name)?.id();
        let fds = fs::read_dir(format!("/proc/{pid}/fd"))
            .map_err(|error| format!("{name}: {error}"))?
            .count();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .map_err(|error| format!("{name}: {error}"))?;
        let field = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .and_then(|rest| rest.split_whitespace().next())
                .unwrap_or("0")
                .to_string()
        };
        Ok(format!("{fds} {} {}", field("VmRSS:"), field("Threads:")))
    }

    /// One line per thread with its remaining privileges and its scheduling: `Policy:1` is FIFO.
    pub fn rights(&mut self, name: &str) -> Outcome<String> {
        const FIELDS: [&str; 7] = [
            "Name:",
            "VmLck:",
            "NoNewPrivs:",
            "Seccomp:",
            "CapPrm:",
            "CapEff:",
            "CapAmb:",
        ];
        let failed = |error: std::io::Error| format!("{name}: {error}");
        let pid = self.child(name)?.id();
        let mut lines = Vec::new();
        for task in fs::read_dir(format!("/proc/{pid}/task")).map_err(failed)? {
            let folder = task.map_err(failed)?.path();
            let status = fs::read_to_string(folder.join("status")).map_err(failed)?;
            let mut fields: Vec<String> = status
                .lines()
                .filter(|line| FIELDS.iter().any(|field| line.starts_with(field)))
                .map(|line| line.split_whitespace().collect())
                .collect();
            // proc(5): fields 40 and 41; the name, the second, may hold anything but ends with the last
            // bracket.
            let stat = fs::read_to_string(folder.join("stat")).map_err(failed)?;
            let after = stat.rsplit(')').next().unwrap_or_default();
            let stat: Vec<&str> = after.split_whitespace().collect();
            fields.push(format!("Priority:{}", stat.get(37).unwrap_or(&"?")));
            fields.push(format!("Policy:{}", stat.get(38).unwrap_or(&"?")));
            lines.push(fields.join(" "));
        }
        Ok(lines.join("\n"))
    }

    fn child(&mut self, name: &str) -> Outcome<&mut Child> {
        self.running
            .get_mut(name)
            .ok_or_else(|| format!("{name} was not started"))
    }

    fn poll(&mut self, name: &str) -> Outcome<Option<ExitStatus>> {
        self.child(name)?
            .try_wait()
            .map_err(|error| format!("{name}: {error}"))
    }
}

/// The end of a program's log.
pub fn log_tail(name: &str, lines: usize) -> Outcome<String> {
    let bytes = fs::read(log_path(name)).map_err(|error| format!("log of {name}: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

fn log_path(name: &str) -> String {
    format!("/log/{name}")
}

fn is_variable(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    })
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
