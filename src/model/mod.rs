//! Model files: the card of a network, and loading from a file into memory.
//!
//! In: an ONNX file, and for foreign exports a TOML file beside it; or a compiled plan. Out: a checked
//! [`ModelCard`] and the contents that an [engine](crate::engine) is built from. No code here runs a
//! network.

mod any;
mod card;
mod container;
mod extra;
mod file;
mod finder;
mod hash;
#[cfg(feature = "onnx")]
mod onnx;
mod plan;
#[cfg(feature = "demo")]
mod shipped;

pub use card::{CARD_FORMAT, DecodeMode, ModelCard, PresenceRule};
#[cfg(feature = "onnx")]
pub(crate) use container::OLDEST_VERSION as OLDEST_PLAN_VERSION;
#[cfg(test)]
pub(crate) use container::VERSION as PLAN_VERSION;
#[cfg(any(feature = "onnx", test))]
pub(crate) use container::assemble as assemble_plan;
pub use extra::ExtraChannel;
#[cfg(feature = "onnx")]
pub(crate) use file::with_card;
pub use file::{Contents, ModelFile};
pub use finder::{FINDER_CHANNELS, FinderCard};
pub use hash::ModelHash;
pub use plan::{PlanFile, Weights};

#[cfg(test)]
pub(crate) use card::tests::hand_card as test_card;
#[cfg(test)]
pub(crate) use finder::tests::finder_card as finder_test_card;
