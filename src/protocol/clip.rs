//! Clips: what is there, moment after moment.

use crate::mot::{Polygon, Truth};
use crate::pipeline::LookCosts;
use crate::scene::Task;
use std::path::PathBuf;

/// A thing that is no hand and no person, and that a network may take for one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clutter {
    pub id: u32,
    pub looks_like: Task,
    pub x_px: f32,
    pub y_px: f32,
    pub side_px: f32,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moment {
    pub captured_us: u64,
    /// The picture of this moment.
    pub picture: Picture,
    /// Later ones are in front of earlier ones.
    pub truths: Vec<Truth>,
    /// The truths are known.
    pub is_labelled: bool,
    /// Regions in which not all of them are.
    pub ignored: Vec<Polygon>,
    pub clutter: Vec<Clutter>,
}

/// A frame's pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Picture {
    /// Made by [`coded`](super::coded), in one of two rooms.
    Coded {
        is_other_room: bool,
    },
    File(PathBuf),
}

/// A clip with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Its name in tables.
    pub name: String,
    /// Of the modelled frames.
    pub(super) size_px: (u32, u32),
    /// The pictures are mirror images.
    pub(super) is_mirrored: bool,
    /// Quarter turns clockwise that make them upright.
    pub(super) quarter_turns: u8,
    /// The most hands and bodies that are followed.
    pub(super) hands: usize,
    pub(super) bodies: usize,
    pub(super) costs: LookCosts,
    /// The network is as unsure as in the dark.
    pub(super) is_dim: bool,
    pub(super) moments: Vec<Moment>,
}

impl Clip {
    /// Frames.
    pub fn frames(&self) -> usize {
        self.moments.len()
    }

    /// Frames in files.
    pub fn is_of_pictures(&self) -> bool {
        let first = self.moments.first();
        first.is_some_and(|first| matches!(first.picture, Picture::File(_)))
    }

    /// Whether hands, or persons, are followed in it.
    pub fn follows(&self, task: Task) -> bool {
        match task {
            Task::Hand => self.hands > 0,
            Task::Body => self.bodies > 0,
        }
    }
}
