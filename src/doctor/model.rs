//! The model: it must open, have a card, and fit this processor.

use super::{Finding, Subject};
use crate::engine::{self, EngineChoice};
use crate::error::Result;
use crate::model::{Contents, ModelFile};
use crate::text::Shown;
use std::path::Path;

const CHECK: &str = "model";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(path) = &subject.request.model else {
        return Vec::new();
    };
    let here = subject.facts.kernel_family;
    vec![match look(path, here) {
        Err(error) => Finding::fail(
            CHECK,
            error.to_string(),
            "posewire inspect says more; README.md has how models are made",
        ),
        Ok(finding) => finding,
    }]
}

fn look(path: &Path, here: &str) -> Result<Finding> {
    let model = ModelFile::open(path)?;
    if model.finder().is_none() {
        model.require_card()?;
    }
    let shown = Shown::path(path);
    let network = match (
        engine::load(&model, EngineChoice::Auto, 1),
        model.contents(),
    ) {
        (loaded, Contents::Plan(plan)) if plan.kernel() != here => {
            let what = format!(
                "{shown} is for the kernel family {}, this processor gives {here}",
                plan.kernel()
            );
            let runs = loaded.is_ok();
            let advice = format!("compile the model with --kernel {here}");
            return Ok(Finding::bad(!runs, CHECK, what, advice));
        }
        (loaded, _) => loaded?,
    };
    let what = if let Some(card) = model.finder() {
        engine::check_finder_shapes(path, card, network.as_ref())?;
        "finder".to_string()
    } else {
        let card = model.require_card()?;
        engine::check_shapes(path, card, network.as_ref())?;
        format!("{}, {} joints", card.task.name(), card.joints.len())
    };
    let engine = &network.describe().name;
    Ok(Finding::ok(
        CHECK,
        format!("{shown}: {what}, runs on {engine}"),
    ))
}
