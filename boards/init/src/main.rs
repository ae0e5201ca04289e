//! The first program of a card that `cargo xtask image` writes: it brings the board up and keeps
//! posewire running.
//!
//! In: kernel modules and their order in the initramfs, and from the card's one partition, which is
//! mounted read-only, `posewire.toml`, `network.toml`, `wifi.toml` and the plans. Out: lines in the kernel's log,
//! which the kernel shows on every console. Nothing is ever written to the card. It never ends:
//! each failure is one line, and is tried again or done without. A bug in here restarts the board.

mod card;
mod file;
mod network;
mod output;
mod service;
mod system;
mod wifi;

use output::say;
use service::{Board, End};
use std::time::Duration;

/// Mount point of the card's partition. posewire runs here, so that `hand.plan` in `posewire.toml` is the
/// file beside it.
const CARD: &str = "/card";
/// Time to read the last line on a screen.
const PAUSE: Duration = Duration::from_secs(10);

fn main() {
    if !rustix::process::getpid().is_init() {
        eprintln!("board-init: only a kernel starts this, as its first program");
        std::process::exit(2);
    }
    // The kernel panics when its first program ends, so that a bug restarts the board from here.
    if let Err(panic) = std::panic::catch_unwind(bring_up) {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        say(&format!("a bug: {}", text.unwrap_or("unknown")));
    }
    std::thread::sleep(PAUSE);
    system::leave(End::Restart);
}

/// Returns only if it cannot go on.
fn bring_up() {
    system::mount_all();
    system::tell_the_kernel();
    let signals = match service::Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return say(&format!("signals: {error}")),
    };
    system::load_modules();
    card::wait_and_mount();
    let has_radio = wifi::start();
    network::start(has_radio);
    system::warn_of_a_shared_line();
    let end = service::keep_running(&mut Board::new(signals));
    say(match end {
        End::PowerOff => "powering off",
        End::Restart => "restarting",
    });
    card::unmount_card();
    system::leave(end);
}
