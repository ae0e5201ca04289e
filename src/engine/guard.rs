//! Turns a panic inside a library into an error, for work on files that are not trusted.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

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
