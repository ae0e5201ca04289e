//! The scans of a progressive JPEG (ITU-T T.81 annex G).
//!
//! A frame is whole when every scan is, and when every coefficient has come in full precision. A scan that refines
//! coefficients has a bit for each that is not zero, so those are remembered: 64 bits per block, allocated once.

use super::huffman::{Bits, DataEnd, NoCode, Table};
use super::scan::{Frame, Scan, walk_runs};

/// Most scans of a picture: with ten times the scans of usual encoders, its time stays bounded by its pixels.
const MAX_SCANS: u32 = 100;

/// Coefficients of a block.
const COEFFICIENTS: usize = 64;
/// A coefficient that no scan has had.
const MISSING: u8 = u8::MAX;

/// The state of a component between scans.
struct Progress {
    /// Missing bits of precision of each coefficient.
    missing: [u8; COEFFICIENTS],
    /// Coefficients that are not zero, a bit each, per block.
    nonzero: Vec<u64>,
    /// Blocks across, those that only fill units included.
    stride: usize,
}

pub(super) struct Progressive {
    components: heapless::Vec<Progress, 3>,
    scans: u32,
}

fn bad() -> String {
    "the JPEG is damaged: a progressive scan is impossible".into()
}

impl Progressive {
    pub fn new(frame: &Frame) -> Self {
        let components = frame.components().iter().map(|component| {
            let stride = (frame.units_across * component.across) as usize;
            Progress {
                missing: [MISSING; COEFFICIENTS],
                nonzero: vec![0; stride * (frame.units_down * component.down) as usize],
                stride,
            }
        });
        Progressive {
            components: components.collect(),
            scans: 0,
        }
    }

    /// Checks that all coefficients have come in full precision.
    pub fn finish(&self) -> Result<(), String> {
        let is_whole = |progress: &Progress| progress.missing.iter().all(|&bits| bits == 0);
        match self.components.iter().all(is_whole) {
            true => Ok(()),
            false => Err("the JPEG is cut off: scans are missing".into()),
        }
    }

    /// Walks a scan's data, which starts at `at`. Returns its end.
    pub fn scan(
        &mut self,
        frame: &Frame,
        scan: &Scan<'_>,
        bytes: &[u8],
        at: usize,
    ) -> Result<DataEnd, String> {
        let (first, last) = scan.band;
        let (before, after) = scan.precision;
        let is_dc = first == 0;
        let is_legal = match is_dc {
            true => last == 0,
            false => first <= last && last < 64 && scan.members.len() == 1,
        };
        let is_step = if before == 0 {
            after < 14
        } else {
            after + 1 == before
        };
        self.scans += 1;
        if !is_legal || !is_step || self.scans > MAX_SCANS {
            return Err(bad());
        }
        for &(index, ..) in &scan.members {
            for bits in &mut self.components[index].missing[first as usize..=last as usize] {
                let expected = if before == 0 { MISSING } else { before };
                if *bits != expected {
                    return Err(bad());
                }
                *bits = after;
            }
        }
        match (is_dc, before) {
            (true, _) => dc(frame, scan, bytes, at),
            (false, 0) => {
                self.walk_blocks(frame, scan, bytes, at, |bits, table, nonzero, empty| {
                    first_pass(bits, table, scan.band, nonzero, empty)
                })
            }
            (false, _) => {
                self.walk_blocks(frame, scan, bytes, at, |bits, table, nonzero, empty| {
                    refine(bits, table, scan.band, nonzero, empty)
                })
            }
        }
    }

