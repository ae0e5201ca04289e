//! Sensors through the media controller: `<linux/media.h>`, `<linux/v4l2-subdev.h>` and their controls.
//!
//! A sensor's device, and those of what is between it and the node, are found by their numbers in `/dev`. The crate
//! `v4l` has none of these structures; they are the kernel's, field by field.

use crate::limits::{MAX_MEDIA_ENTITIES, MAX_MEDIA_LINKS, MAX_SENSOR_CODES};
use crate::source::v4l2::control::{BusFormat, Control, Range, Sensor};
use crate::source::v4l2::sensor::path::{self, ENABLED, Entity, IMMUTABLE, Link, Pad};
use crate::text::Shown;
use rustix::fs::{major, minor};
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use v4l::v4l_sys::{v4l2_control, v4l2_query_ext_ctrl};
use v4l::v4l2::vidioc::{self, _IOC_TYPE};

/// `MEDIA_ENT_ID_FLAG_NEXT`.
const NEXT: u32 = 1 << 31;
/// `V4L2_SUBDEV_FORMAT_ACTIVE`.
const ACTIVE: u32 = 1;
/// `V4L2_FIELD_NONE`.
const WHOLE: u32 = 1;

/// `struct media_entity_desc`.
#[repr(C)]
struct EntityDescription {
    id: u32,
    name: [u8; 32],
    function: u32,
    revision: u32,
    flags: u32,
    group: u32,
    pads: u16,
    links: u16,
    reserved: [u32; 4],
    device: [u32; 2],
    rest: [u32; 44],
}

/// `struct media_pad_desc`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PadDescription {
    entity: u32,
    index: u16,
    flags: u32,
    reserved: [u32; 2],
}

/// `struct media_link_desc`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct LinkDescription {
    source: PadDescription,
    sink: PadDescription,
    flags: u32,
    reserved: [u32; 2],
}

/// `struct media_links_enum`.
#[repr(C)]
struct LinkList {
    entity: u32,
    pads: *mut PadDescription,
    links: *mut LinkDescription,
    reserved: [u32; 4],
}

/// `struct v4l2_subdev_format`, with its `struct v4l2_mbus_framefmt`.
#[repr(C)]
struct PadFormat {
    which: u32,
    pad: u32,
    width: u32,
    height: u32,
    code: u32,
    field: u32,
    colours: u32,
    encodings: [u16; 14],
    stream: u32,
    reserved: [u32; 7],
}

/// `struct v4l2_subdev_mbus_code_enum`.
#[repr(C)]
struct CodeDescription {
    pad: u32,
    index: u32,
    code: u32,
    which: u32,
    reserved: [u32; 8],
}

/// `_IOWR`: direction, size, type and number.
#[allow(
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "sizes have 14 bits, and the number 32, whatever type C libraries use"
)]
const fn read_and_write<T>(kind: u8, number: u8) -> _IOC_TYPE {
    (3 << 30 | (size_of::<T>() as u32) << 16 | (kind as u32) << 8 | number as u32) as _IOC_TYPE
}

const ENUM_ENTITIES: _IOC_TYPE = read_and_write::<EntityDescription>(b'|', 1);
const ENUM_LINKS: _IOC_TYPE = read_and_write::<LinkList>(b'|', 2);
const SETUP_LINK: _IOC_TYPE = read_and_write::<LinkDescription>(b'|', 3);
const ENUM_CODES: _IOC_TYPE = read_and_write::<CodeDescription>(b'V', 2);
const SET_FORMAT: _IOC_TYPE = read_and_write::<PadFormat>(b'V', 5);

/// Makes one request.
///
/// # Safety
/// `argument` must have the type that is encoded in the request's number, and its pointers must be good for what the
/// kernel writes there.
unsafe fn request<T>(file: &File, request: _IOC_TYPE, argument: &mut T) -> io::Result<()> {
    let argument = std::ptr::from_mut(argument).cast::<c_void>();
    // SAFETY: the descriptor is open. The caller guarantees the argument.
    unsafe { v4l::v4l2::ioctl(file.as_raw_fd(), request, argument) }
}

/// Numbers of a device file.
fn numbers(path: &Path) -> Option<[u32; 2]> {
    let device = std::fs::metadata(path).ok()?.rdev();
    Some([major(device), minor(device)])
}

