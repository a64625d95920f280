//! Spans of a small shop, written as a story reads best.

use e2e::content::{self, label};
use e2e::{Sender, Server, Wire};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use std::collections::BTreeMap;

pub(crate) const MS: u64 = 1_000_000;

/// An id from a number: the last bytes of it.
pub(crate) fn id<const N: usize>(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; N];
    bytes[N - 8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A trace id from a number, whose upper half is not zero.
pub(crate) fn trace_id(number: u64) -> Vec<u8> {
    let mut bytes = id::<16>(number);
    bytes[0] = 0xee;
    bytes
}

pub(crate) fn hex(id: &[u8]) -> String {
    hex::encode(id)
}

/// Spans of one trace by service: lines of `id parent service operation kind start_ms duration_ms`, then
/// `error`, or attributes as `key=value`. Parent `-` is none. Times are from `base` on.
pub(crate) fn story(trace: u64, base: u64, text: &str) -> BTreeMap<String, Vec<Span>> {
    let mut services: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap_or_else(|_| panic!("{line}"));
        let start = base.checked_add_signed(number(5) * MS as i64).expect("a time");
        let span = Span {
            trace_id: trace_id(trace),
            span_id: id::<8>(number(0) as u64),
            parent_span_id: words[1].parse().map(id::<8>).unwrap_or_default(),
            name: words[3].into(),
            kind: ["", "internal", "server", "client", "producer", "consumer"]
                .iter()
                .position(|kind| *kind == words[4])
                .expect("a kind") as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start.checked_add_signed(number(6) * MS as i64).expect("a time"),
            attributes: words[7..].iter().filter_map(|w| w.split_once('=')).map(|(k, v)| label(k, v)).collect(),
            status: words.contains(&"error").then(|| Status { code: 2, message: "it broke".into() }),
            ..Span::default()
        };
        services.entry(words[2].into()).or_default().push(span);
    }
    services
}

pub(crate) async fn send(server: &Server, services: BTreeMap<String, Vec<Span>>) {
    for (service, spans) in services {
        Sender::to(server).send(Wire::Grpc, &content::traces(&service, spans)).await.expect_accepted();
    }
}
