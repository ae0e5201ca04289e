//! Finds a camera, negotiates format, size and rate, and starts it.

use super::control::Sensor;
use super::formats::{Encoding, FORMAT_NAMES, FORMATS, encoding, is_bayer, stored_px};
use super::node::{FourCc, Identity, Layout, Memory, Node, Nodes};
use super::options::{BUFFERS, CameraOptions};
use super::sensor::{self, Developer};
use crate::clock;
use crate::frame::PixelFormat;
use crate::limits::MAX_FRAME_SIDE_PX;
use crate::process::memory::pages;
use crate::text::Shown;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Fewest usable buffers: one is read, one is the newest, one is with the driver.
const FEWEST_BUFFERS: usize = 3;

/// `V4L2_CAP_VIDEO_CAPTURE`, `_VIDEO_OUTPUT`, `_VIDEO_CAPTURE_MPLANE`, `_VIDEO_M2M_MPLANE`, `_VIDEO_M2M`,
/// `_META_CAPTURE` and `_STREAMING`.
pub(super) const CAPTURE: u32 = 1;
pub(super) const OUTPUT: u32 = 1 << 1;
pub(super) const CAPTURE_PLANES: u32 = 1 << 12;
pub(super) const CONVERTER: u32 = 1 << 14 | 1 << 15;
pub(super) const METADATA: u32 = 1 << 23;
pub(super) const STREAMING: u32 = 1 << 26;

/// Drivers of image processors and codecs. Their nodes look like cameras, but give pictures only if another
/// program feeds them.
pub(super) const NO_CAMERAS: [&str; 5] = [
    "bcm2835-isp",
    "bcm2835-codec",
    "pispbe",
    "rpi-hevc-dec",
    "rpivid",
];

/// In the name of the driver whose node is a camera only while a program feeds it.
const LOOPBACK: &str = "loopback";

/// Reason for a camera that another program uses.
pub(super) const IN_USE: &str = "is in use by another program";

/// Remedies of a camera for whose pictures USB has no bandwidth.
pub(crate) const LESS_BANDWIDTH: &str = "ask for a smaller --camera-size or --camera-fps, for --camera-format MJPG \
     if it was not that, or plug it into another port, away from other cameras";

/// Reason for a missing camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// The camera may appear, or become free.
    Yet(String),
    /// USB has no bandwidth for the camera's pictures in this format. It may have some later.
    NoBandwidth(FourCc),
    /// The device cannot be used.
    Useless(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Yet(what) | Missing::Useless(what) => f.write_str(what),
            Missing::NoBandwidth(format) => write!(
                f,
                "cannot be started: not enough USB bandwidth for {format}: {LESS_BANDWIDTH}"
            ),
        }
    }
}

/// The camera to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Path(PathBuf),
    /// The first usable camera. Once found, only a camera of the same model can replace it.
    Any {
        card: Option<String>,
    },
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Path(path) => write!(f, "v4l2:{}", Shown::path(path)),
            Wanted::Any { .. } => f.write_str("v4l2:auto"),
        }
    }
}

/// A camera that streams.
pub(super) struct Camera {
    pub node: Box<dyn Node>,
    pub buffers: Vec<Arc<dyn Memory>>,
    pub layout: Layout,
    pub encoding: Encoding,
    /// Of raw Bayer pictures.
    pub developer: Option<Developer>,
    pub interval: Option<Duration>,
    /// The name for messages.
    pub name: String,
    /// The model.
    pub card: String,
    /// Model and negotiated format, for the log.
    pub agreed: String,
    /// Time of its start on `CLOCK_MONOTONIC`.
    pub started_us: u64,
}

impl Camera {
    /// Opens, configures and starts the wanted camera. All buffers are queued.
    pub(super) fn open(
        nodes: &dyn Nodes,
        wanted: &Wanted,
        options: &CameraOptions,
    ) -> Result<Camera, Missing> {
        match wanted {
            Wanted::Path(path) => Self::open_at(nodes, path, options),
            Wanted::Any { card } => Self::open_any(nodes, card.as_deref(), options),
        }
    }

    pub(super) fn open_at(
        nodes: &dyn Nodes,
        path: &Path,
        options: &CameraOptions,
    ) -> Result<Camera, Missing> {
        Found::look(nodes, path)?.open(nodes, options)
    }

