//! Bounds on outside input, and capacities of containers of fixed size, each with its reason.
//!
//! A file, a driver, a packet or a setting beyond its bound is refused with an error: a number is compared with
//! its bound before any memory or time is spent on it. Values that only tune speed stay where they are used.
//! The packet's sizes follow from its layout, in `wire/layout.rs`.

// Frames and pictures.

/// Side of a frame. The wire's 16-bit coordinates still have a fraction there.
pub const MAX_FRAME_SIDE_PX: u32 = 16_384;
/// Pixels of a picture that is decoded. Bounds memory; no camera has so many.
pub const MAX_PICTURE_PIXELS: usize = 32 << 20;
/// Bytes of a picture file: 32 Mpx at two bytes a pixel, more than any JPEG or PNG of that size.
pub const MAX_PICTURE_FILE_BYTES: u64 = 64 << 20;
/// Bytes of one JPEG in an MJPEG file. The reader holds one in memory; 16 Mpx at the best quality fit.
pub const MAX_MJPEG_FRAME_BYTES: usize = 16 << 20;

/// Pixels of a picture for people: that of the preview, and those of a recording.
pub const PICTURE_PX: usize = 640 * 480;

// Addresses.

/// Bytes of a host name: the limit of DNS, and room for the name of an interface.
pub const MAX_HOST_BYTES: usize = 253;
/// Addresses of a name that are looked at.
pub const MAX_ADDRESSES: usize = 8;
/// Bytes of an answer of the process that looks names up: [`MAX_ADDRESSES`] of the longest.
pub const MAX_ANSWER_BYTES: usize = 512;

// The command of a camera.

/// Bytes of a command: a pipeline of GStreamer has some hundred.
pub const MAX_COMMAND_BYTES: usize = 16 << 10;
/// Words of a command.
pub const MAX_COMMAND_WORDS: usize = 256;
/// Bytes of a line that the command writes to the log. A longer one is cut.
pub const MAX_COMMAND_LINE_BYTES: usize = 512;

// The scene.

/// Models of a run: one for each task, and a finder.
pub const MAX_MODELS: usize = 3;

/// Joints of a model. Hands have 21, bodies 16 to 26; 64 fit one packet.
pub const MAX_KEYPOINTS: usize = 64;
/// Hands, or persons, that a finder sees in one pass: as many as can be followed.
pub const MAX_FINDER_PEAKS: usize = MAX_INSTANCES;
/// Instances in a scene. A frame's time is spent on far fewer.
pub const MAX_INSTANCES: usize = 8;

// Models and tensors.

/// Bytes of a model file. Hourglass-52 in float is 380 MB.
pub const MAX_MODEL_BYTES: u64 = 512 << 20;
/// Sides of a network's input, in pixels. MMPose's networks have 192 to 512.
pub const MIN_INPUT_SIDE_PX: u32 = 32;
/// See [`MIN_INPUT_SIDE_PX`].
pub const MAX_INPUT_SIDE_PX: u32 = 1024;
/// Sides of a heatmap, in pixels: a quarter of the smallest input, and the largest input.
pub const MIN_HEATMAP_SIDE_PX: u32 = MIN_INPUT_SIDE_PX / 4;
/// See [`MIN_HEATMAP_SIDE_PX`].
pub const MAX_HEATMAP_SIDE_PX: u32 = MAX_INPUT_SIDE_PX;
/// Bones or mirror pairs of a model card. A skeleton has about one bone for each joint.
pub const MAX_CARD_PAIRS: usize = 4 * MAX_KEYPOINTS;
/// Bytes of a NumPy file's header. NumPy writes 118 for a tensor.
pub const MAX_NPY_HEADER_BYTES: usize = 4096;
/// Values of a NumPy file: 256 MiB of f32.
pub const MAX_NPY_ELEMENTS: usize = 64 << 20;

// Cameras. Drivers of USB devices pass on what the device says.

/// Formats that a driver lists. A longer list has no end.
pub const MAX_CAMERA_FORMATS: u32 = 128;
/// Frame sizes or intervals that a driver lists for a format.
pub const MAX_CAMERA_INTERVALS: u32 = 256;
/// Buffers of a driver. V4L2 itself stopped at 32 (`VIDEO_MAX_FRAME`).
pub const MAX_CAMERA_BUFFERS: usize = 32;
/// Bytes of one buffer: a picture of 16 Mpx at 4 bytes a pixel.
pub const MAX_CAMERA_BUFFER_BYTES: usize = 64 << 20;
/// Entities of a media device, and files that may be theirs. A Raspberry Pi 5 has 20 of one device.
pub const MAX_MEDIA_ENTITIES: usize = 256;
/// Pads, or links, of an entity.
pub const MAX_MEDIA_LINKS: usize = 256;
/// Bus formats of a sensor.
pub const MAX_SENSOR_CODES: u32 = 64;
/// Frames per second that a user can ask for. Fast industrial cameras stop below.
pub const MAX_CAMERA_FPS: u32 = 1000;

