//! Plain data about a frame: keypoints, regions, and the kind of subject that they belong to.
//!
//! Every value has a fixed size and owns its memory. Positions are pixels; the holder of a value says of
//! which picture.

mod instance;
mod keypoint;
mod region;
mod task;

pub use instance::{FrameInfo, Instance, Origin, Presence, Region, Scene};
pub use keypoint::{Keypoint, Keypoints};
pub use region::{BBox, CropBox};
pub use task::{JointTable, Task};
