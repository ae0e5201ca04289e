//! Requests of browsers, one after another as on a connection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::http::{Parsed, parse};
use posewire::limits::{MAX_HTTP_BODY_BYTES, MAX_HTTP_HEAD_BYTES};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Parsed::Whole(request, used) = parse(rest) {
        assert!(used <= MAX_HTTP_HEAD_BYTES + MAX_HTTP_BODY_BYTES);
        assert!(request.path.starts_with('/') && request.body.len() <= MAX_HTTP_BODY_BYTES);
        rest = &rest[used..];
    }
    // More bytes do not change a request that was read.
    if let Parsed::Whole(request, used) = parse(bytes) {
        let more = [bytes, b"GET"].concat();
        assert_eq!(parse(&more), Parsed::Whole(request, used));
    }
});
