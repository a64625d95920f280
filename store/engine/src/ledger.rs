//! The loss ledger: counts per minute of receipt, sender and signal, as additive deltas.
//!
//! `received = stored + refused` for every sender, by construction of [`Counts`]; `queryable` is what a
//! view shows. A repeat of bytes that were stored already counts under `repeated` and nowhere else.
//! What was stored is counted again by replay, exactly; refusals and repeats are told to the log by
//! [`crate::tally`], and those of the last moment go with a crash.

use crate::stats::{Kind, Metric};
use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringViewBuilder, TimestampNanosecondBuilder};
use arrow::error::ArrowError;
use hashbrown::{Equivalent, HashMap};
use model::{Signal, UnixNanos, Workspace};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tables::{PromotedSet, SenderCount, TableBatch, TableId, TableSpec};

const MINUTE: i64 = 60 * UnixNanos::SECOND;
/// Stands for all senders beyond the bound.
const OVERFLOW: &str = "__overflow__";

/// Counts of one sender, signal and minute; they add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) stored: u64,
    pub(crate) queryable: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
    pub(crate) dropped_by_sender: u64,
}

impl Counts {
    /// Of a request that was stored: `refused` were undecodable.
    fn stored(sender: &SenderCount) -> Self {
        Self {
            received: sender.accepted + sender.refused,
            stored: sender.accepted,
            queryable: sender.accepted,
            refused: sender.refused,
            repeated: 0,
            dropped_by_sender: sender.dropped_by_sender,
        }
    }

    /// Of a request none of which was stored.
    fn refused(sender: &SenderCount) -> Self {
        let all = sender.accepted + sender.refused;
        Self { received: all, refused: all, ..Self::default() }
    }

    fn repeated(sender: &SenderCount) -> Self {
        Self { repeated: sender.accepted + sender.refused, ..Self::default() }
    }

    pub(crate) fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("received", self.received),
            ("stored", self.stored),
            ("queryable", self.queryable),
            ("refused", self.refused),
            ("repeated", self.repeated),
            ("dropped_by_sender", self.dropped_by_sender),
        ]
    }

    fn add(&mut self, other: &Counts) {
        self.received += other.received;
        self.stored += other.stored;
        self.queryable += other.queryable;
        self.refused += other.refused;
        self.repeated += other.repeated;
        self.dropped_by_sender += other.dropped_by_sender;
    }
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Stored,
    Refused,
    Repeated,
}

impl Fate {
    fn counts(self, sender: &SenderCount) -> Counts {
        match self {
            Self::Stored => Counts::stored(sender),
            Self::Refused => Counts::refused(sender),
            Self::Repeated => Counts::repeated(sender),
        }
    }
}

/// Whom a request came from, beside what its resources say.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    pub workspace: &'a Workspace,
    pub token: Option<&'a Arc<str>>,
    pub signal: Signal,
    pub received: UnixNanos,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    workspace: Workspace,
    minute: i64,
    signal: Signal,
    service: String,
    instance: Option<String>,
    token: Option<Arc<str>>,
}

/// [`Key`] without owning its texts, so that a count for a known sender allocates nothing.
struct KeyRef<'a> {
    workspace: &'a Workspace,
    minute: i64,
    signal: Signal,
    service: &'a str,
    instance: Option<&'a str>,
    token: Option<&'a str>,
}

impl Key {
    fn borrowed(&self) -> KeyRef<'_> {
        KeyRef {
            workspace: &self.workspace,
            minute: self.minute,
            signal: self.signal,
            service: &self.service,
            instance: self.instance.as_deref(),
            token: self.token.as_deref(),
        }
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.workspace, self.minute, self.signal, self.service, self.instance, self.token).hash(state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let key = key.borrowed();
        (self.minute, self.signal, self.service, self.instance, self.token)
            == (key.minute, key.signal, key.service, key.instance, key.token)
            && self.workspace == key.workspace
    }
}

/// One line for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LedgerRow {
    /// Start of the minute of receipt.
    pub(crate) minute: UnixNanos,
    pub(crate) service: String,
    pub(crate) instance: Option<String>,
    pub(crate) token: Option<Arc<str>>,
    pub(crate) signal: Signal,
    pub(crate) counts: Counts,
}

impl LedgerRow {
    /// What a person recognises: service, or service/instance.
    pub(crate) fn sender(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}/{instance}", self.service),
            None => self.service.clone(),
        }
    }
}

/// The deltas of one generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deltas {
    rows: HashMap<Key, Counts>,
}

