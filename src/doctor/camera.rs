//! Cameras, and video nodes that look like cameras.

use super::{Finding, Subject};
use crate::source::CameraOptions;
use crate::source::v4l2::{LESS_BANDWIDTH, NodeReport, PATIENCE, What, list, look};
use crate::text::Shown;
use std::path::Path;

const CHECK: &str = "camera";
const PIPE: &str = "use a USB camera, or read this one from the pipe of rpicam-vid (Raspberry Pi) or GStreamer \
                    (Jetson): boards/README.md";
/// Programs that give the pictures of ribbon-cable cameras, and the settings that start them.
const PRODUCERS: [(&str, &str); 3] = [
    (
        "/usr/bin/rpicam-vid",
        "--source pipe:yuv420:640x480 --run-camera 'rpicam-vid -n -t 0 --flush --codec yuv420 --width 640 --height 480 -o -'",
    ),
    (
        "/usr/bin/libcamera-vid",
        "--source pipe:yuv420:640x480 --run-camera 'libcamera-vid -n -t 0 --flush --codec yuv420 --width 640 --height 480 -o -'",
    ),
    (
        "/usr/lib/aarch64-linux-gnu/gstreamer-1.0/libgstnvarguscamerasrc.so",
        "--source pipe:MJPG:640x480 --run-camera \"gst-launch-1.0 -q nvarguscamerasrc ! \
         video/x-raw(memory:NVMM),width=1280,height=720,framerate=30/1 ! nvvidconv ! \
         video/x-raw(memory:NVMM),width=640,height=480 ! nvjpegenc ! fdsink\"",
    ),
];
const PERMISSION: &str = "sudo usermod -aG video USER, and log in again";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let options = CameraOptions::default();
    let nodes = subject.facts.nodes.as_ref();
    let source = subject.request.source.as_ref();
    match source.map(|spec| spec.camera().ok_or(spec)) {
        Some(Ok(device)) if device != "auto" => {
            let seen = look(nodes, Path::new(device), &options, PATIENCE);
            let mut finding = describe(subject, &seen);
            if !is_camera(&seen.what) {
                finding = Finding::fail(
                    CHECK,
                    finding.what,
                    finding
                        .advice
                        .unwrap_or_else(|| "give another device, or v4l2:auto".into()),
                );
            }
            vec![finding]
        }
        Some(Ok(_)) | None => every_node(subject, &list(nodes, &options, PATIENCE)),
        Some(Err(other)) => vec![Finding::ok(CHECK, format!("{other} needs none"))],
    }
}

fn every_node(subject: &Subject<'_>, all: &[NodeReport]) -> Vec<Finding> {
    if all.is_empty() {
        return vec![Finding::fail(
            CHECK,
            "there is no video device",
            match producer(subject) {
                Some(line) => format!("plug a USB camera in, or for a ribbon-cable camera {line}"),
                None => "plug a USB camera in; boards/README.md has lines for ribbon-cable cameras"
                    .into(),
            },
        )];
    }
    let mut findings: Vec<Finding> = Vec::new();
    // A Raspberry Pi has a dozen codec nodes: nodes of the same kind share a line.
    for same in all.chunk_by(|a, b| {
        a.driver == b.driver && a.what == b.what && !matches!(a.what, What::Camera { .. })
    }) {
        let mut finding = describe(subject, &same[0]);
        if let [_, .., last] = same {
            let first = Shown::path(&same[0].path).to_string();
            let both = format!("{first} to {}", Shown::path(&last.path));
            finding.what = finding.what.replacen(&first, &both, 1);
        }
        findings.push(finding);
    }
    let has = |wanted: fn(&What) -> bool| all.iter().any(|seen| wanted(&seen.what));
    if has(is_camera) {
        return findings;
    }
    let advice = if has(|what| *what == What::NoPermission) {
        PERMISSION.into()
    } else if has(|what| matches!(what, What::Bayer { .. })) {
        ribbon(subject)
    } else {
        "plug a USB camera in".into()
    };
    findings.push(Finding::fail(CHECK, "no video device can be used", advice));
    findings
}

/// The settings for a ribbon-cable camera with a program that this machine has.
fn producer(subject: &Subject<'_>) -> Option<&'static str> {
    let found = PRODUCERS
        .iter()
        .find(|(path, _)| subject.facts.exists(path));
    found.map(|(_, line)| *line)
}

fn ribbon(subject: &Subject<'_>) -> String {
    producer(subject).map_or_else(|| PIPE.into(), |line| format!("posewire run {line}"))
}

/// True for a camera that posewire uses or waits for.
fn is_camera(what: &What) -> bool {
    matches!(
        what,
        What::Camera { .. } | What::Busy | What::NoBandwidth(_) | What::NotFed(_)
    )
}

fn describe(subject: &Subject<'_>, seen: &NodeReport) -> Finding {
    let path = Shown::path(&seen.path);
    let who = match (seen.card.as_str(), seen.driver.as_str()) {
        ("", _) => path.to_string(),
        (card, driver) => format!("{path} {card} ({driver})"),
    };
    match &seen.what {
        What::Camera {
            offers,
            gives,
            picture: Ok([width_px, height_px]),
        } => Finding::ok(
            CHECK,
            format!(
                "{who}: gives {gives}, and gave a picture of {width_px} x {height_px}; offers {offers}"
            ),
        ),
        What::Camera {
            offers,
            gives,
            picture: Err(why),
        } => Finding::warning(
            CHECK,
            format!("{who}: gives {gives}: {why}; offers {offers}"),
            "try another --camera-format or --camera-size, another cable or port, or another camera",
        ),
        What::NoBandwidth(format) => Finding::warning(
            CHECK,
            format!("{who}: not enough USB bandwidth for {format}"),
            LESS_BANDWIDTH,
        ),
        What::NotFed(what) => Finding::warning(
            CHECK,
            format!("{who}: {what}"),
            "start the program that feeds it; posewire waits for it",
        ),
        What::Busy => {
            let holders = subject.facts.holders(&subject.facts.device(&seen.path));
            let by = match holders.as_slice() {
                [] => "another program".into(),
                holders => holders.join(", "),
            };
            Finding::warning(
                CHECK,
                format!("{who}: in use by {by}"),
                "end that program; posewire waits until it is free",
            )
        }
        What::NoPermission => Finding::warning(CHECK, format!("{who}: no permission"), PERMISSION),
        What::Metadata => Finding::ok(CHECK, format!("{who}: a camera's metadata, not pictures")),
        What::Processor => Finding::ok(
            CHECK,
            format!("{who}: a codec or image processor, no camera"),
        ),
        What::Bayer { offers, why } => Finding::warning(
            CHECK,
            format!("{who}: a ribbon-cable camera with raw pictures ({offers}): {why}"),
            ribbon(subject),
        ),
        What::Other(what) => Finding::ok(CHECK, format!("{who}: {what}")),
    }
}
