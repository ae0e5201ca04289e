//! Text from outside, made fit for people's eyes: a log, a terminal, an error's line.
//!
//! In: names, paths and messages from files, devices, networks and libraries. Out: the same text with an escape, such
//! as `\x1b`, `\n` or `\u{202e}`, for each character that moves the cursor, begins a line or changes the direction of
//! reading. Such text cannot forge a line. Nothing is allocated.
//!
//! Three places apply it to all that they write: the `Display` of errors, the log, and the commands' output.

use std::fmt::{self, Write};
use std::path::Path;

/// A value whose text is escaped. Escaped text stays as it is when it is escaped again.
///
/// ```
/// use posewire::text::Shown;
///
/// assert_eq!(Shown("Caf\u{e9}\n\u{202e}gnp").to_string(), "Caf\u{e9}\\n\\u{202e}gnp");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Shown<T>(pub T);

impl<'a> Shown<std::path::Display<'a>> {
    /// A path. Bytes that are not UTF-8 become U+FFFD.
    pub fn path(path: &'a Path) -> Self {
        Shown(path.display())
    }
}

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Passes text on to `W`, escaped.
#[derive(Debug)]
pub struct Escaping<W>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(needs_escape) {
            self.0.write_str(&rest[..at])?;
            let mut after = rest[at..].chars();
            if let Some(c) = after.next() {
                escape(&mut self.0, c)?;
            }
            rest = after.as_str();
        }
        self.0.write_str(rest)
    }
}

fn escape(to: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '\n' | '\r' | '\t' => write!(to, "{}", c.escape_default()),
        _ if c.is_ascii() => write!(to, "\\x{:02x}", u32::from(c)),
        _ => write!(to, "{}", c.escape_unicode()),
    }
}

/// First and last character of each range of Unicode's category Cf (format), and the separators of lines and
/// paragraphs (Zl, Zp).
const INVISIBLE: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e007f}'),
];

/// True for characters of Unicode's categories Cc, Cf, Zl and Zp.
fn needs_escape(c: char) -> bool {
    let invisible = |&(first, last): &(char, char)| (first..=last).contains(&c);
    c.is_control() || (!c.is_ascii() && INVISIBLE.iter().any(invisible))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    /// Characters that a terminal shows as such: the standard library agrees about all that are escaped.
    #[test]
    fn controls_and_invisible_characters_are_escaped_and_nothing_else_is() {
        for c in '\0'..=char::MAX {
            let shown = Shown(c).to_string();
            if shown == c.to_string() {
                assert!(!c.is_control(), "{c:?}");
                continue;
            }
            assert!(shown.starts_with('\\') && shown.is_ascii(), "{shown}");
            // `escape_debug` escapes also unassigned characters, marks and quotes.
            assert_ne!(c.escape_debug().to_string(), c.to_string());
        }
        let kept =
            "plain 'quoted' \"text\" C:\\x \u{e9} \u{4e2d}\u{6587} \u{5e9} \u{1f91a} e\u{301}";
        assert_eq!(Shown(kept).to_string(), kept);
        for (given, shown) in [
            ("\x1b[2J\x07", "\\x1b[2J\\x07"),
            ("a\n[ERROR] b\r\t", "a\\n[ERROR] b\\r\\t"),
            ("\x7f\u{9b}31m", "\\x7f\\u{9b}31m"),
            ("\u{85}\u{2028}\u{2029}", "\\u{85}\\u{2028}\\u{2029}"),
            (
                "\u{202a}\u{202e}\u{2066}\u{2069}",
                "\\u{202a}\\u{202e}\\u{2066}\\u{2069}",
            ),
            (
                "\u{200e}\u{200f}\u{61c}\u{feff}\u{ad}",
                "\\u{200e}\\u{200f}\\u{61c}\\u{feff}\\u{ad}",
            ),
            (
                "\u{e0041}\u{fff9}\u{1d173}",
                "\\u{e0041}\\u{fff9}\\u{1d173}",
            ),
        ] {
            assert_eq!(Shown(given).to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn escaped_text_has_one_line_and_is_not_escaped_again(text in any::<String>()) {
            let once = Shown(&text).to_string();
            prop_assert!(!once.contains(needs_escape));
            prop_assert_eq!(once.lines().count(), usize::from(!text.is_empty()));
            prop_assert_eq!(Shown(&once).to_string(), once);
        }
    }

    /// A path reaches people only as [`Shown::path`].
    #[test]
    #[cfg_attr(miri, ignore = "Miri reads no folders")]
    fn no_path_is_displayed_as_it_is() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("src/text.rs") {
                    let source = fs::read_to_string(&path).unwrap();
                    let raw = source.lines().find(|line| line.contains(".display()"));
                    assert_eq!(raw, None, "{path:?}: take Shown::path");
                    files += 1;
                }
            }
        }
        assert!(files > 100, "{files}");
    }
}
