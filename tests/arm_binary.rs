//! The program for 64-bit ARM contains the instructions that make it fast.
//!
//! The dot product is assembly behind a check at run time. A build without it would still pass every other test,
//! on the kernel for older processors.
#![cfg(target_arch = "aarch64")]

/// Arm ARM, C7.2: SDOT (by element) on whole registers.
const MASK: u32 = 0xFFC0_F400;
const SDOT: u32 = 0x4F80_E000;

#[test]
fn the_dot_product_is_in_the_program() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_posewire")).unwrap();
    let words: Vec<bool> = program
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]) & MASK == SDOT)
        .collect();
    // Any four bytes can look like one such instruction. The kernel's inner loop has sixteen close together.
    let densest = words
        .windows(64)
        .map(|window| window.iter().filter(|&&is_sdot| is_sdot).count())
        .max();
    assert!(densest >= Some(16), "{densest:?} in 64 instructions");
}
