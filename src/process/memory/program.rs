//! Memory of the program itself: code and constants, including its libraries.

use super::PAGE_BYTES;

/// Bytes of the files that are mapped now, except devices. Before a model is mapped, these are the program and
/// its libraries.
pub fn mapped_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| of_files(&maps))
}

/// The lines are those of proc(5): address range, rights, offset, device, inode, path.
fn of_files(maps: &str) -> u64 {
    maps.lines().filter_map(file_bytes).sum()
}

fn file_bytes(line: &str) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let path = words.nth(4)?;
    if !path.starts_with('/') || path.starts_with("/dev/") {
        return None;
    }
    let number = |text| u64::from_str_radix(text, 16).ok();
    let bytes = number(end)?.checked_sub(number(start)?)?;
    Some(bytes.next_multiple_of(PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_and_nothing_else_does() {
        let maps = "\
55d0c0a00000-55d0c0a02000 r--p 00000000 fd:01 1573 /usr/bin/posewire
55d0c0a02000-55d0c0a07000 r-xp 00002000 fd:01 1573 /usr/bin/posewire
55d0c1b00000-55d0c1b21000 rw-p 00000000 00:00 0 [heap]
7f2a00000000-7f2a00100000 rw-s 00000000 00:05 412 /dev/video0
7f2a10000000-7f2a10001000 r--p 00000000 fd:01 99 /lib/libc.so.6
7f2a20000000-7f2a20800000 rw-p 00000000 00:00 0
rubbish
zz-yy r--p 00000000 fd:01 99 /lib/x
";
        assert_eq!(of_files(maps), (2 + 5 + 1) * PAGE_BYTES);
    }

    #[test]
    fn this_program_has_a_size() {
        assert!(mapped_bytes() > 100 * PAGE_BYTES);
    }
}
