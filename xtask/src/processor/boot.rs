//! Boots a Linux from memory, without a disk. Bochs loads files to their addresses, and its BIOS runs an extension
//! that jumps to the kernel by the 32-bit boot protocol (Documentation/arch/x86/boot.rst).
//!
//! In: a kernel, a program, the kernel's command line. Out: the pieces and their addresses.

use crate::debian::cpio::Archive;
use crate::tools::{Outcome, at};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;

pub const MEMORY_MIB: u32 = 512;
/// Bochs keeps memory in blocks, and loads a file correctly only within one. This is the largest block.
pub const BLOCK_KIB: u32 = 8 << 10;

const BLOCK: u32 = BLOCK_KIB << 10;
const KERNEL: u32 = 1 << 20;
const INITRAMFS: u32 = MEMORY_MIB << 19;
const PARAMETERS: u32 = 0x9_0000;
const WORDS: u32 = PARAMETERS + 0x1000;
const EXTENSION: u32 = 0xD_0000;

/// A file and its address.
pub struct Piece {
    pub name: &'static str,
    pub address: u32,
    pub bytes: Vec<u8>,
}

/// An initramfs with the program as its init.
pub fn initramfs(program: &Path) -> Outcome<Vec<u8>> {
    let mut archive = Archive::default();
    archive.folder("dev");
    archive.folder("tmp");
    // The kernel opens it for the first program.
    archive.device("dev/console", 5, 1);
    archive.program("init", &fs::read(program).map_err(at(program))?);
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    compressed
        .write_all(&archive.finish())
        .and_then(|()| compressed.finish())
        .map_err(|error| format!("compressing the initramfs: {error}"))
}

/// The extension, which is read-only memory.
pub fn extension() -> Piece {
    // Real mode: disable interrupts, load the segment table, enter protected mode.
    let mut code = vec![0xFA, 0x2E, 0x66, 0x0F, 0x01, 0x16, TABLE as u8, 0];
    code.extend([0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0]);
    let after = EXTENSION + HEADER.len() as u32 + code.len() as u32 + 8;
    code.extend([0x66, 0xEA]);
    code.extend(after.to_le_bytes());
    code.extend([0x10, 0]);
    // Protected mode: ds, es, fs, gs and ss are 0x18; esi points to the parameters; ebp, edi and ebx are 0; jump to
    // the kernel.
    code.extend([0x66, 0xB8, 0x18, 0, 0x8E, 0xD8, 0x8E, 0xC0]);
    code.extend([0x8E, 0xE0, 0x8E, 0xE8, 0x8E, 0xD0, 0xBE]);
    code.extend(PARAMETERS.to_le_bytes());
    code.extend([0x31, 0xED, 0x31, 0xFF, 0x31, 0xDB, 0xB8]);
    code.extend(KERNEL.to_le_bytes());
    code.extend([0xFF, 0xE0]);
    let mut bytes = HEADER.to_vec();
    bytes.extend(code);
    bytes.resize(TABLE, 0);
    // Size and address of the table; two unused entries; all memory as code and as data.
    bytes.extend(31_u16.to_le_bytes());
    bytes.extend((EXTENSION + TABLE as u32 + 8).to_le_bytes());
    bytes.extend([0; 2 + 16]);
    bytes.extend(0x00CF_9B00_0000_FFFF_u64.to_le_bytes());
    bytes.extend(0x00CF_9300_0000_FFFF_u64.to_le_bytes());
    bytes.resize(512, 0);
    let sum = bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    bytes[511] = sum.wrapping_neg();
    Piece {
        name: "extension",
        address: EXTENSION,
        bytes,
    }
}

/// Signature and size of a one-sector extension. Its bytes sum to zero.
const HEADER: [u8; 3] = [0x55, 0xAA, 1];
/// Position of the segment table.
const TABLE: usize = 0x40;

