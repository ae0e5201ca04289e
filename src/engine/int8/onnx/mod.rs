//! ONNX graphs, quantised in QDQ or QOperator form, to the integer [`Graph`](super::ir::Graph).
//!
//! In: an ONNX model, which tract reads and checks ([`reader`]). Out: one list of integer operations with
//! weights of its own ([`import()`]). There is a file for each kind of operator, and one table of them, in
//! [`import`](mod@import).

mod add;
mod affine;
mod attributes;
mod average;
mod carry;
mod channels;
mod constants;
mod conv;
mod grouped;
mod import;
mod levels;
mod map;
mod pad;
mod product;
mod quantize;
mod reader;
#[cfg(test)]
mod reference_tests;
mod resample;
mod unary;
mod value;
mod weights;

pub(super) use import::import;
pub use reader::reader;
