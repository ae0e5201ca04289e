//! The kind of each video node, for `doctor`.
//!
//! In: the nodes, and the options for a camera. Out: one [`NodeReport`] for each node. A camera that is free is started
//! as in a run, and gives one picture: drivers report many faults no earlier.

use super::CameraOptions;
use super::camera::{Camera, IN_USE, Missing, NO_CAMERAS, NoCamera, judge};
use super::formats::{encoding, is_bayer};
use super::node::{FourCc, Identity, Nodes};
use super::trial::take_one;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Receivers of ribbon-cable cameras on a Raspberry Pi. They list all formats of the cable, also those that the
/// sensor does not send.
const RECEIVERS: [&str; 2] = ["rp1-cfe", "unicam"];

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeReport {
    pub path: PathBuf,
    /// The model name from the camera; empty if it could not be read.
    pub card: String,
    pub driver: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A usable camera: its supported formats, the format that it sends, and the size of one picture or the reason
    /// why none came.
    Camera {
        offers: String,
        gives: String,
        picture: Result<[u32; 2], String>,
    },
    /// USB has no bandwidth for the camera in this format.
    NoBandwidth(FourCc),
    /// A v4l2loopback node into which no program writes.
    NotFed(String),
    /// A camera that another program uses.
    Busy,
    NoPermission,
    Metadata,
    /// A codec, a converter or an image processor.
    Processor,
    /// A ribbon-cable camera whose raw pictures cannot be read, and why.
    Bayer {
        offers: String,
        why: String,
    },
    /// Anything else, with the reason.
    Other(String),
}

/// All nodes, in the order of their numbers.
pub(crate) fn list(
    nodes: &dyn Nodes,
    options: &CameraOptions,
    patience: Duration,
) -> Vec<NodeReport> {
    nodes
        .list()
        .iter()
        .map(|path| look(nodes, path, options, patience))
        .collect()
}

/// One node. `patience` is the longest wait for its picture.
pub(crate) fn look(
    nodes: &dyn Nodes,
    path: &Path,
    options: &CameraOptions,
    patience: Duration,
) -> NodeReport {
    let mut seen = NodeReport {
        path: path.into(),
        card: String::new(),
        driver: String::new(),
        what: What::Other(String::new()),
    };
    seen.what = match nodes.open(path) {
        Err(error) => match error.kind() {
            io::ErrorKind::PermissionDenied => What::NoPermission,
            io::ErrorKind::ResourceBusy => What::Busy,
            io::ErrorKind::NotFound => What::Other("there is no such device".into()),
            _ => What::Other(format!("cannot be opened: {error}")),
        },
        Ok(node) => match node.identity() {
            Err(error) => What::Other(format!("is no V4L2 device: {error}")),
            Ok(identity) => {
                seen.card = identity.card.clone();
                seen.driver = identity.driver.clone();
                let formats = node.formats();
                drop(node);
                describe(nodes, path, options, patience, &identity, &formats)
            }
        },
    };
    seen
}

