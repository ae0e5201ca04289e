//! The writer's files in the reader, cut ones, and bytes of anyone.

use super::*;
use proptest::prelude::*;

const CHANNELS: &[Channel] = &[
    Channel {
        topic: "/a",
        message_encoding: "ours",
        schema_name: "A",
        schema_encoding: "",
        schema: "",
        metadata: Some(("key", "value")),
    },
    Channel {
        topic: "/b",
        message_encoding: "json",
        schema_name: "B",
        schema_encoding: "jsonschema",
        schema: "{}",
        metadata: None,
    },
];

/// A file with `chunks` chunks of `each` messages of our channel and one of the other.
fn file(chunks: u64, each: u64) -> Vec<u8> {
    let mut writer = Writer::new(CHANNELS, 4096, 16, 64);
    let mut bytes = Vec::new();
    writer.begin(&mut bytes).unwrap();
    for chunk in 0..chunks {
        for index in 0..each {
            let number = chunk * each + index;
            assert!(writer.message(0, 10 * number, &[b"m", &number.to_le_bytes()]));
        }
        assert!(writer.message(1, 10 * chunk, &[b"{}"]));
        writer.flush(&mut bytes).unwrap();
        assert_eq!(writer.position(), bytes.len() as u64);
    }
    writer.end(&mut bytes).unwrap();
    bytes
}

/// The numbers of all messages, in order.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let mut reader = Reader::new(bytes, "ours").unwrap();
    let mut found = Vec::new();
    while let Some(message) = reader.next_message().unwrap() {
        let number = u64::from_le_bytes(message.data[1..].try_into().unwrap());
        assert_eq!(message.time_ns, 10 * number);
        found.push(number);
    }
    found
}

#[test]
fn what_is_written_is_read() {
    for (chunks, each) in [(0, 0), (1, 1), (5, 15)] {
        let bytes = file(chunks, each);
        assert_eq!(numbers(&bytes), (0..chunks * each).collect::<Vec<_>>());
        let mut reader = Reader::new(&bytes[..], "ours").unwrap();
        while reader.next_message().unwrap().is_some() {}
        assert!(reader.is_whole && reader.unreadable_chunks == 0);
    }
}

#[test]
fn a_file_that_is_cut_anywhere_keeps_every_whole_message() {
    let bytes = file(4, 5);
    let whole = numbers(&bytes);
    let mut last = 0;
    for end in MAGIC.len()..bytes.len() {
        let found = numbers(&bytes[..end]);
        assert_eq!(found[..], whole[..found.len()], "{end}");
        assert!(found.len() >= last, "{end}");
        last = found.len();
        // Zeros in the place of what was not written are no messages.
        let mut zeros = bytes[..end].to_vec();
        zeros.resize(bytes.len() + 100, 0);
        let mut reader = Reader::new(&zeros[..], "ours").unwrap();
        let mut count = 0;
        while reader.next_message().unwrap().is_some() {
            count += 1;
        }
        assert!(count <= whole.len(), "{end}");
    }
    assert_eq!(last, whole.len());
}

#[test]
fn a_chunk_with_a_wrong_checksum_is_passed_over() {
    let mut bytes = file(3, 2);
    let at = bytes
        .windows(9)
        .position(|window| window == [b'm', 2, 0, 0, 0, 0, 0, 0, 0])
        .unwrap();
    bytes[at + 1] = 77;
    assert_eq!(numbers(&bytes), [0, 1, 4, 5]);
    let mut reader = Reader::new(&bytes[..], "ours").unwrap();
    while reader.next_message().unwrap().is_some() {}
    assert_eq!(reader.unreadable_chunks, 1);
}

#[test]
fn a_full_chunk_refuses_and_nothing_grows() {
    let mut writer = Writer::new(CHANNELS, 200, 3, 2);
    let mut to = Vec::new();
    writer.begin(&mut to).unwrap();
    for _ in 0..3 {
        assert!(writer.message(0, 1, &[b"12345678"]));
    }
    assert!(!writer.message(0, 1, &[b"12345678"]), "entries");
    assert!(!writer.message(1, 1, &[&[0; 200]]), "bytes");
    writer.flush(&mut to).unwrap();
    assert!(!writer.is_full());
    assert!(writer.message(0, 1, &[b"1"]));
    writer.flush(&mut to).unwrap();
    assert!(writer.is_full());
    let bound = writer.bytes_after_next();
    writer.end(&mut to).unwrap();
    assert!(to.len() as u64 <= bound);
}

#[test]
fn other_files_are_refused() {
    for bytes in [&b""[..], b"\x89MCAP", b"\x89MCAP1\r\n and more"] {
        let error = Reader::new(bytes, "ours").unwrap_err();
        assert!(error.to_string().contains("is no MCAP file"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_take_more_memory_than_they_are(
        tail in prop::collection::vec(any::<u8>(), 0..600),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = file(2, 2);
        match change {
            Some((at, value)) => *at.get_mut(&mut bytes) = value,
            None => {
                bytes.truncate(MAGIC.len());
                bytes.extend(&tail);
            }
        }
        if let Ok(mut reader) = Reader::new(&bytes[..], "ours") {
            let mut count = 0;
            while let Ok(Some(_)) = reader.next_message() {
                count += 1;
            }
            prop_assert!(count <= bytes.len() / RECORD_BYTES);
            prop_assert!(reader.memory_bytes() <= 2 * bytes.len() + 64);
        }
    }
}
