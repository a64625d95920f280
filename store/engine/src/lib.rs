//! The engine: the only joiner of WAL, parts and catalog.
//!
//! It refuses to know protocols (replay is given a decoder) and queries (they get a [`View`]). Its
//! invariant: a row that was acknowledged is in exactly one of WAL-backed memory and committed parts,
//! and every view shows it exactly once, whatever crashes, fills up or fails in between.
//!
//! Modules in the order in which data passes them.

mod settings;
pub mod envelope;
mod error;
pub mod failpoint;

mod admit;
mod repeat;
mod queue;
mod append;
mod known;
mod memtable;
mod coalesce;
mod ledger;
mod view;

mod specs;
mod partition;
mod checkpoint;
mod flush;
mod recover;

mod compact;
mod retention;
mod space;
mod maintain;
mod background;

mod stats;
mod engine;

pub use admit::{Permit, Refusal, RefusalReason};
pub use append::{Ack, Append};
pub use checkpoint::FlushReport;
pub use engine::{Deps, Engine, settle_promoted};
pub use envelope::{Compression, Encoding, RecordHead};
pub use error::EngineError;
pub use ledger::Source;
pub use maintain::RetentionReport;
pub use memtable::HotChunk;
pub use recover::DecodeFn;
pub use repeat::{Repeat, Ticket};
pub use settings::{CompactionSettings, RetentionSettings, Settings, SpaceSettings};
pub use space::{DiskFree, PlannedDeletion, SpacePlan, disk_free};
pub use stats::{Kind, Metric};
pub use view::View;
pub use wal::Durability;
