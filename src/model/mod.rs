//! What a network is for: its card, and how it gets from a file into memory.
//!
//! In: an ONNX file, and for foreign exports a TOML file beside it; or a compiled plan. Out: a checked
//! [`ModelCard`] and the contents an [engine](crate::engine) is built from. Nothing here runs a
//! network.

mod card;
mod container;
mod file;
mod hash;
mod plan;
#[cfg(feature = "demo")]
mod shipped;

pub use card::{DecodeMode, ModelCard};
#[cfg(any(feature = "onnx", test))]
pub(crate) use container::assemble as assemble_plan;
pub use file::{Contents, ModelFile};
pub use hash::ModelHash;
pub use plan::{PlanFile, Weights};

#[cfg(test)]
pub(crate) use card::tests::hand_card as test_card;