impl Deltas {
    /// Counts a request; at most `rows_max` rows are kept apart. Gives how many counts overflowed.
    pub(crate) fn count(&mut self, from: &Source<'_>, senders: &[SenderCount], fate: Fate, rows_max: usize) -> u64 {
        let mut overflowed = 0;
        for sender in senders {
            let counts = fate.counts(sender);
            let minute = from.received.0.div_euclid(MINUTE) * MINUTE;
            let mut key = KeyRef {
                workspace: from.workspace,
                minute,
                signal: from.signal,
                service: &sender.service,
                instance: sender.instance.as_deref(),
                token: from.token.map(|t| &**t),
            };
            if let Some(have) = self.rows.get_mut(&key) {
                have.add(&counts);
                continue;
            }
            if self.rows.len() >= rows_max {
                overflowed += 1;
                (key.service, key.instance, key.token) = (OVERFLOW, None, None);
            }
            let owned = Key {
                workspace: key.workspace.clone(),
                minute,
                signal: key.signal,
                service: key.service.to_owned(),
                instance: key.instance.map(str::to_owned),
                token: key.token.and(from.token).cloned(),
            };
            self.rows.entry(owned).or_default().add(&counts);
        }
        overflowed
    }

    /// Adds counts that were taken elsewhere, under bounds of their own.
    pub(crate) fn merge(&mut self, other: Deltas) {
        for (key, counts) in other.rows {
            self.rows.entry(key).or_default().add(&counts);
        }
    }

    /// Adds one line.
    pub(crate) fn add(&mut self, workspace: Workspace, row: LedgerRow) {
        let LedgerRow { minute, service, instance, token, signal, counts } = row;
        let key = Key { workspace, minute: minute.0, signal, service, instance, token };
        self.rows.entry(key).or_default().add(&counts);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn workspaces(&self) -> Vec<Workspace> {
        let mut names: Vec<Workspace> = self.rows.keys().map(|k| k.workspace.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The rows of a workspace, in a fixed order.
    pub(crate) fn rows(&self, workspace: &Workspace) -> Vec<LedgerRow> {
        let mut rows: Vec<(&Key, &Counts)> = self.rows.iter().filter(|(k, _)| k.workspace == *workspace).collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let row = |(key, counts): (&Key, &Counts)| LedgerRow {
            minute: UnixNanos(key.minute),
            service: key.service.clone(),
            instance: key.instance.clone(),
            token: key.token.clone(),
            signal: key.signal,
            counts: *counts,
        };
        rows.into_iter().map(row).collect()
    }

    /// Counts a request without its minute: totals by sender since the engine was opened.
    pub(crate) fn count_total(&mut self, source: &Source<'_>, senders: &[SenderCount], fate: Fate, senders_max: usize) {
        let timeless = Source { received: UnixNanos(0), ..source.clone() };
        self.count(&timeless, senders, fate, senders_max);
    }

    /// The counts as samples, one per sender, signal and outcome.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let sample = |workspace: &Workspace, row: &LedgerRow, outcome: &str, value: u64| Metric {
            name: "stormglass_ledger_items_total",
            help: "Items by sender, signal and what became of them.",
            kind: Kind::Counter,
            labels: vec![
                ("workspace", workspace.to_string()),
                ("sender", row.sender()),
                ("token", row.token.as_deref().unwrap_or_default().to_owned()),
                ("signal", row.signal.to_string()),
                ("outcome", outcome.to_owned()),
            ],
            value: value as f64,
        };
        let rows =
            self.workspaces().into_iter().flat_map(|w| self.rows(&w).into_iter().map(move |row| (w.clone(), row)));
        rows.flat_map(|(workspace, row)| row.counts.named().map(|(outcome, n)| sample(&workspace, &row, outcome, n)))
            .collect()
    }

    /// The rows of a workspace as rows of the `ledger` table; `None` if there are none.
    pub(crate) fn to_batch(&self, workspace: &Workspace) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows(workspace);
        let minutes = rows.iter().map(|r| r.minute.0);
        let (Some(time_min), Some(time_max)) = (minutes.clone().min(), minutes.max()) else { return Ok(None) };
        let rows = to_record_batch(&rows)?;
        Ok(Some(TableBatch { table: TableId::Ledger, rows, time_min, time_max, overflow: vec![] }))
    }
}

