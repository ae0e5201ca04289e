use super::*;
use crate::ErrorKind;
use std::path::Path;

fn file(text: &str) -> Layer {
    Layer::parse(Path::new("run.toml"), text).unwrap()
}

fn one(row: &Setting, origin: Origin, value: &str) -> Result<Settings> {
    let mut layer = Layer::new(origin);
    layer.set(row.name, value)?;
    Settings::from_layers([&layer])
}

#[test]
fn every_row_takes_its_default_and_example_and_names_itself_in_an_error() {
    Settings::new().unwrap();
    for row in SETTINGS.iter() {
        let name = row.name;
        one(row, Origin::Line, row.example).unwrap();
        let error = one(row, Origin::Line, "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{name}");
        assert!(
            error.to_string().contains(&format!("--{name}: ")),
            "{error}"
        );
        for (origin, place) in [
            (Origin::File("a.toml".into()), format!("a.toml: {name}: ")),
            (
                Origin::Board("boards/b.toml".into()),
                format!("boards/b.toml: run.{name}: "),
            ),
        ] {
            let error = one(row, origin, "").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{name}");
            assert!(error.to_string().contains(&place), "{error}");
        }
    }
}

#[test]
fn the_defaults_of_options_are_those_of_the_table() {
    let table = Settings::new().unwrap();
    let options = StreamOptions {
        stats_every: table.stream.stats_every,
        ..StreamOptions::default()
    };
    assert_eq!(table.stream, options);
    assert_eq!(table.threads, Threads::default());
    assert_eq!(table.camera.size_px, CameraOptions::default().size_px);
}

