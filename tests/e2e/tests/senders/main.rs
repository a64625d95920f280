//! Real senders and real readers: SDKs of other languages, telemetrygen, a Collector in between,
//! DuckDB over the files, schemathesis over the API.
//!
//! Each sender goes through a relay that changes nothing and keeps what it passed on; SQL must then
//! show every item of it with every attribute, type and nanosecond, from memory and from Parquet.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod collector;
mod duckdb;
mod object_store;
mod schema;
mod sdk;
mod toxic;

use e2e::compare::{Counts, assert_shown};
use e2e::relay::Relay;
use e2e::{Server, rows};
use std::net::TcpListener;
use std::process::Output;

/// What a sender that prints `{"spans": N, "logs": N, "points": N}` says it has sent.
fn said(output: &Output) -> Counts {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|l| l.starts_with('{')).unwrap_or_else(|| panic!("no counts in: {text}"));
    let counts: serde_json::Value = serde_json::from_str(line).expect("counts in JSON");
    let of = |name: &str| rows::integer(&counts[name]).and_then(|n| usize::try_from(n).ok()).expect("a count");
    Counts { spans: of("spans"), logs: of("logs"), points: of("points") }
}

/// Everything that went through the relay is shown, before and after a flush.
async fn assert_all_shown(server: &Server, relay: &Relay) -> Counts {
    let requests = relay.requests();
    let hot = assert_shown(server, &requests).await;
    server.flush().await;
    assert_eq!(assert_shown(server, &requests).await, hot);
    hot
}

/// A port that was free a moment ago, for programs that take no port 0.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}
