//! The life of incidents: alerts become episodes, episodes are grouped, groups open, change and close.
//!
//! It refuses to know how alerts arrive and how people are told. Invariant: no alert disappears; each
//! belongs to exactly one incident and knows the reason.

mod estate;
mod verdict;

pub use estate::{Estate, Link, Relation};
pub use verdict::{Cause, ChangeVerdict, Confidence, Evidence, Explained, Verdict};
