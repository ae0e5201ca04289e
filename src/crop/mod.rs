//! From a region of a frame to the network's input, in one pass over the frame's own pixels.
//!
//! In: borrowed pixels of any [`PixelFormat`](crate::frame::PixelFormat) and a [`CropBox`](crate::scene::CropBox) in
//! source-frame pixels. Out: N x 3 x H x W f32, RGB, `(value - mean) / std`, in a buffer that the caller
//! owns. Nothing is allocated after [`Cropper::new`].
//!
//! The arithmetic is that of OpenCV's `warpAffine` as MMPose calls it: bilinear with 5 fractional
//! bits, black outside the frame.

mod axis;
#[cfg(test)]
mod reference;
mod warp;

pub use warp::Cropper;
