//! The inner loops of a convolution, one small file for each kind of processor.
//!
//! A convolution is done tile by tile: the inputs of `mr` output pixels are gathered into a scratch
//! that stays in the first cache (K = taps x channels values each), and then multiplied with blocks
//! of `nr` output channels whose weights were packed when the network was loaded. Sums are i32 and
//! exact, so every kernel gives the same bytes as [`portable`], which the tests compare. [`winograd`]
//! has the other way of doing 3x3 convolutions, which gives the same bytes too.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod amx_permission;
#[cfg(target_arch = "x86_64")]
mod avx2;
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
mod neon_dot;
#[cfg(target_arch = "aarch64")]
mod neon_i8mm;
#[cfg(target_arch = "aarch64")]
mod neon_store;
pub(super) mod peak;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vnni;
pub(super) mod winograd;

#[cfg(test)]
mod tests;

use winograd::Winograd;

#[cfg(test)]
use epilogue::quantise;
pub(super) use epilogue::{Addition, Requant, Residual};

/// The largest tile of any kernel, in pixels and in channels.
pub(super) const MAX_MR: usize = 32;
pub(super) const MAX_NR: usize = 16;

/// What is outside the input, in [`Rows::offsets`].
pub(super) const OUTSIDE: u32 = u32::MAX;

/// The inputs of one tile: for each tap, for each of the `mr` pixels, where its channels start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub input: &'a [i8],
    /// What is read outside the input: the zero point, `channels` times.
    pub outside: &'a [i8],
    pub offsets: &'a [u32],
    /// A multiple of 8.
    pub channels: usize,
}

impl<'a> Rows<'a> {
    fn get(&self, index: usize) -> &'a [i8] {
        match self.offsets[index] {
            OUTSIDE => &self.outside[..self.channels],
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

/// Where a tile's results go, and what is added to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Each pixel's first channel.
    pub output: [*mut i8; MAX_MR],
    /// The same of the residual, where there is one.
    pub residual: [*const i8; MAX_MR],
    /// How many of the pixels exist.
    pub pixels: usize,
    /// The first channel of this block.
    pub channel: usize,
    /// The block's weights are read for the first time: they are in none of the core's caches.
    pub far: bool,
}

impl Place {
    pub(super) const NOWHERE: Place = Place {
        output: [std::ptr::null_mut(); MAX_MR],
        residual: [std::ptr::null(); MAX_MR],
        pixels: 0,
        channel: 0,
        far: false,
    };

    fn output(&self, pixel: usize) -> *mut i8 {
        self.output[pixel].wrapping_add(self.channel)
    }

    fn residual(&self, pixel: usize) -> *const i8 {
        self.residual[pixel].wrapping_add(self.channel)
    }
}

/// The sizes that a kernel works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Pixels of a tile.
    pub mr: usize,
    /// Output channels of a block: 8 or 16.
    pub nr: usize,
    /// K is padded to a multiple of this.
    pub kr: usize,
}

/// One way of multiplying.
pub(super) trait Kernel: Send + Sync {
    /// As `POSEWIRE_KERNEL` names it.
    fn name(&self) -> &'static str;

    fn shape(&self) -> Shape;

    /// What [`Self::gather`] adds to each input. Its share of the sums, as much times the sum of the
    /// weights, is taken off the bias when weights are packed.
    fn input_offset(&self) -> i32 {
        0
    }

    /// Packed weights that stay in the second cache while all tiles go by.
    fn weight_cache_bytes(&self) -> usize {
        384 << 10
    }

    /// Bytes of scratch for a tile.
    fn scratch_bytes(&self, k: usize) -> usize;

