//! Recordings: any file, read message by message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::mcap::Reader;

fuzz_target!(|bytes: &[u8]| {
    // Behind the magic bytes.
    let fitting = [b"\x89MCAP0\r\n", bytes].concat();
    for bytes in [bytes, &fitting] {
        let Ok(mut reader) = Reader::new(bytes, "posewire") else {
            continue;
        };
        let mut data_bytes = 0;
        while let Ok(Some(message)) = reader.next_message() {
            data_bytes += message.data.len();
        }
        assert!(data_bytes <= bytes.len());
    }
});
