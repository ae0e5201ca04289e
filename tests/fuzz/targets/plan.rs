//! Compiled plans: refused with a reason, or run.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use posewire::engine::{self, EngineChoice, Outputs, Workspace};
use posewire::model::ModelFile;

const HEADER_BYTES: usize = 40;
/// A network with more values in its activations is not run: it would take time and find nothing more.
const MAX_VALUES: u64 = 1 << 16;

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u64::from(u32::from_le_bytes(*four)))
}

/// The values of all activations; `None` if the file ends before them.
fn values(file: &[u8]) -> Option<u64> {
    let network = HEADER_BYTES as u64 + number(file, 24)? + number(file, 28)?;
    let network = file.get(usize::try_from(network).ok()?..)?;
    // After the input's shape: channels, height, width, scale, zero point and sign of each.
    let (start, each) = (20, 18);
    let count = usize::try_from(number(network, start - 4)?).ok()?;
    (0..count).try_fold(0_u64, |sum, index| {
        let at = start + each * index;
        let sides = [number(network, at)?, number(network, at + 4)?, number(network, at + 8)?];
        let product = sides.into_iter().fold(1, u64::saturating_mul);
        Some(sum.saturating_add(product))
    })
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let mut file = bytes.to_vec();
    if file.len() >= HEADER_BYTES {
        file[..8].copy_from_slice(b"posewire");
        let length = file.len() as u64;
        file[16..24].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32fast::hash(&file[16..]);
        file[12..16].copy_from_slice(&checksum.to_le_bytes());
    }
    let path = posewire_fuzz::file_with(&file);
    let loaded = ModelFile::open(&path).and_then(|model| engine::load(&model, EngineChoice::Auto, 1));
    match loaded {
        Err(error) => posewire_fuzz::check_message(&error),
        Ok(_) if values(&file).is_none_or(|values| values > MAX_VALUES) => return Corpus::Reject,
        Ok(mut network) => {
            let mut work = Workspace::new(network.workspace(), 1).expect("memory of its size");
            let input = vec![0.5; network.describe().input_len()];
            let mut outputs = Outputs::new(network.describe());
            network.run(&mut work, &input, &mut outputs).expect("a loaded network runs");
        }
    }
    Corpus::Keep
});
