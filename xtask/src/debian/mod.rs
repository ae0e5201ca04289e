//! Debian packages without installing them: fetched and unpacked (`apt`), the board's kernel and firmware
//! (`packages`), kernel modules in loading order (`modules`), and archives that a kernel starts from (`cpio`).

pub mod apt;
pub mod cpio;
pub mod modules;
pub mod packages;
