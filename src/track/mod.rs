//! Chooses where to look in a frame, and which findings are the same instance.
//!
//! In: keypoints in source-frame pixels, and the capture times of their frames. Out: regions to look at, and the
//! instances of a [`Scene`](crate::scene::Scene). No pixels, no networks, no clock, and no heap: everything has a
//! fixed size. [`Tracker`] follows one instance. [`Follower`] follows several: docs/tracking.md has its rules.

mod claim;
mod cut;
mod follow;
mod kind;
mod likeness;
mod look;
mod motion;
mod pair;
mod place;
#[cfg(test)]
mod scenario_tests;
mod search;
mod service;
mod side;
mod single;
mod slot;
mod tracks;
mod trial;
mod wrists;

pub use cut::{GRID_COLUMNS, GRID_ROWS, Grid};
pub use follow::{FollowOptions, Follower};
pub use kind::{Kind, Thresholds};
pub use look::{Candidates, Look, Looker, Pass};
pub use place::Candidate;
pub use single::Tracker;
pub use slot::birth_looks;
