//! A page with the live picture and what was found in it, for a person who aims a camera.
//!
//! In: events, of which one is copied whenever a viewer asks. Out: HTTP. The stream's part is [`Mailbox`], which never
//! waits; a thread of its own encodes pictures and talks to browsers ([`Server`]). Without a viewer an event costs the
//! reading of one flag. All memory is there before the first frame.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /view` | the next view: the length of a JSON text in four bytes, the text, and a JPEG |
//! | `POST /region` | `x,y,w,h` in pixels, or `none`: where new instances are searched |
//!
//! The two below need the field `X-Posewire` with the token, which is empty on loopback: see [`Guard`].

#[cfg(feature = "preview")]
mod client;
#[cfg(feature = "preview")]
mod guard;
#[cfg(feature = "preview")]
mod mailbox;
#[cfg(feature = "preview")]
mod page;
#[cfg(feature = "preview")]
mod server;
#[cfg(feature = "preview")]
mod sink;
#[cfg(all(test, feature = "preview"))]
mod tests;
#[cfg(feature = "preview")]
mod text;

#[cfg(feature = "preview")]
pub use sink::PreviewSink;

use super::{Context, Kind, Sink, When};
use crate::error::{Error, Result};
use crate::process::sandbox::Access;
use crate::process::thread::Role;
use std::net::SocketAddr;

/// A page for people.
pub(super) const KIND: Kind = Kind {
    name: "preview",
    argument: "ADDR:PORT",
    example: "127.0.0.1:8080",
    help: "show the live picture, skeletons and times on a page for a browser; on an address other than 127.0.0.1 and \
           [::1] the page needs a token, which the log has",
    check: |text| address(text).map(drop),
    #[cfg(feature = "preview")]
    heap_bytes: (mailbox::HEAP_BYTES + server::HEAP_BYTES) as u64,
    #[cfg(not(feature = "preview"))]
    heap_bytes: 0,
    thread: Some(Role::Preview),
    writes: |_| None,
    access: |_| Access {
        accepts: true,
        ..Access::default()
    },
    prepare: |_| Ok(()),
    when: When::First,
    open: |text, _: &Context<'_>| {
        let fail = |what: String| Error::sink(format!("preview:{text}"), what);
        open(address(text).map_err(fail)?)
    },
};

fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "is not ADDR:PORT: give an address of this board and a port, such as 127.0.0.1:8080".into()
    })
}

#[cfg(feature = "preview")]
fn open(address: SocketAddr) -> Result<Box<dyn Sink>> {
    Ok(Box::new(PreviewSink::open(address)?))
}

#[cfg(not(feature = "preview"))]
fn open(address: SocketAddr) -> Result<Box<dyn Sink>> {
    Err(Error::sink(
        format!("preview:{address}"),
        "this build has no preview: build with --features preview",
    ))
}
