//! V4L2 from the side of the test: controls a camera, and makes it fail.
//!
//! A [`Node`] is an open device; the kernel's structures are filled here and nowhere else.

use crate::Outcome;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use v4l::v4l_sys::{
    v4l2_capability, v4l2_control, v4l2_fmtdesc, v4l2_format, v4l2_input, v4l2_output,
    v4l2_queryctrl, v4l2_streamparm,
};
use v4l::v4l2::vidioc;

const CAPTURE: u32 = 1;
pub const OUTPUT: u32 = 2;
const NEXT_CONTROL: u32 = 0x8000_0000;
pub const PROGRESSIVE: u32 = 1;
/// Requests that the v4l crate does not list: 'V' 87 and 99, over [`DvTimings`].
const S_DV_TIMINGS: vidioc::_IOC_TYPE = request(READ_WRITE, 87, size_of::<DvTimings>());
const QUERY_DV_TIMINGS: vidioc::_IOC_TYPE = request(READ, 99, size_of::<DvTimings>());
const READ: u32 = 2;
const READ_WRITE: u32 = 3;

const fn request(direction: u32, number: u32, bytes: usize) -> vidioc::_IOC_TYPE {
    // The type differs in sign between C libraries; the kernel takes the 32 bits.
    ((direction << 30) | ((bytes as u32) << 16) | ((b'V' as u32) << 8) | number)
        as vidioc::_IOC_TYPE
}

/// `struct v4l2_dv_timings` with BT.656/1120 timings.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct DvTimings {
    kind: u32,
    width: u32,
    height: u32,
    interlaced: u32,
    polarities: u32,
    pixel_clock_hz: u64,
    horizontal: [u32; 3],
    vertical: [u32; 3],
    second_field: [u32; 3],
    standards: u32,
    flags: u32,
    aspect: [u32; 2],
    codes: [u8; 2],
    reserved: [u8; 46],
    /// The kernel's union has room for other kinds of timings.
    room: [u8; 4],
}

const _: () = assert!(size_of::<DvTimings>() == 132);

/// VESA DMT 640 x 480 at 60 Hz, with both syncs negative: the smallest that every receiver knows.
pub const VGA: DvTimings = DvTimings {
    kind: 0,
    width: 640,
    height: 480,
    interlaced: 0,
    polarities: 0,
    pixel_clock_hz: 25_175_000,
    horizontal: [16, 96, 48],
    vertical: [10, 2, 33],
    second_field: [0; 3],
    standards: 0,
    flags: 0,
    aspect: [0; 2],
    codes: [0; 2],
    reserved: [0; 46],
    room: [0; 4],
};

/// VESA DMT 1280 x 960 at 60 Hz, with both syncs positive: VGA doubled.
pub const DOUBLE: DvTimings = DvTimings {
    width: 1280,
    height: 960,
    polarities: 3,
    pixel_clock_hz: 108_000_000,
    horizontal: [96, 112, 312],
    vertical: [1, 3, 36],
    ..VGA
};

pub struct Node {
    pub file: File,
    path: String,
}

