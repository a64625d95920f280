//! What a workspace's watch holds, and how it is kept: incidents, what is still to be told, silences, alerts
//! that wait to be taken in.
//!
//! Invariant: nothing that was decided here is seen outside before [`Office::commit`] has stored it; a commit
//! that fails keeps its documents, and the next one stores them as well.

use crate::docs;
use incident::{Alert, Archived, Book, FollowUps, Incident, IncidentId};
use metastore::{Change, Metastore, MetastoreError};
use model::{TimeRange, UnixNanos, Workspace};
use notify::{LedgerRow, Outbox};
use notify::{Policy, Silences};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Rows of the delivery ledger that are kept at hand and stored.
pub(crate) const LEDGER_ROWS_MAX: usize = 20_000;
/// Past incidents that are listed.
const ARCHIVE_MAX: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) book: Book,
    pub(crate) outbox: Outbox,
    pub(crate) silences: Silences,
    pub(crate) policy: Arc<Policy>,
    pub(crate) follow_ups: FollowUps,
    /// Alerts that were acknowledged to their senders and not taken in yet, by number of arrival.
    inbox: BTreeMap<u64, Alert>,
    next: u64,
    /// The newest row of each message, oldest message first.
    ledger: VecDeque<LedgerRow>,
    /// Incidents that the book has let go, oldest first.
    archive: BTreeMap<IncidentId, Incident>,
    /// Changes that a commit is to store.
    unsaved: Vec<Change>,
    /// Changes whenever something that people see has changed.
    version: u64,
}

