//! Small texts of the command line: reading and writing a text again gives the same text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::engine::EngineChoice;
use posewire::serial::SerialSpec;
use posewire::settings::{Layer, Origin, SETTINGS, Settings};
use posewire::source::{FourCc, SourceSpec};

fuzz_target!(|text: &str| {
    match text.parse::<SourceSpec>() {
        Ok(spec) => assert_eq!(spec.to_string().parse().ok(), Some(spec)),
        Err(error) => posewire_fuzz::check_message(&error),
    }
    match text.parse::<SerialSpec>() {
        Ok(spec) => {
            assert!(spec.baud > 0 && !spec.device.is_empty());
            let written = spec.to_string();
            let written = written.strip_prefix("serial:").expect("its kind");
            assert_eq!(written.parse().ok(), Some(spec));
        }
        Err(error) => posewire_fuzz::check_message(&error),
    }
    if let Err(error) = text.parse::<EngineChoice>() {
        posewire_fuzz::check_message(&error);
    }
    let _ = text.parse::<FourCc>();
    for row in SETTINGS.iter() {
        let mut line = Layer::new(Origin::Line);
        let settings = line
            .set(row.name, text)
            .and_then(|()| Settings::from_layers([&line]));
        if let Err(error) = settings {
            posewire_fuzz::check_message(&error);
        }
    }
});
