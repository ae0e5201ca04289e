//! Every check, on machines made of files.

use super::fake::{HEALTHY, Machine};
use super::*;
use crate::source::FourCc;
use crate::source::v4l2::fake::{Device, Field, Trouble};
use proptest::prelude::*;
use rustix::io::Errno;
use std::path::Path;
use std::time::Duration;

fn nothing() -> Request {
    Request::default()
}

fn source(text: &str) -> Request {
    Request {
        source: Some(text.parse().unwrap()),
        ..nothing()
    }
}

fn serial(device: &str) -> Request {
    Request {
        serial: Some(device.parse().unwrap()),
        ..nothing()
    }
}

fn raw_camera() -> Device {
    Device {
        formats: vec![(FourCc(*b"pBEE"), 30.0)],
        ..Device::webcam("/dev/video0")
    }
}

#[test]
fn on_a_healthy_board_every_check_is_well() {
    let machine = Machine::healthy();
    let report = machine.report(&nothing());
    for finding in &report.checks {
        assert_eq!(finding.state, Severity::Ok, "{finding:?}");
        assert_eq!(finding.advice, None);
    }
    assert_eq!(report.board, "rpi4");
    assert_eq!(report.count(Severity::Ok), report.checks.len());
    let camera = machine.worst(&nothing(), "camera").what;
    assert_eq!(
        camera,
        "/dev/video0 Model camera (uvcvideo): gives 8 x 4 YUYV, and gave a picture of 8 x 4; offers YUYV"
    );
    assert!(machine.worst(&nothing(), "cpu").what.contains("2.1 times"));
    let notes = machine.worst(&nothing(), "serial").notes;
    assert!(notes[0].contains("mini-UART"), "{notes:?}");
}

#[test]
fn scripts_can_read_it() {
    let machine = Machine::healthy();
    machine.write("sys/class/thermal/thermal_zone0/temp", "91000");
    let text = serde_json::to_string(&machine.report(&nothing())).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["board"], "rpi4");
    let checks = json["checks"].as_array().unwrap();
    let find = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap();
    assert_eq!(find("temperature")["state"], "warning");
    assert!(find("temperature")["advice"].is_string());
    assert_eq!(find("camera")["state"], "ok");
    assert!(find("camera").get("advice").is_none());
}

#[test]
fn a_board_is_recognised_and_a_wrong_one_is_told() {
    let machine = Machine::healthy();
    let named = |name: &str| Request {
        board: Some(name.into()),
        ..nothing()
    };
    machine.says(
        &nothing(),
        "board",
        Severity::Ok,
        &["Raspberry Pi 4 Model B Rev 1.4"],
    );
    machine.says(
        &named("rpi5"),
        "board",
        Severity::Warning,
        &["Model B", "--board"],
    );
    machine.says(
        &named("rpi5"),
        "cpu",
        Severity::Warning,
        &["neon-dot", "gives neon"],
    );
    assert!(Report::make(&machine.facts, &named("toaster")).is_err());
    machine.write("proc/device-tree/model", "Toaster\x1b[2J 9");
    let unknown = machine.worst(&nothing(), "board").what;
    assert!(
        unknown.contains("Toaster\\x1b[2J 9 has no profile"),
        "{unknown}"
    );
    machine.remove("proc/device-tree");
    machine.says(&nothing(), "board", Severity::Ok, &["no device tree"]);
}

#[test]
fn the_wrong_kernel_family_is_told() {
    let mut machine = Machine::healthy();
    machine.facts.kernel_family = "portable";
    machine.says(&nothing(), "cpu", Severity::Warning, &["rpi4", "portable"]);
    machine.remove("proc/device-tree");
    machine.says(&nothing(), "cpu", Severity::Warning, &["no fast kernel"]);
    machine.facts.kernel_family = "neon";
    machine.write("proc/cpuinfo", "Features\t: fp asimd asimddp\n");
    machine.says(&nothing(), "cpu", Severity::Warning, &["POSEWIRE_KERNEL"]);
}

#[test]
fn clocks_that_fall_and_processors_that_are_hot_are_told() {
    let machine = Machine::healthy();
    machine.write(
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
        "ondemand",
    );
    machine.write(
        "sys/devices/system/cpu/cpuidle/cpufreq/scaling_governor",
        "x",
    );
    machine.says(
        &nothing(),
        "governor",
        Severity::Warning,
        &["ondemand, performance", "tee"],
    );
    machine.write("sys/class/thermal/thermal_zone1/temp", "81000");
    machine.says(
        &nothing(),
        "temperature",
        Severity::Warning,
        &["81 degrees", "fan"],
    );
    machine.write(
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "jiffies",
    );
    machine.says(&nothing(), "clock", Severity::Warning, &["jiffies"]);
}

