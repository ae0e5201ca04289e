//! A serial line: a UART, or an adapter on USB.
//!
//! In: `DEVICE` or `DEVICE:BAUD`. Out: a [`Tty`] that passes bytes unchanged (8 bits, no parity, 1 stop bit,
//! no flow control) and never waits. The module `wire` gives the bytes their meaning.

mod outq;
mod tty;
mod typo;

pub use tty::Tty;

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The default rate of USB adapters and of most microcontroller examples.
const DEFAULT_BAUD: u32 = 115_200;

/// Bits of line time for a byte: a start bit, eight of data, a stop bit.
pub const BITS_PER_BYTE: u32 = 10;

/// A device and its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialSpec {
    pub device: String,
    pub baud: u32,
}

impl FromStr for SerialSpec {
    type Err = Error;

    /// The text after the last colon is the rate if it is all digits. Names in `/dev/serial/by-path` contain colons.
    fn from_str(text: &str) -> Result<Self> {
        let fail = |what: &str| Error::usage(format!("{text:?}: {what}"));
        if let Some(meant) = typo::meant(text) {
            return Err(fail(&format!(
                "the rate is a number behind one colon: try {meant}"
            )));
        }
        let (device, baud) = match text.rsplit_once(':') {
            Some((device, digits))
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                let baud = digits.parse().ok().filter(|&baud| baud > 0);
                (
                    device,
                    baud.ok_or_else(|| fail("no serial line has such a rate"))?,
                )
            }
            _ => (text, DEFAULT_BAUD),
        };
        if device.is_empty() {
            return Err(fail(
                "expected is DEVICE or DEVICE:BAUD, for example /dev/ttyUSB0:115200",
            ));
        }
        Ok(SerialSpec {
            device: device.into(),
            baud,
        })
    }
}

impl fmt::Display for SerialSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "serial:{}:{}", self.device, self.baud)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn only_digits_after_the_last_colon_are_a_rate() {
        let path = "/dev/serial/by-path/platform-xhci-hcd.0-usb-0:1.1:1.0-port0";
        for (text, device, baud) in [
            ("/dev/ttyS0", "/dev/ttyS0", 115_200),
            ("/dev/ttyS0:9600", "/dev/ttyS0", 9_600),
            (path, path, 115_200),
            (&format!("{path}:1500000"), path, 1_500_000),
            ("/dev/robot:left", "/dev/robot:left", 115_200),
        ] {
            let spec: SerialSpec = text.parse().unwrap();
            assert_eq!((spec.device.as_str(), spec.baud), (device, baud), "{text}");
        }
    }

    #[test]
    fn a_rate_that_cannot_be_names_the_setting() {
        for text in ["", ":9600", "/dev/ttyS0:0", "/dev/ttyS0:99999999999"] {
            let error = text.parse::<SerialSpec>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
