//! What people and their tools read: traces, logs, and the APIs of other products, through the built binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod graph;
mod jaeger;
mod logs;
mod much;
mod shop;
mod traces;