    /// The first usable camera. Those whose pictures are ready come first: a ribbon-cable camera may be there as well.
    fn open_any(
        nodes: &dyn Nodes,
        card: Option<&str>,
        options: &CameraOptions,
    ) -> Result<Camera, Missing> {
        let (mut raw, mut reasons) = (Vec::new(), Vec::new());
        let told = |path: &Path, missing| format!("{} {missing}", Shown::path(path));
        for path in nodes.list() {
            let found = Found::look(nodes, &path).and_then(|found| found.accept(card));
            let opened = match found {
                Ok(found) if found.is_raw() => {
                    raw.push(path);
                    continue;
                }
                Ok(found) => found.open(nodes, options),
                Err(missing) => Err(missing),
            };
            match opened {
                Ok(camera) => return Ok(camera),
                Err(missing) => reasons.push(told(&path, missing)),
            }
        }
        for path in raw {
            match Self::open_at(nodes, &path, options) {
                Ok(camera) => return Ok(camera),
                Err(missing) => reasons.push(told(&path, missing)),
            }
        }
        Err(Missing::Yet(if reasons.is_empty() {
            "there is no video device: is the camera plugged in?".into()
        } else {
            format!("no usable camera: {}", reasons.join("; "))
        }))
    }
}

/// Reason why a node gives no usable pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoCamera {
    Metadata,
    Converter,
    Planes,
    NoCapture,
    /// A v4l2loopback node into which no program writes.
    NotFed,
    /// It offers no supported format. The flag tells whether it offers raw Bayer pictures.
    Formats {
        offered: String,
        bayer: bool,
    },
}

impl fmt::Display for NoCamera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoCamera::Metadata => {
                f.write_str("is a camera's metadata node: take the node with the number before it")
            }
            NoCamera::Converter => f.write_str("is a codec or converter, not a camera"),
            NoCamera::Planes => f.write_str("captures in several planes, which is not supported"),
            NoCamera::NoCapture => {
                f.write_str("is not a capture device: try v4l2:auto or another /dev/videoN")
            }
            NoCamera::NotFed => f.write_str(
                "is a v4l2loopback device that no program feeds: it is a camera only while one writes to it",
            ),
            NoCamera::Formats { offered, bayer } => {
                write!(f, "offers {offered}; read are {FORMAT_NAMES}")?;
                if *bayer {
                    f.write_str("; a ribbon-cable camera with other raw pictures is read from a pipe: see boards/README.md")?;
                }
                Ok(())
            }
        }
    }
}

/// Decides from a node's identity and formats whether it is usable.
pub(super) fn judge(identity: &Identity, formats: &[FourCc]) -> Result<(), NoCamera> {
    let has = |flags: u32| identity.capabilities & flags != 0;
    if has(METADATA) && !has(CAPTURE) {
        return Err(NoCamera::Metadata);
    }
    if has(CONVERTER) {
        return Err(NoCamera::Converter);
    }
    if has(CAPTURE_PLANES) && !has(CAPTURE) {
        return Err(NoCamera::Planes);
    }
    if has(OUTPUT) && !has(CAPTURE) && identity.driver.contains(LOOPBACK) {
        return Err(NoCamera::NotFed);
    }
    if !has(CAPTURE) || !has(STREAMING) {
        return Err(NoCamera::NoCapture);
    }
    if !formats.iter().any(|format| encoding(*format).is_some()) {
        return Err(NoCamera::Formats {
            offered: names(formats),
            bayer: formats.iter().any(|format| is_bayer(*format)),
        });
    }
    Ok(())
}

fn names(formats: &[FourCc]) -> String {
    let names: Vec<_> = formats.iter().map(FourCc::to_string).collect();
    names.join(", ")
}

/// A node that can capture in a supported format.
pub(super) struct Found {
    path: PathBuf,
    node: Box<dyn Node>,
    identity: Identity,
    formats: Vec<FourCc>,
    /// Of a node that offers raw pictures.
    sensor: Option<Box<dyn Sensor>>,
}

impl Found {
    pub(super) fn look(nodes: &dyn Nodes, path: &Path) -> Result<Found, Missing> {
        let node = nodes.open(path).map_err(|error| cannot_open(&error))?;
        let identity = node.identity().map_err(|error| {
            // A device that is being unplugged also returns this error.
            if is_gone(&error) {
                Missing::Yet(format!("went away: {error}"))
            } else {
                Missing::Useless("is not a V4L2 device".into())
            }
        })?;
        let formats = node.formats();
        judge(&identity, &formats).map_err(|why| match why {
            NoCamera::NotFed => Missing::Yet(why.to_string()),
            _ => Missing::Useless(why.to_string()),
        })?;
        let sensor = match formats
            .iter()
            .any(|format| sensor::bayer(*format).is_some())
        {
            true => nodes.sensor(path),
            false => None,
        };
        Ok(Found {
            path: path.into(),
            node,
            identity,
            formats,
            sensor,
        })
    }

    /// Refuses what `v4l2:auto` does not take.
    fn accept(self, card: Option<&str>) -> Result<Found, Missing> {
        if NO_CAMERAS.contains(&self.identity.driver.as_str()) {
            return Err(Missing::Useless("is an image processor".into()));
        }
        match card {
            Some(card) if card != self.identity.card => {
                Err(Missing::Useless("is another model".into()))
            }
            _ => Ok(self),
        }
    }

