//! A command as a user writes it, to the words that a program gets. No shell reads it.
//!
//! Spaces part words. Within '...' each character stands for itself, within "..." all but `\"` and `\\`. Elsewhere `\`
//! makes the next character an ordinary one. What only a shell could do is refused where it stands alone.

use crate::limits::{MAX_COMMAND_BYTES, MAX_COMMAND_WORDS};
use std::str::FromStr;

/// The words of a command, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The program and its arguments.
    pub fn all(&self) -> &[String] {
        &self.0
    }

    /// The program.
    pub fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// Words that a shell would not pass on.
const OF_SHELLS: [&str; 7] = ["|", "||", "&", "&&", ";", "<", ">"];

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_COMMAND_BYTES || text.contains('\0') {
            return Err(format!(
                "the command has more than {MAX_COMMAND_BYTES} bytes, or a byte of 0"
            ));
        }
        let mut words = Vec::new();
        let mut rest = text.chars().peekable();
        loop {
            while rest.next_if(|c| c.is_whitespace()).is_some() {}
            if rest.peek().is_none() {
                break;
            }
            let (word, is_quoted) = word(&mut rest)?;
            if !is_quoted && OF_SHELLS.contains(&word.as_str()) {
                return Err(format!(
                    "no shell reads the command, so {word:?} has no meaning: quote it if the program shall get it"
                ));
            }
            words.push(word);
            if words.len() > MAX_COMMAND_WORDS {
                return Err(format!(
                    "the command has more than {MAX_COMMAND_WORDS} words"
                ));
            }
        }
        match words.first() {
            Some(program) if !program.is_empty() => Ok(Words(words)),
            _ => Err("the command is empty".into()),
        }
    }
}

/// A word, and whether a part of it was quoted.
fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(String, bool), String> {
    let (mut word, mut is_quoted) = (String::new(), false);
    while let Some(c) = rest.next_if(|c| !c.is_whitespace()) {
        match c {
            '\'' | '"' => {
                is_quoted = true;
                loop {
                    match rest.next() {
                        None => return Err(format!("a quote {c} has no end")),
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => {
                            // Before other characters it stands for itself.
                            let escaped = rest.next_if(|next| matches!(next, '"' | '\\'));
                            word.push(escaped.unwrap_or('\\'));
                        }
                        Some(other) => word.push(other),
                    }
                }
            }
            '\\' => {
                is_quoted = true;
                word.push(rest.next().ok_or("the command ends with a \\")?);
            }
            c => word.push(c),
        }
    }
    Ok((word, is_quoted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Result<Vec<String>, String> {
        text.parse::<Words>().map(|words| words.0)
    }

    #[test]
    fn words_are_as_a_user_of_shells_expects() {
        for (text, expected) in [
            (
                "rpicam-vid -t 0 -o -",
                &["rpicam-vid", "-t", "0", "-o", "-"][..],
            ),
            (" a\t b \n", &["a", "b"]),
            ("a 'b c' \"d e\"", &["a", "b c", "d e"]),
            (
                "gst-launch-1.0 -q src ! 'video/x-raw(memory:NVMM),width=640' ! fdsink",
                &[
                    "gst-launch-1.0",
                    "-q",
                    "src",
                    "!",
                    "video/x-raw(memory:NVMM),width=640",
                    "!",
                    "fdsink",
                ],
            ),
            (
                r#"a "\"\\\n" '\' \  b'c'"d""#,
                &["a", "\"\\\\n", "\\", " ", "bcd"],
            ),
            ("a ''", &["a", ""]),
            (
                "a '|' \\; x|y $HOME ~ *",
                &["a", "|", ";", "x|y", "$HOME", "~", "*"],
            ),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn commands_that_cannot_be_meant_are_refused() {
        for (text, reason) in [
            ("", "empty"),
            ("  ", "empty"),
            ("'' a", "empty"),
            ("a 'b", "no end"),
            ("a \"b\\\"", "no end"),
            ("a \\", "ends with"),
            ("a | b", "no shell"),
            ("a > /dev/null", "no shell"),
            ("a &", "no shell"),
            ("a \0", "byte of 0"),
        ] {
            let error = words(text).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        assert!(words(&"a ".repeat(MAX_COMMAND_WORDS)).is_ok());
        assert!(words(&"a ".repeat(MAX_COMMAND_WORDS + 1)).is_err());
        assert!(words(&"a".repeat(MAX_COMMAND_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ '\"\\\\a|\\PC]{0,40}") {
            let _ = words(&text);
        }

        #[test]
        fn quoted_words_come_back(expected in prop::collection::vec("[ \"\\\\a|&!]{1,5}", 1..6)) {
            let quoted: Vec<String> = expected.iter().map(|word| format!("'{word}'")).collect();
            prop_assert_eq!(words(&quoted.join(" ")), Ok(expected));
        }
    }
}
