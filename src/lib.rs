//! posewire: hand and body keypoints from a camera to a robot.
//!
//! Data flows one way. Each stage is a module:
//!
//! | stage | in | out |
//! |---|---|---|
//! | [`source`] | a file, a camera, a clip | [`frame::Frame`]: borrowed pixels and their capture time |
//! | [`crop`] | a frame and a box | 1 x 3 x H x W f32, normalised RGB |
//! | [`engine`] | that tensor | 1 x joints x H/4 x W/4 f32 heatmaps |
//! | [`decode`] | heatmaps | [`scene::Keypoint`]s |
//! | [`track`] | a frame's keypoints | where to look in the next frame |
//! | [`wire`] | keypoints | bytes for a robot |
//! | [`sink`] | packets | UDP, a serial line, JSON lines, pictures, recordings |
//!
//! [`pipeline`] connects them. [`cli`] is the program around them.

#[cfg(not(any(feature = "onnx", feature = "plan")))]
compile_error!("nothing to run: build with the feature onnx or plan");

pub mod address;
#[cfg(feature = "pictures")]
mod base64;
pub mod bench;
pub mod board;
pub mod cli;
pub mod clock;
pub mod crop;
pub mod decode;
pub mod doctor;
pub mod engine;
pub mod error;
mod file;
pub mod filter;
pub mod frame;
mod hex;
#[cfg(feature = "preview")]
pub mod http;
pub mod limits;
mod machine;
pub mod mavlink;
pub mod mcap;
pub mod metrics;
pub mod model;
#[cfg(feature = "eval")]
pub mod mot;
pub mod npy;
pub mod pipeline;
pub mod process;
pub mod producer;
#[cfg(feature = "eval")]
mod protocol;
#[cfg(feature = "onnx")]
pub mod quantise;
#[cfg(any(test, feature = "eval"))]
mod random;
pub mod scene;
pub mod serial;
pub mod settings;
pub mod sink;
pub mod source;
pub mod stats;
pub mod text;
pub mod track;
pub mod wire;

pub use error::{Error, ErrorKind, Result};
