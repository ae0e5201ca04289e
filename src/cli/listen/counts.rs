//! Counts of received packets by kind, and of refused ones by reason.

use crate::stats::Repeated;
use crate::wire::{Kind, Loss, Refusal};
use std::fmt;

/// Packets by kind, and refused ones.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub valid: u64,
    keypoints: u64,
    heartbeats: u64,
    stats: u64,
    instances: u64,
    /// Of kinds of a later version.
    pub unknown: u64,
    pub invalid: Repeated,
    /// Sealed packets that are not new, and sealed packets that were held back.
    replayed: Repeated,
    held_back: Repeated,
}

impl Counts {
    /// The counter of packets that are refused for this reason.
    pub fn refused(&mut self, why: Refusal) -> &mut Repeated {
        match why {
            Refusal::Old | Refusal::OtherSession | Refusal::Unordered => &mut self.replayed,
            Refusal::Late { .. } => &mut self.held_back,
        }
    }

    pub fn take(&mut self, kind: Kind) {
        self.valid += 1;
        let of_kind = match kind {
            Kind::Keypoints => &mut self.keypoints,
            Kind::Heartbeat => &mut self.heartbeats,
            Kind::Stats => &mut self.stats,
            Kind::Instances => &mut self.instances,
        };
        *of_kind += 1;
    }

    /// One line of all counts. Counts that are seldom other than 0 are left out when they are 0.
    pub fn with(&self, loss: Loss) -> impl fmt::Display + '_ {
        Line(self, loss)
    }
}

struct Line<'a>(&'a Counts, Loss);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(counts, loss) = self;
        write!(
            f,
            "{} packets ({} keypoints, {} heartbeats, {} stats",
            counts.valid, counts.keypoints, counts.heartbeats, counts.stats
        )?;
        if counts.instances > 0 {
            write!(f, ", {} instances", counts.instances)?;
        }
        if counts.unknown > 0 {
            write!(f, ", {} of unknown kinds", counts.unknown)?;
        }
        write!(f, "), {} lost, {} out of order", loss.lost, loss.late)?;
        if loss.repeated > 0 {
            write!(f, ", {} repeated", loss.repeated)?;
        }
        write!(
            f,
            ", {} invalid, {} replayed, {} held back, {} session(s)",
            counts.invalid.count(),
            counts.replayed.count(),
            counts.held_back.count(),
            loss.sessions
        )
    }
}
