//! Costs of the reference networks, and the frame rates that they give on a board.
//!
//! The costs are measured. Rates are computed from them with the assumptions in each board's file. Every output of a
//! rate says so.

use super::Profile;

/// Measured costs of one network: SPECIFICATION.md, "Speed and memory, measured".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    pub name: &'static str,
    /// Kernel family, and million instructions per frame on one thread.
    pub instructions_m: &'static [(&'static str, u64)],
    /// Peak memory of the whole process in the plans-only build, rounded up.
    pub memory_mib: u64,
}

pub const WORKLOADS: [Workload; 2] = [
    Workload {
        name: "hand",
        instructions_m: &[("neon", 1347), ("neon-dot", 642), ("neon-i8mm", 423)],
        memory_mib: 42,
    },
    Workload {
        name: "body",
        instructions_m: &[("neon", 2875), ("neon-dot", 2315), ("neon-i8mm", 1426)],
        memory_mib: 102,
    },
];

/// Memory for camera, network and serial line, besides the neural network's.
const REST_MIB: u64 = 16;
/// Assumed gain of each thread after the first. Measured: two threads are 1.9 times as fast as one. Four threads
/// that share one path to memory may be far from four times as fast.
const FURTHER_THREAD: f64 = 0.5;

/// Frames per second of a network on a board: computed, not measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub one_thread: f64,
    pub all_threads: f64,
}

impl Workload {
    /// True if the network fits the board's memory budget.
    pub fn fits(&self, board: &Profile) -> bool {
        self.memory_mib + REST_MIB <= board.limits.memory_budget_mib
    }

    /// The rate; `None` if the board's clock or the network's cost is unknown.
    pub fn rate(&self, board: &Profile) -> Option<Rate> {
        let cost_m = self
            .instructions_m
            .iter()
            .find(|(kernel, _)| *kernel == board.kernel)?
            .1;
        let clock_mhz = f64::from(board.cpu.clock_mhz?);
        let one_thread = clock_mhz * board.cpu.instructions_per_cycle? / cost_m as f64;
        let further = board.threads.saturating_sub(1) as f64;
        Some(Rate {
            one_thread,
            all_threads: one_thread * (1.0 + FURTHER_THREAD * further),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costs_are_those_of_the_specification() {
        let specification = include_str!("../../SPECIFICATION.md");
        for (row, kernel) in [
            ("| cortex-a72 ", "neon"),
            ("| cortex-a76 ", "neon-dot"),
            ("| neoverse-n2 ", "neon-i8mm"),
        ] {
            let line = specification.lines().find(|line| line.starts_with(row));
            let cells: Vec<&str> = line.unwrap().split('|').map(str::trim).collect();
            for (network, cell) in WORKLOADS.iter().zip(&cells[2..]) {
                let cost = network
                    .instructions_m
                    .iter()
                    .find(|(name, _)| *name == kernel);
                let written = cost.map(|(_, m)| format!("{}.{:03} G", m / 1000, m % 1000));
                assert_eq!(written.unwrap_or_default(), *cell, "{row}{}", network.name);
            }
        }
        let line = specification
            .lines()
            .find(|line| line.starts_with("| peak memory, plan-only build"));
        let cells: Vec<&str> = line.unwrap().split('|').map(str::trim).collect();
        for (network, cell) in WORKLOADS.iter().zip(&cells[2..]) {
            let mib: f64 = cell.strip_suffix(" MiB").unwrap().parse().unwrap();
            assert_eq!(network.memory_mib, mib.ceil() as u64, "{}", network.name);
        }
    }

    #[test]
    fn a_rate_is_clock_times_instructions_a_cycle_by_the_cost() {
        let board = super::super::find("rpi4").unwrap();
        let rate = WORKLOADS[0].rate(&board).unwrap();
        assert!((rate.one_thread - 1500.0 / 1347.0).abs() < 1e-9, "{rate:?}");
        assert!((rate.all_threads / rate.one_thread - 2.0).abs() < 1e-9);
    }
}
