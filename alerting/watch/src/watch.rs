//! The watch over all workspaces: a desk for each, one task that goes its rounds, one that delivers.

use crate::desk::{Desk, DeskError};
use crate::judge::Origin;
use crate::office::Office;
use crate::{Settings, deliver, watchman};
use api::{Api, Problem};
use engine::{Kind, Metric};
use metastore::Metastore;
use model::{UnixNanos, Workspace};
use parking_lot::Mutex;
use rules::Rule;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tables::TableId;
use tokio::sync::RwLock;
use tokio::task::AbortHandle;

/// Most workspaces that are watched.
const WORKSPACES_MAX: usize = 1_000;

/// A handle; cheap to clone.
#[derive(Clone, Debug)]
pub struct Watch {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    api: Api,
    metastore: Metastore,
    settings: Arc<Settings>,
    own_rules: Vec<(Rule, Origin)>,
    desks: RwLock<HashMap<Workspace, Arc<Desk>>>,
    rounds: AtomicU64,
    /// Rounds under way.
    running: AtomicU64,
    started: UnixNanos,
    /// The tasks of all desks, and whether they have been told to end.
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    running: Vec<AbortHandle>,
    ended: bool,
}

/// Why the watch cannot begin: the operator's turn.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("{file}: {what}")]
    Rules { file: String, what: String },
}

