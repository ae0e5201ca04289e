//! The integer engine through tract's own `Runtime` interface.
#![cfg(feature = "onnx")]

use posewire::engine::{self, EngineChoice, Int8Runtime, Outputs, Workspace, quantised_reader};
use posewire::model::ModelFile;
use posewire::npy;
use std::path::Path;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::runtime::{Runnable, Runtime};

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn prepared(name: &str) -> Box<dyn Runnable> {
    let graph = quantised_reader().model_for_path(fixture(name)).unwrap();
    let runtime = Int8Runtime { threads: 2 };
    runtime.check().unwrap();
    runtime.prepare(graph.into_typed().unwrap()).unwrap()
}

#[test]
fn a_prepared_network_gives_what_the_engine_gives() {
    let input = npy::read(&fixture("hand.input.npy")).unwrap();
    let model = ModelFile::open(&fixture("hand.qdq.onnx")).unwrap();
    let mut network = engine::load(&model, EngineChoice::Auto, 1).unwrap();
    let mut work = Workspace::new(network.workspace(), 1).unwrap();
    let mut expected = Outputs::new(network.describe());
    network
        .run(&mut work, &input.values, &mut expected)
        .unwrap();

    let runnable = prepared("hand.qdq.onnx");
    assert_eq!((runnable.input_count(), runnable.output_count()), (1, 1));
    let mut state = runnable.spawn().unwrap();
    let mut copy = state.clone();
    for state in [&mut state, &mut copy] {
        let tensor = Tensor::from_shape(&input.shape, &input.values).unwrap();
        let found = state.run(tvec!(tensor.into_tvalue())).unwrap();
        assert_eq!(found[0].shape(), network.describe().output_shapes[0]);
        let plain = found[0].try_as_plain_ram().unwrap();
        assert_eq!(plain.as_slice::<f32>().unwrap(), expected.get(0));
    }
    let wrong = Tensor::zero::<f32>(&[1, 3, 8, 8]).unwrap();
    assert!(state.run(tvec!(wrong.into_tvalue())).is_err());
}

#[test]
fn a_float_graph_is_refused() {
    let graph = quantised_reader()
        .model_for_path(fixture("hand.onnx"))
        .unwrap();
    let refused = Int8Runtime { threads: 1 }.prepare(graph.into_typed().unwrap());
    let message = format!("{:#}", refused.err().unwrap());
    assert!(message.contains("is not quantised"), "{message}");
}