#[test]
fn a_throttled_board_says_why() {
    let machine = Machine::healthy();
    let file = "sys/devices/platform/soc/soc:firmware/get_throttled";
    for (bits, state, words) in [
        ("50005", Severity::Fail, ["voltage", "supply"]),
        ("0x50000", Severity::Warning, ["voltage", "since the start"]),
        ("4", Severity::Warning, ["slowed down now", "heat sink"]),
        ("80000", Severity::Warning, ["since the start", "heat sink"]),
    ] {
        machine.write(file, bits);
        machine.says(&nothing(), "throttling", state, &words);
    }
    machine.remove(file);
    let report = machine.report(&nothing());
    assert!(
        report
            .checks
            .iter()
            .all(|finding| finding.check != "throttling")
    );
}

#[test]
fn memory_is_held_against_the_boards_budget() {
    let machine = Machine::healthy();
    for (kib, state) in [
        (100 << 10, Severity::Fail),
        (200 << 10, Severity::Warning),
        (300 << 10, Severity::Ok),
    ] {
        machine.write("proc/meminfo", format!("MemAvailable:   {kib} kB\n"));
        machine.says(&nothing(), "memory", state, &["budget is 128 MiB"]);
    }
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    machine.says(
        &nothing(),
        "cgroup",
        Severity::Warning,
        &["cgroup_enable=memory"],
    );
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    machine.says(&nothing(), "cgroup", Severity::Ok, &["can be limited"]);
}

#[test]
fn without_a_camera_only_what_needs_none_works() {
    let machine = Machine::with([]);
    machine.says(
        &nothing(),
        "camera",
        Severity::Fail,
        &["no video device", "USB"],
    );
    machine.says(
        &source("v4l2:/dev/video0"),
        "camera",
        Severity::Fail,
        &["/dev/video0", "no such device"],
    );
    machine.says(
        &source("demo"),
        "camera",
        Severity::Ok,
        &["demo needs none"],
    );
}

#[test]
fn a_camera_that_may_not_be_opened_names_the_group() {
    let machine = Machine::with([Device {
        closed: Some(Errno::ACCESS),
        ..Device::webcam("/dev/video0")
    }]);
    machine.says(&nothing(), "camera", Severity::Fail, &["usermod -aG video"]);
    machine.says(
        &source("v4l2:/dev/video0"),
        "camera",
        Severity::Fail,
        &["no permission", "usermod -aG video"],
    );
}

#[test]
fn a_busy_camera_names_who_has_it() {
    let machine = Machine::healthy();
    machine
        .kernel
        .trouble(Trouble::Busy(Duration::from_secs(60)));
    machine.says(
        &nothing(),
        "camera",
        Severity::Warning,
        &["in use by another program"],
    );
    machine.link("proc/123/fd/7", "/dev/video0");
    machine.write("proc/123/comm", "cheese\n");
    machine.says(
        &source("v4l2:/dev/video0"),
        "camera",
        Severity::Warning,
        &["cheese (process 123)"],
    );
}

#[test]
fn a_camera_that_gives_no_usable_picture_is_told_with_the_reason() {
    let mut short = Device::webcam("/dev/video0");
    short.picture.truncate(60);
    Machine::with([short]).says(
        &source("v4l2:/dev/video0"),
        "camera",
        Severity::Warning,
        &["frames of 60 bytes, 64 expected", "--camera-format"],
    );
    let mut narrow = Device::webcam("/dev/video0");
    narrow.no_bandwidth = vec![FourCc(*b"YUYV")];
    Machine::with([narrow]).says(
        &nothing(),
        "camera",
        Severity::Warning,
        &["not enough USB bandwidth for YUYV", "MJPG"],
    );
    let mut loopback = Device::webcam("/dev/video0");
    loopback.identity.driver = "v4l2 loopback".into();
    loopback.identity.capabilities = 1 << 1 | 1 << 26;
    for request in [nothing(), source("v4l2:/dev/video0")] {
        Machine::with([loopback.clone()]).says(
            &request,
            "camera",
            Severity::Warning,
            &["no program feeds", "posewire waits"],
        );
    }
    let mut halves = Device::webcam("/dev/video0");
    halves.field = Field(7);
    Machine::with([halves]).says(
        &source("v4l2:/dev/video0"),
        "camera",
        Severity::Fail,
        &["ALTERNATE"],
    );
}

