//! A JPEG's frame, its scans and their tables, and the walk over one scan's data.
//!
//! In: headers that `whole` has read, and the bytes behind them. Out: the end of the data, or what is wrong with it.

use super::huffman::{Bits, DataEnd, Kind, NoCode, Table};
use super::standard;

const FIRST_RESTART: u8 = 0xD0;

/// Largest number of components that are read: luma and two of colour.
pub(super) const MAX_COMPONENTS: usize = 3;

/// One component of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Component {
    pub id: u8,
    /// Samples per unit, across and down.
    pub across: u32,
    pub down: u32,
    /// Blocks of the component alone, without those that only fill units.
    pub blocks_across: u32,
    pub blocks_down: u32,
}

/// A frame header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub size_px: (u32, u32),
    pub components: [Component; MAX_COMPONENTS],
    pub count: usize,
    /// Interleaved units.
    pub units_across: u32,
    pub units_down: u32,
}

impl Frame {
    pub fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }
}

/// One scan header, and the state that it runs in.
pub(super) struct Scan<'a> {
    /// Indexes into the frame's components, with the numbers of their DC and AC tables.
    pub members: heapless::Vec<(usize, usize, usize), MAX_COMPONENTS>,
    /// First and last coefficient.
    pub band: (u32, u32),
    /// Bits of precision that earlier scans and that all scans so far leave out.
    pub precision: (u8, u8),
    /// Units between restart markers; 0: no markers.
    pub restart_units: u32,
    pub tables: &'a Tables,
}

/// Huffman tables: DC and AC, four each.
#[derive(Clone)]
pub(super) struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
}

impl Tables {
    pub const NONE: Tables = Tables {
        dc: [const { None }; 4],
        ac: [const { None }; 4],
    };

    /// Adds the tables of a segment.
    pub fn define(&mut self, mut segment: &[u8]) -> Result<(), String> {
        let bad = || damaged("a Huffman table is impossible");
        while let [place, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(bad)?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols).ok_or_else(bad)?;
            segment = rest;
            let (tables, kind) = match place >> 4 {
                0 => (&mut self.dc, Kind::Dc),
                1 => (&mut self.ac, Kind::Ac),
                _ => return Err(bad()),
            };
            let slot = tables.get_mut(usize::from(place & 15)).ok_or_else(bad)?;
            *slot = Some(Table::new(counts, symbols, kind).ok_or_else(bad)?);
        }
        Ok(())
    }

    /// Adds the standard's tables where none are. True if a scan of these members may use one of them.
    pub fn complete(&mut self, members: &[(usize, usize, usize)]) -> Result<bool, String> {
        let lacks = |&(_, dc, ac): &(usize, usize, usize)| {
            dc < 2 && self.dc[dc].is_none() || ac < 2 && self.ac[ac].is_none()
        };
        if !members.iter().any(lacks) {
            return Ok(false);
        }
        let mut standard = Tables::NONE;
        standard.define(&standard::SEGMENT[4..])?;
        for (own, standard) in self.dc.iter_mut().zip(standard.dc) {
            *own = own.take().or(standard);
        }
        for (own, standard) in self.ac.iter_mut().zip(standard.ac) {
            *own = own.take().or(standard);
        }
        Ok(true)
    }

    pub fn dc(&self, number: usize) -> Result<&Table, String> {
        self.dc[number].as_ref().ok_or_else(missing_table)
    }

    pub fn ac(&self, number: usize) -> Result<&Table, String> {
        self.ac[number].as_ref().ok_or_else(missing_table)
    }
}

fn missing_table() -> String {
    "the JPEG uses a Huffman table that it does not define".into()
}

pub(super) fn cut() -> String {
    "the JPEG is cut off".into()
}

pub(super) fn damaged(what: &str) -> String {
    format!("the JPEG is damaged: {what}")
}

/// Calls `unit` for each unit of a scan, and checks the restart markers between them.
pub(super) fn walk_runs(
    bytes: &[u8],
    mut at: usize,
    units: u32,
    restart_units: u32,
    mut unit: impl FnMut(&mut Bits<'_>, u32) -> Result<(), NoCode>,
) -> Result<DataEnd, String> {
    let run = match restart_units {
        0 => units,
        run => run,
    };
    let (mut done, mut restarts) = (0, 0_u8);
    loop {
        let mut bits = Bits::new(bytes, at);
        let end = units.min(done + run);
        while done < end {
            unit(&mut bits, done)
                .map_err(|NoCode| damaged("its data has a code that means nothing"))?;
            if bits.is_past_end() {
                return Err(cut());
            }
            done += 1;
        }
        if done == units {
            return bits
                .finish_padded()
                .ok_or_else(|| damaged("it has more data than blocks"));
        }
        at = bits
            .finish()
            .ok_or_else(|| damaged("it has more data than blocks"))?;
        let expected = [0xFF, FIRST_RESTART + restarts];
        if bytes.get(at..at + 2) != Some(&expected) {
            return Err(match bytes.get(at + 1) {
                Some(FIRST_RESTART..=0xD7) => damaged("its restart markers are out of step"),
                _ => cut(),
            });
        }
        at += 2;
        restarts = (restarts + 1) % 8;
    }
}
