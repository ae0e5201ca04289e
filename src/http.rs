//! Requests of HTTP/1.1, as far as the preview's page makes them.
//!
//! In: the bytes that a client sent so far. Out: a request that borrows them, a refusal, or the wish for more bytes.
//! No bytes make it panic, and it takes neither memory nor more than one pass over the head. What a page never sends
//! (folded lines, chunked bodies, two lengths) is refused, because two readers could see two requests in it.

use crate::limits::{MAX_HTTP_BODY_BYTES, MAX_HTTP_HEAD_BYTES};

/// Method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes something.
    Post,
}

/// Code and words of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// With a body.
    Ok,
    /// Without a body.
    NoContent,
    /// The bytes are no request.
    BadRequest,
    /// The token is missing or wrong.
    Unauthorized,
    /// The request comes from another site.
    Forbidden,
    /// There is no such page.
    NotFound,
    /// The page has another method.
    MethodNotAllowed,
    /// The body is too long.
    ContentTooLarge,
    /// The head is too long.
    HeadersTooLarge,
    /// There are enough viewers.
    Unavailable,
    /// The version is not 1.1.
    VersionNotSupported,
}

impl Status {
    /// As in an answer's first line.
    pub fn text(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::NoContent => "204 No Content",
            Status::BadRequest => "400 Bad Request",
            Status::Unauthorized => "401 Unauthorized",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::HeadersTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// A request, with the few fields that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// The path, which begins with a slash.
    pub path: &'a str,
    /// The text behind the question mark.
    pub query: &'a str,
    /// The host that the client means, perhaps with a port.
    pub host: &'a str,
    /// The site whose page sends the request; browsers always name it for requests that change something.
    pub origin: Option<&'a str>,
    /// The field `X-Posewire`: a page of another site cannot set it.
    pub mark: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Outcome of [`parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More bytes are needed.
    Incomplete,
    /// A request, and the bytes that it takes.
    Whole(Request<'a>, usize),
    /// The connection is of no use any more.
    Refused(Status),
}

/// Reads the first request in `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let window = &bytes[..bytes.len().min(MAX_HTTP_HEAD_BYTES)];
    let Some(end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match window.len() {
            MAX_HTTP_HEAD_BYTES => Parsed::Refused(Status::HeadersTooLarge),
            _ => Parsed::Incomplete,
        };
    };
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    match read_head(head) {
        Err(status) => Parsed::Refused(status),
        Ok((mut request, body_bytes)) => match rest.get(..body_bytes) {
            None => Parsed::Incomplete,
            Some(body) => {
                request.body = body;
                Parsed::Whole(request, end + 4 + body_bytes)
            }
        },
    }
}

/// The request without its body, and the body's length.
fn read_head(head: &[u8]) -> Result<(Request<'_>, usize), Status> {
    let head = std::str::from_utf8(head).map_err(|_| Status::BadRequest)?;
    let mut lines = head.split("\r\n");
    let (method, path, query) = read_first(lines.next().unwrap_or_default())?;
    let (mut host, mut origin, mut mark, mut length) = (None, None, None, None);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
        let is_plain = |c: char| matches!(c, ' '..='~' | '\t');
        if name.is_empty() || !name.bytes().all(is_token) || !value.chars().all(is_plain) {
            return Err(Status::BadRequest);
        }
        let value = value.trim_matches([' ', '\t']);
        let known = [
            ("host", &mut host),
            ("origin", &mut origin),
            ("x-posewire", &mut mark),
            ("content-length", &mut length),
        ];
        for (known, place) in known {
            if name.eq_ignore_ascii_case(known) && place.replace(value).is_some() {
                return Err(Status::BadRequest);
            }
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Status::BadRequest);
        }
    }
    let body_bytes = match length {
        None => 0,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| match digits {
                "" => Status::BadRequest,
                _ => Status::ContentTooLarge,
            })?
        }
        Some(_) => return Err(Status::BadRequest),
    };
    if body_bytes > MAX_HTTP_BODY_BYTES {
        return Err(Status::ContentTooLarge);
    }
    if method == Method::Get && body_bytes > 0 {
        return Err(Status::BadRequest);
    }
    let request = Request {
        method,
        path,
        query,
        host: host.ok_or(Status::BadRequest)?,
        origin,
        mark,
        body: &[],
    };
    Ok((request, body_bytes))
}

fn read_first(line: &str) -> Result<(Method, &str, &str), Status> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BadRequest);
    };
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Status::BadRequest);
    }
    match version {
        "HTTP/1.1" => {}
        _ if version.starts_with("HTTP/") => return Err(Status::VersionNotSupported),
        _ => return Err(Status::BadRequest),
    }
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        _ if !method.is_empty() && method.bytes().all(is_token) => {
            return Err(Status::MethodNotAllowed);
        }
        _ => return Err(Status::BadRequest),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok((method, path, query))
}

/// A byte of a field's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POST: &str = "POST /region?a=1&b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nOrigin: \thttp://x \r\n\
                        X-Posewire: 00ff\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nnone";

    #[test]
    fn a_request_is_read_when_it_is_whole_and_not_before() {
        let request = Request {
            method: Method::Post,
            path: "/region",
            query: "a=1&b",
            host: "127.0.0.1:8080",
            origin: Some("http://x"),
            mark: Some("00ff"),
            body: b"none",
        };
        let more = [POST, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        for bytes in [POST, &more] {
            let whole = Parsed::Whole(request, POST.len());
            assert_eq!(parse(bytes.as_bytes()), whole);
        }
        for end in 0..POST.len() {
            assert_eq!(parse(&POST.as_bytes()[..end]), Parsed::Incomplete, "{end}");
        }
        let second = parse(&more.as_bytes()[POST.len()..]);
        assert!(matches!(
            second,
            Parsed::Whole(
                Request {
                    path: "/",
                    query: "",
                    ..
                },
                27
            )
        ));
    }

    #[test]
    fn what_no_page_sends_is_refused_by_its_code() {
        let long = format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "a".repeat(MAX_HTTP_HEAD_BYTES)
        );
        let endless = "a".repeat(MAX_HTTP_HEAD_BYTES);
        for (text, status) in [
            ("\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Status::BadRequest),
            (
                "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
                Status::VersionNotSupported,
            ),
            ("GET / FTP/1.1\r\nHost: a\r\n\r\n", Status::BadRequest),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            (
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "get / HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
                Status::BadRequest,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
                Status::BadRequest,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nx",
                Status::BadRequest,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
                Status::ContentTooLarge,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                Status::ContentTooLarge,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\nx",
                Status::BadRequest,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                Status::BadRequest,
            ),
            (&long, Status::HeadersTooLarge),
            (&endless, Status::HeadersTooLarge),
        ] {
            assert_eq!(
                parse(text.as_bytes()),
                Parsed::Refused(status),
                "{text:.80}"
            );
        }
        assert_eq!(
            parse(b"\xff / HTTP/1.1\r\n\r\n"),
            Parsed::Refused(Status::BadRequest)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_a_request_lies_within_them(
            cut in 0..POST.len(),
            noise in prop::collection::vec(any::<u8>(), 0..40),
            at in 0..POST.len(),
        ) {
            let mut bytes = POST.as_bytes().to_vec();
            bytes.splice(at.min(cut)..cut.max(at), noise);
            if let Parsed::Whole(request, used) = parse(&bytes) {
                prop_assert!(used <= bytes.len());
                prop_assert!(request.path.starts_with('/'));
                prop_assert!(request.body.len() <= MAX_HTTP_BODY_BYTES);
            }
        }
    }
}
