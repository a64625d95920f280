//! OTLP/JSON into the same builders.

use crate::{DecodeError, Decoded};
use model::{Signal, UnixNanos};
use tables::build::Layout;

/// Decodes an OTLP/JSON request body.
pub(crate) fn decode(layout: &Layout, signal: Signal, body: &[u8], received: UnixNanos) -> Result<Decoded, DecodeError> {
    todo!("{layout:?} {signal} {body:?} {received:?}")
}
