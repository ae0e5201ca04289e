//! Outputs that are inputs or each other, under any name.
//!
//! In: the paths of a command. Out: nothing, or an error before anything is opened for writing.

use crate::error::{Error, Result};
use crate::file::FileId;
use crate::sink::STANDARD_OUTPUT;
use crate::text::Shown;
use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A path and its role, as the user names it.
pub(super) struct Named<'a> {
    pub role: &'a str,
    pub path: &'a Path,
}

/// Standard output, of a command that prints. `>> FILE` may be a file that the command reads.
pub(super) fn standard_output() -> Named<'static> {
    Named {
        role: "standard output",
        path: Path::new(STANDARD_OUTPUT),
    }
}

/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming both.
pub(super) fn check(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Result<()> {
    for (index, output) in outputs.iter().enumerate() {
        let Some(id) = Id::of(output.path) else {
            continue;
        };
        for input in inputs.iter().chain(&outputs[..index]) {
            if Id::of(input.path).as_ref() == Some(&id) {
                return Err(Error::usage(format!(
                    "{} {} is also {} {}: give another file",
                    output.role,
                    Shown::path(output.path),
                    input.role,
                    Shown::path(input.path)
                )));
            }
        }
    }
    Ok(())
}

/// The files of a folder, each of which is an input.
pub(super) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// A file, or the place of one that is not there yet.
#[derive(PartialEq)]
enum Id {
    File(FileId),
    Place(FileId, OsString),
}

impl Id {
    /// `None` for a device or a socket, which can be many things at once.
    fn of(path: &Path) -> Option<Self> {
        let Ok(found) = path.metadata() else {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = FileId::of(folder.unwrap_or(Path::new(".")))?;
            return Some(Id::Place(folder, path.file_name()?.to_owned()));
        };
        let kind = found.file_type();
        (!kind.is_char_device() && !kind.is_socket()).then(|| Id::File(FileId::of_metadata(&found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_known_under_all_its_names() {
        let folder = std::env::temp_dir().join(format!("posewire-clash-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name);
        fs::write(at("model"), "").unwrap();
        fs::write(at("other"), "").unwrap();
        fs::hard_link(at("model"), at("hard")).unwrap();
        std::os::unix::fs::symlink("model", at("soft")).unwrap();
        let clash = |input: &Path, output: &Path| {
            let [input, output] =
                [("--model", input), ("--json", output)].map(|(role, path)| Named { role, path });
            check(&[input], &[output])
                .err()
                .map(|error| error.to_string())
        };
        for name in ["model", "hard", "soft", "../x/model"] {
            let path = at(name.strip_prefix("../x/").unwrap_or(name));
            let error = clash(&at("model"), &path).unwrap();
            assert!(
                error.contains("--json") && error.contains("--model"),
                "{error}"
            );
        }
        assert_eq!(clash(&at("model"), &at("other")), None);
        assert_eq!(clash(&at("model"), &at("new")), None);
        assert_eq!(clash("/dev/null".as_ref(), "/dev/null".as_ref()), None);
        // A file that is not there yet is one file, too.
        let new = at("new");
        let outputs = ["--json", "--other"].map(|role| Named { role, path: &new });
        assert!(check(&[], &outputs).is_err());
        assert_eq!(files_of(&folder).len(), 4);
        fs::remove_dir_all(&folder).unwrap();
    }
}
