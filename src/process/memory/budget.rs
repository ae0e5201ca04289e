//! The memory budget: a table of the program's memory, and its comparison with the limit.

use super::pages;
use crate::error::{Error, Result};
use std::fmt;

/// Reserve for settings, log, sinks, queues and other small heap blocks.
const RESERVE_BYTES: u64 = 1 << 20;
/// Step to which measured sizes are rounded up, so that they are the same at each start.
const STEP_BYTES: u64 = 64 << 10;
/// Step for reading a graph, whose containers vary slightly in size from start to start.
const LOADING_STEP_BYTES: u64 = 1 << 20;

/// Parts of the program's memory, known before the first frame. All in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// Code and constants.
    pub program: u64,
    /// The plan, in pages of its own.
    pub weights: u64,
    /// The network and its pipeline on the heap: steps, arena, scratch, input and heatmaps. Without a plan, also
    /// the weights.
    pub network: u64,
    /// Peak heap use while the model was read.
    pub loading: u64,
    /// The camera's buffers.
    pub camera: u64,
    /// Decoded or drawn pictures, and the decoder's own memory.
    pub pictures: u64,
    /// Stacks of all threads.
    pub stacks: u64,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    what: &'static str,
    bytes: u64,
    on_heap: bool,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    rows: [Row; 8],
}

impl Budget {
    pub fn new(shares: &Parts) -> Self {
        let network = shares.network.next_multiple_of(STEP_BYTES);
        let pictures = pages(shares.pictures);
        let running = network + pictures + RESERVE_BYTES;
        let most = (shares.loading + RESERVE_BYTES).next_multiple_of(LOADING_STEP_BYTES);
        let mapped = |what, bytes| Row {
            what,
            bytes: pages(bytes),
            on_heap: false,
        };
        let heap = |what, bytes| Row {
            what,
            bytes,
            on_heap: true,
        };
        Budget {
            rows: [
                mapped("program", shares.program),
                mapped("weights of a plan", shares.weights),
                mapped("camera's buffers", shares.camera),
                mapped("stacks", shares.stacks),
                heap("network", network),
                heap("pictures and their decoder", pictures),
                heap("everything else", RESERVE_BYTES),
                heap(
                    "reading the model, beyond that",
                    match shares.loading > running {
                        true => most.saturating_sub(running),
                        false => 0,
                    },
                ),
            ],
        }
    }

    pub fn total_bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// Largest heap while the program runs.
    pub fn heap_bytes(&self) -> u64 {
        let heap = self.rows.iter().filter(|row| row.on_heap);
        heap.map(|row| row.bytes).sum()
    }

    /// Bytes outside the heap.
    pub fn mapped_bytes(&self) -> u64 {
        self.total_bytes() - self.heap_bytes()
    }

    /// # Errors
    /// [`ErrorKind::Memory`](crate::ErrorKind::Memory) if more is needed than allowed.
    pub fn check(&self, allowed_bytes: u64) -> Result<()> {
        let needed = self.total_bytes();
        if needed <= allowed_bytes {
            return Ok(());
        }
        Err(Error::memory(format!(
            "{} KiB are needed and the memory budget is {} KiB: raise --memory-budget to {}KiB, or ask for \
             less (--threads, --camera-size, a compiled plan)",
            needed / 1024,
            allowed_bytes / 1024,
            needed.div_ceil(1024),
        )))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{:<32}{:>10} KiB", row.what, row.bytes / 1024)?;
        }
        write!(f, "{:<32}{:>10} KiB", "in all", self.total_bytes() / 1024)
    }
}

/// Parses a number of bytes: `67108864`, `65536KiB`, `64MiB`, `1GiB`.
///
/// # Errors
/// The text, and what is expected instead.
pub fn parse_bytes(text: &str) -> std::result::Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => Some(0),
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    let bytes = unit.and_then(|shift| {
        digits
            .trim_end()
            .parse::<u64>()
            .ok()?
            .checked_mul(1 << shift)
    });
    bytes.ok_or_else(|| format!("{text:?} is not a size like 64MiB (KiB, MiB, GiB, or bytes)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Parts {
        Parts {
            program: 3_000_000,
            weights: 24_000_001,
            network: 9_000_000,
            loading: 9_100_000,
            camera: 5 * 614_400,
            pictures: 3_000_000,
            stacks: 1_700_000,
        }
    }

    #[test]
    fn one_page_too_few_is_refused_and_the_exact_sum_is_not() {
        let budget = Budget::new(&shares());
        let total = budget.total_bytes();
        assert_eq!(total % super::super::PAGE_BYTES, 0);
        assert!(budget.check(total).is_ok());
        let error = budget.check(total - super::super::PAGE_BYTES).unwrap_err();
        assert!(error.to_string().contains(&format!("{}KiB", total / 1024)));
    }

    #[test]
    fn nothing_is_counted_as_less_than_it_is() {
        let given = shares();
        let budget = Budget::new(&given);
        assert_eq!(
            budget.mapped_bytes() + budget.heap_bytes(),
            budget.total_bytes()
        );
        assert!(budget.heap_bytes() >= given.network + given.pictures);
        assert!(
            budget.mapped_bytes() >= given.program + given.weights + given.camera + given.stacks
        );
    }

    #[test]
    fn a_model_that_is_large_to_read_counts_with_that() {
        let large = Parts {
            loading: 300 << 20,
            ..shares()
        };
        assert!(Budget::new(&large).heap_bytes() >= 300 << 20);
        // Memory that is free again before the run is not counted twice.
        assert!(Budget::new(&large).heap_bytes() < 303 << 20);
    }

    #[test]
    fn a_small_difference_gives_the_same_table() {
        let other = Parts {
            network: 9_000_500,
            loading: 9_099_000,
            ..shares()
        };
        assert_eq!(Budget::new(&other), Budget::new(&shares()));
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("4096", 4096),
            ("36KiB", 36 << 10),
            ("64MiB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
        for text in [
            "",
            "MiB",
            "64MB",
            "-1",
            "1.5MiB",
            "99999999999999GiB",
            "64M iB",
        ] {
            let error = parse_bytes(text).unwrap_err();
            assert!(error.contains("64MiB"), "{text}: {error}");
        }
    }
}
