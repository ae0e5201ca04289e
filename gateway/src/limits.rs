//! Bounds on what comes from outside, and capacities, each with its reason.

/// Boards that the gateway follows, if nothing else is said. One takes less than 2 KiB.
pub const DEFAULT_BOARDS: usize = 4096;
/// The most that can be asked for. A board's place fits 16 bits.
pub const MAX_BOARDS: usize = 65_535;
/// Bytes of a board's name. It becomes a part of topics, and of names in Home Assistant.
pub const MAX_NAME_BYTES: usize = 48;
/// Addresses to listen on.
pub const MAX_SOCKETS: usize = 8;
/// Packets that wait for an output: half a second of 1,000 boards.
pub const QUEUE_PACKETS: usize = 16_384;
/// A packet that waited longer for its output is not published: nobody must act on it any more.
pub const MAX_WAIT_US: u64 = 500_000;
/// Silence after which a new board may take an old one's place, if all places are taken.
pub const FORGET_US: u64 = 60_000_000;
/// Seals that are computed each second to find the key of a new address: those of 1,000 boards that start together, in 5 s.
pub const KEY_SEARCHES_PER_S: u32 = 100_000;
/// Connections to the page of figures. Prometheus has one.
pub const MAX_HTTP_CLIENTS: usize = 8;
/// Time for a request of that page, and for its answer to make progress.
pub const HTTP_PATIENCE_MS: u64 = 2000;
/// Endpoints of Zenoh in a command line.
pub const MAX_ENDPOINTS: usize = 16;
