//! Cards beside an access point, and at the end of a USB cable, in an emulated board.
//!
//! The kernel's `mac80211_hwsim` has two radios, and its `dummy_hcd` a USB controller wired to itself. The board's agent
//! (`tests/board/agent/src/neighbour.rs`) has one end of each in a network of its own. The card's own init has the
//! others.

use super::card::Card;
use super::emulator::{self, VIRT, folder, plain};
use super::initramfs::compressed;
use super::{Wanted, build};
use crate::board::link::{self, Link};
use crate::board::machine::make_pipes;
use crate::board::serial::Deframer;
use crate::debian::cpio::Archive;
use crate::debian::libraries;
use crate::debian::modules::Modules;
use crate::debian::packages;
use crate::emulator::Emulator;
use crate::receiver::{Receiver, Seen};
use crate::tools::{Outcome, at, board_folder};
use posewire::wire::{Body, WireRadio};
use std::fs::{self, File};
use std::io::Read;
use std::time::{Duration, Instant};

/// Loaded before the card's init starts: the Ethernet card of the neighbour, the radios with their ciphers, and the
/// USB controller with the computer's side of the cable.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_net",
    "ccm",
    "ctr",
    "cmac",
    "mac80211_hwsim",
    "dummy_hcd",
    "cdc_ether",
];
const LONGEST: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const ACCESS_POINT: &str = "192.168.77.1";
const LEASE: &str = "192.168.77.50";
const NETWORKS: &str = "\
country = \"DE\"
[[network]]
name = \"kiosk\"
passphrase = \"wrong horse\"
[[network]]
name = \"robots\"
passphrase = \"correct horse\"
security = \"wpa2\"
[[network]]
name = \"it's \\\"lab\\\"\"
passphrase = \"K\u{e4}se\"
security = \"wpa3\"
hidden = true
";
/// Lines of hostapd for the three networks; `;` ends one.
const KIOSK: &str =
    "ssid=kiosk;wpa=2;wpa_key_mgmt=WPA-PSK;rsn_pairwise=CCMP;wpa_passphrase=other horse";
const ROBOTS: &str =
    "ssid=robots;wpa=2;wpa_key_mgmt=WPA-PSK;rsn_pairwise=CCMP;wpa_passphrase=correct horse";
const LAB: &str = "ssid2=P\"it's \\\"lab\\\"\";ignore_broadcast_ssid=1;wpa=2;wpa_key_mgmt=SAE;rsn_pairwise=CCMP;\
                   ieee80211w=2;sae_pwe=2;sae_password=K\u{e4}se";

/// A card, and its neighbour behind the link.
struct Pair {
    board: Emulator,
    neighbour: Link,
    serial: File,
    packets: Deframer,
}

impl Pair {
    fn start(card: &mut Card) -> Outcome<Self> {
        let (listener, port) = link::listen()?;
        let folder = folder()?;
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let serial = make_pipes(&folder)?;
        let pipe = format!("pipe,id=line,path={}", folder.join("serial").display());
        let options = [
            ("-chardev", pipe.as_str()),
            ("-device", "pci-serial,chardev=line"),
        ];
        let words = format!("rdinit=/neighbour/agent board.port={port}");
        let second = second_initramfs()?;
        let mut board = emulator::start_with(&VIRT, card, &folder, &second, &options, &words)?;
        let neighbour = Link::accept(&listener, &mut board)
            .map_err(|error| format!("{error}\n{}", board.tail()))?;
        Ok(Pair {
            board,
            neighbour,
            serial,
            packets: Deframer::default(),
        })
    }

    fn ask(&mut self, command: &str) -> Outcome<String> {
        self.neighbour.ask(command)
    }

    /// Starts an access point. The one before it must have been ended.
    fn access_point(&mut self, lines: &str) -> Outcome<()> {
        let all = "interface=wlan1;driver=nl80211;hw_mode=g;channel=1;country_code=DE";
        self.ask(&format!("write /tmp/hostapd.conf {all};{lines}"))?;
        self.ask("spawn hostapd /bin/hostapd /tmp/hostapd.conf")
            .map(drop)
    }

    fn no_access_point(&mut self) -> Outcome<()> {
        self.ask("signal hostapd KILL")?;
        self.ask("wait hostapd 5000")?;
        // An access point that is switched off sends no farewell.
        self.ask("busybox ip link set wlan1 down").map(drop)
    }

