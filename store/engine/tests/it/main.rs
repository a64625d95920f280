//! The engine on a simulated disk under the WAL and a real directory under the parts, killed, starved
//! and raced. A `House` is a data directory that outlives its engines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod bounds;
mod conservation;
mod crash;
mod faults;
mod fsck;
mod house;
mod ledger;
mod repeats;
mod rollups;
mod rows;
mod store;
mod upkeep;
