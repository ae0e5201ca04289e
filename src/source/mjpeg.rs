//! Motion JPEG: concatenated JPEGs, from a file, a pipe or memory.

use super::byte_reader::Reader;
use super::jpeg::{self, FrameLength, frame_length};
use super::kind::is_named;
use super::{FrameSource, Kind, Next, SourceCounts, file_footprint};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::limits::MAX_MJPEG_FRAME_BYTES;
use crate::process::sandbox::Access;
use crate::stats::Repeated;
use crate::text::Shown;
use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

/// JPEGs one after the other in a file.
pub(super) const KIND: Kind = Kind {
    name: "mjpeg",
    argument: "FILE",
    help: "mjpeg:FILE",
    check: is_named,
    footprint: file_footprint,
    access: |path| Access {
        read: vec![path.into()],
        ..Access::default()
    },
    open: |path, _| Ok(Box::new(MjpegSource::open(Path::new(path))?)),
    is_camera: false,
    is_live: false,
    reads_stdin: |_| false,
};

const READ_BYTES: usize = 64 << 10;

/// A source that splits a byte stream into JPEGs and decodes them. It skips and counts bytes between pictures, and
/// pictures that cannot be decoded.
pub struct MjpegSource {
    name: String,
    reader: Reader,
    /// The clip, if it restarts at its end.
    looped: Option<&'static [u8]>,
    buffer: Vec<u8>,
    at_end: bool,
    index: u64,
    skipped: Repeated,
    frames: u64,
    rgb: Vec<u8>,
}

/// The next piece of the buffer.
enum Piece {
    /// A JPEG of this many bytes at the start of the buffer.
    Picture(usize),
    /// This many bytes without an end marker; true if they begin like a picture.
    Rubbish(usize, bool),
    /// Nothing came in time.
    Late,
    Nothing,
}

/// The next picture.
enum Advance {
    /// It is decoded, and has this width and height.
    Picture(u32, u32),
    Late,
    End,
}

