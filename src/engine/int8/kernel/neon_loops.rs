//! The inner loops of cores without the dot product, as assembly: the order of instructions is their point.
//!
//! The Cortex-A53 works in order, and its 128-bit loads pair with nothing. Each loop therefore loads the next round's
//! operands together, after the last use of this round's, and enough independent products lie between an instruction
//! and the one that needs its result. The first and the last round stand apart, so that nothing is loaded past the
//! end, and the first one begins the sums. On cores out of order they keep the one pipe that multiplies busy, in whatever
//! order.

use std::arch::aarch64::*;
use std::arch::asm;

/// Lines of `$text`, one after the other.
macro_rules! lines {
    ($($text:expr),+ $(,)?) => { concat!($($text, "\n"),+) };
}

/// The low halves of a pixel's inputs times those of four channels' weights, in 16 bits.
macro_rules! low {
    ($pixel:literal: $a:literal $b:literal $c:literal $d:literal) => {
        lines!(
            concat!("smull v", $a, ".8h, v", $pixel, ".8b, v0.8b"),
            concat!("smull v", $b, ".8h, v", $pixel, ".8b, v1.8b"),
            concat!("smull v", $c, ".8h, v", $pixel, ".8b, v2.8b"),
            concat!("smull v", $d, ".8h, v", $pixel, ".8b, v3.8b"),
        )
    };
}

/// The high halves, added to the low ones.
macro_rules! high {
    ($pixel:literal: $a:literal $b:literal $c:literal $d:literal) => {
        lines!(
            concat!("smlal2 v", $a, ".8h, v", $pixel, ".16b, v0.16b"),
            concat!("smlal2 v", $b, ".8h, v", $pixel, ".16b, v1.16b"),
            concat!("smlal2 v", $c, ".8h, v", $pixel, ".16b, v2.16b"),
            concat!("smlal2 v", $d, ".8h, v", $pixel, ".16b, v3.16b"),
        )
    };
}

/// Neighbours, added to the sums of two pixels by `sadalp`, or as their first values by `saddlp`.
macro_rules! sum {
    ($how:literal: $($sum:literal)+) => {
        sum!(@ $how [$($sum)+] [8 9 10 11 12 13 14 15])
    };
    (@ $how:literal [$($sum:literal)+] [$($from:literal)+]) => {
        lines!($(concat!($how, " v", $sum, ".4s, v", $from, ".8h")),+)
    };
}

/// The sums of the last two pixels of a round.
macro_rules! direct_rest {
    ($how:literal) => {
        sum!($how: 24 25 26 27 28 29 30 31)
    };
}

/// Sixteen inputs of four pixels times four channels, except [`direct_rest`].
macro_rules! direct_round {
    ($how:literal) => {
        lines!(
            low!(4: 8 9 10 11),
            low!(5: 12 13 14 15),
            high!(4: 8 9 10 11),
            high!(5: 12 13 14 15),
            sum!($how: 16 17 18 19 20 21 22 23),
            low!(6: 8 9 10 11),
            low!(7: 12 13 14 15),
            high!(6: 8 9 10 11),
            high!(7: 12 13 14 15),
        )
    };
}

/// From four sums of each channel to one: neighbouring channels, then their pairs.
macro_rules! direct_totals {
    () => {
        lines!(
            "addp v0.4s, v16.4s, v17.4s",
            "addp v1.4s, v18.4s, v19.4s",
            "addp v2.4s, v20.4s, v21.4s",
            "addp v3.4s, v22.4s, v23.4s",
            "addp v4.4s, v24.4s, v25.4s",
            "addp v5.4s, v26.4s, v27.4s",
            "addp v6.4s, v28.4s, v29.4s",
            "addp v7.4s, v30.4s, v31.4s",
            "addp v0.4s, v0.4s, v1.4s",
            "addp v2.4s, v2.4s, v3.4s",
            "addp v4.4s, v4.4s, v5.4s",
            "addp v6.4s, v6.4s, v7.4s",
        )
    };
}

