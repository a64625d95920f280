//! The names under which state is stored, and the forms of what the crates give out as documents.

use incident::Alert;
use metastore::Change;
use notify::{Document, LedgerRow};
use serde::Serialize;

pub(crate) const INBOX: &str = "alerting.inbox";
pub(crate) const CLOCK: &str = "alerting.clock";
pub(crate) const LEDGER: &str = "alerting.ledger";
pub(crate) const SILENCE: &str = "alerting.silence";
/// What is left to do after an incident: one document each.
pub(crate) const FOLLOW_UPS: &str = "alerting.follow_ups";
/// Rules, and the configuration of notification, as the API was told.
pub(crate) const RULE: &str = "alerting.rule";
pub(crate) const CONFIG: &str = "alerting.config";
/// Incidents that have left memory, with their alerts.
pub(crate) const ARCHIVE: &str = "archive";
/// What a book is restored from.
pub(crate) const BOOK: [&str; 6] = ["book", "incident", "episode", "together", "decision", "past"];
/// What states of rules are restored from.
pub(crate) const OF_RULES: [&str; 2] = ["rule_state", "rule_series"];

/// What a ranker is restored from.
pub(crate) const OF_RANKER: [&str; 3] = ["ranker_sums", "ranker_series", "ranker_kind"];

/// The key of kinds that have one document.
pub(crate) const ALONE: &str = "all";

/// A document, or its removal.
pub(crate) fn change<V: Serialize>(kind: &'static str, key: impl Into<String>, value: Option<&V>) -> Change {
    Change { kind, key: key.into(), json: value.and_then(|value| serde_json::to_string(value).ok()) }
}

pub(crate) fn inbox(number: u64, alert: Option<&Alert>) -> Change {
    change(INBOX, format!("{number:020}"), alert)
}

pub(crate) fn ledger(row: &LedgerRow) -> Change {
    change(LEDGER, row.id.to_string(), Some(row))
}

pub(crate) fn no_ledger(row: &LedgerRow) -> Change {
    change::<LedgerRow>(LEDGER, row.id.to_string(), None)
}

pub(crate) fn of_book(doc: incident::Doc) -> Change {
    Change { kind: doc.kind, key: doc.key, json: doc.body.map(|body| body.to_string()) }
}

pub(crate) fn of_rule(doc: rules::Doc) -> Change {
    Change { kind: doc.kind, key: doc.key, json: doc.body }
}

pub(crate) fn of_ranker(doc: cause::alerts::RankerDoc) -> Change {
    Change { kind: doc.kind, key: doc.key, json: doc.body }
}

pub(crate) fn of_outbox(document: Document) -> Change {
    Change { kind: document.kind.as_str(), key: document.key, json: document.body.map(|body| body.to_string()) }
}