#[test]
fn a_ribbon_cable_camera_has_a_line_for_its_program() {
    let machine = Machine::with([raw_camera()]);
    for request in [nothing(), source("v4l2:/dev/video0")] {
        machine.says(
            &request,
            "camera",
            Severity::Fail,
            &["pipe of rpicam-vid", "GStreamer"],
        );
    }
    machine.write(
        "usr/lib/aarch64-linux-gnu/gstreamer-1.0/libgstnvarguscamerasrc.so",
        "",
    );
    let line = [
        "--source pipe:MJPG:640x480",
        "--run-camera",
        "nvarguscamerasrc",
    ];
    machine.says(&nothing(), "camera", Severity::Fail, &line);
    machine.write("usr/bin/rpicam-vid", "");
    let line = ["--source pipe:yuv420:640x480 --run-camera 'rpicam-vid "];
    machine.says(&nothing(), "camera", Severity::Fail, &line);
    machine.kernel.plug(Device::webcam("/dev/video8"));
    machine.says(
        &nothing(),
        "camera",
        Severity::Warning,
        &["pBEE", "rpicam-vid"],
    );
    let without = Machine::with([]);
    without.write("usr/bin/rpicam-vid", "");
    without.says(
        &nothing(),
        "camera",
        Severity::Fail,
        &["--run-camera 'rpicam-vid "],
    );
}

#[test]
fn nodes_that_are_no_cameras_are_named_and_do_no_harm() {
    let mut metadata = Device::webcam("/dev/video1");
    metadata.identity.capabilities = 1 << 23 | 1 << 26;
    let processor = |path: &str| {
        let mut device = Device::webcam(path);
        device.identity.driver = "bcm2835-codec".into();
        device
    };
    let machine = Machine::with([
        Device::webcam("/dev/video0"),
        metadata.clone(),
        processor("/dev/video10"),
        processor("/dev/video11"),
        processor("/dev/video12"),
    ]);
    let report = machine.report(&nothing());
    let lines: Vec<&Finding> = report
        .checks
        .iter()
        .filter(|finding| finding.check == "camera")
        .collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].what.contains("metadata"));
    assert!(lines[2].what.starts_with("/dev/video10 to /dev/video12 "));
    assert!(lines.iter().all(|finding| finding.state == Severity::Ok));
    let machine = Machine::with([metadata]);
    machine.says(
        &source("v4l2:/dev/video1"),
        "camera",
        Severity::Fail,
        &["metadata"],
    );
    machine.says(
        &nothing(),
        "camera",
        Severity::Fail,
        &["no video device can be used"],
    );
}

#[test]
fn a_user_outside_the_groups_is_told() {
    let machine = Machine::healthy();
    machine.write("etc/group", "video:x:44:\ndialout:x:20:\nodd\n:::\n");
    machine.says(
        &nothing(),
        "groups",
        Severity::Warning,
        &["video and dialout", "usermod -aG video,dialout"],
    );
    machine.write(
        "proc/self/status",
        "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n",
    );
    machine.says(&nothing(), "groups", Severity::Ok, &["root"]);
}

#[test]
fn a_serial_line_that_cannot_be_used_fails_only_if_it_is_asked_for() {
    let machine = Machine::healthy();
    machine.mode("dev/ttyAMA0", 0o600);
    let group = ["no permission", "usermod -aG dialout"];
    machine.says(&nothing(), "serial", Severity::Warning, &group);
    machine.says(&serial("/dev/ttyAMA0"), "serial", Severity::Fail, &group);
    machine.remove("dev/ttyAMA0");
    machine.says(&nothing(), "serial", Severity::Warning, &["no such device"]);
    machine.says(
        &serial("/dev/ttyUSB0"),
        "serial",
        Severity::Fail,
        &["/dev/ttyUSB0"],
    );
}

#[test]
fn the_mini_uart_is_recognised_behind_its_link() {
    let machine = Machine::healthy();
    machine.write("dev/ttyS0", "");
    machine.mode("dev/ttyS0", 0o666);
    machine.link("dev/serial0", "ttyS0");
    machine.write(
        "sys/class/tty/ttyS0/device/of_node/compatible",
        "brcm,bcm2835-aux-uart\0",
    );
    machine.says(
        &serial("/dev/serial0"),
        "serial",
        Severity::Warning,
        &["/dev/serial0 (/dev/ttyS0)", "mini-UART", "disable-bt"],
    );
}

