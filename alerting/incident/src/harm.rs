//! How something suffers, as its alert says: it fails, it is late, or it shows something else.
//!
//! It refuses to know rules and products: words are looked for. Invariant: an alert that says neither is [`Harm::Other`].

use model::Entity;
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// It fails, or does not do what it usually does.
    Failure,
    /// It is late, or waits.
    Delay,
    /// A resource, a sender, a device: whatever is no matter of single calls.
    #[default]
    Other,
}

const FAILURE: &[&str] = &[
    "error",
    "fail",
    "exception",
    "5xx",
    "unavailable",
    "availability",
    "degraded",
    "behaviour",
    "success",
    "refused",
];
const DELAY: &[&str] =
    &["latency", "slow", "duration", "delay", "p99", "p95", "p50", "gap", "self_time", "response", "timeout"];

impl Harm {
    /// What the name of an alert says.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match (says(FAILURE), says(DELAY)) {
            (true, _) => Self::Failure,
            (false, true) => Self::Delay,
            (false, false) => Self::Other,
        }
    }

    pub fn is_other(&self) -> bool {
        *self == Self::Other
    }
}

/// What suffers, and how.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Suffering {
    pub entity: Entity,
    pub harm: Harm,
}

/// Nothing is said of how.
impl From<Entity> for Suffering {
    fn from(entity: Entity) -> Self {
        Self { entity, harm: Harm::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::Harm;

    #[test]
    fn the_name_of_an_alert_says_how_it_hurts() {
        for (name, harm) in [
            ("service-errors", Harm::Failure),
            ("operation-latency", Harm::Delay),
            ("anomaly-error_log", Harm::Failure),
            ("anomaly-self_time", Harm::Delay),
            ("HighErrorRateP99", Harm::Failure),
            ("anomaly-cpu", Harm::Other),
            ("anomaly-silence", Harm::Other),
            ("", Harm::Other),
        ] {
            assert_eq!(Harm::of_name(name), harm, "{name}");
        }
    }
}
