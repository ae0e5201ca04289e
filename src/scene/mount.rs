//! How a camera is mounted: sideways, upside down, or behind a mirror.

use super::SizePx;

/// Steps that make the camera's picture upright: a mirror first, then turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mount {
    /// Quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
    /// The camera's picture is a mirror image: left and right are exchanged.
    pub is_mirrored: bool,
}

impl Mount {
    /// The size, as the camera sees it, of an upright picture.
    pub fn camera_px(&self, upright_px: SizePx) -> SizePx {
        match self.quarter_turns % 2 {
            0 => upright_px,
            _ => SizePx {
                width: upright_px.height,
                height: upright_px.width,
            },
        }
    }

    /// The place, as the camera sees it, of a point of an upright picture.
    pub fn to_camera(&self, x_px: f32, y_px: f32, upright_px: SizePx) -> (f32, f32) {
        let (right, bottom) = (
            upright_px.width.saturating_sub(1) as f32,
            upright_px.height.saturating_sub(1) as f32,
        );
        let (x_px, y_px) = match self.quarter_turns % 4 {
            0 => (x_px, y_px),
            1 => (y_px, right - x_px),
            2 => (right - x_px, bottom - y_px),
            _ => (bottom - y_px, x_px),
        };
        let camera_right = self.camera_px(upright_px).width.saturating_sub(1) as f32;
        match self.is_mirrored {
            true => (camera_right - x_px, y_px),
            false => (x_px, y_px),
        }
    }

    /// The steps of a picture's pixels in the order of the upright one, row by row: the index of the camera's first pixel, and
    /// what one column and one row of the camera add to it.
    pub fn steps(&self, upright_px: SizePx) -> (usize, isize, isize) {
        let camera_px = self.camera_px(upright_px);
        let (right, bottom) = (camera_px.width as isize - 1, camera_px.height as isize - 1);
        let row = upright_px.width as isize;
        // x and y of the upright picture are a sum of these, of the mirrored column and of the row.
        let (first, column, down) = match self.quarter_turns % 4 {
            0 => (0, 1, row),
            1 => (bottom, row, -1),
            2 => (bottom * row + right, -1, -row),
            _ => (right * row, -row, 1),
        };
        let (first, column) = match self.is_mirrored {
            true => (first + right * column, -column),
            false => (first, column),
        };
        // The first pixel is one of the picture.
        (first.max(0) as usize, column, down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPRIGHT: SizePx = SizePx {
        width: 5,
        height: 3,
    };

    fn all() -> impl Iterator<Item = Mount> {
        (0..8).map(|at| Mount {
            quarter_turns: at % 4,
            is_mirrored: at >= 4,
        })
    }

    #[test]
    fn points_and_pixels_go_the_same_way() {
        for mount in all() {
            let camera = mount.camera_px(UPRIGHT);
            let (first, column, row) = mount.steps(UPRIGHT);
            let mut seen = [false; 15];
            for y in 0..camera.height {
                for x in 0..camera.width {
                    let index = first as isize + x as isize * column + y as isize * row;
                    let index = usize::try_from(index).unwrap();
                    assert!(!std::mem::replace(&mut seen[index], true), "{mount:?}");
                    let (up_x, up_y) = ((index % 5) as f32, (index / 5) as f32);
                    let back = mount.to_camera(up_x, up_y, UPRIGHT);
                    assert_eq!(back, (x as f32, y as f32), "{mount:?}");
                }
            }
        }
    }

    #[test]
    fn a_quarter_turn_is_clockwise_and_a_mirror_keeps_the_rows() {
        let mount = |quarter_turns, is_mirrored| Mount {
            quarter_turns,
            is_mirrored,
        };
        // The camera's top left corner becomes the top right one.
        assert_eq!(mount(1, false).to_camera(4.0, 0.0, UPRIGHT), (0.0, 0.0));
        assert_eq!(mount(2, false).to_camera(4.0, 2.0, UPRIGHT), (0.0, 0.0));
        assert_eq!(mount(3, false).to_camera(0.0, 2.0, UPRIGHT), (0.0, 0.0));
        assert_eq!(mount(0, true).to_camera(4.0, 1.0, UPRIGHT), (0.0, 1.0));
        assert_eq!(mount(1, false).camera_px(UPRIGHT), [3, 5].into());
    }
}
