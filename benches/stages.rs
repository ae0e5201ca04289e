//! The stages around the network, each on its own: `cargo bench`.

use divan::{Bencher, black_box};
use posewire::crop::Cropper;
use posewire::decode::Decoder;
use posewire::frame::{PixelFormat, Pixels};
use posewire::model::DecodeMode;
use posewire::scene::Keypoint;
use posewire::scene::{BBox, CropBox};
use posewire::wire::{Body, Encoded, FixedPoint, Flags, Packet, PacketView, WireKeypoint};

const FRAME: (u32, u32) = (640, 480);

fn main() {
    divan::main();
}

/// Noise, so that branches are not predictable.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A box in a 640 x 480 frame, cropped to the input of a 256 x 256 network.
#[divan::bench(args = PixelFormat::ALL)]
fn crop_box(bencher: Bencher, format: PixelFormat) {
    let bbox = BBox {
        x_px: 200.0,
        y_px: 120.0,
        width_px: 240.0,
        height_px: 240.0,
    };
    crop(bencher, format, CropBox::new(bbox, 1.5, [256, 256].into()));
}

/// The whole frame, as when no instance is tracked.
#[divan::bench(args = PixelFormat::ALL)]
fn crop_whole(bencher: Bencher, format: PixelFormat) {
    let whole = BBox::whole(FRAME.0, FRAME.1);
    crop(bencher, format, CropBox::new(whole, 1.0, [256, 256].into()));
}

fn crop(bencher: Bencher, format: PixelFormat, region: CropBox) {
    let stride = format.row_bytes(FRAME.0);
    let count = format.frame_bytes(FRAME.0, FRAME.1, stride);
    let bytes = noise(count.expect("a sound frame"));
    let pixels = Pixels::new(format, FRAME.0, FRAME.1, stride, &bytes).expect("a sound frame");
    let mut cropper = Cropper::new(
        [256, 256].into(),
        [123.675, 116.28, 103.53],
        [58.395, 57.12, 57.375],
    );
    let mut input = vec![0.0; 3 * 256 * 256];
    bencher.bench_local(|| cropper.crop(&pixels, &region, black_box(&mut input)));
}

/// 21 heatmaps of 64 x 64.
#[divan::bench(args = [DecodeMode::Default, DecodeMode::Dark])]
fn decode(bencher: Bencher, mode: DecodeMode) {
    let heatmaps: Vec<f32> = noise(21 * 64 * 64)
        .iter()
        .map(|&byte| f32::from(byte) / 255.0)
        .collect();
    let mut decoder = Decoder::new(21, 64, 64, mode);
    bencher.bench_local(|| decoder.decode(black_box(&heatmaps)));
}

fn packet() -> Packet {
    let unit = FixedPoint::for_frame(FRAME.0, FRAME.1);
    let keypoint = Keypoint {
        x_px: 320.5,
        y_px: 99.25,
        score: 0.875,
    };
    Packet {
        flags: Flags::TRACKING,
        session: 1,
        sequence: 7,
        captured: posewire::clock::Instant::now(),
        age_us: 0,
        frame_index: 9,
        frame_width_px: 640,
        frame_height_px: 480,
        task: 1,
        joint_table: 1,
        unit,
        instance: 0,
        score: 0,
        body: Body::Keypoints(
            std::iter::repeat_n(WireKeypoint::new(&keypoint, unit), 21).collect(),
        ),
    }
}

#[divan::bench]
fn encode(bencher: Bencher) {
    let packet = packet();
    bencher.bench_local(|| black_box(&packet).encode());
}

#[divan::bench]
fn check_and_read(bencher: Bencher) {
    let bytes: Encoded = packet().encode();
    bencher.bench_local(|| PacketView::new(black_box(&bytes)).map(|view| view.to_packet()));
}
