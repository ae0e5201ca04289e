//! Debian packages without installing them: fetched and unpacked (`apt`), the board's kernel and firmware
//! (`packages`), kernel modules in loading order (`modules`), programs with their libraries (`libraries`), and archives that a kernel starts from (`cpio`).

pub mod apt;
pub mod cpio;
pub mod libraries;
pub mod modules;
pub mod packages;
