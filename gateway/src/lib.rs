//! The gateway: from the packets of many boards to brokers and graphs.
//!
//! Data flows one way: [`intake`] reads the sockets, [`gate`] decides on each packet with the keys of [`keyring`], [`fleet`]
//! is the table of boards, a [`mailbox`] holds what waits for an [`output`], and `outputs` has one file for each
//! protocol. [`figures`] and [`page`] show the health of all.

pub mod args;
#[cfg(feature = "zenoh")]
mod cloud;
#[cfg(test)]
mod fake;
pub mod figures;
pub mod fleet;
pub mod gate;
pub mod intake;
pub mod keyring;
pub mod limits;
pub mod mailbox;
pub mod name;
pub mod output;
pub mod outputs;
pub mod page;
pub mod run;
pub mod sample;
mod summary;