    /// Another kernel of the same kind, if this one is not exact for a layer with these weights.
    fn instead_for(&self, _weights: &[i8]) -> Option<&'static dyn Kernel> {
        None
    }

    /// Winograd's method on this kind of processor, where it can be faster than this kernel.
    fn winograd(&self) -> Option<&'static dyn Winograd> {
        None
    }

    /// Weights of one block, [nr][k], as the inner loop reads them. `k` is a multiple of `kr`.
    fn pack(&self, block: &[i8], k: usize, packed: &mut Vec<i8>);

    /// Copies a tile's inputs to the scratch, in the kernel's own order; what is past the last tap
    /// is 0.
    fn gather(&self, rows: &Rows<'_>, k: usize, scratch: &mut [u8]);

    /// Makes the calling thread ready for [`Self::tile`], and the other one gives up again what that
    /// took: registers that the system would have to save whenever it switches threads.
    fn begin(&self) {}
    fn end(&self) {}

    /// Multiplies a gathered tile with one packed block and stores the requantised results.
    ///
    /// # Safety
    /// The processor has what [`best`] checked for this kernel, and the thread is between
    /// [`Self::begin`] and [`Self::end`]. From `place.channel` on, the first
    /// `place.pixels` pointers of `place.output` (and of `place.residual` if `requant` has one) are
    /// valid for `nr` bytes, and nothing else writes there meanwhile.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &Place,
    );

    /// `sums[i] = a[i] + b[i]`, requantised.
    fn add(&self, addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
        epilogue::add(addition, a, b, sums);
    }

    /// A row of float planes to pixels of 8-bit channels, `to.len() / row's length` bytes each. What is
    /// not a number becomes the least value.
    fn quantize(&self, row: [&[f32]; 3], scale: f32, zero_point: i8, to: &mut [i8]) {
        epilogue::quantize(row, scale, zero_point, to);
    }

    /// `row[i] = max(row[i], others[..][i])`; a row is a multiple of 16.
    fn raise(&self, row: &mut [i8], others: &[&[i8]]) {
        epilogue::raise(row, others);
    }
}

/// All kernels that this processor can run, the fastest first.
pub(super) fn available() -> Vec<&'static dyn Kernel> {
    let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if amx::is_available() {
            kernels.push(&amx::Amx);
        }
        if avx512_vnni::is_available() {
            kernels.push(&avx512_vnni::Avx512Vnni);
        }
        if avx_vnni::is_available() {
            kernels.push(&avx_vnni::AvxVnni);
        }
        if avx2::is_available() {
            kernels.push(&avx2::Avx2);
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        if neon_i8mm::is_available() {
            kernels.push(&neon_i8mm::NeonI8mm);
        }
        if neon_dot::is_available() {
            kernels.push(&neon_dot::NeonDot);
        }
        kernels.push(&neon::NEON);
    }
    kernels.push(&portable::PORTABLE);
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
    let names: Vec<_> = kernels.iter().map(|kernel| kernel.name()).collect();
    kernels
        .iter()
        .find(|kernel| kernel.name() == name)
        .copied()
        .ok_or_else(|| names.join(", "))
}

/// The kernel of this name, of any processor, to pack weights for: what it is the twin of may be faster.
///
/// # Errors
/// The names there are, if it is none of them.
#[cfg(any(feature = "onnx", test))]
pub(super) fn of_family(name: &str) -> Result<&'static dyn Kernel, String> {
    portable::FAMILIES
        .iter()
        .find(|twin| twin.name() == name)
        .copied()
        .ok_or_else(|| families().join(", "))
}

/// The names of all families, of any processor.
pub(super) fn families() -> Vec<&'static str> {
    portable::FAMILIES.iter().map(|twin| twin.name()).collect()
}

/// [nr][k] to [k / kr][nr][kr]: the order in which most kernels read weights.
pub(super) fn pack_interleaved(block: &[i8], k: usize, kr: usize, packed: &mut Vec<i8>) {
    for group in 0..k / kr {
        for row in block.chunks_exact(k) {
            packed.extend_from_slice(&row[group * kr..][..kr]);
        }
    }
}
