//! What disks do to the real server: power cuts, failing syncs and writes, full disks, flipped bits,
//! directories that vanish or are taken twice. Every test is named after its row of the fault matrix,
//! and judged by the oracle: what was acknowledged is found once and unaltered, whatever happened.
//!
//! Where a fault needs rights or tools that this machine does not give, the test says SKIPPED.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod catalog;
mod corruption;
mod directory;
mod full_disk;
mod injection;
mod load;
mod mount;
mod power_cut;
mod recovery;
mod slow_disk;
mod write_errors;
