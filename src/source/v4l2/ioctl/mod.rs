//! The kernel interface: `<linux/videodev2.h>`, through the handle of the crate `v4l`.
//!
//! The crate's own stream cannot continue after a time-out, and its descriptions panic on text that a driver cut in
//! the middle of a character. So neither is used.
//!
//! It follows the kernel's "Video for Linux API": single-planar capture with memory-mapped buffers.

mod media;

use super::control::Sensor;
use super::field::Field;
use super::node::{Filled, FourCc, Identity, Layout, Memory, Node, Nodes};
use crate::limits::{
    MAX_CAMERA_BUFFER_BYTES, MAX_CAMERA_BUFFERS, MAX_CAMERA_FORMATS, MAX_CAMERA_INTERVALS,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::io;
use std::mem::zeroed;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;
use v4l::Device;
use v4l::v4l_sys::*;
use v4l::v4l2::vidioc::{self, _IOC_TYPE};

const CAPTURE: u32 = v4l::buffer::Type::VideoCapture as u32;
const MAPPED: u32 = v4l::memory::Memory::Mmap as u32;
/// `POLLIN`.
const READABLE: i16 = 1;

/// Nodes of the running kernel.
pub(crate) struct Kernel;

impl Nodes for Kernel {
    fn list(&self) -> Vec<PathBuf> {
        let mut numbers: Vec<u32> = std::fs::read_dir("/dev")
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.ok()?.file_name();
                name.to_str()?.strip_prefix("video")?.parse().ok()
            })
            .collect();
        numbers.sort_unstable();
        numbers
            .into_iter()
            .map(|number| format!("/dev/video{number}").into())
            .collect()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Node>> {
        Ok(Box::new(KernelNode {
            device: Device::with_path(path)?,
            streaming: false,
        }))
    }

    fn sensor(&self, path: &Path) -> Option<Box<dyn Sensor>> {
        media::sensor(path)
    }
}

/// A node, open in non-blocking mode.
struct KernelNode {
    device: Device,
    streaming: bool,
}