impl Office {
    pub(crate) fn new(book: Book, outbox: Outbox, silences: Silences, policy: Policy) -> Self {
        Self {
            book,
            outbox,
            silences,
            policy: Arc::new(policy),
            follow_ups: FollowUps::default(),
            inbox: BTreeMap::new(),
            next: 0,
            ledger: VecDeque::new(),
            archive: BTreeMap::new(),
            unsaved: Vec::new(),
            version: 0,
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Messages as they stand, oldest first.
    pub(crate) fn ledger(&self) -> impl DoubleEndedIterator<Item = &LedgerRow> {
        self.ledger.iter()
    }

    pub(crate) fn waiting_alerts(&self) -> usize {
        self.inbox.len()
    }

    /// Event times of the alerts that came since number `heard`, with the number after the last; and the
    /// newest of all that wait.
    pub(crate) fn waiting(&self, heard: u64) -> (Option<(TimeRange, u64)>, Option<UnixNanos>) {
        let times = || self.inbox.range(heard..).map(|(_, alert)| happened(alert));
        let range = times().min().zip(times().max());
        let new =
            range.map(|(from, until)| (TimeRange { from, until: UnixNanos(until.0.saturating_add(1)) }, self.next));
        (new, self.inbox.values().map(happened).max())
    }

    /// Incidents in memory and those that have left it, newest first.
    pub(crate) fn incidents(&self) -> Vec<&Incident> {
        let mut all: Vec<&Incident> = self.archive.values().chain(self.book.incidents()).collect();
        all.sort_by_key(|incident| std::cmp::Reverse((incident.opened_at, incident.id)));
        all.dedup_by_key(|incident| incident.id);
        all
    }

    pub(crate) fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.book.incident(id).or_else(|| self.archive.get(&id))
    }

    /// Whether some that have left memory may not be among [`Office::incidents`].
    pub(crate) fn archive_is_full(&self) -> bool {
        self.archive.len() >= ARCHIVE_MAX
    }

    /// Keeps an incident that has left the book at hand; the oldest gives way, and stays stored.
    pub(crate) fn remember(&mut self, incident: Incident) {
        self.archive.insert(incident.id, incident);
        while self.archive.len() > ARCHIVE_MAX {
            self.archive.pop_first();
        }
    }

    /// Puts an alert into the inbox; it is safe once the next commit has returned.
    pub(crate) fn receive(&mut self, alert: Alert) {
        let number = self.next;
        self.next += 1;
        self.unsaved.push(docs::inbox(number, Some(&alert)));
        self.inbox.insert(number, alert);
    }

    /// Takes the alerts that happened up to `until` out of the inbox, in the order of their times.
    pub(crate) fn take(&mut self, until: UnixNanos) -> Vec<Alert> {
        let due: Vec<u64> =
            self.inbox.iter().filter(|(_, alert)| happened(alert) <= until).map(|(number, _)| *number).collect();
        let mut alerts: Vec<(UnixNanos, u64, Alert)> = Vec::with_capacity(due.len());
        for number in due {
            self.unsaved.push(docs::inbox(number, None));
            if let Some(alert) = self.inbox.remove(&number) {
                alerts.push((happened(&alert), number, alert));
            }
        }
        alerts.sort_by_key(|(at, number, _)| (*at, *number));
        alerts.into_iter().map(|(_, _, alert)| alert).collect()
    }

    /// Puts back what was stored of the inbox.
    pub(crate) fn restore_inbox(&mut self, number: u64, alert: Alert) {
        self.next = self.next.max(number + 1);
        self.inbox.insert(number, alert);
    }

    pub(crate) fn restore_ledger(&mut self, row: LedgerRow) {
        self.ledger.push_back(row);
    }

    /// Adds changes of others to the next commit.
    pub(crate) fn add(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.unsaved.extend(changes);
    }

    /// Stores all that has changed, in one transaction.
    pub(crate) async fn commit(
        &mut self,
        metastore: &Metastore,
        workspace: &Workspace,
        now: UnixNanos,
    ) -> Result<(), MetastoreError> {
        for doc in self.book.changed() {
            let archived = doc.body.as_ref().filter(|_| doc.kind == docs::ARCHIVE);
            if let Some(Ok(archived)) = archived.map(|body| serde_json::from_value::<Archived>(body.clone())) {
                self.remember(archived.incident);
            }
            self.unsaved.push(docs::of_book(doc));
        }
        self.unsaved.extend(self.outbox.changed().into_iter().map(docs::of_outbox));
        for row in self.outbox.ledger() {
            self.unsaved.push(docs::ledger(&row));
            self.note(row);
        }
        if self.unsaved.is_empty() {
            return Ok(());
        }
        metastore.commit(workspace, &self.unsaved, now).await?;
        self.unsaved.clear();
        self.version += 1;
        Ok(())
    }

    /// Keeps the newest row of each message; the oldest messages give way.
    fn note(&mut self, row: LedgerRow) {
        match self.ledger.iter_mut().rev().find(|known| known.id == row.id) {
            Some(known) => *known = row,
            None => self.ledger.push_back(row),
        }
        while self.ledger.len() > LEDGER_ROWS_MAX {
            if let Some(oldest) = self.ledger.pop_front() {
                self.unsaved.push(docs::no_ledger(&oldest));
            }
        }
    }
}

/// When what an alert says happened: its end where it tells of one. One that is said to go on (until an instant to
/// come, or by a sender that tells ends) happens now, however long ago it began; without that it may be of the past.
fn happened(alert: &Alert) -> UnixNanos {
    let goes_on = alert.expires_at.is_some_and(|at| at > alert.told_at) || alert.silent_after.is_none();
    match alert.ended_at {
        Some(ended) => ended.max(alert.starts_at),
        None if goes_on => alert.told_at.max(alert.starts_at),
        None => alert.starts_at,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use incident::Told;
    use std::time::Duration;

    #[test]
    fn what_goes_on_happens_now_and_what_is_played_happened_when_it_began() {
        let now = UnixNanos(1_800_000_000 * UnixNanos::SECOND);
        let long_ago = now.saturating_sub(Duration::from_secs(3 * 3_600));
        let soon = now.saturating_add(Duration::from_secs(240));
        let told = Told { starts_at: Some(long_ago), silent_after: Some(Duration::from_secs(300)), ..Told::default() };
        for (what, told, want) in [
            ("Prometheus: until an instant to come", Told { ends_at: Some(soon), ..told.clone() }, now),
            ("Grafana: firing, and the end will be told", Told { silent_after: None, ..told.clone() }, now),
            ("resolved just now", Told { ends_at: Some(now), ..told.clone() }, now),
            ("played from a record", told.clone(), long_ago),
        ] {
            assert_eq!(happened(&Alert::read(told, now)), want, "{what}");
        }
    }
}
