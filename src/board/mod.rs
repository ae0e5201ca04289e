//! Board profiles, from `boards/*.toml`.
//!
//! In: the files, embedded at build time; each file is a board. Out: a checked [`Profile`]. A board may inherit from
//! one other board. A test checks every file.

mod file;
mod speed;

pub use speed::{Rate, WORKLOADS, Workload};

use crate::engine;
use crate::error::{self, Error};
use crate::process::memory;
use crate::process::realtime::Priority;
use crate::serial::SerialSpec;
use crate::settings::{Layer, Origin, Settings};
use file::{BoardFile, Files};

static EMBEDDED: Files<'static> = include!(concat!(env!("OUT_DIR"), "/boards.rs"));

/// A checked board.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name of the file, and value of `--board`.
    pub name: String,
    pub inherits: Option<String>,
    /// Name for people.
    pub title: String,
    /// Beginnings of the device tree's model on this board.
    pub device_tree: Vec<String>,
    /// The Rust target triple.
    pub target: String,
    /// The kernel family of its processor.
    pub kernel: String,
    /// The core that its plans are compiled for; `None` for any of the family.
    pub compile_for: Option<String>,
    pub cpu: Cpu,
    /// Settings of `run`, below the command line and the configuration file.
    pub settings: Layer,
    /// Threads of the network, as in `settings`.
    pub threads: usize,
    pub serial: Serial,
    pub limits: Limits,
    /// Keys for SD-card images, checked by the code that makes them.
    pub image: toml::Table,
}

#[derive(Debug, Clone)]
pub struct Cpu {
    pub core: String,
    pub cores: u32,
    /// Clock of the slowest variant, for computed frame rates; `None` for generic boards.
    pub clock_mhz: Option<u32>,
    /// An assumption, for computed frame rates.
    pub instructions_per_cycle: Option<f64>,
    /// Memory of the smallest variant.
    pub ram_mib: u64,
}

#[derive(Debug, Clone)]
pub struct Serial {
    /// The line on the pins of the header.
    pub device: Option<String>,
    /// Its known problems and their remedies.
    pub traps: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Limits {
    /// The text with its unit.
    pub memory_budget: String,
    pub memory_budget_mib: u64,
    /// The priority for an installed service.
    pub realtime: Option<u8>,
}

/// The names of all boards, in order.
pub fn names() -> Vec<&'static str> {
    EMBEDDED.iter().map(|(name, _)| *name).collect()
}

/// The board of this name.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with the known names, if the name is unknown.
pub fn find(name: &str) -> error::Result<Profile> {
    if !names().contains(&name) {
        return Err(Error::usage(format!(
            "there is no board {name:?}: {}",
            names().join(", ")
        )));
    }
    load(EMBEDDED, name)
}

/// Every board, in the order of their names.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) if a file is wrong, which the tests exclude.
pub fn all() -> error::Result<Vec<Profile>> {
    names().iter().map(|name| load(EMBEDDED, name)).collect()
}

/// The board with the longest beginning that matches this model.
pub fn of_model<'a>(boards: &'a [Profile], model: &str) -> Option<&'a Profile> {
    let fit = |board: &Profile| {
        let beginnings = board.device_tree.iter();
        beginnings
            .filter(|beginning| model.starts_with(beginning.as_str()))
            .map(String::len)
            .max()
    };
    boards
        .iter()
        .filter_map(|board| Some((fit(board)?, board)))
        .max_by_key(|(length, _)| *length)
        .map(|(_, board)| board)
}

fn load(files: Files<'_>, name: &str) -> error::Result<Profile> {
    let merged = file::merged(files, name)?;
    Profile::check(name, merged).map_err(|what| Error::config(&file::path(name), what))
}

