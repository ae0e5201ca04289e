//! The board's watchdog (the kernel's Watchdog Timer Driver API). It reboots the board after a time without a
//! write, usually 15 s to a minute.

use super::{Every, support};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::process::sandbox::Access;
use crate::sink::{Delivery, Event, Kind, SendError, Sink, What, When};
use crate::text::Shown;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The watchdog's device, usually `/dev/watchdog`.
pub(in crate::sink) const KIND: Kind = Kind {
    name: "watchdog",
    argument: "DEVICE",
    example: "/dev/watchdog",
    help: "feed the board's watchdog with each packet; it reboots a board that hangs",
    check: |_| Ok(()),
    heap_bytes: 0,
    thread: None,
    writes: |device| Some(Path::new(device)),
    access: |device| Access {
        write: vec![device.into()],
        ..Access::default()
    },
    prepare: |_| Ok(()),
    when: When::Last,
    open: |device, _| Ok(Box::new(WatchdogDevice::open(Path::new(device))?)),
};

const FEED_EVERY: Duration = Duration::from_secs(1);
/// The last byte before an orderly end: it stops the watchdog.
const MAGIC_CLOSE: &[u8] = b"V";

/// A sink that feeds the watchdog with each packet. A run that ends without its last packet leaves it running.
#[derive(Debug)]
pub struct WatchdogDevice {
    name: String,
    device: File,
    feed: Every,
}

impl WatchdogDevice {
    /// Opens the device, which starts the watchdog.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let name = format!("watchdog:{}", Shown::path(path));
        let fail = |what: &str| Error::sink(&name, what);
        // To open a device that is no watchdog can have effects of its own.
        let is_device = path
            .metadata()
            .map(|found| found.file_type().is_char_device());
        if is_device.is_ok_and(|is_device| !is_device) {
            return Err(fail("is not a watchdog: it is no character device"));
        }
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(flags)
            .open(path);
        let device = opened.map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "there is no such device: has the board one?".into(),
                io::ErrorKind::PermissionDenied => "no permission: only root may open it".into(),
                io::ErrorKind::ResourceBusy => {
                    "is in use: systemd may have it (RuntimeWatchdogSec)".into()
                }
                _ => format!("cannot be opened: {error}"),
            };
            Error::sink(&name, what)
        })?;
        if !support::is_watchdog(&device) {
            return Err(fail("is not a watchdog: it does not answer as one"));
        }
        Ok(Self::of(name, device))
    }

    fn of(name: String, device: File) -> Self {
        WatchdogDevice {
            name,
            device,
            feed: Every::new(FEED_EVERY),
        }
    }

    fn feed(&mut self, now: Instant) -> Delivery {
        if self.feed.is_due(now) {
            self.write(b"\0")
        } else {
            Ok(())
        }
    }

    fn write(&mut self, food: &[u8]) -> Delivery {
        self.device
            .write_all(food)
            .map_err(|error| SendError::Dropped(error.to_string()))
    }
}

impl Sink for WatchdogDevice {
    fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery {
        match event.what {
            What::Last => self.write(MAGIC_CLOSE),
            _ => self.feed(now),
        }
    }

    fn carries_packets(&self) -> bool {
        false
    }

    fn tick(&mut self, now: Instant) -> Delivery {
        self.feed(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(watchdog: &mut WatchdogDevice, what: What<'_>) {
        let event = Event { what, packets: &[] };
        watchdog.take(&event, Instant::now()).unwrap();
    }

    #[test]
    fn it_is_fed_now_and_then_and_let_go_at_an_orderly_end() {
        let path = std::env::temp_dir().join(format!("posewire-watchdog-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let error = WatchdogDevice::open(&path).unwrap_err().to_string();
        assert!(error.contains("is not a watchdog"), "{error}");
        let error = WatchdogDevice::open(Path::new("/dev/null")).unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error}");
        let file = File::create(&path).unwrap();
        let mut watchdog = WatchdogDevice::of("test".into(), file);
        // A slow machine can take a second for three packets.
        watchdog.feed = Every::new(Duration::from_secs(3600));
        for _ in 0..3 {
            tell(&mut watchdog, What::Idle);
        }
        watchdog.tick(Instant::now()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"\0");
        watchdog.feed = Every::new(Duration::ZERO);
        watchdog.tick(Instant::now()).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"\0\0",
            "fed without a packet"
        );
        tell(&mut watchdog, What::Last);
        assert_eq!(std::fs::read(&path).unwrap(), b"\0\0V");
        std::fs::remove_file(&path).unwrap();
        let error = WatchdogDevice::open(&path).unwrap_err().to_string();
        assert!(error.contains("no such device"), "{error}");
    }
}
