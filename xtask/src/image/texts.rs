//! The text files of a card.

use super::boards::CardFor;
use posewire::board::Profile;
use std::fmt::Write;

pub const KERNEL: &str = "kernel.img";
pub const INITRAMFS: &str = "initramfs.zst";

/// The firmware's configuration. The lines are those that Debian writes for this firmware and kernel.
pub fn config_txt() -> String {
    format!(
        "\
# For the Raspberry Pi's firmware.
arm_64bit=1
# The line on the header's pins 8 and 10, with a core clock that does not change its rate.
enable_uart=1
upstream_kernel=1
kernel={KERNEL}
initramfs {INITRAMFS}
"
    )
}

/// The kernel's command line. A kernel that panics restarts.
pub fn cmdline_txt(board: &CardFor) -> String {
    format!("{} net.ifnames=0 loglevel=6 panic=10\n", board.consoles)
}

/// The settings file for the user.
pub fn posewire_toml(board: &CardFor, profile: &Profile) -> String {
    let mut text = format!(
        "\
# posewire on {}.
# After a change put the card back and switch the board on: nothing needs to be shut down, and the
# board itself never writes to this card. Every option of `posewire run` can stand here. A mistake is
# said on the screen and on the serial line.

# The first camera on USB; a path such as \"/dev/v4l/by-path/...\" names one for good.
source = \"v4l2:auto\"

# A compiled plan on this card: hand.plan, body.plan and finder.plan are the small demo networks. Your own:
#   posewire compile --kernel {} --model hand.int8.onnx --out hand.plan
model = \"hand.plan\"

# What is not said here is taken from the board's profile: `posewire boards {}` shows it.
board = \"{}\"

# The machine that gets the keypoints, by UDP.
udp = \"{}\"

",
        board.about, profile.kernel, profile.name, profile.name, board.udp
    );
    let serial = board.serial;
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "# Or by a serial line; the adapters are /dev/ttyUSB0 or /dev/ttyACM0. {serial} is also a console
# until \"console={},...\" is taken out of cmdline.txt.
#serial = \"{serial}:115200\"

# Seals the packets with a key that the receiver has as well: 64 hexadecimal digits in a file.
#key-file = \"key.txt\"
# A card has neither a clock nor a place for a session file: `posewire listen` needs --unordered too.
#unordered = true

",
        serial.trim_start_matches("/dev/")
    );
    text.push_str(if board.has_watchdog {
        "# Reboots a board that hangs.\nwatchdog = \"/dev/watchdog\"\n"
    } else {
        "# Reboots a board that hangs: start QEMU with -device i6300esb.\n#watchdog = \"/dev/watchdog\"\n"
    });
    text
}

pub const NETWORK_TOML: &str = "\
# The network. Without any line here: the first Ethernet interface, its address by DHCP. The networks of the radio
# are in wifi.toml, on cards for boards that have one.

#address = \"192.168.1.50/24\"        # or \"dhcp\", \"link-local\" or \"none\"
#gateway = \"192.168.1.1\"
#name-servers = [\"192.168.1.1\"]
#interface = \"eth0\"                 # or \"wlan0\": the one that has this address
#name = \"left-arm\"                  # left-arm.local instead of posewire-XXXX.local, and for DHCP servers
";

pub const WIFI_TOML: &str = "\
# The networks of the radio. Without any line here the radio is off. The log on the screen and the serial line says
# what is wrong, and so do the stats packets of posewire.

#country = \"DE\"                      # two letters: the radio keeps to the rules of that country

#[[network]]                         # the first one is preferred, except for priority
#name = \"robots\"
#passphrase = \"correct horse battery\"
#security = \"auto\"                   # WPA2 or WPA3; or \"wpa2\", \"wpa3\", \"open\"
#hidden = false                      # true: its access point does not tell the name
#priority = 0                        # to 100, the largest is preferred
";
