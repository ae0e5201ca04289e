//! For tests: writes sequential JPEGs of any size, sampling and restart interval, with random symbols.

use super::standard;
use std::collections::BTreeMap;

/// The form of a picture.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub width: u16,
    pub height: u16,
    /// Horizontal and vertical factor of each component.
    pub sampling: Vec<(u8, u8)>,
    pub restart_units: u16,
    pub seed: u64,
}

/// A picture in pieces.
pub(super) struct Picture {
    /// Up to the first scan's data.
    pub head: Vec<u8>,
    /// The same without Huffman tables.
    pub head_without_tables: Vec<u8>,
    /// The data of the last scan, and in pictures with several scans those between.
    pub data: Vec<u8>,
    /// Offsets of the restart markers in `data`.
    pub restarts: Vec<usize>,
}

impl Picture {
    /// A picture in one scan.
    pub fn new(form: &Form) -> Self {
        let mut random = form.seed | 1;
        let all: Vec<usize> = (0..form.sampling.len()).collect();
        let mut picture = Self::start(form);
        picture.add_scan_header(&all);
        let (data, restarts) = scan_data(form, &all, &mut random);
        Picture {
            data,
            restarts,
            ..picture
        }
    }

    /// A picture with a scan for each component.
    pub fn in_scans(form: &Form) -> Self {
        let mut random = form.seed | 1;
        let mut picture = Self::start(form);
        for index in 0..form.sampling.len() {
            picture.add_scan_header(&[index]);
            let (data, _) = scan_data(form, &[index], &mut random);
            picture.head.extend(data);
        }
        picture
    }

    /// The whole picture, with an end marker.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.head[..], &self.data, &[0xFF, 0xD9]].concat()
    }

    fn start(form: &Form) -> Self {
        let mut rest = vec![0xFF, 0xDB, 0x00, 0x43, 0x00];
        rest.extend([1; 64]);
        let count = form.sampling.len() as u8;
        rest.extend([0xFF, 0xC0, 0x00, 8 + 3 * count, 8]);
        rest.extend(form.height.to_be_bytes());
        rest.extend(form.width.to_be_bytes());
        rest.push(count);
        for (id, &(across, down)) in (1..).zip(&form.sampling) {
            rest.extend([id, across << 4 | down, 0]);
        }
        if form.restart_units > 0 {
            rest.extend([0xFF, 0xDD, 0x00, 0x04]);
            rest.extend(form.restart_units.to_be_bytes());
        }
        Picture {
            head: [&[0xFF, 0xD8], &standard::SEGMENT[..], &rest].concat(),
            head_without_tables: [&[0xFF, 0xD8], &rest[..]].concat(),
            data: Vec::new(),
            restarts: Vec::new(),
        }
    }

    fn add_scan_header(&mut self, members: &[usize]) {
        let count = members.len() as u8;
        let mut header = vec![0xFF, 0xDA, 0x00, 6 + 2 * count, count];
        for &index in members {
            header.extend([index as u8 + 1, tables_of(index)]);
        }
        header.extend([0, 63, 0]);
        self.head.extend(&header);
        self.head_without_tables.extend(&header);
    }
}

/// DC and AC table of a component: those for luma, and those for chroma.
fn tables_of(index: usize) -> u8 {
    if index == 0 { 0x00 } else { 0x11 }
}

/// Codes and their lengths by table (class and number) and symbol.
fn codes() -> BTreeMap<(u8, u8), (u32, u32)> {
    let mut codes = BTreeMap::new();
    let mut rest = &standard::SEGMENT[4..];
    while let [table, body @ ..] = rest {
        let (counts, mut symbols) = body.split_first_chunk::<16>().unwrap();
        let mut code = 0;
        for (bits, &count) in (1..).zip(counts) {
            let (these, others) = symbols.split_at(usize::from(count));
            symbols = others;
            for &symbol in these {
                codes.insert((*table, symbol), (code, bits));
                code += 1;
            }
            code <<= 1;
        }
        rest = symbols;
    }
    codes
}

/// A scan's data, and the offsets of its restart markers.
fn scan_data(form: &Form, members: &[usize], random: &mut u64) -> (Vec<u8>, Vec<usize>) {
    let codes = codes();
    let mut next = |below: u32| {
        // xorshift64 (Marsaglia, 2003).
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        (*random >> 33) as u32 % below
    };
    let most = |side: fn(&(u8, u8)) -> u8| form.sampling.iter().map(side).max().unwrap_or(1);
    let (across, down) = (most(|one| one.0), most(|one| one.1));
    let blocks = |side: u16, factor: u8, most: u8| {
        (u32::from(side) * u32::from(factor)).div_ceil(8 * u32::from(most))
    };
    let units = match members {
        // A component alone is not interleaved.
        &[index] => {
            let (h, v) = form.sampling[index];
            blocks(form.width, h, across) * blocks(form.height, v, down)
        }
        _ => {
            blocks(form.width, 1, 1).div_ceil(across.into())
                * blocks(form.height, 1, 1).div_ceil(down.into())
        }
    };
    let mut data = Data::default();
    let mut restarts = Vec::new();
    for unit in 0..units {
        let run = u32::from(form.restart_units);
        if run > 0 && unit > 0 && unit % run == 0 {
            data.flush();
            restarts.push(data.bytes.len());
            data.bytes
                .extend([0xFF, 0xD0 + ((unit / run - 1) % 8) as u8]);
        }
        for &index in members {
            let (h, v) = form.sampling[index];
            let count = if members.len() == 1 { 1 } else { h * v };
            for _ in 0..count {
                let table = tables_of(index);
                let mut symbol = |class: u8, symbol: u8, next: &mut dyn FnMut(u32) -> u32| {
                    let (code, bits) = codes[&(class << 4 | table & 15, symbol)];
                    data.push(code, bits);
                    let extra = u32::from(symbol & 15);
                    data.push(next(1 << extra), extra);
                };
                symbol(0, next(4) as u8, &mut next);
                let mut k = 1;
                while k < 64 && next(8) > 0 {
                    let zeros = next(4).min(63 - k);
                    symbol(1, (zeros << 4 | (1 + next(4))) as u8, &mut next);
                    k += zeros + 1;
                }
                if k < 64 {
                    symbol(1, 0, &mut next);
                }
            }
        }
    }
    data.flush();
    (data.bytes, restarts)
}

/// Bits into bytes, with a zero behind each byte of ones.
#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
    bits: u64,
    count: u32,
}

impl Data {
    fn push(&mut self, value: u32, count: u32) {
        self.bits = self.bits << count | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.bits >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    fn flush(&mut self) {
        if self.count > 0 {
            let missing = 8 - self.count;
            self.push((1 << missing) - 1, missing);
        }
    }
}