// Settings and small files.

/// Bytes of a configuration file: room for every setting, and for long comments.
pub const MAX_CONFIG_BYTES: u64 = 64 << 10;
/// Threads of the engine. A step has fewer parts than that on a board.
pub const MAX_THREADS: usize = 64;
/// Runs of `infer --repeat`: minutes with the smallest network, days with the largest.
pub const MAX_INFER_RUNS: usize = 1_000_000;
/// Frames of `bench`: minutes with the smallest network, days with the largest.
pub const MAX_BENCH_FRAMES: u64 = 1_000_000;
/// Bytes of a record of `bench`: some thousand layers and frame rates.
pub const MAX_BENCH_RECORD_BYTES: u64 = 4 << 20;
/// Crops that `quantize` keeps in memory: a gigabyte of the largest network's.
pub const MAX_CALIBRATION_CROPS: usize = 500;
/// Real-time priority of the main thread. The camera's thread has one more, and from 50 on the kernel's own
/// threads run on kernels with PREEMPT_RT.
pub const MAX_PRIORITY: u8 = 48;
/// Bytes of a model card in a file: the names of 64 joints and their pairs take a tenth.
#[cfg(feature = "onnx")]
pub(crate) const MAX_CARD_FILE_BYTES: u64 = 64 << 10;
/// Bytes of a file of labels: the largest of InterHand2.6M have some hundred million.
pub const MAX_LABEL_BYTES: u64 = 1 << 30;
/// Files of labels in a folder. PoseTrack18 has 593 for training.
pub const MAX_LABEL_FILES: usize = 4096;
/// Frames from the first to the last of a labelled video: PoseTrack18's numbers of frames have four digits.
pub const MAX_VIDEO_FRAMES: u64 = 10_000;
/// Persons of a labelled video. The time to pair them with numbers grows with their cube.
pub const MAX_VIDEO_PERSONS: usize = 1000;
/// Persons of a frame, for the same reason.
pub const MAX_FRAME_PERSONS: usize = 256;
/// Corners of the ignored regions of a frame. Each joint is compared with all of them.
pub const MAX_REGION_CORNERS: usize = 4096;
/// Minutes of clutter that `eval tracking` shows: an hour of a camera.
pub const MAX_CLUTTER_MINUTES: u32 = 60;
/// Runs of each clip with other noise: hours of a camera.
pub const MAX_CLIP_RUNS: u32 = 100;
/// Bytes of a key file: 64 digits, a line's end and some space. A longer file is no key.
pub const MAX_KEY_FILE_BYTES: u64 = 256;
/// Bytes of a session file: the digits of the largest epoch, and the line's end.
pub const MAX_SESSION_FILE_BYTES: u64 = 21;

// The kernel's files.

/// Bytes of a file under /proc or /sys that `doctor` reads. /proc/cpuinfo of 64 processors fits.
pub const MAX_FACT_BYTES: u64 = 64 << 10;
/// Names that `doctor` reads of a folder. /dev has a few hundred.
pub const MAX_FOLDER_NAMES: usize = 4096;
/// Links that `doctor` follows to a device. A longer chain is a circle.
pub const MAX_LINKS: usize = 8;
/// Temperature sensors that are read while the program runs. A board has one to three at its processors.
pub const MAX_THERMAL_ZONES: usize = 8;
/// Bytes of a sensor's name or value, with room to spare.
pub const MAX_SENSOR_BYTES: usize = 160;

// Lines and text.

/// Packets in the kernel's queue for a serial line. Its buffer is 4 KiB, and few of them are kept in it.
pub const MAX_KERNEL_PACKETS: usize = 64;
/// Bytes that a receiver reads at once. A packet is shorter, so that one that is too long is noticed.
pub const MAX_DATAGRAM_BYTES: usize = 2048;
/// Characters of a device's name or a file's line in `doctor`'s report.
pub const MAX_FINDING_CHARS: usize = 400;
/// Bytes of a log line. A pipe with room takes 4,096 at once (`PIPE_BUF`); half of it is enough.
pub const MAX_LOG_LINE_BYTES: usize = 2048;

// Recordings.

/// Bytes of a chunk of a recording. Other tools write chunks of up to 8 MiB.
pub const MAX_RECORDING_CHUNK_BYTES: u64 = 16 << 20;
/// Bytes of a channel's description, or of a message outside of chunks.
pub const MAX_RECORDED_MESSAGE_BYTES: u64 = 1 << 20;
/// Channels of packets in one recording: one, or one for each board of recordings that were merged.
pub const MAX_RECORDING_CHANNELS: usize = 256;
/// Files of one recording. A folder with more is hard to look at, and the next name is searched for at each start.
pub const MAX_RECORDING_FILES: u32 = 9999;

