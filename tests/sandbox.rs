//! Dropped privileges, on the real program. Calls that the program never makes are tried in a child process with
//! the same sandbox.

mod common;

use common::{TestDir, stderr, stdout};
use posewire::process::sandbox::{Access, CapabilitySet, Mode, Sandbox};
use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Environment variables: the task of a child, and the file that it may read.
const DEED: &str = "POSEWIRE_TEST_DEED";
const FILE: &str = "POSEWIRE_TEST_FILE";

/// False under processor emulators, which have neither seccomp nor landlock.
fn the_kernel_can() -> bool {
    std::env::var_os("POSEWIRE_TEST_RUNNER").is_none()
}

/// Closes a sandbox in which `file` can be read, and runs the task.
fn in_a_child(deed: &str, file: &Path) -> Output {
    let program = std::env::current_exe().unwrap();
    let runner = std::env::var("POSEWIRE_TEST_RUNNER").unwrap_or_default();
    let program = program.to_str().unwrap();
    let mut words = runner.split_whitespace().chain([program]);
    Command::new(words.next().unwrap())
        .args(words)
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(DEED, deed)
        .env(FILE, file)
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap()
}

#[test]
#[ignore = "the other tests start it in a process of its own"]
fn child() {
    let Ok(deed) = std::env::var(DEED) else {
        return;
    };
    let file = PathBuf::from(std::env::var_os(FILE).unwrap());
    let needs = || Access {
        read: vec![file.clone()],
        ..Access::default()
    };
    let enter = |mode| Sandbox::enter(mode, needs(), CapabilitySet::empty());
    if deed == "strict" {
        // The kernel stacks at most sixteen landlock rule sets. Beyond these the test cannot add its own.
        let mut outcome = Ok(());
        for _ in 0..20 {
            let _ = enter(Mode::Auto).unwrap();
            outcome = outcome.and(enter(Mode::Strict).map(drop));
        }
        let error = outcome.unwrap_err();
        println!("{error}");
        std::process::exit(error.exit_code().into());
    }
    // The same steps as in `run`.
    enter(Mode::Auto).unwrap().close().unwrap();
    match deed.as_str() {
        "work" => {
            println!("read: {}", fs::read_to_string(&file).unwrap());
            let beside = file.with_file_name("beside");
            println!("beside: {:?}", File::open(beside).unwrap_err().kind());
            println!("device: {:?}", File::open("/dev/zero").unwrap_err().kind());
            let memory = vec![1_u8; 64 << 20];
            println!(
                "memory: {}",
                memory.iter().map(|&b| u64::from(b)).sum::<u64>()
            );
        }
        "socket" => drop(UdpSocket::bind("127.0.0.1:0")),
        "program" => drop(Command::new("/bin/true").status()),
        "thread" => drop(std::thread::Builder::new().spawn(|| ())),
        "write" => drop(File::create(&file)),
        "remove" => drop(fs::remove_file(&file)),
        "code" => {
            use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
            let protection = ProtFlags::READ | ProtFlags::EXEC;
            // SAFETY: a new, unused mapping at an address that the kernel chooses.
            let _ = unsafe {
                mmap_anonymous(std::ptr::null_mut(), 4096, protection, MapFlags::PRIVATE)
            };
        }
        "panic" => {
            let result = std::panic::catch_unwind(|| panic!("a bug"));
            assert!(result.is_err());
            std::process::exit(101);
        }
        "abort" => std::process::abort(),
        _ => panic!("{deed}?"),
    }
    std::process::exit(0);
}

#[test]
fn a_forbidden_call_ends_the_process_with_its_name() {
    if !the_kernel_can() {
        return;
    }
    let dir = TestDir::new("forbidden");
    let file = dir.file("file", b"whole");
    for (deed, calls) in [
        ("socket", &["socket"][..]),
        ("write", &["openat", "open"]),
        ("remove", &["unlink", "unlinkat"]),
        ("code", &["mmap"]),
    ] {
        let output = in_a_child(deed, &file);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(10), "{deed}: {text}");
        let said: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("posewire: error: sandbox: "))
            .collect();
        assert_eq!(said.len(), 1, "{deed}: {text}");
        assert!(said[0].contains("is not allowed"), "{text}");
        let named = |call: &&str| said[0].contains(&format!(" {call} ("));
        assert!(calls.iter().any(named), "{deed}: {text}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"whole");
}

