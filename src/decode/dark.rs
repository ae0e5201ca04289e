//! Distribution-aware coordinate decoding (DARK; Zhang et al., CVPR 2020).
//!
//! The heatmap is blurred with an 11 x 11 Gaussian, scaled back to its old maximum and clamped to 1e-10. One
//! Newton step on its logarithm, from the arg-max, finds the peak of the Gaussian that the network was trained
//! to draw.

use super::peak::argmax;

const KERNEL: usize = 11;
const RADIUS: usize = KERNEL / 2;

/// Scratch space for one heatmap of a fixed size.
#[derive(Debug)]
pub(super) struct Dark {
    width: usize,
    height: usize,
    kernel: [f32; KERNEL],
    /// The heatmap blurred along its rows, then along both axes.
    rows_blurred: Vec<f32>,
    blurred: Vec<f32>,
}

impl Dark {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Dark {
            width,
            height,
            kernel: gaussian(),
            rows_blurred: vec![0.0; width * height],
            blurred: vec![0.0; width * height],
        }
    }

    /// The refined peak, in heatmap pixels. Near the borders, where second differences do not fit, it is the
    /// arg-max.
    pub(super) fn refine(
        &mut self,
        heatmap: &[f32],
        x: usize,
        y: usize,
        maximum: f32,
    ) -> (f32, f32) {
        let peak = (x as f32, y as f32);
        let has_room = |position: usize, side: usize| position > 1 && position + 2 < side;
        if !has_room(x, self.width) || !has_room(y, self.height) {
            return peak;
        }
        self.blur(heatmap);
        let Some((_, _, blurred_maximum)) = argmax(&self.blurred, self.width) else {
            return peak;
        };
        let gain = maximum / blurred_maximum;
        let log_at = |dx: isize, dy: isize| {
            let row = y.wrapping_add_signed(dy);
            let column = x.wrapping_add_signed(dx);
            (self.blurred[row * self.width + column] * gain)
                .max(1e-10)
                .ln()
        };
        let center = log_at(0, 0);
        let slope_x = 0.5 * (log_at(1, 0) - log_at(-1, 0));
        let slope_y = 0.5 * (log_at(0, 1) - log_at(0, -1));
        let curve_xx = 0.25 * (log_at(2, 0) - 2.0 * center + log_at(-2, 0));
        let curve_yy = 0.25 * (log_at(0, 2) - 2.0 * center + log_at(0, -2));
        let curve_xy = 0.25 * (log_at(1, 1) - log_at(-1, 1) - log_at(1, -1) + log_at(-1, -1));
        let determinant = curve_xx * curve_yy - curve_xy * curve_xy;
        if determinant == 0.0 || !determinant.is_finite() {
            return peak;
        }
        (
            peak.0 - (curve_yy * slope_x - curve_xy * slope_y) / determinant,
            peak.1 - (curve_xx * slope_y - curve_xy * slope_x) / determinant,
        )
    }

    /// Separable blur with zeros beyond the borders.
    fn blur(&mut self, heatmap: &[f32]) {
        let (width, height) = (self.width, self.height);
        for y in 0..height {
            let row = &heatmap[y * width..][..width];
            for x in 0..width {
                self.rows_blurred[y * width + x] =
                    convolve(&self.kernel, x, width, |position| row[position]);
            }
        }
        for y in 0..height {
            for x in 0..width {
                self.blurred[y * width + x] = convolve(&self.kernel, y, height, |position| {
                    self.rows_blurred[position * width + x]
                });
            }
        }
    }
}

fn convolve(kernel: &[f32; KERNEL], center: usize, side: usize, at: impl Fn(usize) -> f32) -> f32 {
    let first = center.saturating_sub(RADIUS);
    let last = (center + RADIUS).min(side - 1);
    (first..=last)
        .map(|position| kernel[position + RADIUS - center] * at(position))
        .sum()
}

/// OpenCV's `getGaussianKernel(11, 0)`: sigma = 0.3 * ((11 - 1) / 2 - 1) + 0.8 = 2.
fn gaussian() -> [f32; KERNEL] {
    let sigma = 2.0_f64;
    let weights: [f64; KERNEL] = std::array::from_fn(|index| {
        let distance = index as f64 - RADIUS as f64;
        (-0.5 * (distance / sigma).powi(2)).exp()
    });
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| (weight / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_between_pixels_is_found() {
        let (width, height) = (32, 24);
        let (true_x, true_y) = (14.3_f32, 11.6_f32);
        let heatmap: Vec<f32> = (0..width * height)
            .map(|index| {
                let dx = (index % width) as f32 - true_x;
                let dy = (index / width) as f32 - true_y;
                (-(dx * dx + dy * dy) / 8.0).exp()
            })
            .collect();
        let (x, y, maximum) = argmax(&heatmap, width).unwrap();
        let (found_x, found_y) = Dark::new(width, height).refine(&heatmap, x, y, maximum);
        assert!((found_x - true_x).abs() < 0.01, "{found_x}");
        assert!((found_y - true_y).abs() < 0.01, "{found_y}");
    }

    #[test]
    fn flat_and_non_finite_heatmaps_keep_the_arg_max() {
        let mut dark = Dark::new(8, 8);
        assert_eq!(dark.refine(&[1.0; 64], 0, 0, 1.0), (0.0, 0.0));
        let (x, y) = dark.refine(&[f32::INFINITY; 64], 4, 4, f32::INFINITY);
        assert_eq!((x, y), (4.0, 4.0));
    }
}
