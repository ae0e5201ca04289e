//! The integer engine: quantised networks as a static plan of fused integer convolutions.
//!
//! In: an ONNX file, or a plan file that was compiled from one. tract reads and checks ONNX, and `onnx`
//! brings QDQ and QOperator forms to one graph of integer operations ([`ir`]). [`plan`] outlines steps and
//! places activations in one arena, `compile` packs the weights of each step for a [`family`] of
//! processors, and [`run`] does a frame step by step with a [`kernel`], without allocating.
//!
//! Sums are exact; requantisation rounds half to even in f32, as ONNX defines it, so that results are those
//! of ONNX Runtime on the same file except for ties.

mod cores;
mod family;
mod ir;
mod kernel;
mod network;
mod plan;
mod requant;
pub(super) mod run;

#[cfg(test)]
mod family_tests;
#[cfg(test)]
mod tests;

#[cfg(any(feature = "onnx", test))]
mod compile;
#[cfg(feature = "onnx")]
mod from_onnx;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "onnx")]
mod runtime;

use crate::error::{Error, Result};
#[cfg(feature = "onnx")]
pub use from_onnx::compile;
#[cfg(feature = "onnx")]
pub(super) use from_onnx::load;
#[cfg(feature = "onnx")]
pub(super) use ir::Misfit;
pub(super) use network::Int8Network;
#[cfg(feature = "onnx")]
pub use onnx::reader as quantised_reader;
#[cfg(feature = "onnx")]
pub use runtime::Int8Runtime;

/// The kernel family that is used here: the fastest of this processor, or what `POSEWIRE_KERNEL` names.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if that is none of this processor's.
pub fn kernel_family() -> Result<&'static str> {
    kernel::best()
        .map(|kernel| kernel.family().name)
        .map_err(Error::usage)
}

/// The cores that plans can be compiled for, as `compile --cpu` and board files name them.
pub fn cores() -> Vec<&'static str> {
    cores::names()
}

/// The kernel family of the plans for a core; `None` if no core has this name.
pub fn kernel_family_of(core: &str) -> Option<&'static str> {
    cores::named(core).ok().map(|core| core.family.name)
}

/// The kernel families of all processors, as plans name them.
pub fn kernel_families() -> Vec<&'static str> {
    family::names()
}