// The preview's page.

/// Bytes of the head of a request. Browsers send 500, and the cookies of all other programs on the same host.
pub const MAX_HTTP_HEAD_BYTES: usize = 8 << 10;
/// Bytes of the body of a request: four numbers.
pub const MAX_HTTP_BODY_BYTES: usize = 128;
/// Connections of the preview. A page has one or two.
pub const MAX_VIEWERS: usize = 8;

// Networks: ONNX graphs and plans in the integer engine.

/// Rows or columns of a network's input and of every activation, in pixels. 16 times those of the
/// reference networks.
pub(crate) const MAX_NETWORK_SIDE_PX: usize = 4096;

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

/// 8-bit numbers that add up to one weight: three hold 255.
pub(crate) const MAX_TERMS: usize = 3;

/// Taps of a filter for each channel by itself: 7 x 7.
pub(crate) const MAX_DEPTHWISE_TAPS: u64 = 49;

/// Pixels of an average: their sum fits 31 bits.
pub(crate) const MAX_AVERAGE_PIXELS: u64 = 1 << 22;

/// Activations of which one operation takes channels. The widest concatenations of pose networks have six.
pub(crate) const MAX_SOURCES: usize = 64;

/// Products of one sum: 128 * 128 times this does not pass 2^30.
pub(crate) const MAX_SUM_PRODUCTS: u64 = 1 << 16;

/// Multiply-accumulates of one frame, padding included: six times those of HRNet-W48 at 384 x 288, the largest pose network in
/// use. The body at 384 has 64 G; where a tool leaves a third of them in float, they count as 215 G.
pub(crate) const MAX_FRAME_MACS: u64 = 1 << 38;

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

/// Bytes that all constants of an ONNX graph take while it is imported, each time they are read. Weights that the graph
/// itself rounds and clips are read four times: 1.4 GiB of an Hourglass-52, which has 94 million. A file can name the
/// same constant thousands of times.
#[cfg(feature = "onnx")]
pub(crate) const MAX_IMPORT_BYTES: u64 = 2 << 30;

/// Nodes of an ONNX graph: HRNet in QDQ form has 4,000.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_NODES: u64 = 16_384;

/// Attributes of all nodes of an ONNX graph. A convolution has six; decoded, one takes 1.4 KB.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_ATTRIBUTES: u64 = 4 * MAX_ONNX_NODES;

/// Attributes of one node.
#[cfg(feature = "onnx")]
pub(crate) const MAX_NODE_ATTRIBUTES: u64 = 64;

/// Messages and names of an ONNX file: sixteen for each node. Decoded, one takes 400 bytes.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_ITEMS: u64 = 16 * MAX_ONNX_NODES;

/// Numbers of 64 bits in an ONNX file. They are shapes and windows, and one byte in a file can become eight.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_WIDE_VALUES: u64 = 1 << 20;

/// Depth of nested messages in an ONNX file. A side of an input's shape has depth 7.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_DEPTH: usize = 16;

/// Values of one activation of an ONNX graph, as many as [`MAX_ACTIVATION_BYTES`] holds as f32.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_ACTIVATION_VALUES: u64 = MAX_ACTIVATION_BYTES / 4;

/// Values of all constants that an ONNX graph computes from others. Exporters compute shapes and pads.
#[cfg(feature = "onnx")]
pub(crate) const MAX_ONNX_COMPUTED_VALUES: u64 = 1 << 20;

/// Nodes of a graph that tract runs: its time to load grows with their square.
#[cfg(feature = "onnx")]
pub(crate) const MAX_TRACT_NODES: usize = 4096;

/// Bytes of the heap while an ONNX file is loaded, besides [`LOADING_FACTOR`] times the file.
#[cfg(feature = "onnx")]
pub(crate) const MAX_LOADING_BYTES: u64 = 192 << 20;
/// A file is read, decoded, converted and packed, partly to floats of four times the size.
#[cfg(feature = "onnx")]
pub(crate) const LOADING_FACTOR: u64 = 12;

/// Time to load an ONNX file, besides one second for each MiB.
#[cfg(feature = "onnx")]
pub(crate) const MAX_LOADING_S: u64 = 15;

const _: () = assert!(
    MAX_KEYPOINTS <= u8::MAX as usize,
    "the wire counts joints in a byte"
);
const _: () = assert!(MAX_PICTURE_FILE_BYTES >= MAX_MJPEG_FRAME_BYTES as u64);
