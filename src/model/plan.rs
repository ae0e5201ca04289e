//! A plan file in memory: read once, checked, and shared by all references into it.

use super::container::{self, Sections};
use crate::error::{Error, Result};
use memmap2::{Mmap, MmapMut};
use std::fs::File;
use std::io::ErrorKind;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A plan with a valid container. Its network is not checked yet.
#[derive(Debug, Clone)]
pub struct PlanFile {
    file: Arc<Bytes>,
    sections: Sections,
}

/// The bytes of a plan file.
#[derive(Debug)]
enum Bytes {
    /// Pages of the process's own, outside the heap. The file itself is not mapped: cutting it would end the
    /// program, and writing to it would change its weights.
    Pages(Mmap),
    /// For Miri, which cannot map memory.
    #[cfg(test)]
    Owned(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Pages(pages) => pages,
            #[cfg(test)]
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl PlanFile {
    /// Reads a file of `length` bytes. `check` sees all bytes before any are parsed.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if it cannot be read, changes meanwhile, or is not whole; those of
    /// `check`.
    pub(super) fn read(
        path: &Path,
        file: &File,
        length: u64,
        check: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<Self> {
        let pages = read_pages(file, length).map_err(|error| {
            let what = match error.kind() {
                ErrorKind::UnexpectedEof => "was cut while it was read: give it again".into(),
                _ => format!("cannot be read: {error}"),
            };
            Error::model(path, what)
        })?;
        check(&pages)?;
        Self::new(Bytes::Pages(pages)).map_err(|what| Error::model(path, what))
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        Self::new(Bytes::Owned(bytes.to_vec()))
    }

    fn new(file: Bytes) -> std::result::Result<Self, String> {
        let sections = container::sections(&file)?;
        Ok(PlanFile {
            file: Arc::new(file),
            sections,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.file.len() as u64
    }

    /// The card as JSON; empty if there is none. It is a copy, so that text stays as it was checked.
    pub(super) fn card(&self) -> Vec<u8> {
        self.file[self.sections.card.clone()].to_vec()
    }

    /// The kernel family of the plan.
    pub fn kernel(&self) -> String {
        let name = self.file[self.sections.kernel.clone()].to_vec();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// The network section.
    pub fn network(&self) -> &[u8] {
        &self.file[self.sections.network.clone()]
    }

    /// A part of the weights section; `None` if it is not entirely inside.
    pub fn weights(&self, part: Range<u64>) -> Option<Weights> {
        let at = |offset: u64| {
            let offset = usize::try_from(offset).ok()?;
            self.sections.weights.start.checked_add(offset)
        };
        let range = at(part.start)?..at(part.end)?;
        self.file.get(range.clone())?;
        Some(Weights(Place::InFile(Arc::clone(&self.file), range)))
    }
}

fn read_pages(file: &File, length: u64) -> std::io::Result<Mmap> {
    let length = usize::try_from(length).map_err(|_| ErrorKind::OutOfMemory)?;
    let mut pages = MmapMut::map_anon(length)?;
    file.read_exact_at(&mut pages, 0)?;
    pages.make_read_only()
}

/// Packed weights: in their own memory, or in that of a plan file.
#[derive(Debug, Clone)]
pub struct Weights(Place);

#[derive(Debug, Clone)]
enum Place {
    Owned(Vec<i8>),
    InFile(Arc<Bytes>, Range<usize>),
}

impl From<Vec<i8>> for Weights {
    fn from(weights: Vec<i8>) -> Self {
        Weights(Place::Owned(weights))
    }
}

impl Deref for Weights {
    type Target = [i8];

    fn deref(&self) -> &[i8] {
        match &self.0 {
            Place::Owned(weights) => weights,
            Place::InFile(file, range) => {
                let bytes = &file[range.clone()];
                // SAFETY: i8 and u8 have the same size, alignment and validity.
                unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExtraChannel, ModelFile, ModelHash};

    #[test]
    fn a_plan_carries_the_extra_channels_of_its_card() {
        let mut card = crate::model::test_card();
        card.extra_channels = vec![ExtraChannel::Presence, ExtraChannel::RightHand];
        let json = serde_json::to_string(&card).unwrap();
        let file = container::assemble(container::VERSION, json.as_bytes(), "portable", &[1], &[9]);
        let path = std::env::temp_dir().join(format!("posewire-extra-{}", std::process::id()));
        std::fs::write(&path, file.unwrap()).unwrap();
        assert_eq!(ModelFile::open(&path).unwrap().card(), Some(&card));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_finder_is_no_network_of_joints() {
        let card = crate::model::finder_test_card();
        let json = serde_json::to_string(&card).unwrap();
        let file = container::assemble(container::VERSION, json.as_bytes(), "portable", &[1], &[9]);
        let path = std::env::temp_dir().join(format!("posewire-finder-{}", std::process::id()));
        std::fs::write(&path, file.unwrap()).unwrap();
        let model = ModelFile::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((model.card(), model.finder()), (None, Some(&card)));
        let error = model.require_card().unwrap_err().to_string();
        assert!(error.contains("is a finder"), "{error}");
    }

    #[test]
    fn a_pinned_plan_is_hashed_before_it_is_looked_at() {
        let file = container::assemble(container::VERSION, b"", "portable", &[1, 2, 3], &[9; 100])
            .unwrap();
        let path = std::env::temp_dir().join(format!("posewire-pinned-{}", std::process::id()));
        let open = |bytes: &[u8], pinned: ModelHash| {
            std::fs::write(&path, bytes).unwrap();
            ModelFile::open_checked(&path, |seen| pinned.check(&path, seen))
        };
        let right = ModelHash::of(&file);
        assert_eq!(open(&file, right).unwrap().bytes(), file.len() as u64);
        // A cut file is also damaged, but the message must name the hash.
        let cut = &file[..50];
        let error = open(cut, right).unwrap_err().to_string();
        for hash in [right, ModelHash::of(cut)] {
            assert!(error.contains(&hash.to_string()), "{error}");
        }
        let error = open(cut, ModelHash::of(cut)).unwrap_err().to_string();
        assert!(error.contains("copy or compile it again"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }
}
