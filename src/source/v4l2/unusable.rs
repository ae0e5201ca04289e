//! Pictures that cannot be used: the reasons, and how often the log hears of them.

use super::field::Field;
use crate::stats::Repeated;
use std::fmt;

/// Why a picture cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The driver reports that it is incomplete.
    Damaged,
    /// The buffer has only a part of the lines, or not in the picture's order.
    Field(Field),
    Short {
        bytes: usize,
        expected: usize,
    },
    NoJpeg {
        bytes: usize,
    },
    Undecodable(String),
}

impl Unusable {
    const KINDS: usize = 5;

    fn kind(&self) -> usize {
        match self {
            Unusable::Damaged => 0,
            Unusable::Field(_) => 1,
            Unusable::Short { .. } => 2,
            Unusable::NoJpeg { .. } => 3,
            Unusable::Undecodable(_) => 4,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Damaged => f.write_str("the driver marks it as damaged"),
            Unusable::Field(field) => write!(f, "it has a part of the lines (field {field})"),
            Unusable::Short { bytes, expected } => {
                write!(f, "frames of {bytes} bytes, {expected} expected")
            }
            Unusable::NoJpeg { bytes } => write!(f, "its {bytes} bytes are no JPEG"),
            Unusable::Undecodable(why) => f.write_str(why),
        }
    }
}

/// Unusable pictures so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of each kind.
    kinds: [Repeated; Unusable::KINDS],
    /// Since the last usable picture.
    since_usable: u64,
    last: Option<Unusable>,
}

impl Tally {
    /// Counts a picture. Returns the count of its kind if the log should hear of it.
    pub(super) fn add(&mut self, why: Unusable) -> Option<u64> {
        self.since_usable += 1;
        let count = self.kinds[why.kind()].again();
        self.last = Some(why);
        count
    }

    pub(super) fn usable_came(&mut self) {
        self.since_usable = 0;
        self.last = None;
    }

    /// The pictures since the last usable one, and the reason of the last; empty if there are none.
    pub(super) fn summary(&self) -> String {
        match &self.last {
            Some(why) => format!(" ({} came: {why})", self.since_usable),
            None => String::new(),
        }
    }
}
