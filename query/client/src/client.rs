//! The handle: admits a query, finds it a worker, repeats it once if the worker dies before it answered.

use crate::connection::{Event, Submission, Ticket};
use crate::message::Order;
use crate::process::{Ends, Worker};
use crate::view::Views;
use crate::wire::{Frame, Kind};
use crate::{Lane, QueryError, QueryRequest, QueryStream, STORIES_MAX, Settings, Stories, Story, StoryAsked};
use arrow::datatypes::SchemaRef;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Counters since start, for `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientStats {
    pub queries: u64,
    pub failed: u64,
    pub refused_busy: u64,
    pub repeated: u64,
    pub workers_started: u64,
    pub workers_killed_late: u64,
    pub workers_killed_memory: u64,
    pub workers_died: u64,
    pub workers_idled: u64,
    /// Now.
    pub running: u64,
    pub waiting: u64,
    pub resident_bytes: u64,
}

/// One place for a worker process, empty until needed.
#[derive(Debug, Default)]
struct Slot {
    worker: Mutex<Option<Arc<Worker>>>,
}

/// The workers that one lane may use, and the places in them.
#[derive(Debug)]
struct Pool {
    slots: Vec<Arc<Slot>>,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Pool {
    fn new(workers: usize, queries_per_worker: usize) -> Self {
        let slots = (0..workers).map(|_| Arc::default()).collect();
        Self {
            slots,
            places: Arc::new(Semaphore::new(workers * queries_per_worker.max(1))),
            waiting: AtomicUsize::new(0),
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    queries: AtomicU64,
    failed: AtomicU64,
    busy: AtomicU64,
    repeated: AtomicU64,
}

/// How the rest of the product asks questions in SQL.
#[derive(Debug)]
pub struct QueryClient {
    settings: Settings,
    views: Arc<dyn Views>,
    people: Pool,
    rules: Option<Pool>,
    next_query: AtomicU32,
    next_worker: AtomicU64,
    ends: Arc<Ends>,
    counters: Counters,
    stories: RwLock<Option<Arc<dyn Stories>>>,
}

impl QueryClient {
    /// Starts nothing: the first query starts the first worker.
    pub fn new(settings: Settings, views: Arc<dyn Views>) -> Self {
        let reserved = usize::from(settings.workers_max >= 2);
        let workers = settings.workers_max.max(1) - reserved;
        Self {
            people: Pool::new(workers, settings.queries_per_worker_max),
            rules: (reserved == 1).then(|| Pool::new(1, settings.queries_per_worker_max)),
            settings,
            views,
            next_query: AtomicU32::new(1),
            next_worker: AtomicU64::new(1),
            ends: Arc::default(),
            counters: Counters::default(),
            stories: RwLock::default(),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Runs a query; returns when its columns are known. The stream gives the rest.
    pub async fn query(&self, request: QueryRequest) -> Result<QueryStream, QueryError> {
        self.counters.queries.fetch_add(1, Ordering::Relaxed);
        let answer = self.run(&request).await;
        if answer.is_err() {
            self.counters.failed.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    async fn run(&self, request: &QueryRequest) -> Result<QueryStream, QueryError> {
        self.check(request)?;
        let timeout = request.timeout.unwrap_or(self.settings.timeout_default);
        let started = Instant::now();
        match self.asked(request, &[], timeout).await {
            Err(Ended::Wants(asked)) => {
                let left = || timeout.saturating_sub(started.elapsed());
                let late = |_| QueryError::Timeout { timeout_ms: timeout.as_millis() as u64 };
                let stories = tokio::time::timeout(left(), self.told(request, asked)).await.map_err(late)??;
                self.asked(request, &stories, left()).await.map_err(Ended::into_error)
            }
            other => other.map_err(Ended::into_error),
        }
    }

    /// Asks a worker, and once another where it ended under the query.
    async fn asked(&self, request: &QueryRequest, stories: &[Story], timeout: Duration) -> Result<QueryStream, Ended> {
        let started = Instant::now();
        match self.attempt(request, stories, timeout).await {
            Err(Ended::Lost(error)) => {
                let left = timeout.saturating_sub(started.elapsed());
                if left.is_zero() {
                    return Err(Ended::Failed(error));
                }
                tracing::info!(%error, "a query worker failed a query, which is asked once more");
                self.counters.repeated.fetch_add(1, Ordering::Relaxed);
                self.attempt(request, stories, left).await
            }
            other => other,
        }
    }

    /// The stories that a statement wants, one after the other.
    async fn told(&self, request: &QueryRequest, asked: Vec<StoryAsked>) -> Result<Vec<Story>, QueryError> {
        let Some(teller) = self.stories.read().clone() else {
            return Err(QueryError::unavailable("nobody tells stories here: operation_timeline cannot be read"));
        };
        let mut stories = Vec::new();
        for asked in asked.into_iter().take(STORIES_MAX) {
            stories.push(teller.tell(request.workspace.clone(), request.audit, asked).await?);
        }
        Ok(stories)
    }

    /// From now on stories are told by `teller`.
    pub fn stories_from(&self, teller: Arc<dyn Stories>) {
        *self.stories.write() = Some(teller);
    }

    fn check(&self, request: &QueryRequest) -> Result<(), QueryError> {
        let (bytes, max) = (request.sql.len(), self.settings.sql_bytes_max);
        if bytes > max {
            return Err(QueryError::too_large(format!("the SQL text has {bytes} bytes; at most {max} are allowed")));
        }
        if request.sql.trim().is_empty() {
            return Err(QueryError::invalid("the SQL text is empty; try SELECT count(*) FROM spans"));
        }
        if let Some(timeout) = request.timeout
            && (timeout > self.settings.timeout_max || timeout.is_zero())
        {
            let max = self.settings.timeout_max.as_millis();
            return Err(QueryError::invalid(format!("timeout_ms is {}; it must be 1 to {max}", timeout.as_millis())));
        }
        Ok(())
    }

    async fn attempt(
        &self,
        request: &QueryRequest,
        stories: &[Story],
        timeout: Duration,
    ) -> Result<QueryStream, Ended> {
        let pool = match (&self.rules, request.lane) {
            (Some(rules), Lane::Rules) => rules,
            _ => &self.people,
        };
        let place = self.place(pool, timeout).await?;
        let worker = self.worker(pool).await?;
        let promoted = self.views.view(&request.workspace, &[]).promoted;
        let order = Order {
            workspace: request.workspace.as_str().to_owned(),
            sql: request.sql.clone(),
            rows_max: request.limit_rows.unwrap_or(u64::MAX).min(self.settings.rows_max),
            bytes_max: self.settings.bytes_max,
            timeout_ms: timeout.as_millis() as u64,
            promoted: promoted.as_ref().clone(),
            stories: stories.to_vec(),
        };
        let query = self.next_query.fetch_add(1, Ordering::Relaxed).max(1);
        let order = Frame::json(Kind::Order, query, &order).map_err(|e| QueryError::internal(e.to_string()))?;
        let submission =
            Submission { query, workspace: request.workspace.clone(), audit: request.audit, order, timeout, place };
        let mut ticket = worker.connection.submit(submission).await.map_err(Ended::Lost)?;
        let schema = first_event(&mut ticket).await?;
        Ok(QueryStream::new(schema, ticket))
    }

    /// Waits in line; the line has an end.
    async fn place(&self, pool: &Pool, timeout: Duration) -> Result<OwnedSemaphorePermit, QueryError> {
        if let Ok(place) = pool.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let waiting = Waiting::enter(&pool.waiting);
        let refused = if waiting.ahead >= self.settings.waiting_max {
            format!("{} queries are waiting already; try again in a second", waiting.ahead)
        } else {
            match tokio::time::timeout(timeout, pool.places.clone().acquire_owned()).await {
                Ok(Ok(place)) => return Ok(place),
                Ok(Err(_)) => "queries are shut down".to_owned(),
                Err(_) => format!("no place became free within {} ms; try again", timeout.as_millis()),
            }
        };
        self.counters.busy.fetch_add(1, Ordering::Relaxed);
        Err(QueryError::Busy { detail: refused })
    }

    /// The least busy worker, started if the slot is empty. Slots beyond the first start only when the
    /// others are in use.
    async fn worker(&self, pool: &Pool) -> Result<Arc<Worker>, QueryError> {
        let mut best: Option<(usize, &Arc<Slot>)> = None;
        for slot in &pool.slots {
            let running =
                slot.worker.try_lock().map_or(usize::MAX, |w| w.as_ref().map_or(0, |w| w.connection.running()));
            if best.is_none_or(|(least, _)| running < least) {
                best = Some((running, slot));
            }
        }
        let Some((_, slot)) = best else { return Err(QueryError::internal("no worker slot")) };
        let mut worker = slot.worker.lock().await;
        if let Some(worker) = worker.as_ref().filter(|w| w.is_usable()) {
            return Ok(worker.clone());
        }
        let number = self.next_worker.fetch_add(1, Ordering::Relaxed);
        let started = Worker::start(&self.settings, number, self.views.clone(), self.ends.clone()).await?;
        *worker = Some(started.clone());
        Ok(started)
    }

    pub fn stats(&self) -> ClientStats {
        let pools = || [Some(&self.people), self.rules.as_ref()].into_iter().flatten();
        let slots = || pools().flat_map(|p| &p.slots).filter_map(|s| s.worker.try_lock().ok()?.clone());
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClientStats {
            queries: get(&self.counters.queries),
            failed: get(&self.counters.failed),
            refused_busy: get(&self.counters.busy),
            repeated: get(&self.counters.repeated),
            workers_started: get(&self.ends.started),
            workers_killed_late: get(&self.ends.killed_late),
            workers_killed_memory: get(&self.ends.killed_memory),
            workers_died: get(&self.ends.died),
            workers_idled: get(&self.ends.idle),
            running: slots().map(|w| w.connection.running() as u64).sum(),
            waiting: pools().map(|p| p.waiting.load(Ordering::Relaxed) as u64).sum(),
            resident_bytes: slots().map(|w| w.resident_bytes()).sum(),
        }
    }

    /// Stops all workers; their queries end with an error. Lets go of who tells stories, who may hold this.
    pub async fn shutdown(&self) {
        self.stories.write().take();
        for pool in [Some(&self.people), self.rules.as_ref()].into_iter().flatten() {
            pool.places.close();
            for slot in &pool.slots {
                slot.worker.lock().await.take();
            }
        }
    }
}

/// The columns, which come first, or what went wrong before them.
async fn first_event(ticket: &mut Ticket) -> Result<SchemaRef, Ended> {
    match ticket.next_event().await {
        Event::Schema(schema) => Ok(schema),
        Event::Wants(stories) => Err(Ended::Wants(stories)),
        Event::Failed(error) => Err(Ended::Failed(error)),
        Event::Lost(error) => Err(Ended::Lost(error)),
        Event::Batch(_) | Event::End(_) => {
            Err(Ended::Failed(QueryError::internal("the worker sent rows before their columns")))
        }
    }
}

/// An attempt without an answer.
#[derive(Debug)]
enum Ended {
    Failed(QueryError),
    /// The statement wants stories first.
    Wants(Vec<StoryAsked>),
    /// Perhaps through no fault of the query's.
    Lost(QueryError),
}

impl Ended {
    fn into_error(self) -> QueryError {
        match self {
            Self::Failed(error) | Self::Lost(error) => error,
            Self::Wants(_) => QueryError::internal("the worker asked for stories that it was given"),
        }
    }
}

impl From<QueryError> for Ended {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

/// One more in the line, for as long as it waits.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    ahead: usize,
}

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        Self { count, ahead: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
