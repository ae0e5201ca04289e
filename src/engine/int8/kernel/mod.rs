//! The inner loops of a convolution, one small file for each kind of processor.
//!
//! A convolution is done tile by tile: the inputs of `mr` output pixels are gathered into a scratch
//! that stays in the first cache (K = taps x channels values each), and then multiplied with blocks
//! of `nr` output channels, whose weights are packed in the family's order. Sums are i32 and exact, so
//! every kernel gives the same bytes as [`portable`], which the tests compare. [`winograd`] has another
//! method for 3x3 convolutions, which gives the same bytes too.
//!
//! A kernel is a value that only its `detect` gives out: having one proves that this processor has its
//! instructions.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod amx_permission;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_depthwise;
#[cfg(target_arch = "x86_64")]
mod avx2_rows;
#[cfg(target_arch = "x86_64")]
mod avx2_store;
#[cfg(target_arch = "x86_64")]
mod avx512_store;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod epilogue;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_depthwise;
#[cfg(target_arch = "aarch64")]
mod neon_dot;
#[cfg(target_arch = "aarch64")]
mod neon_dot_store;
#[cfg(target_arch = "aarch64")]
mod neon_i8mm;
#[cfg(target_arch = "aarch64")]
mod neon_loops;
#[cfg(target_arch = "aarch64")]
mod neon_rows;
#[cfg(target_arch = "aarch64")]
mod neon_store;
pub(super) mod peak;
mod portable;
mod rows;
#[cfg(target_arch = "x86_64")]
mod vnni;
pub(super) mod winograd;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod twins;

pub(super) use rows::{DEPTHWISE_PIXELS, DepthwiseTile, RowOps};

use super::family::Family;
use super::requant::Requant;
use rows::PlainRows;
use winograd::Winograd;

/// The largest tile of any kernel, in pixels and in channels.
pub(super) const MAX_MR: usize = 32;
pub(super) const MAX_NR: usize = 16;

/// A place outside of the input, in [`Indirection::offsets`].
pub(super) const OUTSIDE: u32 = u32::MAX;

/// The inputs of one tile: for each tap, for each of the `mr` pixels, the start of its channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indirection<'a> {
    pub input: &'a [i8],
    /// Read outside of the input: the zero point, `channels` times.
    pub padding_row: &'a [i8],
    pub offsets: &'a [u32],
    /// A multiple of 8.
    pub channels: usize,
}

impl<'a> Indirection<'a> {
    // In the innermost loops, also in a program that is built for size.
    #[inline(always)]
    fn get(&self, index: usize) -> &'a [i8] {
        match self.offsets[index] {
            OUTSIDE => &self.padding_row[..self.channels],
            offset => &self.input[offset as usize..][..self.channels],
        }
    }

    /// To [mr][k] bytes, zeros behind the last tap; from one line to the next it is `stride`.
    fn copy_lines(&self, mr: usize, k: usize, stride: usize, scratch: &mut [u8]) {
        let taps = self.offsets.len() / mr;
        for (pixel, line) in scratch.chunks_exact_mut(stride).take(mr).enumerate() {
            let (used, rest) = line[..k].split_at_mut(taps * self.channels);
            for (tap, part) in used.chunks_exact_mut(self.channels).enumerate() {
                for (byte, &value) in part.iter_mut().zip(self.get(tap * mr + pixel)) {
                    *byte = value.cast_unsigned();
                }
            }
            rest.fill(0);
        }
    }
}

/// The pixels that a tile's results are stored to, and those that are added to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct TileOutput {
    /// The first channel of each pixel.
    pub output: [*mut i8; MAX_MR],
    /// The same of the residual, if there is one.
    pub residual: [*const i8; MAX_MR],
    /// The number of pixels that exist.
    pub pixels: usize,
    /// The first channel of this block.
    pub channel: usize,
    /// The block's weights are read for the first time: they are in none of the core's caches.
    pub weights_cold: bool,
}

impl TileOutput {
    pub(super) const NOWHERE: TileOutput = TileOutput {
        output: [std::ptr::null_mut(); MAX_MR],
        residual: [std::ptr::null(); MAX_MR],
        pixels: 0,
        channel: 0,
        weights_cold: false,
    };

