//! A machine made of files in its own folder, and of the model of a kernel from the camera's tests.

use super::{Facts, Finding, Report, Request, Severity};
use crate::machine::Files;
use crate::source::v4l2::fake::{Device, FakeKernel};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicU32, Ordering};

/// Files of a healthy Raspberry Pi 4. No real user has this user id.
pub(super) const HEALTHY: [(&str, &str); 13] = [
    ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
    (
        "proc/cpuinfo",
        "processor\t: 0\nFeatures\t: fp asimd crc32\n",
    ),
    (
        "proc/meminfo",
        "MemTotal:  3884000 kB\nMemAvailable:  3000000 kB\n",
    ),
    ("proc/cmdline", "console=tty1 root=/dev/mmcblk0p2\n"),
    (
        "proc/self/status",
        "Name:\tposewire\nUid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\t4242\t4242\n\
         Groups:\t9944 9920\nSeccomp:\t0\nSeccomp_filters:\t0\n",
    ),
    (
        "proc/self/limits",
        "Limit    Soft Limit  Hard Limit  Units\nMax locked memory  unlimited  unlimited  bytes\n\
         Max realtime priority  0  95\n",
    ),
    (
        "etc/group",
        "root:x:0:\nvideo:x:9944:user\ndialout:x:9920:user\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
        "performance\n",
    ),
    ("sys/class/thermal/thermal_zone0/temp", "47712\n"),
    ("sys/devices/platform/soc/soc:firmware/get_throttled", "0\n"),
    (
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "arch_sys_counter\n",
    ),
    ("sys/class/tty/console/active", "tty1\n"),
    ("dev/ttyAMA0", ""),
];

/// A machine in its own folder.
pub(super) struct Machine {
    pub facts: Facts,
    pub kernel: FakeKernel,
}

impl Machine {
    pub fn healthy() -> Machine {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let root = std::env::temp_dir().join(format!(
            "posewire-doctor-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        let _ = fs::remove_dir_all(&root);
        let kernel = FakeKernel::with([Device::webcam("/dev/video0")]);
        let machine = Machine {
            facts: Facts {
                files: Files::below(root),
                nodes: Box::new(kernel.clone()),
                kernel_family: "neon",
                landlock_abi: Some(4),
            },
            kernel,
        };
        for (path, text) in HEALTHY {
            machine.write(path, text);
        }
        machine.mode("dev/ttyAMA0", 0o666);
        machine
    }

    pub fn with(devices: impl IntoIterator<Item = Device>) -> Machine {
        let mut machine = Machine::healthy();
        machine.kernel = FakeKernel::with(devices);
        machine.facts.nodes = Box::new(machine.kernel.clone());
        machine
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.facts.files.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.facts.files.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub fn mode(&self, path: &str, mode: u32) {
        let path = self.facts.files.at(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn remove(&self, path: &str) {
        let path = self.facts.files.at(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub fn report(&self, request: &Request) -> Report {
        Report::make(&self.facts, request).unwrap()
    }

    /// The worst finding of one check.
    pub fn worst(&self, request: &Request, check: &str) -> Finding {
        let mut found = self.report(request).checks;
        found.retain(|finding| finding.check == check);
        found.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        found.into_iter().next().expect(check)
    }

    #[track_caller]
    pub fn says(&self, request: &Request, check: &str, state: Severity, words: &[&str]) {
        let finding = self.worst(request, check);
        assert_eq!(finding.state, state, "{finding:?}");
        let text = format!("{} {}", finding.what, finding.advice.unwrap_or_default());
        for word in words {
            assert!(text.contains(word), "no {word:?} in {text}");
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.facts.files.at("/"));
    }
}
