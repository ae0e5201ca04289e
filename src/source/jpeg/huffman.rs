//! Huffman tables and bits of a JPEG's entropy-coded data (ITU-T T.81 annexes C and F).
//!
//! In: a table's segment, or bytes between markers. Out: symbols. The values of coefficients are never read: the walk
//! only counts them. All tables are in place and of fixed size.

/// Bits that the fast table looks at. Longer codes are rare.
const LOOK_BITS: u32 = 9;
const LOOK_SIZE: usize = 1 << LOOK_BITS;

/// Longest code.
const MAX_CODE_BITS: usize = 16;

/// One symbol, as the fast table finds it: its code's length, and its value.
#[derive(Clone, Copy)]
struct Entry {
    /// 0: the code is longer than [`LOOK_BITS`], or means nothing.
    code_bits: u8,
    symbol: u8,
}

/// One Huffman table.
#[derive(Clone)]
pub(super) struct Table {
    look: [Entry; LOOK_SIZE],
    /// First code behind those of each length, aligned to 16 bits.
    limits: [u32; MAX_CODE_BITS + 1],
    /// Index of the first symbol of each length, minus its first code.
    offsets: [i32; MAX_CODE_BITS + 1],
    symbols: [u8; 256],
    kind: Kind,
}

/// What a table's symbols say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bits of a difference of first coefficients.
    Dc,
    /// A run of zeros, and the bits of the coefficient behind it.
    Ac,
}

impl Kind {
    /// The largest symbol that a table may have, as in libjpeg.
    const fn max_symbol(self) -> u8 {
        match self {
            Kind::Dc => 15,
            Kind::Ac => u8::MAX,
        }
    }

    /// Bits of the largest number that 8-bit samples give (F.1.2.1 and F.1.2.2). Decoders take more, and overflow.
    const fn max_bits(self) -> u8 {
        match self {
            Kind::Dc => 11,
            Kind::Ac => 10,
        }
    }

    /// A symbol that 8-bit samples can have.
    fn has(self, symbol: u8) -> bool {
        symbol & 15 <= self.max_bits()
    }
}

impl Table {
    /// Makes a table from the numbers of codes per length and the symbols in their order. Codes of symbols that 8-bit
    /// samples cannot have mean nothing. `None` if the codes do not fit their lengths, or a symbol not its kind.
    pub(super) fn new(counts: &[u8; MAX_CODE_BITS], symbols: &[u8], kind: Kind) -> Option<Self> {
        if symbols.len() > 256 || symbols.iter().any(|&symbol| symbol > kind.max_symbol()) {
            return None;
        }
        let mut table = Table {
            look: [Entry {
                code_bits: 0,
                symbol: 0,
            }; LOOK_SIZE],
            limits: [0; MAX_CODE_BITS + 1],
            offsets: [0; MAX_CODE_BITS + 1],
            symbols: [0; 256],
            kind,
        };
        table.symbols[..symbols.len()].copy_from_slice(symbols);
        let (mut code, mut index) = (0_u32, 0_usize);
        for (bits, &count) in (1..).zip(counts) {
            let first = code;
            table.offsets[bits] = index as i32 - first as i32;
            for _ in 0..count {
                let &symbol = symbols.get(index)?;
                if bits <= LOOK_BITS as usize && kind.has(symbol) {
                    let shift = LOOK_BITS as usize - bits;
                    let entry = Entry {
                        code_bits: bits as u8,
                        symbol,
                    };
                    table
                        .look
                        .get_mut((code as usize) << shift..(code as usize + 1) << shift)?
                        .fill(entry);
                }
                code += 1;
                index += 1;
            }
            // No code consists of ones alone (C.2): libjpeg requires it of no table, so the last code may be.
            if code > 1 << bits {
                return None;
            }
            table.limits[bits] = code << (MAX_CODE_BITS - bits);
            code <<= 1;
        }
        (index == symbols.len()).then_some(table)
    }

    /// The symbol whose code starts `bits`, with its code's length; `None` if no code does.
    #[inline(always)]
    fn find(&self, bits: u64) -> Option<(u32, u8)> {
        let entry = self.look[(bits >> (64 - LOOK_BITS)) as usize];
        if entry.code_bits > 0 {
            return Some((u32::from(entry.code_bits), entry.symbol));
        }
        self.find_long(bits)
    }

