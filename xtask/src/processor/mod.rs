//! `cargo xtask processor-test`: kernels for processors that this machine does not have, on emulated ones.
//!
//! In: this repository and Debian's package sources. The tests of the integer engine, as one static program, are the
//! init of a Linux in the emulator Bochs, which has AVX-VNNI, AVX-512 and AMX. Out: a line per processor with the
//! compared kernels. Downloads and builds are in the build folder, under `processor`. Needs no root.

mod boot;
mod machine;
mod packages;

use crate::tools::{Outcome, at};
use crate::{cargo, tools};
use machine::Machine;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// A processor to test on.
struct Model {
    name: &'static str,
    /// Its name in Bochs.
    bochs: &'static str,
    /// The kernel under test. It must be among the compared ones.
    kernel: &'static str,
    about: &'static str,
    /// Parts of the names of the chosen tests.
    tests: &'static [&'static str],
    /// Options of the kernel besides those of all models.
    words: &'static str,
}

const MODELS: &[Model] = &[
    Model {
        name: "arrow-lake",
        bochs: "arrow_lake",
        kernel: "avx-vnni",
        about: "AVX-VNNI: all tests of the integer engine",
        tests: &["engine::int8::"],
        words: "",
    },
    Model {
        name: "tiger-lake",
        bochs: "tigerlake",
        kernel: "avx512-vnni",
        about: "AVX-512 VNNI: all tests of the integer engine",
        tests: &["engine::int8::"],
        words: "",
    },
    // Bochs treats all bytes of AMX as unsigned (seen in 3.0 and in later source), so only sums of non-negative
    // values can be compared. It also lacks the bit for disabling AMX until first use (word 10, bit 4), without which
    // Linux leaves AMX off. A single program needs nothing else of that feature.
    Model {
        name: "sapphire-rapids",
        bochs: "sapphire_rapids",
        kernel: "amx",
        about: "AMX: the kernels with values that are not negative",
        tests: &["of_what_is_not_negative"],
        words: "setcpuid=324",
    },
];

/// Parts of the names of tests that are chosen here.
pub fn filters() -> impl Iterator<Item = &'static str> {
    MODELS.iter().flat_map(|model| model.tests).copied()
}

/// Runs the tests on the processors that `args` name, or on all. True if all passed.
pub fn main(args: &[String]) -> Outcome<bool> {
    if args == ["--list"] {
        for model in MODELS {
            println!("{:<16} {}", model.name, model.about);
        }
        return Ok(true);
    }
    if let Some(unknown) = args
        .iter()
        .find(|arg| !MODELS.iter().any(|model| model.name == arg.as_str()))
    {
        return Err(format!("there is no processor {unknown}: try --list"));
    }
    let folder = tools::target()?.join("processor");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let packages = packages::fetch(&folder)?;
    let program = program()?;
    let initramfs = boot::initramfs(&program)?;
    let kernel = fs::read(&packages.kernel).map_err(at(&packages.kernel))?;
    let mut all_passed = true;
    for model in MODELS {
        if !args.is_empty() && !args.iter().any(|arg| arg == model.name) {
            continue;
        }
        let start = Instant::now();
        let report = Machine::new(&folder.join(model.name), model)
            .and_then(|machine| machine.run(&packages, &kernel, &initramfs));
        let (word, text) = match &report {
            Ok(figures) => ("PASS", figures),
            Err(error) => ("FAIL", error),
        };
        let seconds = start.elapsed().as_secs_f64();
        println!("{word}  {:<16} {seconds:>5.1} s  {text}", model.name);
        all_passed &= report.is_ok();
    }
    Ok(all_passed)
}

/// The tests of the library without ONNX, static.
fn program() -> Outcome<PathBuf> {
    cargo::test_program(&[
        "--lib",
        "--no-default-features",
        "--features=plan",
        "--target=x86_64-unknown-linux-musl",
        "--config=profile.dev.debug=0",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_new_kernel_has_its_processor() {
        for kernel in ["avx-vnni", "avx512-vnni", "amx"] {
            assert!(MODELS.iter().any(|model| model.kernel == kernel));
        }
    }

    #[test]
    fn an_unknown_processor_is_one_line() {
        let error = main(&["z80".to_string()]).unwrap_err();
        assert!(error.contains("z80") && !error.contains('\n'), "{error}");
    }
}
