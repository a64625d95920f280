//! A rule that has passed its checks. What was typed has no type here: only [`crate::Rules`] makes rules.

use crate::{Condition, Selector};
use model::{Bilingual, ContentHash};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How bad it is for those who use the system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: &'static [Severity] = &[Self::Low, Self::Medium, Self::High, Self::Critical];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|severity| severity.as_str() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A checked rule. Serialises as it was written.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Becomes the label `alertname`.
    pub name: String,
    pub selector: Selector,
    pub condition: Condition,
    /// How long the condition must hold before the alert fires.
    pub hold: Duration,
    /// How long the alert goes on firing after the condition has gone.
    pub keep_firing: Duration,
    /// How often it is judged.
    pub every: Duration,
    pub severity: Severity,
    /// Added to the labels of each alert.
    pub labels: BTreeMap<String, String>,
    /// Templates: `{service}`, `{value}`, `{threshold}` and every other label in braces. None: the kind's own.
    pub summary: Option<Bilingual>,
    pub annotations: BTreeMap<String, String>,
    pub runbook: Option<String>,
    pub owner: Option<String>,
    pub enabled: bool,
    /// As it was written.
    pub(crate) written: serde_json::Value,
    pub(crate) revision: String,
}

impl Rule {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        self.condition.kind()
    }

    /// Changes with what the rule looks at and how it judges; not with labels, severity or texts.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// As it was written, with its name; [`crate::read_value`] reads it back.
    pub fn to_json(&self) -> serde_json::Value {
        self.written.clone()
    }

    pub(crate) fn revision_of(written: &serde_json::Value) -> String {
        let parts = ["kind", "selector", "condition"].map(|key| written.get(key).cloned().unwrap_or_default());
        ContentHash::of_identity(serde_json::Value::from(parts.to_vec()).to_string().as_bytes()).to_string()
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}
