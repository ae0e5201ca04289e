//! `cargo xtask guard`: ARM instructions of a frame of the shipped networks, against the committed baseline.
//!
//! In: the board program, plans of the shipped networks for each kernel family, and `benches/instructions.json`. Out: a
//! table. Instructions are counted under qemu-user, so the figure does not depend on this machine. More than 1 % above the
//! baseline fails; `--renew` writes the measured figures as the new baseline.

use crate::arm::PROCESSORS;
use crate::tools::{self, Outcome, at, text};
use crate::{cargo, plans};
use posewire::npy;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BASELINE: &str = "benches/instructions.json";
const COUNTER: &str = "benches/instructions.c";
/// The input of the shipped pose networks, and of the finder.
const POSE_SHAPE: [usize; 4] = [1, 3, 256, 256];
const FINDER_SHAPE: [usize; 4] = [1, 3, 240, 320];
/// The core whose caches are assumed for all of them; they matter for the one without the dot product.
const CORE: &str = "cortex-a72";
/// Growth that the compiler's moods explain.
const MOST_GROWTH: f64 = 1.01;

/// Counts and compares. True if nothing grew.
pub fn main(arguments: &[String]) -> Outcome<bool> {
    let renews = match arguments {
        [] => false,
        [only] if only == "--renew" => true,
        _ => return Err("guard takes --renew or nothing".into()),
    };
    let folder = tools::target()?.join("guard");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let counter = folder.join("instructions.so");
    tools::run(
        Command::new("gcc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .arg(&counter)
            .arg(tools::repository()?.join(COUNTER)),
    )?;
    let input = |name: &str, shape: &[usize]| -> Outcome<PathBuf> {
        let path = folder.join(name);
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|index: usize| (index * 37 % 256) as f32 / 64.0 - 2.0)
            .collect();
        npy::write(&path, shape, &values).map_err(|error| error.to_string())?;
        Ok(path)
    };
    let pose_input = input("input.npy", &POSE_SHAPE)?;
    let finder_input = input("finder-input.npy", &FINDER_SHAPE)?;
    let program = cargo::board_program(cargo::BOARD_TARGET)?;
    let path = tools::repository()?.join(BASELINE);
    let baseline: Value = match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| format!("{BASELINE}: {error}"))?
        }
        Err(_) if renews => Value::Null,
        Err(error) => return Err(format!("{BASELINE}: {error}")),
    };
    let mut counted = serde_json::Map::new();
    let mut has_grown = false;
    println!(
        "{:<12} {:<6} {:>12} {:>12} {:>8}",
        "processor", "net", "baseline", "now", "ratio"
    );
    for (processor, family) in PROCESSORS {
        let mut row = serde_json::Map::new();
        for (network, plan) in plans::compile(family, None)? {
            let file = folder.join(format!("{network}.{family}.plan"));
            fs::write(&file, plan).map_err(at(&file))?;
            let input = match network {
                "finder" => &finder_input,
                _ => &pose_input,
            };
            let count = |frames| {
                let mut emulated = Command::new("qemu-aarch64");
                emulated
                    // The host's caches would decide, which the program finds under the emulator.
                    .env("POSEWIRE_CORE", CORE)
                    .args(["-cpu", processor, "-plugin"])
                    .arg(&counter)
                    .arg(&program);
                instructions(&mut emulated, &file, input, frames)
            };
            let now = (count(3)? - count(1)?) / 2;
            let before = baseline[processor][network].as_u64();
            let ratio = before.map(|before| now as f64 / before as f64);
            has_grown |= !renews && ratio.is_none_or(|ratio| ratio > MOST_GROWTH);
            println!(
                "{processor:<12} {network:<6} {:>12} {now:>12} {:>8}",
                before.map_or("none".into(), |before| before.to_string()),
                ratio.map_or("none".into(), |ratio| format!("{ratio:.4}"))
            );
            row.insert(network.into(), json!(now));
        }
        counted.insert(processor.into(), Value::Object(row));
    }
    if renews {
        let text = format!("{:#}\n", Value::Object(counted));
        fs::write(&path, text).map_err(at(&path))?;
    } else if has_grown {
        println!("FAIL: slower by more than 1 %. If it is worth it: cargo xtask guard --renew");
    }
    Ok(!has_grown)
}

/// Instructions of a whole run of this many frames.
fn instructions(program: &mut Command, plan: &Path, input: &Path, frames: u32) -> Outcome<u64> {
    let out = input.with_file_name("heatmaps.npy");
    let output = program
        .args(["infer", "--model", &text(plan), "--input", &text(input)])
        .args(["--output", &text(&out), "--repeat", &frames.to_string()])
        .output()
        .map_err(|error| format!("qemu-aarch64: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said
        .lines()
        .find_map(|line| line.strip_prefix("instructions ")?.parse().ok());
    count
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("no count of instructions: {said}"))
}
