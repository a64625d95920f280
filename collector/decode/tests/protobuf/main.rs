//! Protobuf requests, built by the protocol's own generated types, against what a plain model of the
//! tables says must come out.

#![allow(clippy::unwrap_used, reason = "what fails in a test's own set-up fails the test")]

mod cell;
mod equivalence;
mod generate;
mod hostile;
mod model;
mod oddities;
mod wire;
