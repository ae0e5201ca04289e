//! The exposure loop on the model of a sensor, and sensors that are set up.

use super::exposure::GOAL;
use super::model::{Lamps, SIZE};
use super::{Developer, SensorModel, prepare};
use crate::frame::{Bayer, BayerOrder, BayerSample, PixelFormat, Pixels, measure_light};
use crate::source::v4l2::control::{BusFormat, Sensor};
use crate::source::v4l2::node::FourCc;

const RGGB10: Bayer = Bayer {
    order: BayerOrder::Rggb,
    sample: BayerSample::Wide10,
};
/// A camera is never quite at its rate.
const FRAME_S: f64 = 1.0 / 29.97;
/// An error that counts as settled, as a factor.
const SETTLED: f64 = 1.35;
/// Light at which the demo scene is right at 10 ms and gain 2.
const ROOM: f64 = 0.5;

/// A camera in the dark or under lamps, picture by picture.
struct Scene {
    sensor: SensorModel,
    developer: Developer,
    readout_s: f64,
    index: u64,
}

/// Light of a picture, and the settings for later ones.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Mean brightness against the goal.
    error: f64,
    exposure_s: f64,
    gain: f64,
}

impl Scene {
    fn new(name: &str, mains_hz: u32) -> Self {
        let sensor = SensorModel::new(name, [0.6, 1.0, 0.5]);
        let size = [1640, 1232];
        let mut boxed: Box<dyn Sensor> = Box::new(sensor.clone());
        let wanted = BusFormat {
            code: 0x300f,
            size_px: size,
        };
        boxed.set_format(wanted).unwrap();
        Scene {
            developer: Developer::new(RGGB10, size, Some(boxed), 30, mains_hz),
            sensor,
            readout_s: 0.023,
            index: 0,
        }
    }

    fn step(&mut self, lamps: &Lamps) -> Seen {
        let at_s = self.index as f64 * FRAME_S;
        let bytes = self.sensor.picture(lamps, at_s, self.readout_s);
        let [exposure_s, gain] = self.sensor.shown();
        let [width, height] = SIZE.map(|side| side as u32);
        let format = PixelFormat::Bayer(RGGB10);
        let pixels = Pixels::new(format, width, height, 2 * SIZE[0], &bytes).unwrap();
        self.developer.develop(&pixels, self.index);
        let light = measure_light(&pixels, self.developer.black, [1.0; 3]).unwrap();
        self.index += 1;
        Seen {
            error: f64::from(light.mean / GOAL),
            exposure_s,
            gain,
        }
    }

    fn run(&mut self, lamps: &Lamps, pictures: usize) -> Vec<Seen> {
        (0..pictures).map(|_| self.step(lamps)).collect()
    }
}

fn steady(light: f64) -> Lamps {
    Lamps {
        light,
        depth: 0.0,
        turns_hz: 100.0,
    }
}

/// Pictures until the error is small and stays so.
fn settled_after(seen: &[Seen]) -> usize {
    let last = seen
        .iter()
        .rposition(|seen| !(1.0 / SETTLED..=SETTLED).contains(&seen.error));
    last.map_or(0, |last| last + 1)
}

/// Changes of exposure or gain.
fn changes(seen: &[Seen]) -> usize {
    let pairs = seen.windows(2);
    pairs
        .filter(|pair| (pair[0].exposure_s * pair[0].gain) != (pair[1].exposure_s * pair[1].gain))
        .count()
}

#[test]
fn sixty_four_times_the_light_and_back_settle_within_15_pictures() {
    for name in [
        "imx219 10-0010",
        "ov5647 10-0036",
        "imx708_wide 10-001a",
        "unknown 1-0001",
    ] {
        for latency in [1, 2] {
            let mut scene = Scene::new(name, 50);
            scene.sensor.set_latency(latency);
            let mut run = |light| {
                let seen = scene.run(&steady(light), 60);
                let after = settled_after(&seen);
                assert!(after <= 15, "{name}, light {light}: {after}, {seen:?}");
                // Settled is settled: nothing moves any more.
                assert_eq!(changes(&seen[20..]), 0, "{name}, light {light}: {seen:?}");
                after
            };
            let low = ROOM / 8.0;
            let all = [ROOM, 64.0 * low, low, 64.0 * low, low].map(&mut run);
            println!("{name}, latency {latency}: settled after {all:?} pictures");
        }
    }
}

#[test]
fn every_step_between_settles() {
    let mut scene = Scene::new("imx219 10-0010", 50);
    scene.run(&steady(ROOM), 60);
    for (from, to) in [
        (1.0, 2.0),
        (2.0, 0.7),
        (0.7, 8.0),
        (8.0, 0.3),
        (0.3, 20.0),
        (20.0, 1.0),
    ] {
        let seen = scene.run(&steady(ROOM * to), 60);
        let after = settled_after(&seen);
        assert!(after <= 15, "from {from} to {to}: {after} {seen:?}");
    }
}

