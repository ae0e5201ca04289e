//! Plans: a graph as steps on one arena, for one kernel family.
//!
//! [`outline()`] fuses additions, cuts convolutions into steps and places activations; it does not depend
//! on the family. [`Plan::bind`] joins an outline with the packed weights of each step, which come from
//! `compile` or from a plan file ([`file`]). A plan owns its weights or shares the mapped file; it holds
//! no memory that a frame writes to.

#![warn(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod arena;
mod bind;
mod buffer;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod file;
pub(crate) mod float;
#[cfg(test)]
mod hostile_tests;
mod layout;
mod outline;
mod steps;
pub(crate) mod winograd;

pub(crate) use buffer::Buffer;
pub(crate) use float::{FloatStep, FloatStepOp, Reading, Source};
pub(crate) use outline::outline;
#[cfg(any(feature = "onnx", test))]
pub(crate) use outline::{Outline, StepOutline};
pub(crate) use steps::{ConvStep, DepthwiseStep, PackedConv, Plan, Run, Step};
