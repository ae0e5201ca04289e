//! Lines that are painted over the lines before, on a terminal.
//!
//! In: a text of some lines. Out: the bytes that replace the last text with it. Lines that are too long or too many are
//! cut, so that the terminal neither wraps nor scrolls them away. What others write to the terminal moves the text down.

use rustix::termios::{isatty, tcgetwinsize};
use std::fmt::Write;
use std::os::fd::AsFd;

/// Size of a terminal that does not tell its own.
const DEFAULT: Size = Size {
    columns: 80,
    rows: 24,
};

/// Columns and rows of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub columns: usize,
    pub rows: usize,
}

/// The size of the terminal; `None` if it is none. It is asked once: the closed sandbox refuses the question.
pub(super) fn size(of: impl AsFd) -> Option<Size> {
    if !isatty(&of) {
        return None;
    }
    let known = tcgetwinsize(&of).ok();
    let known = known.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    Some(known.map_or(DEFAULT, |size| Size {
        columns: size.ws_col.into(),
        rows: size.ws_row.into(),
    }))
}

/// A part of a terminal.
#[derive(Debug)]
pub(super) struct Screen {
    size: Size,
    /// Lines of the last text.
    lines: usize,
}

impl Screen {
    pub fn new(size: Size) -> Self {
        Screen { size, lines: 0 }
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// The bytes that replace the last text. The cursor is below it then.
    pub fn paint(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 64);
        if self.lines > 0 {
            // Up, to the first line.
            let _ = write!(out, "\x1b[{}A", self.lines);
        }
        // The cursor has a row of its own.
        let kept = text.lines().take(self.size.rows.saturating_sub(1).max(1));
        self.lines = 0;
        for line in kept {
            out.extend(line.chars().take(self.size.columns));
            // What is left of a longer line.
            out.push_str("\x1b[K\n");
            self.lines += 1;
        }
        // Lines of a longer text.
        out.push_str("\x1b[J");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_replaces_the_one_before_and_is_cut_to_the_terminal() {
        let mut screen = Screen::new(Size {
            columns: 5,
            rows: 3,
        });
        assert_eq!(screen.paint("ab\ncd\n"), "ab\x1b[K\ncd\x1b[K\n\x1b[J");
        assert_eq!(screen.paint("longer\u{2588}"), "\x1b[2Alonge\x1b[K\n\x1b[J");
        assert_eq!(
            screen.paint("1\n2\n3\n4"),
            "\x1b[1A1\x1b[K\n2\x1b[K\n\x1b[J"
        );
        assert_eq!(screen.paint(""), "\x1b[2A\x1b[J");
    }

    #[test]
    fn a_file_is_no_terminal() {
        assert_eq!(size(std::fs::File::open("/dev/null").unwrap()), None);
    }
}
