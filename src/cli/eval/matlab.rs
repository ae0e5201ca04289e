//! Arrays of numbers in a MATLAB file, level 5 ("MAT-File Format", The MathWorks): MPII's truths are in one.
//!
//! In: the bytes of a file, untrusted. Out: the arrays of numbers at its top by name, in column order. Structures, cells and
//! texts are passed over. Sizes are checked before anything is allocated for them.

use crate::limits::MAX_LABEL_BYTES;
use std::collections::HashMap;

/// What a file begins with, before its first element.
const HEADER_BYTES: usize = 128;
const VERSION: u16 = 0x0100;
/// `MI`, as a processor with the least byte first wrote it.
const LITTLE_ENDIAN: [u8; 2] = *b"IM";
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// The classes of arrays of numbers: double to unsigned of 64 bits.
const NUMBERS: std::ops::RangeInclusive<u8> = 6..=15;
/// Elements of one array.
const MAX_ELEMENTS: u64 = 1 << 24;

/// Numbers in column order: the first index runs fastest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Array {
    /// The value at a place of a two- or three-dimensional array.
    pub fn at(&self, place: [usize; 3]) -> Option<f64> {
        let mut index = 0;
        for axis in (0..3).rev() {
            let length = self.shape.get(axis).copied().unwrap_or(1);
            if place[axis] >= length {
                return None;
            }
            index = index * length + place[axis];
        }
        self.values.get(index).copied()
    }
}

/// A data element: its type, its bytes, and what follows.
struct Element<'a> {
    kind: u32,
    bytes: &'a [u8],
    rest: &'a [u8],
}

