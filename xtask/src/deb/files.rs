//! Contents of a board's package, as text and bytes.

use super::Architecture;
use super::archive::{Entry, gz};
use posewire::board::Profile;
use posewire::cli::pages;
use std::io;

const UNIT: &str = include_str!("../../../boards/package/posewire.service");
const RULES: &str = include_str!("../../../boards/package/posewire.rules");
const OVERRIDES: &str = include_str!("../../../boards/package/lintian-overrides");
const MIT: &str = include_str!("../../../LICENSE-MIT");

const CONFIGURATION: &str = "etc/posewire/posewire.toml";
/// Folder of the plans on the board.
const PLANS: &str = "usr/lib/posewire";
/// Memory for camera buffers, sockets and the plan's pages, which the kernel charges to the service.
const KERNEL_MIB: u64 = 32;
/// Limit on the service's priority if the board names none.
const NO_REALTIME: u8 = 0;

/// The parts of a package.
pub struct Contents<'a> {
    pub board: &'a Profile,
    pub architecture: Architecture,
    pub version: &'a str,
    /// The time in changelog format: `Mon, 02 Nov 2026 10:00:00 +0000`.
    pub date: &'a str,
    pub maintainer: &'a str,
    pub program: Vec<u8>,
    /// Names without extensions.
    pub plans: Vec<(&'a str, Vec<u8>)>,
}

impl Contents<'_> {
    pub fn package_name(&self) -> String {
        format!("posewire-{}", self.board.name)
    }

    /// The files that are installed.
    pub fn data(&self) -> io::Result<Vec<Entry>> {
        let name = self.package_name();
        let mut data = vec![
            Entry::new("usr/bin/posewire", 0o755, self.program.as_slice()),
            Entry::new(CONFIGURATION, 0o644, self.configuration()),
            Entry::new("lib/systemd/system/posewire.service", 0o644, self.unit()),
            Entry::new("lib/udev/rules.d/60-posewire.rules", 0o644, RULES),
            Entry::new(
                "usr/share/man/man1/posewire.1.gz",
                0o644,
                gz(pages::man(self.version).as_bytes())?,
            ),
            Entry::new(
                "usr/share/bash-completion/completions/posewire",
                0o644,
                pages::bash(),
            ),
            Entry::new(
                "usr/share/zsh/vendor-completions/_posewire",
                0o644,
                pages::zsh(),
            ),
            Entry::new(
                "usr/share/fish/vendor_completions.d/posewire.fish",
                0o644,
                pages::fish(),
            ),
            Entry::new(
                format!("usr/share/doc/{name}/changelog.gz"),
                0o644,
                gz(self.changelog().as_bytes())?,
            ),
            Entry::new(
                format!("usr/share/doc/{name}/copyright"),
                0o644,
                copyright(),
            ),
            Entry::new(
                format!("usr/share/lintian/overrides/{name}"),
                0o644,
                OVERRIDES,
            ),
        ];
        for (plan, bytes) in &self.plans {
            let path = format!("{PLANS}/{plan}.plan");
            data.push(Entry::new(path, 0o644, bytes.as_slice()));
        }
        Ok(data)
    }

    /// The files that the package manager reads.
    pub fn control(&self, data: &[Entry]) -> Vec<Entry> {
        let kib: u64 = data
            .iter()
            .map(|entry| (entry.bytes.len() as u64).div_ceil(1024))
            .sum();
        let board = self.board;
        let depends = match self.architecture.depends {
            "" => String::new(),
            packages => format!("Depends: {packages}\n"),
        };
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
             Installed-Size: {kib}\n{depends}Provides: posewire\nConflicts: posewire\nReplaces: posewire\n\
             Section: video\nPriority: optional\n\
             Description: hand and body keypoints from a camera to a robot ({title})\n \
             A service that reads a V4L2 camera, finds the keypoints of a hand or a body\n \
             with an int8 network, and sends them by UDP or on a serial line.\n .\n \
             This package is for the {title}: its networks are compiled for\n \
             processors of the kind {kernel}. \"posewire doctor\" says whether they fit.\n",
            name = self.package_name(),
            version = self.version,
            architecture = self.architecture.name,
            maintainer = self.maintainer,
            title = board.title,
            kernel = board.kernel,
        );
        vec![
            Entry::new("control", 0o644, control),
            Entry::new("conffiles", 0o644, format!("/{CONFIGURATION}\n")),
            Entry::new(
                "postinst",
                0o755,
                include_str!("../../../boards/package/postinst"),
            ),
            Entry::new(
                "prerm",
                0o755,
                include_str!("../../../boards/package/prerm"),
            ),
            Entry::new(
                "postrm",
                0o755,
                include_str!("../../../boards/package/postrm"),
            ),
        ]
    }

    /// The service, inside the board's budget.
    pub fn unit(&self) -> String {
        let limits = &self.board.limits;
        UNIT.replace("@TITLE@", &self.board.title)
            .replace("@BUDGET@", &limits.memory_budget)
            .replace(
                "@MEMORY_MAX_MIB@",
                &(limits.memory_budget_mib + KERNEL_MIB).to_string(),
            )
            .replace(
                "@REALTIME@",
                // The capture thread runs one priority above the others.
                &limits
                    .realtime
                    .map_or(NO_REALTIME, |priority| priority + 1)
                    .to_string(),
            )
    }

    /// The settings of the service: the board's profile and the settings of every board.
    pub fn configuration(&self) -> String {
        let board = self.board;
        let mut text = format!(
            "# The settings of the service posewire, with the names that `posewire run --help` has for them.\n\
             # An upgrade keeps what is changed here. After a change: systemctl restart posewire\n\n\
             # The profile that is taken for what is not said here: posewire boards {name}\n\
             board = \"{name}\"\n\
             source = \"v4l2:auto\"\n\
             {ribbon}\
             model = \"/{PLANS}/hand.plan\"\n\n\
             # Where the keypoints go.\n\
             udp = \"127.0.0.1:9000\"\n",
            name = board.name,
            ribbon = ribbon(board),
        );
        if let Some(device) = &board.serial.device {
            for trap in &board.serial.traps {
                text += &format!("# {trap}\n");
            }
            text += &format!("#serial = \"{device}\"\n");
        }
        text += "# To seal packets, `systemctl edit posewire`, put LoadCredential=key:/etc/posewire/key and\n\
                 # StateDirectory=posewire into [Service], and here:\n\
                 #key-file = \"/run/credentials/posewire.service/key\"\n\
                 #session-file = \"/var/lib/posewire/session\"\n\n\
                 # What the profile says.\n";
        if let Some(priority) = board.limits.realtime {
            text += &format!("#realtime = {priority}\n");
        }
        for (row, value) in board.settings.values() {
            text += &format!("#{} = {}\n", row.name, row.value.toml(value));
        }
        text
    }

    fn changelog(&self) -> String {
        format!(
            "{} ({}) unstable; urgency=medium\n\n  * What changed is in the source's CHANGELOG.md.\n\n \
             -- {}  {}\n",
            self.package_name(),
            self.version,
            self.maintainer,
            self.date
        )
    }
}

