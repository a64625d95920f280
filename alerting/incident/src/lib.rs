//! The life of incidents: alerts become episodes, episodes are grouped, groups open, change and close.
//!
//! It refuses to know how alerts arrive and how people are told. Invariant: no alert disappears; each
//! belongs to exactly one incident and knows the reason.

pub mod alert;
mod estate;
mod fingerprint;
pub mod matcher;
mod severity;
mod verdict;

pub use alert::{Alert, Fields, Oddity, Told};
pub use estate::{Estate, Link, Relation};
pub use fingerprint::{Fingerprint, is_volatile};
pub use matcher::{Comparison, Inhibition, Matcher, MatcherError, Matchers};
pub use severity::Severity;
pub use verdict::{Cause, ChangeVerdict, Confidence, Evidence, Explained, Verdict};
