//! NumPy's `.npy`, as far as `posewire infer` needs it: little-endian f32, C order, format 1 to 3.
//!
//! A file's header is text from outside: its length, its shape and the file's size are checked
//! before anything is allocated for them.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
const MAX_HEADER_BYTES: usize = 4096;
/// 256 MiB of f32.
const MAX_ELEMENTS: usize = 64 << 20;

/// A tensor: its shape, and its elements in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// # Errors
/// [`Error::Data`] if the file is missing, is not `.npy`, holds another type or order, is cut off, or
/// is too large.
pub fn read(path: &Path) -> Result<Array> {
    let fail = |what: String| Error::data(path, what);
    let mut file = File::open(path).map_err(|error| fail(format!("cannot be opened: {error}")))?;
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
    if header_bytes > MAX_HEADER_BYTES {
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
        .filter(|&elements| elements <= MAX_ELEMENTS)
        .ok_or_else(|| format!("has the shape {shape:?}, too large"))?;
    // Grows with what is really there, not with what the header promises.
    let mut bytes = Vec::new();
    reader
        .take(4 * elements as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() != 4 * elements {
        return Err(format!(
            "is cut off: {} of {} bytes of data",
            bytes.len(),
            4 * elements
        ));
    }
    let values = bytes
        .chunks_exact(4)
        .map(|raw| f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]))
        .collect();
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
/// [`Error::Data`] if the file cannot be written.
pub fn write(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    let fail = |error: std::io::Error| Error::data(path, format!("cannot be written: {error}"));
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}");
    // The data starts at a multiple of 64 bytes; the header ends with a newline.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + header.len() + 4 * values.len());
    bytes.extend(MAGIC);
    bytes.extend([1, 0]);
    // At most a few hundred bytes: a shape has few sides.
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    File::create(path)
        .and_then(|mut file| file.write_all(&bytes))
        .map_err(fail)
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
        let values: Vec<f32> = (0..6).map(|value| value as f32 / 3.0).collect();
        write(&path, &[1, 2, 3], &values).unwrap();
        let array = read(&path).unwrap();
        assert_eq!((array.shape, array.values), (vec![1, 2, 3], values));
        assert_eq!(std::fs::metadata(&path).unwrap().len() % 64, 24);
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