impl Watch {
    /// A watch that does not run yet. Reads the files of rules that the settings name.
    ///
    /// # Errors
    /// All that is wrong with a file of rules.
    pub fn new(api: Api, metastore: Metastore, settings: Settings) -> Result<Self, WatchError> {
        let mut own_rules: Vec<(Rule, Origin)> =
            rules::pack::rules().into_iter().map(|rule| (rule, Origin::Pack)).collect();
        for file in &settings.rules_files {
            let named = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| WatchError::Rules { file: named.clone(), what: error.to_string() })?;
            let read = rules::read_yaml(&text);
            if !read.is_good() {
                let what = read.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                return Err(WatchError::Rules { file: named, what });
            }
            own_rules.extend(read.rules.into_iter().map(|rule| (rule, Origin::File)));
        }
        let settings = Arc::new(settings);
        let started = api.clock.now();
        let inner = Inner {
            api,
            metastore,
            settings,
            own_rules,
            desks: RwLock::default(),
            rounds: AtomicU64::new(0),
            running: AtomicU64::new(0),
            started,
            tasks: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn api(&self) -> &Api {
        &self.inner.api
    }

    pub(crate) fn started(&self) -> UnixNanos {
        self.inner.started
    }

    /// The desk of a workspace, opened when it is asked for first.
    pub(crate) async fn desk(&self, workspace: &Workspace) -> Result<Arc<Desk>, Problem> {
        if let Some(desk) = self.inner.desks.read().await.get(workspace) {
            return Ok(Arc::clone(desk));
        }
        let mut desks = self.inner.desks.write().await;
        if let Some(desk) = desks.get(workspace) {
            return Ok(Arc::clone(desk));
        }
        if desks.len() >= WORKSPACES_MAX {
            return Err(Problem::unavailable(format!("{WORKSPACES_MAX} workspaces are watched, and that is the most")));
        }
        let opened = self.open(workspace).await;
        let desk = Arc::new(opened.map_err(|error| Problem::unavailable(error.to_string()))?);
        desks.insert(workspace.clone(), Arc::clone(&desk));
        if self.inner.settings.enabled {
            self.keep(tokio::spawn(go_rounds(Arc::clone(&desk), self.clone())).abort_handle());
            self.keep(tokio::spawn(deliver::run(Arc::clone(&desk))).abort_handle());
            self.keep(tokio::spawn(watchman::run(Arc::clone(&desk))).abort_handle());
        }
        Ok(desk)
    }

    fn keep(&self, task: AbortHandle) {
        let mut tasks = self.inner.tasks.lock();
        if tasks.ended {
            task.abort();
        }
        tasks.running.push(task);
    }

    /// Ends all rounds and deliveries. What they were about is taken up at the next start: state is stored
    /// before it is acted on, and a message under way is in doubt, as after a crash.
    pub fn stop(&self) {
        let mut tasks = self.inner.tasks.lock();
        tasks.ended = true;
        tasks.running.drain(..).for_each(|task| task.abort());
    }

    async fn open(&self, workspace: &Workspace) -> Result<Desk, DeskError> {
        let Inner { api, metastore, settings, own_rules, .. } = &*self.inner;
        Desk::open(api.clone(), metastore.clone(), workspace.clone(), Arc::clone(settings), own_rules).await
    }

    /// Opens desks for workspaces that have anything to watch, for as long as the server runs.
    pub async fn run(self) {
        loop {
            let mut workspaces = self.inner.metastore.workspaces_with("incident").await.unwrap_or_default();
            for table in [TableId::Spans, TableId::Logs, TableId::Metrics] {
                workspaces.extend(self.inner.api.engine.workspaces(table));
            }
            workspaces.push(Workspace::default());
            workspaces.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            workspaces.dedup();
            for workspace in &workspaces {
                if let Err(problem) = self.desk(workspace).await {
                    tracing::error!(workspace = workspace.as_str(), ?problem, "a workspace cannot be watched");
                }
            }
            tokio::time::sleep(self.inner.settings.step).await;
        }
    }

    /// Looks at what a workspace's office holds, where it has one. Waits for whoever writes to it: to be called
    /// on a thread that may wait.
    pub(crate) fn look<T>(&self, workspace: &Workspace, look: impl FnOnce(&Office) -> T) -> Option<T> {
        let desk = Arc::clone(self.inner.desks.blocking_read().get(workspace)?);
        let office = desk.office.blocking_read();
        Some(look(&office))
    }

    /// Figures of the loop and of what it holds.
    pub fn metrics(&self) -> Vec<Metric> {
        let metric = |kind, name, help, value: u64| Metric { name, help, kind, labels: vec![], value: value as f64 };
        let mut sums = [0_u64; 5];
        let mut behind = std::time::Duration::ZERO;
        if let Ok(desks) = self.inner.desks.try_read() {
            for desk in desks.values() {
                behind = behind.max(*desk.behind.lock());
                sums.iter_mut().zip(desk.figures()).for_each(|(sum, part)| *sum += part);
            }
        }
        let [heard, opened, waiting, messages, dead] = sums;
        vec![
            metric(
                Kind::Counter,
                "stormglass_watch_rounds_total",
                "Rounds in which something was judged.",
                self.inner.rounds.load(Ordering::Relaxed),
            ),
            metric(
                Kind::Gauge,
                "stormglass_watch_rounds_running",
                "Rounds under way.",
                self.inner.running.load(Ordering::Relaxed),
            ),
            metric(
                Kind::Gauge,
                "stormglass_watch_behind_seconds",
                "Event time that is in and not judged yet, of the workspace that is furthest behind.",
                behind.as_secs_f64().ceil() as u64,
            ),
            metric(Kind::Counter, "stormglass_watch_alerts_total", "Alerts heard, repeats included.", heard),
            metric(Kind::Counter, "stormglass_watch_incidents_total", "Incidents opened.", opened),
            metric(Kind::Gauge, "stormglass_watch_inbox_alerts", "Alerts acknowledged and not taken in yet.", waiting),
            metric(Kind::Gauge, "stormglass_watch_messages_waiting", "Messages on their way.", messages),
            metric(Kind::Gauge, "stormglass_watch_messages_dead", "Messages that nobody could be told.", dead),
        ]
    }
}

/// Goes a desk's rounds as instants fall due, sooner when something came that should not wait.
async fn go_rounds(desk: Arc<Desk>, watch: Watch) {
    loop {
        watch.inner.running.fetch_add(1, Ordering::Relaxed);
        if desk.round().await {
            watch.inner.rounds.fetch_add(1, Ordering::Relaxed);
        }
        desk.end_round();
        watch.inner.running.fetch_sub(1, Ordering::Relaxed);
        let rest = desk.rest().await;
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = desk.wake.notified() => {}
        }
    }
}
