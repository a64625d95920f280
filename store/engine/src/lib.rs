//! The engine: the only joiner of WAL, parts and catalog.
//!
//! It refuses to know protocols (replay is given a decoder) and queries (they get a [`View`]). Its
//! invariant: a row that was acknowledged is in exactly one of WAL-backed memory and committed parts,
//! and every view shows it exactly once, whatever crashes, fills up or fails in between.
//!
//! Modules in groups, in the order in which data passes them: bounds and formats; from admission to
//! memory; from memory to parts, and back after a crash; the upkeep of parts; the whole.

pub mod envelope;
mod error;
pub mod failpoint;
mod settings;

mod admit;
mod append;
mod coalesce;
mod drops;
mod known;
mod ledger;
mod memtable;
mod queue;
mod repeat;
mod tally;
mod view;

mod checkpoint;
mod flush;
mod partition;
mod recover;
mod specs;

mod background;
mod compact;
mod maintain;
mod orphans;
mod retention;
mod space;

mod engine;
mod fsck;
mod open;
mod report;
mod stats;
#[cfg(test)]
mod testing;

pub use admit::{Permit, Refusal, RefusalReason};
pub use append::{Ack, Append};
pub use checkpoint::FlushReport;
pub use engine::Engine;
pub use envelope::{Compression, Encoding, RecordHead};
pub use error::EngineError;
pub use fsck::{FsckOptions, FsckReport, RebuildReport, fsck};
pub use ledger::Source;
pub use maintain::RetentionReport;
pub use memtable::HotChunk;
pub use open::{Deps, settle_promoted};
pub use orphans::Orphan;
pub use recover::DecodeFn;
pub use repeat::{Repeat, Ticket};
pub use settings::{CompactionSettings, RetentionSettings, Settings, SpaceSettings};
pub use space::{DiskFree, PlannedDeletion, SpacePlan, disk_free};
pub use stats::{Kind, Metric};
pub use view::{RollupContent, View};
pub use wal::Durability;
