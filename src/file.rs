//! Files of the user: opened without waiting, read up to a limit, replaced whole.
//!
//! In: paths from outside. Out: bytes, or an error that says what the path is instead. The kind of a file is that of
//! the opened one, so that a path that changes meanwhile is no way around. A test holds that no other module reads
//! whole files.

use rustix::fs::{FileType, OFlags};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes that a file may hold beyond its length: a file that is being written, or one of the kernel's.
const BEYOND_LENGTH_BYTES: u64 = 1 << 20;

/// Reason why a file is not read.
#[derive(Debug)]
pub enum ReadError {
    Open(io::Error),
    Read(io::Error),
    Folder,
    /// Neither a file nor a folder, but this.
    NotPlain(&'static str),
    /// It has more bytes than this.
    TooLarge(u64),
    /// It has more bytes than its length says.
    Grows,
    NotText,
}

impl ReadError {
    /// There is no file of this name.
    #[cfg(any(test, feature = "eval"))]
    pub fn is_missing(&self) -> bool {
        matches!(self, ReadError::Open(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Open(error) => write!(f, "cannot be opened: {error}"),
            ReadError::Read(error) => write!(f, "cannot be read: {error}"),
            ReadError::Folder => f.write_str("is a folder: give a file"),
            ReadError::NotPlain(kind) => write!(f, "is a {kind}: give a plain file"),
            ReadError::TooLarge(limit) if *limit >= 1 << 20 => {
                write!(f, "is larger than {} MiB", limit >> 20)
            }
            ReadError::TooLarge(limit) if *limit >= 1 << 10 => {
                write!(f, "is larger than {} KiB", limit >> 10)
            }
            ReadError::TooLarge(limit) => write!(f, "is larger than {limit} bytes"),
            ReadError::Grows => f.write_str(
                "has more bytes than its length says: wait until it is written, and give a plain file",
            ),
            ReadError::NotText => f.write_str("is not UTF-8 text"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Opens a plain file for reading. A pipe or a device is not waited for, and is refused.
///
/// # Errors
/// [`ReadError::Open`], [`ReadError::Folder`] or [`ReadError::NotPlain`].
pub fn open_plain(path: &Path) -> Result<(File, Metadata), ReadError> {
    // Rust opens files with O_CLOEXEC.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        // A socket has no contents to open.
        Err(error) => match path.metadata().map(|found| not_plain(&found)) {
            Ok(Some(refused)) => return Err(refused),
            _ => return Err(ReadError::Open(error)),
        },
    };
    let metadata = file.metadata().map_err(ReadError::Open)?;
    match not_plain(&metadata) {
        Some(refused) => Err(refused),
        None => Ok((file, metadata)),
    }
}

fn not_plain(found: &Metadata) -> Option<ReadError> {
    let kind = found.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some(ReadError::Folder)
    } else if kind.is_fifo() {
        Some(ReadError::NotPlain("pipe"))
    } else if kind.is_socket() {
        Some(ReadError::NotPlain("socket"))
    } else {
        Some(ReadError::NotPlain("device"))
    }
}

/// All bytes of a plain file of at most `limit` bytes.
///
/// # Errors
/// As for [`open_plain`] and [`read_rest`].
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let (file, metadata) = open_plain(path)?;
    let mut bytes = Vec::new();
    read_rest(&file, &metadata, limit, &mut bytes)?;
    Ok(bytes)
}

/// As [`read_bounded`], for text.
///
/// # Errors
/// Also [`ReadError::NotText`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    String::from_utf8(read_bounded(path, limit)?).map_err(|_| ReadError::NotText)
}

/// Appends the bytes of a file that [`open_plain`] opened. With those already in `bytes`, there are at most `limit`.
///
/// # Errors
/// [`ReadError::Read`], [`ReadError::TooLarge`] or [`ReadError::Grows`].
pub fn read_rest(
    file: &File,
    metadata: &Metadata,
    limit: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if metadata.len() > limit {
        return Err(ReadError::TooLarge(limit));
    }
    // A length is a claim: files of the kernel have 0, and one that is being written grows.
    let bound = limit.min(metadata.len() + BEYOND_LENGTH_BYTES);
    let more = (bound + 1).saturating_sub(bytes.len() as u64);
    file.take(more)
        .read_to_end(bytes)
        .map_err(ReadError::Read)?;
    match bytes.len() as u64 {
        length if length <= bound => Ok(()),
        _ if bound == limit => Err(ReadError::TooLarge(limit)),
        _ => Err(ReadError::Grows),
    }
}

/// Device and inode of a file: equal for all names of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file of this name, through links; `None` if there is none.
    pub fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|found| Self::of_metadata(&found))
    }

    pub fn of_metadata(found: &Metadata) -> Self {
        FileId {
            device: found.dev(),
            inode: found.ino(),
        }
    }
}

