//! One frame through the stages, and the loop around them.
//!
//! Data flows one way: source, crop, engine, decode, track, wire, sink. An
//! [`Estimator`] is one model at work, a [`Pipeline`] turns a frame into a scene, and [`Stream`] is the loop
//! around it, between a source and sinks.

mod estimator;
mod finder;
#[cfg(test)]
mod finder_tests;
mod flip;
mod frame;
mod outlets;
mod report;
mod several;
mod stream;
mod totals;

pub use estimator::{Estimate, Estimator, LookOptions};
pub use finder::Finder;
pub use frame::Pipeline;
pub use several::{LookCosts, SeveralOptions};
pub use stream::{Stream, StreamOptions};
pub use totals::Totals;
