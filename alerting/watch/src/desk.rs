//! One workspace's watch: what it holds, what it asks with, and how it comes back after a restart.

use crate::arrivals::Arrivals;
use crate::ask::Questioner;
use crate::clock::EventClock;
use crate::impact::Impact;
use crate::judge::{Judge, Origin};
use crate::office::Office;
use crate::{Settings, docs};
use api::{Api, Asker, Problem};
use cause::alerts::Ranker;
use incident::{Alert, Archived, Book, FollowUp, IncidentId};
use metastore::{Metastore, MetastoreError};
use model::{UnixNanos, Workspace};
use notify::{Config, Policy, Silence, Silences};
use notify::{DocumentKind, LedgerRow, Outbox};
use rules::Rule;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{Mutex, Notify, RwLock};

/// Most documents of one kind that are read at start.
const DOCUMENTS_MAX: u32 = 1_000_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) asker: Asker,
    pub(crate) ask: Questioner,
    pub(crate) api: Api,
    pub(crate) metastore: Metastore,
    pub(crate) office: RwLock<Office>,
    pub(crate) judge: Mutex<Judge>,
    pub(crate) pace: Mutex<Pace>,
    /// The event clock, for those who act between rounds.
    pub(crate) judged_until: parking_lot::Mutex<Option<UnixNanos>>,
    /// Event time that is in and not judged yet.
    pub(crate) behind: parking_lot::Mutex<std::time::Duration>,
    /// Whom each incident has hurt, as counted when it was judged last.
    pub(crate) impacts: RwLock<HashMap<IncidentId, Impact>>,
    /// Latest revision of each incident's message.
    revisions: parking_lot::Mutex<HashMap<IncidentId, u64>>,
    /// Wall time at which a round ended last; that of the opening before the first one.
    round_ended: AtomicI64,
    /// What [`Desk::figures`] said last.
    figures: parking_lot::Mutex<[u64; 5]>,
    /// Woken when something came that should not wait for the next step.
    pub(crate) wake: Notify,
    /// Woken when the outbox was given something to send.
    pub(crate) told: Notify,
}

/// How far the loop has come.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) clock: EventClock,
    pub(crate) arrivals: Arrivals,
    pub(crate) ranker: Ranker,
    /// The estate as it was surveyed last.
    pub(crate) estate: incident::Estate,
    /// Numbers of arrival of alerts below this have been looked at.
    pub(crate) heard: u64,
    pub(crate) scanned: UnixNanos,
    /// What the last scans have found, too faint to be told by itself; a restart begins anew.
    pub(crate) suspicion: cause::Suspicion,
    pub(crate) surveyed: UnixNanos,
}

