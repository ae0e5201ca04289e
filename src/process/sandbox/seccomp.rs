//! Compiles system call rules and installs them on all threads at once.

use super::Step;
use super::policy::{Rule, When};
use rustix::io::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};
use std::collections::BTreeMap;

#[cfg(target_arch = "aarch64")]
const PROCESSOR: TargetArch = TargetArch::aarch64;
#[cfg(target_arch = "x86_64")]
const PROCESSOR: TargetArch = TargetArch::x86_64;

pub(super) fn restrict(rules: &[Rule]) -> Step {
    let program = compile(rules).map_err(|error| format!("no seccomp ({error})"))?;
    match apply_filter_all_threads(&program) {
        Ok(()) => Ok(format!("seccomp ({} system calls)", rules.len())),
        Err(seccompiler::Error::Seccomp(error)) => Err(match error.raw_os_error() {
            Some(code) if unknown(code) => "no seccomp (this kernel has none)".into(),
            _ => format!("no seccomp ({error})"),
        }),
        Err(error) => Err(format!("no seccomp ({error})")),
    }
}

/// Error codes of kernels and processor emulators without seccomp.
fn unknown(code: i32) -> bool {
    [Errno::NOSYS, Errno::INVAL]
        .iter()
        .any(|errno| errno.raw_os_error() == code)
}

fn compile(rules: &[Rule]) -> Result<BpfProgram, BackendError> {
    let mut chains = BTreeMap::new();
    for rule in rules {
        let chain: Result<Vec<SeccompRule>, BackendError> =
            rule.when.iter().map(condition).collect();
        chains.insert(i64::from(rule.call.id()), chain?);
    }
    let (forbidden, allowed) = (SeccompAction::Trap, SeccompAction::Allow);
    SeccompFilter::new(chains, forbidden, allowed, PROCESSOR)?.try_into()
}

fn condition(when: &When) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(
        when.argument,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(when.mask.into()),
        when.value.into(),
    )?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::sandbox::{Access, policy};

    /// `BPF_MAXINSNS`.
    const KERNELS_LIMIT: usize = 4096;

    #[test]
    fn the_rules_make_a_program_that_the_kernel_takes() {
        let access = Access {
            devices: vec!["/dev/video0".into()],
            ..Access::default()
        };
        let program = compile(&policy::rules(&access)).unwrap();
        assert!((100..KERNELS_LIMIT).contains(&program.len()));
    }
}
