//! Whole small plans in plain Rust, also under Miri, which watches memory and threads.

use super::network::Int8Network;
use super::plan;
use super::run::Workspace;
use crate::engine::network::{Network, Outputs};
use crate::model::PlanFile;
use std::ops::RangeInclusive;
use std::path::Path;

/// Compiled from networks that have every kind of step: tests/fuzz/make.py.
const PLANS: [(&str, &[u8]); 8] = [
    (
        "plain",
        include_bytes!("../../../tests/fuzz/corpus/plan/plain-portable.plan"),
    ),
    (
        "residual",
        include_bytes!("../../../tests/fuzz/corpus/plan/residual-portable.plan"),
    ),
    (
        "hourglass",
        include_bytes!("../../../tests/fuzz/corpus/plan/hourglass-portable.plan"),
    ),
    (
        "transposed",
        include_bytes!("../../../tests/fuzz/corpus/plan/transposed-portable.plan"),
    ),
    (
        "mapped",
        include_bytes!("../../../tests/fuzz/corpus/plan/mapped-portable.plan"),
    ),
    (
        "float",
        include_bytes!("../../../tests/fuzz/corpus/plan/float-portable.plan"),
    ),
    (
        "gated",
        include_bytes!("../../../tests/fuzz/corpus/plan/gated-portable.plan"),
    ),
    (
        "float-gated",
        include_bytes!("../../../tests/fuzz/corpus/plan/float-gated-portable.plan"),
    ),
];

// An interpreter takes half a minute for a frame, and sees a race without comparing.
const FRAMES: usize = if cfg!(miri) { 1 } else { 2 };
const THREADS: RangeInclusive<usize> = if cfg!(miri) { 2..=2 } else { 1..=4 };
/// The first has no kind of step that the others lack.
const SKIPPED: usize = if cfg!(miri) { 1 } else { 0 };

fn network(plan: &[u8]) -> Int8Network {
    let file = PlanFile::from_bytes(plan).unwrap();
    Int8Network::from_file(Path::new("test.plan"), &file).unwrap()
}

/// Runs twice: the second frame finds the workspace as the first one leaves it.
fn heatmaps(network: &mut Int8Network, workspace: &mut Workspace) -> Vec<f32> {
    let count = network.describe().input_len();
    let input: Vec<f32> = (0..count)
        .map(|index: usize| (index * 37 % 101) as f32 / 20.0 - 2.5)
        .collect();
    let mut outputs = Outputs::new(network.describe());
    for _ in 0..FRAMES {
        network.run(workspace, &input, &mut outputs).unwrap();
    }
    outputs.get(0).to_vec()
}

#[test]
fn a_plan_in_memory_runs_the_same_on_any_number_of_threads() {
    for (name, plan) in PLANS.into_iter().skip(SKIPPED) {
        let mut network = network(plan);
        let mut results = THREADS.map(|threads| {
            let mut workspace = Workspace::new(network.workspace(), threads).unwrap();
            heatmaps(&mut network, &mut workspace)
        });
        let first = results.next().unwrap();
        assert!(first.iter().any(|&value| value != first[0]), "{name}");
        assert!(results.all(|result| result == first), "{name}");
    }
}

#[test]
fn the_plans_have_both_methods_and_all_kinds_of_steps() {
    let mut kinds = [0; 17];
    for (_, plan) in PLANS {
        for step in &network(plan).plan.steps {
            let kind = match step {
                plan::Step::Quantize { .. } => 0,
                plan::Step::Conv(step) => match step.method {
                    plan::conv::Method::Direct { .. } => 1,
                    plan::conv::Method::Winograd(_) => 2,
                },
                plan::Step::MaxPool { .. } => 3,
                plan::Step::Add { .. } => 4,
                plan::Step::Map { .. } => 5,
                plan::Step::Input(_) => 6,
                plan::Step::Float(step) => match step.op {
                    plan::FloatStepOp::Conv { .. } => 7,
                    plan::FloatStepOp::MaxPool(_) => 8,
                    plan::FloatStepOp::Sum(_) => 9,
                    plan::FloatStepOp::Average(_) => 10,
                    plan::FloatStepOp::Product(_) => 11,
                    plan::FloatStepOp::Levels(_) => 12,
                },
                plan::Step::Depthwise(_) => 13,
                plan::Step::Average { .. } => 14,
                plan::Step::Multiply { .. } => 15,
                plan::Step::Channels { .. } => 16,
            };
            kinds[kind] += 1;
        }
    }
    assert!(kinds.iter().all(|&count| count > 0), "{kinds:?}");
}

#[test]
#[cfg_attr(miri, ignore = "runs all plans four times")]
fn networks_that_share_a_workspace_give_what_they_give_alone() {
    let mut networks = PLANS.map(|(_, plan)| network(plan));
    let sizes = networks.iter().filter_map(|network| network.workspace());
    let mut shared = Workspace::new(sizes, 2).unwrap();
    for _ in 0..2 {
        for network in &mut networks {
            let mut own = Workspace::new(network.workspace(), 2).unwrap();
            let alone = heatmaps(network, &mut own);
            assert!(heatmaps(network, &mut shared) == alone);
        }
    }
}

#[test]
fn lent_things_of_other_sizes_are_refused() {
    let mut network = network(PLANS[0].1);
    let mut outputs = Outputs::new(network.describe());
    let input = vec![0.0; network.describe().input_len()];
    let mut none = Workspace::new(None, 1).unwrap();
    let refused = network.run(&mut none, &input, &mut outputs).unwrap_err();
    assert!(refused.to_string().contains("workspace"), "{refused}");
    let mut workspace = Workspace::new(network.workspace(), 1).unwrap();
    let refused = network.run(&mut workspace, &input[1..], &mut outputs);
    assert!(refused.unwrap_err().to_string().contains("input"));
    let mut description = network.describe().clone();
    description.output_shapes[0][1] += 1;
    let mut others = Outputs::new(&description);
    let refused = network.run(&mut workspace, &input, &mut others);
    assert!(refused.unwrap_err().to_string().contains("outputs"));
}