#[test]
fn every_row_reads_its_example_from_toml_and_refuses_other_types() {
    for row in SETTINGS.iter().filter(|row| row.layers.has(LayerSet::FILE)) {
        let text = format!("{} = {}", row.name, row.value.toml(row.example));
        Settings::from_layers([&file(&text)]).unwrap();
        for wrong in ["true", "'2'", "7", "0.5", "[1, 2, 3, 4]", "[1]", "{}"] {
            let text = format!("{} = {wrong}", row.name);
            let parsed = Layer::parse(Path::new("run.toml"), &text);
            let fits = match row.value {
                Value::Switch => wrong == "true",
                Value::Text(_) | Value::Texts(_) => wrong == "'2'",
                Value::Integer(_) | Value::OptionalInteger(..) => wrong == "7",
                Value::Number(_) => matches!(wrong, "7" | "0.5"),
                Value::Numbers(_) => wrong == "[1, 2, 3, 4]",
            };
            assert_eq!(parsed.is_ok(), fits, "{text}");
            if let Err(error) = parsed {
                let error = error.to_string();
                assert!(
                    error.contains(row.name) && error.contains("run.toml"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn models_add_up_in_a_layer_and_a_stronger_layer_replaces_them() {
    let file = file("source = 'demo'\nmodel = ['a.plan', 'b.plan']\n");
    let settings = Settings::from_layers([&file]).unwrap().finish().unwrap();
    assert_eq!(settings.models, [Path::new("a.plan"), Path::new("b.plan")]);
    assert!(settings.follows_several());
    assert!(
        settings
            .model()
            .unwrap_err()
            .to_string()
            .contains("2 times")
    );
    let mut line = Layer::new(Origin::Line);
    line.set("model", "c.plan").unwrap();
    let settings = Settings::from_layers([&file, &line]).unwrap();
    assert_eq!(settings.model().unwrap(), Path::new("c.plan"));
    assert!(!settings.follows_several());
    line.set("model-sha256", "0".repeat(64)).unwrap();
    line.set("model", "d.plan").unwrap();
    let settings = Settings::from_layers([&file, &line]).unwrap();
    let error = settings.finish().unwrap_err().to_string();
    assert!(
        error.contains("1 times") && error.contains("2 times"),
        "{error}"
    );
}

#[test]
fn options_of_several_instances_need_several_instances() {
    for (text, word) in [
        ("roi = [0, 0, 9, 9]", "--roi"),
        ("frame-budget-ms = 20\nhands = 1", "--frame-budget-ms"),
        ("instances = 1\nhands = 4\nroi = [0, 0, 9, 9]", "--roi"),
        ("smooth = 'light'", "--smooth"),
        ("instances = 2\nbbox = [0, 0, 9, 9]", "--bbox"),
        ("model = ['a', 'b', 'c', 'd']", "--model"),
    ] {
        let layer = file(&format!("source = 'demo'\n{text}\n"));
        let settings = Settings::from_layers([&layer]).unwrap();
        let error = settings.finish().unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
    let most = |text: &str| {
        let layer = file(&format!("source = 'demo'\n{text}\n"));
        let settings = Settings::from_layers([&layer]).unwrap().finish().unwrap();
        let most = settings.most;
        (
            settings.follows_several(),
            most.of(Task::Hand),
            most.of(Task::Body),
            most.of_all(),
        )
    };
    assert_eq!(most("instances = 3"), (true, 3, 3, 3));
    assert_eq!(most("hands = 3"), (true, 3, 2, 8));
    assert_eq!(most("model = ['a', 'b']"), (true, 4, 2, 8));
    assert!(!most("instances = 1").0);
}

#[test]
fn names_are_unique_and_in_the_order_of_their_groups() {
    let groups: Vec<usize> = SETTINGS
        .iter()
        .map(|row| {
            Group::ALL
                .iter()
                .position(|group| *group == row.group)
                .unwrap()
        })
        .collect();
    assert!(groups.is_sorted());
    for (index, row) in SETTINGS.iter().enumerate() {
        assert!(SETTINGS[..index].iter().all(|other| other.name != row.name));
    }
}

#[test]
fn a_stronger_layer_wins() {
    let file =
        file("source = 'demo'\nthreads = 2\nudp = '10.0.0.1:9000'\nserial = '/dev/ttyS0:9600'\n");
    let mut line = Layer::new(Origin::Line);
    line.set("threads", "3").unwrap();
    let settings = Settings::from_layers([&file, &line])
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(settings.threads.count, 3);
    let sinks = format!("{:?}", settings.sinks);
    assert_eq!(sinks, r#"[udp:"10.0.0.1:9000", serial:"/dev/ttyS0:9600"]"#);
    assert_eq!(settings.min_score, 0.3);
    assert_eq!(settings.models, [Path::new("builtin:hand")]);
}

#[test]
fn a_misspelt_key_gets_the_nearest_name() {
    let parse = |text| {
        Layer::parse(Path::new("run.toml"), text)
            .unwrap_err()
            .to_string()
    };
    let error = parse("heartbeat-s = 2");
    assert!(error.contains("did you mean heartbeat-ms?"), "{error}");
    let error = parse("speed = 2");
    assert!(
        error.contains("speed") && error.contains("--help"),
        "{error}"
    );
    // An option that is no key.
    assert!(parse("config = 'x'").contains("config"));
}

#[test]
fn values_out_of_range_are_refused() {
    for text in [
        "source = 'nowhere'",
        "threads = 0",
        "threads = 65",
        "min-score = 2.0",
        "min-score = nan",
        "heartbeat-ms = 0",
        "bbox = [0.0, 0.0, 0.0, 5.0]",
        "bbox = [nan, 0.0, 9.0, 5.0]",
        "engine = 'magic'",
        "model-sha256 = 'abc'",
        "sandbox = 'on'",
        "stats-seconds = 100000",
        "stage-deadline-ms = 0",
        "camera-size = '640'",
        "camera-size = '0x480'",
        "camera-fps = 0",
        "camera-format = 'H264'",
        "serial = '/dev/ttyS0:0'",
        "memory-budget = '64MB'",
        "realtime = 0",
        "realtime = 99",
        "realtime = 300",
        "instance = 256",
        "frames = -1",
    ] {
        let error = Settings::from_layers([&file(text)])
            .unwrap_err()
            .to_string();
        let name = text.split(' ').next().unwrap();
        assert!(error.contains(&format!("run.toml: {name}: ")), "{error}");
    }
    let error = Settings::new().unwrap().finish().unwrap_err();
    assert!(error.to_string().contains("--source"));
}

#[test]
fn rules_across_settings() {
    let finished = |text: &str| {
        let text = format!("source = 'demo'\n{text}");
        Settings::from_layers([&file(&text)])
            .unwrap()
            .finish()
            .unwrap()
    };
    assert!(!finished("").threads.pinned);
    assert!(finished("realtime = 5").threads.pinned);
    assert!(!finished("realtime = 5\npin = false").threads.pinned);
    assert!(finished("pin = true").threads.pinned);
    assert_eq!(finished("").camera.most_bytes, None);
    assert!(
        finished("memory-budget = '64MiB'")
            .camera
            .most_bytes
            .is_some()
    );
}

#[test]
fn boxes_are_four_numbers() {
    assert!(value::bbox("1, 2,3.5,4").is_ok());
    for text in ["", "1,2,3", "1,2,3,4,5", "1,2,x,4", "1,2,3,4,x"] {
        assert!(value::bbox(text).is_err(), "{text}");
    }
}