    /// A line of the card's init from console line `from` on.
    fn line(&mut self, from: usize, words: &[&str]) -> Outcome<(usize, String)> {
        let has_words = |line: &str| words.iter().all(|word| line.contains(word));
        let found = self.board.wait_for_line(from, has_words, LONGEST);
        let (number, line) = found.map_err(|error| {
            let hostapd = self.neighbour.ask("log hostapd 12").unwrap_or_default();
            format!(
                "no line with {words:?}{error}\nhostapd: {}",
                hostapd.replace('|', "\n")
            )
        })?;
        Ok((number + 1, plain(&line).into()))
    }

    /// The name of the card's interface `of`, from console line `from` on, and the addresses that answer for it on the
    /// neighbour's interface, whose own address is `address`.
    fn name(
        &mut self,
        from: usize,
        of: &str,
        interface: &str,
        address: &str,
    ) -> Outcome<(usize, String, String)> {
        let begin = format!("init: {of} is posewire-");
        let (after, line) = self.line(from, &[&begin, ".local"])?;
        let host = line
            .split(' ')
            .find_map(|word| word.strip_suffix(".local"))
            .ok_or_else(|| format!("no name in {line:?}"))?;
        self.ask(&format!("busybox ip route add 224.0.0.0/4 dev {interface}"))?;
        let found = self.ask(&format!("name {address} {host} 10000"))?;
        Ok((after, host.to_string(), found))
    }

