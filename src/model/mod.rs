//! What a network is for: its card, and how it gets from a file into memory.
//!
//! In: an ONNX file, and for foreign exports a TOML file beside it. Out: a checked [`ModelCard`] and
//! the bytes an [engine](crate::engine) is built from. Nothing here runs a network.

mod card;
mod file;
#[cfg(feature = "demo")]
mod shipped;

pub use card::{DecodeMode, JointTable, ModelCard, Task};
pub use file::{MAX_MODEL_BYTES, ModelFile};

#[cfg(test)]
pub(crate) use card::tests::hand_card as test_card;
