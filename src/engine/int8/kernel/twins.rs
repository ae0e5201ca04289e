//! For tests: a twin of each family in plain Rust, which reads the weights that are packed for it.

use super::Kernel;
use super::portable::{PORTABLE, Portable};
use super::winograd::portable as winograd;
use crate::engine::int8::family;

macro_rules! twin {
    ($family:path, $exact:expr, $winograd:expr) => {
        Portable::<
            { $family.tile.mr },
            { $family.tile.nr },
            { $family.order.kr },
            { $family.order.strip },
        > {
            family: &$family,
            exact: $exact,
            winograd: $winograd,
        }
    };
}

/// In the order of [`family::FAMILIES`].
pub(crate) static TWINS: [&dyn Kernel; 8] = [
    &PORTABLE,
    &twin!(
        family::NEON,
        Some(&twin!(family::NEON, None, Some(&winograd::NEON_TWIN))),
        Some(&winograd::NEON_TWIN)
    ),
    &twin!(family::NEON_DOT, None, None),
    &twin!(family::NEON_I8MM, None, None),
    &twin!(family::AVX2, None, Some(&winograd::AVX2_TWIN)),
    &twin!(family::AVX_VNNI, None, Some(&winograd::AVX_VNNI_TWIN)),
    &twin!(family::AVX512_VNNI, None, Some(&winograd::AVX512_VNNI_TWIN)),
    &twin!(family::AMX, None, None),
];
