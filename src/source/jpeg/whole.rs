//! Finds out whether a JPEG is whole: whether every block of its frame is in its entropy-coded data.
//!
//! In: the bytes of one picture. Out: its size, and what a decoder needs besides the bytes. Decoders do not tell: some
//! fill missing blocks with grey, and take bytes from elsewhere for blocks. The walk follows ITU-T T.81: baseline and
//! extended sequential frames in one scan, and progressive frames in any number of scans. It reads every code once and
//! no coefficient's value. A sequential frame allocates nothing; a progressive one, 8 bytes per block.
//!
//! An end marker proves nothing: cameras leave it out, and cut pictures may have one.

use super::huffman::{DataEnd, NoCode, Table};
use super::progressive::Progressive;
use super::scan::{Component, Frame, MAX_COMPONENTS, Scan, Tables, cut, damaged, walk_runs};
use crate::limits::{MAX_FRAME_SIDE_PX, MAX_PICTURE_PIXELS};

const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

/// Largest number of blocks in one interleaved unit (B.2.3).
const MAX_UNIT_BLOCKS: u32 = 10;

/// A whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// Width and height in pixels.
    pub size_px: (u32, u32),
    /// Bytes up to the end of the last segment or block; padding may follow.
    pub data_bytes: usize,
    /// Bytes of the picture, the end marker included if there is one.
    pub bytes: usize,
    has_end: bool,
    /// A scan relies on the standard's Huffman tables: none were defined before it.
    pub needs_tables: bool,
}

impl Whole {
    /// True if a decoder needs no more than the bytes.
    pub fn is_complete(&self) -> bool {
        self.has_end && !self.needs_tables && self.bytes == self.data_bytes + 2
    }
}

/// Checks the picture that starts at `bytes[0]`. Its sides may be up to `most_px` (width, height).
pub(super) fn check(bytes: &[u8], most_px: [u32; 2]) -> Result<Whole, String> {
    let mut walk = Walk {
        bytes,
        tables: Tables::NONE,
        needs_tables: false,
        restart_units: 0,
        frame: None,
        is_done: false,
        progressive: None,
        is_jfif: false,
        adobe_colours: None,
    };
    walk.run(most_px)
}

struct Walk<'a> {
    bytes: &'a [u8],
    tables: Tables,
    needs_tables: bool,
    restart_units: u32,
    frame: Option<Frame>,
    /// The one scan of a sequential frame is behind.
    is_done: bool,
    progressive: Option<Progressive>,
    /// A JFIF segment: its colours are YCbCr.
    is_jfif: bool,
    /// Adobe's number for the kind of colours.
    adobe_colours: Option<u8>,
}