    /// The pictures are raw, whatever else the node lists: receivers list all formats of the cable.
    fn is_raw(&self) -> bool {
        let ready = |format: &FourCc| FORMATS.iter().any(|(code, _)| **code == format.0);
        self.sensor.is_some() || !self.formats.iter().any(ready)
    }

    /// Starts the camera. If USB has no bandwidth for its raw pictures, and the user asked for no format, JPEGs are next.
    fn open(self, nodes: &dyn Nodes, options: &CameraOptions) -> Result<Camera, Missing> {
        let jpeg = self.jpeg();
        let path = self.path.clone();
        match (self.start(options), jpeg) {
            (Err(Missing::NoBandwidth(raw)), Some(jpeg))
                if options.format.is_none() && raw != jpeg =>
            {
                let compressed = CameraOptions {
                    format: Some(jpeg),
                    ..options.clone()
                };
                // A driver keeps the buffers of the first attempt until the node is closed.
                let mut camera = Found::look(nodes, &path)?.start(&compressed)?;
                camera.agreed += &format!(" (USB has no bandwidth for {raw})");
                Ok(camera)
            }
            (started, _) => started,
        }
    }

    /// Sets the sensor up, if the user wants its pictures. Returns the size that the node is to give, if it gives raw
    /// pictures alone from now on.
    fn prepare(&mut self, options: &CameraOptions) -> Result<Option<[u32; 2]>, Missing> {
        let wants = options
            .format
            .is_none_or(|format| sensor::bayer(format).is_some());
        let Some(found) = self.sensor.take().filter(|_| wants) else {
            return Ok(None);
        };
        let offered = match options.format {
            Some(format) if self.formats.contains(&format) => vec![format],
            Some(_) => return Ok(None),
            None => self.formats.clone(),
        };
        let fits = |size_px, bayer| options.has_room(size_px, PixelFormat::Bayer(bayer));
        let prepared = sensor::prepare(found, &offered, options.size_px, fits);
        let prepared = prepared.map_err(Missing::Useless)?;
        self.formats = vec![prepared.format];
        self.sensor = Some(prepared.sensor);
        Ok(Some(prepared.size_px))
    }

    /// The compressed format, if it has one.
    fn jpeg(&self) -> Option<FourCc> {
        let is_jpeg = |format: &&FourCc| encoding(**format) == Some(Encoding::Jpeg);
        self.formats.iter().find(is_jpeg).copied()
    }

    /// Requests the best format and returns the driver's choice. It does not start the camera.
    fn agree(&mut self, options: &CameraOptions) -> Result<(Layout, Encoding), Missing> {
        let of_sensor = self.prepare(options)?;
        let format = self.choose(options)?;
        let size_px = of_sensor.unwrap_or(stored_px(format, options.size_px));
        let layout = self
            .node
            .set_format(format, size_px)
            .map_err(|error| failed("cannot set its format", &error))?;
        let encoding = encoding(layout.format).ok_or_else(|| {
            Missing::Useless(format!(
                "was asked for {format} and switched to {}",
                layout.format
            ))
        })?;
        Ok((checked(layout, encoding)?, encoding))
    }

