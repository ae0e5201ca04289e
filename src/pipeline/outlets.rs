//! All sinks of a stream. Each gets every event, and each has its own count of lost packets.

use super::totals::Totals;
use crate::clock::Instant;
use crate::sink::{Delivery, Event, Figures, SendError, Sink, What, Wish};
use crate::stats::Repeated;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time without a loss after which a sink works again.
const WORKS_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Time for sinks to write what waits: at an end of its own accord, and when the program is told to end.
const PATIENCE: Duration = Duration::from_secs(3);
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(300);

/// Any number of sinks.
pub(super) struct Outlets<'a> {
    outlets: Vec<Outlet<'a>>,
    /// No sink is left that carries packets, because the readers went away.
    pub is_closed: bool,
}

struct Outlet<'a> {
    sink: Box<dyn Sink + 'a>,
    lost: u64,
    outage: Option<Outage>,
    is_gone: bool,
}

/// Losses with less than [`WORKS_AGAIN_AFTER`] between them.
#[derive(Default)]
struct Outage {
    packets: u64,
    said: Repeated,
    last_us: u64,
}

impl<'a> Outlets<'a> {
    pub fn new(sinks: Vec<Box<dyn Sink + 'a>>) -> Self {
        let outlet = |sink| Outlet {
            sink,
            lost: 0,
            outage: None,
            is_gone: false,
        };
        Outlets {
            outlets: sinks.into_iter().map(outlet).collect(),
            is_closed: false,
        }
    }

    /// Gives an event to each sink, and counts packets that were not delivered.
    pub fn tell(&mut self, event: &Event<'_>, now: Instant, totals: &mut Totals) {
        let is_last = matches!(event.what, What::Last);
        let sequence = event.packets.first().map(|packet| packet.sequence);
        self.each(now, sequence, totals, |sink| sink.take(event, now));
        if is_last {
            return;
        }
        let mut carriers = self
            .outlets
            .iter()
            .filter(|outlet| outlet.sink.carries_packets())
            .peekable();
        self.is_closed = carriers.peek().is_some() && carriers.all(|outlet| outlet.is_gone);
    }

    /// A turn of the loop, with or without an event.
    pub fn tick(&mut self, now: Instant, totals: &mut Totals) {
        self.each(now, None, totals, |sink| sink.tick(now));
    }

    /// Shows the run's figures to the sinks, and returns the last wish of any.
    pub fn watch(&mut self, figures: &Figures) -> Option<Wish> {
        let watchers = self.outlets.iter_mut().filter(|outlet| !outlet.is_gone);
        let wishes = watchers.filter_map(|outlet| outlet.sink.watch(figures));
        wishes.last()
    }

    /// Waits a little for what the sinks have not written yet, less once `stop` is set.
    pub fn finish(&mut self, stop: &AtomicBool, totals: &mut Totals) {
        let begun = std::time::Instant::now();
        let gives_up = || {
            let stopped = stop.load(Ordering::Relaxed);
            let patience = if stopped {
                PATIENCE_WHEN_STOPPED
            } else {
                PATIENCE
            };
            begun.elapsed() >= patience
        };
        self.each(Instant::now(), None, totals, |sink| sink.finish(&gives_up));
        for outlet in self.outlets.iter().filter(|outlet| outlet.lost > 0) {
            log::warn!(
                "{}: {} packets lost in all",
                outlet.sink.name(),
                outlet.lost
            );
        }
    }

    fn each(
        &mut self,
        now: Instant,
        sequence: Option<u32>,
        totals: &mut Totals,
        mut deliver: impl FnMut(&mut dyn Sink) -> Delivery,
    ) {
        for outlet in self.outlets.iter_mut().filter(|outlet| !outlet.is_gone) {
            let delivery = deliver(outlet.sink.as_mut());
            totals.dropped += outlet.account(delivery, sequence, now);
        }
    }
}