/// Settings for a ribbon-cable camera in place of the line before them, as comments; none for other boards.
fn ribbon(board: &Profile) -> String {
    let (source, command) = match &board.name {
        name if name.starts_with("rpi") => (
            "pipe:yuv420:640x480",
            "rpicam-vid -n -t 0 --flush --codec yuv420 --width 640 --height 480 -o -",
        ),
        name if name.starts_with("jetson") => (
            "pipe:MJPG:640x480",
            "gst-launch-1.0 -q nvarguscamerasrc ! 'video/x-raw(memory:NVMM),width=1280,height=720,framerate=30/1' \
             ! nvvidconv ! 'video/x-raw(memory:NVMM),width=640,height=480' ! nvjpegenc ! fdsink",
        ),
        _ => return String::new(),
    };
    format!(
        "# A ribbon-cable camera, instead of the line above. The camera's program needs more rights and memory than\n\
         # posewire: `systemctl edit posewire`, and put there, below a line [Service], the lines that begin with\n\
         # #camera in /lib/systemd/system/posewire.service, without #camera.\n\
         #source = \"{source}\"\n\
         #run-camera = \"{command}\"\n"
    )
}

/// The copyright file in machine-readable form (DEP 5).
fn copyright() -> String {
    let (head, terms) = MIT.split_once("\n\nPermission").unwrap_or((MIT, ""));
    let holder = head.lines().last().unwrap_or_default();
    let indented: String = format!("Permission{terms}")
        .lines()
        .map(|line| match line.trim_end() {
            "" => " .\n".to_owned(),
            line => format!(" {line}\n"),
        })
        .collect();
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: posewire\n\nFiles: *\nCopyright: {}\nLicense: Expat or Apache-2.0\n\n\
         License: Expat\n{indented}\n\
         License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n",
        holder.trim_start_matches("Copyright (c) ")
    )
}
