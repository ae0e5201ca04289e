//! Card contents per board. All differences between boards are here.

/// The card of a family of boards. The board's profile has the settings.
pub struct CardFor {
    /// The name of the profile.
    pub name: &'static str,
    pub about: &'static str,
    /// Files of the Raspberry Pi's firmware; empty for other firmware.
    pub firmware: &'static [&'static str],
    /// Names without folder and extension.
    pub device_trees: &'static [&'static str],
    /// Kernel modules, those of the card first. Their dependencies are added.
    pub modules: &'static [&'static [&'static str]],
    /// Consoles. The kernel prefers the last one.
    pub consoles: &'static str,
    pub serial: &'static str,
    pub udp: &'static str,
    /// True if the watchdog is on by default.
    pub has_watchdog: bool,
}

/// Debian's kernel has FAT and its two character sets as modules.
const FAT: &[&str] = &["vfat", "nls_cp437", "nls_ascii"];
const CAMERA: &[&str] = &["uvcvideo"];
const USB_NETWORK: &[&str] = &[
    "asix",
    "ax88179_178a",
    "r8152",
    "cdc_ether",
    "cdc_ncm",
    "rndis_host",
];
const USB_SERIAL: &[&str] = &["cp210x", "ftdi_sio", "ch341", "pl2303", "cdc_acm"];
/// Clock, thermometer, watchdog, and the USB controller of the chip.
const PI3_SYSTEM: &[&str] = &[
    "raspberrypi_cpufreq",
    "cpufreq_dt",
    "bcm2835_thermal",
    "bcm2835_wdt",
    "phy_generic",
    "dwc2",
];
/// The USB controller is behind PCIe; the firmware loads its program.
const PI4_SYSTEM: &[&str] = &[
    "raspberrypi_cpufreq",
    "cpufreq_dt",
    "bcm2711_thermal",
    "bcm2835_wdt",
    "reset_raspberrypi",
    "xhci_pci",
];
const PI3_FIRMWARE: &[&str] = &["bootcode.bin", "start.elf", "fixup.dat"];
/// Debian's order: a screen if present, and pins 8 and 10 of the header.
const PI_CONSOLES: &str = "console=tty0 console=ttyS1,115200";
const ROBOT: &str = "192.168.1.20:9000";

pub const BOARDS: &[CardFor] = &[
    CardFor {
        name: "rpi3",
        about: "Raspberry Pi 3 A+, B, B+ and Compute Module 3",
        firmware: PI3_FIRMWARE,
        device_trees: &[
            "broadcom/bcm2837-rpi-3-a-plus",
            "broadcom/bcm2837-rpi-3-b",
            "broadcom/bcm2837-rpi-3-b-plus",
            "broadcom/bcm2837-rpi-cm3-io3",
        ],
        modules: &[
            &["bcm2835"],
            FAT,
            PI3_SYSTEM,
            CAMERA,
            &["smsc", "smsc95xx", "microchip", "lan78xx"],
            USB_NETWORK,
            USB_SERIAL,
        ],
        consoles: PI_CONSOLES,
        serial: "/dev/ttyS1",
        udp: ROBOT,
        has_watchdog: true,
    },
    CardFor {
        name: "rpi-zero2w",
        about: "Raspberry Pi Zero 2 W (without its radio)",
        firmware: PI3_FIRMWARE,
        device_trees: &["broadcom/bcm2837-rpi-zero-2-w"],
        modules: &[
            &["bcm2835"],
            FAT,
            PI3_SYSTEM,
            CAMERA,
            USB_NETWORK,
            USB_SERIAL,
        ],
        consoles: PI_CONSOLES,
        serial: "/dev/ttyS1",
        udp: ROBOT,
        has_watchdog: true,
    },
    CardFor {
        name: "rpi4",
        about: "Raspberry Pi 4 B, 400 and Compute Module 4",
        firmware: &["start4.elf", "fixup4.dat"],
        device_trees: &[
            "broadcom/bcm2711-rpi-4-b",
            "broadcom/bcm2711-rpi-400",
            "broadcom/bcm2711-rpi-cm4-io",
        ],
        modules: &[
            // These pins switch the supply of the card.
            &["fixed", "gpio_regulator", "sdhci_iproc"],
            FAT,
            PI4_SYSTEM,
            CAMERA,
            &["mdio_bcm_unimac", "broadcom", "genet"],
            USB_NETWORK,
            USB_SERIAL,
        ],
        consoles: PI_CONSOLES,
        serial: "/dev/ttyS1",
        udp: ROBOT,
        has_watchdog: true,
    },
    CardFor {
        name: "qemu-virt",
        about: "qemu-system-aarch64 -M virt -cpu cortex-a76, with a virtual camera",
        firmware: &[],
        device_trees: &[],
        modules: &[
            &["virtio_pci", "virtio_blk"],
            FAT,
            &["i6300esb", "vivid", "virtio_net"],
        ],
        consoles: "console=ttyAMA0",
        serial: "/dev/ttyS0",
        udp: "10.0.2.2:9000",
        has_watchdog: false,
    },
];
