//! The program: opens everything, receives until it is told to stop, and says goodbye.

use crate::args::Options;
use crate::figures::Sources;
use crate::fleet::Fleet;
use crate::gate::Gate;
use crate::intake::Intake;
use crate::keyring::Keyring;
use crate::output::{Output, Worker};
use crate::{outputs, page};
use posewire::clock::steady_us;
use posewire::stats::Repeated;
use posewire::wire::Rule;
use posewire::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs the gateway until a signal.
///
/// # Errors
/// Something cannot be opened, or a socket breaks.
pub fn run(options: &Options) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second signal ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Error::usage("signals cannot be handled here").because(error))?;
    }
    let keyring = options.keys.as_deref().map(Keyring::read).transpose()?;
    let intake = Intake::open(&options.listen)?;
    let listener = options.metrics.map(page::open).transpose()?;
    let fleet = Arc::new(Mutex::new(Fleet::new(options.boards)));
    let opened = outputs::open(options)?;
    if opened.is_empty() && listener.is_none() {
        return Err(Error::usage(
            "give an output: --zenoh, --mqtt, --foxglove or --metrics: try --help",
        ));
    }
    let start = |output: Box<dyn Output>| {
        let name = output.name();
        Worker::start(output, Arc::clone(&fleet), options.boards)
            .map_err(|error| Error::sink(name, "no thread").because(error))
    };
    let workers: Vec<Worker> = opened.into_iter().map(start).collect::<Result<_>>()?;
    let mut gate = Gate {
        keyring,
        names: options.names.clone(),
        rule: Rule {
            started_us: steady_us(),
            takes_unordered: options.unordered,
        },
        silent_us: u64::try_from(options.silent.as_micros()).unwrap_or(u64::MAX),
        fleet: Arc::clone(&fleet),
        mailboxes: workers
            .iter()
            .map(|worker| Arc::clone(&worker.mailbox))
            .collect(),
        totals: Arc::default(),
        faults: Repeated::default(),
    };
    let workers = Arc::new(Mutex::new(workers));
    if let Some(listener) = listener {
        let shown = Arc::clone(&workers);
        let sources = Sources {
            fleet,
            totals: Arc::clone(&gate.totals),
            outputs: Box::new(move || {
                let workers = shown.lock().unwrap_or_else(PoisonError::into_inner);
                let figures = workers.iter().map(|worker| {
                    let (waiting, pushed_out) = worker.mailbox.counts();
                    (worker.name, worker.figures(), waiting, pushed_out)
                });
                figures.collect()
            }),
        };
        page::start(listener, sources)
            .map_err(|error| Error::sink("metrics", "no thread").because(error))?;
    }
    log::info!("listening on {}", options.listen.join(", "));
    let done = intake.run(&mut gate, &stop);
    let mut workers = workers.lock().unwrap_or_else(PoisonError::into_inner);
    for worker in workers.iter_mut() {
        worker.finish();
    }
    done
}