impl Profile {
    fn check(name: &str, file: BoardFile) -> Result<Profile, String> {
        fn need<T>(value: Option<T>, key: &str) -> Result<T, String> {
            value.ok_or_else(|| format!("{key} is missing"))
        }
        let kernel = need(file.kernel, "kernel")?;
        let families = engine::kernel_families();
        if !families.contains(&kernel.as_str()) {
            return Err(format!(
                "kernel is {kernel:?}, must be one of {}",
                families.join(", ")
            ));
        }
        if let Some(core) = &file.compile_for
            && engine::kernel_family_of(core) != Some(kernel.as_str())
        {
            return Err(format!(
                "compile-for is {core:?}, must be a core of the kernel {kernel:?}, one of {}",
                engine::cores().join(", ")
            ));
        }
        let cpu = Cpu {
            core: need(file.cpu.core, "cpu.core")?,
            cores: need(file.cpu.cores, "cpu.cores")?,
            clock_mhz: file.cpu.clock_mhz,
            instructions_per_cycle: file.cpu.instructions_per_cycle,
            ram_mib: need(file.cpu.ram_mib, "cpu.ram-mib")?,
        };
        if cpu
            .clock_mhz
            .is_some_and(|mhz| !(1..=10_000).contains(&mhz))
        {
            return Err("cpu.clock-mhz must be in 1..10000".into());
        }
        if cpu
            .instructions_per_cycle
            .is_some_and(|rate| !(0.1..=8.0).contains(&rate))
        {
            return Err("cpu.instructions-per-cycle must be in 0.1..8".into());
        }
        let memory_budget = need(file.limits.memory_budget, "limits.memory-budget")?;
        let memory_budget_mib = memory::parse_bytes(&memory_budget)
            .map_err(|what| format!("limits.memory-budget: {what}"))?
            >> 20;
        if !(16..=cpu.ram_mib / 2).contains(&memory_budget_mib) {
            return Err(format!(
                "limits.memory-budget is {memory_budget:?}, expected are 16MiB to half of cpu.ram-mib"
            ));
        }
        if let Some(priority) = file.limits.realtime {
            Priority::new(priority).map_err(|error| format!("limits.realtime: {error}"))?;
        }
        if file.run.contains_key("memory-budget") {
            return Err("run.memory-budget: it stands in [limits]".into());
        }
        let what = |error: Error| error.what().to_owned();
        let origin = Origin::Board(file::path(name));
        let mut settings = Layer::from_table(origin, &file.run).map_err(what)?;
        let threads = settings.get("threads").map(str::to_owned);
        let threads = need(threads, "run.threads")?.parse().unwrap_or(0);
        if !(1..=cpu.cores as usize).contains(&threads) {
            return Err(format!(
                "run.threads must be in 1..{}, its cores",
                cpu.cores
            ));
        }
        // The values are right, whatever a run adds to them.
        Settings::from_layers([&settings]).map_err(what)?;
        settings
            .set("memory-budget", memory_budget.clone())
            .map_err(what)?;
        if let Some(device) = &file.serial.device {
            let device = device.parse::<SerialSpec>();
            device.map_err(|error| format!("serial.device: {error}"))?;
        }
        Ok(Profile {
            name: name.into(),
            inherits: file.inherits,
            title: need(file.title, "title")?,
            device_tree: file.device_tree,
            target: need(file.target, "target")?,
            kernel,
            compile_for: file.compile_for,
            cpu,
            settings,
            threads,
            serial: Serial {
                device: file.serial.device,
                traps: file.serial.traps,
            },
            limits: Limits {
                memory_budget,
                memory_budget_mib,
                realtime: file.limits.realtime,
            },
            image: file.image,
        })
    }

    /// The reason why plans for this board run badly here, if its processor is of another family.
    pub fn mismatch(&self, kernel_here: &str) -> Option<String> {
        (self.kernel != kernel_here).then(|| {
            format!(
                "the board {} has the kernel family {}, this processor gives {kernel_here}: is it the right board?",
                self.name, self.kernel
            )
        })
    }
}

#[cfg(test)]
mod tests;