#[test]
fn a_program_or_a_thread_that_is_started_is_the_end() {
    const SIGSYS: i32 = 31;
    if !the_kernel_can() {
        return;
    }
    for deed in ["program", "thread"] {
        let output = in_a_child(deed, &std::env::current_exe().unwrap());
        let text = stderr(&output);
        // C libraries block all signals here, so the kernel kills the process without a message.
        let killed = output.status.signal() == Some(SIGSYS);
        let told = output.status.code() == Some(10) && text.contains(" clone");
        assert!(killed || told, "{deed}: {:?}: {text}", output.status);
    }
}

#[test]
fn what_is_named_can_be_read_and_nothing_else() {
    if !the_kernel_can() {
        return;
    }
    let dir = TestDir::new("named");
    let file = dir.file("file", b"whole");
    dir.file("beside", b"secret");
    let output = in_a_child("work", &file);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    for line in [
        "read: whole",
        "beside: PermissionDenied",
        "device: PermissionDenied",
        "memory: 67108864",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_bug_is_still_reported() {
    let file = std::env::current_exe().unwrap();
    let output = in_a_child("panic", &file);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("a bug"), "{text}");
    // The backtrace has names: it found the program's own file.
    assert!(
        !the_kernel_can() || text.contains("sandbox::child"),
        "{text}"
    );

    let output = in_a_child("abort", &file);
    assert_eq!(output.status.signal(), Some(6), "{}", stderr(&output));
}

#[test]
fn strict_fails_with_one_line_where_something_is_missing() {
    let file = std::env::current_exe().unwrap();
    let output = in_a_child("strict", &file);
    assert_eq!(output.status.code(), Some(10), "{}", stderr(&output));
    let text = stdout(&output);
    let said: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("sandbox: "))
        .collect();
    assert_eq!(said.len(), 1, "{text}");
    assert!(
        said[0].contains("no landlock (") && said[0].contains("--sandbox auto"),
        "{text}"
    );
}

#[cfg(feature = "demo")]
mod runs {
    use super::*;
    use common::{lines, posewire, run, spawn, wait_for};
    use posewire::source::{FrameLength, frame_length};
    use std::io::Read;

    const CLIP: &[u8] = include_bytes!("../models/demo/clips/hand.mjpeg");
    const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hand.qdq.onnx");

