//! Small text files of the card, read within a bound.

use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Text of a plain file of at most `limit` bytes. Neither a device nor a pipe is waited for or read.
///
/// # Errors
/// As the system says; `InvalidData` for another kind of file, more bytes, or text that is not UTF-8.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<String> {
    let invalid = |what: String| io::Error::new(ErrorKind::InvalidData, what);
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(invalid("is not a plain file".into()));
    }
    let mut bytes = Vec::new();
    // The length that the file claims proves nothing.
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(invalid(format!("is longer than {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| invalid("is not UTF-8 text".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &str, limit: u64) -> String {
        read_bounded(Path::new(path), limit)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn devices_and_folders_are_refused_at_once() {
        for path in ["/dev/zero", "/dev/null", "/"] {
            assert_eq!(refusal(path, 100), "is not a plain file", "{path}");
        }
    }

    #[test]
    fn a_file_is_bounded_by_its_bytes_whatever_length_it_claims() {
        // Its length is 0.
        assert!(refusal("/proc/self/maps", 10).contains("longer than 10 bytes"));
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let length = std::fs::metadata(own).unwrap().len();
        assert_eq!(
            read_bounded(Path::new(own), length).unwrap().len() as u64,
            length
        );
        assert!(refusal(own, length - 1).contains("is longer than"));
    }

    #[test]
    fn a_missing_file_is_told_apart() {
        let error = read_bounded(Path::new("/none/of/this"), 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