impl Walk<'_> {
    fn run(&mut self, most_px: [u32; 2]) -> Result<Whole, String> {
        if !self.bytes.starts_with(&[0xFF, START]) {
            return Err("there is no JPEG".into());
        }
        // Behind the last segment or block, and where the search for a marker goes on.
        let (mut end, mut at) = (2, 2);
        loop {
            // Any number of 0xFF may precede a marker.
            while self.bytes.get(at..at + 2) == Some(&[0xFF, 0xFF]) {
                at += 1;
            }
            let marker = match self.bytes.get(at..).unwrap_or_default() {
                [0xFF, marker, ..] => *marker,
                [] | [0xFF] => return self.whole(end, None),
                _ => return Err(damaged("there are bytes between its segments")),
            };
            match marker {
                END => return self.whole(end, Some(at + 2)),
                0x00 | START => return Err(cut()),
                0x01 | 0xD0..=0xD7 => return Err(damaged("a marker is out of place")),
                0x02..=0xBF | 0xC8 | 0xDE | 0xDF | 0xF0..=0xFD => {
                    return Err(damaged("a marker is unknown"));
                }
                _ => {}
            }
            let length = match self.bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                _ => return Err(cut()),
            };
            if length < 2 {
                return Err(damaged("a segment has no length"));
            }
            let behind = at + 2 + length;
            let segment = self.bytes.get(at + 4..behind).ok_or_else(cut)?;
            at = behind;
            end = behind;
            match marker {
                0xC4 => self.tables.define(segment)?,
                0xE0 => self.is_jfif |= segment.starts_with(b"JFIF\0"),
                0xEE if segment.starts_with(b"Adobe") => {
                    self.adobe_colours = segment.get(11).copied();
                }
                0xDD => {
                    let &[high, low] = segment else {
                        return Err(damaged("its restart interval has another length"));
                    };
                    self.restart_units = u32::from(u16::from_be_bytes([high, low]));
                }
                0xC0..=0xC2 => self.begin_frame(segment, marker == 0xC2, most_px)?,
                0xC3 | 0xC5..=0xC7 | 0xCD..=0xCF => {
                    return Err("the JPEG is lossless or hierarchical: convert it".into());
                }
                0xC9..=0xCC => {
                    return Err("the JPEG has arithmetic coding: convert it".into());
                }
                SCAN => {
                    let data = self.scan(segment, behind)?;
                    (end, at) = (data.data, data.marker);
                }
                _ => {}
            }
        }
    }

    /// The result: the last segment or block ends at `end`, and the end marker at `marker_end`.
    fn whole(&self, end: usize, marker_end: Option<usize>) -> Result<Whole, String> {
        let frame = self.frame.ok_or_else(cut)?;
        match &self.progressive {
            Some(progressive) => progressive.finish()?,
            None if !self.is_done => return Err(cut()),
            None => {}
        }
        if let [_, _, _] = frame.components() {
            let ids = frame.components().iter().map(|component| component.id);
            let is_rgb = self.adobe_colours == Some(0) || ids.eq(*b"RGB");
            if is_rgb && (self.is_jfif || self.adobe_colours == Some(1)) {
                return Err("the JPEG says YCbCr and RGB of its colours: convert it".into());
            }
        }
        Ok(Whole {
            size_px: frame.size_px,
            data_bytes: end,
            bytes: marker_end.unwrap_or(end),
            has_end: marker_end.is_some(),
            needs_tables: self.needs_tables,
        })
    }

    fn begin_frame(
        &mut self,
        segment: &[u8],
        is_progressive: bool,
        most_px: [u32; 2],
    ) -> Result<(), String> {
        let bad = || damaged("its frame header is impossible");
        if self.frame.is_some() {
            return Err(damaged("it has two frame headers"));
        }
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = segment else {
            return Err(bad());
        };
        if precision != 8 {
            return Err(format!(
                "the JPEG has samples of {precision} bits: convert it to 8"
            ));
        }
        if !matches!(count, 1 | 3) {
            return Err(format!("the JPEG has {count} components, must have 1 or 3"));
        }
        let count = usize::from(count);
        if rest.len() != 3 * count {
            return Err(bad());
        }
        let [width, height] = [[w1, w0], [h1, h0]].map(|side| u32::from(u16::from_be_bytes(side)));
        let (most_width, most_height) = (
            most_px[0].min(MAX_FRAME_SIDE_PX),
            most_px[1].min(MAX_FRAME_SIDE_PX),
        );
        if width == 0 || height == 0 {
            return Err("the JPEG has no size".into());
        }
        if width > most_width
            || height > most_height
            || u64::from(width) * u64::from(height) > MAX_PICTURE_PIXELS as u64
        {
            return Err(format!("the JPEG is too large: {width} x {height}"));
        }
        let mut components = [Component::default(); MAX_COMPONENTS];
        for (component, bytes) in components.iter_mut().zip(rest.chunks_exact(3)) {
            component.id = bytes[0];
            component.across = u32::from(bytes[1] >> 4);
            component.down = u32::from(bytes[1] & 15);
            match (component.across, component.down) {
                (1 | 2 | 4, 1 | 2 | 4) => {}
                (3, 1..=4) | (1..=4, 3) => {
                    return Err("the JPEG has three samples in a unit: convert it".into());
                }
                _ => return Err(bad()),
            }
        }
        let used = &mut components[..count];
        // A component alone is never interleaved, whatever its factors say (A.2.2).
        if let [only] = used {
            (only.across, only.down) = (1, 1);
        }
        let [luma, colours @ ..] = &*used else {
            return Err(bad());
        };
        let (across, down) = (luma.across, luma.down);
        for colour in colours {
            // Factors that do not divide each other mean samples between samples.
            if across % colour.across != 0 || down % colour.down != 0 {
                return Err(
                    "the JPEG has more samples of colour than of brightness: convert it".into(),
                );
            }
        }
        let unit_blocks: u32 = used.iter().map(|one| one.across * one.down).sum();
        if unit_blocks > MAX_UNIT_BLOCKS {
            return Err(bad());
        }
        for component in used.iter_mut() {
            component.blocks_across = (width * component.across).div_ceil(8 * across);
            component.blocks_down = (height * component.down).div_ceil(8 * down);
        }
        let frame = Frame {
            size_px: (width, height),
            components,
            count,
            units_across: width.div_ceil(8 * across),
            units_down: height.div_ceil(8 * down),
        };
        self.progressive = is_progressive.then(|| Progressive::new(&frame));
        self.frame = Some(frame);
        Ok(())
    }

    /// Walks a scan's data, which starts at `at`. Returns its end.
    fn scan(&mut self, segment: &[u8], at: usize) -> Result<DataEnd, String> {
        let bad = || damaged("a scan's header is impossible");
        let frame = self.frame.ok_or_else(bad)?;
        let [count, rest @ ..] = segment else {
            return Err(bad());
        };
        let count = usize::from(*count);
        if !(1..=frame.count).contains(&count) || rest.len() != 2 * count + 3 {
            return Err(bad());
        }
        let (choices, rest) = rest.split_at(2 * count);
        let mut members = heapless::Vec::<(usize, usize, usize), MAX_COMPONENTS>::new();
        for choice in choices.chunks_exact(2) {
            let index = frame
                .components()
                .iter()
                .position(|component| component.id == choice[0])
                .ok_or_else(bad)?;
            let (dc, ac) = (usize::from(choice[1] >> 4), usize::from(choice[1] & 15));
            let is_new = members.iter().all(|&(other, ..)| other < index);
            if dc > 3 || ac > 3 || !is_new || members.push((index, dc, ac)).is_err() {
                return Err(bad());
            }
        }
        self.needs_tables |= self.tables.complete(&members)?;
        let scan = Scan {
            members,
            band: (u32::from(rest[0]), u32::from(rest[1])),
            precision: (rest[2] >> 4, rest[2] & 15),
            restart_units: self.restart_units,
            tables: &self.tables,
        };
        if let Some(progressive) = &mut self.progressive {
            return progressive.scan(&frame, &scan, self.bytes, at);
        }
        if scan.members.len() != frame.count {
            return Err(
                "the JPEG has a scan for each component: convert it, as with jpegtran".into(),
            );
        }
        if self.is_done {
            return Err(damaged("it has two scans of the same data"));
        }
        self.is_done = true;
        sequential(&frame, &scan, self.bytes, at)
    }
}