/// State that cannot be read again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    #[error(transparent)]
    Metastore(#[from] MetastoreError),
    #[error("stored {kind} {key:?} cannot be read: {why}")]
    Stored { kind: &'static str, key: String, why: String },
}

impl Desk {
    /// Takes up the work where it was left.
    pub(crate) async fn open(
        api: Api,
        metastore: Metastore,
        workspace: Workspace,
        settings: Arc<Settings>,
        own_rules: &[(Rule, Origin)],
    ) -> Result<Self, DeskError> {
        let stored = Stored { metastore: &metastore, workspace: &workspace };
        let of_incidents = incident::Settings { keep_firing: settings.keep_firing, ..incident::Settings::default() };
        let now = api.clock.now();
        let clock: EventClock = stored.all(docs::CLOCK).await?.pop().unwrap_or_default();
        let silences: Vec<Silence> = stored.all(docs::SILENCE).await?;
        let mut office = Office::new(
            stored.book(of_incidents, clock.judged.unwrap_or(now)).await?,
            stored.outbox(now).await?,
            Silences::new(silences),
            stored.policy().await?,
        );
        for (key, alert) in stored.keyed::<Alert>(docs::INBOX).await? {
            office.restore_inbox(key.parse().unwrap_or_default(), alert);
        }
        let mut rows: Vec<LedgerRow> = stored.all(docs::LEDGER).await?;
        rows.sort_by_key(|row| row.planned_at);
        rows.into_iter().for_each(|row| office.restore_ledger(row));
        for archived in stored.all::<Archived>(docs::ARCHIVE).await? {
            office.remember(archived.incident);
        }
        for (key, follow_ups) in stored.keyed::<Vec<FollowUp>>(docs::FOLLOW_UPS).await? {
            if let Some(id) = IncidentId::read(&key) {
                office.follow_ups.restore(id, follow_ups);
            }
        }
        let judge = stored.judge(own_rules).await?;
        let pace = Pace {
            clock,
            arrivals: Arrivals::default(),
            ranker: stored.ranker().await?,
            estate: incident::Estate::default(),
            heard: 0,
            scanned: UnixNanos(0),
            suspicion: cause::Suspicion::default(),
            surveyed: UnixNanos(0),
        };
        Ok(Self {
            asker: Asker { workspace: workspace.clone(), token: None, audit: client::AuditLog::Hidden },
            ask: Questioner::new(Arc::clone(&api.client), workspace, settings),
            api,
            metastore,
            office: RwLock::new(office),
            judge: Mutex::new(judge),
            judged_until: parking_lot::Mutex::new(clock.judged),
            behind: parking_lot::Mutex::default(),
            pace: Mutex::new(pace),
            impacts: RwLock::default(),
            revisions: parking_lot::Mutex::default(),
            round_ended: AtomicI64::new(now.0),
            figures: parking_lot::Mutex::default(),
            wake: Notify::new(),
            told: Notify::new(),
        })
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.asker.workspace
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> UnixNanos {
        self.api.clock.now()
    }

    /// The workspace's event time: what has been judged, or the wall clock where nothing has.
    pub(crate) fn event_now(&self) -> UnixNanos {
        self.judged_until.lock().unwrap_or_else(|| self.now())
    }

    /// A number that rises with every telling of an incident, over restarts too.
    pub(crate) fn revision(&self, id: IncidentId) -> u64 {
        let mut revisions = self.revisions.lock();
        let known = revisions.entry(id).or_default();
        *known = (*known + 1).max(u64::try_from(self.now().0).unwrap_or_default());
        *known
    }

    /// How long to rest until the next round.
    pub(crate) async fn rest(&self) -> std::time::Duration {
        self.pace.lock().await.clock.wait(self.now(), self.ask.settings())
    }

    pub(crate) fn round_ended(&self) -> UnixNanos {
        UnixNanos(self.round_ended.load(Ordering::Relaxed))
    }

    /// Notes that a round has ended now.
    pub(crate) fn end_round(&self) {
        self.round_ended.store(self.now().0, Ordering::Relaxed);
    }

    /// Alerts heard, incidents opened, alerts that wait, messages that wait, messages that are dead. While the office
    /// is at work they are those of the last look: a counter never goes back.
    pub(crate) fn figures(&self) -> [u64; 5] {
        let mut figures = self.figures.lock();
        if let Ok(office) = self.office.try_read() {
            let (counters, outbox) = (office.book.counters(), office.outbox.figures(self.now()));
            let waiting = office.waiting_alerts() as u64;
            *figures = [counters.heard, counters.opened, waiting, outbox.waiting as u64, outbox.dead as u64];
        }
        *figures
    }

    /// Stores what an office holds, for a caller that answers somebody.
    pub(crate) async fn store(&self, office: &mut Office) -> Result<(), Problem> {
        let stored = office.commit(&self.metastore, self.workspace(), self.now()).await;
        stored.map_err(|error| Problem::unavailable(format!("it cannot be stored now: {error}")))
    }
}

/// Reads what was stored of a workspace.
struct Stored<'a> {
    metastore: &'a Metastore,
    workspace: &'a Workspace,
}

impl Stored<'_> {
    async fn texts(&self, kind: &'static str) -> Result<Vec<(String, String)>, DeskError> {
        let documents = self.metastore.documents(kind, DOCUMENTS_MAX).list(self.workspace).await?;
        Ok(documents.into_iter().map(|document| (document.key, document.json)).collect())
    }

    async fn keyed<T: DeserializeOwned>(&self, kind: &'static str) -> Result<Vec<(String, T)>, DeskError> {
        let read = |(key, json): (String, String)| match serde_json::from_str(&json) {
            Ok(value) => Ok((key, value)),
            Err(error) => Err(DeskError::Stored { kind, key, why: error.to_string() }),
        };
        self.texts(kind).await?.into_iter().map(read).collect()
    }

    async fn all<T: DeserializeOwned>(&self, kind: &'static str) -> Result<Vec<T>, DeskError> {
        Ok(self.keyed(kind).await?.into_iter().map(|(_, value)| value).collect())
    }

    async fn book(&self, settings: incident::Settings, at: UnixNanos) -> Result<Book, DeskError> {
        let mut documents = Vec::new();
        for kind in docs::BOOK {
            documents.extend(self.keyed::<Value>(kind).await?.into_iter().map(|(key, value)| (kind, key, value)));
        }
        let documents = documents.iter().map(|(kind, key, value)| (*kind, key.as_str(), value.clone()));
        let restored = Book::restore(settings, documents, at);
        restored.map_err(|error| DeskError::Stored { kind: "incidents", key: String::new(), why: error.to_string() })
    }

    async fn outbox(&self, now: UnixNanos) -> Result<Outbox, DeskError> {
        let mut documents = Vec::new();
        for kind in DocumentKind::ALL {
            let keyed = self.keyed::<Value>(kind.as_str()).await?;
            documents.extend(keyed.into_iter().map(|(key, value)| (kind, key, value)));
        }
        let restored = Outbox::restore(notify::Settings::default(), documents, now);
        restored.map_err(|error| DeskError::Stored { kind: "messages", key: String::new(), why: error.to_string() })
    }

    async fn policy(&self) -> Result<Policy, DeskError> {
        let unreadable = |error: notify::Error| DeskError::Stored {
            kind: docs::CONFIG,
            key: docs::ALONE.into(),
            why: error.to_string(),
        };
        match self.texts(docs::CONFIG).await?.pop() {
            Some((_, json)) => Policy::read(&json).map_err(unreadable),
            None => Policy::check(Config::default()).map_err(unreadable),
        }
    }

    async fn ranker(&self) -> Result<Ranker, DeskError> {
        let mut documents = Vec::new();
        for kind in docs::OF_RANKER {
            documents.extend(self.texts(kind).await?.into_iter().map(|(key, json)| (kind, key, json)));
        }
        let (ranker, unreadable) =
            Ranker::restore(documents.iter().map(|(kind, key, json)| (*kind, key.as_str(), json.as_str())));
        if unreadable > 0 {
            tracing::error!(unreadable, "documents of what usually fires cannot be read: it is learnt again");
        }
        Ok(ranker)
    }

    async fn judge(&self, own_rules: &[(Rule, Origin)]) -> Result<Judge, DeskError> {
        let written = self.texts(docs::RULE).await?;
        let mut states = Vec::new();
        for kind in docs::OF_RULES {
            states.extend(self.texts(kind).await?.into_iter().map(|(_, json)| (kind, json)));
        }
        Ok(Judge::new(own_rules, written, &states))
    }
}
