//! Which version of Landlock the kernel has. Asking changes nothing.

/// `LANDLOCK_CREATE_RULESET_VERSION` of `<linux/landlock.h>`.
const VERSION: u32 = 1;

/// Nothing if the kernel has no Landlock, or was started without it.
pub(super) fn abi() -> Option<u32> {
    // SAFETY: with this flag the call takes no pointer and a size of 0, makes nothing, and gives a number.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    };
    u32::try_from(version).ok().filter(|&version| version > 0)
}
