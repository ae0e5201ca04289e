//! What a machine is: facts that stay the same from one reading to the next.

use super::Files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const CPUS: &str = "/sys/devices/system/cpu";
/// Instructions that the engine's kernels use, as Linux names them. A report names those that are there.
const INSTRUCTIONS: [&str; 11] = [
    "asimddp",
    "i8mm",
    "asimdhp",
    "sve",
    "avx2",
    "avx_vnni",
    "avx512bw",
    "avx512_vnni",
    "amx_int8",
    "fma",
    "neon",
];

/// Name and abilities of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The model in the device tree, or the product's name of the firmware.
    pub board: Option<String>,
    /// The processor's name.
    pub processor: Option<String>,
    /// Those of its instructions that matter here.
    pub instructions: Vec<String>,
    /// Processors that are there.
    pub cores: usize,
    /// Version of the kernel.
    pub kernel: Option<String>,
    /// Policies of the processors' clocks; none if Linux does not scale them.
    pub governors: Vec<String>,
}

impl Identity {
    /// Reads a machine's files.
    pub fn read(files: &Files) -> Self {
        let cpuinfo = |key| files.field("/proc/cpuinfo", key);
        let flags = cpuinfo("Features").or_else(|| cpuinfo("flags"));
        let flags: BTreeSet<&str> = flags.iter().flat_map(|list| list.split(' ')).collect();
        let instructions = INSTRUCTIONS.into_iter().filter(|name| flags.contains(name));
        Identity {
            board: files
                .text("/proc/device-tree/model")
                .or_else(|| files.text("/sys/class/dmi/id/product_name")),
            processor: cpuinfo("model name")
                .or_else(|| cpuinfo("CPU part").map(|part| format!("ARM part {part}"))),
            instructions: instructions.map(String::from).collect(),
            cores: files.numbered(CPUS, "cpu").len(),
            kernel: files.text("/proc/sys/kernel/osrelease"),
            governors: governors(files),
        }
    }
}

/// The governors of all processors, each named once.
pub fn governors(files: &Files) -> Vec<String> {
    let governor = |cpu| files.text(format!("{CPUS}/{cpu}/cpufreq/scaling_governor"));
    let all: BTreeSet<String> = files
        .numbered(CPUS, "cpu")
        .into_iter()
        .filter_map(governor)
        .collect();
    all.into_iter().collect()
}
