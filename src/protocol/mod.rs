//! The test protocol of following: clips with a known truth, run through the real path of a frame.
//!
//! In: a [`Clip`] of moments, each with what is there. Out: a [`Report`]: how well it was followed. A clip is
//! modelled, a folder of pictures, or a labelled video.
//!
//! A modelled clip needs neither pictures nor weights. Each pixel of its frames tells its own place ([`coded`]), so that a
//! modelled network knows which part of the frame it sees, and draws the maps that a network would see there, with
//! noise, misses and confusions like those that were measured ([`modelled`]). Everything between is the program's own: crop, decoding,
//! tracking, smoothing, and the stream of events. Capture times and the cost of looks are given, so that a run
//! does not depend on the machine.

mod clip;
mod coded;
mod folder;
mod judge;
mod likely;
mod modelled;
mod posetrack;
#[cfg(test)]
mod posetrack_tests;
mod recorder;
mod run;
mod scenarios;
mod shape;
#[cfg(test)]
mod tests;
mod world;

pub use clip::Clip;
pub use folder::read as read_clip;
pub use judge::Report;
pub use posetrack::{is_posetracks, label_files, read_videos};
pub use run::{Follow, Networks, run};
pub use scenarios::all as scenarios;
