//! The write-ahead log: opaque records that are on stable storage when [`Wal::sync`] says so.
//!
//! It refuses to know what a record means: no signal, no workspace, no table. It knows segments,
//! record numbers, checksums and what a disk may do to them.
//!
//! Invariant: a record whose `sync` returned `Ok` is replayed exactly once, in order, until it is
//! released; nothing that was never appended is ever replayed. To keep it, a file whose fsync has
//! failed is never written or synced again, nothing is appended behind a torn tail, and the bytes
//! that a recycled segment still holds from its former life cannot pass for records (the checksum
//! is salted per life).
//!
//! Modules in the order a record passes them.

pub mod disk;
mod error;
pub mod fuzz;
mod group;
mod lock;
mod open;
mod pool;
mod record;
mod replay;
mod scan;
mod segment;
mod settings;
mod stats;
mod wal;

pub use disk::{Disk, DiskFile, RealDisk, sim};
pub use error::{Corruption, LockError, WalError};
pub use fuzz::fuzz_replay;
pub use lock::DataDirLock;
pub use record::{Lsn, Record};
pub use replay::Replay;
pub use settings::{Durability, Settings};
pub use stats::{ReplayStats, WalStats};
pub use wal::Wal;
