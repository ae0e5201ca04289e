//! An output for tests: it remembers its calls, and is down or full when a test says so.

use crate::fleet::{Report, State};
use crate::mailbox::Message;
use crate::output::{Outcome, Output};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Record of what the output was told, and its behaviour.
#[derive(Debug, Default)]
pub struct Script {
    pub is_down: bool,
    /// It takes no reports.
    pub is_full: bool,
    /// Name, instance and state of each report.
    pub reports: Vec<(String, u8, State)>,
    /// Place and bytes of each packet.
    pub packets: Vec<(u16, Vec<u8>)>,
    pub has_ended: bool,
}

/// An output that is remote-controlled.
#[derive(Debug, Clone, Default)]
pub struct Fake(Arc<Mutex<Script>>);

impl Fake {
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn is_up(&mut self) -> bool {
        !self.script().is_down
    }

    fn board(&mut self, _place: u16, report: &Report) -> bool {
        let mut script = self.script();
        if script.is_full {
            return false;
        }
        let name = report.name.to_string();
        script.reports.push((name, report.instance, report.state));
        true
    }

    fn packet(&mut self, message: &Message) -> Outcome {
        let bytes = message.bytes.to_vec();
        self.script().packets.push((message.place, bytes));
        Outcome::Published
    }

    fn end(&mut self) {
        self.script().has_ended = true;
    }
}
