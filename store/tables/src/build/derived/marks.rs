//! What an item's keys and its event's name say about rows that may follow from it.

use crate::build::ExtractRule;

/// A set of marks; empty for nearly every item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::build) struct Marks(u8);

impl Marks {
    /// The item has a key that only business events have.
    pub(in crate::build) const OPERATION_KEY: Marks = Marks(1);
    /// It has a key that only deployments have.
    pub(in crate::build) const CHANGE_KEY: Marks = Marks(2);
    /// It has a key that an extraction rule reads an id from.
    pub(in crate::build) const RULE_KEY: Marks = Marks(4);
    /// The event's name says what it is.
    pub(in crate::build) const OPERATION_EVENT: Marks = Marks(8);
    pub(in crate::build) const CHANGE_EVENT: Marks = Marks(16);
    pub(in crate::build) const HEARTBEAT_EVENT: Marks = Marks(32);

    const OF_SPANS: Marks = Marks(1 | 2 | 4);
    const OF_LOGS: Marks = Marks(4 | 8 | 16 | 32);

    #[inline]
    pub(in crate::build) fn insert(&mut self, other: Marks) {
        self.0 |= other.0;
    }

    #[inline]
    pub(in crate::build) fn has(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a span with these marks is looked at again.
    #[inline]
    pub(in crate::build) fn concern_spans(self) -> bool {
        self.has(Self::OF_SPANS)
    }

    #[inline]
    pub(in crate::build) fn concern_logs(self) -> bool {
        self.has(Self::OF_LOGS)
    }
}

/// Keys of the conventions that mark a span. An operation's id alone does not: it may be baggage
/// that every span of the operation bears.
pub(in crate::build) fn key_marks(rules: &[ExtractRule]) -> impl Iterator<Item = (&str, Marks)> {
    let operation = ["business.operation.name", "business.entities", "business.entity.id"];
    let change = ["deployment.id", "deployment.status", "cicd.pipeline.task.type"];
    let rule = rules.iter().flat_map(ExtractRule::id_keys);
    operation
        .into_iter()
        .map(|key| (key, Marks::OPERATION_KEY))
        .chain(change.into_iter().map(|key| (key, Marks::CHANGE_KEY)))
        .chain(rule.map(|key| (key, Marks::RULE_KEY)))
}

/// What the name of an event says. A flag's evaluation is no change of the flag.
pub(in crate::build) fn event_marks(name: &[u8]) -> Marks {
    match name {
        b"business.operation" => Marks::OPERATION_EVENT,
        b"stormglass.change" => Marks::CHANGE_EVENT,
        b"stormglass.heartbeat" => Marks::HEARTBEAT_EVENT,
        b"feature_flag.evaluation" => Marks::default(),
        _ if name.starts_with(b"deployment.") || name.starts_with(b"feature_flag.") => Marks::CHANGE_EVENT,
        _ => Marks::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_conventions_mark_a_record() {
        for (name, marks) in [
            ("business.operation", Marks::OPERATION_EVENT),
            ("stormglass.change", Marks::CHANGE_EVENT),
            ("deployment.completed", Marks::CHANGE_EVENT),
            ("feature_flag.changed", Marks::CHANGE_EVENT),
            ("feature_flag.evaluation", Marks::default()),
            ("stormglass.heartbeat", Marks::HEARTBEAT_EVENT),
            ("business.operations", Marks::default()),
            ("exception", Marks::default()),
            ("", Marks::default()),
        ] {
            assert_eq!(event_marks(name.as_bytes()), marks, "{name}");
        }
    }
}
