//! Accuracy metrics of the reference models' data sets.
//!
//! Points are (x, y) in pixels; `valid` says which joints are annotated. PCK and AUC are those of
//! MMPose's hand data sets, PCKh that of MPII (Andriluka et al., CVPR 2014).

pub mod oks;

/// Joints that MPII leaves out of its mean: pelvis and thorax.
const PCKH_LEFT_OUT: [usize; 2] = [6, 7];

/// The head size of PCKh as a fraction of the diagonal of the head box.
const HEAD_SIZE_PART: f64 = 0.6;

/// One instance: predicted joints, true joints, and which joints are annotated.
#[derive(Debug, Clone)]
pub struct Sample {
    pub predicted: Vec<(f64, f64)>,
    pub truth: Vec<(f64, f64)>,
    pub valid: Vec<bool>,
    /// Divisor of distances: the larger side of the box for PCK, the head size for PCKh.
    pub scale_px: f64,
}

impl Sample {
    /// Distance in pixels of each joint; `None` where it is not annotated.
    fn distances_px(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.predicted
            .iter()
            .zip(&self.truth)
            .zip(&self.valid)
            .map(|((p, t), &valid)| valid.then(|| (p.0 - t.0).hypot(p.1 - t.1)))
    }
}

/// PCKh's head size, from two corners of the head box.
pub fn head_size_px(corner: (f64, f64), opposite: (f64, f64)) -> f64 {
    HEAD_SIZE_PART * (opposite.0 - corner.0).hypot(opposite.1 - corner.1)
}

/// For each joint: the number of annotated samples that pass, and the number of annotated samples.
fn passing(samples: &[Sample], pass: impl Fn(f64, &Sample) -> bool) -> Vec<(usize, usize)> {
    let joints = samples.first().map_or(0, |sample| sample.truth.len());
    let mut counts = vec![(0, 0); joints];
    for sample in samples {
        for (count, distance) in counts.iter_mut().zip(sample.distances_px()) {
            if let Some(distance) = distance {
                count.0 += usize::from(pass(distance, sample));
                count.1 += 1;
            }
        }
    }
    counts
}

/// Fraction of samples that pass, averaged over the joints that have samples.
fn mean_over_joints(counts: &[(usize, usize)]) -> f64 {
    let parts: Vec<f64> = counts
        .iter()
        .filter(|(_, all)| *all > 0)
        .map(|&(good, all)| good as f64 / all as f64)
        .collect();
    parts.iter().sum::<f64>() / parts.len().max(1) as f64
}

/// Fraction of samples closer than `threshold` times the scale, averaged over joints.
pub fn pck(samples: &[Sample], threshold: f64) -> f64 {
    mean_over_joints(&passing(samples, |distance, sample| {
        distance / sample.scale_px < threshold
    }))
}

/// Mean of PCK over the thresholds i / 20, i = 0..20, of distances divided by `norm_px` (30 in
/// MMPose).
pub fn auc(samples: &[Sample], norm_px: f64) -> f64 {
    let steps = 20;
    let sum: f64 = (0..steps)
        .map(|step| {
            let threshold = f64::from(step) / f64::from(steps);
            mean_over_joints(&passing(samples, |distance, _| {
                distance / norm_px < threshold
            }))
        })
        .sum();
    sum / f64::from(steps)
}

/// Mean distance over all annotated joints, in pixels.
pub fn epe_px(samples: &[Sample]) -> f64 {
    let distances: Vec<f64> = samples
        .iter()
        .flat_map(|sample| sample.distances_px().flatten())
        .collect();
    distances.iter().sum::<f64>() / distances.len().max(1) as f64
}

/// Percentage of joints within `threshold` head sizes, weighted by the number of annotations. Pelvis and thorax
/// do not count.
pub fn pckh(samples: &[Sample], threshold: f64) -> f64 {
    let (good, all) = passing(samples, |distance, sample| {
        distance / sample.scale_px <= threshold
    })
    .into_iter()
    .enumerate()
    .filter(|(joint, _)| !PCKH_LEFT_OUT.contains(joint))
    .fold((0, 0), |sum, (_, count)| (sum.0 + count.0, sum.1 + count.1));
    100.0 * good as f64 / all.max(1) as f64
}

/// The value that this share, 0 to 1, of sorted values does not exceed (nearest rank); `None` without values.
pub fn nearest_rank<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_the_value_of_its_nearest_rank() {
        let values = [1, 2, 3, 4];
        let at = |share| nearest_rank(&values, share);
        assert_eq!(
            [0.0, 0.25, 0.26, 0.5, 1.0].map(at),
            [1, 1, 2, 2, 4].map(Some)
        );
        assert_eq!(nearest_rank::<f64>(&[], 0.5), None);
    }

    #[test]
    fn no_samples_give_zero_not_nan() {
        assert_eq!(
            (pck(&[], 0.2), auc(&[], 30.0), epe_px(&[]), pckh(&[], 0.5)),
            (0.0, 0.0, 0.0, 0.0)
        );
    }
}
