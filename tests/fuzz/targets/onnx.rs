//! ONNX files: refused with a reason, or run.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use posewire::engine::{self, EngineChoice, Outputs, Workspace};
use posewire::model::ModelFile;
use std::panic;

/// A network with more values in its input or its outputs is not run.
const MAX_VALUES: usize = 1 << 16;

fuzz_target!(
    init: {
        // posewire turns tract's panics into errors. The fuzzer's own hook would end the process at each of
        // them. A panic that is not caught still ends it.
        panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| -> Corpus {
        let path = posewire_fuzz::file_with(bytes);
        let loaded = ModelFile::open(&path)
            .and_then(|model| engine::load(&model, EngineChoice::Auto, 1));
        match loaded {
            Err(error) => posewire_fuzz::check_message(&error),
            Ok(mut network) => {
                let description = network.describe();
                let inputs = description.input_len();
                let shapes = description.output_shapes.iter();
                let outputs: usize = shapes.map(|shape| shape.iter().product::<usize>()).sum();
                if inputs.max(outputs) > MAX_VALUES {
                    return Corpus::Reject;
                }
                let mut outputs = Outputs::new(description);
                let mut work = Workspace::new(network.workspace(), 1).expect("memory of its size");
                // tract may refuse to run a network that it built. It then returns an error.
                if let Err(error) = network.run(&mut work, &vec![0.5; inputs], &mut outputs) {
                    posewire_fuzz::check_message(&error);
                }
            }
        }
        Corpus::Keep
    }
);