    /// Walks the blocks of one component's scan. `block` reads one block: it gets the bits, the table, the block's
    /// coefficients that are not zero, and the number of blocks from here on that have no codes.
    fn walk_blocks(
        &mut self,
        frame: &Frame,
        scan: &Scan<'_>,
        bytes: &[u8],
        at: usize,
        block: impl Fn(&mut Bits<'_>, &Table, &mut u64, &mut u32) -> Result<(), NoCode>,
    ) -> Result<DataEnd, String> {
        let (index, _, ac) = scan.members[0];
        let table = scan.tables.ac(ac)?;
        let component = frame.components()[index];
        let progress = &mut self.components[index];
        let mut empty = 0_u32;
        let units = component.blocks_across * component.blocks_down;
        walk_runs(bytes, at, units, scan.restart_units, |bits, unit| {
            if is_run_start(unit, scan.restart_units) {
                empty = 0;
            }
            let nonzero = progress.block(unit, component.blocks_across);
            block(bits, table, nonzero, &mut empty)
        })
    }
}

/// Reads a block of the first scan of a band of coefficients.
fn first_pass(
    bits: &mut Bits<'_>,
    table: &Table,
    (first, last): (u32, u32),
    nonzero: &mut u64,
    empty: &mut u32,
) -> Result<(), NoCode> {
    if *empty > 0 {
        *empty -= 1;
        return Ok(());
    }
    let mut k = first;
    while k <= last {
        let symbol = bits.symbol(table)?;
        let (high, low) = (u32::from(symbol >> 4), symbol & 15);
        match (high, low) {
            (15, 0) => k += 16,
            (_, 0) => {
                *empty = (1 << high) - 1 + bits.read(high);
                break;
            }
            _ => {
                k += high;
                if k > last {
                    return Err(NoCode);
                }
                *nonzero |= 1 << k;
                k += 1;
            }
        }
    }
    Ok(())
}

/// Reads a block of a scan with one bit more of a band of coefficients.
fn refine(
    bits: &mut Bits<'_>,
    table: &Table,
    (first, last): (u32, u32),
    nonzero: &mut u64,
    empty: &mut u32,
) -> Result<(), NoCode> {
    let mut k = first;
    if *empty == 0 {
        while k <= last {
            let symbol = bits.bare_symbol(table)?;
            let (mut zeros, low) = (u32::from(symbol >> 4), symbol & 15);
            if low == 0 && zeros < 15 {
                *empty = (1 << zeros) + bits.read(zeros);
                break;
            }
            if low > 1 {
                return Err(NoCode);
            }
            // The sign of the new coefficient.
            bits.read(u32::from(low));
            // As many zeros are passed, with a bit for each other coefficient.
            while k <= last {
                if *nonzero >> k & 1 == 1 {
                    bits.read(1);
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
            if low == 1 {
                if k > last {
                    return Err(NoCode);
                }
                *nonzero |= 1 << k;
            }
            k += 1;
        }
    }
    if *empty > 0 {
        while k <= last {
            if *nonzero >> k & 1 == 1 {
                bits.read(1);
            }
            k += 1;
        }
        *empty -= 1;
    }
    Ok(())
}

impl Progress {
    /// The bits of a block, counted as the component's scans count.
    fn block(&mut self, block: u32, blocks_across: u32) -> &mut u64 {
        let (row, column) = (block / blocks_across, block % blocks_across);
        &mut self.nonzero[row as usize * self.stride + column as usize]
    }
}

fn is_run_start(unit: u32, restart_units: u32) -> bool {
    restart_units > 0 && unit.is_multiple_of(restart_units)
}

/// A scan of mean values, of one component or of all.
fn dc(frame: &Frame, scan: &Scan<'_>, bytes: &[u8], at: usize) -> Result<DataEnd, String> {
    let is_refining = scan.precision.0 > 0;
    let mut blocks = heapless::Vec::<_, 10>::new();
    for &(index, dc, _) in &scan.members {
        let component = &frame.components()[index];
        let table = match is_refining {
            true => None,
            false => Some(scan.tables.dc(dc)?),
        };
        let count = match scan.members.len() {
            1 => 1,
            _ => component.across * component.down,
        };
        for _ in 0..count {
            // A frame has at most as many.
            let _ = blocks.push(table);
        }
    }
    let units = match *scan.members {
        [(index, ..)] => {
            let only = &frame.components()[index];
            only.blocks_across * only.blocks_down
        }
        _ => frame.units_across * frame.units_down,
    };
    walk_runs(bytes, at, units, scan.restart_units, |bits, _| {
        for table in &blocks {
            match table {
                Some(table) => drop(bits.symbol(table)?),
                None => drop(bits.read(1)),
            }
        }
        Ok(())
    })
}
