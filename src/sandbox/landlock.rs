//! Which files can be reached by name: those that the settings name, and device files.
//!
//! In: [`Needs`], with paths as the user wrote them. What is missing or cannot be named in a rule (a pipe)
//! is left out: it is then as unreachable as before, and whoever opens it says so.

use super::{Needs, Step};
use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// Rights that later kernels added are left alone: they are about what no file's name gives.
const KNOWN: ABI = ABI::V6;
const DEVICES: &str = "/dev";

pub(super) fn restrict(needs: &Needs) -> Step {
    let status = apply(needs).map_err(|error| format!("no landlock ({error})"))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("no landlock (switched off in this kernel)".into())
        }
        (
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced,
            LandlockStatus::Available { effective_abi, .. },
        ) => Ok(format!("landlock ABI {effective_abi}")),
        _ => Err("no landlock (this kernel has none)".into()),
    }
}

fn apply(needs: &Needs) -> Result<::landlock::RestrictionStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::Signal)?
        .create()?;
    allow(
        &mut rules,
        &needs.read,
        AccessFs::ReadFile | AccessFs::ReadDir,
    );
    allow(&mut rules, &needs.write, AccessFs::WriteFile.into());
    allow(
        &mut rules,
        &needs.create_in,
        AccessFs::MakeReg | AccessFs::WriteFile | AccessFs::Truncate,
    );
    allow(
        &mut rules,
        &device_folders(&needs.devices),
        AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev,
    );
    // A bug's backtrace has names in it only if these can be read.
    let own = [std::env::current_exe().ok(), Some("/proc/self".into())];
    let own: Vec<PathBuf> = own.into_iter().flatten().collect();
    allow(&mut rules, &own, AccessFs::ReadFile | AccessFs::ReadDir);
    rules.restrict_self()
}

fn allow(rules: &mut RulesetCreated, paths: &[PathBuf], access: BitFlags<AccessFs>) {
    for rule in path_beneath_rules(paths, access).flatten() {
        if let Err(error) = (&mut *rules).add_rule(rule) {
            log::debug!("sandbox: a path has no rule: {error}");
        }
    }
}

/// The folders in which devices come and go: a device that was plugged in again is another file.
fn device_folders(devices: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for device in devices {
        folders.push(PathBuf::from(DEVICES));
        // Names outside usually lead to a device in there.
        if let Ok(target) = device.canonicalize()
            && !target.starts_with(DEVICES)
        {
            folders.extend(target.parent().map(Path::to_path_buf));
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_with_devices_reaches_device_files() {
        assert!(device_folders(&[]).is_empty());
        let named = ["/dev/video0", "/dev/null", "/nowhere/tty"].map(PathBuf::from);
        assert_eq!(device_folders(&named), [Path::new("/dev")]);
    }

    #[test]
    fn a_device_elsewhere_is_found_where_its_name_leads() {
        let folder = std::env::temp_dir().join(format!("posewire-devices-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (link, plain) = (folder.join("link"), folder.join("plain"));
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        std::fs::write(&plain, "").unwrap();
        assert_eq!(device_folders(&[link]), [Path::new("/dev")]);
        let real = folder.canonicalize().unwrap();
        assert_eq!(device_folders(&[plain]), [Path::new("/dev"), &real]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
