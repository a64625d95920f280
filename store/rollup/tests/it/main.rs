//! Counted while they come in, spans give what they give when all are there: in any order, in any
//! batches, twice, late, over restarts, with little memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod cases;
mod census;
mod company;
mod reference;
mod store;
mod sums;
