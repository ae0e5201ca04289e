//! `posewire boards`: the boards that are known, and what is known of them.

use super::args::{Args, Item};
use super::say;
use crate::board::{self, NETWORKS, Network, Profile};
use crate::error::Result;

const HELP: &str = "\
List the boards that posewire has a profile of, or show one in full.

Usage: posewire boards [NAME]

Frame rates are computed from measured instruction counts, not measured: boards/README.md says how.

Example: posewire boards rpi4
";

pub fn main(mut args: Args) -> Result<()> {
    let mut name = None;
    while let Some(item) = args.next()? {
        match item {
            Item::Positional(value) if name.is_none() => {
                name = Some(value.to_string_lossy().into_owned());
            }
            Item::Option(name) if name == "help" => {
                say!("{HELP}");
                return Ok(());
            }
            other => return Err(Args::unknown(other)),
        }
    }
    match name {
        Some(name) => show(&board::find(&name)?),
        None => list(&board::all()?),
    }
    Ok(())
}

fn list(boards: &[Profile]) {
    let [hand, body] = NETWORKS.map(|network| network.name);
    let mut rows = vec![
        [
            "name", "board", "cores", "kernel", "threads", "budget", hand, body,
        ]
        .map(String::from),
    ];
    for board in boards {
        let rate = |network: &Network| match (network.fits(board), network.rate(board)) {
            (false, _) => "does not fit".into(),
            (true, None) => "-".into(),
            (true, Some(rate)) => format!("{:.1}", rate.all_threads),
        };
        rows.push([
            board.name.clone(),
            board.title.clone(),
            format!("{} x {}", board.cpu.cores, board.cpu.core),
            board.kernel.clone(),
            board.defaults.threads.unwrap_or(1).to_string(),
            board.limits.memory_budget.clone(),
            rate(&NETWORKS[0]),
            rate(&NETWORKS[1]),
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
    let defaults = &board.defaults;
    let pinned = match defaults.pin {
        Some(true) => ", each on a processor of its own",
        _ => "",
    };
    line(
        "threads",
        &format!("{}{pinned}", defaults.threads.unwrap_or(1)),
    );
    let fps = defaults.camera_fps.map(|fps| format!("{fps} a second"));
    let camera: Vec<String> = [
        defaults.camera_size.clone(),
        fps,
        defaults.camera_format.clone(),
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
    for network in &NETWORKS {
        line(network.name, &speed(network, board));
    }
}

fn speed(network: &Network, board: &Profile) -> String {
    if !network.fits(board) {
        return format!(
            "{} MiB and what camera and network need do not fit into the budget",
            network.memory_mib
        );
    }
    match (network.rate(board), board.cpu.instructions_per_cycle) {
        (Some(rate), Some(assumed)) => format!(
            "{:.1} frames/s, {:.1} on one thread (computed, not measured: {assumed} instructions a cycle assumed)",
            rate.all_threads, rate.one_thread
        ),
        _ => "fits; its speed is not known".into(),
    }
}
