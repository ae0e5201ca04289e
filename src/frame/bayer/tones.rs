//! From samples to bytes: black level, white balance, exposure and gamma in one table for each colour.
//!
//! In: a [`Balance`]. Out: a byte for each sample. The owner makes the tables once; a new balance fills them anew and
//! allocates nothing.

/// Bits of a table's index. Samples with more bits lose the lower ones.
const MOST_BITS: u32 = 12;
const ENTRIES: usize = 1 << MOST_BITS;
/// A gain of 1.
const ONE: u32 = 1 << 8;

/// Correction that a sensor's light and colours need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Sample of no light, in the sensor's bits.
    pub black: u16,
    /// Factors of red, green and blue, in 1/256.
    pub gains: [u16; 3],
}

impl Balance {
    /// All samples count as they are.
    pub const NEUTRAL: Balance = Balance {
        black: 0,
        gains: [ONE as u16; 3],
    };
}

/// A byte for each sample of each colour.
#[derive(Debug, Clone)]
pub struct Tones {
    bits: u32,
    balance: Balance,
    /// Red, green and blue.
    bytes: Box<[[u8; ENTRIES]; 3]>,
    /// sRGB's curve, from linear values below [`ENTRIES`].
    curve: Box<[u8; ENTRIES]>,
}

impl Default for Tones {
    fn default() -> Self {
        Self::new()
    }
}

impl Tones {
    /// Memory of the tables.
    pub const BYTES: u64 = 4 * ENTRIES as u64;

    /// Tables for samples of 8 bits that count as they are.
    pub fn new() -> Self {
        let mut curve = Box::new([0; ENTRIES]);
        for (linear, byte) in curve.iter_mut().enumerate() {
            let linear = linear as f32 / (ENTRIES - 1) as f32;
            let bent = match linear {
                ..=0.003_130_8 => 12.92 * linear,
                _ => 1.055 * linear.powf(1.0 / 2.4) - 0.055,
            };
            *byte = (255.0 * bent).round() as u8;
        }
        let mut tones = Tones {
            bits: 8,
            balance: Balance::NEUTRAL,
            bytes: Box::new([[0; ENTRIES]; 3]),
            curve,
        };
        tones.fill();
        tones
    }

    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Fills the tables for samples of `bits` bits, 8 to 16. The same again costs nothing.
    pub fn set(&mut self, bits: u32, balance: Balance) {
        let bits = bits.clamp(8, 16);
        if (self.bits, self.balance) != (bits, balance) {
            self.bits = bits;
            self.balance = balance;
            self.fill();
        }
    }

    fn dropped(&self) -> u32 {
        self.bits.saturating_sub(MOST_BITS)
    }

    fn fill(&mut self) {
        let dropped = self.dropped();
        let white = (1_u32 << (self.bits - dropped)) - 1;
        let black = (u32::from(self.balance.black) >> dropped).min(white - 1);
        // 16 fractional bits. Gains below 256 keep the product within 32.
        let last = (ENTRIES - 1) as u32;
        for (table, gain) in self.bytes.iter_mut().zip(self.balance.gains) {
            let scale = u64::from(u32::from(gain) * last) << 16;
            let scale = scale / u64::from(ONE * (white - black));
            for (sample, byte) in (0..).zip(table.iter_mut()) {
                let light = u64::from(u32::min(sample, white).saturating_sub(black));
                let linear = (light * scale + (1 << 15)) >> 16;
                *byte = self.curve[linear.min(u64::from(last)) as usize];
            }
        }
    }

    /// Bytes of red, green and blue.
    #[inline(always)]
    pub(super) fn of(&self, samples: [u16; 3]) -> [u8; 3] {
        let dropped = self.dropped();
        [0, 1, 2].map(|colour| {
            let index = usize::from(samples[colour] >> dropped) % ENTRIES;
            self.bytes[colour][index]
        })
    }
}
