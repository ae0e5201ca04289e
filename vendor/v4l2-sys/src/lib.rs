//! Types and constants of `<linux/videodev2.h>` (Linux 6.1), as bindgen 0.65 writes them.
//!
//! The kernel's ABI is stable, and the same text is right for 64-bit and for 32-bit ARM: only the
//! width of `c_ulong` and of pointers differs. The codec controls, which no camera has, are opaque.
#![allow(clippy::all)]
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, missing_docs)]

mod bindings;
pub use bindings::*;
