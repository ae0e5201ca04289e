//! `--realtime` on the program itself: its threads and memory as the kernel reports them.
#![cfg(feature = "demo")]

mod common;

use common::{TestDir, posewire, stderr, terminate};
use posewire::process::realtime::Priority;
use posewire::process::thread::Role;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Runs the demo with this option until the process is examined.
fn watched(folder: &TestDir, look: impl FnOnce(u32)) -> Output {
    let lines = folder.path().join("packets.jsonl");
    let mut child = posewire()
        .args([
            "run",
            "--source",
            "demo",
            // An end, in case this test fails.
            "--frames",
            "3000",
            "--threads",
            "2",
        ])
        .args(["--realtime=7", "--json", &lines.display().to_string()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first packet comes after the priorities are set.
    while fs::metadata(&lines).map_or(0, |metadata| metadata.len()) == 0 {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "there was no packet: {ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    look(child.id());
    terminate(&child);
    child.wait_with_output().unwrap()
}

/// Name, policy and real-time priority of each thread, from /proc/PID/task/TID/stat (proc(5)).
fn threads(id: u32) -> Vec<(String, u32, u32)> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    tasks
        .map(|task| {
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            let (before, after) = stat.rsplit_once(')').unwrap();
            let name = before.split_once('(').unwrap().1.to_string();
            let fields: Vec<&str> = after.split_whitespace().collect();
            // Fields 41 and 40. The text after the name begins with field 3.
            (
                name,
                fields[38].parse().unwrap(),
                fields[37].parse().unwrap(),
            )
        })
        .collect()
}

const SCHED_FIFO: u32 = 1;

/// One test at a time: a thread that computes at a real-time priority stops the ordinary threads of the others.
static PROCESSOR: Mutex<()> = Mutex::new(());

#[test]
fn threads_come_first_and_memory_is_locked_or_a_warning_says_what_is_missing() {
    if std::env::var_os("POSEWIRE_TEST_RUNNER").is_some() {
        // The kernel's figures would be the emulator's.
        return;
    }
    let _alone = PROCESSOR.lock();
    let folder = TestDir::new("realtime");
    let (mut seen, mut locked_kib) = (Vec::new(), 0_u64);
    let output = watched(&folder, |id| {
        seen = threads(id);
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let row = status
            .lines()
            .find(|line| line.starts_with("VmLck:"))
            .unwrap();
        locked_kib = row.split_whitespace().nth(1).unwrap().parse().unwrap();
    });
    let log = stderr(&output);
    assert!(output.status.success(), "{log}");
    // The table of roles is complete.
    let mut roles: Vec<_> = seen.iter().map(|(name, ..)| Role::named(name)).collect();
    roles.sort_by_key(|role| role.map(|role| role.name()));
    let expected = [
        Role::Json,
        Role::Log,
        Role::StageWatch,
        Role::Main,
        Role::Worker(1),
        Role::Stop,
    ];
    assert_eq!(roles, expected.map(Some), "{seen:?}");
    let warnings = log
        .lines()
        .filter(|line| line.contains("realtime: ") && line.contains("WARN"));
    match warnings.count() {
        0 => {
            assert!(log.contains("at SCHED_FIFO priority 7"), "{log}");
            assert!(locked_kib > 1024, "{locked_kib}");
            for (name, policy, priority) in &seen {
                match Role::named(name).and_then(|role| role.priority(7)) {
                    None => assert_ne!(*policy, SCHED_FIFO, "{name}"),
                    Some(wanted) => {
                        assert_eq!((*policy, *priority), (SCHED_FIFO, wanted.into()), "{name}");
                    }
                }
            }
            assert!(seen.len() >= 3, "{seen:?}");
        }
        1 => assert!(log.contains("CAP_SYS_NICE"), "{log}"),
        _ => panic!("{log}"),
    }
}

/// Computes without end at a real-time priority. The test below starts it as a separate process.
#[test]
#[ignore = "ends its process"]
fn child() {
    posewire::process::realtime::enter(Priority::new(3).unwrap(), Duration::ZERO);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        std::hint::spin_loop();
    }
}

#[test]
fn a_thread_that_never_rests_is_ended() {
    let may = rustix::thread::capabilities(None).is_ok_and(|sets| {
        sets.effective
            .contains(rustix::thread::CapabilitySet::SYS_NICE)
    });
    if !may || std::env::var_os("POSEWIRE_TEST_RUNNER").is_some() {
        return;
    }
    let _alone = PROCESSOR.lock();
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
        .output()
        .unwrap();
    const SIGXCPU: i32 = 24;
    assert_eq!(output.status.signal(), Some(SIGXCPU), "{}", stderr(&output));
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}

/// Without permissions the run continues. `setpriv` of util-linux removes them, if this test may call it.
#[test]
fn without_the_rights_there_is_one_warning() {
    if std::env::var_os("POSEWIRE_TEST_RUNNER").is_some() {
        return;
    }
    let _alone = PROCESSOR.lock();
    let program = env!("CARGO_BIN_EXE_posewire");
    let none = [
        "--bounding-set=-sys_nice,-ipc_lock",
        "--inh-caps=-sys_nice,-ipc_lock",
    ];
    let output = Command::new("setpriv")
        .args(none)
        .args(["prlimit", "--rtprio=0", "--memlock=65536", program])
        .args([
            "run",
            "--source",
            "demo",
            "--frames",
            "3",
            "--realtime",
            "--json",
            "-",
        ])
        .env_remove("RUST_LOG")
        .output();
    let Ok(output) = output else { return };
    let log = stderr(&output);
    if log.starts_with("setpriv:") {
        return;
    }
    assert!(output.status.success(), "{log}");
    assert_eq!(log.matches("realtime: ").count(), 1, "{log}");
    assert!(
        log.contains("memory is not locked") && log.contains("ordinary priority"),
        "{log}"
    );
}
