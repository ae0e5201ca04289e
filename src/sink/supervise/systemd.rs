//! systemd's notification protocol (sd_notify(3)): datagrams to the socket in `NOTIFY_SOCKET`.
//!
//! The first turn of the loop sends `READY=1`, later ones send `WATCHDOG=1` every quarter of the unit's watchdog time,
//! and packets send `STATUS=` periodically. The last packet sends `STOPPING=1`.

use super::Every;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::sink::{Delivery, Event, SendError, Sink, What};
use crate::wire::Packet;
use std::fmt::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Watchdog time of a unit without a watchdog.
const NEVER: Duration = Duration::MAX;

/// A sink that notifies systemd.
#[derive(Debug)]
pub struct Systemd {
    socket: UnixDatagram,
    feed: Every,
    status: Every,
    /// Frames since the last status, and its time.
    frames: u64,
    since: Instant,
    text: heapless::String<128>,
    is_ready: bool,
}

impl Systemd {
    /// The systemd that started this process, if it expects notifications.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if its socket cannot be reached.
    pub fn from_environment() -> Result<Option<Self>> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(None);
        };
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // Without a process id the watchdog applies to any process with the variable.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience = number("WATCHDOG_USEC")
            .filter(|_| ours)
            .map(Duration::from_micros);
        Self::connect(name.as_encoded_bytes(), patience).map(Some)
    }

    /// Connects to `name`: a path, or `@` and the name of an abstract socket. `patience` is the watchdog's time.
    fn connect(name: &[u8], patience: Option<Duration>) -> Result<Self> {
        let text = String::from_utf8_lossy(name);
        let connected = match name {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            _ => SocketAddr::from_pathname(text.as_ref()),
        }
        .and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            // A full socket of a busy manager must not block the loop. A later message will get through.
            socket.set_nonblocking(true)?;
            socket.connect_addr(&address)?;
            Ok(socket)
        });
        let socket = connected.map_err(|error| {
            Error::sink(
                "systemd",
                format!("NOTIFY_SOCKET {text} cannot be reached: {error}"),
            )
        })?;
        Ok(Systemd {
            socket,
            feed: Every::new(patience.map_or(NEVER, |patience| patience / 4)),
            status: Every::new(STATUS_EVERY),
            frames: 0,
            since: Instant::now(),
            text: heapless::String::new(),
            is_ready: false,
        })
    }

    fn tell(&self, text: &str) -> Delivery {
        self.socket
            .send(text.as_bytes())
            .map(drop)
            .map_err(|error| SendError::Dropped(error.to_string()))
    }

    /// Writes the text for `systemctl status`. It fits; a longer text would only be cut.
    fn write_status(&mut self, packet: &Packet, now: Instant) {
        let seconds = self.since.elapsed_until(now).as_secs_f64().max(1e-3);
        let rate = self.frames as f64 / seconds;
        self.text.clear();
        let _ = write!(self.text, "STATUS={rate:.1} frames/s");
        for flag in packet.flags.names() {
            let _ = write!(self.text, " {flag}");
        }
        self.frames = 0;
        self.since = now;
    }
}

impl Sink for Systemd {
    fn name(&self) -> &str {
        "systemd"
    }

    fn carries_packets(&self) -> bool {
        false
    }

    fn tick(&mut self, now: Instant) -> Delivery {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.tell("READY=1")?;
        }
        if self.feed.is_due(now) && self.feed.period != NEVER {
            self.tell("WATCHDOG=1")?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery {
        self.frames += u64::from(matches!(event.what, What::Scene { .. }));
        if matches!(event.what, What::Last) {
            return self.tell("STOPPING=1");
        }
        self.tick(now)?;
        if let Some(packet) = event.packets.first()
            && self.status.is_due(now)
        {
            self.write_status(packet, now);
            self.tell(&self.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, test_packet};

    fn tell(systemd: &mut Systemd, what: What<'_>, flags: Flags) {
        let packets = [test_packet(flags)];
        let event = Event {
            what,
            packets: &packets,
        };
        systemd.take(&event, Instant::now()).unwrap();
    }

    fn manager(name: &[u8]) -> UnixDatagram {
        let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let (mut all, mut bytes) = (Vec::new(), [0; 256]);
        while let Ok(length) = socket.recv(&mut bytes) {
            all.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
        all
    }

    #[test]
    fn the_manager_hears_of_the_start_of_packets_and_of_the_end() {
        let name = format!("@posewire-test-{}", std::process::id());
        let socket = manager(name.as_bytes());
        // Fed once an hour, so that no message is due because of a slow machine.
        const HOUR: Duration = Duration::from_secs(3600);
        let mut systemd = Systemd::connect(name.as_bytes(), Some(4 * HOUR)).unwrap();
        systemd.status.period = HOUR;
        assert!(heard(&socket).is_empty(), "nothing before the first packet");
        tell(&mut systemd, What::Idle, Flags::NO_CAMERA);
        assert_eq!(
            heard(&socket),
            ["READY=1", "WATCHDOG=1", "STATUS=0.0 frames/s no_camera"]
        );
        tell(&mut systemd, What::Idle, Flags::NO_CAMERA);
        assert!(heard(&socket).is_empty(), "not with every packet");
        systemd.feed.period = Duration::ZERO;
        tell(&mut systemd, What::Idle, Flags::NO_CAMERA);
        assert_eq!(heard(&socket), ["WATCHDOG=1"]);
        systemd.tick(Instant::now()).unwrap();
        assert_eq!(heard(&socket), ["WATCHDOG=1"], "fed without a packet");
        tell(&mut systemd, What::Last, Flags::LAST);
        assert_eq!(heard(&socket), ["STOPPING=1"]);
    }

    #[test]
    fn without_a_watchdog_it_is_not_fed() {
        let name = format!("@posewire-test-calm-{}", std::process::id());
        let socket = manager(name.as_bytes());
        let mut systemd = Systemd::connect(name.as_bytes(), None).unwrap();
        tell(&mut systemd, What::Idle, Flags::default());
        let heard = heard(&socket);
        assert_eq!(heard[0], "READY=1");
        assert!(!heard.contains(&"WATCHDOG=1".into()), "{heard:?}");
    }

    #[test]
    fn a_manager_that_is_not_there_is_an_error_with_its_name() {
        for name in ["/nowhere/notify", "@posewire-no-such-manager", ""] {
            let error = Systemd::connect(name.as_bytes(), None)
                .unwrap_err()
                .to_string();
            assert!(error.contains("NOTIFY_SOCKET"), "{error}");
        }
    }
}
