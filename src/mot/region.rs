//! Regions of a frame in which not all truths are known.

use super::PointPx;

/// A region by its corners. Where its border crosses itself, every second part is outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(pub Vec<PointPx>);

impl Polygon {
    /// Whether a point is within it.
    pub fn holds(&self, (x, y): PointPx) -> bool {
        let next = self.0.iter().cycle().skip(1);
        let edges = self.0.iter().zip(next);
        let crossed = edges.filter(|&(&(x0, y0), &(x1, y1))| {
            (y0 > y) != (y1 > y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
        });
        crossed.count() % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_within_a_polygon_or_outside_of_it() {
        // A square with a notch from above.
        let corners = [
            (0.0, 0.0),
            (40.0, 0.0),
            (50.0, 60.0),
            (60.0, 0.0),
            (100.0, 0.0),
            (100.0, 100.0),
            (0.0, 100.0),
        ];
        let polygon = Polygon(corners.to_vec());
        for (point, is_within) in [
            ((10.0, 10.0), true),
            ((50.0, 30.0), false),
            ((50.0, 70.0), true),
            ((90.0, 10.0), true),
            ((101.0, 50.0), false),
            ((-1.0, 50.0), false),
            ((50.0, 120.0), false),
            ((f32::NAN, 50.0), false),
        ] {
            assert_eq!(polygon.holds(point), is_within, "{point:?}");
        }
        for few in 0..3 {
            let line = Polygon(corners[..few].to_vec());
            assert!(!line.holds((20.0, 0.0)), "{few}");
        }
    }
}