/// The operands of a round; the flags tell whether it is the last.
macro_rules! direct_loads {
    () => {
        lines!(
            "ldr q4, [{a}, {at}]",
            "ldr q5, [{b}, {at}]",
            "ldr q6, [{c}, {at}]",
            "ldr q7, [{d}, {at}]",
            "ldp q0, q1, [{weights}]",
            "ldp q2, q3, [{weights}, #32]",
            "adds {at}, {at}, #16",
            "add {weights}, {weights}, #64",
        )
    };
}

/// Four pixels by four channels. No two products of neighbours may exceed 16 bits.
///
/// # Safety
/// `inputs` holds [4][k] and `weights` [k / 16][4][16] values; `k` is a multiple of 16 and not 0.
#[inline(always)]
pub(super) unsafe fn direct(inputs: *const i8, weights: *const i8, k: usize) -> [int32x4_t; 4] {
    // SAFETY: NEON is part of AArch64. Lines are read from -k bytes before their ends on, 16 bytes a round, and weights
    // 64 bytes a round, as many rounds as the caller guarantees.
    unsafe {
        let (first, second, third, fourth);
        asm!(
            direct_loads!(),
            "b.eq 5f",
            direct_round!("saddlp"),
            direct_rest!("saddlp"),
            direct_loads!(),
            "b.eq 4f",
            direct_round!("sadalp"),
            direct_loads!(),
            "b.eq 3f",
            "2:",
            direct_rest!("sadalp"),
            direct_round!("sadalp"),
            direct_loads!(),
            "b.ne 2b",
            "3:",
            direct_rest!("sadalp"),
            "4:",
            direct_round!("sadalp"),
            direct_rest!("sadalp"),
            "b 6f",
            "5:",
            direct_round!("saddlp"),
            direct_rest!("saddlp"),
            "6:",
            direct_totals!(),
            a = in(reg) inputs.add(k),
            b = in(reg) inputs.add(2 * k),
            c = in(reg) inputs.add(3 * k),
            d = in(reg) inputs.add(4 * k),
            at = inout(reg) k.wrapping_neg() => _,
            weights = inout(reg) weights => _,
            out("v0") first, out("v1") _, out("v2") second, out("v3") _,
            out("v4") third, out("v5") _, out("v6") fourth, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _,
            out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _,
            out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(pure, readonly, nostack)
        );
        [first, second, third, fourth]
    }
}

/// One input channel of some tiles, an element of each line, times eight channels' weights.
macro_rules! channel {
    ($weights:literal, $element:literal, $($line:literal: $low:literal $high:literal),+) => {
        lines!($(
            concat!("smlal v", $low, ".4s, v", $weights, ".4h, v", $line, ".h[", $element, "]"),
            concat!("smlal2 v", $high, ".4s, v", $weights, ".8h, v", $line, ".h[", $element, "]")
        ),+)
    };
}

/// Eight channels.
macro_rules! channels {
    ($($tiles:tt)+) => {
        lines!(
            channel!(8, 0, $($tiles)+),
            channel!(9, 1, $($tiles)+),
            channel!(10, 2, $($tiles)+),
            channel!(11, 3, $($tiles)+),
            channel!(12, 4, $($tiles)+),
            channel!(13, 5, $($tiles)+),
            channel!(14, 6, $($tiles)+),
            channel!(15, 7, $($tiles)+),
        )
    };
}

/// The operands of a round, first those that it begins with; the flags tell whether it is the last.
macro_rules! winograd_loads {
    ($($line:literal)+) => {
        lines!(
            "ldp q8, q9, [{weights}]",
            $(concat!("ldr q", $line, ", [{l", $line, "}, {at}]"),)+
            "ldp q10, q11, [{weights}, #32]",
            "ldp q12, q13, [{weights}, #64]",
            "ldp q14, q15, [{weights}, #96]",
            "adds {at}, {at}, #16",
            "add {weights}, {weights}, #128",
        )
    };
}

