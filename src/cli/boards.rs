//! `posewire boards`: the boards that are known, and what is known of them.

use super::command::{Accepts, Command, Given};
use super::say;
use crate::board::{self, Profile, WORKLOADS, Workload};
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "boards",
    summary: "list the boards that are known, or show one",
    about: "List the boards that posewire has a profile of, or show one in full.",
    usage: &["[NAME]"],
    positional: Some("NAME"),
    options: &[],
    settings: Accepts::These(&[]),
    notes: "\
Frame rates are computed from measured instruction counts, not measured: boards/README.md says how.",
    examples: &["rpi4"],
    run,
};

fn run(given: Given) -> Result<()> {
    let name = given.positional();
    match name {
        Some(name) => show(&board::find(&name)?),
        None => list(&board::all()?),
    }
    Ok(())
}

fn list(boards: &[Profile]) {
    let [hand, body] = WORKLOADS.map(|workload| workload.name);
    let mut rows = vec![
        [
            "name", "board", "cores", "kernel", "threads", "budget", hand, body,
        ]
        .map(String::from),
    ];
    for board in boards {
        let rate = |workload: &Workload| match (workload.fits(board), workload.rate(board)) {
            (false, _) => "does not fit".into(),
            (true, None) => "-".into(),
            (true, Some(rate)) => format!("{:.1}", rate.all_threads),
        };
        rows.push([
            board.name.clone(),
            board.title.clone(),
            format!("{} x {}", board.cpu.cores, board.cpu.core),
            board.kernel.clone(),
            board.threads.to_string(),
            board.limits.memory_budget.clone(),
            rate(&WORKLOADS[0]),
            rate(&WORKLOADS[1]),
        ]);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        say!("{}", cells.join("  ").trim_end());
    }
    say!();
    say!(
        "{hand} and {body}: frames a second of the full-size networks on all threads, computed, not measured"
    );
}

fn show(board: &Profile) {
    let line = |name: &str, text: &str| say!("{name:<14} {text}");
    line("board", &format!("{} ({})", board.title, board.name));
    if let Some(parent) = &board.inherits {
        line("inherits", parent);
    }
    if !board.device_tree.is_empty() {
        line("device tree", &board.device_tree.join(", "));
    }
    let clock = board
        .cpu
        .clock_mhz
        .map_or(String::new(), |mhz| format!(" at {mhz} MHz"));
    line(
        "processor",
        &format!("{} x {}{clock}", board.cpu.cores, board.cpu.core),
    );
    line("RAM", &format!("{} MiB or more", board.cpu.ram_mib));
    line("target", &board.target);
    line("kernel", &board.kernel);
    if let Some(core) = &board.compile_for {
        line("plans for", core);
    }
    let run = &board.settings;
    let pinned = match run.get("pin") {
        Some("true") => ", each on a processor of its own",
        _ => "",
    };
    line("threads", &format!("{}{pinned}", board.threads));
    let fps = run.get("camera-fps").map(|fps| format!("{fps} a second"));
    let camera: Vec<String> = [
        run.get("camera-size").map(str::to_owned),
        fps,
        run.get("camera-format").map(str::to_owned),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !camera.is_empty() {
        line("camera", &camera.join(", "));
    }
    line("memory budget", &board.limits.memory_budget);
    if let Some(priority) = board.limits.realtime {
        line(
            "realtime",
            &format!("priority {priority}, for an installed service"),
        );
    }
    if let Some(device) = &board.serial.device {
        line("serial line", device);
    }
    for trap in &board.serial.traps {
        line("", &format!("- {trap}"));
    }
    for workload in &WORKLOADS {
        line(workload.name, &speed(workload, board));
    }
}

fn speed(workload: &Workload, board: &Profile) -> String {
    if !workload.fits(board) {
        return format!(
            "{} MiB and what camera and network need do not fit into the budget",
            workload.memory_mib
        );
    }
    match (workload.rate(board), board.cpu.instructions_per_cycle) {
        (Some(rate), Some(assumed)) => format!(
            "{:.1} frames/s, {:.1} on one thread (computed, not measured: {assumed} instructions a cycle assumed)",
            rate.all_threads, rate.one_thread
        ),
        _ => "fits; its speed is not known".into(),
    }
}
