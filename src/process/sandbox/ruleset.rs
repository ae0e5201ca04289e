//! The kernel interface of landlock (landlock(7)): a set of file rules, applied to this thread.
//!
//! The crate `landlock` would add five more crates, two of them macros, for three calls.

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ffi::{c_int, c_long};
use std::io;
use std::ptr::null;

/// System call numbers, the same on all processors.
const CREATE: c_long = 444;
const ADD_RULE: c_long = 445;
const RESTRICT_SELF: c_long = 446;
/// `LANDLOCK_CREATE_RULESET_VERSION` and `LANDLOCK_RULE_PATH_BENEATH`.
const VERSION: u32 = 1;
const PATH_BENEATH: c_int = 1;

/// `struct landlock_ruleset_attr`. Kernels that know only the first fields accept 0 in the others.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Handled {
    pub files: u64,
    pub net: u64,
    pub scopes: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: RawFd,
}

/// Version of the interface.
///
/// # Errors
/// `ENOSYS` if the kernel was built without, `EOPNOTSUPP` if it was started without.
pub(super) fn abi() -> io::Result<u32> {
    let nothing = null::<Handled>();
    // SAFETY: with this flag the kernel reads no memory.
    let version = unsafe { libc::syscall(CREATE, nothing, 0_usize, VERSION) };
    checked(version).map(c_int::unsigned_abs)
}

/// Rules that are not yet in force.
#[derive(Debug)]
pub(super) struct Ruleset(OwnedFd);

impl Ruleset {
    /// A set that denies everything in `handled`, except what rules allow.
    pub(super) fn new(handled: &Handled) -> io::Result<Self> {
        let size = size_of::<Handled>();
        // SAFETY: the kernel reads `size` bytes, the size of the struct.
        let made = unsafe { libc::syscall(CREATE, std::ptr::from_ref(handled), size, 0_u32) };
        let descriptor = checked(made)?;
        // SAFETY: the kernel has just made the descriptor, and no other owner exists.
        Ok(Ruleset(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Allows `access` to a file, or to everything below a folder.
    pub(super) fn allow(&self, path: BorrowedFd<'_>, access: u64) -> io::Result<()> {
        let rule = Beneath {
            allowed: access,
            parent: path.as_raw_fd(),
        };
        let set = self.0.as_raw_fd();
        // SAFETY: the kernel reads one struct of the type for PATH_BENEATH. Both descriptors are open.
        let added = unsafe { libc::syscall(ADD_RULE, set, PATH_BENEATH, &raw const rule, 0_u32) };
        checked(added).map(drop)
    }

    /// Applies the rules to this thread and the threads that it starts.
    pub(super) fn restrict_thread(self) -> io::Result<()> {
        // SAFETY: the call has no pointers, and the descriptor is open.
        checked(unsafe { libc::syscall(RESTRICT_SELF, self.0.as_raw_fd(), 0_u32) }).map(drop)
    }
}

fn checked(result: c_long) -> io::Result<c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    c_int::try_from(result).map_err(io::Error::other)
}
