//! Steadies the joints of instances over time.
//!
//! In: a [`Scene`](crate::scene::Scene) of followed instances, raw. Out: the same scene with smoothed joints, and with
//! flags for what is smoothed or held. It has no delay of its own beyond that of a low pass, and no heap.

mod hysteresis;
mod one_euro;
mod smoother;

pub use one_euro::Strength;
pub use smoother::{Smooth, Smoother};
