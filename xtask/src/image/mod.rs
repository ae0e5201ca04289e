//! `cargo xtask image`: a bootable card with posewire as its only service.
//!
//! In: Debian's kernel and device trees, Raspberry Pi firmware, and this repository's programs and demo models. Out:
//! one file that is copied to a card. Needs no root.

mod boards;
mod card;
mod emulator;
mod initramfs;
mod neighbour;
mod texts;
pub mod trials;

use crate::debian::packages;
use crate::tools::{self, Outcome, at, board_folder};
use crate::{cargo, plans};
use boards::{BOARDS, CardFor};
use card::{Card, LEAST_MIB, MOST_MIB};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

const DEFAULT_SIZE_MIB: usize = 64;
const INIT: &str = "board-init";
/// Longer runs of zeros become holes, so that the file takes only the room of its contents.
const HOLE: usize = 64 << 10;

/// The request of the command line.
pub struct Wanted {
    board: &'static CardFor,
    out: Option<PathBuf>,
    size_mib: usize,
    more_modules: Vec<String>,
    /// Wi-Fi also on a board without a radio of its own, for tests.
    wifi: bool,
}

pub fn main(args: &[String]) -> Outcome<bool> {
    let start = Instant::now();
    let wanted = parse(args)?;
    let mut card = build(&wanted)?;
    let out = match &wanted.out {
        Some(path) => path.clone(),
        None => board_folder()?.join(format!("posewire-{}.img", wanted.board.name)),
    };
    write_whole(&out, &card.bytes)?;
    let free_mib = mib(card.free_bytes()?);
    println!(
        "{}: {} MiB, {:.1} MiB of it free, for {}, in {:.0} s",
        out.display(),
        wanted.size_mib,
        free_mib,
        wanted.board.about,
        start.elapsed().as_secs_f64()
    );
    Ok(true)
}

impl Wanted {
    /// A card of the default size.
    fn plain(board: &str, more_modules: &[&str]) -> Outcome<Self> {
        Ok(Wanted {
            board: find_board(board)?,
            out: None,
            size_mib: DEFAULT_SIZE_MIB,
            more_modules: more_modules.iter().map(|&name| name.into()).collect(),
            wifi: false,
        })
    }
}

fn parse(args: &[String]) -> Outcome<Wanted> {
    let mut board = None;
    let mut wanted = Wanted::plain(BOARDS[0].name, &[])?;
    let mut rest = args.iter();
    while let Some(option) = rest.next() {
        let mut value = || {
            rest.next()
                .ok_or_else(|| format!("{option} needs a value: try cargo xtask"))
        };
        match option.as_str() {
            "--board" => board = Some(find_board(value()?)?),
            "--out" => wanted.out = Some(value()?.into()),
            "--size" => wanted.size_mib = size(value()?)?,
            "--module" => wanted.more_modules.push(value()?.clone()),
            other => return Err(format!("unknown option {other}: try cargo xtask")),
        }
    }
    wanted.board = board.ok_or_else(|| format!("for which board? --board {}", names()))?;
    Ok(wanted)
}

fn size(text: &str) -> Outcome<usize> {
    text.parse()
        .ok()
        .filter(|mib| (LEAST_MIB..=MOST_MIB).contains(mib))
        .ok_or_else(|| format!("--size is {text}, must be MiB in {LEAST_MIB}..{MOST_MIB}"))
}

fn find_board(name: &str) -> Outcome<&'static CardFor> {
    BOARDS
        .iter()
        .find(|board| board.name == name)
        .ok_or_else(|| format!("there is no card for a board {name}: one of {}", names()))
}

fn names() -> String {
    let names: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
    names.join(", ")
}

