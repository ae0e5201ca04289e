//! Whole small plans in plain Rust, under whatever watches memory and threads: Miri among others.

use super::*;
use std::ops::RangeInclusive;

/// Compiled from networks that have every kind of step: tests/fuzz/make.py.
const PLANS: [(&str, &[u8]); 4] = [
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
];

// An interpreter takes half a minute for a frame, and sees a race without comparing.
const FRAMES: usize = if cfg!(miri) { 1 } else { 2 };
const THREADS: RangeInclusive<usize> = if cfg!(miri) { 2..=2 } else { 1..=4 };
/// The first has nothing that the others have not.
const SKIPPED: usize = if cfg!(miri) { 1 } else { 0 };

fn heatmaps(plan: &[u8], threads: usize) -> Vec<f32> {
    let path = Path::new("test.plan");
    let file = PlanFile::from_bytes(plan).unwrap();
    let mut engine = Int8Engine::from_file(path, &file, threads.into()).unwrap();
    let count = engine.input_shape().iter().product();
    let input: Vec<f32> = (0..count)
        .map(|index: usize| (index * 37 % 101) as f32 / 20.0 - 2.5)
        .collect();
    let mut heatmaps = vec![0.0; engine.output_shape().iter().product()];
    // The second frame finds the arena as the first one left it.
    for _ in 0..FRAMES {
        engine.infer(&input, &mut heatmaps).unwrap();
    }
    heatmaps
}

#[test]
fn a_plan_in_memory_runs_the_same_on_any_number_of_threads() {
    for (name, plan) in PLANS.into_iter().skip(SKIPPED) {
        let mut results = THREADS.map(|threads| heatmaps(plan, threads));
        let first = results.next().unwrap();
        assert!(first.iter().any(|&value| value != first[0]), "{name}");
        assert!(results.all(|result| result == first), "{name}");
    }
}

#[test]
fn the_plans_have_both_methods_and_all_kinds_of_steps() {
    let mut kinds = [0; 5];
    for (_, plan) in PLANS {
        let file = PlanFile::from_bytes(plan).unwrap();
        let engine = Int8Engine::from_file(Path::new("test.plan"), &file, 1.into()).unwrap();
        for step in &engine.plan.steps {
            let kind = match step {
                plan::Step::Quantize { .. } => 0,
                plan::Step::Conv(step) => match step.method {
                    plan::conv::Method::Direct { .. } => 1,
                    plan::conv::Method::Winograd(_) => 2,
                },
                plan::Step::MaxPool { .. } => 3,
                plan::Step::Add { .. } => 4,
            };
            kinds[kind] += 1;
        }
    }
    assert!(kinds.iter().all(|&count| count > 0), "{kinds:?}");
}
