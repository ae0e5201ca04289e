//! A pipe with producers that burst, stall, die and are too fast, in threads of the test.
//!
//! A test picture has its number in its first bytes, and in all others a byte of it. Ages are compared with the times at
//! which the producer had surely written the first byte.

use super::*;
use crate::crop::Cropper;
use crate::frame::encode;
use crate::producer::Producer;
use crate::scene::{BBox, CropBox, Task};
use crate::source::mjpeg::tiny_jpeg;
use proptest::prelude::*;
use std::fs::File;
use std::io::{PipeWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

/// A frame of 16 x 16 in grey.
const FRAME_BYTES: usize = 256;
/// Longer than anything takes, also on a busy machine.
const EVERY: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(10);

fn start(argument: &str, pipe: OwnedFd, from: From, once: bool, counts_waits: bool) -> PipeSource {
    let options = CameraOptions::default();
    let context = Context {
        once,
        ..Context::new(Task::Hand, &options)
    };
    let spec = argument.parse().unwrap();
    let name = format!("pipe:{argument}");
    let hung = Duration::from_millis(300);
    PipeSource::start(name, spec, pipe, from, &context, counts_waits, hung).unwrap()
}

/// A source on an anonymous pipe that was empty when the source looked first.
fn grey() -> (PipeWriter, PipeSource) {
    let (pipe, writer) = std::io::pipe().unwrap();
    // Ages without any tolerance: the kernel's count of waits misses what a hypervisor takes.
    let source = start("GREY:16x16", pipe.into(), From::Stdin, false, false);
    settle();
    (writer, source)
}

/// Lets the thread look into the empty pipe.
fn settle() {
    std::thread::sleep(Duration::from_millis(100));
}

fn picture(number: u32) -> Vec<u8> {
    let mut bytes = vec![number as u8; FRAME_BYTES];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The number of a picture all of whose bytes are its own.
fn number_of(pixels: &Pixels<'_>) -> u32 {
    let rgb = pixels.to_rgb();
    let grey: Vec<u8> = rgb.iter().step_by(3).copied().collect();
    let number = u32::from_le_bytes(grey[..4].try_into().unwrap());
    assert_eq!(grey, picture(number), "bytes of two pictures");
    number
}

/// The next picture: its number and its time.
fn next(source: &mut PipeSource) -> (u32, clock::Instant) {
    let begun = Instant::now();
    loop {
        if let Next::Frame(frame) = source.next_frame(SOON).unwrap() {
            return (number_of(&frame.pixels), frame.captured);
        }
        assert!(begun.elapsed() < EVERY, "no picture comes");
    }
}

fn camera_is_present(source: &mut PipeSource) -> bool {
    match source.next_frame(SOON).unwrap() {
        Next::TimedOut { camera_present } => camera_present,
        other => panic!("{other:?}"),
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < EVERY, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn now_us() -> u64 {
    clock::Instant::now().mono_us
}

#[test]
fn a_picture_is_as_old_as_its_first_byte() {
    let (mut writer, mut source) = grey();
    assert!(!camera_is_present(&mut source));
    for number in 0..5 {
        let bytes = picture(number);
        let before = now_us();
        writer.write_all(&bytes[..10]).unwrap();
        let readable = now_us();
        std::thread::sleep(Duration::from_millis(60));
        writer.write_all(&bytes[10..]).unwrap();
        let (found, captured) = next(&mut source);
        assert_eq!(found, number);
        assert!(captured.mono_us <= readable, "younger than its first byte");
        // The looks are 10 ms apart; a busy machine may delay one.
        assert!(captured.mono_us + 2_000_000 > before, "far too old");
        assert!(camera_is_present(&mut source));
    }
    assert_eq!(source.counts(), SourceCounts::default());
}

#[test]
fn with_the_kernels_count_of_waits_an_age_is_exact() {
    let (pipe, mut writer) = std::io::pipe().unwrap();
    let mut source = start("GREY:16x16", pipe.into(), From::Stdin, false, true);
    settle();
    let mut off_us = Vec::new();
    for number in 0..15 {
        std::thread::sleep(Duration::from_millis(7));
        let before = now_us();
        writer.write_all(&picture(number)).unwrap();
        let (_, captured) = next(&mut source);
        off_us.push(captured.mono_us.abs_diff(before));
    }
    off_us.sort_unstable();
    // Where the kernel does not count, half of a look is the median.
    assert!(off_us[7] < 15_000, "{off_us:?}");
}

#[test]
fn the_newest_picture_wins_and_the_others_are_counted() {
    let (mut writer, mut source) = grey();
    for number in 0..100 {
        writer.write_all(&picture(number)).unwrap();
    }
    let exchange = Arc::clone(&source.exchange);
    until("all are drained", || exchange.counts().passed_over == 99);
    assert_eq!(next(&mut source).0, 99);
    assert_eq!(source.counts().passed_over, 99);
    // The lent picture stays as it is while others come.
    let Ok(Next::TimedOut { .. }) = source.next_frame(SOON) else {
        panic!("it comes once");
    };
    writer.write_all(&picture(100)).unwrap();
    let Next::Frame(frame) = source.next_frame(EVERY).unwrap() else {
        panic!("no picture");
    };
    for number in 101..120 {
        writer.write_all(&picture(number)).unwrap();
    }
    until("all are drained", || {
        exchange.counts().passed_over == 99 + 18
    });
    assert_eq!((number_of(&frame.pixels), frame.index), (100, 100));
}

/// Three times as fast as the consumer, in bursts: each picture is whole, newer than the last one, and no younger than
/// the truth.
#[test]
fn a_producer_that_is_too_fast_is_never_held_up() {
    let (mut writer, mut source) = grey();
    let written = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&written);
    let producer = std::thread::spawn(move || {
        for number in 0..300 {
            writer.write_all(&picture(number)).unwrap();
            // Its first byte was readable before.
            times.lock().unwrap().push(now_us());
            if number % 10 == 9 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let mut last = None;
    while last != Some(299) {
        let (number, captured) = next(&mut source);
        assert!(last.is_none_or(|last| number > last));
        last = Some(number);
        until("it is noted", || {
            written.lock().unwrap().len() > number as usize
        });
        assert!(captured.mono_us <= written.lock().unwrap()[number as usize]);
        std::thread::sleep(Duration::from_millis(3));
    }
    producer.join().unwrap();
    let counts = source.counts();
    assert!(counts.passed_over > 0 && counts.skipped == 0, "{counts:?}");
}

#[test]
fn what_waited_before_the_first_look_is_not_shown() {
    let (pipe, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&picture(1)).unwrap();
    writer.write_all(&picture(2)[..100]).unwrap();
    let mut source = start("GREY:16x16", pipe.into(), From::Stdin, false, false);
    settle();
    writer.write_all(&picture(2)[100..]).unwrap();
    writer.write_all(&picture(3)).unwrap();
    assert_eq!(next(&mut source).0, 3);
    assert_eq!(source.counts().skipped, 2);
}

#[test]
fn a_producer_that_stalls_is_no_camera_and_what_it_sends_later_is_old() {
    let (mut writer, mut source) = grey();
    writer.write_all(&picture(1)).unwrap();
    next(&mut source);
    writer.write_all(&picture(2)[..100]).unwrap();
    let readable = now_us();
    let begun = Instant::now();
    while camera_is_present(&mut source) {
        assert!(begun.elapsed() < EVERY, "it stalls");
    }
    assert!(begun.elapsed() > Duration::from_millis(900));
    writer.write_all(&picture(2)[100..]).unwrap();
    let (number, captured) = next(&mut source);
    assert_eq!(number, 2);
    assert!(captured.mono_us <= readable);
    // As `Stream` decides with its default of 500 ms.
    assert!(captured.age_us(clock::Instant::now()) > 500_000);
    assert!(camera_is_present(&mut source));
}

#[test]
fn the_end_of_standard_input_is_no_camera_or_with_once_the_end() {
    for once in [false, true] {
        let (pipe, mut writer) = std::io::pipe().unwrap();
        let mut source = start("GREY:16x16", pipe.into(), From::Stdin, once, false);
        settle();
        writer.write_all(&picture(1)).unwrap();
        next(&mut source);
        // Half a frame.
        writer.write_all(&picture(2)[..100]).unwrap();
        drop(writer);
        let exchange = Arc::clone(&source.exchange);
        until("it is cut off", || exchange.counts().skipped == 1);
        if once {
            let begun = Instant::now();
            let error = loop {
                match source.next_frame(SOON) {
                    Err(error) => break error.to_string(),
                    Ok(_) => assert!(begun.elapsed() < EVERY),
                }
            };
            assert!(
                error.contains("pipe:GREY:16x16") && error.contains("--once"),
                "{error}"
            );
        } else {
            until("nothing is there", || !camera_is_present(&mut source));
        }
        let begun = Instant::now();
        drop(source);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

struct Fifo(std::path::PathBuf);

impl Fifo {
    fn new(name: &str) -> Self {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let path = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Fifo(path)
    }

    fn writer(&self) -> File {
        File::options().write(true).open(&self.0).unwrap()
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_fifo_is_waited_for_and_no_two_producers_share_a_picture() {
    let fifo = Fifo::new("producers");
    let argument = format!("GREY:16x16:{}", fifo.0.to_str().unwrap());
    let options = CameraOptions::default();
    let context = Context::new(Task::Hand, &options);
    let mut source = PipeSource::open(&argument, &context).unwrap();
    assert!(!camera_is_present(&mut source));
    for round in 1..=3_u32 {
        let mut writer = fifo.writer();
        writer.write_all(&picture(round)).unwrap();
        assert_eq!(next(&mut source).0, round);
        // A frame and a half, then it dies.
        writer
            .write_all(&picture(77)[..round as usize * 60])
            .unwrap();
        drop(writer);
        let exchange = Arc::clone(&source.exchange);
        until("its end is seen", || {
            exchange.counts().reopened == u64::from(round)
        });
        assert!(!camera_is_present(&mut source));
        assert_eq!(source.counts().skipped, u64::from(round));
    }
}

#[test]
fn a_command_without_pictures_is_ended_and_no_other_starts_before_the_pipe_is_empty() {
    let (pipe, mut writer) = std::io::pipe().unwrap();
    let (control, mut keeper) = UnixStream::pair().unwrap();
    control.set_nonblocking(true).unwrap();
    let from = From::Command(Producer { control });
    let mut source = start("GREY:16x16", pipe.into(), from, false, false);
    let mut said = [0];
    keeper.set_read_timeout(Some(EVERY)).unwrap();
    keeper.read_exact(&mut said).unwrap();
    assert_eq!(said, *b"r");
    settle();
    // A keeper that asks while its command, or what that left behind, can still write.
    writer.write_all(&picture(1)[..100]).unwrap();
    keeper.write_all(b"?").unwrap();
    keeper
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(400) {
        assert!(keeper.read(&mut said).map_or(true, |_| said == *b"r"));
    }
    drop(writer);
    keeper.set_read_timeout(Some(EVERY)).unwrap();
    while said != *b"!" {
        keeper.read_exact(&mut said).unwrap();
    }
    assert_eq!((source.counts().skipped, source.counts().reopened), (1, 1));
    assert!(!camera_is_present(&mut source));
    drop(keeper);
    let begun = Instant::now();
    while source.next_frame(SOON).is_ok() {
        assert!(begun.elapsed() < EVERY);
    }
}

#[test]
fn what_is_no_pipe_is_refused() {
    let options = CameraOptions::default();
    let context = Context::new(Task::Hand, &options);
    let error = |argument: &str| {
        PipeSource::open(argument, &context)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(error("GREY:16x16:/nowhere").contains("mkfifo"));
    assert!(error("GREY:16x16:/dev/null").contains("is no FIFO"));
    assert!(error("GREY:16x16:/dev").contains("pipe:GREY:16x16:/dev"));
    assert!(error("H264:16x16").contains("not a format"));
}

#[test]
fn jpegs_are_found_between_other_bytes_and_unusable_ones_are_counted() {
    let (pipe, mut writer) = std::io::pipe().unwrap();
    let mut source = start("MJPG:16x16", pipe.into(), From::Stdin, false, false);
    settle();
    let good = tiny_jpeg();
    // Its only block is missing.
    let mut empty = good.clone();
    empty.remove(empty.len() - 3);
    writer
        .write_all(b"GST_ARGUS: Creating output stream\n")
        .unwrap();
    let mut next = |writer: &mut PipeWriter, bytes: &[u8]| {
        writer.write_all(bytes).unwrap();
        let begun = Instant::now();
        loop {
            match source.next_frame(SOON).unwrap() {
                Next::Frame(frame) => {
                    let pixels = &frame.pixels;
                    assert_eq!((pixels.width_px(), pixels.height_px()), (8, 8));
                    // A newer picture may have replaced one before it was looked at.
                    let counts = source.counts();
                    return counts.skipped + counts.passed_over;
                }
                _ => assert!(begun.elapsed() < EVERY),
            }
        }
    };
    assert_eq!(next(&mut writer, &good), 0);
    // Cut off within a segment, which takes the beginning of the next picture with it.
    let cut = &good[..good.len() - 4];
    assert_eq!(next(&mut writer, &[cut, &good, &good].concat()), 1);
    // A JPEG that is longer than any of this size, and one without its only block.
    let long = [&good[..good.len() - 2], &[0x55; 70_000], &good].concat();
    assert_eq!(next(&mut writer, &long), 2);
    assert_eq!(next(&mut writer, &[&empty[..], &good].concat()), 3);
}

#[test]
fn yuv420_gives_the_crop_of_its_rgb() {
    let (width, height) = (64_u32, 32_u32);
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|at| [(at % width * 3) as u8, (at / width * 7) as u8, 90])
        .collect();
    let bytes = encode(&rgb, width, PixelFormat::Yu12);
    let (pipe, mut writer) = std::io::pipe().unwrap();
    let mut source = start("yuv420:64x32", pipe.into(), From::Stdin, false, false);
    settle();
    writer.write_all(&bytes).unwrap();
    let Next::Frame(frame) = source.next_frame(EVERY).unwrap() else {
        panic!("no picture");
    };
    let converted = frame.pixels.to_rgb();
    let packed = Pixels::new(
        PixelFormat::Rgb24,
        width,
        height,
        3 * width as usize,
        &converted,
    );
    let region = CropBox::new(BBox::whole(width, height), 1.25, [48, 48].into());
    let crop = |pixels: &Pixels<'_>| {
        let mut out = vec![0; 3 * 48 * 48];
        Cropper::new([48, 48].into(), [0.0; 3], [1.0; 3]).crop_rgb(pixels, &region, &mut out);
        out
    };
    assert_eq!(crop(&frame.pixels), crop(&packed.unwrap()));
    let worst = converted
        .iter()
        .zip(&rgb)
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(worst.unwrap() < 16, "{worst:?}");
}

/// Pictures that came whole, in order, of bytes in these pieces.
fn assembled(argument: &str, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, SourceCounts) {
    let spec: PipeSpec = argument.parse().unwrap();
    let exchange = Exchange::new("pipe".into(), spec.frame_bytes());
    let mut assembler = Assembler::new(&spec);
    let mut lent = Picture::with_room(spec.frame_bytes());
    let mut found = Vec::new();
    for (time, piece) in pieces.iter().enumerate() {
        let mut rest = *piece;
        while !rest.is_empty() {
            let room = assembler.room();
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            assembler.took(count, Some(time as u64), &exchange);
            if exchange.take(&mut lent, Instant::now()) == Taken::Picture {
                found.push(lent.bytes().to_vec());
            }
        }
    }
    (found, exchange.counts())
}

proptest! {
    #[test]
    fn raw_pictures_are_the_same_in_any_pieces(
        cuts in prop::collection::vec(0..700_usize, 1..20),
        rest in 0..FRAME_BYTES,
    ) {
        let whole: Vec<u8> = (0..8).flat_map(picture).chain(picture(8).into_iter().take(rest)).collect();
        let mut pieces = Vec::new();
        let mut left = &whole[..];
        for cut in cuts {
            let (piece, after) = left.split_at(cut.min(left.len()));
            pieces.push(piece);
            left = after;
        }
        pieces.push(left);
        let (found, counts) = assembled("GREY:16x16", &pieces);
        prop_assert_eq!(found, (0..8).map(picture).collect::<Vec<_>>());
        prop_assert_eq!(counts, SourceCounts::default());
    }

    /// Whatever stands between JPEGs, a picture that is handed over begins and ends as one, and the last one comes.
    #[test]
    fn jpegs_come_whole_between_any_bytes(
        garbage in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6),
        cuts in 1..50_usize,
    ) {
        let jpeg = tiny_jpeg();
        let mut stream: Vec<u8> = garbage.iter().flat_map(|bytes| [bytes, &jpeg[..]].concat()).collect();
        // After the longest false segment.
        for _ in 0..(64 << 10) / jpeg.len() + 3 {
            stream.extend(&jpeg);
        }
        // Pieces with one end of a picture at most: the exchange keeps one.
        let cut = cuts.min(jpeg.len());
        let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
        let (found, _) = assembled("MJPG:16x16", &pieces);
        for picture in &found {
            prop_assert!(picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]));
        }
        prop_assert_eq!(found.last(), Some(&jpeg));
    }
}