impl MjpegSource {
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let name = format!("mjpeg:{}", Shown::path(path));
        let reader = Reader::open(path)
            .map_err(|error| Error::source(&name, "cannot be opened").because(error))?;
        Ok(Self::new(name, reader, None))
    }

    /// A clip in memory, played once.
    pub fn once(name: String, clip: Cow<'static, [u8]>) -> Self {
        Self::new(name, Reader::Memory(clip, 0), None)
    }

    /// A clip in memory, played again and again.
    pub fn looping(name: String, clip: &'static [u8]) -> Self {
        Self::new(name, Reader::Memory(clip.into(), 0), Some(clip))
    }

    fn new(name: String, reader: Reader, looped: Option<&'static [u8]>) -> Self {
        MjpegSource {
            name,
            reader,
            looped,
            buffer: Vec::new(),
            at_end: false,
            index: 0,
            skipped: Repeated::default(),
            frames: 0,
            rgb: Vec::new(),
        }
    }

    fn skip(&mut self, why: &str) {
        if let Some(count) = self.skipped.again() {
            let (name, index) = (&self.name, self.index);
            log::warn!("{name}: picture {index}: {why}; skipped ({count} so far)");
        }
        self.index += 1;
    }

    /// Reads until the buffer starts with a complete JPEG, or until it is certain that it does not.
    fn piece(&mut self, deadline: std::time::Instant) -> Result<Piece> {
        loop {
            if !self.buffer.is_empty() {
                match frame_length(&self.buffer) {
                    FrameLength::Complete(length) => return Ok(Piece::Picture(length)),
                    FrameLength::Broken(at) => {
                        // The next start marker at or after the fault, or everything up to a byte that
                        // may be half a marker.
                        let from = at.max(1);
                        let rest = &self.buffer[from.min(self.buffer.len())..];
                        let start = rest.windows(2).position(|pair| pair == [0xFF, 0xD8]);
                        let keep = usize::from(rest.last() == Some(&0xFF));
                        let skip = start.map_or(self.buffer.len() - keep, |start| from + start);
                        return Ok(Piece::Rubbish(skip.max(1), at > 0));
                    }
                    FrameLength::Incomplete if self.at_end => {
                        return Ok(Piece::Rubbish(self.buffer.len(), true));
                    }
                    FrameLength::Incomplete if self.buffer.len() >= MAX_MJPEG_FRAME_BYTES => {
                        return Ok(Piece::Rubbish(2, true));
                    }
                    FrameLength::Incomplete => {}
                }
            } else if self.at_end {
                return Ok(Piece::Nothing);
            }
            if !self.read_more(deadline)? {
                return Ok(Piece::Late);
            }
        }
    }

    /// Reads what is there. False if nothing came until `deadline`.
    fn read_more(&mut self, deadline: std::time::Instant) -> Result<bool> {
        // Each read of a file doubles the data, so that the scans above take linear time in total.
        let want = READ_BYTES.max(self.buffer.len());
        let read = self
            .reader
            .read(&mut self.buffer, want, deadline)
            .map_err(|error| Error::source(&self.name, "cannot be read").because(error))?;
        self.at_end = read == Some(0);
        Ok(read.is_some())
    }

    /// Decodes the next good picture into `rgb`. What is skipped on the way does not pass the deadline.
    fn advance(&mut self, deadline: std::time::Instant) -> Result<Advance> {
        let mut has_skipped = false;
        loop {
            if has_skipped && std::time::Instant::now() >= deadline {
                return Ok(Advance::Late);
            }
            has_skipped = true;
            match self.piece(deadline)? {
                Piece::Late => return Ok(Advance::Late),
                Piece::Picture(length) => {
                    let size = jpeg::decode(&self.buffer[..length], &mut self.rgb);
                    self.buffer.drain(..length);
                    match size {
                        Ok((width, height)) => return Ok(Advance::Picture(width, height)),
                        Err(why) => self.skip(&why),
                    }
                }
                Piece::Rubbish(length, was_picture) => {
                    // A picture without an end marker ends where the next one begins.
                    let size =
                        was_picture.then(|| jpeg::decode(&self.buffer[..length], &mut self.rgb));
                    self.buffer.drain(..length);
                    match size {
                        Some(Ok((width, height))) => return Ok(Advance::Picture(width, height)),
                        Some(Err(why)) => self.skip(&why),
                        None => {}
                    }
                }
                Piece::Nothing => match self.looped {
                    Some(clip) if self.frames > 0 => {
                        self.reader = Reader::Memory(clip.into(), 0);
                        self.at_end = false;
                        has_skipped = false;
                    }
                    _ => return Ok(Advance::End),
                },
            }
        }
    }
}

impl FrameSource for MjpegSource {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        let (width, height) = match self.advance(std::time::Instant::now() + timeout)? {
            Advance::Picture(width, height) => (width, height),
            Advance::Late => {
                return Ok(Next::TimedOut {
                    camera_present: true,
                });
            }
            Advance::End if self.frames == 0 => {
                return Err(Error::source(&self.name, "has no readable JPEG"));
            }
            Advance::End => return Ok(Next::End),
        };
        let index = self.index;
        self.index += 1;
        self.frames += 1;
        let stride = 3 * width as usize;
        let pixels = Pixels::new(PixelFormat::Rgb24, width, height, stride, &self.rgb)
            .ok_or_else(|| Error::source(&self.name, "the picture is too large"))?;
        Ok(Next::Frame(Frame {
            pixels,
            captured: Instant::now(),
            index,
            file: None,
        }))
    }

    fn counts(&self) -> SourceCounts {
        SourceCounts {
            skipped: self.skipped.count(),
            ..SourceCounts::default()
        }
    }
}

