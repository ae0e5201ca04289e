//! Whole lines to a writer that may fail in the middle of one.

use std::io::{self, ErrorKind, Write};

/// Writes a line at once. A line that fails is lost, and what is written of it is a line of its own.
#[derive(Debug)]
pub struct LineWriter<W> {
    to: W,
    /// The last line has no end.
    torn: bool,
}

impl<W: Write> LineWriter<W> {
    pub fn new(to: W) -> Self {
        LineWriter { to, torn: false }
    }

    /// Writes a line that ends with a newline.
    ///
    /// # Errors
    /// As the writer says. The line is lost then, and will not come later.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.put(b"\n")?;
            self.torn = false;
        }
        self.put(line)
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let mut rest = line;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn get_ref(&self) -> &W {
        &self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// A writer that does what a script says, and everything once the script is over.
    struct Script {
        steps: VecDeque<Step>,
        written: Vec<u8>,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Part(usize),
        Fail(ErrorKind),
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = match self.steps.pop_front() {
                Some(Step::Fail(kind)) => return Err(kind.into()),
                Some(Step::Part(length)) => length.min(bytes.len()),
                None => bytes.len(),
            };
            self.written.extend(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..9_usize).prop_map(Step::Part),
            prop_oneof![
                Just(ErrorKind::StorageFull),
                Just(ErrorKind::WouldBlock),
                Just(ErrorKind::Interrupted),
                Just(ErrorKind::BrokenPipe),
            ]
            .prop_map(Step::Fail),
        ]
    }

    proptest! {
        #[test]
        fn lines_are_whole_and_come_once_whatever_the_writer_does(
            steps in prop::collection::vec(step(), 0..60),
            count in 1..20_usize,
        ) {
            let to = Script { steps: steps.into(), written: Vec::new() };
            let mut lines = LineWriter::new(to);
            let mut taken = Vec::new();
            for number in 0..count {
                let line = format!("<line {number}>");
                if lines.write(format!("{line}\n").as_bytes()).is_ok() {
                    taken.push(line);
                }
            }
            let text = String::from_utf8(lines.to.written).unwrap();
            // The last line may be cut; whole lines are those that were taken, or lost only their end.
            let whole: Vec<&str> = text
                .lines()
                .filter(|line| line.starts_with('<') && line.ends_with('>'))
                .collect();
            let mut kept = whole.clone();
            kept.retain(|line| taken.iter().any(|taken| taken == line));
            prop_assert_eq!(kept, taken.iter().map(String::as_str).collect::<Vec<_>>());
            let mut once = whole.clone();
            once.dedup();
            prop_assert_eq!(once, whole);
            for line in text.lines() {
                // No line continues another.
                prop_assert!(line.matches('<').count() <= 1, "{}", text);
            }
        }
    }
}
