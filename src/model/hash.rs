//! SHA-256 of a model file, to pin its contents.

use crate::error::{Error, Result};
use crate::hex;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// SHA-256 of all bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelHash([u8; hex::BYTES]);

impl ModelHash {
    pub fn of(file: &[u8]) -> Self {
        ModelHash(Sha256::digest(file).into())
    }

    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if it is not that of these bytes; `path` is for the message.
    pub fn check(&self, path: &Path, file: &[u8]) -> Result<()> {
        let found = ModelHash::of(file);
        if found == *self {
            return Ok(());
        }
        Err(Error::model(
            path,
            format!("is another file than model-sha256 says: its SHA-256 is {found}, not {self}"),
        ))
    }
}

impl FromStr for ModelHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        hex::parse(text.as_bytes()).map(ModelHash).ok_or_else(|| {
            Error::usage(format!(
                "{text:?} is not 64 hexadecimal digits: `posewire inspect` prints them"
            ))
        })
    }
}

/// The same text as `sha256sum` prints.
impl fmt::Display for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_hash_is_read_as_it_is_written_and_fits_its_file_alone() {
        let hash: ModelHash = ABC.parse().unwrap();
        assert_eq!(
            (hash.to_string().as_str(), hash),
            (ABC, ModelHash::of(b"abc"))
        );
        assert_eq!(ABC.to_uppercase().parse::<ModelHash>().unwrap(), hash);
        let path = Path::new("x.plan");
        assert!(hash.check(path, b"abc").is_ok());
        let error = hash.check(path, b"abd").unwrap_err().to_string();
        let found = ModelHash::of(b"abd").to_string();
        for word in ["x.plan", ABC, &found] {
            assert!(error.contains(word), "{error}");
        }
        for bad in ["", &ABC[1..], &ABC.replace('b', "g")] {
            let error = bad.parse::<ModelHash>().unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal"), "{error}");
        }
    }
}
