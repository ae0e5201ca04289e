//! Rates that were mistyped, such as `/dev/ttyUSB0:115200n8`, `:115k`, `,9600` or `:9600:8N1`.
//!
//! Without this they would be names of devices that do not exist, and the user would look at the plug. The last part
//! of a name in `/dev/serial/by-path` looks alike: `usb-0:1.1:1.0-port0`.

/// Rates that serial lines have, and the one to propose if none is meant.
const RATES: [u32; 14] = [
    1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000,
    921_600, 1_000_000, 1_500_000,
];
const USUAL: u32 = 115_200;

/// Characters that people write instead of the colon.
const SEPARATORS: [char; 7] = [':', ',', ';', ' ', '@', '=', '\t'];

/// The device and the rate that were probably meant, if the text has a mistyped rate.
pub(super) fn meant(text: &str) -> Option<String> {
    let (rest, last) = text.rsplit_once(SEPARATORS)?;
    let separator = text[rest.len()..].chars().next()?;
    let is_rate = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let is_one_rate = separator == ':' && is_rate && !ends_like_a_rate(rest);
    if is_one_rate || !looks_like_a_rate(last) {
        return None;
    }
    // The device ends where the first part begins that can be no part of a name.
    let mut device = rest;
    let mut rate = last;
    while let Some((shorter, part)) = device.rsplit_once(SEPARATORS) {
        if !looks_like_a_rate(part) {
            break;
        }
        device = shorter;
        if !part.is_empty() {
            rate = part;
        }
    }
    (!device.is_empty()).then(|| format!("{}:{}", device.trim(), nearest(rate)))
}

/// True for a part that a name does not have: nothing, or a number with anything but a dot or a dash behind it.
fn looks_like_a_rate(part: &str) -> bool {
    let number = part.trim_start_matches(['+', '-']);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let behind = &number[digits..];
    // `1.0` and `1.0-port0` are names of interfaces; `9.6k` and `115.2` are rates.
    let is_interface = behind.strip_prefix('.').is_some_and(|behind| {
        let minor = behind.bytes().take_while(u8::is_ascii_digit).count();
        digits <= 2 && (behind.len() == minor || behind[minor..].starts_with('-'))
    });
    part.is_empty() || (digits > 0 && !is_interface && !behind.starts_with('-'))
}

fn ends_like_a_rate(rest: &str) -> bool {
    rest.rsplit_once(SEPARATORS)
        .is_some_and(|(_, part)| looks_like_a_rate(part))
        || rest.ends_with(SEPARATORS)
}

/// The rate nearest to a mistyped one.
fn nearest(part: &str) -> u32 {
    let digits: String = part.chars().filter(char::is_ascii_digit).collect();
    let leading: String = part.chars().take_while(char::is_ascii_digit).collect();
    let of = |digits: &str, times: f64| digits.parse::<f64>().ok().map(|rate| rate * times);
    let number = part.trim_end_matches(|c: char| !c.is_ascii_digit());
    let candidates = [
        of(&digits, 1.0),
        of(&leading, 1.0),
        of(number, 1e3),
        of(number, 1e6),
    ];
    candidates
        .into_iter()
        .flatten()
        .find_map(|rate| {
            let near = |known: &&u32| (f64::from(**known) - rate).abs() <= 0.02 * rate;
            RATES.iter().find(near).copied()
        })
        .unwrap_or(USUAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mistyped_rate_is_named_with_the_one_that_was_meant() {
        let usb = "/dev/ttyUSB0";
        for (tail, rate) in [
            (":115200n8", 115_200),
            (":115k", 115_200),
            (":115.2k", 115_200),
            (":9.6k", 9_600),
            (":1M", 1_000_000),
            (":115,200", 115_200),
            (":115_200", 115_200),
            (":9600baud", 9_600),
            (":9600 ", 9_600),
            (":9600,8N1", 9_600),
            (":9600:8N1", 9_600),
            (":9600:9600", 9_600),
            ("::9600", 9_600),
            (":", 115_200),
            (",9600", 9_600),
            (" 9600", 9_600),
            ("@57600", 57_600),
            (";9600", 9_600),
            ("=9600", 9_600),
            (":-9600", 9_600),
            (":+9600", 9_600),
            (":0x2580", 115_200),
        ] {
            let meant = meant(&format!("{usb}{tail}"));
            assert_eq!(meant, Some(format!("{usb}:{rate}")), "{tail}");
        }
    }

    #[test]
    fn names_and_rates_that_are_right_are_left_alone() {
        for text in [
            "",
            ":9600",
            "/dev/ttyUSB0",
            "/dev/ttyUSB0:9600",
            "/dev/ttyUSB0:99999999999",
            "/dev/serial/by-path/platform-xhci-hcd.0-usb-0:1.1:1.0-port0",
            "/dev/serial/by-path/platform-xhci-hcd.0-usb-0:1.1:1.0-port0:1500000",
            "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0",
            "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0:9600",
            "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A9-if00-port0:57600",
            "/dev/robot:left",
        ] {
            assert_eq!(meant(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_meant_is_a_device_and_a_rate(text in "(/dev/tty)?[ -~]{0,24}") {
            if let Some(spec) = meant(&text) {
                let (device, rate) = spec.rsplit_once(':').unwrap();
                prop_assert!(text.contains(device));
                prop_assert!(RATES.contains(&rate.parse().unwrap()));
            }
        }
    }
}
