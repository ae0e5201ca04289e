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
    /// Firmware of the radio: the name that its driver asks for in `lib/firmware/brcm`, and Debian's name.
    pub radio: Option<&'static [(&'static str, &'static str)]>,
}

/// The radio of the Raspberry Pi 3 B and of most Zero 2 W.
const CHIP_43430: [(&str, &str); 3] = [
    ("brcmfmac43430-sdio.bin", "cypress/cyfmac43430-sdio.bin"),
    (
        "brcmfmac43430-sdio.clm_blob",
        "cypress/cyfmac43430-sdio.clm_blob",
    ),
    (
        "brcmfmac43430-sdio.txt",
        "brcm/brcmfmac43430-sdio.raspberrypi,3-model-b.txt",
    ),
];
/// The one of the Raspberry Pi 3 A+, 3 B+ and 4 B.
const CHIP_43455: [(&str, &str); 3] = [
    ("brcmfmac43455-sdio.bin", "cypress/cyfmac43455-sdio.bin"),
    (
        "brcmfmac43455-sdio.clm_blob",
        "cypress/cyfmac43455-sdio.clm_blob",
    ),
    ("brcmfmac43455-sdio.txt", "brcm/brcmfmac43455-sdio.txt"),
];
const PI3_RADIO: &[(&str, &str)] = &[
    CHIP_43430[0],
    CHIP_43430[1],
    CHIP_43430[2],
    CHIP_43455[0],
    CHIP_43455[1],
    (
        "brcmfmac43455-sdio.txt",
        "brcm/brcmfmac43455-sdio.raspberrypi,3-model-b-plus.txt",
    ),
];
const PI4_RADIO: &[(&str, &str)] = &[
    CHIP_43455[0],
    CHIP_43455[1],
    CHIP_43455[2],
    (
        "brcmfmac43455-sdio.raspberrypi,4-model-b.txt",
        "brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.txt",
    ),
    // The Raspberry Pi 400's.
    ("brcmfmac43456-sdio.bin", "brcm/brcmfmac43456-sdio.bin"),
    (
        "brcmfmac43456-sdio.clm_blob",
        "brcm/brcmfmac43456-sdio.clm_blob",
    ),
    ("brcmfmac43456-sdio.txt", "brcm/brcmfmac43456-sdio.txt"),
];
/// The radio is on the chip's other controller for cards.
const PI_RADIO_MODULES: &[&str] = &["sdhci_iproc", "brcmfmac"];
/// An Ethernet adapter for the computer at the other end of a USB cable.
const GADGET: &[&str] = &["usb_f_ecm", "g_ether"];

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
            PI_RADIO_MODULES,
        ],
        consoles: PI_CONSOLES,
        serial: "/dev/ttyS1",
        udp: ROBOT,
        has_watchdog: true,
        radio: Some(PI3_RADIO),
    },
    CardFor {
        name: "rpi-zero2w",
        about: "Raspberry Pi Zero 2 W",
        firmware: PI3_FIRMWARE,
        device_trees: &["broadcom/bcm2837-rpi-zero-2-w"],
        modules: &[
            &["bcm2835"],
            FAT,
            PI3_SYSTEM,
            CAMERA,
            USB_NETWORK,
            USB_SERIAL,
            PI_RADIO_MODULES,
            GADGET,
        ],
        consoles: PI_CONSOLES,
        serial: "/dev/ttyS1",
        udp: ROBOT,
        has_watchdog: true,
        radio: Some(&CHIP_43430),
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
            PI_RADIO_MODULES,
        ],
        consoles: PI_CONSOLES,
        serial: "/dev/ttyS1",
        udp: ROBOT,
        has_watchdog: true,
        radio: Some(PI4_RADIO),
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
        radio: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_the_driver_of_a_radio_and_its_firmware_or_neither() {
        for board in BOARDS {
            let has_driver = board.modules.concat().contains(&"brcmfmac");
            assert_eq!(has_driver, board.radio.is_some(), "{}", board.name);
            for (name, _) in board.radio.unwrap_or_default() {
                let firmware = format!("{}.bin", name.split('.').next().unwrap_or_default());
                let mut names = board.radio.unwrap_or_default().iter();
                assert!(names.any(|(other, _)| *other == firmware), "{name}");
            }
        }
        let virt = BOARDS.iter().find(|board| board.name == "qemu-virt");
        assert!(virt.is_some_and(|board| board.radio.is_none()));
    }
}
