//! Short stories through the built binary, by what they are about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod access;
mod demo;
mod docs;
mod hostile;
mod import;
mod life;
mod load;
mod odd;
mod people;
mod query;
mod repeat;
mod rollups;
mod time;
mod tls;
mod wire;