    /// The first stats packet on the serial line with this state, about the network at this place of `wifi.toml`.
    fn radio(&mut self, state: u8, network: u8) -> Outcome<WireRadio> {
        let start = Instant::now();
        let mut last = None;
        while start.elapsed() < LONGEST {
            let mut bytes = [0; 4096];
            if let Ok(length @ 1..) = self.serial.read(&mut bytes) {
                self.packets.feed(&bytes[..length]);
            }
            for packet in self.packets.packets.drain(..) {
                if let Body::Stats(stats) = &packet.body {
                    last = stats.radio;
                }
            }
            if let Some(radio) =
                last.filter(|radio| (radio.state, radio.network) == (state, network))
            {
                return Ok(radio);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(format!(
            "no stats packet says state {state}; the last said {last:?}"
        ))
    }
}

/// The agent, and the programs of an access point.
fn second_initramfs() -> Outcome<Vec<u8>> {
    let folder = board_folder()?;
    let packages = packages::fetch(&folder)?;
    let tree = packages::fetch_wifi(&folder)?;
    let mut archive = Archive::default();
    for folder in [
        "neighbour",
        "bin",
        "lib",
        "lib/aarch64-linux-gnu",
        "modules",
    ] {
        archive.folder(folder);
    }
    let agent = crate::board::build::agent()?;
    archive.program("neighbour/agent", &fs::read(&agent).map_err(at(&agent))?);
    let busybox = &packages.busybox;
    archive.program("bin/busybox", &fs::read(busybox).map_err(at(busybox))?);
    for (place, bytes) in libraries::with_needs(&tree, &["hostapd", "iw"])? {
        archive.program(&place, &bytes);
    }
    let modules = Modules::find(&packages.modules)?;
    let order = modules.order(MODULES)?;
    modules.put(&order, &mut archive, "modules")?;
    archive.file("modules/neighbour.list", order.join("\n").as_bytes());
    compressed(archive)
}

/// qemu-virt's card with Wi-Fi, packets to `to`, and stats packets each second, also on the serial line.
fn card(to: &str, more_modules: &[&str]) -> Outcome<Card> {
    let mut wanted = Wanted::plain("qemu-virt", more_modules)?;
    wanted.wifi = true;
    let mut card = build(&wanted)?;
    card.edit(
        "posewire.toml",
        &[
            ("10.0.2.2:9000", to),
            ("#serial = ", "stats-seconds = 1\nserial = "),
        ],
    )?;
    Ok(card)
}

pub fn wifi() -> Outcome<String> {
    const AWAY: Duration = Duration::from_secs(20);
    let receiver = Receiver::start(0)?;
    let mut card = card(&format!("10.0.2.2:{}", receiver.port), &[])?;
    card.write("wifi.toml", NETWORKS.as_bytes())?;
    let mut pair = Pair::start(&mut card)?;
    for command in [
        format!("busybox ip addr add {ACCESS_POINT}/24 dev wlan1"),
        "write /proc/sys/net/ipv4/ip_forward 1".into(),
        format!(
            "write /tmp/udhcpd.conf start {LEASE};end {LEASE};interface wlan1;option subnet 255.255.255.0;\
             option router {ACCESS_POINT};lease_file /tmp/leases"
        ),
        "write /tmp/leases".into(),
        "spawn udhcpd /bin/busybox udhcpd -f /tmp/udhcpd.conf".into(),
    ] {
        pair.ask(&command)?;
    }
    let (after, searching) = pair.line(0, &["init: wlan0 finds no network of wifi.toml"])?;

    pair.access_point(KIOSK)?;
    let (after, wrong) = pair.line(
        after,
        &[
            "init: wlan0",
            "\"kiosk\"",
            "passphrase",
            "wifi.toml is wrong",
        ],
    )?;
    pair.radio(4, 1)?;
    pair.no_access_point()?;

    pair.access_point(ROBOTS)?;
    let (after, _) = pair.line(after, &["init: wlan0 joined \"robots\""])?;
    let (after, address) = pair.line(after, &["init: wlan0 has", LEASE, "by DHCP"])?;
    let keypoints =
        || receiver.wait_for("keypoints through the radio", LONGEST, Seen::is_keypoints);
    keypoints()?;
    pair.radio(3, 2)?;
    let saving = pair.ask("busybox nsenter -t 1 -n /bin/iw dev wlan0 get power_save")?;
    if !saving.contains("off") {
        return Err(format!("iw says {saving}"));
    }
    let (after, host, found) = pair.name(after, "wlan0", "wlan1", ACCESS_POINT)?;
    if found != format!("{LEASE} {LEASE}") {
        return Err(format!("{host}.local is {found}"));
    }

    pair.no_access_point()?;
    let (after, _) = pair.line(after, &["init: wlan0 lost \"robots\""])?;
    std::thread::sleep(AWAY);
    receiver.drain()?;
    pair.access_point(ROBOTS)?;
    let came = Instant::now();
    let (after, _) = pair.line(after, &["init: wlan0 joined \"robots\""])?;
    keypoints()?;
    let back_s = came.elapsed().as_secs_f64();

    pair.no_access_point()?;
    let (after, _) = pair.line(after, &["init: wlan0 lost \"robots\""])?;
    receiver.drain()?;
    pair.access_point(LAB)?;
    pair.line(after, &["init: wlan0 joined \"it's \\\"lab\\\"\""])?;
    keypoints()?;
    let last = pair.radio(3, 3)?;
    if last.joined < 3 {
        return Err(format!("after three networks: {last:?}"));
    }
    Ok(format!(
        "{searching:?}; {wrong:?}, in stats too; WPA2: {address:?}, {host}.local found; {} s without an access point, \
         keypoints {back_s:.1} s after it was back; WPA3 with a hidden name",
        AWAY.as_secs()
    ))
}

pub fn gadget() -> Outcome<String> {
    const COMPUTER: &str = "169.254.99.99";
    let mut card = card("169.254.255.255:9000", &["usb_f_ecm", "g_ether"])?;
    card.write(
        "wifi.toml",
        b"country = 'DE'\n[[network]]\nname = 'home'\npasphrase = 'x'\n",
    )?;
    let mut pair = Pair::start(&mut card)?;
    // A mistake in the file of the radio costs the radio alone.
    let (_, mistake) = pair.line(0, &["init: /card/wifi.toml", "pasphrase", "no Wi-Fi"])?;
    pair.radio(6, 0)?;
    let start = Instant::now();
    // The gadget is usb0, and the computer's adapter usb1.
    while let Err(error) = pair.ask("take usb1") {
        if start.elapsed() > LONGEST {
            return Err(format!("{error}\n{}", pair.board.tail()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    pair.ask(&format!("busybox ip addr add {COMPUTER}/16 dev usb1"))?;
    pair.ask("busybox ip link set usb1 up")?;
    let (after, address) = pair.line(0, &["init: usb0 has 169.254.", "/16"])?;
    let (_, host, found) = pair.name(after, "usb0", "usb1", COMPUTER)?;
    let own = found.split(' ').next().unwrap_or_default().to_string();
    if !address.contains(&own) {
        return Err(format!("{host}.local is {found}; {address}"));
    }
    pair.ask(&format!("busybox ping -c 2 -W 5 {own}"))?;
    Ok(format!(
        "{mistake:?}, in stats too; {address:?}, {host}.local found and reached"
    ))
}
