//! The control socket of `wpa_supplicant`: datagrams between two files.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A program that takes no commands any more hangs.
const LONGEST_SEND: Duration = Duration::from_secs(2);
/// Room for the longest message of the program.
const MESSAGE_BYTES: usize = 4096;

pub struct Control(UnixDatagram);

impl Control {
    /// Connects `own` to the program's socket when that is there, and asks for its events.
    ///
    /// # Errors
    /// As the system says; `TimedOut` if the socket does not appear.
    pub fn open(program: &Path, own: &Path, limit: Duration) -> io::Result<Self> {
        let until = Instant::now() + limit;
        // Of an earlier run; usually there is none.
        let _ = fs::remove_file(own);
        let socket = UnixDatagram::bind(own)?;
        while let Err(error) = socket.connect(program) {
            let waits = matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            );
            if !waits || Instant::now() > until {
                return Err(error);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        socket.set_write_timeout(Some(LONGEST_SEND))?;
        let control = Control(socket);
        control.send("ATTACH")?;
        Ok(control)
    }

    pub fn send(&self, command: &str) -> io::Result<()> {
        self.0.send(command.as_bytes()).map(drop)
    }

    /// The next event or answer. `None` if there is none within `limit`, or it is no text.
    pub fn next(&self, limit: Duration) -> io::Result<Option<String>> {
        self.0.set_read_timeout(Some(limit))?;
        let mut bytes = [0; MESSAGE_BYTES];
        match self.0.recv(&mut bytes) {
            Ok(length) => Ok(String::from_utf8(bytes[..length].to_vec()).ok()),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_comes_late_is_waited_for_and_its_messages_are_read() {
        let folder =
            std::env::temp_dir().join(format!("board-init-control-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (theirs, own) = (folder.join("wlan0"), folder.join("own"));
        let started = std::thread::spawn({
            let (theirs, own) = (theirs.clone(), own.clone());
            move || Control::open(&theirs, &own, Duration::from_secs(20)).unwrap()
        });
        std::thread::sleep(2 * LOOK_EVERY);
        let program = UnixDatagram::bind(&theirs).unwrap();
        let control = started.join().unwrap();
        let mut bytes = [0; 64];
        let (length, from) = program.recv_from(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"ATTACH");
        program.send_to_addr(b"OK\n", &from).unwrap();
        let next = || control.next(Duration::from_millis(20)).unwrap();
        assert_eq!(next().as_deref(), Some("OK\n"));
        assert_eq!(next(), None);
        let late = Control::open(&folder.join("none"), &folder.join("own2"), Duration::ZERO);
        assert!(late.is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
