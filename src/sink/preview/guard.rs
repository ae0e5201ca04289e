//! Who may look, and who may change the region.
//!
//! In: a request. Out: leave, or the code of the refusal. Three things keep others out:
//!
//! - The field `X-Posewire`. A page of another site cannot set it without asking first, and no such question is
//!   answered. A form or a picture of another site has none.
//! - The host that the client means. A name that an attacker lets point to this board (DNS rebinding) is none of the
//!   few that are taken on loopback.
//! - The token, if the listener can be reached from other machines. It is made at each start and only in the log.

use crate::http::{Request, Status};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fmt::Write;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Bytes of a token: nobody guesses 128 bits.
const TOKEN_BYTES: usize = 16;

#[derive(Debug)]
pub(super) struct Guard {
    /// `None` on loopback.
    token: Option<String>,
}

impl Guard {
    /// Makes a token if other machines reach the address.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        let token = match address.ip().to_canonical().is_loopback() {
            true => None,
            false => Some(new_token()?),
        };
        Ok(Guard { token })
    }

    /// The page's address, with the token behind `#`: browsers keep that part to themselves.
    pub fn url(&self, address: SocketAddr) -> String {
        let host = match address.ip() {
            ip if ip.is_unspecified() => "THIS-BOARD".into(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let port = address.port();
        match &self.token {
            None => format!("http://{host}:{port}/"),
            Some(token) => format!("http://{host}:{port}/#{token}"),
        }
    }

    /// Checks a request for anything but the page itself, which has no secret.
    ///
    /// # Errors
    /// The code of the refusal.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Status> {
        self.check_host(request)?;
        if let Some(origin) = request.origin {
            let site = origin.strip_prefix("http://");
            if !site.is_some_and(|site| site.eq_ignore_ascii_case(request.host)) {
                return Err(Status::Forbidden);
            }
        }
        let mark = request.mark.ok_or(Status::Forbidden)?;
        match &self.token {
            Some(token) if !is_same(token.as_bytes(), mark.as_bytes()) => Err(Status::Unauthorized),
            _ => Ok(()),
        }
    }

    /// Checks the host that the client means. With a token any name is taken: who has the token may look.
    ///
    /// # Errors
    /// [`Status::Forbidden`] for a name that is not this machine's.
    pub fn check_host(&self, request: &Request<'_>) -> Result<(), Status> {
        let host = match request.host.rsplit_once(':') {
            // The rest of an IPv6 address ends with a bracket.
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => request.host,
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_address = bare.unwrap_or(host).parse::<IpAddr>().is_ok();
        match is_address || host.eq_ignore_ascii_case("localhost") || self.token.is_some() {
            true => Ok(()),
            false => Err(Status::Forbidden),
        }
    }
}

/// Hexadecimal digits from the kernel.
fn new_token() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    // Up to 256 bytes come at once.
    let filled = getrandom(&mut bytes, GetRandomFlags::empty())?;
    if filled < TOKEN_BYTES {
        return Err(io::Error::other("the kernel has no random bytes"));
    }
    let mut token = String::with_capacity(2 * TOKEN_BYTES);
    for byte in bytes {
        // A string takes all text.
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}

/// Takes the same time wherever the difference is.
fn is_same(token: &[u8], given: &[u8]) -> bool {
    let differences = token.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b));
    token.len() == given.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn request<'a>(host: &'a str, origin: Option<&'a str>, mark: Option<&'a str>) -> Request<'a> {
        Request {
            method: Method::Post,
            path: "/region",
            query: "",
            host,
            origin,
            mark,
            body: b"none",
        }
    }

    fn guard(address: &str) -> Guard {
        Guard::new(address.parse().unwrap()).unwrap()
    }

    #[test]
    fn on_loopback_the_board_itself_is_let_in_and_other_sites_are_not() {
        let guard = guard("127.0.0.1:8080");
        let check = |host, origin, mark| guard.check(&request(host, origin, mark)).err();
        for host in [
            "127.0.0.1:8080",
            "localhost:9999",
            "LocalHost",
            "[::1]:8080",
            "[::1]",
        ] {
            assert_eq!(check(host, None, Some("")), None, "{host}");
        }
        let forbidden = Some(Status::Forbidden);
        for host in [
            "attacker.example:8080",
            "localhost.attacker.example",
            "",
            "[localhost]",
        ] {
            assert_eq!(check(host, None, Some("")), forbidden, "{host}");
        }
        let here = "127.0.0.1:8080";
        assert_eq!(check(here, Some("http://127.0.0.1:8080"), Some("")), None);
        for origin in [
            "http://attacker.example",
            "http://127.0.0.1:8081",
            "https://127.0.0.1:8080",
            "null",
            "",
        ] {
            assert_eq!(check(here, Some(origin), Some("")), forbidden, "{origin}");
        }
        // A form of another site, sent by a browser that names no origin.
        assert_eq!(check(here, None, None), forbidden);
    }

    #[test]
    fn elsewhere_the_token_decides_and_each_start_has_its_own() {
        let address: SocketAddr = "0.0.0.0:80".parse().unwrap();
        let guards = ["0.0.0.0:80", "[::]:80", "10.0.0.7:80"].map(guard);
        let url = guards[0].url(address);
        let token = url.strip_prefix("http://THIS-BOARD:80/#").unwrap();
        assert_eq!(token.len(), 32);
        assert!(!guards[1].url(address).contains(token));
        let check = |mark| guards[0].check(&request("board.local", None, mark)).err();
        assert_eq!(check(Some(token)), None);
        let wrong = [&token[1..], "-"].concat();
        let longer = [token, "0"].concat();
        for mark in ["", &token[..31], &longer, &wrong] {
            assert_eq!(check(Some(mark)), Some(Status::Unauthorized), "{mark}");
        }
        assert_eq!(check(None), Some(Status::Forbidden));
        assert!(guard("[::ffff:127.0.0.1]:80").token.is_none());
    }
}
