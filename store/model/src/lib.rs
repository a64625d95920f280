//! The shared vocabulary of the store: ids, time, signals, attribute values, entities, workspaces, the clock.
//!
//! It knows no other crate of ours, no runtime and no file; it stays so small that it is boring.

pub mod attribute;
pub mod bilingual;
pub mod cause;
pub mod clock;
pub mod entity;
pub mod hash;
pub mod ids;
pub mod signal;
pub mod time;
pub mod workspace;

pub use attribute::{AttrType, AttrValue};
pub use bilingual::Bilingual;
pub use cause::CauseKind;
pub use clock::{Clock, ManualClock, SystemClock};
pub use entity::{Entity, EntityKind};
pub use hash::ContentHash;
pub use ids::{SpanId, TraceId};
pub use signal::Signal;
pub use time::{TimeRange, UnixNanos};
pub use workspace::{Workspace, WorkspaceError};
