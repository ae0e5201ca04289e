//! 32 bytes as 64 hexadecimal digits: keys and hashes.

/// Bytes of a key or hash.
pub const BYTES: usize = 32;

/// `None` unless the text is exactly 64 hexadecimal digits.
pub fn parse(text: &[u8]) -> Option<[u8; BYTES]> {
    let digits: &[u8; 2 * BYTES] = text.try_into().ok()?;
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        // Two digits of four bits each.
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_digits_and_nothing_else() {
        let expected: [u8; BYTES] = [0x0f, 0xa0].repeat(16).try_into().unwrap();
        assert_eq!(parse(&b"0fA0".repeat(16)), Some(expected));
        for bad in [&b""[..], b"0f", &b"0g".repeat(32), &b"00".repeat(33)] {
            assert_eq!(parse(bad), None);
        }
    }
}
