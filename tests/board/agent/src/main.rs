//! The test board's first and only service.
//!
//! In: the kernel's command line (`board.port=N`), files that the host put into the initramfs, and
//! one command a line over TCP from the host. Out: one line for each command, `ok ...` or
//! `error ...`. When the host goes away the board is switched off. Beside a card it is the card's
//! neighbour: see [`neighbour`].

mod commands;
mod neighbour;
mod picture;
mod programs;
mod queue;
mod system;
mod usb;
mod video;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// QEMU's user network: the guest's host.
const HOST: &str = "10.0.2.2";
const CONNECT_TRIES: u32 = 50;
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// A result. The error is one line for the host.
pub type Outcome<T> = Result<T, String>;

fn main() {
    let is_copy = std::env::args()
        .nth(1)
        .is_some_and(|word| word == neighbour::COPY);
    let ended = match (is_copy, neighbour::is_wanted()) {
        (true, _) => neighbour::bring_up_network().and_then(|()| serve()),
        (false, true) => neighbour::become_card(),
        (false, false) => start(),
    };
    if let Err(error) = ended {
        eprintln!("agent: {error}");
    }
    system::power_off();
}

fn start() -> Outcome<()> {
    system::mount_all()?;
    system::load_at_boot()?;
    system::bring_up_network()?;
    serve()
}

fn serve() -> Outcome<()> {
    let stream = connect(system::host_port()?)?;
    let mut answers = stream.try_clone().map_err(|error| error.to_string())?;
    let mut commands = commands::Commands::default();
    let mut answer = |text: String| {
        writeln!(answers, "{text}").map_err(|error| format!("answering the host: {error}"))
    };
    answer(format!("ok ready {}", system::uptime_ms()))?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|error| format!("listening to the host: {error}"))?;
        answer(match commands.run(&line) {
            Ok(text) => format!("ok {}", text.replace('\n', "|")),
            Err(text) => format!("error {}", text.replace('\n', "|")),
        })?;
    }
    Ok(())
}

fn connect(port: u16) -> Outcome<TcpStream> {
    let mut last = String::new();
    for _ in 0..CONNECT_TRIES {
        match TcpStream::connect((HOST, port)) {
            Ok(stream) => {
                // Answers are single lines; waiting to fill a segment would only delay them.
                stream
                    .set_nodelay(true)
                    .map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) => last = error.to_string(),
        }
        std::thread::sleep(CONNECT_PAUSE);
    }
    Err(format!("cannot reach the host at {HOST}:{port}: {last}"))
}
