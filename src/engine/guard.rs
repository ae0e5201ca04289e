//! Bounds work of a library on files that are not trusted: its panics become errors, its memory and its time have an
//! end.

use crate::error::{Error, ErrorKind};
use crate::limits::{LOADING_FACTOR, MAX_LOADING_BYTES, MAX_LOADING_S};
use crate::model::ModelFile;
use crate::process::memory::LoadingLimit;
use crate::process::thread::{self, Role};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Loads a model: `work` may take a multiple of the file's bytes and of their time. More ends the process with
/// the exit code of a model that cannot be used, because a library cannot be stopped.
pub(super) fn within_bounds<T>(model: &ModelFile, work: impl FnOnce() -> T) -> T {
    let bytes = MAX_LOADING_BYTES.saturating_add(model.bytes().saturating_mul(LOADING_FACTOR));
    let _memory = LoadingLimit::new(bytes);
    let limit = Duration::from_secs(MAX_LOADING_S + (model.bytes() >> 20));
    let path = model.path().to_owned();
    let (done, is_done) = sync_channel::<()>(0);
    let watch = thread::spawn(Role::LoadWatch, move || {
        if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            end(&path, limit);
        }
    });
    if let Err(error) = &watch {
        log::warn!("the time to load a model is not limited: {error}");
    }
    let result = work();
    drop(done);
    if let Ok(watch) = watch {
        // It has nothing to return.
        let _ = watch.join();
    }
    result
}

fn end(path: &Path, limit: Duration) -> ! {
    let what = format!(
        "takes more than {} s to load, more than any network in a file of its size: export it again",
        limit.as_secs()
    );
    let line = format!("posewire: error: {}\n", Error::model(path, what));
    let stderr = std::io::stderr();
    let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
    let patience = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    // A reader that does not read does not keep the program from its end.
    if poll(&mut ready, Some(&patience)).is_ok_and(|ready| ready > 0) {
        let _ = rustix::io::write(&stderr, line.as_bytes());
    }
    std::process::exit(ErrorKind::Model as i32)
}

thread_local! {
    /// The message of a panic on this thread while it is guarded; `None` while it is not.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic in it becomes `Err` with the panic's message, and is not printed.
///
/// Half-built values of `work` are dropped: the caller must not keep state that it shares with it.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let guarded = CAUGHT.with_borrow_mut(|caught| {
                caught.as_mut().map(|message| {
                    *message = info.payload_as_str().unwrap_or("unknown cause").to_string();
                })
            });
            if guarded.is_none() {
                print(info);
            }
        }));
    });
    let before = CAUGHT.replace(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let message = CAUGHT.replace(before).unwrap_or_default();
    result.map_err(|_| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        assert_eq!(
            catch_panic(|| -> u8 { panic!("index {} is gone", 3) }),
            Err("index 3 is gone".into())
        );
    }

    #[test]
    fn guards_nest() {
        let outer = catch_panic(|| {
            let inner = catch_panic(|| -> u8 { panic!("inner") });
            (inner, 1)
        });
        assert_eq!(outer, Ok((Err("inner".into()), 1)));
    }
}
