//! The joints that a run over many pictures has seen, kept in a file, so that a stopped run goes on where it was.
//!
//! In: a path. Out: lines of JSON, the first of which says what the others belong to; then one for each subject with the
//! network's joints in pixels of the picture. A last line that is not whole is dropped.

use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_LABEL_BYTES;
use crate::text::Shown;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A subject by the places of its picture and of itself in the labels.
pub(super) type Place = (usize, usize);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    eval: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    picture: usize,
    subject: usize,
    joints: Vec<(f64, f64)>,
    score: f64,
}

/// The joints that a network saw of a subject.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    /// In pixels of the picture.
    pub joints: Vec<(f64, f64)>,
    /// The mean of the joints' scores.
    pub score: f64,
}

/// Looks by subject; and the file, if there is one.
#[derive(Default)]
pub(super) struct Kept {
    file: Option<(File, PathBuf)>,
    seen: HashMap<Place, Look>,
}

impl Kept {
    /// Goes on with a file, or begins it. `of` tells the model, the labels and the options from others.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the file is of another run, or no such file, or cannot be written.
    pub fn open(path: &Path, of: &str) -> Result<Kept> {
        let fail = |what: String| Error::data(path, what);
        let text = match file::read_text(path, MAX_LABEL_BYTES) {
            Ok(text) => text,
            Err(error) if error.is_missing() => String::new(),
            Err(error) => return Err(fail(error.to_string())),
        };
        // A last line without its newline was not written to its end.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let mut lines = whole.lines();
        let mut seen = HashMap::new();
        if let Some(first) = lines.next() {
            let head: Head = serde_json::from_str(first)
                .map_err(|_| fail("holds no progress of an eval: give another file".into()))?;
            if head.eval != of {
                let what = "is of other labels, another model or other options: give another file";
                return Err(fail(what.into()));
            }
            for (index, line) in lines.enumerate() {
                let line: Line = serde_json::from_str(line)
                    .map_err(|error| fail(format!("line {}: {error}", index + 2)))?;
                let look = Look {
                    joints: line.joints,
                    score: line.score,
                };
                seen.insert((line.picture, line.subject), look);
            }
        } else if !text.is_empty() {
            return Err(fail(
                "holds no progress of an eval: give another file".into(),
            ));
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|file| file.set_len(whole.len() as u64).map(|()| file))
            .map_err(|error| Error::data(path, "cannot be written").because(error))?;
        let mut kept = Kept {
            file: Some((file, path.to_path_buf())),
            seen,
        };
        if whole.is_empty() {
            kept.write(&Head { eval: of.into() })?;
        } else {
            log::info!("{}: {} subjects", Shown::path(path), kept.seen.len());
        }
        Ok(kept)
    }

    /// The look at a subject, if an earlier run saw it.
    pub fn look(&self, place: Place) -> Option<&Look> {
        self.seen.get(&place)
    }

    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the file cannot be written.
    pub fn add(&mut self, (picture, subject): Place, look: &Look) -> Result<()> {
        self.write(&Line {
            picture,
            subject,
            joints: look.joints.clone(),
            score: look.score,
        })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let Some((file, path)) = &mut self.file else {
            return Ok(());
        };
        let mut text = serde_json::to_string(line).unwrap_or_default();
        text.push('\n');
        file.write_all(text.as_bytes())
            .map_err(|error| Error::data(path, "cannot be written").because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_run_goes_on_and_a_half_line_is_dropped() {
        let path = std::env::temp_dir().join(format!("posewire-kept-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut kept = Kept::open(&path, "a").unwrap();
        let look = |joints: &[(f64, f64)]| Look {
            joints: joints.to_vec(),
            score: 0.625,
        };
        kept.add((0, 1), &look(&[(1.5, -2.25), (3.0, 0.1)]))
            .unwrap();
        kept.add((4, 0), &look(&[(0.0, 1e-9)])).unwrap();
        drop(kept);
        let whole = std::fs::read_to_string(&path).unwrap();
        for end in whole.len() - 20..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let mut kept = Kept::open(&path, "a").unwrap();
            assert_eq!(kept.look((0, 1)).unwrap().joints[0], (1.5, -2.25));
            assert_eq!(kept.look((4, 0)), None);
            assert_eq!(kept.look((0, 1)).unwrap().score, 0.625);
            kept.add((4, 0), &look(&[(0.0, 1e-9)])).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        }
        let error = |of: &str| Kept::open(&path, of).err().unwrap().to_string();
        assert!(error("b").contains("another model"));
        std::fs::write(&path, "{}\n").unwrap();
        assert!(error("a").contains("no progress"));
        // A file of something else stays as it is.
        std::fs::write(&path, "notes").unwrap();
        assert!(error("a").contains("no progress"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
        std::fs::write(&path, format!("{}nothing\n", whole)).unwrap();
        assert!(error("a").contains("line 4"));
        std::fs::remove_file(&path).unwrap();
    }
}