/// Device files in `/dev` whose names begin so.
fn devices(prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(prefix.as_bytes())
        })
        .map(|entry| entry.path())
        .take(MAX_MEDIA_ENTITIES)
        .collect();
    paths.sort();
    paths
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// The sensor of a node, if the media controller knows one.
pub(super) fn sensor(node: &Path) -> Option<Box<dyn Sensor>> {
    let node = numbers(node)?;
    devices("media").iter().find_map(|path| {
        let media = open(path).ok()?;
        let (entities, links) = graph(&media);
        let (sensor, links) = path::find(&entities, &links, node)?;
        let file = sub_device(sensor)?;
        let steps = links
            .iter()
            .map(|&link| {
                let sink = entities.iter().find(|entity| entity.id == link.sink.entity);
                Step {
                    link,
                    // The node itself is set by the capture.
                    sink: sink.filter(|sink| sink.device != node).and_then(sub_device),
                }
            })
            .collect();
        Some(Box::new(KernelSensor {
            name: sensor.name.clone(),
            pad: links.first().map_or(0, |link| link.source.index),
            media,
            file,
            steps,
        }) as Box<dyn Sensor>)
    })
}

/// The device of an entity, open.
fn sub_device(entity: &Entity) -> Option<File> {
    let paths = devices("v4l-subdev");
    let path = paths
        .iter()
        .find(|path| numbers(path) == Some(entity.device))?;
    match open(path) {
        Ok(file) => Some(file),
        Err(error) => {
            log::warn!("{}: cannot be opened: {error}", Shown::path(path));
            None
        }
    }
}

fn graph(media: &File) -> (Vec<Entity>, Vec<Link>) {
    let (mut entities, mut links) = (Vec::new(), Vec::new());
    let mut last = 0;
    while entities.len() < MAX_MEDIA_ENTITIES {
        // SAFETY: integers may all be 0.
        let mut found: EntityDescription = unsafe { zeroed() };
        found.id = last | NEXT;
        // SAFETY: ENUM_ENTITIES takes a media_entity_desc without pointers.
        if unsafe { request(media, ENUM_ENTITIES, &mut found) }.is_err() || found.id <= last {
            break;
        }
        last = found.id;
        links.extend(links_from(media, &found));
        let end = found.name.iter().position(|&byte| byte == 0);
        let name = &found.name[..end.unwrap_or(found.name.len())];
        entities.push(Entity {
            id: found.id,
            name: String::from_utf8_lossy(name).into_owned(),
            function: found.function,
            device: found.device,
        });
    }
    (entities, links)
}

/// The links of which the entity is the source.
fn links_from(media: &File, entity: &EntityDescription) -> Vec<Link> {
    let (pads, links) = (usize::from(entity.pads), usize::from(entity.links));
    if links == 0 || pads > MAX_MEDIA_LINKS || links > MAX_MEDIA_LINKS {
        return Vec::new();
    }
    let mut pad_room = vec![PadDescription::default(); pads];
    let mut link_room = vec![LinkDescription::default(); links];
    let mut list = LinkList {
        entity: entity.id,
        pads: pad_room.as_mut_ptr(),
        links: link_room.as_mut_ptr(),
        reserved: [0; 4],
    };
    // SAFETY: ENUM_LINKS takes a media_links_enum. The kernel writes as many pads and links as it has told for this
    // entity, and both have room for that.
    if unsafe { request(media, ENUM_LINKS, &mut list) }.is_err() {
        return Vec::new();
    }
    let pad = |pad: PadDescription| Pad {
        entity: pad.entity,
        index: pad.index,
    };
    link_room
        .iter()
        .map(|link| Link {
            source: pad(link.source),
            sink: pad(link.sink),
            flags: link.flags,
        })
        .collect()
}

/// A link, and the device behind it.
struct Step {
    link: Link,
    sink: Option<File>,
}

/// A sensor of the running kernel.
struct KernelSensor {
    name: String,
    media: File,
    file: File,
    /// The sensor's pad at the beginning of the way.
    pad: u16,
    steps: Vec<Step>,
}

