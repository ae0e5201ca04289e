use super::*;
use posewire::settings::{Layer, Settings};
use std::process::Stdio;

const TIME: u64 = 1_700_000_000;

fn contents(board: &Profile) -> Contents<'_> {
    Contents {
        board,
        architecture: Architecture::of(board).unwrap_or(ARCHITECTURES[0]),
        version: "1.2.3",
        date: "Tue, 14 Nov 2023 22:13:20 +0000",
        maintainer: "Nobody <nobody@example.org>",
        program: b"\x7fELF and so on".to_vec(),
        plans: vec![("hand", b"posewire plan".to_vec())],
    }
}

/// A temporary folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("posewire-deb-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let board = board::find("rpi4").unwrap();
    let package = make(&contents(&board), TIME).unwrap();
    assert_eq!(package, make(&contents(&board), TIME).unwrap());
    assert_ne!(package, make(&contents(&board), TIME + 1).unwrap());
    assert!(package.starts_with(
        b"!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\n"
    ));
}

#[test]
fn dpkg_reads_it() {
    let folder = Folder::new("dpkg");
    let deb = folder.0.join("x.deb");
    let board = board::find("rpi4").unwrap();
    write(&deb, &make(&contents(&board), TIME).unwrap()).unwrap();
    let is_here = Command::new("dpkg-deb")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if is_here.is_err() {
        return;
    }
    let fields = run(Command::new("dpkg-deb").arg("-f").arg(&deb)).unwrap();
    for field in [
        "Package: posewire-rpi4\n",
        "Architecture: arm64\n",
        "Conflicts: posewire\n",
    ] {
        assert!(fields.contains(field), "{fields}");
    }
    let list = run(Command::new("dpkg-deb").arg("-c").arg(&deb)).unwrap();
    for line in [
        "-rwxr-xr-x root/root        14 2023-11-14 22:13 ./usr/bin/posewire",
        "drwxr-xr-x root/root         0 2023-11-14 22:13 ./etc/posewire/",
        "./usr/lib/posewire/hand.plan",
        "./lib/systemd/system/posewire.service",
        "./lib/udev/rules.d/60-posewire.rules",
        "./usr/share/man/man1/posewire.1.gz",
        "./usr/share/bash-completion/completions/posewire",
        "./usr/share/zsh/vendor-completions/_posewire",
        "./usr/share/fish/vendor_completions.d/posewire.fish",
    ] {
        assert!(list.contains(line), "no {line} in {list}");
    }
    assert_eq!(
        fs::read_dir(&folder.0).unwrap().count(),
        1,
        "one file, nothing half-written"
    );
}

#[test]
fn every_board_has_settings_that_run_takes_and_a_unit_without_gaps() {
    let folder = Folder::new("settings");
    for board in board::all().unwrap() {
        let contents = contents(&board);
        let file = folder.0.join("posewire.toml");
        // Settings in comments too.
        let all = contents
            .configuration()
            .replace("\n#key-file", "\n# key-file");
        // A ribbon-cable camera replaces the other one.
        let ribbons = all.contains("\n#run-camera = ");
        let is_known = ["rpi", "jetson"]
            .iter()
            .any(|kind| board.name.starts_with(kind));
        assert_eq!(ribbons, is_known, "{}", board.name);
        let all = match ribbons {
            true => all.replacen("source = \"v4l2:auto\"\n", "", 1),
            false => all,
        };
        let offered: String = all
            .lines()
            .map(|line| {
                format!(
                    "{}\n",
                    line.strip_prefix('#')
                        .filter(|rest| !rest.starts_with(' '))
                        .unwrap_or(line)
                )
            })
            .collect();
        fs::write(&file, offered).unwrap();
        let layer = Layer::read(&file).unwrap();
        assert_eq!(layer.get("board"), Some(board.name.as_str()));
        assert_eq!(layer.get("run-camera").is_some(), ribbons);
        assert_eq!(layer.get("threads"), board.settings.get("threads"));
        assert_eq!(layer.get("serial"), board.serial.device.as_deref());
        // The key file is on the board.
        let mut settings = Settings::from_layers([&layer]).unwrap();
        settings.key_file = None;
        settings.finish().unwrap();
        let unit = contents.unit();
        let filled = unit.lines().filter(|line| !line.starts_with('#'));
        assert!(!filled.clone().any(|line| line.ends_with('@')), "{unit}");
        let memory = format!("MemoryMax={}M", board.limits.memory_budget_mib + 32);
        assert!(filled.clone().any(|line| line == memory), "{unit}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let folder = Folder::new("full");
    let deb = folder.0.join("x.deb");
    // A folder in place of the file makes the rename fail.
    fs::create_dir(&deb).unwrap();
    assert!(write(&deb, b"bytes").is_err());
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    assert!(write(&folder.0.join("no/x.deb"), b"bytes").is_err());
}

#[test]
fn what_cannot_be_packaged_is_refused_with_the_reason() {
    let ask = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        main(&args).unwrap_err()
    };
    assert!(ask(&[]).contains("--board"));
    assert!(ask(&["--board"]).contains("value"));
    assert!(ask(&["--bord", "rpi4"]).contains("--bord"));
    assert!(ask(&["--board", "toaster"]).contains("rpi4"));
    assert!(ask(&["--board", "generic-x86-64"]).contains("x86_64-unknown-linux-gnu"));
}
