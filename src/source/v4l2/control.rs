//! The interface to a sensor: its bus formats and its controls.
//!
//! [`ioctl`](super::ioctl) implements it for real sensors, a model in [`sensor`](super::sensor) for tests.

use std::io;

/// A control that is used, by the kernel's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Lines.
    Exposure = 0x0098_0911,
    /// Lines after a picture.
    VerticalBlank = 0x009e_0901,
    /// Pixels after a line.
    HorizontalBlank = 0x009e_0902,
    AnalogueGain = 0x009e_0903,
    /// Pixels a second.
    PixelRate = 0x009f_0902,
}

/// Range and present value of a control. The value of one that has more than 32 bits is its least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub least: i64,
    pub most: i64,
    pub value: i64,
}

/// A format on the wires of a sensor: the kernel's `MEDIA_BUS_FMT_*`, and the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BusFormat {
    pub code: u32,
    pub size_px: [u32; 2],
}

/// A sensor, and the way from it to a node.
pub(crate) trait Sensor: Send {
    /// Name of its entity, such as `imx219 10-0010`.
    fn name(&self) -> &str;

    /// Codes of its bus formats.
    fn codes(&self) -> Vec<u32>;

    /// Connects it with the node, and sets the format of all on the way. Returns what comes out at the node.
    fn set_format(&mut self, wanted: BusFormat) -> io::Result<BusFormat>;

    /// `None` if it has no such control.
    fn range(&self, control: Control) -> Option<Range>;

    fn set(&mut self, control: Control, value: i64) -> io::Result<()>;
}