fn describe(
    nodes: &dyn Nodes,
    path: &Path,
    options: &CameraOptions,
    patience: Duration,
    identity: &Identity,
    formats: &[FourCc],
) -> What {
    let driver = identity.driver.as_str();
    if NO_CAMERAS.contains(&driver) {
        return What::Processor;
    }
    match judge(identity, formats) {
        Err(NoCamera::Metadata) => return What::Metadata,
        Err(NoCamera::Converter) => return What::Processor,
        Err(NoCamera::Formats {
            offered,
            bayer: true,
        }) => {
            return What::Bayer {
                offers: offered,
                why: "none of these is read".into(),
            };
        }
        Err(why @ NoCamera::NotFed) => return What::NotFed(why.to_string()),
        Err(other) => return What::Other(other.to_string()),
        Ok(()) => {}
    }
    let of = |wanted: &dyn Fn(FourCc) -> bool| {
        let names: Vec<String> = formats
            .iter()
            .filter(|&&format| wanted(format))
            .map(FourCc::to_string)
            .collect();
        names.join(", ")
    };
    let receives = RECEIVERS.contains(&driver) && formats.iter().any(|format| is_bayer(*format));
    let bayer = |why: String| What::Bayer {
        offers: of(&is_bayer),
        why,
    };
    if receives && nodes.sensor(path).is_none() {
        return bayer("no sensor is connected to it".into());
    }
    match Camera::open_at(nodes, path, options) {
        Ok(mut camera) => What::Camera {
            offers: of(&|format| encoding(format).is_some()),
            gives: format!(
                "{} x {} {}{}",
                camera.layout.width_px,
                camera.layout.height_px,
                camera.layout.format,
                match &camera.developer {
                    Some(developer) => format!(", raw ({})", developer.about()),
                    None => String::new(),
                }
            ),
            picture: take_one(&mut camera, options, patience),
        },
        Err(Missing::Yet(what)) if what == IN_USE => What::Busy,
        Err(Missing::NoBandwidth(format)) => What::NoBandwidth(format),
        Err(missing) if receives => bayer(missing.to_string()),
        Err(missing) => What::Other(missing.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::{CAPTURE, METADATA, OUTPUT, STREAMING};
    use super::super::fake::{Device, FakeKernel, Trouble};
    use super::super::sensor::SensorModel;
    use super::*;
    use rustix::io::Errno;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_millis(300);

    fn of(change: impl FnOnce(&mut Device)) -> What {
        let mut device = Device::webcam("/dev/video0");
        change(&mut device);
        let kernel = FakeKernel::with([device]);
        let seen = list(&kernel, &CameraOptions::default(), PATIENCE);
        assert_eq!(kernel.open_nodes(), 0);
        assert_eq!(kernel.violations(), [""; 0]);
        assert_eq!(seen.len(), 1);
        seen[0].what.clone()
    }

    #[test]
    fn every_kind_of_node_is_told_apart() {
        assert_eq!(
            of(|_| {}),
            What::Camera {
                offers: "YUYV".into(),
                gives: "8 x 4 YUYV".into(),
                picture: Ok([8, 4])
            }
        );
        let picture = |change: &dyn Fn(&mut Device)| match of(change) {
            What::Camera { picture, .. } => picture,
            other => panic!("{other:?}"),
        };
        let short = picture(&|d| d.picture.truncate(60)).unwrap_err();
        assert!(short.contains("frames of 60 bytes, 64 expected"), "{short}");
        let silent = picture(&|d| d.interval = Duration::from_secs(60)).unwrap_err();
        assert_eq!(silent, "no usable picture in 0.3 s");
        let jpeg = |d: &mut Device| {
            d.formats = vec![(FourCc(*b"MJPG"), 30.0)];
            d.picture = crate::source::mjpeg::tiny_jpeg();
        };
        assert_eq!(picture(&jpeg), Ok([8, 8]));
        let cut = picture(&|d| {
            jpeg(d);
            d.picture.truncate(d.picture.len() - 4);
        });
        assert!(cut.unwrap_err().contains("JPEG"));
        let narrow = of(|d| d.no_bandwidth = vec![FourCc(*b"YUYV")]);
        assert!(matches!(narrow, What::NoBandwidth(_)), "{narrow:?}");
        let loopback = of(|d| {
            d.identity.driver = "v4l2 loopback".into();
            d.identity.capabilities = OUTPUT | STREAMING;
        });
        assert!(matches!(loopback, What::NotFed(_)), "{loopback:?}");
        assert_eq!(of(|d| d.closed = Some(Errno::ACCESS)), What::NoPermission);
        assert_eq!(
            of(|d| d.identity.capabilities = METADATA | STREAMING),
            What::Metadata
        );
        assert_eq!(
            of(|d| d.identity.driver = "bcm2835-isp".into()),
            What::Processor
        );
        assert_eq!(
            of(|d| d.identity.capabilities = 1 << 15 | STREAMING),
            What::Processor
        );
        assert_eq!(
            of(|d| d.formats = vec![(FourCc(*b"pBEE"), 30.0)]),
            What::Bayer {
                offers: "pBEE".into(),
                why: "none of these is read".into()
            }
        );
        assert_eq!(
            of(|d| {
                d.identity.driver = "rp1-cfe".into();
                d.formats.push((FourCc(*b"RG10"), 30.0));
            }),
            What::Bayer {
                offers: "RG10".into(),
                why: "no sensor is connected to it".into()
            }
        );
        let raw = of(|d| {
            d.identity.driver = "rp1-cfe".into();
            d.formats.push((FourCc(*b"RG10"), 30.0));
            d.sensor = Some(SensorModel::new("imx219 10-0010", [0.2; 3]));
        });
        assert_eq!(
            raw,
            What::Camera {
                offers: "YUYV, RG10".into(),
                gives: "8 x 4 RG10, raw (sensor imx219 10-0010)".into(),
                picture: Ok([4, 2])
            }
        );
        let other = of(|d| d.identity.capabilities = CAPTURE);
        assert!(matches!(other, What::Other(_)), "{other:?}");
    }

    #[test]
    fn a_camera_that_another_program_has_is_busy() {
        let kernel = FakeKernel::with([Device::webcam("/dev/video0")]);
        kernel.trouble(Trouble::Busy(Duration::from_secs(60)));
        let seen = list(&kernel, &CameraOptions::default(), PATIENCE);
        assert_eq!(seen[0].what, What::Busy);
    }
}