fn to_record_batch(rows: &[LedgerRow]) -> Result<RecordBatch, ArrowError> {
    let schema = TableSpec::new(TableId::Ledger, &PromotedSet::default()).schema;
    let text = |of: &dyn Fn(&LedgerRow) -> Option<String>| -> ArrayRef {
        let mut column = StringViewBuilder::with_capacity(rows.len());
        rows.iter().for_each(|row| column.append_option(of(row)));
        Arc::new(column.finish())
    };
    let count = |of: &dyn Fn(&Counts) -> u64| -> ArrayRef {
        let mut column = Int64Builder::with_capacity(rows.len());
        rows.iter().for_each(|row| column.append_value(i64::try_from(of(&row.counts)).unwrap_or(i64::MAX)));
        Arc::new(column.finish())
    };
    let mut time = TimestampNanosecondBuilder::with_capacity(rows.len()).with_timezone("UTC");
    rows.iter().for_each(|row| time.append_value(row.minute.0));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(time.finish()),
        text(&|r| Some(r.sender())),
        text(&|r| Some(r.service.clone())),
        text(&|r| r.instance.clone()),
        text(&|r| r.token.as_deref().map(str::to_owned)),
        text(&|r| Some(r.signal.as_str().to_owned())),
        count(&|c| c.received),
        count(&|c| c.stored),
        count(&|c| c.queryable),
        count(&|c| c.refused),
        count(&|c| c.repeated),
        count(&|c| c.dropped_by_sender),
    ];
    RecordBatch::try_new(schema, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(workspace: &Workspace, received: i64) -> Source<'_> {
        Source { workspace, token: None, signal: Signal::Traces, received: UnixNanos(received) }
    }

    fn sender(service: &str, accepted: u64, refused: u64) -> SenderCount {
        SenderCount { service: service.into(), accepted, refused, ..SenderCount::default() }
    }

    #[test]
    fn what_was_received_is_what_was_stored_and_what_was_refused() {
        let workspace = Workspace::default();
        let mut deltas = Deltas::default();
        for (fate, accepted, refused) in
            [(Fate::Stored, 7, 2), (Fate::Stored, 3, 0), (Fate::Refused, 5, 1), (Fate::Repeated, 9, 1)]
        {
            deltas.count(&from(&workspace, 61 * UnixNanos::SECOND), &[sender("cart", accepted, refused)], fate, 10);
        }
        let rows = deltas.rows(&workspace);
        let expected =
            Counts { received: 18, stored: 10, queryable: 10, refused: 8, repeated: 10, dropped_by_sender: 0 };
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].minute, rows[0].counts), (UnixNanos(MINUTE), expected));
    }

    #[test]
    fn workspaces_minutes_tokens_and_instances_are_rows_of_their_own() {
        let (a, b) = (Workspace::new("a").unwrap(), Workspace::new("b").unwrap());
        let token: Arc<str> = "t".into();
        let mut deltas = Deltas::default();
        let plain = sender("cart", 1, 0);
        let with_instance = SenderCount { instance: Some("cart-1".into()), ..plain.clone() };
        deltas.count(&from(&a, 0), &[plain.clone(), with_instance], Fate::Stored, 10);
        deltas.count(&from(&a, MINUTE), std::slice::from_ref(&plain), Fate::Stored, 10);
        deltas.count(&Source { token: Some(&token), ..from(&a, 0) }, std::slice::from_ref(&plain), Fate::Stored, 10);
        deltas.count(&from(&b, 0), &[plain], Fate::Stored, 10);
        assert_eq!(deltas.rows(&a).len(), 4);
        assert_eq!(deltas.rows(&b).len(), 1);
        assert_eq!(deltas.workspaces(), [a.clone(), b]);
        let batch = deltas.to_batch(&a).unwrap().unwrap();
        assert_eq!((batch.rows.num_rows(), batch.time_min, batch.time_max), (4, 0, MINUTE));
    }

    #[test]
    fn beyond_the_bound_counts_go_to_the_overflow_sender_and_none_is_lost() {
        let workspace = Workspace::default();
        let mut deltas = Deltas::default();
        let senders: Vec<SenderCount> = (0..10).map(|i| sender(&format!("s{i}"), 1, 0)).collect();
        assert_eq!(deltas.count(&from(&workspace, 0), &senders, Fate::Stored, 4), 6);
        let rows = deltas.rows(&workspace);
        assert_eq!(rows.iter().map(|r| r.counts.stored).sum::<u64>(), 10);
        assert_eq!(rows.iter().find(|r| r.service == OVERFLOW).map(|r| r.counts.stored), Some(6));
    }
}
