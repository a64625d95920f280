//! The story of one business operation: what belongs to it, why, and in which order.
//!
//! Pure: it opens nothing and knows no clock. An [`Explorer`] says what it wants to know next, is told
//! facts, and decides by what they say. Ids are not trusted: order numbers begin anew, request ids come
//! round, context is lost in thread pools and at queues. So each join has a reason and a confidence, and
//! what cannot belong (another store, another order, an entity that begins anew) objects to it.
//!
//! Invariant: what was cut is said; nothing is followed beyond the limits.

pub mod context;

mod fact;
mod limits;
mod question;
mod seed;
mod vocabulary;

mod profile;
mod unit;

mod cluster;
mod evidence;

mod explorer;
mod pair;
mod told;

pub use explorer::Explorer;
pub use fact::{Business, Entity, Fact, FactId, Kind};
pub use limits::Limits;
pub use pair::{EntityChange, Operation};
pub use question::{Answer, Mention, Question, Stretch};
pub use seed::{Seed, What};
pub use told::{Member, OtherStory, Told};
pub use vocabulary::Vocabulary;
