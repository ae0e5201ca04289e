//! The permission to use AMX: the processor has it, and Linux saves its large registers only for processes
//! that ask. The process asks once, for all its threads, when kernels are detected, which is before the
//! sandbox filters system calls.

use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// `ARCH_REQ_XCOMP_PERM` of the kernel's asm/prctl.h.
const REQUEST_PERMISSION: libc::c_ulong = 0x1023;

/// The tile registers' number in XCR0 (Intel's manual, volume 1, chapter 13), behind their
/// configuration's.
const TILE_DATA: libc::c_ulong = 18;
const TILES_ENABLED: u64 = 0b11 << 17;

pub(super) fn is_given() -> bool {
    static GIVEN: OnceLock<bool> = OnceLock::new();
    // Miri knows neither.
    *GIVEN.get_or_init(|| !cfg!(miri) && is_in_processor() && ask())
}

/// AMX-TILE and AMX-INT8, switched on by Linux, with registers of the size that is known.
fn is_in_processor() -> bool {
    const FEATURES: u32 = 1;
    const MORE_FEATURES: u32 = 7;
    const TILES: u32 = 0x1D;
    const XSAVE_IN_USE: u32 = 1 << 27;
    const TILE_AND_INT8: u32 = 0b11 << 24;
    if __cpuid(0).eax < TILES
        || __cpuid(FEATURES).ecx & XSAVE_IN_USE == 0
        || __cpuid_count(MORE_FEATURES, 0).edx & TILE_AND_INT8 != TILE_AND_INT8
    {
        return false;
    }
    // SAFETY: XSAVE is in use.
    let enabled = unsafe { _xgetbv(0) };
    let palette = __cpuid_count(TILES, 1);
    // Eight registers of 16 lines of 64 bytes.
    let is_known = palette.ebx == 8 << 16 | 64 && palette.ecx & 0xFFFF == 16;
    enabled & TILES_ENABLED == TILES_ENABLED && is_known
}

fn ask() -> bool {
    // SAFETY: a request about this process that takes and changes no memory of its.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 }
}
