//! The order of file names in which people count: `2.jpg` before `10.jpg`.

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A part of a name. A number comes before text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// Its digits without leading zeros, after their count: numbers of any length.
    Number(usize, &'a [u8]),
    Text(&'a [u8]),
}

/// Compares paths by the numbers in them. Names that differ in leading zeros only are in the order of their bytes.
pub(super) fn compare(a: &Path, b: &Path) -> Ordering {
    let [a, b] = [a, b].map(|path| path.as_os_str().as_bytes());
    parts(a).cmp(parts(b)).then(a.cmp(b))
}

fn parts(name: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let same_kind = |a: &u8, b: &u8| a.is_ascii_digit() == b.is_ascii_digit();
    name.chunk_by(same_kind).map(|part| match part[0] {
        b'0'..=b'9' => {
            let zeros = part.iter().take_while(|&&digit| digit == b'0').count();
            Part::Number(part.len() - zeros, &part[zeros..])
        }
        _ => Part::Text(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count() {
        let sorted = [
            "0.jpg",
            "1.jpg",
            "2.jpg",
            "002.png",
            "10.jpg",
            "123456789012345678901234567890.jpg",
            "a",
            "frame1.jpg",
            "frame2.jpg",
            "frame2b.jpg",
            "frame10.jpg",
            "frame010.png",
            "frame100.jpg",
            "frame_1_20.jpg",
            "frame_2_3.jpg",
        ];
        for pair in sorted.windows(2) {
            let order = compare(Path::new(pair[0]), Path::new(pair[1]));
            assert_eq!(order, Ordering::Less, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_an_order(names in proptest::collection::vec("[0-2a. ]{0,6}", 3)) {
            let [a, b, c] = [0, 1, 2].map(|index: usize| Path::new(&names[index]));
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b) == Ordering::Equal, names[0] == names[1]);
            if compare(a, b).is_le() && compare(b, c).is_le() {
                prop_assert!(compare(a, c).is_le());
            }
        }
    }
}
