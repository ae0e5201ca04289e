//! From settings to a network that is ready to run, and the sum of its memory.

use super::logging;
use crate::engine::{self, Workspace};
use crate::error::{Error, Result};
use crate::model::{ModelCard, ModelFile};
use crate::pipeline::{Estimator, Finder, Pipeline, SeveralOptions};
use crate::process::memory::{self, Budget, Meter, Parts};
use crate::process::thread::{self, Role};
use crate::scene::Task;
use crate::settings::Settings;
use crate::sink::SinkSpec;
use crate::text::Shown;
use std::path::PathBuf;

/// The least heap while the model is read: enough for the table of a budget that is too small.
const LEAST_LOADING_BYTES: u64 = 64 << 20;

/// The cards of the networks of joints, in order.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model) if a model has no card, [`ErrorKind::Usage`](crate::ErrorKind::Usage) if
/// there are two finders, or nothing but a finder.
pub(super) fn cards(models: &[ModelFile]) -> Result<Vec<ModelCard>> {
    let (finders, others): (Vec<_>, Vec<_>) =
        models.iter().partition(|model| model.finder().is_some());
    let cards = others.iter().map(|model| model.require_card().cloned());
    let cards = cards.collect::<Result<Vec<ModelCard>>>()?;
    match (&finders[..], &cards[..]) {
        ([first, ..], []) => Err(Error::usage(format!(
            "{} is a finder, which sees no joints: give --model a second time, for hands or persons",
            Shown::path(first.path())
        ))),
        ([_, second, ..], _) => Err(Error::usage(format!(
            "{} is a second finder: give one",
            Shown::path(second.path())
        ))),
        _ => Ok(cards),
    }
}

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
            pictures: footprint.heap_bytes + sinks + settings.record.heap_bytes(),
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
    pub(super) fn models(&mut self) -> Result<Vec<ModelFile>> {
        let settings = self.settings;
        let open = |at: usize, path: &PathBuf| match settings.model_hashes.get(at) {
            Some(hash) => ModelFile::open_checked(path, |file| hash.check(path, file)),
            None => ModelFile::open(path),
        };
        let models = self.meter.measure(|| {
            let paths = settings.models.iter().enumerate();
            paths
                .map(|(at, path)| open(at, path))
                .collect::<Result<Vec<ModelFile>>>()
        })?;
        self.shares.weights = models.iter().map(ModelFile::mapped_bytes).sum();
        Ok(models)
    }

    /// Builds the networks, which share one workspace; the models' files are not needed any more.
    ///
    /// # Errors
    /// As for [`engine::load`], [`Workspace::new`], [`Estimator::new`] and [`Pipeline::several`];
    /// [`ErrorKind::Memory`](crate::ErrorKind::Memory) if there is a budget and the engine cannot keep to any.
    pub(super) fn pipeline(&mut self, models: Vec<ModelFile>) -> Result<Pipeline> {
        let settings = self.settings;
        let looks = settings.looks();
        let pipeline = self.meter.measure(|| {
            let mut estimators = Vec::with_capacity(models.len());
            let mut finder = None;
            let mut sizes = Vec::with_capacity(models.len());
            for model in models {
                let network = engine::load(&model, settings.engine, settings.threads)?;
                if settings.memory_budget_bytes.is_some() && network.workspace().is_none() {
                    return Err(Error::memory(format!(
                        "{} runs on {}, which takes memory as it runs, so that no memory budget can be \
                         kept: quantise it with posewire quantize",
                        Shown::path(model.path()),
                        network.describe().name
                    )));
                }
                sizes.extend(network.workspace());
                if model.finder().is_some() {
                    finder = Some(Finder::new(&model, network)?.mounted(looks.mount));
                } else {
                    estimators.push(Estimator::new(&model, network)?.with_options(&looks));
                }
            }
            let work = Workspace::new(sizes, settings.threads)?;
            if settings.follows_several() {
                let most = settings.most;
                let options = SeveralOptions {
                    hands: most.of(Task::Hand),
                    bodies: most.of(Task::Body),
                    limit: most.of_all(),
                    roi: settings.roi,
                    budget: settings.frame_budget,
                    min_score: settings.min_score,
                    smooth: settings.smooth.unwrap_or_default(),
                    costs: None,
                };
                for (name, given, task) in [
                    ("hands", most.hands, Task::Hand),
                    ("bodies", most.bodies, Task::Body),
                ] {
                    let has_model = estimators.iter().any(|one| one.card().task == task);
                    if given.is_some() && !has_model {
                        return Err(Error::usage(format!(
                            "--{name}: no model is for the task {}: give --model a second time",
                            task.name()
                        )));
                    }
                }
                return Pipeline::several(estimators, finder, work, &options);
            }
            let estimator = estimators.pop().ok_or_else(|| Error::usage("no model"))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{assemble_plan, finder_test_card, test_card};
    use serde::Serialize;

    /// A plan with this card and no network.
    fn model(name: &str, card: &impl Serialize) -> ModelFile {
        let json = serde_json::to_string(card).unwrap();
        let file = assemble_plan(1, json.as_bytes(), "portable", &[1], &[9]).unwrap();
        let path = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        std::fs::write(&path, file).unwrap();
        let model = ModelFile::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        model
    }

    #[test]
    fn a_finder_comes_with_another_model_and_alone() {
        let hand = || model("a-hand", &test_card());
        let finder = |name| model(name, &finder_test_card());
        let both = [finder("a-finder"), hand()];
        assert_eq!(cards(&both).unwrap(), [test_card()]);
        let refused = |models: &[ModelFile]| cards(models).unwrap_err().to_string();
        let error = refused(&[finder("alone")]);
        assert!(
            error.contains("alone") && error.contains("a second time"),
            "{error}"
        );
        let error = refused(&[finder("first"), hand(), finder("second")]);
        assert!(
            error.contains("second-") && error.contains("give one"),
            "{error}"
        );
    }
}
