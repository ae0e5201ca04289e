//! Small texts of the command line: reading and writing a text again gives the same text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::config::{RunConfig, parse_bbox};
use posewire::engine::EngineChoice;
use posewire::serial::SerialSpec;
use posewire::source::{FourCc, SourceSpec};

fuzz_target!(|text: &str| {
    match text.parse::<SourceSpec>() {
        Ok(spec) => assert_eq!(spec.to_string().parse(), Ok(spec)),
        Err(error) => posewire_fuzz::check_message(&error),
    }
    match text.parse::<SerialSpec>() {
        Ok(spec) => {
            assert!(spec.baud > 0 && !spec.device.is_empty());
            let written = spec.to_string();
            let written = written.strip_prefix("serial:").expect("its kind");
            assert_eq!(written.parse(), Ok(spec));
        }
        Err(error) => posewire_fuzz::check_message(&error),
    }
    let bbox = parse_bbox(text);
    if let Err(error) = &bbox {
        posewire_fuzz::check_message(error);
    }
    if let Err(error) = text.parse::<EngineChoice>() {
        posewire_fuzz::check_message(&error);
    }
    let _ = text.parse::<FourCc>();
    let config = RunConfig {
        source: Some("v4l2:auto".into()),
        bbox: bbox.ok(),
        camera_size: Some(text.into()),
        ..RunConfig::default()
    };
    if let Err(error) = config.resolve() {
        posewire_fuzz::check_message(&error);
    }
});