    fn start(mut self, options: &CameraOptions) -> Result<Camera, Missing> {
        let (layout, encoding) = self.agree(options)?;
        let developer = match encoding {
            Encoding::Raw(PixelFormat::Bayer(bayer)) => Some(Developer::new(
                bayer,
                [layout.width_px, layout.height_px],
                self.sensor.take(),
                options.rate(),
                options.mains_hz,
            )),
            _ => None,
        };
        let interval = self.node.set_rate(options.rate());
        let buffers = self
            .node
            .allocate(BUFFERS)
            .map_err(|error| failed("cannot map its buffers", &error))?;
        if buffers.len() < FEWEST_BUFFERS {
            return Err(Missing::Useless(format!(
                "has {} buffers, {FEWEST_BUFFERS} are needed",
                buffers.len()
            )));
        }
        let bytes = buffers
            .iter()
            .map(|buffer| pages(buffer.bytes().len() as u64));
        let bytes: u64 = bytes.sum();
        if options.most_bytes.is_some_and(|most| bytes > most) {
            return Err(Missing::Useless(format!(
                "takes {} KiB for its buffers ({} x {} {}), the memory budget has {} KiB for them: ask for a \
                 smaller --camera-size or another --camera-format",
                bytes / 1024,
                layout.width_px,
                layout.height_px,
                layout.format,
                options.most_bytes.unwrap_or(0) / 1024
            )));
        }
        for index in 0..buffers.len() {
            self.node
                .queue(index)
                .map_err(|error| failed("cannot queue its buffers", &error))?;
        }
        let started_us = clock::Instant::now().mono_us;
        self.node.start().map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => Missing::NoBandwidth(layout.format),
            _ => failed("cannot be started", &error),
        })?;
        let agreed = format!(
            "{} ({}, {}): {} x {} {}, {}, {} buffers{}",
            Shown(&self.identity.card),
            Shown(&self.identity.driver),
            Shown(&self.identity.bus),
            layout.width_px,
            layout.height_px,
            layout.format,
            interval.map_or("rate not known".into(), |interval| format!(
                "{:.1} frames a second",
                1.0 / interval.as_secs_f64()
            )),
            buffers.len(),
            developer
                .as_ref()
                .map_or(String::new(), |developer| format!(
                    ", developed to {} x {}, {}",
                    layout.width_px / 2,
                    layout.height_px / 2,
                    developer.about()
                ))
        );
        Ok(Camera {
            node: self.node,
            buffers,
            layout,
            encoding,
            developer,
            interval,
            name: format!("v4l2:{}", Shown::path(&self.path)),
            card: self.identity.card,
            agreed,
            started_us,
        })
    }

    /// The requested format, or the first supported one that reaches the size and the rate, or else the one that comes
    /// nearest to the rate.
    fn choose(&self, options: &CameraOptions) -> Result<FourCc, Missing> {
        if let Some(asked) = options.format {
            return self
                .formats
                .contains(&asked)
                .then_some(asked)
                .ok_or_else(|| {
                    Missing::Useless(format!("offers {}, not {asked}", names(&self.formats)))
                });
        }
        let raw = sensor::FORMATS.iter().map(|(code, ..)| *code);
        let ours = FORMATS
            .iter()
            .map(|(code, _)| *code)
            .chain(raw)
            .map(|code| FourCc(*code))
            .filter(|format| self.formats.contains(format));
        let wanted_rate = f64::from(options.rate());
        let mut best = None;
        for format in ours {
            // A difference below half a frame per second is rounding of the driver's fraction.
            let rate = self
                .node
                .fastest(format, stored_px(format, options.size_px))
                .map_or(0.0, |rate| rate.min(wanted_rate - 0.5));
            if best.is_none_or(|(_, best_rate)| rate > best_rate) {
                best = Some((format, rate));
            }
        }
        best.map(|(format, _)| format)
            .ok_or_else(|| Missing::Useless("has no format that is read".into()))
    }
}

fn failed(doing: &str, error: &io::Error) -> Missing {
    if error.kind() == io::ErrorKind::ResourceBusy {
        return Missing::Yet(IN_USE.into());
    }
    Missing::Yet(format!("{doing}: {error}"))
}

/// The driver's layout, with a computed stride if it gave none, if it is possible for a picture.
fn checked(mut layout: Layout, encoding: Encoding) -> Result<Layout, Missing> {
    if !layout.field.is_whole() {
        return Err(Missing::Useless(format!(
            "gives the lines of a picture in parts (field {}), and whole pictures are read: set its driver to \
             progressive or interleaved pictures, or take another device",
            layout.field
        )));
    }
    let sides = 1..=MAX_FRAME_SIDE_PX;
    if let Encoding::Raw(format) = encoding
        && layout.stride_bytes == 0
    {
        layout.stride_bytes = format.row_bytes(layout.width_px.min(MAX_FRAME_SIDE_PX));
    }
    let fits = match encoding {
        Encoding::Raw(format) => {
            let stride = layout.stride_bytes;
            let bytes = format.frame_bytes(layout.width_px, layout.height_px, stride);
            bytes.is_some()
        }
        Encoding::Jpeg => true,
    };
    if fits && sides.contains(&layout.width_px) && sides.contains(&layout.height_px) {
        return Ok(layout);
    }
    let raw = matches!(encoding, Encoding::Raw(PixelFormat::Bayer(_)));
    let odd = raw && !(layout.width_px.is_multiple_of(2) && layout.height_px.is_multiple_of(2));
    Err(Missing::Useless(format!(
        "gives pictures of {} x {} px in rows of {} bytes{}",
        layout.width_px,
        layout.height_px,
        layout.stride_bytes,
        match odd {
            true => ", and raw ones have even sides: ask for another --camera-size",
            false => "",
        }
    )))
}

/// `ENODEV`, `ENXIO` and `EIO`: the device is gone or about to go.
fn is_gone(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::NODEV, Errno::NXIO, Errno::IO]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn cannot_open(error: &io::Error) -> Missing {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Missing::Yet("there is no such device: is the camera plugged in?".into())
        }
        io::ErrorKind::PermissionDenied => {
            Missing::Useless("no permission: add the user to the group video".into())
        }
        io::ErrorKind::ResourceBusy => Missing::Yet(IN_USE.into()),
        _ if is_gone(error) => Missing::Yet(format!("is gone: {error}")),
        _ => Missing::Useless(format!("cannot be opened: {error}")),
    }
}