impl Outlet<'_> {
    /// Counts and says what was lost. Returns the count.
    fn account(&mut self, delivery: Delivery, sequence: Option<u32>, now: Instant) -> u64 {
        let (packets, why) = match delivery {
            Ok(()) => {
                self.see_recovery(now);
                return 0;
            }
            Err(SendError::Closed) => {
                self.is_gone = true;
                log::warn!("{}: the reader went away", self.sink.name());
                return 0;
            }
            Err(SendError::Dropped(why)) => (1, why),
            Err(SendError::Lost(packets, why)) => (packets, why),
        };
        self.lost += packets;
        let outage = self.outage.get_or_insert_default();
        outage.packets += packets;
        outage.last_us = now.mono_us;
        // A receiver that is away for a year does not fill the log.
        if outage.said.again().is_some() {
            let name = self.sink.name();
            let lost = self.lost;
            match sequence {
                Some(sequence) => {
                    log::warn!("{name}: packet {sequence} dropped: {why} ({lost} so far)");
                }
                None => log::warn!("{name}: packets dropped: {why} ({lost} so far)"),
            }
        }
        packets
    }

    fn see_recovery(&mut self, now: Instant) {
        let is_over = self.outage.as_ref().is_some_and(|outage| {
            u128::from(now.mono_us.saturating_sub(outage.last_us)) >= WORKS_AGAIN_AFTER.as_micros()
        });
        if is_over && let Some(outage) = self.outage.take() {
            let name = self.sink.name();
            log::warn!("{name}: works again after {} lost packets", outage.packets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    /// A sink that answers as a script says, and well afterwards.
    struct Script<'a> {
        answers: VecDeque<Delivery>,
        carries: bool,
        taken: &'a RefCell<u64>,
    }

    impl Sink for Script<'_> {
        fn name(&self) -> &str {
            "script"
        }

        fn carries_packets(&self) -> bool {
            self.carries
        }

        fn take(&mut self, _: &Event<'_>, _: Instant) -> Delivery {
            *self.taken.borrow_mut() += 1;
            self.answers.pop_front().unwrap_or(Ok(()))
        }
    }

    fn at(ms: u64) -> Instant {
        Instant {
            mono_us: 1000 * ms,
            wall_us: 0,
        }
    }

    fn idle() -> Event<'static> {
        Event {
            what: What::Idle,
            packets: &[],
        }
    }

    #[test]
    fn a_reader_that_goes_away_takes_its_sink_alone() {
        let (first, second, third) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
        let script = |answers: Vec<Delivery>, carries, taken| -> Box<dyn Sink> {
            Box::new(Script {
                answers: answers.into(),
                carries,
                taken,
            })
        };
        let mut totals = Totals::default();
        let mut outlets = Outlets::new(vec![
            script(vec![Err(SendError::Closed)], true, &first),
            script(vec![Ok(()), Ok(()), Err(SendError::Closed)], true, &second),
            script(vec![], false, &third),
        ]);
        let mut closed = Vec::new();
        for ms in 0..4 {
            outlets.tell(&idle(), at(ms), &mut totals);
            closed.push(outlets.is_closed);
        }
        assert_eq!(closed, [false, false, true, true]);
        assert_eq!((*first.borrow(), *second.borrow()), (1, 3));
    }

    #[test]
    fn losses_are_counted_for_each_sink_and_an_outage_ends_after_a_second() {
        let taken = RefCell::new(0);
        let lost = |count| Err(SendError::Lost(count, "full".into()));
        let answers = [lost(3), Ok(()), lost(2), Ok(()), Ok(()), lost(1)];
        let mut totals = Totals::default();
        let mut outlets = Outlets::new(vec![Box::new(Script {
            answers: answers.into(),
            carries: true,
            taken: &taken,
        })]);
        let mut outages = Vec::new();
        for ms in [0, 500, 1000, 1900, 2000, 2100] {
            outlets.tell(&idle(), at(ms), &mut totals);
            outages.push(
                outlets.outlets[0]
                    .outage
                    .as_ref()
                    .map(|outage| outage.packets),
            );
        }
        assert_eq!(outages, [Some(3), Some(3), Some(5), Some(5), None, Some(1)]);
        assert_eq!((outlets.outlets[0].lost, totals.dropped), (6, 6));
    }
}