/// Walks the one scan of a sequential frame.
fn sequential(frame: &Frame, scan: &Scan<'_>, bytes: &[u8], at: usize) -> Result<DataEnd, String> {
    // The tables of each block of a unit.
    let mut blocks: heapless::Vec<(&Table, &Table), { MAX_UNIT_BLOCKS as usize }> =
        heapless::Vec::new();
    for &(index, dc, ac) in &scan.members {
        let component = &frame.components()[index];
        let tables = (scan.tables.dc(dc)?, scan.tables.ac(ac)?);
        for _ in 0..component.across * component.down {
            // A frame has at most as many.
            let _ = blocks.push(tables);
        }
    }
    let units = frame.units_across * frame.units_down;
    walk_runs(bytes, at, units, scan.restart_units, |bits, _| {
        for (dc, ac) in &blocks {
            bits.symbol(dc)?;
            let mut k = 1;
            while k < 64 {
                let symbol = bits.symbol(ac)?;
                match (symbol >> 4, symbol & 15) {
                    (15, 0) => k += 16,
                    (_, 0) => break,
                    (zeros, _) => {
                        k += u32::from(zeros) + 1;
                        if k > 64 {
                            return Err(NoCode);
                        }
                    }
                }
            }
        }
        Ok(())
    })
}