#[test]
fn lamps_at_50_and_60_hz_cause_no_oscillation() {
    for mains_hz in [50.0, 60.0] {
        // Set for these mains, and for the other ones.
        for set_hz in [50, 60] {
            for (depth, readout_s) in [(0.3, 0.023), (0.9, 0.023), (0.3, 0.005)] {
                // From 1 ms to all that the sensor has.
                for light in [8.0, 3.0, 1.0, 0.5, 0.25, 0.1, 0.04] {
                    let mut scene = Scene::new("imx219 10-0010", set_hz);
                    scene.readout_s = readout_s;
                    let lamps = Lamps {
                        light,
                        depth,
                        // The mains are never quite at their frequency.
                        turns_hz: 2.0 * mains_hz * 1.0007,
                    };
                    let seen = scene.run(&lamps, 360);
                    let late = &seen[60..];
                    let about = format!(
                        "{mains_hz} Hz (set {set_hz}), depth {depth}, readout {readout_s} s, light {light}"
                    );
                    assert!(changes(late) <= 1, "{about}: {} changes", changes(late));
                    let mean = late.iter().map(|seen| seen.error).sum::<f64>() / late.len() as f64;
                    assert!((0.7..1.4).contains(&mean), "{about}: mean {mean}");
                    println!(
                        "{about}: {} changes, mean {mean:.2}, {:.1} ms x {:.1}",
                        changes(late),
                        1e3 * late[0].exposure_s,
                        late[0].gain
                    );
                }
            }
        }
    }
}

#[test]
fn exposures_are_whole_turns_of_the_lamps() {
    for (mains_hz, turn_ms) in [(50, 10.0), (60, 1000.0 / 120.0)] {
        let mut scene = Scene::new("imx219 10-0010", mains_hz);
        for light in [0.9, 0.5, 0.2, 0.1, 0.07] {
            let seen = scene.run(&steady(light), 40);
            let turns = 1e3 * seen[39].exposure_s / turn_ms;
            assert!((turns - turns.round()).abs() < 0.01, "{light}: {turns}");
        }
    }
}

#[test]
fn what_the_sensor_lacks_the_tables_give() {
    let mut scene = Scene::new("imx219 10-0010", 50);
    let dark = steady(ROOM / 300.0);
    let seen = scene.run(&dark, 40);
    let [exposure_s, gain] = scene.sensor.shown();
    assert!(exposure_s > 0.03 && gain > 10.0, "{seen:?}");
    let digital = scene.developer.exposure.setting().digital;
    assert!(digital > 1.5 && digital <= 8.0, "{digital}");
    // A node without a sensor.
    let mut alone = Developer::new(RGGB10, [64, 48], None, 30, 50);
    let [width, height] = [64, 48];
    let bytes: Vec<u8> = [100_u16.to_le_bytes(); 64 * 48].concat();
    let pixels = Pixels::new(PixelFormat::Bayer(RGGB10), width, height, 128, &bytes).unwrap();
    let gains: Vec<u16> = (0..10)
        .map(|index| alone.develop(&pixels, index).gains[1])
        .collect();
    let wanted = 256.0 * GOAL / (100.0 / 1023.0);
    assert!(
        (f32::from(gains[9]) / wanted - 1.0).abs() < 0.12,
        "{gains:?} {wanted}"
    );
}

#[test]
fn a_sensor_that_does_not_answer_costs_its_exposure_only() {
    let mut scene = Scene::new("imx219 10-0010", 50);
    scene.run(&steady(ROOM), 30);
    scene.sensor.break_down();
    let before = scene.sensor.shown();
    scene.run(&steady(8.0 * ROOM), 30);
    assert_eq!(scene.sensor.shown(), before);
}

#[test]
fn white_balance_makes_grey_of_grey() {
    let mut scene = Scene::new("imx219 10-0010", 50);
    scene.run(&steady(ROOM), 40);
    let bytes = scene.sensor.picture(&steady(ROOM), 0.0, 0.0);
    let pixels = Pixels::new(PixelFormat::Bayer(RGGB10), 64, 48, 128, &bytes).unwrap();
    let gains = scene.developer.develop(&pixels, 40).gains.map(f32::from);
    assert!((gains[0] / gains[1] - 1.0 / 0.6).abs() < 0.1, "{gains:?}");
    assert!((gains[2] / gains[1] - 2.0).abs() < 0.1, "{gains:?}");
}