/// The kernel in two parts, the initramfs and the parameters.
///
/// # Errors
/// If it is no kernel, or if a part is too large.
pub fn pieces(kernel: &[u8], initramfs: &[u8], words: &str) -> Outcome<Vec<Piece>> {
    let header = Header::read(kernel).ok_or("the kernel is not one of the kind that is booted")?;
    let first = (BLOCK - KERNEL) as usize;
    let image = &kernel[header.image..];
    let (first, second) = image.split_at_checked(first).unwrap_or((image, &[]));
    if second.len().max(initramfs.len()) > BLOCK as usize || words.len() > 0xFFF {
        return Err("the kernel, the program or its arguments are too large to be loaded".into());
    }
    let parameters = header.parameters(initramfs.len() as u32, words);
    let piece = |name, address, bytes| Piece {
        name,
        address,
        bytes,
    };
    Ok(vec![
        piece("parameters", PARAMETERS, parameters),
        piece("kernel-1", KERNEL, first.to_vec()),
        piece("kernel-2", BLOCK, second.to_vec()),
        piece("initramfs", INITRAMFS, initramfs.to_vec()),
    ])
}

/// The setup header of a kernel.
struct Header<'a> {
    bytes: &'a [u8],
    /// Start of the protected-mode part.
    image: usize,
}

impl<'a> Header<'a> {
    const START: usize = 0x1F1;

    fn read(kernel: &'a [u8]) -> Option<Self> {
        if kernel.get(0x202..0x206)? != b"HdrS" {
            return None;
        }
        let sectors = usize::from(kernel[Self::START]);
        let end = 0x202 + usize::from(kernel[0x201]);
        let image = (if sectors == 0 { 4 } else { sectors } + 1) * 512;
        Some(Header {
            bytes: kernel
                .get(Self::START..end)
                .filter(|_| image < kernel.len())?,
            image,
        })
    }

    /// The zero page for the kernel, and the page of the command line behind it.
    fn parameters(&self, initramfs_bytes: u32, words: &str) -> Vec<u8> {
        let mut page = vec![0; 0x2000];
        page[Self::START..][..self.bytes.len()].copy_from_slice(self.bytes);
        let mut put = |at: usize, bytes: &[u8]| page[at..][..bytes.len()].copy_from_slice(bytes);
        // Type of the boot loader: unknown.
        put(0x210, &[0xFF]);
        put(0x214, &KERNEL.to_le_bytes());
        put(0x218, &INITRAMFS.to_le_bytes());
        put(0x21C, &initramfs_bytes.to_le_bytes());
        put(0x228, &WORDS.to_le_bytes());
        put((WORDS - PARAMETERS) as usize, words.as_bytes());
        // Usable memory: start, length, and kind 1. The BIOS has tables at the end.
        let ranges = [
            (0_u64, 0x9_F000_u64),
            (1 << 20, (u64::from(MEMORY_MIB) << 20) - (2 << 20)),
        ];
        put(0x1E8, &[ranges.len() as u8]);
        for (index, (start, length)) in ranges.into_iter().enumerate() {
            let at = 0x2D0 + 20 * index;
            put(at, &start.to_le_bytes());
            put(at + 8, &length.to_le_bytes());
            put(at + 16, &1_u32.to_le_bytes());
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_one_that_a_bios_takes() {
        let Piece { bytes, .. } = extension();
        let sum = bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        assert_eq!((bytes.len(), sum), (512, 0));
        assert!(bytes.starts_with(&[0x55, 0xAA, 1]));
    }

    #[test]
    fn pieces_lie_within_a_block_each() {
        let mut kernel = vec![0; 12 << 20];
        kernel[0x1F1] = 3;
        kernel[0x201] = 0x6A;
        kernel[0x202..0x206].copy_from_slice(b"HdrS");
        kernel[4 * 512] = 0x77;
        let pieces = pieces(&kernel, &[1; 1000], "quiet").unwrap();
        for piece in &pieces {
            let end = piece.address + piece.bytes.len() as u32 - 1;
            assert_eq!(piece.address / BLOCK, end / BLOCK, "{}", piece.name);
        }
        let image: usize = pieces[1..3].iter().map(|piece| piece.bytes.len()).sum();
        assert_eq!(image, kernel.len() - 4 * 512);
        assert_eq!(pieces[1].bytes[0], 0x77);
    }

    #[test]
    fn what_is_no_kernel_or_too_large_is_refused() {
        assert!(pieces(&[0; 10], &[], "").is_err());
        assert!(pieces(&[0; 4096], &[], "").is_err());
    }
}
