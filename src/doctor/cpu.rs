//! The processor: its kernel family, and the cost of a missing dot product.

use super::{Finding, Subject};
use crate::board::WORKLOADS;

const CHECK: &str = "cpu";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let here = facts.kernel_family;
    let features = facts.files.field("/proc/cpuinfo", "Features");
    let has_dot =
        features.is_some_and(|list| list.split_whitespace().any(|word| word == "asimddp"));
    // A generic profile promises only the minimum. A named or recognised board promises its own family.
    let is_one_board = !subject.board.device_tree.is_empty() || subject.request.board.is_some();
    if let Some(mismatch) = subject.board.mismatch(here).filter(|_| is_one_board) {
        let advice = format!(
            "compile plans with --kernel {here}, unless POSEWIRE_KERNEL was set by mistake"
        );
        return vec![Finding::warning(CHECK, mismatch, advice)];
    }
    vec![match here {
        "neon" if has_dot => Finding::warning(
            CHECK,
            "kernel family neon, but the processor has the dot product",
            "unset POSEWIRE_KERNEL",
        ),
        "neon" => Finding::ok(
            CHECK,
            format!(
                "kernel family neon: no dot product, so a frame costs {}",
                what_it_costs()
            ),
        ),
        "portable" => Finding::warning(
            CHECK,
            "kernel family portable: this kind of processor has no fast kernel",
            "use a 64-bit ARM system, or a PC with AVX2",
        ),
        family => Finding::ok(CHECK, format!("kernel family {family}")),
    }]
}

/// Cost relative to a processor with the dot product, by measured instructions.
fn what_it_costs() -> String {
    let parts: Vec<String> = WORKLOADS
        .iter()
        .filter_map(|network| {
            let cost = |family: &str| {
                let mut costs = network.instructions_m.iter();
                Some(costs.find(|(name, _)| *name == family)?.1 as f64)
            };
            let times = cost("neon")? / cost("neon-dot")?;
            Some(format!(
                "{times:.1} times the instructions ({})",
                network.name
            ))
        })
        .collect();
    parts.join(", ")
}