/// A file that is written under a random name and then renamed. Its name has the old contents or the new ones, never a
/// part of them.
#[derive(Debug)]
pub struct Replacement {
    file: File,
    aside: PathBuf,
    /// The path, without the links to the old file.
    path: PathBuf,
    is_done: bool,
}

impl Replacement {
    /// Begins to replace the plain file `path`, which need not exist. A link is followed to its file.
    ///
    /// # Errors
    /// As the system says; `InvalidInput` if the path is no plain file.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let path = match path.metadata() {
            Ok(found) => match not_plain(&found) {
                Some(refused) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, refused));
                }
                None if path.is_symlink() => path.canonicalize()?,
                None => path.to_owned(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}.new", random()));
        let aside = path.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&aside)?;
        Ok(Replacement {
            file,
            aside,
            path,
            is_done: false,
        })
    }

    /// Gives the new file its name.
    ///
    /// # Errors
    /// As the system says. The old file is unchanged then.
    pub fn finish(mut self) -> io::Result<()> {
        std::fs::rename(&self.aside, &self.path)?;
        self.is_done = true;
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = std::fs::remove_file(&self.aside);
        }
    }
}

/// Replaces the plain file `path`, which need not exist, with these bytes.
///
/// # Errors
/// Those of [`Replacement::begin`] and [`Replacement::finish`], and of writing. The old file is unchanged then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Replacement::begin(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// A number that others cannot guess: the standard library keys its hashes with the kernel's random numbers.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The kind of an open descriptor.
pub fn kind_of(file: impl rustix::fd::AsFd) -> Option<FileType> {
    let found = rustix::fs::fstat(file).ok()?;
    Some(FileType::from_raw_mode(found.st_mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refusal(path: impl AsRef<Path>, limit: u64) -> String {
        let begun = Instant::now();
        let error = read_bounded(path.as_ref(), limit).unwrap_err().to_string();
        assert!(begun.elapsed() < Duration::from_secs(1), "{error}");
        error
    }

    #[test]
    fn what_is_no_plain_file_is_refused_at_once() {
        let folder = Folder::new("kinds");
        let at = |name: &str| folder.0.join(name);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        for (path, part) in [
            (at("fifo"), "is a pipe"),
            (at("socket"), "is a socket"),
            (at("zero"), "is a device"),
            (at("."), "is a folder"),
            (at("loop"), "cannot be opened: "),
            (at("missing"), "cannot be opened: "),
        ] {
            assert!(refusal(&path, 100).contains(part), "{path:?}");
        }
        assert!(read_bounded(&at("missing"), 1).unwrap_err().is_missing());
    }

    #[test]
    fn a_file_is_bounded_by_its_bytes_whatever_length_it_claims() {
        let folder = Folder::new("lengths");
        let path = folder.0.join("file");
        for (bytes, limit) in [(0, 0), (1, 1), (100, 100), (99, 100)] {
            fs::write(&path, vec![7; bytes]).unwrap();
            assert_eq!(read_bounded(&path, limit).unwrap().len(), bytes);
        }
        fs::write(&path, vec![7; 101]).unwrap();
        assert_eq!(refusal(&path, 100), "is larger than 100 bytes");
        // Its length is 0.
        assert!(refusal("/proc/self/maps", 10).contains("is larger than 10 bytes"));
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(refusal(&path, 64 << 20), "is larger than 64 MiB");
        fs::write(&path, [0xFF]).unwrap();
        assert!(read_text(&path, 9).is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no /proc")]
    fn a_file_without_an_end_takes_little_memory() {
        let (file, _) = open_plain(Path::new("/proc/self/maps")).unwrap();
        // As if /proc/self/pagemap, which needs a right: any length and more bytes.
        let empty = Folder::new("grows");
        fs::write(empty.0.join("empty"), "").unwrap();
        let claimed = empty.0.join("empty").metadata().unwrap();
        let mut bytes = vec![0; usize::try_from(BEYOND_LENGTH_BYTES).unwrap()];
        let error = read_rest(&file, &claimed, 512 << 20, &mut bytes).unwrap_err();
        assert!(matches!(error, ReadError::Grows), "{error}");
        assert!(bytes.len() as u64 <= BEYOND_LENGTH_BYTES + 1);
    }

    #[test]
    fn a_replacement_is_whole_or_not_there() {
        let folder = Folder::new("replace");
        let path = folder.0.join("out");
        let files = || fs::read_dir(&folder.0).unwrap().count();
        let replace = |text: &str| {
            let mut new = Replacement::begin(&path)?;
            new.write_all(text.as_bytes())?;
            new.finish()
        };
        replace("one").unwrap();
        replace("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        drop(Replacement::begin(&path).unwrap().write_all(b"half"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        // A link stays a link.
        fs::rename(&path, folder.0.join("target")).unwrap();
        symlink("target", &path).unwrap();
        replace("three").unwrap();
        assert!(path.is_symlink());
        assert_eq!(
            fs::read_to_string(folder.0.join("target")).unwrap(),
            "three"
        );
        assert_eq!(files(), 2, "nothing is left behind");
        for path in ["/dev/null", "/"] {
            assert!(Replacement::begin(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn one_file_has_one_id_under_all_its_names() {
        let folder = Folder::new("ids");
        let at = |name: &str| folder.0.join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        symlink("a", at("soft")).unwrap();
        let id = |name: &str| FileId::of(&at(name));
        assert_eq!(id("a"), id("hard"));
        assert_eq!(id("a"), id("soft"));
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("c"), None);
    }

    /// Modules that open files themselves, and why.
    const OTHERS: [&str; 9] = [
        "src/file.rs",
        // Files of the kernel, by fixed names.
        "src/machine/files.rs",
        "src/process/memory/program.rs",
        "src/process/realtime.rs",
        "src/source/pipe/waits.rs",
        "src/stats/health.rs",
        // A developer's pages, in the source tree.
        "src/cli/pages.rs",
        // It streams: no file is held whole.
        "src/source/byte_reader.rs",
        // It syncs a folder.
        "src/wire/epoch.rs",
    ];

    #[test]
    #[cfg_attr(miri, ignore = "Miri reads no folders")]
    fn no_other_module_reads_whole_files() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("src")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if !OTHERS.contains(&&*name) && !name.ends_with("tests.rs") {
                    let source = fs::read_to_string(&path).unwrap();
                    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
                    for call in [
                        "File::open(",
                        "fs::read(",
                        "fs::read_to_string(",
                        "Mmap::map(",
                    ] {
                        let calls = |line: &&str| {
                            let end = line.find(call).map(|at| &line[..at]);
                            end.is_some_and(|end| !end.ends_with(char::is_alphanumeric))
                        };
                        let found = code.lines().find(calls);
                        assert_eq!(found, None, "{name}: take file::read_bounded");
                    }
                    files += 1;
                }
            }
        }
        assert!(files > 100, "{files}");
    }
}
