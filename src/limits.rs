//! Bounds on outside input, each with its reason. A number of a file is compared with its bound before
//! any memory or time is spent on it.

/// Rows or columns of a network's input and of every activation, in pixels. 16 times those of the
/// reference networks.
pub(crate) const MAX_SIDE_PX: usize = 4096;

/// Channels of an activation: ResNet-50 has 2048.
pub(crate) const MAX_CHANNELS: usize = 1 << 16;

/// Bytes of one activation, with its pixels padded. Offsets within it fit 31 bits.
pub(crate) const MAX_ACTIVATION_BYTES: u64 = 128 << 20;

/// Bytes of all activations that live at the same time: two of the largest.
pub(crate) const MAX_ARENA_BYTES: u64 = 256 << 20;

/// Float values of a network's output: heatmaps of 133 joints take less than a tenth.
pub(crate) const MAX_OUTPUT_VALUES: u64 = 16 << 20;

/// Operations of an integer network: the planner's time grows with their square.
pub(crate) const MAX_NODES: usize = 4096;

/// Convolution steps of a plan: a transposed convolution is one for each phase of its stride.
pub(crate) const MAX_CONV_STEPS: usize = 4 * MAX_NODES;

/// Side, stride and padding of a window in a plan, in pixels.
pub(crate) const MAX_WINDOW_PX: usize = 64;

/// Products of one sum: 128 * 128 times this does not pass 2^30.
pub(crate) const MAX_SUM_PRODUCTS: u64 = 1 << 16;

/// Multiply-accumulates of one frame, padding included: three times those of HRNet-W48 at 384 x 288, the
/// largest pose network in use.
pub(crate) const MAX_FRAME_MACS: u64 = 1 << 37;

/// Bytes of all packed weights: HRNet-W48 has 64 million.
pub(crate) const MAX_WEIGHT_BYTES: u64 = 256 << 20;

/// Bytes of the lists of taps and of the rows of padding of all steps, which a small file could otherwise
/// make as large as it likes.
pub(crate) const MAX_STEP_BYTES: u64 = 8 << 20;

/// Bytes of a node's name in a plan; longer ones are cut.
pub(crate) const MAX_NODE_NAME_BYTES: usize = 256;

/// Side, stride and padding of a window in an ONNX graph, in pixels, where it runs in integers.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_WINDOW_PX: i64 = 16;

/// Values of one constant of an ONNX graph: as many as HRNet-W48 has weights.
#[cfg(feature = "onnx")]
pub(crate) const MAX_CONSTANT_VALUES: usize = 64 << 20;

/// Bytes that all constants of an ONNX graph take while it is imported, each time they are read: twice
/// those of HRNet-W48. A file can name the same constant thousands of times.
#[cfg(feature = "onnx")]
pub(crate) const MAX_IMPORT_BYTES: u64 = 1 << 30;
