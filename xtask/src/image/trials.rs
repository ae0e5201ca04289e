//! Scenarios with cards in emulated boards, each from power-on.

use super::emulator::{self, RASPI3B, VIRT, folder, must_be_unchanged, plain};
use super::{Wanted, build, neighbour};
use crate::board::Standalone;
use crate::emulator::Emulator;
use crate::receiver::{Receiver, Seen};
use crate::tools::Outcome;
use std::time::Duration;

/// Boot time of an emulated Raspberry Pi 3 on a busy machine.
const LONGEST_BOOT: Duration = Duration::from_secs(300);
const HOST: &str = "10.0.2.2";

pub const TRIALS: &[Standalone] = &[
    Standalone {
        name: "card",
        about: "qemu-virt's card, from power-on to keypoints; the plug is pulled",
        run: plug_is_pulled,
    },
    Standalone {
        name: "card-mistakes",
        about: "mistakes in the files that a user changes on a card",
        run: mistakes,
    },
    Standalone {
        name: "card-rpi3",
        about: "rpi3's card, with vivid besides, in an emulated Raspberry Pi 3",
        run: rpi3,
    },
    Standalone {
        name: "card-wifi",
        about: "a card beside an access point: WPA2, WPA3, a wrong passphrase, an access point that goes away",
        run: neighbour::wifi,
    },
    Standalone {
        name: "card-usb",
        about: "a card as the USB device of a computer",
        run: neighbour::gadget,
    },
];

/// Waits for packets of frames. Seconds from power-on to the first.
fn keypoints(board: &mut Emulator, receiver: &Receiver, count: usize) -> Outcome<f64> {
    let found = (0..count)
        .map(|_| receiver.wait_for("keypoints", LONGEST_BOOT, Seen::is_keypoints))
        .collect::<Outcome<Vec<Seen>>>();
    let seen = found.map_err(|error| format!("{error}\n{}", board.tail()))?;
    let first = seen.first().ok_or("no packets were asked for")?;
    Ok((first.at - board.switched_on).as_secs_f64())
}

fn plug_is_pulled() -> Outcome<String> {
    /// The watchdog's time-out. A frame of the hand network takes less, also on a busy machine.
    const BITES_AFTER: Duration = Duration::from_secs(15);
    let mut card = build(&Wanted::plain("qemu-virt", &[])?)?;
    let receiver = Receiver::start(0)?;
    let to = format!("{HOST}:{}", receiver.port);
    card.edit(
        "posewire.toml",
        &[("10.0.2.2:9000", &to), ("#watchdog", "watchdog")],
    )?;
    let timed = format!("panic=10 i6300esb.heartbeat={}", BITES_AFTER.as_secs());
    card.edit("cmdline.txt", &[("panic=10", &timed)])?;
    let folder = folder()?;
    let mut board = emulator::start(&VIRT, &mut card, &folder)?;
    let first_s = keypoints(&mut board, &receiver, 3)?;
    let fed = receiver.collect(2 * BITES_AFTER)?;
    if !board.is_running() {
        return Err(format!("the watchdog was not fed\n{}", board.tail()));
    }
    let address = board.wait_for(&["init: eth0 has 10.0.2.15/24 by DHCP"], LONGEST_BOOT)?;
    drop(board);
    must_be_unchanged(&card, &folder)?;
    // The same file again: the state after a power cut.
    receiver.drain()?;
    let mut again = emulator::start(&VIRT, &mut card, &folder)?;
    let second_s = keypoints(&mut again, &receiver, 3)?;
    drop(again);
    must_be_unchanged(&card, &folder)?;
    let frames = fed.iter().filter(|seen| seen.is_keypoints()).count();
    if frames == 0 || !address.contains("gateway 10.0.2.2") {
        return Err(format!("{frames} frames; {address}"));
    }
    Ok(format!(
        "keypoints {first_s:.1} s and {second_s:.1} s after power-on, the card unchanged, \
         a watchdog of {} s fed for {} s",
        BITES_AFTER.as_secs(),
        2 * BITES_AFTER.as_secs()
    ))
}

fn mistakes() -> Outcome<String> {
    let mut card = build(&Wanted::plain("qemu-virt", &[])?)?;
    let good = card.read("posewire.toml")?;
    card.edit("posewire.toml", &[("board =", "bord =")])?;
    card.write("network.toml", b"# mine\naddress = '192.168.1.50'\n")?;
    let folder = folder()?;
    let mut board = emulator::start(&VIRT, &mut card, &folder)?;
    // The log says it, and the init tries again.
    let network = board.wait_for(&["init:", "network.toml", "192.168.1.50"], LONGEST_BOOT)?;
    let second = board.wait_for(&["init: posewire", "exit code 3", "in 2 s"], LONGEST_BOOT)?;
    let said = board.said();
    drop(board);
    must_be_unchanged(&card, &folder)?;
    let said: Vec<&str> = said
        .lines()
        .take_while(|line| line.trim() != second)
        .filter(|line| line.contains("posewire: "))
        .collect();
    let [first, again] = said[..] else {
        return Err(format!("posewire said {said:?}"));
    };
    let is_clear = |line: &str| {
        ["error: configuration posewire.toml", "bord"]
            .iter()
            .all(|word| line.contains(word))
    };
    if !is_clear(first) || plain(first) != plain(again) {
        return Err(format!("posewire said {said:?}"));
    }
    // The user corrects it and switches the board on.
    card.write("posewire.toml", &good)?;
    card.write("network.toml", b"")?;
    let receiver = Receiver::start(0)?;
    let to = format!("{HOST}:{}", receiver.port);
    card.edit("posewire.toml", &[("10.0.2.2:9000", &to)])?;
    let mut board = emulator::start(&VIRT, &mut card, &folder)?;
    keypoints(&mut board, &receiver, 1)?;
    let told: String = plain(first).chars().take(100).collect();
    Ok(format!("{told:?}; {:?}; mended", plain(&network)))
}

fn rpi3() -> Outcome<String> {
    let mut card = build(&Wanted::plain("rpi3", &["vivid"])?)?;
    let receiver = Receiver::start(0)?;
    let to = format!("{HOST}:{}", receiver.port);
    card.edit(
        "posewire.toml",
        &[
            ("192.168.1.20:9000", &to),
            // QEMU's model of this watchdog bites at once.
            ("watchdog =", "#watchdog ="),
        ],
    )?;
    card.edit(
        "network.toml",
        &[(
            "#address = \"192.168.1.50/24\"",
            "address = \"10.0.2.15/24\"",
        )],
    )?;
    let folder = folder()?;
    let mut board = emulator::start(&RASPI3B, &mut card, &folder)?;
    let first_s = keypoints(&mut board, &receiver, 2)?;
    let network = board.wait_for(&["has 10.0.2.15/24 by network.toml"], LONGEST_BOOT)?;
    drop(board);
    must_be_unchanged(&card, &folder)?;
    let network = plain(&network);
    Ok(format!(
        "keypoints {first_s:.1} s after power-on, {network:?}, the card unchanged"
    ))
}