impl KernelSensor {
    fn enable(&self, link: Link) -> io::Result<()> {
        if link.flags & (ENABLED | IMMUTABLE) != 0 {
            return Ok(());
        }
        let pad = |pad: Pad| PadDescription {
            entity: pad.entity,
            index: pad.index,
            ..PadDescription::default()
        };
        let mut wanted = LinkDescription {
            source: pad(link.source),
            sink: pad(link.sink),
            flags: link.flags | ENABLED,
            reserved: [0; 2],
        };
        // SAFETY: SETUP_LINK takes a media_link_desc without pointers.
        unsafe { request(&self.media, SETUP_LINK, &mut wanted) }
    }
}

/// Sets the format of a pad. Returns what the driver made of it.
fn set_pad(file: &File, pad: u16, wanted: BusFormat) -> io::Result<BusFormat> {
    let [width, height] = wanted.size_px;
    let mut format = PadFormat {
        which: ACTIVE,
        pad: pad.into(),
        width,
        height,
        code: wanted.code,
        field: WHOLE,
        colours: 0,
        encodings: [0; 14],
        stream: 0,
        reserved: [0; 7],
    };
    // SAFETY: SET_FORMAT takes a v4l2_subdev_format without pointers.
    unsafe { request(file, SET_FORMAT, &mut format)? };
    Ok(BusFormat {
        code: format.code,
        size_px: [format.width, format.height],
    })
}

impl Sensor for KernelSensor {
    fn name(&self) -> &str {
        &self.name
    }

    fn codes(&self) -> Vec<u32> {
        let mut codes = Vec::new();
        for index in 0..MAX_SENSOR_CODES {
            let mut found = CodeDescription {
                pad: self.pad.into(),
                index,
                code: 0,
                which: ACTIVE,
                reserved: [0; 8],
            };
            // SAFETY: ENUM_CODES takes a v4l2_subdev_mbus_code_enum without pointers.
            if unsafe { request(&self.file, ENUM_CODES, &mut found) }.is_err() {
                break;
            }
            codes.push(found.code);
        }
        codes
    }

    fn set_format(&mut self, wanted: BusFormat) -> io::Result<BusFormat> {
        let mut format = set_pad(&self.file, self.pad, wanted)?;
        let mut before: Option<&File> = None;
        for step in &self.steps {
            self.enable(step.link)?;
            if let Some(file) = before {
                format = set_pad(file, step.link.source.index, format)?;
            }
            if let Some(file) = &step.sink {
                format = set_pad(file, step.link.sink.index, format)?;
            }
            before = step.sink.as_ref();
        }
        Ok(format)
    }

    fn range(&self, control: Control) -> Option<Range> {
        let mut found = v4l2_query_ext_ctrl {
            id: control as u32,
            // SAFETY: integers may all be 0.
            ..unsafe { zeroed() }
        };
        // SAFETY: QUERY_EXT_CTRL takes a v4l2_query_ext_ctrl without pointers.
        unsafe { request(&self.file, vidioc::VIDIOC_QUERY_EXT_CTRL, &mut found).ok()? };
        let mut present = v4l2_control {
            id: control as u32,
            value: 0,
        };
        // SAFETY: G_CTRL takes a v4l2_control.
        let read = unsafe { request(&self.file, vidioc::VIDIOC_G_CTRL, &mut present) };
        Some(Range {
            least: found.minimum,
            most: found.maximum,
            // The kernel refuses this request for controls of 64 bits.
            value: read.map_or(found.minimum, |()| present.value.into()),
        })
    }

    fn set(&mut self, control: Control, value: i64) -> io::Result<()> {
        let mut wanted = v4l2_control {
            id: control as u32,
            value: i32::try_from(value).map_err(io::Error::other)?,
        };
        // SAFETY: S_CTRL takes a v4l2_control.
        unsafe { request(&self.file, vidioc::VIDIOC_S_CTRL, &mut wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers in the kernel's headers, on a 64-bit machine. The sandbox allows these.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn requests_have_the_kernels_numbers() {
        assert_eq!(ENUM_ENTITIES, 0xC100_7C01);
        assert_eq!(ENUM_LINKS, 0xC028_7C02);
        assert_eq!(SETUP_LINK, 0xC034_7C03);
        assert_eq!(ENUM_CODES, 0xC030_5602);
        assert_eq!(SET_FORMAT, 0xC058_5605);
    }

    #[test]
    fn a_file_that_is_no_node_has_no_sensor() {
        assert!(sensor(Path::new("/dev/null")).is_none());
        assert!(sensor(Path::new("/nowhere")).is_none());
    }
}