/// A tiny valid baseline JPEG: 8 x 8, grey.
#[cfg(test)]
pub(super) fn tiny_jpeg() -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xDB, 0x00, 0x43, 0x00];
    jpeg.extend([1; 64]);
    jpeg.extend([0xFF, 0xC0, 0x00, 0x0B, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    // Each Huffman table has one code of one bit: DC difference 0, end of block.
    for class in [0x00, 0x10] {
        jpeg.extend([0xFF, 0xC4, 0x00, 0x14, class, 1]);
        jpeg.extend([0; 15]);
        jpeg.push(0);
    }
    jpeg.extend([
        0xFF, 0xDA, 0x00, 0x08, 1, 1, 0x00, 0, 63, 0, 0x3F, 0xFF, 0xD9,
    ]);
    jpeg
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    fn count(bytes: Vec<u8>) -> Result<(u64, u64)> {
        let mut source = MjpegSource::once("test".into(), bytes.into());
        let mut frames = 0;
        loop {
            match source.next_frame(Duration::ZERO)? {
                Next::Frame(frame) => {
                    assert_eq!((frame.pixels.width_px(), frame.pixels.height_px()), (8, 8));
                    frames += 1;
                }
                Next::TimedOut { .. } => {}
                Next::End => return Ok((frames, source.counts().skipped)),
            }
        }
    }

    #[test]
    fn every_picture_comes_once() {
        assert_eq!(count(tiny_jpeg().repeat(5)).unwrap(), (5, 0));
    }

    #[test]
    fn a_bad_picture_in_the_middle_is_counted_and_skipped() {
        let good = tiny_jpeg();
        // A cut inside the coded data, as by a full disk or a lost USB packet.
        let cut = &good[..good.len() - 3];
        assert_eq!(
            count([&good[..], cut, &good, &good].concat()).unwrap(),
            (3, 1)
        );
        assert_eq!(
            count([&good[..], b"rubbish", &good].concat()).unwrap(),
            (2, 0)
        );
        assert_eq!(count([&good[..], cut].concat()).unwrap(), (1, 1));
    }

    #[test]
    fn a_stream_without_pictures_is_an_error() {
        assert!(count(vec![]).is_err());
        assert!(count(b"no pictures here".to_vec()).is_err());
        assert!(count(vec![0xFF; 100_000]).is_err());
    }

    #[test]
    fn a_pipe_is_read_as_it_comes_and_waited_for_no_longer_than_the_time_out() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        use std::io::Write;
        let path = std::env::temp_dir().join(format!("posewire-mjpeg-{}", std::process::id()));
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Nobody writes yet.
        let mut source = MjpegSource::open(&path).unwrap();
        let wait = Duration::from_millis(10);
        let late = |next: Next<'_>| {
            matches!(
                next,
                Next::TimedOut {
                    camera_present: true
                }
            )
        };
        assert!(late(source.next_frame(wait).unwrap()));
        let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let jpeg = tiny_jpeg();
        writer.write_all(&jpeg).unwrap();
        let patient = Duration::from_secs(10);
        assert!(matches!(source.next_frame(patient), Ok(Next::Frame(_))));
        // Half a picture.
        writer.write_all(&jpeg[..20]).unwrap();
        assert!(late(source.next_frame(wait).unwrap()));
        writer.write_all(&jpeg[20..]).unwrap();
        assert!(matches!(source.next_frame(patient), Ok(Next::Frame(_))));
        drop(writer);
        assert!(matches!(source.next_frame(patient), Ok(Next::End)));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn an_endless_stream_without_pictures_keeps_the_time_out() {
        let mut source = MjpegSource::open(Path::new("/dev/zero")).unwrap();
        for _ in 0..3 {
            let next = source.next_frame(Duration::from_millis(1)).unwrap();
            assert!(matches!(next, Next::TimedOut { .. }));
        }
    }

    #[test]
    fn a_looping_clip_does_not_end() {
        static CLIP: LazyLock<Vec<u8>> = LazyLock::new(tiny_jpeg);
        let mut source = MjpegSource::looping("loop".into(), &CLIP);
        for expected in 0..7 {
            match source.next_frame(Duration::ZERO).unwrap() {
                Next::Frame(frame) => assert_eq!(frame.index, expected),
                other => panic!("{other:?}"),
            }
        }
    }
}