    fn first_picture() -> &'static [u8] {
        match frame_length(CLIP) {
            FrameLength::Complete(length) => &CLIP[..length],
            _ => panic!("the clip has no picture"),
        }
    }

    /// The one line about the sandbox in the log.
    fn level(log: &str) -> &str {
        let said: Vec<&str> = log
            .lines()
            .filter_map(|line| line.split_once("sandbox: "))
            .map(|(_, level)| level)
            .collect();
        assert_eq!(said.len(), 1, "{log}");
        said[0]
    }

    fn demo(mode: &[&str]) -> Output {
        let demo = ["run", "--source", "demo", "--model", MODEL, "--json", "-"];
        let args: Vec<&str> = demo
            .iter()
            .chain(&["--frames", "2"])
            .chain(mode)
            .copied()
            .collect();
        run(&args)
    }

    #[test]
    fn the_log_has_a_line_that_says_what_holds() {
        let output = demo(&[]);
        let log = stderr(&output);
        assert!(output.status.success(), "{log}");
        let level = level(&log);
        assert!(level.ends_with("no_new_privs, no capabilities"), "{level}");
        let has_all = level.starts_with("seccomp (") && level.contains("landlock ABI ");
        assert_eq!(has_all, the_kernel_can(), "{level}");
        if !has_all {
            assert!(level.starts_with("no seccomp (") && level.contains("no landlock ("));
        }
    }

    #[test]
    fn strict_needs_all_and_off_needs_nothing() {
        let off = demo(&["--sandbox", "off"]);
        assert!(off.status.success());
        assert_eq!(level(&stderr(&off)), "off");
        let strict = demo(&["--sandbox", "strict"]);
        let text = stderr(&strict);
        if the_kernel_can() {
            assert!(strict.status.success(), "{text}");
        } else {
            assert_eq!(strict.status.code(), Some(10), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }

    #[test]
    fn no_thread_keeps_any_right() {
        if !the_kernel_can() {
            return;
        }
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = to.local_addr().unwrap().to_string();
        let threads = ["--threads", "3", "--udp", &to];
        for engine in ["auto", "tract"] {
            let demo = ["run", "--source", "demo", "--model", MODEL];
            let args: Vec<&str> = demo
                .iter()
                .chain(&["--engine", engine])
                .chain(&threads)
                .copied()
                .collect();
            let mut child = spawn(&args);
            let mut log = wait_for(&mut child, "sandbox: ");
            // After some frames no new thread may start.
            std::thread::sleep(std::time::Duration::from_millis(500));
            let mut seen = 0;
            for task in fs::read_dir(format!("/proc/{}/task", child.id())).unwrap() {
                let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
                for line in [
                    "NoNewPrivs:\t1",
                    "Seccomp:\t2",
                    "CapInh:\t0000000000000000",
                    "CapPrm:\t0000000000000000",
                    "CapEff:\t0000000000000000",
                    "CapAmb:\t0000000000000000",
                ] {
                    assert!(status.contains(line), "no {line:?} in {status}");
                }
                seen += 1;
            }
            // At least the main thread, two workers and the watch for overruns.
            assert!(seen >= 4, "{engine}: {seen} threads");
            let id = child.id().to_string();
            let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
            assert!(killed.success());
            let mut rest = String::new();
            log.read_to_string(&mut rest).unwrap();
            assert!(child.wait().unwrap().success(), "{rest}");
        }
    }

    #[test]
    fn the_files_of_a_user_are_reached_by_whatever_name() {
        let dir = TestDir::new("reached");
        let folder = dir.path();
        fs::create_dir_all(folder.join("pictures")).unwrap();
        fs::create_dir_all(folder.join("elsewhere")).unwrap();
        fs::write(folder.join("pictures/0.jpg"), first_picture()).unwrap();
        fs::write(folder.join("elsewhere/1.jpg"), first_picture()).unwrap();
        std::os::unix::fs::symlink("../elsewhere/1.jpg", folder.join("pictures/1.jpg")).unwrap();
        std::os::unix::fs::symlink(MODEL, folder.join("model.onnx")).unwrap();
        fs::write(folder.join("old.jsonl"), "x".repeat(1 << 20)).unwrap();
        for json in ["new.jsonl", "old.jsonl"] {
            let output = posewire()
                .args(["run", "--source", "dir:pictures", "--model", "model.onnx"])
                .args(["--json", json, "--overlay", "drawn/deep"])
                .current_dir(folder)
                .output()
                .unwrap();
            let log = stderr(&output);
            assert!(output.status.success(), "{log}");
            assert!(
                log.contains("2 frames") && log.contains("0 pictures skipped"),
                "{log}"
            );
            // Two frames and the last packet, and no line of the old file.
            assert_eq!(lines(&fs::read(folder.join(json)).unwrap()).len(), 3);
            assert_eq!(fs::read_dir(folder.join("drawn/deep")).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_run_that_does_not_start_leaves_the_last_ones_file_alone() {
        let dir = TestDir::new("alone");
        let json = dir.file("last.jsonl", b"results");
        let json_name = json.to_str().unwrap();
        let args = ["run", "--source", "image:/nowhere.jpg", "--model", MODEL];
        let output = run(&[&args[..], &["--json", json_name]].concat());
        assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
        assert_eq!(fs::read(&json).unwrap(), b"results");
    }
}
