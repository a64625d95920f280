//! An OTLP export request, protobuf or JSON, into Arrow batches.
//!
//! Pure and patient: it never waits, never panics, opens nothing. Odd data is kept and flagged;
//! only an item that cannot be decoded is refused, by name; only a request whose framing is broken
//! is refused whole. Both encodings pour into the same builders, so that they give the same rows.

mod fuzz;
mod json;
mod protobuf;
mod refusals;

use bytes::Bytes;
use model::{Signal, UnixNanos};
use tables::Batches;
use tables::build::{BuildError, Layout, RequestBuilder};

pub use fuzz::fuzz_entry;
pub(crate) use refusals::Refusals;

/// Version of what decoding means, kept with each WAL record: replay uses the decoder of that number.
pub const DECODER_VERSION: u16 = 1;

/// How a request is encoded. The numbers are part of the WAL format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Encoding {
    Protobuf = 0,
    Json = 1,
}

/// A request as rows, with what its sender must hear.
#[derive(Debug, Default)]
pub struct Decoded {
    pub batches: Batches,
    /// Items refused.
    pub rejected: u64,
    /// Why, at most ten, each naming its item; a last line tells how many more.
    pub reasons: Vec<String>,
    /// What was taken although odd: a sender may want to know.
    pub warnings: Vec<String>,
}

/// Why a whole request was refused. Sending it again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("{at}: {what}")]
    Malformed {
        /// Path of the message, e.g. `resourceSpans[0].scopeSpans[2]`.
        at: String,
        what: String,
    },
    /// The rows do not fit their table: an error of ours, not of the sender's.
    #[error("{0}")]
    Unbuildable(String),
}

impl From<BuildError> for DecodeError {
    fn from(error: BuildError) -> Self {
        Self::Unbuildable(error.to_string())
    }
}

impl Decoded {
    /// Closes a request: its rows, and what was refused of it.
    pub(crate) fn from_parts(builder: RequestBuilder<'_>, refusals: Refusals) -> Result<Self, BuildError> {
        let warnings = builder.warnings();
        let (rejected, reasons) = refusals.finish();
        Ok(Self { batches: builder.finish()?, rejected, reasons, warnings })
    }
}

/// Decodes a decompressed request body. `received` is what missing and implausible times are judged by.
pub fn decode(
    layout: &Layout,
    signal: Signal,
    encoding: Encoding,
    body: &Bytes,
    received: UnixNanos,
) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Protobuf => protobuf::decode(layout, signal, body, received),
        Encoding::Json => json::decode(layout, signal, body, received),
    }
}
