//! The place of an activation in memory.

/// An activation in the arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Buffer {
    pub offset: usize,
    pub height: usize,
    pub width: usize,
    /// Channels without padding.
    pub channels: usize,
    /// Bytes from one pixel to the next.
    pub stride: usize,
    /// Columns before the first and after the last one. They hold the zero point, so that a convolution's row of taps can
    /// start and end there.
    pub border: [usize; 2],
}

impl Buffer {
    pub(crate) fn bytes(&self) -> usize {
        self.height * self.row_bytes()
    }

    /// Bytes from one row to the next.
    #[inline]
    pub(crate) fn row_bytes(&self) -> usize {
        (self.border[0] + self.width + self.border[1]) * self.stride
    }

    /// The arena's index of a pixel's first channel.
    #[inline]
    pub(crate) fn at(&self, y: usize, x: usize) -> usize {
        self.offset + y * self.row_bytes() + (self.border[0] + x) * self.stride
    }

    /// The start of a pixel, counted from the buffer's start; `None` outside of the picture and the
    /// border.
    #[inline]
    pub(crate) fn find(&self, y: isize, x: isize) -> Option<usize> {
        let x = x + self.border[0] as isize;
        let columns = self.row_bytes() / self.stride;
        let inside = (0..self.height as isize).contains(&y) && (0..columns as isize).contains(&x);
        inside.then(|| y.cast_unsigned() * self.row_bytes() + x.cast_unsigned() * self.stride)
    }
}
