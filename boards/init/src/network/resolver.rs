//! Name servers of all interfaces, in one file.
//!
//! In: the servers that each interface has. Out: `/etc/resolv.conf`, with those of the preferred interface first.

use super::interface::Role;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

const FILE: &str = "/etc/resolv.conf";
/// The C library reads no more.
const MAX_SERVERS: usize = 3;

static SERVERS: Mutex<BTreeMap<Role, Vec<Ipv4Addr>>> = Mutex::new(BTreeMap::new());

/// # Errors
/// If the file cannot be written.
pub fn set(role: Role, servers: &[Ipv4Addr]) -> io::Result<()> {
    let mut all = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(role, servers.to_vec());
    std::fs::write(FILE, lines(&all))
}

fn lines(all: &BTreeMap<Role, Vec<Ipv4Addr>>) -> String {
    let servers = all.values().flatten().take(MAX_SERVERS);
    servers
        .map(|server| format!("nameserver {server}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_comes_before_the_radio() {
        let server = |host| Ipv4Addr::new(10, 0, 0, host);
        let all = BTreeMap::from([
            (Role::Radio, vec![server(3), server(4), server(5)]),
            (Role::Wired, vec![server(1)]),
        ]);
        let expected = "nameserver 10.0.0.1\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        assert_eq!(lines(&all), expected);
    }
}
