//! `posewire inspect`: what is in a model file.

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::startup::{self, Startup};
use super::{layers, say, say_lines};
use crate::engine::{self, EngineChoice};
use crate::error::{Error, Result};
use crate::model::{Contents, FinderCard, ModelCard, ModelFile, PresenceRule};
use crate::text::Shown;
#[cfg(feature = "onnx")]
use std::collections::BTreeMap;
use std::path::PathBuf;
#[cfg(feature = "onnx")]
use tract_onnx::pb::ModelProto;

pub const COMMAND: Command = Command {
    name: "inspect",
    summary: "say what is in a model file, or what memory a run takes",
    about: "\
Say what is in a model file: its SHA-256 (for `run --model-sha256`), its card, its operators, its shapes,
and what would run it. Or what memory a run would take, without running it.",
    usage: &["FILE", "--budget [FILE] [OPTIONS of posewire run]"],
    positional: Some("FILE"),
    options: &[CommandOption {
        name: "budget",
        argument: None,
        default: None,
        help: "print the memory of a run with these options, item by item",
    }],
    settings: Accepts::AllOfRun,
    notes: "",
    examples: &[
        "hand.int8.onnx",
        "--budget hand.plan --threads 4 --camera-size 1280x720",
    ],
    run,
};

fn run(given: Given) -> Result<()> {
    if given.has("budget") {
        return print_budget(&given);
    }
    if let Some((row, _)) = given.line.values().last() {
        return Err(Error::usage(format!(
            "--{} is for --budget: try --help",
            row.name
        )));
    }
    let path = given
        .positional()
        .map(PathBuf::from)
        .ok_or_else(|| Error::usage("no model file: try `posewire inspect --help`"))?;
    let input = Named {
        role: "the model",
        path: &path,
    };
    clash::check(&[input], &[clash::standard_output()])?;
    let (model, hash) = ModelFile::open_hashed(&path)?;
    say!(
        "file       {} ({:.1} MB)",
        Shown::path(&path),
        model.bytes() as f64 / 1e6
    );
    say!("sha256     {hash}");
    match (model.card(), model.finder()) {
        (Some(card), _) => print_card(card),
        (None, Some(card)) => print_finder(card),
        (None, None) => say!("card       none: `run` and `bench` need one, `infer` does not"),
    }
    match model.contents() {
        #[cfg(feature = "onnx")]
        Contents::Onnx(proto) => print_graph(proto),
        Contents::Plan(plan) => say!("plan       for the kernel {}", plan.kernel()),
    }
    let network = engine::load(&model, EngineChoice::Auto, 1)?;
    if let Some(card) = model.card() {
        engine::check_shapes(&path, card, network.as_ref())?;
    }
    if let Some(card) = model.finder() {
        engine::check_finder_shapes(&path, card, network.as_ref())?;
    }
    let description = network.describe();
    say!("input      {:?} float32", description.input_shape);
    for shape in &description.output_shapes {
        say!("output     {shape:?} float32");
    }
    say!("engine     {}", description.name);
    Ok(())
}

/// The table of what a run takes, with a camera if no other source is named.
fn print_budget(given: &Given) -> Result<()> {
    let mut line = given.line.clone();
    if let Some(path) = given.positional() {
        line.set("model", path)?;
    }
    let mut settings = layers::settings(&line)?;
    if settings.source.is_none() {
        settings.source = Some("v4l2:auto".parse()?);
    }
    let settings = settings.finish()?;
    let mut startup = Startup::begin(&settings)?;
    let models = startup.models()?;
    startup::cards(&models)?;
    startup.pipeline(models)?;
    let budget = startup.budget();
    say_lines(budget.to_string().lines());
    settings
        .memory_budget_bytes
        .map_or(Ok(()), |allowed| budget.check(allowed))
}

fn print_card(card: &ModelCard) {
    say!(
        "task       {}, {} joints ({})",
        card.task.name(),
        card.joints.len(),
        card.joint_table
    );
    say!("joints     {}", card.joints.join(" "));
    if !card.extra_channels.is_empty() {
        let names: Vec<&str> = card.extra_channels.iter().map(|one| one.name()).collect();
        say!("also tells {}", names.join(" "));
    }
    let PresenceRule { birth, keep } = card.presence();
    say!("presence   from {birth} on for a new instance, from {keep} on for a followed one");
    say!(
        "crop       padding {}, mean {:?}, std {:?}",
        card.crop_padding,
        card.mean,
        card.std
    );
    say!("decode     {:?}", card.decode);
    print_source(&card.source, &card.source_sha256);
}

fn print_finder(card: &FinderCard) {
    say!("task       finder: places of hands and persons");
    say!("input      mean {:?}, std {:?}", card.mean, card.std);
    let PresenceRule { birth, keep } = card.presence();
    say!("peaks      from {birth} on for a new instance, from {keep} on for a followed one");
    print_source(&card.source, &card.source_sha256);
}

fn print_source(source: &str, sha256: &str) {
    let hash = match sha256 {
        "" => "no checkpoint",
        hash => hash,
    };
    say!("source     {source} ({hash})");
}

#[cfg(feature = "onnx")]
fn print_graph(proto: &ModelProto) {
    let Some(graph) = &proto.graph else { return };
    let mut operators = BTreeMap::<&str, usize>::new();
    for node in &graph.node {
        *operators.entry(&node.op_type).or_default() += 1;
    }
    let operators: Vec<String> = operators
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    say!("operators  {}", operators.join(", "));
    let weights: i64 = graph
        .initializer
        .iter()
        .map(|tensor| {
            tensor
                .dims
                .iter()
                .fold(1_i64, |product, &dim| product.saturating_mul(dim))
        })
        .fold(0, i64::saturating_add);
    say!("weights    {:.2} M numbers", weights as f64 / 1e6);
}
