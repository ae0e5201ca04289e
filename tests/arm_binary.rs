//! The program for 64-bit ARM really has the instructions that make it fast.
//!
//! The dot and matrix products are written as assembly; a build that lost them would still pass every
//! other test, on the kernels for older processors.
#![cfg(target_arch = "aarch64")]

/// How many instruction words of the program are `value` where `mask` is set.
fn count(program: &[u8], mask: u32, value: u32) -> usize {
    let words = program.chunks_exact(4);
    words
        .filter(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]) & mask == value)
        .count()
}

#[test]
fn the_dot_and_matrix_products_are_in_the_program() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_posewire")).unwrap();
    // Arm ARM, C7.2: SDOT (by element) and SMMLA on whole registers. Chance would make a handful.
    let sdot = count(&program, 0xFFC0_F400, 0x4F80_E000);
    let smmla = count(&program, 0xFFE0_FC00, 0x4E80_A400);
    assert!(sdot >= 32, "{sdot} sdot");
    assert!(smmla >= 16, "{smmla} smmla");
}
