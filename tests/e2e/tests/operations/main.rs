//! Business operations through the built binary: an order's story, what is told by HTTP, what stays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod story;
mod told;
