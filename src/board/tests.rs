use super::*;

const BASE: &str = "
title = 'Base'
target = 'aarch64-unknown-linux-musl'
kernel = 'neon'
[cpu]
core = 'any'
cores = 4
ram-mib = 512
[run]
threads = 3
camera-fps = 30
[limits]
memory-budget = '64MiB'
";

fn error(files: Files<'_>, name: &str) -> String {
    load(files, name).unwrap_err().to_string()
}

/// The result of `BASE` with one line replaced.
fn changed(old: &str, new: &str) -> String {
    assert!(BASE.contains(old), "{old}");
    let text = BASE.replacen(old, new, 1);
    error(&[("base", &text)], "base")
}

#[test]
fn every_board_is_sound() {
    let boards = all().unwrap();
    let expected = [
        "generic-aarch64",
        "generic-armv7",
        "generic-x86-64",
        "jetson-nano",
        "jetson-orin-nano",
        "qemu-virt",
        "rpi-zero2w",
        "rpi3",
        "rpi4",
        "rpi5",
    ];
    for name in expected {
        assert!(names().contains(&name), "{name}");
    }
    for board in &boards {
        assert!(
            WORKLOADS.iter().any(|network| network.fits(board)),
            "{}: no network fits into its memory budget",
            board.name
        );
        for beginning in &board.device_tree {
            assert_eq!(
                of_model(&boards, beginning).map(|found| found.name.as_str()),
                Some(board.name.as_str()),
                "{beginning}: two boards say that it is theirs"
            );
        }
    }
}

#[test]
fn every_board_has_a_page() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    for name in names() {
        let page = std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap_or_default();
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_child_takes_what_it_does_not_say_from_its_parent() {
    let files = [
        ("base", BASE),
        (
            "middle",
            "inherits = 'base'\n[cpu]\ncores = 6\n[serial]\ntraps = ['a', 'b']",
        ),
        (
            "child",
            "inherits = 'middle'\ntitle = 'Child'\n[serial]\ntraps = ['c']\n[image]\nx = 1",
        ),
    ];
    let child = load(&files, "child").unwrap();
    assert_eq!(child.title, "Child");
    assert_eq!((child.cpu.cores, child.cpu.ram_mib), (6, 512));
    assert_eq!(child.serial.traps, ["c"]);
    assert_eq!(child.settings.get("camera-fps"), Some("30"));
    assert_eq!(child.inherits.as_deref(), Some("middle"));
    assert_eq!(child.image.get("x").and_then(|x| x.as_integer()), Some(1));
    assert_eq!(load(&files, "middle").unwrap().serial.traps, ["a", "b"]);
}

#[test]
fn circles_and_unknown_parents_name_the_file_that_has_them() {
    let files = [
        ("a", "inherits = 'b'"),
        ("b", "inherits = 'a'"),
        ("self", "inherits = 'self'"),
        ("orphan", "inherits = 'nobody'"),
        ("child", "inherits = 'orphan'"),
    ];
    let circle = error(&files, "a");
    assert!(
        circle.contains("boards/b.toml: inherits") && circle.contains("\"a\""),
        "{circle}"
    );
    assert!(error(&files, "self").contains("boards/self.toml: inherits"));
    let orphan = error(&files, "child");
    assert!(
        orphan.contains("boards/orphan.toml: inherits") && orphan.contains("nobody"),
        "{orphan}"
    );
}

#[test]
fn unknown_keys_name_the_file_and_the_key() {
    for (text, key) in [
        ("inherits = 'base'\nspeed = 3", "speed"),
        ("inherits = 'base'\n[cpu]\nfans = 1", "fans"),
        ("inherits = 'base'\n[run]\nthread = 1", "thread"),
        ("inherits = 'base'\n[run]\nthreads = 'two'", "threads"),
        ("inherits = 'base'\n[limits]\nmemory = '1GiB'", "memory"),
    ] {
        let files = [("base", BASE), ("bad", text), ("child", "inherits = 'bad'")];
        for name in ["bad", "child"] {
            let error = error(&files, name);
            assert!(
                error.contains("boards/bad.toml") && error.contains(key),
                "{error}"
            );
        }
    }
}

#[test]
fn values_that_cannot_be_name_the_file_and_the_key() {
    assert!(load(&[("base", BASE)], "base").is_ok());
    for (old, new, key) in [
        ("title = 'Base'", "", "title is missing"),
        ("kernel = 'neon'", "kernel = 'neo'", "neon-i8mm"),
        (
            "kernel = 'neon'",
            "kernel = 'neon'\ncompile-for = 'cortex-a76'",
            "compile-for",
        ),
        (
            "kernel = 'neon'",
            "kernel = 'neon'\ncompile-for = 'cortex'",
            "cortex-a53",
        ),
        ("cores = 4", "cores = 2", "run.threads"),
        ("threads = 3", "threads = 0", "run.threads"),
        ("threads = 3", "", "run.threads"),
        ("camera-fps = 30", "camera-fps = 0", "camera-fps"),
        ("camera-fps = 30", "camera-format = 'X'", "camera-format"),
        ("'64MiB'", "'64'", "limits.memory-budget"),
        ("'64MiB'", "'1GiB'", "limits.memory-budget"),
        (
            "'64MiB'",
            "'99999999999999999999MiB'",
            "limits.memory-budget",
        ),
        ("'64MiB'", "'64MiB'\nrealtime = 99", "limits.realtime"),
        ("cores = 4", "cores = 4\nclock-mhz = 0", "cpu.clock-mhz"),
        (
            "cores = 4",
            "cores = 4\ninstructions-per-cycle = nan",
            "cpu.instructions-per-cycle",
        ),
    ] {
        let error = changed(old, new);
        assert!(
            error.contains("boards/base.toml") && error.contains(key),
            "{new}: {error}"
        );
    }
}

#[test]
fn a_board_is_found_by_its_device_tree() {
    let boards = all().unwrap();
    let models = [
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "rpi3"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "rpi-zero2w"),
        ("Raspberry Pi 4 Model B Rev 1.4", "rpi4"),
        ("Raspberry Pi 400 Rev 1.0", "rpi4"),
        ("Raspberry Pi 5 Model B Rev 1.0", "rpi5"),
        ("NVIDIA Jetson Nano Developer Kit", "jetson-nano"),
        (
            "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
            "jetson-orin-nano",
        ),
        ("linux,dummy-virt", "qemu-virt"),
    ];
    for (model, name) in models {
        let found = of_model(&boards, model).map(|board| board.name.as_str());
        assert_eq!(found, Some(name), "{model}");
    }
    assert!(of_model(&boards, "Toaster 9").is_none());
    for board in boards.iter().filter(|board| !board.device_tree.is_empty()) {
        let has_model = models.iter().any(|(_, name)| *name == board.name);
        assert!(has_model, "{}: no model is tried here", board.name);
    }
}

#[test]
fn a_board_of_another_family_does_not_fit() {
    let board = find("rpi5").unwrap();
    assert_eq!(board.mismatch("neon-dot"), None);
    let mismatch = board.mismatch("neon").unwrap();
    assert!(
        mismatch.contains("rpi5") && mismatch.contains("neon-dot"),
        "{mismatch}"
    );
}