    #[cold]
    fn find_long(&self, bits: u64) -> Option<(u32, u8)> {
        let code = (bits >> (64 - MAX_CODE_BITS)) as u32;
        let length = (1..=MAX_CODE_BITS).find(|&n| code < self.limits[n])?;
        let index = (code >> (MAX_CODE_BITS - length)) as i32 + self.offsets[length];
        let symbol = *self.symbols.get(usize::try_from(index).ok()?)?;
        self.kind.has(symbol).then_some((length as u32, symbol))
    }
}

/// A code that its table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoCode;

/// Bits of entropy-coded data, up to the next marker. Behind it, they are zeros that are counted.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Offset of the next byte.
    at: usize,
    /// The next bits, the first one highest.
    next: u64,
    count: u32,
    /// Zeros among the bits that are not in the data.
    spare: u32,
    /// Fill bytes were passed: only a marker may follow (B.1.1.2).
    is_filled: bool,
}

/// The end of a scan's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DataEnd {
    /// Offset behind the last block.
    pub data: usize,
    /// Offset of the next marker, behind padding, or of the end of the bytes.
    pub marker: usize,
}

/// Bits that one symbol and its extra bits may take.
const MAX_SYMBOL_BITS: u32 = 16 + 16;

impl<'a> Bits<'a> {
    /// Reads `data` from the offset `at` on.
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Bits {
            data,
            at,
            next: 0,
            count: 0,
            spare: 0,
            is_filled: false,
        }
    }

    /// Reads a symbol, and skips as many bits as its low half says.
    #[inline(always)]
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, NoCode> {
        self.fill();
        let (length, symbol) = table.find(self.next).ok_or(NoCode)?;
        self.skip(length + u32::from(symbol & 15));
        Ok(symbol)
    }

    /// Reads a symbol alone.
    pub(super) fn bare_symbol(&mut self, table: &Table) -> Result<u8, NoCode> {
        self.fill();
        let (length, symbol) = table.find(self.next).ok_or(NoCode)?;
        self.skip(length);
        Ok(symbol)
    }

    /// Reads up to 16 bits.
    pub(super) fn read(&mut self, count: u32) -> u32 {
        self.fill();
        // Two shifts: one by 64 is not defined.
        let value = (self.next >> 1 >> (63 - count)) as u32;
        self.skip(count);
        value
    }

    /// True if more bits were read than there are.
    #[inline]
    pub(super) fn is_past_end(&self) -> bool {
        self.count < self.spare
    }

    /// Ends a run of blocks: fewer than 8 bits may be left before the next marker or the end of the data. Returns the
    /// offset of the marker.
    pub(super) fn finish(&mut self) -> Option<usize> {
        self.fill();
        (self.spare > 0 && self.count - self.spare < 8).then_some(self.at)
    }

    /// As [`Bits::finish`], for the last run: zero bytes may follow, with which cameras pad.
    pub(super) fn finish_padded(&mut self) -> Option<DataEnd> {
        let real = self.count.checked_sub(self.spare)?;
        self.skip(real % 8);
        let data = self.at - real as usize / 8;
        loop {
            self.fill();
            if self.count == self.spare {
                return Some(DataEnd {
                    data,
                    marker: self.at,
                });
            }
            if self.next >> 56 != 0 {
                return None;
            }
            self.skip(8);
        }
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.next <<= count;
        self.count -= count;
    }

    #[inline(always)]
    fn fill(&mut self) {
        if self.count < MAX_SYMBOL_BITS {
            self.fill_bytes();
        }
    }

    #[inline]
    fn fill_bytes(&mut self) {
        if let Some(bytes) = self.data.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_be_bytes(*bytes);
            // A byte of ones is a zero byte of the inverse.
            let ones = (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
            if ones == 0 {
                // The last bits belong to a byte that is read again, to the same place.
                self.next |= word >> self.count;
                let whole = (64 - self.count) / 8;
                self.at += whole as usize;
                self.count += 8 * whole;
                return;
            }
        }
        self.fill_slowly();
    }

    fn fill_slowly(&mut self) {
        // Bits of a byte that is read again would be added twice.
        self.next &= !(u64::MAX.checked_shr(self.count).unwrap_or(0));
        while self.count <= 56 {
            let byte = match *self.data.get(self.at..).unwrap_or_default() {
                [0xFF, 0x00, ..] if !self.is_filled => {
                    self.at += 2;
                    0xFF
                }
                [0xFF, 0xFF, ..] => {
                    self.at += 1;
                    self.is_filled = true;
                    continue;
                }
                // A marker, or half of one.
                [] | [0xFF, ..] => {
                    self.spare += 64 - self.count;
                    self.count = 64;
                    return;
                }
                [byte, ..] => {
                    self.at += 1;
                    byte
                }
            };
            self.next |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }
}