macro_rules! eight_tiles {
    () => {
        channels!(0: 16 17, 1: 18 19, 2: 20 21, 3: 22 23, 4: 24 25, 5: 26 27, 6: 28 29, 7: 30 31)
    };
}

macro_rules! four_tiles {
    () => {
        channels!(0: 16 17, 1: 18 19, 2: 20 21, 3: 22 23)
    };
}

/// Eight lines of transformed inputs by eight channels, added to the sums.
///
/// # Safety
/// `inputs` holds [8][k] and `weights` [k][8] values; `k` is a multiple of 8 and not 0.
#[inline(always)]
pub(super) unsafe fn winograd(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: &mut [[int32x4_t; 2]; 8],
) {
    // SAFETY: NEON is part of AArch64. Lines are read from -k values before their ends on, 8 values a round, and weights
    // 64 values a round, as many rounds as the caller guarantees.
    unsafe {
        let end = |line: usize| inputs.add((line + 1) * k);
        let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
        asm!(
            winograd_loads!(0 1 2 3 4 5 6 7),
            "b.eq 3f",
            "2:",
            eight_tiles!(),
            winograd_loads!(0 1 2 3 4 5 6 7),
            "b.ne 2b",
            "3:",
            eight_tiles!(),
            l0 = in(reg) end(0),
            l1 = in(reg) end(1),
            l2 = in(reg) end(2),
            l3 = in(reg) end(3),
            l4 = in(reg) end(4),
            l5 = in(reg) end(5),
            l6 = in(reg) end(6),
            l7 = in(reg) end(7),
            at = inout(reg) (size_of::<i16>() * k).wrapping_neg() => _,
            weights = inout(reg) weights => _,
            inout("v16") s0[0], inout("v17") s0[1], inout("v18") s1[0], inout("v19") s1[1],
            inout("v20") s2[0], inout("v21") s2[1], inout("v22") s3[0], inout("v23") s3[1],
            inout("v24") s4[0], inout("v25") s4[1], inout("v26") s5[0], inout("v27") s5[1],
            inout("v28") s6[0], inout("v29") s6[1], inout("v30") s7[0], inout("v31") s7[1],
            out("v0") _, out("v1") _, out("v2") _, out("v3") _,
            out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            options(pure, readonly, nostack)
        );
    }
}

/// As [`winograd`], of four lines: a picture of 8 x 8 has no more tiles.
///
/// # Safety
/// `inputs` holds [4][k] and `weights` [k][8] values; `k` is a multiple of 8 and not 0.
#[inline(always)]
pub(super) unsafe fn winograd_of_four(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: &mut [[int32x4_t; 2]; 4],
) {
    // SAFETY: as above.
    unsafe {
        let end = |line: usize| inputs.add((line + 1) * k);
        let [s0, s1, s2, s3] = sums;
        asm!(
            winograd_loads!(0 1 2 3),
            "b.eq 3f",
            "2:",
            four_tiles!(),
            winograd_loads!(0 1 2 3),
            "b.ne 2b",
            "3:",
            four_tiles!(),
            l0 = in(reg) end(0),
            l1 = in(reg) end(1),
            l2 = in(reg) end(2),
            l3 = in(reg) end(3),
            at = inout(reg) (size_of::<i16>() * k).wrapping_neg() => _,
            weights = inout(reg) weights => _,
            inout("v16") s0[0], inout("v17") s0[1], inout("v18") s1[0], inout("v19") s1[1],
            inout("v20") s2[0], inout("v21") s2[1], inout("v22") s3[0], inout("v23") s3[1],
            out("v0") _, out("v1") _, out("v2") _, out("v3") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            options(pure, readonly, nostack)
        );
    }
}
