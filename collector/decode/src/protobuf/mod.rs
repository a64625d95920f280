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
use tables::build::{BuildError, Layout, RequestBuilder, TextCheck};
use traces::Spans;

/// Decodes an `ExportTraceServiceRequest` or its like. Text is taken for UTF-8 at first; the rare
/// request in which some is not is read a second time, with care.
pub(crate) fn decode(
    layout: &Layout,
    signal: Signal,
    body: &[u8],
    received: UnixNanos,
) -> Result<Decoded, DecodeError> {
    let attempt = |check| {
        let builder = RequestBuilder::with_check(layout, received, body.len(), check);
        read(Output { builder, refusals: Refusals::default() }, signal, body)
    };
    match attempt(TextCheck::AtOnce)? {
        Err(BuildError::NotUtf8(_)) => Ok(attempt(TextCheck::Each)??),
        read => Ok(read?),
    }
}

fn read(mut out: Output<'_>, signal: Signal, body: &[u8]) -> Result<Result<Decoded, BuildError>, DecodeError> {
    match signal {
        Signal::Traces => walk(body, &mut Spans::new(&out), &mut out)?,
        Signal::Logs => walk(body, &mut LogRecords::new(&out), &mut out)?,
        Signal::Metrics => walk(body, &mut Metrics::new(&out), &mut out)?,
    }
    Ok(Decoded::from_parts(out.builder, out.refusals))
}
