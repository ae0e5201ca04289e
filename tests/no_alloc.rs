//! The integer engine allocates nothing once it runs: counted by the allocator itself.

use posewire::engine::{self, EngineChoice};
use posewire::model::ModelFile;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// One test alone in this program: another one's allocations would be counted too.
#[test]
fn a_frame_allocates_nothing() {
    for name in ["hand.qdq.onnx", "body.qoperator.onnx"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let model = ModelFile::open(&path).unwrap();
        let mut network = engine::load(&model, EngineChoice::Auto, 1).unwrap();
        assert!(network.name().starts_with("int8"), "{}", network.name());
        let input = vec![0.5; network.input_shape().iter().product()];
        let mut heatmaps = vec![0.0; network.output_shape().iter().product()];
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..3 {
            network.infer(&input, &mut heatmaps).unwrap();
        }
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0, "{name}");
    }
}
