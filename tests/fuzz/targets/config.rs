//! Configuration files and model cards, as TOML and as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::model::ModelCard;
use posewire::settings::{Layer, Settings};

fuzz_target!(|bytes: &[u8]| {
    let path = posewire_fuzz::file_with(bytes);
    let resolved = Layer::read(&path).and_then(|layer| {
        let mut settings = Settings::from_layers([&layer])?;
        // This key names a file, which would be read.
        settings.key_file = None;
        settings.finish()
    });
    if let Err(error) = resolved {
        posewire_fuzz::check_message(&error);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for card in [ModelCard::from_toml(text), ModelCard::from_json(text)] {
        match card {
            Ok(card) => {
                assert!(card.joints.len() <= posewire::limits::MAX_KEYPOINTS);
                assert!(card.input_shape().iter().product::<usize>() <= 3 << 20);
                assert!(card.bones.iter().flatten().all(|&joint| joint < card.joints.len()));
            }
            Err(error) => assert!(!error.field.is_empty()),
        }
    }
});
