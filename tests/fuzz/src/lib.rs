//! Helpers of the fuzz targets: files in memory, and the rule that an error is one line.

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

thread_local! {
    static FILE: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// The path of a file with these bytes; the next call changes it.
pub fn file_with(bytes: &[u8]) -> PathBuf {
    FILE.with_borrow_mut(|file| {
        let file = file.get_or_insert_with(|| {
            memfd_create("posewire-fuzz", MemfdFlags::empty())
                .expect("a file in memory")
                .into()
        });
        ftruncate(&*file, 0).expect("an empty file");
        file.rewind().expect("its start");
        file.write_all(bytes).expect("memory for it");
        format!("/proc/self/fd/{}", file.as_raw_fd()).into()
    })
}

/// Every message is one line without control characters.
pub fn check_message(error: &impl ToString) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
}
