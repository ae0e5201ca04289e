//! Wi-Fi: `wpa_supplicant`, kept running on the card's radio.
//!
//! In: `wifi.toml` on the card, and the messages of the program. Out: a joined network, whose address the network's
//! own thread gets; lines in the log; and the radio's state in a file that posewire reads. A card without the
//! program is one of a board without a radio.

mod config;
mod control;
mod status;
mod supplicant;

use crate::CARD;
use crate::network::{Interface, Role, netlink};
use crate::output::{each_line, say};
use config::{Network, WifiConfig};
use control::Control;
use rustix::process::{Pid, Signal, kill_process};
use status::{State, Status};
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PROGRAM: &str = "/bin/wpa_supplicant";
/// In memory, and for this program alone: it has the passphrases.
const CONFIGURATION: &str = "/run/wifi/wpa.conf";
const SOCKETS: &str = "/run/wifi/sockets";
const OWN_SOCKET: &str = "/run/wifi/own";
/// The line that posewire reads. Others have no reason to read what else is in `/run`.
const FIGURES: &str = "/run/posewire/radio";
const LOOK_EVERY: Duration = Duration::from_millis(200);
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Time for a driver to load its firmware and make its interface.
const LONGEST_START: Duration = Duration::from_secs(15);
const SIGNAL_EVERY: Duration = Duration::from_secs(5);

/// Starts the radio if the card has one and `wifi.toml` names a network. Returns whether it does.
pub fn start() -> bool {
    let path = Path::new(CARD).join("wifi.toml");
    let read = WifiConfig::read(&path);
    if !Path::new(PROGRAM).exists() {
        if !matches!(read, Ok(None)) {
            say(&format!(
                "{}: this card was made without Wi-Fi: remove the file, or use a card of a board with a radio",
                path.display()
            ));
        }
        return false;
    }
    let config = match read {
        Ok(Some(config)) => config,
        Ok(None) => return false,
        Err(error) => {
            say(&format!("{error}; there will be no Wi-Fi"));
            if let Some(mut file) = Figures::open() {
                file.write(&Status::new(State::WrongFile), &[]);
            }
            return false;
        }
    };
    // Before posewire starts, which opens it once.
    let mut file = Figures::open();
    let started = std::thread::Builder::new()
        .name("wifi".into())
        .spawn(move || {
            loop {
                let run = || keep_joined(&config, file.as_mut());
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
                    say("wifi: a bug in here; it starts again");
                }
                std::thread::sleep(RETRY_AFTER);
            }
        });
    if let Err(error) = &started {
        say(&format!("wifi: {error}"));
    }
    started.is_ok()
}

/// Returns when there is no radio any more, or its program has ended.
fn keep_joined(config: &WifiConfig, mut file: Option<&mut Figures>) {
    let mut status = Status::new(State::NoRadio);
    let mut tell = |status: &Status| {
        if let Some(file) = file.as_mut() {
            file.write(status, &config.networks);
        }
    };
    tell(&status);
    let started = Instant::now();
    let mut said = false;
    let radio = loop {
        if let Some(radio) = Interface::first(Role::Radio) {
            break radio;
        }
        if !said && started.elapsed() > LONGEST_START {
            said = true;
            say("wifi: no radio has come up: the lines of brcmfmac above say why");
        }
        std::thread::sleep(LOOK_EVERY);
    };
    status.state = State::Joining;
    tell(&status);
    if let Err(error) = serve(&radio, config, &mut status, &mut tell) {
        say(&format!("{}: wpa_supplicant: {error}", radio.name));
    }
}

fn serve(
    radio: &Interface,
    config: &WifiConfig,
    status: &mut Status,
    tell: &mut impl FnMut(&Status),
) -> io::Result<()> {
    write_configuration(config)?;
    netlink::set_up(radio.index)?;
    // A radio that sleeps between beacons adds up to a tenth of a second to a packet's way.
    if let Err(error) = netlink::power_saving_off(radio.index) {
        say(&format!("{} keeps its power saving: {error}", radio.name));
    }
    let program = Program::start(&radio.name)?;
    let socket = Path::new(SOCKETS).join(&radio.name);
    let control = Control::open(&socket, Path::new(OWN_SOCKET), LONGEST_START)
        .map_err(|error| program.why().unwrap_or(error))?;
    let mut asked = Instant::now();
    loop {
        if let Some(why) = program.why() {
            return Err(why);
        }
        if !radio.is_there() {
            return Err(io::Error::other("its radio is gone"));
        }
        if status.state == State::Joined && asked.elapsed() > SIGNAL_EVERY {
            asked = Instant::now();
            control.send("SIGNAL_POLL")?;
        }
        let Some(message) = control.next(LOOK_EVERY)? else {
            continue;
        };
        if let Some(event) = supplicant::event(&message) {
            if let Some(line) = status.take(&event, &config.networks, Instant::now()) {
                say(&format!("{} {line}", radio.name));
            }
            tell(status);
        }
    }
}

fn write_configuration(config: &WifiConfig) -> io::Result<()> {
    let path = Path::new(CONFIGURATION);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Of an earlier run; usually there is none.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(supplicant::configuration(config, SOCKETS).as_bytes())
}

/// The running program. Dropping it ends it; the init collects its end with the others'.
struct Program {
    pid: Pid,
    /// Its last line, once it has closed its output.
    ended: mpsc::Receiver<String>,
}

impl Program {
    fn start(interface: &str) -> io::Result<Self> {
        let (ours, theirs) = io::pipe()?;
        let child = Command::new(PROGRAM)
            .args(["-Dnl80211", "-i", interface, "-c", CONFIGURATION])
            .stdin(Stdio::null())
            .stdout(theirs.try_clone()?)
            .stderr(theirs)
            .spawn()?;
        let (sender, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("wifi-lines".into())
            .spawn(move || sender.send(last_line(ours)))?;
        Ok(Program {
            pid: Pid::from_child(&child),
            ended,
        })
    }

    /// How it ended, if it has.
    fn why(&self) -> Option<io::Error> {
        match self.ended.try_recv() {
            Ok(line) => Some(io::Error::other(format!("ended: {line}"))),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some(io::Error::other("ended")),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The number of one that has ended may be another's by now.
        if matches!(self.ended.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            let _ = kill_process(self.pid, Signal::TERM);
        }
    }
}

/// Its messages come by the socket as well: of its lines only the last one matters, if it ends.
fn last_line(mut from: PipeReader) -> String {
    let mut last = Vec::new();
    each_line(&mut from, |line| last = line.to_vec());
    String::from_utf8_lossy(&last).into_owned()
}

/// The file of the radio's state.
struct Figures {
    file: File,
    written: String,
}

impl Figures {
    fn open() -> Option<Self> {
        let path = Path::new(FIGURES);
        let opened = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| {
                // posewire keeps the file open: it is never replaced.
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false).open(path)
            });
        match opened {
            Ok(file) => Some(Figures {
                file,
                written: String::new(),
            }),
            Err(error) => {
                say(&format!("{FIGURES}: {error}"));
                None
            }
        }
    }

    fn write(&mut self, status: &Status, networks: &[Network]) {
        let figures = status.figures(networks);
        if figures != self.written && self.file.write_all_at(figures.as_bytes(), 0).is_ok() {
            self.written = figures;
        }
    }
}
