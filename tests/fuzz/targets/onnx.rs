//! ONNX files: refused with a reason, or run.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use posewire::engine::{self, EngineChoice};
use posewire::model::ModelFile;
use std::panic;

/// Of input and output of a network that is run.
const MAX_VALUES: usize = 1 << 16;

fuzz_target!(
    init: {
        // tract's panics are turned into errors where it is called. The fuzzer's own hook would end the
        // process at each of them; a panic that nobody catches still does.
        panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| -> Corpus {
        let path = posewire_fuzz::file_with(bytes);
        let loaded = ModelFile::open(&path)
            .and_then(|model| engine::load(&model, EngineChoice::Auto, 1));
        match loaded {
            Err(error) => posewire_fuzz::check_message(&error),
            Ok(mut network) => {
                let count = |shape: [usize; 4]| shape.iter().product::<usize>();
                let (inputs, outputs) = (count(network.input_shape()), count(network.output_shape()));
                if inputs.max(outputs) > MAX_VALUES {
                    return Corpus::Reject;
                }
                let mut heatmaps = vec![0.0; outputs];
                // tract may refuse to run what it built; it says so.
                if let Err(error) = network.infer(&vec![0.5; inputs], &mut heatmaps) {
                    posewire_fuzz::check_message(&error);
                }
            }
        }
        Corpus::Keep
    }
);
