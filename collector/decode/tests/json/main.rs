//! OTLP/JSON as a whole: syntax, mapping, equality with protobuf, hostile input.

#![expect(clippy::unwrap_used, reason = "all of this is test code, also outside of #[test]")]

mod damage;
mod dice;
mod equality;
mod examples;
mod hostile;
mod mapping;
mod messages;
mod operations;
mod rows;
mod syntax;
mod writer;

use bytes::Bytes;
use decode::{DecodeError, Decoded, Encoding, decode};
use model::{Signal, UnixNanos};
use tables::PromotedSet;
use tables::build::{BuildSettings, Layout};

const RECEIVED: UnixNanos = UnixNanos(1_700_000_000_500_000_000);

fn layout() -> Layout {
    let settings = BuildSettings::new(PromotedSet::default_with(&["order.id".into()]), &[]);
    Layout::new(BuildSettings { extract: vec![operations::rule()], ..settings })
}

fn read(signal: Signal, body: impl Into<Vec<u8>>) -> Result<Decoded, DecodeError> {
    decode(&layout(), signal, Encoding::Json, &Bytes::from(body.into()), RECEIVED)
}
