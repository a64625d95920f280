//! OTLP protobuf: our own walk over the wire, straight into the builders.
//!
//! No message is ever built as a whole: fields are borrowed from the body and poured into columns.

mod envelope;
mod fault;
mod logs;
mod metrics;
mod points;
mod traces;
mod value;
mod wire;

use crate::{DecodeError, Decoded, Refusals};
use envelope::{Output, walk};
use logs::LogRecords;
use metrics::Metrics;
use model::{Signal, UnixNanos};
use tables::build::{Layout, RequestBuilder};
use traces::Spans;

/// Decodes an `ExportTraceServiceRequest` or its like.
pub(crate) fn decode(layout: &Layout, signal: Signal, body: &[u8], received: UnixNanos) -> Result<Decoded, DecodeError> {
    let builder = RequestBuilder::new(layout, received, body.len());
    let mut out = Output { builder, refusals: Refusals::default() };
    match signal {
        Signal::Traces => walk(body, &mut Spans::new(&out), &mut out)?,
        Signal::Logs => walk(body, &mut LogRecords::new(&out), &mut out)?,
        Signal::Metrics => walk(body, &mut Metrics::new(&out), &mut out)?,
    }
    Decoded::from_parts(out.builder, out.refusals)
}
