//! The stream's end of the preview.

use super::mailbox::Mailbox;
use super::server::Server;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::process::thread::{Role, spawn};
use crate::sink::{Delivery, Event, Figures, Sink, Wish};
use std::net::SocketAddr;
use std::sync::Arc;

/// A page for people. See the module.
#[derive(Debug)]
pub struct PreviewSink {
    name: String,
    url: String,
    mailbox: Arc<Mailbox>,
    /// The server, until the thread has it.
    server: Option<Server>,
}

impl PreviewSink {
    /// Listens on the address. Port 0 stands for any free one.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the address is not this machine's, or is taken.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let name = format!("preview:{address}");
        let fail = |error| Error::sink(&name, "cannot listen").because(error);
        let (server, mailbox) = Server::open(address).map_err(fail)?;
        let url = server.url().map_err(fail)?;
        log::info!("{name}: open {url} in a browser");
        Ok(PreviewSink {
            name,
            url,
            mailbox,
            server: Some(server),
        })
    }

    /// The page's address, with its token if it has one.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Sink for PreviewSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            spawn(Role::Preview, move || server.run())
                .map_err(|error| Error::sink(&self.name, "no thread").because(error))?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        self.mailbox.put(event);
        Ok(())
    }

    fn watch(&mut self, figures: &Figures) -> Option<Wish> {
        self.mailbox.complete(figures)
    }
}

impl Drop for PreviewSink {
    fn drop(&mut self) {
        self.mailbox.end();
    }
}
