//! Cores that plans are compiled for and run on: the cache in front of memory, and what products cost. One row each.
//!
//! A row decides how a layer is compiled, and how much of it is worked on at once; results are the same bytes on all.
//! At run the machine's own files come first, so that a board with another cache than its row is used as it is.

use super::family::{self, Family};
use crate::machine::Files;

/// Names a row for a run, instead of the machine's files: counts of instructions must not depend on the host.
const VARIABLE: &str = "POSEWIRE_CORE";
const CPUS: &str = "/sys/devices/system/cpu";

/// The last cache in front of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cache {
    pub bytes: usize,
    /// Cores that share it.
    pub cores: usize,
}

/// One kind of core.
#[derive(Debug)]
pub(crate) struct Core {
    /// In `--cpu`, board files and `POSEWIRE_CORE`.
    pub name: &'static str,
    /// Its plans are packed for this family.
    pub family: &'static Family,
    /// Its part number, if Arm made it.
    part: Option<u32>,
    /// That of the most common boards.
    pub cache: Cache,
    /// One multiply-accumulate of Winograd's method, in those of the direct kernel.
    #[cfg_attr(
        not(any(feature = "onnx", test)),
        expect(dead_code, reason = "only compile reads it")
    )]
    pub product_macs: Option<f32>,
}

const fn cache(kib: usize, cores: usize) -> Cache {
    Cache {
        bytes: kib << 10,
        cores,
    }
}

const fn core(
    name: &'static str,
    family: &'static Family,
    part: Option<u32>,
    cache: Cache,
    product_macs: Option<f32>,
) -> Core {
    Core {
        name,
        family,
        part,
        cache,
        product_macs,
    }
}

/// All rows. The first row of a family stands for all its cores. Prices of products are llvm-mca's, of both inner loops.
static CORES: [Core; 8] = [
    core(
        "cortex-a53",
        &family::NEON,
        Some(0xd03),
        cache(512, 4),
        Some(1.3),
    ),
    core(
        "cortex-a57",
        &family::NEON,
        Some(0xd07),
        cache(2048, 4),
        Some(2.0),
    ),
    core(
        "cortex-a72",
        &family::NEON,
        Some(0xd08),
        cache(1024, 4),
        Some(2.0),
    ),
    core(
        "cortex-a76",
        &family::NEON_DOT,
        Some(0xd0b),
        cache(2048, 4),
        None,
    ),
    core(
        "cortex-a78ae",
        &family::NEON_DOT,
        Some(0xd42),
        cache(2048, 4),
        None,
    ),
    core(
        "neoverse-n1",
        &family::NEON_DOT,
        Some(0xd0c),
        cache(1024, 1),
        None,
    ),
    core(
        "neoverse-n2",
        &family::NEON_I8MM,
        Some(0xd49),
        cache(1024, 1),
        None,
    ),
    core("x86-64", &family::AVX2, None, cache(8192, 4), None),
];

/// The cache of a core that nothing is known of: the smallest of a row.
pub(crate) const UNKNOWN: Cache = CORES[0].cache;

/// The row of this name.
///
/// # Errors
/// The names of all rows, if it is none of them.
pub(crate) fn named(name: &str) -> Result<&'static Core, String> {
    CORES
        .iter()
        .find(|core| core.name == name)
        .ok_or_else(|| names().join(", "))
}

/// The names of all rows.
pub(crate) fn names() -> Vec<&'static str> {
    CORES.iter().map(|core| core.name).collect()
}

/// The cache that networks of this process run in.
///
/// # Errors
/// The names there are, if `POSEWIRE_CORE` is none of them.
pub(crate) fn cache_here() -> Result<Cache, String> {
    match std::env::var(VARIABLE) {
        Ok(wanted) => named(&wanted)
            .map(|core| core.cache)
            .map_err(|names| format!("{VARIABLE} is {wanted:?}, there are {names}")),
        Err(_) => Ok(cache_of(&Files::below("/"))),
    }
}

