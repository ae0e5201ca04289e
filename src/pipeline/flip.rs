//! The flip test: a second look at the mirror image, and the mean of both.
//!
//! In: the maps of both passes, maps x H x W. Out: their mean. As in MMPose, left and right joints change places, and the
//! mirrored heatmaps move by a pixel to the right, because a network's pixels do not lie symmetrically.

use crate::model::{ExtraChannel, ModelCard};

/// Memory and order of the flip test of one network.
#[derive(Debug)]
pub(super) struct Flip {
    /// Maps of the first pass, then the means.
    maps: Vec<f32>,
    width: usize,
    plane: usize,
    /// The mirrored pass's map of each map.
    order: Vec<usize>,
    joints: usize,
    right_hand: Option<usize>,
}

impl Flip {
    pub fn new(card: &ModelCard) -> Flip {
        let [_, maps, height, width] = card.output_shape();
        let mut order: Vec<usize> = (0..maps).collect();
        for &[a, b] in &card.flip_pairs {
            order.swap(a, b);
        }
        Flip {
            maps: vec![0.0; maps * height * width],
            width,
            plane: height * width,
            order,
            joints: card.joints.len(),
            right_hand: card.extra_map(ExtraChannel::RightHand),
        }
    }

    /// Mirrors an input, 3 x H x W, in place.
    pub fn mirror(input: &mut [f32], width: usize) {
        input.chunks_exact_mut(width).for_each(<[f32]>::reverse);
    }

    /// Keeps the maps of the first pass.
    pub fn keep(&mut self, maps: &[f32]) {
        self.maps.copy_from_slice(maps);
    }

    /// The mean of the maps that were kept and of those of the mirrored pass.
    pub fn mean(&mut self, mirrored: &[f32]) -> &[f32] {
        let width = self.width;
        for (at, map) in self.maps.chunks_exact_mut(self.plane).enumerate() {
            let from = &mirrored[self.order[at] * self.plane..][..self.plane];
            let (is_joint, is_side) = (at < self.joints, self.right_hand == Some(at));
            for (row, other) in map.chunks_exact_mut(width).zip(from.chunks_exact(width)) {
                for (x, value) in row.iter_mut().enumerate() {
                    let moved = if is_joint { x.saturating_sub(1) } else { x };
                    let other = other[width - 1 - moved];
                    // In a mirror a right hand looks like a left one.
                    let other = if is_side { 1.0 - other } else { other };
                    *value = 0.5 * (*value + other);
                }
            }
        }
        &self.maps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::test_card;

    #[test]
    fn the_mean_has_swapped_and_moved_joints() {
        let mut card = test_card();
        card.joint_table = "own".into();
        card.joints = vec!["left".into(), "right".into()];
        card.flip_pairs = vec![[0, 1]];
        card.heatmap_px = [4, 1].into();
        card.extra_channels = vec![ExtraChannel::RightHand, ExtraChannel::Presence];
        let mut flip = Flip::new(&card);
        flip.keep(&[
            1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.8, 0.8, 0.8, 0.8, 0.1, 0.2, 0.3, 0.4,
        ]);
        let mirrored = [
            0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1,
        ];
        let mean = flip.mean(&mirrored);
        // Of the other joint, from right to left, and one pixel further: 7 7 5 3.
        assert_eq!(mean[..4], [4.0, 3.5, 2.5, 1.5]);
        assert_eq!(mean[4..8], [3.0, 3.0, 2.0, 1.5]);
        assert!(mean[8..12].iter().all(|&right| (right - 0.7).abs() < 1e-6));
        for (value, wanted) in mean[12..].iter().zip([0.1, 0.2, 0.3, 0.4]) {
            assert!((value - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn an_input_is_mirrored_row_by_row() {
        let mut input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        Flip::mirror(&mut input, 3);
        assert_eq!(input, [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    }
}
