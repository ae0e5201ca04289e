//! Plain data about a frame: instances, keypoints, regions, and the kind of subject.
//!
//! Every value has a fixed size and owns its memory. Positions are pixels. The holder of a value defines of which
//! picture.

#![warn(missing_docs)]

mod instance;
mod joint_names;
mod keypoint;
mod mount;
mod region;
mod side;
mod task;
mod track;

pub use instance::{FrameInfo, Instance, Origin, Presence, Region, Scene};
#[cfg(all(test, feature = "eval"))]
pub(crate) use joint_names::fixtures as joint_fixtures;
pub use joint_names::{BODY_JOINTS, COCO_JOINTS, POSETRACK_JOINTS, joint_places};
pub use keypoint::{Keypoint, Keypoints, mean_score};
pub use mount::Mount;
pub use region::{BBox, CropBox, SizePx};
pub use side::Side;
pub use task::{JointTable, Task};
pub use track::{Crowd, Track, TrackState};
