//! One frame through the stages, and the loop that keeps them fed.
//!
//! Data flows one way: source, crop, engine, decode, track, wire, sink. [`Pipeline`] is the part
//! from a frame to keypoints; [`Stream`] is the loop around it that talks to a source and to sinks.

mod frame;
mod report;
mod stream;

pub use frame::{Observation, Pipeline};
pub use stream::{Stream, StreamOptions, Totals};
