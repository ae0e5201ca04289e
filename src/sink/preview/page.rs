//! The page, and the fields of its answer.
//!
//! The page is one file. Its policy lets a browser run the script and the style that are in it, known by their hashes,
//! and ask this server; nothing else.

use crate::base64;
use sha2::{Digest, Sha256};

const HTML: &str = include_str!("page.html");

/// The page as it is sent.
#[derive(Debug)]
pub(super) struct Page {
    /// Fields of the answer, each with its line's end.
    pub fields: String,
}

impl Page {
    pub fn new() -> Self {
        let script = hash(part("script"));
        let style = hash(part("style"));
        Page {
            fields: format!(
                "Content-Type: text/html; charset=utf-8\r\n\
                 Content-Security-Policy: default-src 'none'; script-src 'sha256-{script}'; \
                 style-src 'sha256-{style}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'\r\n"
            ),
        }
    }

    pub fn body() -> &'static [u8] {
        HTML.as_bytes()
    }
}

/// The text of an element that is there once.
fn part(name: &str) -> &'static str {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let inner = HTML
        .split_once(&*begin)
        .and_then(|(_, rest)| rest.split_once(&*end));
    inner.map_or("", |(inner, _)| inner)
}

fn hash(text: &str) -> String {
    let mut digits = Vec::new();
    base64::append(&Sha256::digest(text), &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::bones;

    #[test]
    fn the_page_draws_the_bones_of_both_joint_tables() {
        for table in [1, 2] {
            let pairs: Vec<String> = bones(table)
                .iter()
                .map(|(from, to)| format!("[{from},{to}]"))
                .collect();
            let line = format!("{table}: [{}],", pairs.join(","));
            assert!(HTML.contains(&line), "{line}");
        }
    }

    #[test]
    fn the_page_has_one_script_one_style_and_nothing_from_elsewhere() {
        for name in ["script", "style"] {
            assert!(part(name).len() > 500, "{name}");
            assert_eq!(HTML.matches(&format!("<{name}")).count(), 1, "{name}");
        }
        for word in [
            "http:",
            "https:",
            "//cdn",
            "<link",
            "<img",
            "style=\"",
            " onclick=",
            "innerHTML",
            "eval(",
        ] {
            assert!(!HTML.contains(word), "{word}");
        }
    }
}
