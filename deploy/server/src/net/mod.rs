//! Open ports: accept, TLS, HTTP/1.1 and HTTP/2, and an end for every connection that does nothing.

mod idle;
mod listener;
mod tls;
mod unread;

pub(crate) use listener::{Ports, Shared, serve};
pub(crate) use tls::Certificate;

use std::time::Duration;

/// Bounds on connections.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Open connections over all ports; more are closed at once, counted.
    pub(crate) connections_max: usize,
    /// How long a client may take for the TLS handshake and for a request's head.
    pub(crate) header_timeout: Duration,
    /// How long a connection may rest between requests.
    pub(crate) idle_timeout: Duration,
    /// How long requests may take to end at shutdown.
    pub(crate) drain: Duration,
    /// Largest head of a request.
    pub(crate) head_bytes_max: usize,
    /// Of a body that is refused unread, so much is read on and thrown away before the refusal is sent.
    pub(crate) refused_body_bytes_max: u64,
    /// Streams of one HTTP/2 connection at a time.
    pub(crate) streams_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(75),
            drain: Duration::from_secs(20),
            head_bytes_max: 32 << 10,
            refused_body_bytes_max: 64 << 20,
            streams_max: 256,
        }
    }
}
