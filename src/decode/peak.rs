//! The arg-max of a heatmap, and the quarter-pixel shift of the default decoding.

/// Column, row and value of the first maximum. NaNs are skipped; `None` if all values are NaN.
pub fn argmax(heatmap: &[f32], width: usize) -> Option<(usize, usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (index, &value) in heatmap.iter().enumerate() {
        if best.is_none_or(|(_, best)| value > best) && !value.is_nan() {
            best = Some((index, value));
        }
    }
    best.map(|(index, value)| (index % width, index / width, value))
}

/// The peak moved by 0.25 px toward the larger neighbour, on each axis where MMPose moves it: x if
/// 1 < x < W-1 and 0 < y < H, y if 1 < y < H-1 and 0 < x < W. Sides are at least 1.
pub fn quarter_shift(
    heatmap: &[f32],
    width: usize,
    height: usize,
    x: usize,
    y: usize,
) -> (f32, f32) {
    let at = |x: usize, y: usize| heatmap[y * width + x];
    let mut peak = (x as f32, y as f32);
    if (2..width - 1).contains(&x) && (1..height).contains(&y) {
        peak.0 += 0.25 * sign(at(x + 1, y) - at(x - 1, y));
    }
    if (2..height - 1).contains(&y) && (1..width).contains(&x) {
        peak.1 += 0.25 * sign(at(x, y + 1) - at(x, y - 1));
    }
    peak
}

/// -1, 0 or 1, like NumPy's `sign`; `f32::signum` has no 0.
fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_maxima_wins_and_nans_are_passed_over() {
        let heatmap = [f32::NAN, 1.0, 2.0, f32::NAN, 2.0, 0.0];
        assert_eq!(argmax(&heatmap, 3), Some((2, 0, 2.0)));
        assert_eq!(argmax(&[f32::NAN; 4], 2), None);
    }

    #[test]
    fn the_peak_moves_toward_the_larger_neighbour_but_not_at_borders() {
        let mut heatmap = vec![0.0; 25];
        heatmap[12] = 1.0;
        heatmap[13] = 0.5;
        heatmap[7] = 0.5;
        assert_eq!(quarter_shift(&heatmap, 5, 5, 2, 2), (2.25, 1.75));
        assert_eq!(quarter_shift(&heatmap, 5, 5, 0, 0), (0.0, 0.0));
        assert_eq!(quarter_shift(&heatmap, 5, 5, 4, 4), (4.0, 4.0));
    }
}
