//! The estate as grouping and causes need it: who calls whom, what runs on what, and since when.
//!
//! Relations carry the time in which they were seen: a pod that has moved runs on its new node only.

use model::{Entity, UnixNanos};
use serde::{Deserialize, Serialize};

/// What one entity is to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Calls it, sends to it, reads from it: the first waits for the second.
    Calls,
    /// An instance of a service.
    InstanceOf,
    /// A service or instance on a host or node.
    RunsOn,
    /// Needs it without calling it.
    DependsOn,
    /// Stands there: a device at a site.
    At,
}

/// One relation, with how often and when it was seen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Link {
    pub from: Entity,
    pub relation: Relation,
    pub to: Entity,
    /// Calls counted; 0 where nobody counts.
    pub calls: u64,
    /// First and last time it was seen; `None` for what was declared and holds always.
    pub seen: Option<(UnixNanos, UnixNanos)>,
}

/// All relations that are known, in no order.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Estate {
    pub links: Vec<Link>,
}
