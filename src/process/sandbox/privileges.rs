//! Privileges beyond those of an ordinary user: all but the requested ones are dropped, and cannot return.

use super::{Access, Step};
use crate::error::{Error, Result};
use crate::text::Shown;
use rustix::fs;
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Ensures that no program started from here, set-user-id or not, has more privileges than this one.
pub(super) fn give_up_new_ones() -> Step {
    match set_no_new_privs(true) {
        Ok(()) => Ok("no_new_privs".into()),
        Err(errno) => Err(format!("no no_new_privs ({})", std::io::Error::from(errno))),
    }
}

/// True if files of other users can be opened, as root can.
pub(super) fn reach_all_files() -> bool {
    let any = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    capabilities(None).is_ok_and(|sets| sets.effective.intersects(any))
}

/// Empties the capability sets of this thread, except for the capabilities in `keep` that it has.
pub(super) fn drop_capabilities(keep: CapabilitySet) -> Step {
    let kept = drop_sets(keep)
        .map_err(|errno| format!("capabilities are kept ({})", std::io::Error::from(errno)))?;
    if kept.is_empty() {
        return Ok("no capabilities".into());
    }
    let names: Vec<&str> = kept.iter_names().map(|(name, _)| name).collect();
    Ok(format!("capabilities {}", names.join(" ")))
}

fn drop_sets(keep: CapabilitySet) -> rustix::io::Result<CapabilitySet> {
    let had = capabilities(None)?;
    // There is nothing to drop, as in a service. Its manager may forbid even this call.
    if (had.permitted | had.inheritable).is_empty() {
        return Ok(CapabilitySet::empty());
    }
    if had.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(keep).iter() {
            match remove_capability_from_bounding_set(capability) {
                // EINVAL: the kernel does not know a newer capability.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    let kept = had.permitted & keep;
    // An empty inheritable set empties the ambient set. Not every kernel has an ambient set.
    match clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(errno),
    }
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(kept)
}

/// Checks that the files in `needs` can be opened without root's capabilities: without them, root cannot open the
/// private files of other users. Call it only in a process that has them.
///
/// # Errors
/// [`ErrorKind::Sandbox`](crate::ErrorKind::Sandbox) for the first such file.
pub(super) fn check_reach(access: &Access) -> Result<()> {
    let ways = [
        (&access.read, fs::Access::READ_OK),
        (&access.write, fs::Access::WRITE_OK),
        (
            &access.create_in,
            fs::Access::WRITE_OK | fs::Access::EXEC_OK,
        ),
        (&access.devices, fs::Access::READ_OK | fs::Access::WRITE_OK),
    ];
    for (paths, way) in ways {
        for path in paths {
            if fs::access(path, way) == Err(Errno::ACCESS) {
                return Err(Error::sandbox(format!(
                    "{} is another user's, and root's rights are given up: run as that user, or with \
                     --sandbox off",
                    Shown::path(path)
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Uid, chown};

    /// Capabilities belong to a thread, so other tests keep theirs.
    fn in_a_thread(test: impl FnOnce() + Send) {
        std::thread::scope(|scope| scope.spawn(test).join().unwrap());
    }

    #[test]
    fn only_what_is_asked_for_is_kept_and_only_if_it_was_there() {
        in_a_thread(|| {
            let had = capabilities(None).unwrap().permitted;
            let asked = CapabilitySet::SYS_NICE | CapabilitySet::IPC_LOCK;
            let said = drop_capabilities(asked).unwrap();
            let left = capabilities(None).unwrap();
            assert_eq!(left.permitted, had & asked);
            assert_eq!(left.effective, had & asked);
            assert!(left.inheritable.is_empty());
            assert_eq!(said.contains("SYS_NICE"), had.contains(asked), "{said}");
            let none = CapabilitySet::empty();
            assert_eq!(drop_capabilities(none).unwrap(), "no capabilities");
            assert_eq!(drop_capabilities(asked).unwrap(), "no capabilities");
        });
    }

    #[test]
    fn a_file_that_only_roots_rights_led_to_is_named() {
        if !reach_all_files() {
            return;
        }
        let path = std::env::temp_dir().join(format!("posewire-reach-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        rustix::fs::chmod(&path, 0o600.into()).unwrap();
        chown(&path, Some(Uid::from_raw(65_534)), None).unwrap();
        let access = Access {
            read: vec!["/nowhere".into(), path.clone()],
            ..Access::default()
        };
        check_reach(&access).unwrap();
        in_a_thread(|| {
            drop_capabilities(CapabilitySet::empty()).unwrap();
            let error = check_reach(&access).unwrap_err().to_string();
            assert!(error.contains("posewire-reach-") && error.contains("--sandbox off"));
        });
        std::fs::remove_file(&path).unwrap();
    }
}
