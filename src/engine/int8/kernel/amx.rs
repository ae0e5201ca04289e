//! x86-64 with AMX-INT8 (Sapphire Rapids and newer): 16384 products an instruction (`tdpbssd`).
//!
//! A tile register holds 16 lines of 64 bytes. The instruction multiplies 16 pixels of 64 inputs with
//! 64 weights of 16 channels, both signed. The intrinsics are not stable yet, so the inner loop is
//! written as assembly; no other code touches tile registers.

use super::amx_permission;
use super::avx2::Avx2;
use super::avx2_rows;
use super::avx512_store;
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::asm;
use std::arch::x86_64::*;

/// Two tile registers of 16 pixels: one load of weights serves both.
const MR: usize = family::AMX.tile.mr;
const NR: usize = family::AMX.tile.nr;
const KR: usize = family::AMX.tile.pad;

/// Lines of a tile register, and bytes of a line.
const LINES: usize = 16;
const LINE_BYTES: usize = 64;

/// Between two pixels' lines: at a multiple of the cache's size they would all compete for the same few
/// lines of it. A multiple of a line, so that no load takes two.
const GAP: usize = LINE_BYTES;

/// Given out by [`Amx::detect`] alone.
pub(super) struct Amx {
    _detected: (),
}

impl Amx {
    /// The kernel, if this processor has AMX-INT8 and the system allows it.
    pub(super) fn detect() -> Option<&'static Self> {
        static KERNEL: Amx = Amx { _detected: () };
        let detected = Avx2::detect().is_some()
            && std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && amx_permission::is_given();
        detected.then_some(&KERNEL)
    }
}

impl Kernel for Amx {
    fn family(&self) -> &'static Family {
        &family::AMX
    }

    fn rows(&self) -> &'static dyn RowOps {
        avx2_rows::detect()
    }

    /// Room to start at a multiple of a line.
    fn scratch_bytes(&self, k: usize) -> usize {
        MR * (k + GAP) + LINE_BYTES
    }

    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        let start = start(scratch);
        rows.copy_lines(MR, k, k + GAP, &mut scratch[start..]);
    }

    fn begin(&self) {
        // SAFETY: having `self` proves that AMX is there and allowed.
        unsafe { configure() }
    }

    fn end(&self) {
        // SAFETY: as above.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags)) }
    }

    // SAFETY: the contract is the trait's.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &TileOutput,
    ) {
        let lines = &scratch[start(scratch)..];
        assert!(lines.len() >= MR * (k + GAP) && weights.len() >= NR * k);
        // SAFETY: having `self` proves AMX; the caller guarantees configured tiles and the pointers, and the
        // lengths are checked above.
        unsafe { tile(lines.as_ptr(), weights.as_ptr(), k, requant, place) }
    }
}

/// The first line of a scratch.
fn start(scratch: &[u8]) -> usize {
    scratch.as_ptr().addr().wrapping_neg() % LINE_BYTES
}

/// The memory that `ldtilecfg` reads: palette 1, and each register's lines and bytes of a line.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_line: u8,
    reserved: [u8; 14],
    line_bytes: [u16; 16],
    lines: [u8; 16],
}

/// All eight registers whole.
static WHOLE: Configuration = {
    let (mut line_bytes, mut lines) = ([0; 16], [0; 16]);
    let mut register = 0;
    while register < 8 {
        line_bytes[register] = LINE_BYTES as u16;
        lines[register] = LINES as u8;
        register += 1;
    }
    Configuration {
        palette: 1,
        start_line: 0,
        reserved: [0; 14],
        line_bytes,
        lines,
    }
};

/// # Safety
/// The processor has AMX, and the kernel allows it.
unsafe fn configure() {
    // SAFETY: reads the 64 bytes of a sound configuration; no other code uses tile registers.
    unsafe {
        asm!(
            "ldtilecfg [{whole}]",
            whole = in(reg) &raw const WHOLE,
            options(nostack, preserves_flags, readonly)
        );
    }
}

/// The sums of even and of odd groups of 64 inputs, each for both halves of the pixels: four registers,
/// since a product takes as long as more than three of them.
#[repr(C, align(64))]
struct Sums([[[i32; NR]; MR]; 2]);

/// # Safety
/// Tiles are configured. `inputs` holds [mr] lines of k i8 and a gap, and `weights` [k / 4][nr][4] i8;
/// the rest as for [`Kernel::tile`].
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn tile(
    inputs: *const u8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    let mut sums = std::mem::MaybeUninit::<Sums>::uninit();
    let groups = k / KR;
    // SAFETY: loads are of 16 lines of 64 bytes below k, and of the 1024 bytes of a group's weights;
    // stores are of the four parts of `sums`. The loop before `3:` does pairs of groups.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {pairs}, {pairs}",
            "jz 3f",
            "2:",
            "tileloadd tmm7, [{weights} + {line_bytes}]",
            "tileloadd tmm4, [{upper} + {stride}]",
            "tdpbssd tmm0, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {stride}]",
            "tdpbssd tmm1, tmm5, tmm7",
            "tileloadd tmm6, [{weights} + {line_bytes} + 1024]",
            "tileloadd tmm4, [{upper} + {stride} + 64]",
            "tdpbssd tmm2, tmm4, tmm6",
            "tileloadd tmm5, [{lower} + {stride} + 64]",
            "tdpbssd tmm3, tmm5, tmm6",
            "add {weights}, 2048",
            "add {upper}, 128",
            "add {lower}, 128",
            "dec {pairs}",
            "jnz 2b",
            "3:",
            "test {odd}, {odd}",
            "jz 4f",
            "tileloadd tmm7, [{weights} + {line_bytes}]",
            "tileloadd tmm4, [{upper} + {stride}]",
            "tdpbssd tmm0, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {stride}]",
            "tdpbssd tmm1, tmm5, tmm7",
            "4:",
            "tilestored [{sums} + {line_bytes}], tmm0",
            "tilestored [{sums} + {line_bytes} + 1024], tmm1",
            "tilestored [{sums} + {line_bytes} + 2048], tmm2",
            "tilestored [{sums} + {line_bytes} + 3072], tmm3",
            weights = inout(reg) weights => _,
            upper = inout(reg) inputs => _,
            lower = inout(reg) inputs.add(LINES * (k + GAP)) => _,
            pairs = inout(reg) groups / 2 => _,
            odd = in(reg) groups % 2,
            stride = in(reg) k + GAP,
            line_bytes = in(reg) LINE_BYTES,
            sums = in(reg) sums.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        );
    }
    // SAFETY: the assembly above stores all of it.
    let Sums([even, odd]) = unsafe { sums.assume_init_ref() };
    let mut totals = [avx512_store::bias(requant); MR];
    for (total, (even, odd)) in totals.iter_mut().zip(even.iter().zip(odd)) {
        // SAFETY: a line of sums is 64 bytes.
        unsafe {
            let even = _mm512_load_si512(even.as_ptr().cast());
            let odd = _mm512_load_si512(odd.as_ptr().cast());
            *total = _mm512_add_epi32(*total, _mm512_add_epi32(even, odd));
        }
    }
    // SAFETY: passed on from the caller.
    unsafe { avx512_store::store(|pixel| totals[pixel], requant, place) };
}