impl Node {
    pub fn open(path: &str) -> Outcome<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| format!("{path}: {error}"))?;
        Ok(Node {
            file,
            path: path.into(),
        })
    }

    pub fn ask<T>(&self, what: &str, request: vidioc::_IOC_TYPE, argument: &mut T) -> Outcome<()> {
        self.try_ask(request, argument)
            .map_err(|error| format!("{}: {what}: {error}", self.path))
    }

    fn try_ask<T>(&self, request: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
        // SAFETY: every caller passes the structure that the request's number names, whose size is
        // part of that number, so the kernel reads and writes only inside it; none of them holds
        // pointers.
        unsafe {
            v4l::v4l2::ioctl(
                self.file.as_raw_fd(),
                request,
                std::ptr::from_mut(argument).cast(),
            )
        }
    }

    /// The driver's name, and the direction of the node: capture or output.
    pub fn kind(&self) -> Outcome<(String, &'static str)> {
        let mut answer: v4l2_capability = zeroed();
        self.ask("capabilities", vidioc::VIDIOC_QUERYCAP, &mut answer)?;
        let kind = match answer.device_caps {
            caps if caps & CAPTURE != 0 => "capture",
            caps if caps & OUTPUT != 0 => "output",
            _ => "other",
        };
        Ok((text(&answer.driver), kind))
    }

    /// Pixel formats by their four characters.
    pub fn formats(&self, output: bool) -> Vec<String> {
        (0..)
            .map_while(|index| {
                let mut format: v4l2_fmtdesc = zeroed();
                format.index = index;
                format.type_ = if output { OUTPUT } else { CAPTURE };
                self.try_ask(vidioc::VIDIOC_ENUM_FMT, &mut format)
                    .ok()
                    .map(|()| text(&format.pixelformat.to_le_bytes()))
            })
            .collect()
    }

    /// Sets a format and returns the bytes of one picture.
    pub fn set_format(&self, output: bool, code: &str, size_px: [u32; 2]) -> Outcome<usize> {
        let code: [u8; 4] = code
            .as_bytes()
            .try_into()
            .map_err(|_| format!("{code} is not four characters"))?;
        let mut format: v4l2_format = zeroed();
        format.type_ = if output { OUTPUT } else { CAPTURE };
        format.fmt.pix = zeroed();
        let asked = u32::from_le_bytes(code);
        // SAFETY: `pix` is the member in use for these two buffer types, here and after the call.
        let pix = unsafe { &mut format.fmt.pix };
        pix.width = size_px[0];
        pix.height = size_px[1];
        pix.pixelformat = asked;
        pix.field = PROGRESSIVE;
        self.ask("format", vidioc::VIDIOC_S_FMT, &mut format)?;
        // SAFETY: as above.
        let pix = unsafe { format.fmt.pix };
        if [pix.width, pix.height, pix.pixelformat] != [size_px[0], size_px[1], asked] {
            return Err(format!(
                "{}: wanted {} x {}, was given {} x {} {}",
                self.path,
                size_px[0],
                size_px[1],
                pix.width,
                pix.height,
                text(&pix.pixelformat.to_le_bytes())
            ));
        }
        Ok(pix.sizeimage as usize)
    }

    /// Requests a frame rate and returns the resulting one, in frames per second.
    pub fn set_rate(&self, frames_per_second: u32) -> Outcome<f64> {
        let mut parameters: v4l2_streamparm = zeroed();
        parameters.type_ = CAPTURE;
        // SAFETY: `capture` is the member in use for a capture node.
        let capture = unsafe { &mut parameters.parm.capture };
        capture.timeperframe.numerator = 1;
        capture.timeperframe.denominator = frames_per_second;
        self.ask("rate", vidioc::VIDIOC_S_PARM, &mut parameters)?;
        // SAFETY: as above.
        let got = unsafe { parameters.parm.capture.timeperframe };
        Ok(f64::from(got.denominator) / f64::from(got.numerator.max(1)))
    }

    /// Chooses the first input or output whose name starts with `name`.
    pub fn connect(&self, output: bool, name: &str) -> Outcome<()> {
        for index in 0..16 {
            let found = if output {
                let mut entry: v4l2_output = zeroed();
                entry.index = index;
                self.ask("outputs", vidioc::VIDIOC_ENUMOUTPUT, &mut entry)?;
                text(&entry.name)
            } else {
                let mut entry: v4l2_input = zeroed();
                entry.index = index;
                self.ask("inputs", vidioc::VIDIOC_ENUMINPUT, &mut entry)?;
                text(&entry.name)
            };
            if found.starts_with(name) {
                let mut index = index as i32;
                let request = if output {
                    vidioc::VIDIOC_S_OUTPUT
                } else {
                    vidioc::VIDIOC_S_INPUT
                };
                return self.ask("connector", request, &mut index);
            }
        }
        Err(format!("{}: there is no connector {name}", self.path))
    }

    pub fn send(&self, mut timings: DvTimings) -> Outcome<()> {
        self.ask("timings", S_DV_TIMINGS, &mut timings)
    }

    /// Adopts the timings of the incoming signal, which should be these.
    pub fn follow_signal(&self, wanted: DvTimings) -> Outcome<()> {
        let mut timings = wanted;
        self.ask("signal", QUERY_DV_TIMINGS, &mut timings)?;
        if [timings.width, timings.height] != [wanted.width, wanted.height] {
            timings = wanted;
        }
        self.ask("timings", S_DV_TIMINGS, &mut timings)
    }

    /// Sets the control whose name is `name` in lower case with underscores.
    pub fn control(&self, name: &str, value: i32) -> Outcome<()> {
        let mut query: v4l2_queryctrl = zeroed();
        loop {
            query.id |= NEXT_CONTROL;
            if self.try_ask(vidioc::VIDIOC_QUERYCTRL, &mut query).is_err() {
                return Err(format!("{}: there is no control {name}", self.path));
            }
            if plain(&text(&query.name)) == name {
                break;
            }
        }
        let mut control = v4l2_control {
            id: query.id,
            value,
        };
        self.ask(name, vidioc::VIDIOC_S_CTRL, &mut control)
    }

    /// The names of all controls, as [`control`](Node::control) takes them.
    pub fn controls(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut query: v4l2_queryctrl = zeroed();
        loop {
            query.id |= NEXT_CONTROL;
            if self.try_ask(vidioc::VIDIOC_QUERYCTRL, &mut query).is_err() {
                return names;
            }
            names.push(plain(&text(&query.name)));
        }
    }
}

/// Every video node with its driver and kind, by path.
pub fn nodes() -> Vec<(String, String, &'static str)> {
    (0..64)
        .map(|number| format!("/dev/video{number}"))
        .filter(|path| Path::new(path).exists())
        .filter_map(|path| {
            let (driver, kind) = Node::open(&path).ok()?.kind().ok()?;
            Some((path, driver, kind))
        })
        .collect()
}

pub fn zeroed<T: Copy>() -> T {
    // SAFETY: used for the kernel's plain structures only, whose fields are integers, arrays and
    // unions of them: all zeros is a value of each.
    unsafe { std::mem::zeroed() }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim_end().into()
}

fn plain(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("_")
}
