//! NumPy's `.npy` files for `posewire infer`: little-endian f32, C order, format 1 to 3.
//!
//! In: a path. Out: an [`Array`], or a file. The header is untrusted text: its length, its shape and the file's
//! size are checked before anything is allocated for them.

use crate::error::{Error, Result};
use crate::file::{self, Replacement};
use crate::limits::{MAX_NPY_ELEMENTS, MAX_NPY_HEADER_BYTES};
use std::io::{BufWriter, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Bytes of one read or write.
const BLOCK_BYTES: usize = 16 << 10;

/// A tensor: its shape, and its elements in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if the file is missing, is not `.npy`, holds another type or order, is cut off, or
/// is too large.
pub fn read(path: &Path) -> Result<Array> {
    let fail = |what: String| Error::data(path, what);
    let (mut file, _) = file::open_plain(path).map_err(|error| fail(error.to_string()))?;
    parse(&mut file).map_err(fail)
}

fn parse(reader: &mut dyn Read) -> std::result::Result<Array, String> {
    let cut = |_| "is cut off, or is not an .npy file".to_string();
    let mut start = [0; 10];
    reader.read_exact(&mut start).map_err(cut)?;
    if &start[..6] != MAGIC {
        return Err("is not an .npy file".into());
    }
    let header_bytes = match start[6] {
        1 => usize::from(u16::from_le_bytes([start[8], start[9]])),
        2 | 3 => {
            let mut high = [0; 2];
            reader.read_exact(&mut high).map_err(cut)?;
            u32::from_le_bytes([start[8], start[9], high[0], high[1]]) as usize
        }
        version => {
            return Err(format!(
                "has the .npy format version {version}, 1 to 3 are read"
            ));
        }
    };
    if header_bytes > MAX_NPY_HEADER_BYTES {
        return Err(format!("has a header of {header_bytes} bytes, too large"));
    }
    let mut header = vec![0; header_bytes];
    reader.read_exact(&mut header).map_err(cut)?;
    let header = std::str::from_utf8(&header).map_err(|_| "has a header that is not text")?;
    let kind = field(header, "descr").ok_or("has no element type")?;
    if kind.trim_matches(['\'', '"']) != "<f4" {
        return Err(format!(
            "holds {kind}, expected is float32: save it with .astype('float32')"
        ));
    }
    if field(header, "fortran_order") != Some("False") {
        return Err("is in Fortran order: save it with numpy.ascontiguousarray".into());
    }
    let shape = field(header, "shape")
        .and_then(|text| text.strip_prefix('(')?.strip_suffix(')'))
        .ok_or("has no shape")?
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty())
        .map(|side| {
            side.parse::<usize>()
                .map_err(|_| format!("has the side {side}"))
        })
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let elements = shape
        .iter()
        .try_fold(1_usize, |product, &side| product.checked_mul(side))
        .filter(|&elements| elements <= MAX_NPY_ELEMENTS)
        .ok_or_else(|| format!("has the shape {shape:?}, too large"))?;
    let mut reader = reader.take(4 * elements as u64);
    // The vector grows with the data in the file, not with the size in the header. Reading in blocks avoids a
    // second copy of the file in memory.
    let mut values = Vec::new();
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut read = 0;
    loop {
        block.clear();
        read += (&mut reader)
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut block)
            .map_err(|error| error.to_string())?;
        let (numbers, _) = block.as_chunks();
        values.extend(numbers.iter().map(|&raw| f32::from_le_bytes(raw)));
        if block.len() < BLOCK_BYTES {
            break;
        }
    }
    let expected = 4 * elements;
    if read != expected {
        return Err(format!("is cut off: {read} of {expected} bytes of data"));
    }
    Ok(Array { shape, values })
}

/// The text of one field of the header, a Python dictionary literal.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let at = header.find(&format!("'{name}'"))?;
    let value = header[at..].split_once(':')?.1.trim_start();
    let end = if value.starts_with('(') {
        value.find(')')? + 1
    } else {
        value.find([',', '}'])?
    };
    Some(value[..end].trim_end())
}

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if the file cannot be written.
pub fn write(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    let fail = |error: std::io::Error| Error::data(path, "cannot be written").because(error);
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}");
    // The data start at a multiple of 64 bytes. The header ends with a newline.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut start = MAGIC.to_vec();
    start.extend([1, 0]);
    // The cast is lossless: a header has a few hundred bytes at most.
    start.extend((header.len() as u16).to_le_bytes());
    start.extend(header.as_bytes());
    let write = || {
        let mut file = BufWriter::with_capacity(BLOCK_BYTES, Replacement::begin(path)?);
        file.write_all(&start)?;
        for value in values {
            file.write_all(&value.to_le_bytes())?;
        }
        file.into_inner()
            .map_err(|error| error.into_error())?
            .finish()
    };
    write().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn refused(header: &str) -> String {
        parse(&mut &file(header, &[0; 8])[..]).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read() {
        let path = std::env::temp_dir().join(format!("posewire-npy-{}", std::process::id()));
        // The second file has several blocks.
        for last in [3, BLOCK_BYTES] {
            let values: Vec<f32> = (0..2 * last).map(|value| value as f32 / 3.0).collect();
            write(&path, &[1, 2, last], &values).unwrap();
            let array = read(&path).unwrap();
            assert_eq!((array.shape, array.values), (vec![1, 2, last], values));
            let data = 8 * last as u64;
            assert_eq!((std::fs::metadata(&path).unwrap().len() - data) % 64, 0);
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn other_types_orders_and_sizes_are_refused() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(parse(&mut &file(good, &[0; 8])[..]).unwrap().shape, [2]);
        assert!(refused(&good.replace("<f4", "<f8")).contains("float32"));
        assert!(refused(&good.replace("False", "True")).contains("Fortran"));
        assert!(refused(&good.replace("(2,)", "(3,)")).contains("cut off"));
        assert!(refused(&good.replace("(2,)", "(-2,)")).contains("side"));
        assert!(
            refused(&good.replace("(2,)", "(99999999, 99999999, 99999999)")).contains("too large")
        );
        assert!(refused("").contains("type"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(header in ".{0,80}", data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&mut &file(&header, &data)[..]);
            let _ = parse(&mut &data[..]);
        }
    }
}
