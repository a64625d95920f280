//! The life of incidents: alerts become episodes, episodes are grouped, groups open, change and close.
//!
//! It refuses to know how alerts arrive and how people are told. Invariant: no alert disappears; each
//! belongs to exactly one incident and knows the reason.

pub mod alert;
mod book;
mod cover;
mod episode;
mod estate;
mod fingerprint;
mod follow_up;
mod harm;
mod incident;
pub mod matcher;
mod place;
pub mod record;
mod severity;
mod terrain;
mod verdict;
pub mod words;

pub use alert::{Alert, Fields, Oddity, Told};
pub use book::{
    Act, ActError, Archived, Book, Counters, Doc, Event, Heard, Occasion, Past, RestoreError, Settings, Similar,
};
pub use episode::{Change, Episode, Phase, Role};
pub use estate::{Estate, Link, Relation};
pub use fingerprint::{Fingerprint, is_volatile};
pub use follow_up::{ALL_FOLLOW_UPS_MAX, Amend, FOLLOW_UPS_MAX, FollowUp, FollowUpError, FollowUps};
pub use harm::{Harm, Suffering};
pub use incident::{Clocks, Entry, Feedback, Incident, IncidentId, JoinRule, Reason, State};
pub use matcher::{Comparison, Inhibition, Matcher, MatcherError, Matchers};
pub use place::{Place, place};
pub use severity::Severity;
pub use terrain::{Near, Spot, Terrain, Tie};
pub use verdict::{Cause, ChangeVerdict, Confidence, Evidence, Explained, Verdict};