    fn output(&self, pixel: usize) -> *mut i8 {
        self.output[pixel].wrapping_add(self.channel)
    }

    fn residual(&self, pixel: usize) -> *const i8 {
        self.residual[pixel].wrapping_add(self.channel)
    }
}

/// The inner loop of direct convolutions, for one family of processors.
pub(super) trait Kernel: Send + Sync {
    /// Its sizes and the order of its weights.
    fn family(&self) -> &'static Family;

    /// Packed weights that stay in the second cache while all tiles go by.
    fn weight_cache_bytes(&self) -> usize {
        384 << 10
    }

    /// Bytes of scratch for a tile.
    fn scratch_bytes(&self, k: usize) -> usize;

    /// The variant for layers that have a weight of -128, if this one is not exact for them.
    fn exact(&self) -> Option<&'static dyn Kernel> {
        None
    }

    /// Winograd's method, if the family has it.
    fn winograd(&self) -> Option<&'static dyn Winograd> {
        None
    }

    /// Operations on rows, with this kernel's instructions.
    fn rows(&self) -> &'static dyn RowOps {
        &PlainRows
    }

    /// Copies a tile's inputs to the scratch, in the kernel's own order; bytes past the last tap are 0.
    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]);

    /// Sets up per-thread state for [`Self::tile`]: AMX tile registers.
    fn begin(&self) {}

    /// Releases the state of [`Self::begin`], so that context switches need not save it.
    fn end(&self) {}

    /// Multiplies a gathered tile with one packed block and stores the requantised results.
    ///
    /// # Safety
    /// The thread is between [`Self::begin`] and [`Self::end`]. From `place.channel` on, the first
    /// `place.pixels` pointers of `place.output` (and of `place.residual` if `requant` has one) are
    /// valid for `nr` bytes, and no other thread touches these meanwhile.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &TileOutput,
    );

    /// Multiplies a gathered tile with as many packed blocks as `weights` holds, in one call; `requant` is of all of
    /// them. The first one's channels begin at `place.channel`.
    ///
    /// # Safety
    /// As for [`Self::tile`], with the bytes of all blocks.
    unsafe fn blocks(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &mut TileOutput,
    ) {
        let nr = self.family().tile.nr;
        for (weights, requant) in weights.chunks_exact(nr * k).zip(requant.blocks(nr)) {
            // SAFETY: passed on from the caller.
            unsafe { self.tile(scratch, weights, k, &requant, place) };
            place.channel += nr;
        }
    }
}

/// All kernels that this processor can run, the fastest first.
pub(super) fn available() -> Vec<&'static dyn Kernel> {
    let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(amx::Amx::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.extend(avx512_vnni::Avx512Vnni::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.extend(avx_vnni::AvxVnni::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.extend(avx2::Avx2::detect().map(|kernel| kernel as &dyn Kernel));
    }
    #[cfg(target_arch = "aarch64")]
    {
        kernels.extend(neon_i8mm::NeonI8mm::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.extend(neon_dot::NeonDot::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.push(&neon::NEON);
    }
    kernels.extend([&portable::PORTABLE as &dyn Kernel]);
    kernels
}

/// The kernel that `POSEWIRE_KERNEL` names, else the fastest.
///
/// # Errors
/// The names there are, if it names none of them.
pub(super) fn best() -> Result<&'static dyn Kernel, String> {
    let Ok(wanted) = std::env::var("POSEWIRE_KERNEL") else {
        return Ok(available()[0]);
    };
    named(&wanted)
        .map_err(|names| format!("POSEWIRE_KERNEL is {wanted:?}, this processor has {names}"))
}

/// The kernel of this name.
///
/// # Errors
/// The names there are, if it is none of them.
pub(super) fn named(name: &str) -> Result<&'static dyn Kernel, String> {
    let kernels = available();
    let names: Vec<_> = kernels.iter().map(|kernel| kernel.family().name).collect();
    kernels
        .iter()
        .find(|kernel| kernel.family().name == name)
        .copied()
        .ok_or_else(|| names.join(", "))
}
