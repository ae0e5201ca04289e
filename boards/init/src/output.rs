//! Lines for the kernel's log. The kernel shows them on every console, screen and serial line alike. A
//! console that is slow or jammed holds up the relay here, not posewire.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};

const LOG: &str = "/dev/kmsg";
/// The kernel refuses records of about 1000 bytes.
const LONGEST_LINE: usize = 800;
/// Syslog's "notice".
const LEVEL: &str = "<5>";

/// Writes one line in this program's name.
pub fn say(text: &str) {
    log(format!("init: {}", shown(text)).as_bytes());
}

/// Text with escapes for what would forge lines or turn their direction: names on the card and errors may
/// hold any character.
fn shown(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                line.extend(character.escape_unicode());
            }
            _ if character.is_control() => line.extend(character.escape_default()),
            _ => line.push(character),
        }
    }
    line
}

fn log(line: &[u8]) {
    let mut record = LEVEL.as_bytes().to_vec();
    record.extend(line);
    record.push(b'\n');
    let written = OpenOptions::new()
        .write(true)
        .open(LOG)
        .and_then(|mut log| log.write_all(&record));
    if written.is_err() {
        // The last resort; a failure here has nowhere to go.
        let _ = io::stderr().write_all(&record);
    }
}

/// Passes a program's output on, line by line, until the program has closed its end.
pub fn relay(from: &mut impl Read) {
    each_line(from, log);
}

/// Memory is bounded: a line longer than [`LONGEST_LINE`] is cut into several.
pub fn each_line(from: &mut impl Read, mut take: impl FnMut(&[u8])) {
    let mut line = Vec::with_capacity(LONGEST_LINE);
    let mut bytes = [0; 512];
    loop {
        let length = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for &byte in &bytes[..length] {
            if byte != b'\n' {
                line.push(byte);
            }
            if (byte == b'\n' || line.len() == LONGEST_LINE) && !line.is_empty() {
                take(&line);
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        take(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        each_line(&mut &bytes[..], |line| all.push(line.to_vec()));
        all
    }

    #[test]
    fn one_line_stays_one_line() {
        for (text, expected) in [
            ("eth0 has 10.0.2.15/24", "eth0 has 10.0.2.15/24"),
            ("kaputt: \u{e4}", "kaputt: \u{e4}"),
            ("a\nb\x1b[2J", "a\\nb\\u{1b}[2J"),
            ("a\u{202e}b\u{2066}c\u{85}", "a\\u{202e}b\\u{2066}c\\u{85}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn lines_are_passed_on_whole_and_the_last_needs_no_end() {
        assert_eq!(lines(b"one\n\ntwo\nthree"), [&b"one"[..], b"two", b"three"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let cut = lines(&vec![b'x'; 2 * LONGEST_LINE + 1]);
        let lengths: Vec<usize> = cut.iter().map(Vec::len).collect();
        assert_eq!(lengths, [LONGEST_LINE, LONGEST_LINE, 1]);
    }
}
