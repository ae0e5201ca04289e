//! Keypoints in three coordinate systems: heatmap pixels, network-input pixels, source-frame pixels.
//!
//! In all of them x points right, y points down, and the centre of the top-left pixel is (0, 0).

use crate::limits::MAX_KEYPOINTS;

/// One joint. The holder of the value defines the coordinate system.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Keypoint {
    /// Column, to the right.
    pub x_px: f32,
    /// Row, downward.
    pub y_px: f32,
    /// The heatmap's maximum: about 1 for a certain joint. At 0 or less the joint was not found, and the coordinates
    /// have no meaning.
    pub score: f32,
}

impl Keypoint {
    /// True if the joint was found: its score is above 0.
    pub fn is_found(&self) -> bool {
        self.score > 0.0
    }
}

/// The mean of the joints' scores, of which none counts as less than 0; 0 without joints.
pub fn mean_score(joints: &[Keypoint]) -> f32 {
    let total: f32 = joints.iter().map(|joint| joint.score.max(0.0)).sum();
    total / joints.len().max(1) as f32
}

/// The joints of one instance, in the order of the model's joint table.
pub type Keypoints = heapless::Vec<Keypoint, MAX_KEYPOINTS>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_score_counts_no_joint_below_0() {
        let joint = |score| Keypoint {
            score,
            ..Keypoint::default()
        };
        let joints = [joint(0.9), joint(-0.4), joint(0.3)];
        assert!((mean_score(&joints) - 0.4).abs() < 1e-6);
        assert_eq!(mean_score(&[]), 0.0);
    }
}
