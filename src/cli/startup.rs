//! From settings to a network that is ready to run, and the sum of its memory.

use super::logging;
use crate::engine::{self, Workspace};
use crate::error::{Error, Result};
use crate::model::ModelFile;
use crate::pipeline::{Estimator, Pipeline};
use crate::process::memory::{self, Budget, Meter, Parts};
use crate::process::thread::{self, Role};
use crate::settings::Settings;
use crate::sink::SinkSpec;
use crate::text::Shown;

/// The least heap while the model is read: enough for the table of a budget that is too small.
const LEAST_LOADING_BYTES: u64 = 64 << 20;

/// A model on its way into memory.
pub(super) struct Startup<'a> {
    settings: &'a Settings,
    meter: Meter,
    shares: Parts,
}

impl<'a> Startup<'a> {
    /// Adds up what is known without the model. From here on the heap keeps to the budget, if there is one.
    pub(super) fn begin(settings: &'a Settings) -> Result<Self> {
        let footprint = settings.source()?.footprint(&settings.camera);
        memory::trim();
        thread::limit_main_stack();
        let workers = (1..settings.threads.count).map(Role::Worker);
        let roles = [
            Role::Main,
            Role::Capture,
            Role::StageWatch,
            Role::Log,
            Role::Stop,
        ];
        let roles = roles.into_iter().chain(workers);
        let sinks: u64 = settings.sinks.iter().map(SinkSpec::heap_bytes).sum();
        let shares = Parts {
            program: memory::mapped_bytes(),
            camera: footprint.mapped_bytes,
            pictures: footprint.heap_bytes + sinks,
            stacks: roles.map(|role| role.stack_bytes() as u64).sum::<u64>()
                + settings
                    .sinks
                    .iter()
                    .map(SinkSpec::stack_bytes)
                    .sum::<u64>(),
            ..Parts::default()
        };
        if let Some(allowed) = settings.memory_budget_bytes {
            let mapped = shares.program + shares.camera + shares.stacks;
            memory::set_limit(allowed.saturating_sub(mapped).max(LEAST_LOADING_BYTES));
        }
        Ok(Startup {
            settings,
            meter: Meter::default(),
            shares,
        })
    }

    /// # Errors
    /// As for [`ModelFile::open`].
    pub(super) fn model(&mut self) -> Result<ModelFile> {
        let path = &self.settings.model;
        let model = self.meter.measure(|| match &self.settings.model_sha256 {
            Some(hash) => ModelFile::open_checked(path, |file| hash.check(path, file)),
            None => ModelFile::open(path),
        })?;
        self.shares.weights = model.mapped_bytes();
        Ok(model)
    }

    /// Builds the network; the model's file is not needed any more.
    ///
    /// # Errors
    /// As for [`engine::load`], [`Workspace::new`] and [`Estimator::new`]; [`ErrorKind::Memory`](crate::ErrorKind::Memory) if there is a budget and the
    /// engine cannot keep to any.
    pub(super) fn network(&mut self, model: ModelFile) -> Result<Pipeline> {
        let settings = self.settings;
        let pipeline = self.meter.measure(|| {
            let network = engine::load(&model, settings.engine, settings.threads)?;
            if settings.memory_budget_bytes.is_some() && network.workspace().is_none() {
                return Err(Error::memory(format!(
                    "{} runs on {}, which takes memory as it runs, so that no memory budget can be \
                     kept: quantise it (models/quantize.py)",
                    Shown::path(model.path()),
                    network.describe().name
                )));
            }
            let work = Workspace::new(network.workspace(), settings.threads)?;
            let estimator = Estimator::new(&model, network)?;
            drop(model);
            Ok(Pipeline::new(
                estimator,
                work,
                settings.bbox,
                settings.min_score,
            ))
        })?;
        self.shares.network = self.meter.kept_bytes();
        self.shares.loading = self.meter.most_bytes();
        Ok(pipeline)
    }

    /// The table, once the network is there.
    pub(super) fn budget(&self) -> Budget {
        Budget::new(&self.shares)
    }

    /// Holds the program to its budget from here on, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`](crate::ErrorKind::Memory) if it is too small; the table is on standard error then.
    pub(super) fn enforce(&self) -> Result<()> {
        let budget = self.budget();
        memory::trim();
        let Some(allowed) = self.settings.memory_budget_bytes else {
            log::debug!(
                "memory: {} KiB in all, no budget",
                budget.total_bytes() / 1024
            );
            return Ok(());
        };
        if let Err(error) = budget.check(allowed) {
            logging::last_line(&budget.to_string());
            return Err(error);
        }
        memory::set_limit(allowed - budget.mapped_bytes());
        log::info!(
            "memory: {} KiB in all, the budget is {} KiB",
            budget.total_bytes() / 1024,
            allowed / 1024
        );
        Ok(())
    }
}
