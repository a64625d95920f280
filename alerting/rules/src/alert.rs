//! What rules tell: alerts, and how they come and go.

use crate::{Labels, Severity};
use model::{Bilingual, Entity, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One alert with all that is known of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// `alertname`, the labels of the series (service, operation, peer, host.name ...), the labels of the rule.
    /// They are its identity and change only when the rule is edited.
    pub labels: Labels,
    pub entity: Option<Entity>,
    pub severity: Severity,
    pub summary: Bilingual,
    /// Of the rule, and what the judge adds: `usual`, `example`, `absence` ...
    pub annotations: BTreeMap<String, String>,
    pub value: f64,
    pub threshold: f64,
    /// UCUM-like; `%` is a share of 1.
    pub unit: String,
    /// When the condition began to hold.
    pub starts_at: UnixNanos,
    /// When it ceased to; set when resolved.
    pub ends_at: Option<UnixNanos>,
    /// SQL that shows the figures again.
    pub query: String,
    pub runbook: Option<String>,
    pub owner: Option<String>,
}

/// What happened to an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Fired,
    /// It goes on with another severity or text.
    Changed,
    Resolved,
}

/// Why it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The condition held for long enough.
    Condition,
    /// The condition holds no more, and data says so.
    Recovered,
    /// There has been no data for so long that nothing can be said.
    NoData,
    /// The rule looks at something else now.
    RuleChanged,
    RuleDeleted,
    RuleDisabled,
    /// The rule itself cannot be judged, or can be again.
    RuleFailing,
}

/// One alert that came, changed or went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transition {
    pub rule: String,
    /// Event time up to which was judged.
    pub at: UnixNanos,
    pub what: What,
    pub why: Why,
    pub alert: Alert,
}