#[test]
fn a_sensor_is_set_up_for_the_picture_and_the_node() {
    let codes = |names: &[&[u8; 4]]| names.iter().map(|name| FourCc(**name)).collect::<Vec<_>>();
    let of = |name: &str, offered: &[&[u8; 4]], size| {
        let model = SensorModel::new(name, [1.0; 3]);
        let prepared = prepare(Box::new(model.clone()), &codes(offered), size, |_, _| true);
        prepared.map(|prepared| (prepared.format, prepared.size_px, model.mode()))
    };
    let all: [&[u8; 4]; 5] = [b"YUYV", b"RGGB", b"RG10", b"pRAA", b"BG10"];
    let imx219 = of("imx219 10-0010", &all, [640, 480]).unwrap();
    assert_eq!(imx219, (FourCc(*b"pRAA"), [1640, 1232], [1640, 1232]));
    let unpacked = of("imx219 10-0010", &[b"RG10", b"RGGB"], [320, 240]).unwrap();
    assert_eq!(unpacked.0, FourCc(*b"RG10"));
    assert_eq!(unpacked.1, [640, 480]);
    // Not in the table: twice the size of the picture.
    assert_eq!(
        of("imx477 1-001a", &[b"RGGB"], [640, 480]).unwrap().1,
        [1280, 960]
    );
    let refused = of("imx219 10-0010", &[b"BG10", b"YUYV"], [640, 480]).unwrap_err();
    assert!(
        refused.contains("imx219 10-0010") && refused.contains("raw"),
        "{refused}"
    );
    let broken = SensorModel::new("imx219 10-0010", [1.0; 3]);
    broken.break_down();
    let refused = prepare(Box::new(broken), &codes(&all), [640, 480], |_, _| true);
    let refused = refused.err().unwrap();
    assert!(refused.contains("no answer on the bus"), "{refused}");
}

/// Writes the figure of docs/raw-cameras.md: `POSEWIRE_BLESS=1 cargo test --lib exposure_figure`.
#[test]
fn the_exposure_figure_is_the_loops() {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 150.0;
    let mut scene = Scene::new("imx219 10-0010", 50);
    let flicker = Lamps {
        light: ROOM,
        depth: 0.6,
        turns_hz: 100.07,
    };
    let low = ROOM / 8.0;
    let parts = [steady(low), steady(64.0 * low), steady(low), flicker];
    let seen: Vec<Seen> = parts
        .iter()
        .flat_map(|lamps| scene.run(lamps, 45))
        .collect();
    let panel = |index: usize, title: &str, low: f64, high: f64, of: &dyn Fn(&Seen) -> f64| {
        let top = 30.0 + index as f64 * (HEIGHT + 40.0);
        let points: Vec<String> = (0..)
            .zip(&seen)
            .map(|(x, seen): (u32, _)| {
                let part = (of(seen).max(1e-9).ln() - low.ln()) / (high.ln() - low.ln());
                let y = top + HEIGHT * (1.0 - part.clamp(0.0, 1.0));
                format!(
                    "{:.1},{y:.1}",
                    70.0 + WIDTH * f64::from(x) / seen_count(&parts)
                )
            })
            .collect();
        let mut lines = String::new();
        for (value, y) in [(low, top + HEIGHT), (high, top)] {
            lines += &format!(
                "<text x=\"64\" y=\"{:.0}\" text-anchor=\"end\">{value}</text>\n\
                 <line x1=\"70\" x2=\"{:.0}\" y1=\"{y:.0}\" y2=\"{y:.0}\" stroke=\"#bbb\"/>\n",
                y + 4.0,
                70.0 + WIDTH
            );
        }
        format!(
            "<text x=\"70\" y=\"{:.0}\">{title}</text>\n{lines}<polyline fill=\"none\" stroke=\"#15c\" \
             stroke-width=\"1.5\" points=\"{}\"/>\n",
            top - 8.0,
            points.join(" ")
        )
    };
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"640\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
    );
    svg += &panel(0, "mean brightness / goal (log)", 0.01, 10.0, &|seen| {
        seen.error
    });
    svg += &panel(1, "exposure, ms (log)", 0.05, 50.0, &|seen| {
        1e3 * seen.exposure_s
    });
    svg += &panel(2, "analogue gain (log)", 0.5, 16.0, &|seen| seen.gain);
    for (at, text) in [
        (0, "light 1"),
        (45, "light 64"),
        (90, "light 1"),
        (135, "light 8, 60 % flicker"),
    ] {
        let x = 70.0 + WIDTH * f64::from(at) / seen_count(&parts);
        svg += &format!(
            "<line x1=\"{x:.0}\" x2=\"{x:.0}\" y1=\"30\" y2=\"560\" stroke=\"#bbb\" stroke-dasharray=\"4\"/>\n\
             <text x=\"{:.0}\" y=\"590\">{text}</text>\n",
            x + 4.0
        );
    }
    svg += "<text x=\"70\" y=\"620\">pictures at 30 Hz, 45 for each light</text>\n</svg>\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exposure.svg");
    if std::env::var_os("POSEWIRE_BLESS").is_some() {
        std::fs::write(path, &svg).unwrap();
    }
    // Other C libraries round sines otherwise.
    if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        assert!(
            std::fs::read_to_string(path).unwrap() == svg,
            "renew docs/exposure.svg"
        );
    }
}

fn seen_count(parts: &[Lamps]) -> f64 {
    45.0 * parts.len() as f64
}