/// Makes the card in memory.
fn build(wanted: &Wanted) -> Outcome<Card> {
    let board = wanted.board;
    let profile = posewire::board::find(board.name).map_err(|error| error.to_string())?;
    let folder = board_folder()?;
    let packages = packages::fetch(&folder)?;
    cargo::build(INIT, &["--release", "--target", cargo::BOARD_TARGET])?;
    let init = tools::target()?
        .join(cargo::BOARD_TARGET)
        .join("release")
        .join(INIT);
    let mut files = Vec::new();
    let read = |path: &Path| fs::read(path).map_err(at(path));
    if !board.firmware.is_empty() {
        let firmware = packages::fetch_firmware(&folder)?;
        for &name in board.firmware {
            files.push((name.to_string(), read(&firmware.files.join(name))?));
        }
        files.push(("firmware-licence.txt".into(), read(&firmware.licence)?));
        files.push(("config.txt".into(), texts::config_txt().into_bytes()));
    }
    for tree in board.device_trees {
        let path = packages.device_trees.join(format!("{tree}.dtb"));
        let name = Path::new(tree).file_name().unwrap_or_default();
        files.push((format!("{}.dtb", name.display()), read(&path)?));
    }
    let has_wifi = wanted.wifi || board.radio.is_some();
    let wifi = match has_wifi {
        true => Some(packages::fetch_wifi(&folder)?),
        false => None,
    };
    let initramfs = initramfs::build(
        board,
        &initramfs::Contents {
            init: &init,
            posewire: &cargo::board_program(&profile.target)?,
            modules: &packages.modules,
            more_modules: &wanted.more_modules,
            wifi: wifi.as_deref(),
        },
    )?;
    if let Some(tree) = &wifi {
        files.push(("wifi.toml".into(), texts::WIFI_TOML.into()));
        let licence = tree.join("usr/share/doc/firmware-brcm80211/copyright");
        files.push(("wifi-licence.txt".into(), read(&licence)?));
    }
    for (name, bytes) in [
        (texts::KERNEL, read(&packages.kernel)?),
        (texts::INITRAMFS, initramfs),
        ("cmdline.txt", texts::cmdline_txt(board).into_bytes()),
        (
            "posewire.toml",
            texts::posewire_toml(board, &profile).into_bytes(),
        ),
        ("network.toml", texts::NETWORK_TOML.into()),
    ] {
        files.push((name.into(), bytes));
    }
    for (name, bytes) in plans::compile(&profile.kernel, profile.compile_for.as_deref())? {
        files.push((format!("{name}.plan"), bytes));
    }
    let mut card = Card::format(wanted.size_mib)?;
    fill(&mut card, &files)?;
    Ok(card)
}

fn fill(card: &mut Card, files: &[(String, Vec<u8>)]) -> Outcome<()> {
    let needed: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let free = card.free_bytes()?;
    // One extra sector per file, and the folder itself.
    if needed + 1024 * files.len() as u64 > free {
        return Err(format!(
            "the files are {:.1} MiB, and this card has room for {:.1}: give a larger --size",
            mib(needed),
            mib(free)
        ));
    }
    for (name, bytes) in files {
        card.write(name, bytes)?;
    }
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Writes the file whole or not at all.
fn write_whole(to: &Path, bytes: &[u8]) -> Outcome<()> {
    tools::replace(to, |partial| write_with_holes(partial, bytes))
}

fn write_with_holes(to: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let file = File::create(to)?;
    file.set_len(bytes.len() as u64)?;
    for (index, piece) in bytes.chunks(HOLE).enumerate() {
        if piece.iter().any(|&byte| byte != 0) {
            file.write_all_at(piece, (index * HOLE) as u64)?;
        }
    }
    (&file).flush()?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Outcome<Wanted> {
        let words: Vec<String> = text.split_whitespace().map(str::to_string).collect();
        parse(&words)
    }

    #[test]
    fn options_are_read() {
        let wanted = asked("--board rpi4 --size 128 --module vivid --out x.img").unwrap();
        assert_eq!(wanted.board.name, "rpi4");
        assert_eq!((wanted.size_mib, wanted.more_modules.len()), (128, 1));
        assert_eq!(wanted.out.as_deref(), Some(Path::new("x.img")));
    }

    #[test]
    fn mistakes_are_one_line_that_says_what_is_possible() {
        for (text, part) in [
            ("", "rpi-zero2w"),
            ("--board rpi9", "rpi-zero2w"),
            ("--board", "needs a value"),
            ("--board rpi3 --size 10", "36.."),
            ("--board rpi3 --size lots", "36.."),
            ("--what", "--what"),
        ] {
            let error = asked(text).err().unwrap_or_default();
            assert!(
                error.contains(part) && !error.contains('\n'),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn files_that_do_not_fit_are_one_line_that_says_what_to_do() {
        let mut card = Card::format(LEAST_MIB).unwrap();
        let large = [("kernel.img".to_string(), vec![1; LEAST_MIB << 20])];
        let error = fill(&mut card, &large).unwrap_err();
        assert!(error.contains("--size") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn settings_on_the_card_are_settings_of_posewire() {
        for board in BOARDS {
            let profile = posewire::board::find(board.name).unwrap();
            let text = texts::posewire_toml(board, &profile);
            // Settings in comments must be valid as well.
            let all = text
                .replace("\n#serial", "\nserial")
                .replace("\n#watchdog", "\nwatchdog")
                .replace("\n#key-file", "\nkey-file");
            for text in [&text, &all] {
                let path = std::path::Path::new("posewire.toml");
                let layer = posewire::settings::Layer::parse(path, text).unwrap();
                assert_eq!(layer.get("udp"), Some(board.udp), "{}", board.name);
                posewire::settings::Settings::from_layers([&layer]).unwrap();
            }
            assert!(all.contains("\nserial") && all.contains("\nkey-file"));
        }
    }

    #[test]
    fn a_card_is_written_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("posewire-card-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("card.img");
        let mut bytes = vec![0; 3 * HOLE + 10];
        bytes[HOLE + 5] = 9;
        write_whole(&path, &bytes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        // A file cannot replace a folder.
        let taken = folder.join("taken");
        fs::create_dir_all(taken.join("full")).unwrap();
        assert!(write_whole(&taken, &bytes).is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
