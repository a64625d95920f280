//! Request rates and service edges as additive deltas, counted while spans come in.
//!
//! Pure: it is given the rows of a request and gives rows of other tables; it knows no file, no log and
//! no clock. Invariant: counting the same requests in the same order gives the same sums, and every span
//! that is known adds to its own bucket exactly once, however late, often or out of order it comes
//! (`tests/sql/rollups` says the same of stored spans, and the tests hold one against the other).
//!
//! Modules in the order in which data passes them.

mod settings;

mod facts;
mod names;
mod read;

mod interner;
mod keys;
mod memory;
mod settled;
mod waiting;

mod counts;
mod linker;
mod outward;
mod request;
mod resolve;
pub mod sketch;

mod combine;
mod rows;

pub mod census;

pub use combine::combine;
pub use facts::{Facts, Owner};
pub use linker::{Rollups, Stats};
pub use names::{NodeKind, PeerAttributes, SERVICE, SpanKind, is_limited};
pub use read::Reader;
pub use resolve::{Found, Guess, Moment, Parent, Resolved};
pub use rows::{Counted, TABLES};
pub use settings::Settings;
pub use sketch::{Sketch, SketchSum};