/// # Errors
/// What is wrong with the file.
pub(super) fn arrays(bytes: &[u8]) -> Result<HashMap<String, Array>, String> {
    let header = bytes
        .get(..HEADER_BYTES)
        .ok_or("is no MATLAB file of level 5")?;
    let version = u16::from_le_bytes([header[124], header[125]]);
    if header[126..] != LITTLE_ENDIAN || version != VERSION {
        return Err("is no MATLAB file of level 5 with the least byte first".into());
    }
    let mut found = HashMap::new();
    let mut rest = &bytes[HEADER_BYTES..];
    while !rest.is_empty() {
        let one = element(rest)?;
        rest = one.rest;
        match one.kind {
            MATRIX => found.extend(matrix(one.bytes)?),
            COMPRESSED => {
                let unpacked = unpack(one.bytes)?;
                let inner = element(&unpacked)?;
                if inner.kind == MATRIX {
                    found.extend(matrix(inner.bytes)?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let limit = usize::try_from(MAX_LABEL_BYTES).unwrap_or(usize::MAX);
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, limit)
        .map_err(|error| format!("has an element that cannot be unpacked: {error}"))
}

fn element(bytes: &[u8]) -> Result<Element<'_>, String> {
    let cut = || "is cut off".to_string();
    let word = |at: usize| -> Result<u32, String> {
        let word = bytes.get(at..at + 4).ok_or_else(cut)?;
        Ok(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
    };
    let (first, start, length, padded);
    match word(0)? {
        // A small element has its length in the upper half, and its data where the length is otherwise.
        small if small >> 16 != 0 => {
            (first, start, length) = (small & 0xffff, 4, (small >> 16) as usize);
            if length > 4 {
                return Err(format!("has a small element of {length} bytes"));
            }
            padded = 4;
        }
        kind => {
            (first, start) = (kind, 8);
            length = usize::try_from(word(4)?).map_err(|_| cut())?;
            padded = match kind {
                COMPRESSED => length,
                _ => length.checked_next_multiple_of(8).ok_or_else(cut)?,
            };
        }
    }
    let data = &bytes[start.min(bytes.len())..];
    Ok(Element {
        kind: first,
        bytes: data.get(..length).ok_or_else(cut)?,
        // The last element's padding may be missing.
        rest: data.get(padded..).unwrap_or_default(),
    })
}

/// The array of a matrix element; `None` if it holds no real numbers.
fn matrix(bytes: &[u8]) -> Result<Option<(String, Array)>, String> {
    let flags = element(bytes)?;
    let class = *flags.bytes.first().ok_or("has an array without a class")?;
    if !NUMBERS.contains(&class) {
        return Ok(None);
    }
    let sizes = element(flags.rest)?;
    let name = element(sizes.rest)?;
    let data = element(name.rest)?;
    let name = String::from_utf8_lossy(name.bytes).into_owned();
    let (sizes, _) = sizes.bytes.as_chunks::<4>();
    let shape: Vec<usize> = sizes
        .iter()
        .map(|&size| usize::try_from(i32::from_le_bytes(size)))
        .collect::<Result<_, _>>()
        .map_err(|_| format!("has an array {name:?} of negative size"))?;
    let elements = shape
        .iter()
        .try_fold(1, |product: u64, &size| product.checked_mul(size as u64))
        .filter(|&elements| elements <= MAX_ELEMENTS)
        .ok_or_else(|| format!("has an array {name:?} that is too large"))?;
    let values = numbers(data.kind, data.bytes)
        .ok_or_else(|| format!("has an array {name:?} of an unknown type {}", data.kind))?;
    if values.len() as u64 != elements {
        return Err(format!(
            "has an array {name:?} of {elements} elements with {} values",
            values.len()
        ));
    }
    Ok(Some((name, Array { shape, values })))
}

/// Numbers of a stored type. An array of doubles may be stored in a smaller one.
fn numbers(kind: u32, bytes: &[u8]) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes
            .as_chunks::<N>()
            .0
            .iter()
            .map(|&one| of(one))
            .collect()
    }
    Some(match kind {
        1 => each(bytes, |[one]| f64::from(one as i8)),
        2 => each(bytes, |[one]| f64::from(one)),
        3 => each(bytes, |one| f64::from(i16::from_le_bytes(one))),
        4 => each(bytes, |one| f64::from(u16::from_le_bytes(one))),
        5 => each(bytes, |one| f64::from(i32::from_le_bytes(one))),
        6 => each(bytes, |one| f64::from(u32::from_le_bytes(one))),
        7 => each(bytes, |one| f64::from(f32::from_le_bytes(one))),
        9 => each(bytes, f64::from_le_bytes),
        12 => each(bytes, |one| i64::from_le_bytes(one) as f64),
        13 => each(bytes, |one| u64::from_le_bytes(one) as f64),
        _ => return None,
    })
}

/// A file that MATLAB or SciPy could have written, for tests.
#[cfg(test)]
pub(super) fn file(arrays: &[(&str, &[usize], &[f64])], is_packed: bool) -> Vec<u8> {
    fn tagged(kind: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = [kind.to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
        out.extend(bytes);
        if kind != COMPRESSED {
            out.resize(out.len().next_multiple_of(8), 0);
        }
        out
    }
    let mut out = vec![b' '; 124];
    out.extend(VERSION.to_le_bytes());
    out.extend(LITTLE_ENDIAN);
    for (name, shape, values) in arrays {
        let sizes: Vec<u8> = shape
            .iter()
            .flat_map(|&size| (size as i32).to_le_bytes())
            .collect();
        let numbers: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let parts = [
            tagged(6, &[6, 0, 0, 0, 0, 0, 0, 0]),
            tagged(5, &sizes),
            tagged(1, name.as_bytes()),
            tagged(9, &numbers),
        ];
        let matrix = tagged(MATRIX, &parts.concat());
        match is_packed {
            true => out.extend(tagged(
                COMPRESSED,
                &miniz_oxide::deflate::compress_to_vec_zlib(&matrix, 6),
            )),
            false => out.extend(matrix),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// a = [[1, 2, 3], [4, 5, 6]], whose values fit bytes, and the text "hi".
    fn with_small_elements() -> Vec<u8> {
        let mut out = vec![b' '; 124];
        out.extend([0, 1]);
        out.extend(LITTLE_ENDIAN);
        out.extend([14, 0, 0, 0, 56, 0, 0, 0]);
        out.extend([6, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        out.extend([5, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
        out.extend([1, 0, 1, 0, b'a', 0, 0, 0]);
        out.extend([2, 0, 0, 0, 6, 0, 0, 0, 1, 4, 2, 5, 3, 6, 0, 0]);
        out.extend([14, 0, 0, 0, 48, 0, 0, 0]);
        out.extend([6, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        out.extend([5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
        out.extend([1, 0, 1, 0, b't', 0, 0, 0]);
        out.extend([16, 0, 2, 0, b'h', b'i', 0, 0]);
        out
    }

    #[test]
    fn arrays_of_numbers_come_out_and_texts_do_not() {
        let found = arrays(&with_small_elements()).unwrap();
        assert_eq!(found.len(), 1);
        let array = &found["a"];
        assert_eq!(array.shape, [2, 3]);
        assert_eq!(array.at([1, 0, 0]), Some(4.0));
        assert_eq!(array.at([0, 2, 0]), Some(3.0));
        assert_eq!(array.at([2, 0, 0]), None);
        for is_packed in [false, true] {
            let values: Vec<f64> = (0..24).map(f64::from).collect();
            let found = arrays(&file(&[("deep", &[2, 3, 4], &values)], is_packed)).unwrap();
            assert_eq!(found["deep"].at([1, 2, 3]), Some(23.0));
            assert_eq!(found["deep"].at([1, 0, 2]), Some(13.0));
        }
    }

    #[test]
    fn sizes_that_no_file_has_are_refused() {
        let good = file(&[("a", &[2, 1], &[1.0, 2.0])], false);
        let refused = |bytes: &[u8], word: &str| {
            let error = arrays(bytes).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        refused(b"MATLAB", "level 5");
        refused(&good[..good.len() - 9], "cut off");
        let at = |place: usize, bytes: [u8; 4]| {
            let mut changed = good.clone();
            changed[place..place + 4].copy_from_slice(&bytes);
            changed
        };
        let sizes = HEADER_BYTES + 8 + 16 + 8;
        refused(&at(sizes, (-1_i32).to_le_bytes()), "negative");
        refused(&at(sizes, i32::MAX.to_le_bytes()), "too large");
        refused(&at(sizes, [3, 0, 0, 0]), "3 elements with 2 values");
        refused(&at(HEADER_BYTES + 4, [255; 4]), "cut off");
    }

    proptest! {
        #[test]
        fn any_bytes_end(
            tail in proptest::collection::vec(any::<u8>(), 0..300),
            flips in proptest::collection::vec((0_usize..400, any::<u8>()), 0..6),
            is_packed: bool,
        ) {
            let mut bytes = file(&[("a", &[2, 2], &[1.0, 2.0, 3.0, 4.0])], is_packed);
            let _ = arrays(&[&bytes[..HEADER_BYTES], &tail].concat());
            for (place, value) in flips {
                let length = bytes.len();
                bytes[place % length] ^= value;
            }
            let _ = arrays(&bytes);
        }
    }
}