#[test]
fn a_console_on_the_serial_line_is_told() {
    let machine = Machine::healthy();
    machine.link("dev/serial0", "../dev/ttyAMA0");
    for line in [
        "console=ttyAMA0,115200 quiet",
        "quiet console=serial0,115200",
    ] {
        machine.write("proc/cmdline", line);
        machine.says(
            &nothing(),
            "console",
            Severity::Warning,
            &["ttyAMA0", "cmdline.txt"],
        );
        machine.says(
            &serial("/dev/serial0"),
            "console",
            Severity::Fail,
            &["messages"],
        );
    }
    machine.write("proc/cmdline", "quiet");
    machine.write("sys/class/tty/console/active", "tty0 ttyAMA0");
    machine.says(
        &nothing(),
        "console",
        Severity::Warning,
        &["messages on ttyAMA0"],
    );
    machine.write("sys/class/tty/console/active", "tty0");
    machine.write(
        "proc/77/cmdline",
        "/sbin/agetty\0-o\0-p -- \\u\x00115200\0ttyAMA0\0vt220\0",
    );
    machine.says(
        &serial("/dev/ttyAMA0:9600"),
        "console",
        Severity::Fail,
        &["agetty", "serial-getty@ttyAMA0", "nvgetty"],
    );
}

#[test]
fn what_the_kernel_lacks_for_a_sandbox_is_told() {
    let mut machine = Machine::healthy();
    machine.says(
        &nothing(),
        "sandbox",
        Severity::Ok,
        &["seccomp, Landlock version 4"],
    );
    machine.facts.landlock_abi = None;
    machine.says(&nothing(), "sandbox", Severity::Ok, &["no Landlock"]);
    machine.write("proc/self/status", "Name:\tx\n");
    machine.says(&nothing(), "sandbox", Severity::Warning, &["no seccomp"]);
}

#[test]
fn missing_realtime_rights_are_told() {
    let machine = Machine::healthy();
    machine.write(
        "proc/self/limits",
        "Max locked memory         8388608    8388608   bytes\nMax realtime priority     0    0\n",
    );
    machine.says(
        &nothing(),
        "realtime",
        Severity::Warning,
        &["up to 0", "the board's is 20", "limits.d"],
    );
    machine.says(
        &nothing(),
        "memlock",
        Severity::Warning,
        &["8192 KiB", "128 MiB"],
    );
}

#[test]
fn a_model_is_opened_and_held_against_the_processor() {
    let mut machine = Machine::healthy();
    let model = |path: &Path| Request {
        model: Some(path.into()),
        ..nothing()
    };
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/board/hand.plan");
    machine.facts.kernel_family = "portable";
    let finding = machine.worst(&model(&plan), "model");
    assert_ne!(finding.state, Severity::Ok, "{finding:?}");
    assert!(finding.what.contains("gives portable"), "{finding:?}");
    assert!(finding.advice.unwrap().contains("--kernel portable"));
    let missing = Path::new("/nowhere/hand.plan");
    machine.says(
        &model(missing),
        "model",
        Severity::Fail,
        &["cannot be opened"],
    );
    machine.write("garbage.plan", "posewire and nothing else");
    let garbage = machine.facts.files.at("garbage.plan");
    machine.says(&model(&garbage), "model", Severity::Fail, &["garbage.plan"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_makes_it_panic(which in 0..HEALTHY.len(), bytes: Vec<u8>, words in "[a-zA-Z0-9:=,/ \t\n-]{0,80}") {
        let machine = Machine::healthy();
        for text in [bytes, words.into_bytes()] {
            machine.write(HEALTHY[which].0, text);
            let report = machine.report(&serial("/dev/ttyAMA0"));
            prop_assert!(report.checks.len() >= CHECKS.len() - 1);
            let json = serde_json::to_string(&report).unwrap();
            prop_assert!(json.bytes().all(|byte| byte >= b' '));
        }
    }
}

#[test]
fn links_that_go_round_in_circles_end() {
    let machine = Machine::healthy();
    machine.link("dev/a", "b");
    machine.link("dev/b", "../../../../dev/./a");
    machine.says(
        &serial("/dev/a"),
        "serial",
        Severity::Fail,
        &["no such device"],
    );
}
