//! Storms of alerts, played through the book and the ranker on event time, and what came of them.
//!
//! The players see alerts and the estate; truth is read by the scorers only.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]
#![allow(clippy::print_stdout, reason = "the tables are what is looked at")]

mod generated;
mod labelled;
mod play;
mod score;