/// The smallest last cache of a machine's processors: a network's threads may run on any of them.
fn cache_of(files: &Files) -> Cache {
    let cpus = files.numbered(CPUS, "cpu");
    let described = cpus.iter().filter_map(|cpu| last_cache(files, cpu));
    described
        .min_by_key(|cache| cache.bytes)
        .or_else(|| {
            let part = files.field("/proc/cpuinfo", "CPU part")?;
            let part = u32::from_str_radix(part.strip_prefix("0x")?, 16).ok();
            let core = CORES.iter().find(|core| core.part == part)?;
            Some(core.cache)
        })
        .unwrap_or(UNKNOWN)
}

/// The cache of the highest level that sysfs describes, but not the first.
fn last_cache(files: &Files, cpu: &str) -> Option<Cache> {
    let folder = format!("{CPUS}/{cpu}/cache");
    let indices = files.numbered(&folder, "index");
    let levels = indices.iter().filter_map(|index| {
        let text = |name: &str| files.text(format!("{folder}/{index}/{name}"));
        let level: u32 = text("level")?.parse().ok().filter(|&level| level > 1)?;
        let size = text("size")?;
        let kib: usize = size.strip_suffix('K')?.parse().ok()?;
        let cores = text("shared_cpu_list").map_or(1, |list| processors(&list));
        let bytes = kib.checked_mul(1 << 10)?;
        Some((level, Cache { bytes, cores }))
    });
    levels
        .max_by_key(|(level, _)| *level)
        .map(|(_, cache)| cache)
}

/// Processors of a list such as `0-3,8`; at least 1.
fn processors(list: &str) -> usize {
    let count = |range: &str| -> Option<usize> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    let counts = list.split(',').filter_map(count);
    counts.fold(0_usize, usize::saturating_add).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The cache of a machine with these files.
    fn found(name: &str, texts: &[(&str, &str)]) -> Cache {
        let root = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        for (path, text) in texts {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let cache = cache_of(&Files::below(&root));
        let _ = fs::remove_dir_all(root);
        cache
    }

    #[test]
    fn a_machine_describes_its_last_cache() {
        let level = |cpu: usize, index: usize, texts: [&'static str; 3]| {
            let names = ["level", "size", "shared_cpu_list"];
            let folder = format!("sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
            names
                .map(|name| format!("{folder}/{name}"))
                .into_iter()
                .zip(texts)
        };
        let files: Vec<_> = level(0, 0, ["1\n", "32K\n", "0\n"])
            .chain(level(0, 2, ["2\n", "512K\n", "0\n"]))
            .chain(level(0, 3, ["3\n", "2048K\n", "0-3\n"]))
            .chain(level(4, 2, ["2\n", "1024K\n", "4-5,7\n"]))
            .collect();
        let mut texts: Vec<_> = files.iter().map(|(path, text)| (&**path, *text)).collect();
        texts.push(("proc/cpuinfo", "CPU part\t: 0xd03\n"));
        assert_eq!(found("caches", &texts), cache(1024, 3));
        assert_eq!(found("caches-big", &texts[..9]), cache(2048, 4));
        let garbled = level(0, 2, ["2\n", "manyK\n", "4-\n"]);
        let garbled: Vec<_> = garbled.collect();
        let texts: Vec<_> = garbled
            .iter()
            .map(|(path, text)| (&**path, *text))
            .collect();
        assert_eq!(found("caches-garbled", &texts), UNKNOWN);
    }

    #[test]
    fn a_core_is_known_by_its_part_number() {
        for core in &CORES {
            if let Some(part) = core.part {
                let text = format!("processor\t: 0\nCPU part\t: {part:#x}\n");
                let name = format!("part-{}", core.name);
                assert_eq!(found(&name, &[("proc/cpuinfo", &text)]), core.cache);
            }
        }
        assert_eq!(
            found("part-new", &[("proc/cpuinfo", "CPU part : 0x1")]),
            UNKNOWN
        );
        assert_eq!(found("part-none", &[]), UNKNOWN);
    }

    #[test]
    fn processors_are_counted() {
        for (list, count) in [("0", 1), ("0-3", 4), ("0-1,8-9,11", 5), ("", 1), ("3-1", 1)] {
            assert_eq!(processors(list), count, "{list}");
        }
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let names = names();
        for (index, name) in names.iter().enumerate() {
            assert_eq!(named(name).unwrap().name, *name);
            assert!(!names[..index].contains(name));
        }
        assert!(named("cortex").unwrap_err().contains("cortex-a72"));
    }
}