impl KernelNode {
    /// Makes one V4L2 request, and repeats it if a signal interrupts it.
    ///
    /// # Safety
    /// `argument` must have the type that is encoded in the request's number.
    unsafe fn request<T>(&self, request: _IOC_TYPE, argument: &mut T) -> io::Result<()> {
        loop {
            let argument = std::ptr::from_mut(argument).cast::<c_void>();
            // SAFETY: the descriptor is open as long as the device. The kernel reads and writes one
            // value of the type that the caller guarantees.
            match unsafe { v4l::v4l2::ioctl(self.device.handle().fd(), request, argument) } {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// The description of buffer `index`, with only the fields that requests need.
    fn buffer(index: usize) -> v4l2_buffer {
        v4l2_buffer {
            // The index of an existing buffer fits.
            index: index as u32,
            type_: CAPTURE,
            memory: MAPPED,
            // SAFETY: integers, and unions of integers and pointers, may all be 0.
            ..unsafe { zeroed() }
        }
    }

    /// Maps buffer `index` for reading.
    fn map(&self, index: usize) -> io::Result<Arc<dyn Memory>> {
        let mut buffer = Self::buffer(index);
        // SAFETY: QUERYBUF takes a v4l2_buffer.
        unsafe { self.request(vidioc::VIDIOC_QUERYBUF, &mut buffer)? };
        let length = buffer.length as usize;
        if length == 0 || length > MAX_CAMERA_BUFFER_BYTES {
            return Err(io::Error::other(format!(
                "the driver's buffers are of {length} bytes"
            )));
        }
        // SAFETY: the handle outlives this borrow of its descriptor.
        let descriptor = unsafe { BorrowedFd::borrow_raw(self.device.handle().fd()) };
        // SAFETY: the kernel sets `offset` for memory-mapped buffers.
        let offset = unsafe { buffer.m.offset };
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe {
            mmap(
                null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::SHARED,
                descriptor,
                u64::from(offset),
            )?
        };
        Ok(Arc::new(Mapping { start, length }))
    }

    fn buffers(&self, count: u32) -> io::Result<u32> {
        let mut request = v4l2_requestbuffers {
            count,
            type_: CAPTURE,
            memory: MAPPED,
            // SAFETY: integers may all be 0.
            ..unsafe { zeroed() }
        };
        // SAFETY: REQBUFS takes a v4l2_requestbuffers.
        unsafe { self.request(vidioc::VIDIOC_REQBUFS, &mut request)? };
        Ok(request.count)
    }

    /// True if the driver lists the size, or lists no sizes.
    fn has_size(&self, format: FourCc, size_px: [u32; 2]) -> bool {
        for index in 0..MAX_CAMERA_INTERVALS {
            let mut size = v4l2_frmsizeenum {
                index,
                pixel_format: u32::from_le_bytes(format.0),
                // SAFETY: integers, and a union of them, may all be 0.
                ..unsafe { zeroed() }
            };
            // SAFETY: ENUM_FRAMESIZES takes a v4l2_frmsizeenum.
            if unsafe { self.request(vidioc::VIDIOC_ENUM_FRAMESIZES, &mut size) }.is_err() {
                return index == 0;
            }
            // SAFETY: `type_` says which part of the union the kernel wrote.
            let found = unsafe {
                if size.type_ == v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE {
                    let discrete = size.__bindgen_anon_1.discrete;
                    [discrete.width, discrete.height] == size_px
                } else {
                    let range = size.__bindgen_anon_1.stepwise;
                    (range.min_width..=range.max_width).contains(&size_px[0])
                        && (range.min_height..=range.max_height).contains(&size_px[1])
                }
            };
            if found {
                return true;
            }
        }
        false
    }
}

/// Frames per second from the time between frames.
fn rate(interval: v4l2_fract) -> f64 {
    f64::from(interval.denominator) / f64::from(interval.numerator.max(1))
}

impl Node for KernelNode {
    fn identity(&self) -> io::Result<Identity> {
        // SAFETY: integers may all be 0.
        let mut answer: v4l2_capability = unsafe { zeroed() };
        // SAFETY: QUERYCAP takes a v4l2_capability.
        unsafe { self.request(vidioc::VIDIOC_QUERYCAP, &mut answer)? };
        let text = |bytes: &[u8]| {
            let end = bytes.iter().position(|&byte| byte == 0);
            String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
        };
        let of_node = answer.capabilities & V4L2_CAP_DEVICE_CAPS != 0;
        Ok(Identity {
            driver: text(&answer.driver),
            card: text(&answer.card),
            bus: text(&answer.bus_info),
            capabilities: if of_node {
                answer.device_caps
            } else {
                answer.capabilities
            },
        })
    }

    fn formats(&self) -> Vec<FourCc> {
        let mut formats = Vec::new();
        for index in 0..MAX_CAMERA_FORMATS {
            let mut description = v4l2_fmtdesc {
                index,
                type_: CAPTURE,
                // SAFETY: integers may all be 0.
                ..unsafe { zeroed() }
            };
            // SAFETY: ENUM_FMT takes a v4l2_fmtdesc.
            if unsafe { self.request(vidioc::VIDIOC_ENUM_FMT, &mut description) }.is_err() {
                break;
            }
            formats.push(FourCc(description.pixelformat.to_le_bytes()));
        }
        formats
    }

    fn fastest(&self, format: FourCc, [width, height]: [u32; 2]) -> Option<f64> {
        if !self.has_size(format, [width, height]) {
            return None;
        }
        let mut fastest: f64 = 0.0;
        for index in 0..MAX_CAMERA_INTERVALS {
            let mut interval = v4l2_frmivalenum {
                index,
                pixel_format: u32::from_le_bytes(format.0),
                width,
                height,
                // SAFETY: integers, and a union of them, may all be 0.
                ..unsafe { zeroed() }
            };
            // SAFETY: ENUM_FRAMEINTERVALS takes a v4l2_frmivalenum.
            if unsafe { self.request(vidioc::VIDIOC_ENUM_FRAMEINTERVALS, &mut interval) }.is_err() {
                break;
            }
            // SAFETY: `type_` says which part of the union the kernel wrote; a range's first member
            // is its shortest time.
            let shortest = unsafe {
                if interval.type_ == v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE {
                    interval.__bindgen_anon_1.discrete
                } else {
                    interval.__bindgen_anon_1.stepwise.min
                }
            };
            fastest = fastest.max(rate(shortest));
        }
        // A driver that lists no rates can still be fast enough.
        Some(if fastest > 0.0 {
            fastest
        } else {
            f64::INFINITY
        })
    }

    fn set_format(&mut self, format: FourCc, [width, height]: [u32; 2]) -> io::Result<Layout> {
        let mut asked = v4l2_format {
            type_: CAPTURE,
            // SAFETY: integers, and a union of them, may all be 0.
            ..unsafe { zeroed() }
        };
        asked.fmt.pix = v4l2_pix_format {
            width,
            height,
            pixelformat: u32::from_le_bytes(format.0),
            field: Field::NONE.0,
            // SAFETY: integers, and a union of them, may all be 0.
            ..unsafe { zeroed() }
        };
        // SAFETY: S_FMT takes a v4l2_format.
        unsafe { self.request(vidioc::VIDIOC_S_FMT, &mut asked)? };
        // SAFETY: for this type of buffer the kernel writes `pix`.
        let given = unsafe { asked.fmt.pix };
        Ok(Layout {
            format: FourCc(given.pixelformat.to_le_bytes()),
            width_px: given.width,
            height_px: given.height,
            stride_bytes: given.bytesperline as usize,
            field: Field(given.field),
        })
    }

    fn set_rate(&mut self, frames_per_second: u32) -> Option<Duration> {
        let mut asked = v4l2_streamparm {
            type_: CAPTURE,
            // SAFETY: integers, and a union of them, may all be 0.
            ..unsafe { zeroed() }
        };
        asked.parm.capture = v4l2_captureparm {
            timeperframe: v4l2_fract {
                numerator: 1,
                denominator: frames_per_second,
            },
            // SAFETY: integers may all be 0.
            ..unsafe { zeroed() }
        };
        // SAFETY: S_PARM takes a v4l2_streamparm.
        unsafe { self.request(vidioc::VIDIOC_S_PARM, &mut asked) }.ok()?;
        // SAFETY: for this type of buffer the kernel writes `capture`.
        let given = unsafe { asked.parm.capture };
        let known = given.timeperframe.numerator > 0 && given.timeperframe.denominator > 0;
        known.then(|| Duration::from_secs_f64(1.0 / rate(given.timeperframe)))
    }

    fn allocate(&mut self, count: u32) -> io::Result<Vec<Arc<dyn Memory>>> {
        let count = self.buffers(count)?;
        if count as usize > MAX_CAMERA_BUFFERS {
            return Err(io::Error::other(format!("the driver made {count} buffers")));
        }
        (0..count as usize).map(|index| self.map(index)).collect()
    }

    fn start(&mut self) -> io::Result<()> {
        // SAFETY: STREAMON takes an int.
        unsafe { self.request(vidioc::VIDIOC_STREAMON, &mut CAPTURE.cast_signed())? };
        self.streaming = true;
        Ok(())
    }

    fn queue(&mut self, index: usize) -> io::Result<()> {
        // SAFETY: QBUF takes a v4l2_buffer.
        unsafe { self.request(vidioc::VIDIOC_QBUF, &mut Self::buffer(index)) }
    }

    fn dequeue(&mut self) -> io::Result<Filled> {
        let mut buffer = Self::buffer(0);
        // SAFETY: DQBUF takes a v4l2_buffer.
        unsafe { self.request(vidioc::VIDIOC_DQBUF, &mut buffer)? };
        let clock = buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK;
        let seconds = u64::try_from(buffer.timestamp.tv_sec).ok();
        let microseconds = u64::try_from(buffer.timestamp.tv_usec).ok();
        Ok(Filled {
            index: buffer.index as usize,
            bytes_used: buffer.bytesused as usize,
            damaged: buffer.flags & V4L2_BUF_FLAG_ERROR != 0,
            field: Field(buffer.field),
            sequence: buffer.sequence,
            captured_us: seconds
                .zip(microseconds)
                .filter(|_| clock == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
                .and_then(|(s, us)| s.checked_mul(1_000_000)?.checked_add(us)),
        })
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        match self.device.handle().poll(READABLE, timeout_ms) {
            // The caller checks its clock and tries again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            result => result.map(|ready| ready > 0),
        }
    }
}

impl Drop for KernelNode {
    fn drop(&mut self) {
        if self.streaming {
            // An unplugged device returns an error. It is closed nevertheless.
            // SAFETY: STREAMOFF takes an int.
            let _ = unsafe { self.request(vidioc::VIDIOC_STREAMOFF, &mut CAPTURE.cast_signed()) };
        }
    }
}

/// A driver's buffer, mapped for reading until drop.
struct Mapping {
    start: *mut c_void,
    length: usize,
}

// SAFETY: the mapping never moves, and is only read.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Memory for Mapping {
    fn bytes(&self) -> &[u8] {
        // SAFETY: `length` readable bytes are mapped at `start` while this value lives. The driver
        // writes to them only while the buffer is queued, and then they are not read: see the trait.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and no borrow of it is left.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}
