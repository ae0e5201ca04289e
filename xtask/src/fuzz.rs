//! Coverage-guided fuzzing of all parsers of outside bytes: the targets of tests/fuzz.
//!
//! In: the committed corpora. Out: a line per target with its executions. Findings and grown corpora are in the build
//! folder, under `fuzz`. With a nightly toolchain the targets run under AddressSanitizer, except `onnx`.

use crate::tools::{self, Outcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

struct Target {
    name: &'static str,
    /// Seeds in addition to tests/fuzz/corpus/NAME, relative to the repository.
    more_seeds: Option<&'static str>,
    /// Limit on the input's length.
    max_bytes: usize,
    /// Tract is in it, and is compiled without coverage and without AddressSanitizer. It does not run by default.
    has_tract: bool,
}

const fn target(name: &'static str, max_bytes: usize) -> Target {
    Target {
        name,
        more_seeds: None,
        max_bytes,
        has_tract: false,
    }
}

const TARGETS: &[Target] = &[
    target("wire", 512),
    target("cobs", 2048),
    target("http", 8192),
    target("jpeg", 8192),
    target("mcap", 8192),
    target("plan", 16_384),
    target("config", 4096),
    target("args", 256),
    Target {
        more_seeds: Some("tests/corpus"),
        has_tract: true,
        ..target("onnx", 16_384)
    },
];

/// Limits on time and memory of one input; more is a finding.
const LIMITS: &[&str] = &["-timeout=30", "-rss_limit_mb=2048", "-malloc_limit_mb=768"];

/// The flags of cargo-fuzz, without its one codegen unit per crate: tract is too large for that.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs the targets that `args` name, or the default ones. True if they found nothing.
pub fn main(args: &[String]) -> Outcome<bool> {
    let mut bound = "-max_total_time=10".to_owned();
    let mut stable = false;
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || {
            args.next()
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(|| format!("{arg} needs a number"))
        };
        match arg.as_str() {
            "--seconds" => bound = format!("-max_total_time={}", number()?),
            "--runs" => bound = format!("-runs={}", number()?),
            "--stable" => stable = true,
            name if TARGETS.iter().any(|target| target.name == name) => names.push(name),
            other => return Err(format!("no option or target {other}: try cargo xtask")),
        }
    }
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| match names.is_empty() {
            true => !target.has_tract,
            false => names.contains(&target.name),
        })
        .collect();
    let mut sound = true;
    for has_tract in [false, true] {
        let chosen = chosen.iter().filter(|target| target.has_tract == has_tract);
        let chosen: Vec<&Target> = chosen.copied().collect();
        if chosen.is_empty() {
            continue;
        }
        let built = match has_tract {
            true => build_with_tract(&chosen)?,
            false => build(&chosen, stable)?,
        };
        for target in chosen {
            sound &= run(target, &built, &bound)?;
        }
    }
    Ok(sound)
}

struct Built {
    /// Folder of the target programs.
    programs: PathBuf,
    /// Folder of corpora and findings.
    folder: PathBuf,
}

fn build(targets: &[&Target], stable: bool) -> Outcome<Built> {
    let host = tools::host()?;
    let nightly = match stable {
        true => None,
        false => tools::nightly_cargo(&[]),
    };
    let (mut cargo, flags, folder) = match nightly {
        Some(cargo) => (cargo, format!("{COVERAGE} -Zsanitizer=address"), "address"),
        None => {
            println!("without AddressSanitizer, which needs: rustup toolchain install nightly");
            (tools::cargo(), COVERAGE.to_owned(), "plain")
        }
    };
    cargo.env("RUSTFLAGS", flags);
    finish(cargo, &host, folder, targets)
}

/// With coverage of posewire alone, by the stable toolchain.
fn build_with_tract(targets: &[&Target]) -> Outcome<Built> {
    let mut cargo = tools::cargo();
    let wrapper = tools::repository()?.join("tests/fuzz/own-crates");
    cargo
        .env("RUSTFLAGS", "--cfg fuzzing")
        .env("RUSTC_WRAPPER", wrapper)
        .env("POSEWIRE_COVERAGE", COVERAGE);
    finish(cargo, &tools::host()?, "tract", targets)
}

/// Builds the targets into a folder of their own.
fn finish(mut cargo: Command, host: &str, folder: &str, targets: &[&Target]) -> Outcome<Built> {
    let folder = tools::target()?.join("fuzz").join(folder);
    cargo
        .args(["build", "--locked", "--release", "--manifest-path"])
        .arg(tools::repository()?.join("tests/fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        // With an explicit target triple, build scripts are built without coverage.
        .args(["--target", host]);
    for target in targets {
        cargo.args(["--bin", target.name]);
        if target.has_tract {
            cargo.args(["--features", "onnx"]);
        }
    }
    if !tools::succeeds(&mut cargo)? {
        return Err("the fuzz targets cannot be built".into());
    }
    Ok(Built {
        programs: folder.join(host).join("release"),
        folder,
    })
}

fn run(target: &Target, built: &Built, bound: &str) -> Outcome<bool> {
    let name = target.name;
    let corpus = built.folder.join("corpus").join(name);
    let findings = built.folder.join("findings").join(name);
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let repository = tools::repository()?;
    copy(&repository.join("tests/fuzz/corpus").join(name), &corpus)?;
    if let Some(more) = target.more_seeds {
        copy(&repository.join(more), &corpus)?;
    }
    let program = built.programs.join(name);
    let start = Instant::now();
    let output = Command::new(&program)
        .args(LIMITS)
        .args([bound, "-print_final_stats=1", "-verbosity=1"])
        .arg(format!("-max_len={}", target.max_bytes))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(&corpus)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let seconds = start.elapsed().as_secs_f64();
    if output.status.success() {
        println!(
            "PASS  {name:<8} {:>10} executions in {seconds:.0} s, {} edges covered",
            last_number(&said, "stat::number_of_executed_units:").unwrap_or(0),
            last_number(&said, " cov:").unwrap_or(0)
        );
        return Ok(true);
    }
    let lines: Vec<&str> = said.lines().collect();
    for line in &lines[lines.len().saturating_sub(40)..] {
        println!("{line}");
    }
    println!(
        "FAIL  {name:<8} after {seconds:.0} s: {}; again: {} {}/...",
        output.status,
        program.display(),
        findings.display()
    );
    Ok(false)
}

/// The number after the last `what`.
fn last_number(text: &str, what: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(what)?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Files of a folder, except scripts.
fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_script = path.extension().is_some_and(|extension| extension == "py");
        let Some(name) = path.file_name().filter(|_| path.is_file() && !is_script) else {
            continue;
        };
        fs::copy(&path, to.join(name)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_counts() {
        let said = "#2 INITED cov: 12 ft: 3\n#9 DONE   cov: 144 ft: 9\nstat::number_of_executed_units: 77\n";
        assert_eq!(last_number(said, " cov:"), Some(144));
        assert_eq!(
            last_number(said, "stat::number_of_executed_units:"),
            Some(77)
        );
        assert_eq!(last_number(said, "slowest"), None);
    }
}
