//! Datagrams: checked, copied, encoded again; and the same sealed with a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::wire::{Body, Encoded, FrameCounts, Key, Kind, PacketView, Sealer, Stamp, VERSION, instance_parts};

const CRC_BYTES: usize = 4;
const VERSION_AT: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let _ = PacketView::new(bytes).inspect_err(|error| assert!(!error.to_string().is_empty()));
    // Behind the checksum.
    let mut fitting = bytes.to_vec();
    if let Some(body) = bytes.len().checked_sub(CRC_BYTES) {
        let crc = crc32fast::hash(&bytes[..body]);
        fitting[body..].copy_from_slice(&crc.to_le_bytes());
    }
    let valid = PacketView::new(&fitting).map(|view| view.to_packet());
    if let Ok(packet) = &valid {
        // A later sender's figures, which this version passes over, are not written again.
        if packet.kind() == Kind::Stats {
            assert!(packet.encode().len() <= fitting.len());
        } else if fitting[VERSION_AT] == VERSION {
            assert_eq!(packet.encode()[..], fitting);
        }
        for keypoint in packet.keypoints() {
            assert!(keypoint.score().is_finite());
        }
        if let Body::Instances(part) = &packet.body {
            let instances: Vec<_> = part.instances().collect();
            assert!(instances.iter().all(|instance| instance.number != 0));
            let mut again = instance_parts(&instances, FrameCounts::default());
            assert!(again.next().expect("one part").instances().eq(instances.iter().cloned()));
            assert!(again.next().is_none(), "more than one part");
        }
    }
    let key = Key::new(&[7; 32]);
    assert!(key.open(bytes).is_err(), "a forged tag");
    if valid.is_ok() {
        let packet = Encoded::from_slice(&fitting).expect("no longer than a packet");
        let mut sealed = Sealer::new(key.clone(), 3).seal(packet, 5);
        let stamp = Stamp {
            epoch: 3,
            sent_us: 5,
        };
        assert_eq!(key.open(&sealed), Ok((&fitting[..], stamp)));
        let at = usize::from(bytes[0]) % sealed.len();
        sealed[at] ^= 1;
        assert!(key.open(&sealed).is_err(), "a changed byte");
    }
});
