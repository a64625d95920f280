//! The loop that watches: it asks for figures, judges rules, keeps incidents, finds causes and has people
//! told; and the HTTP by which all of that is read and steered.
//!
//! It refuses to know how a rule, a grouping, a cause or a message is decided: pure crates do. Invariant: a
//! step's outcome is stored in one transaction before anything of it is seen outside.

mod settings;

mod arrivals;
mod clock;

mod ask;
mod estate;
mod evidence;
mod figures;
mod impact;

mod docs;
mod judge;
mod message;
mod office;
mod rows;
mod verdict;

mod board;
mod deliver;
mod desk;
mod round;
mod watch;
mod watchman;

mod calls;

pub use board::Board;
pub use calls::{described, routes};
pub use settings::Settings;
pub use watch::{Watch, WatchError};
