//! One worker's connection: many queries share it, none can stop another's frames.
//!
//! Results flow by credit: the worker sends a batch only for a credit it holds, and a credit returns
//! when the asker takes a batch. So the channel of a query never fills, and a slow asker holds up
//! nobody but itself.

use crate::message::ViewRequest;
use crate::view::{self, Views};
use crate::wire::{Frame, FrameReader, FrameWriter, Kind};
use crate::{AuditLog, QueryEnd, QueryError, StoryAsked};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::{StreamDecoder, StreamReader};
use model::Workspace;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Batches on their way per query.
pub const CREDITS: usize = 8;
/// Frames waiting for the socket.
const OUTGOING_MAX: usize = 256;

/// What arrives for one query.
#[derive(Debug)]
pub(crate) enum Event {
    Schema(SchemaRef),
    Batch(RecordBatch),
    End(Box<QueryEnd>),
    /// The statement wants stories, and to be asked again with them.
    Wants(Vec<StoryAsked>),
    Failed(QueryError),
    /// The worker failed the query, perhaps through no fault of the query's: another may be asked.
    Lost(QueryError),
}

#[derive(Debug)]
struct Entry {
    workspace: Workspace,
    audit: AuditLog,
    events: mpsc::Sender<Event>,
    decoder: StreamDecoder,
    schema_sent: bool,
    deadline: Instant,
    timeout: Duration,
    /// When it was asked to stop: it has [`crate::Settings::kill_after`] from then.
    cancelled: Option<Instant>,
    /// Held until the worker has let go of the query, not only until the asker has.
    _place: OwnedSemaphorePermit,
}

/// A query on its way to a worker.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) query: u32,
    pub(crate) workspace: Workspace,
    pub(crate) audit: AuditLog,
    pub(crate) order: Frame,
    pub(crate) timeout: Duration,
    pub(crate) place: OwnedSemaphorePermit,
}

/// A live connection to a worker.
#[derive(Debug)]
pub struct Connection {
    outgoing: mpsc::Sender<Frame>,
    entries: Mutex<HashMap<u32, Entry>>,
    views: Arc<dyn Views>,
    closed: AtomicBool,
}

impl Connection {
    pub(crate) fn start(reader: FrameReader, writer: FrameWriter, views: Arc<dyn Views>) -> Arc<Self> {
        let (outgoing, queue) = mpsc::channel(OUTGOING_MAX);
        let connection = Arc::new(Self { outgoing, entries: Mutex::default(), views, closed: AtomicBool::new(false) });
        tokio::spawn(write(writer, queue));
        tokio::spawn(connection.clone().read(reader));
        connection
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Queries that have not ended.
    pub(crate) fn running(&self) -> usize {
        self.entries.lock().len()
    }

    /// Hands an order over; events come through the ticket.
    pub(crate) async fn submit(self: &Arc<Self>, submission: Submission) -> Result<Ticket, QueryError> {
        let Submission { query, workspace, audit, order, timeout, place } = submission;
        // Room for all credited batches and the three events that need no credit.
        let (events, receiver) = mpsc::channel(CREDITS + 3);
        let entry = Entry {
            workspace,
            audit,
            events,
            decoder: StreamDecoder::new(),
            schema_sent: false,
            deadline: Instant::now() + timeout,
            timeout,
            cancelled: None,
            _place: place,
        };
        self.entries.lock().insert(query, entry);
        let ticket = Ticket { query, connection: self.clone(), events: receiver, ended: false };
        let sent = self.outgoing.send(order).await.is_ok();
        if sent && !self.is_closed() { Ok(ticket) } else { Err(died("it had just ended")) }
    }

    /// Asks the worker to give a query up; the entry stays until the worker says so.
    fn cancel(&self, query: u32) {
        let known = self.entries.lock().get_mut(&query).map(|e| e.cancelled.get_or_insert_with(Instant::now)).is_some();
        if known {
            self.send_soon(Frame::new(Kind::Cancel, query, &b""[..]));
        }
    }

    /// Gives all queries up for `reason`; those without an answer yet may be asked again elsewhere.
    pub(crate) fn cancel_all(&self, reason: &QueryError) {
        let queries: Vec<u32> =
            self.entries.lock().iter().filter(|(_, e)| e.cancelled.is_none()).map(|(q, _)| *q).collect();
        queries.into_iter().for_each(|q| self.give_up(q, Event::Lost(reason.clone())));
    }

    fn give_up(&self, query: u32, last: Event) {
        if let Some(entry) = self.entries.lock().get(&query) {
            let _ = entry.events.try_send(last);
        }
        self.cancel(query);
    }

    /// Cancels what is past its deadline. True when a cancelled query did not yield within `kill_after`:
    /// the worker must be killed.
    pub(crate) fn enforce(&self, now: Instant, kill_after: Duration) -> bool {
        let late: Vec<(u32, Duration)> = {
            let entries = self.entries.lock();
            if entries.values().any(|e| e.cancelled.is_some_and(|at| now.duration_since(at) >= kill_after)) {
                return true;
            }
            entries
                .iter()
                .filter(|(_, e)| e.cancelled.is_none() && now >= e.deadline)
                .map(|(q, e)| (*q, e.timeout))
                .collect()
        };
        for (query, timeout) in late {
            let error = QueryError::Timeout { timeout_ms: timeout.as_millis() as u64 };
            self.give_up(query, Event::Failed(error));
        }
        false
    }

    /// A full queue means a worker that does not read; its deadline ends it.
    fn send_soon(&self, frame: Frame) {
        if let Err(mpsc::error::TrySendError::Full(frame)) = self.outgoing.try_send(frame) {
            let outgoing = self.outgoing.clone();
            tokio::spawn(async move { outgoing.send(frame).await });
        }
    }

    async fn read(self: Arc<Self>, mut reader: FrameReader) {
        let reason = loop {
            match reader.next().await {
                Ok(Some(frame)) => {
                    if let Err(reason) = self.clone().take(frame) {
                        break reason;
                    }
                }
                Ok(None) => break "it closed its connection".to_owned(),
                Err(error) => break format!("its connection broke: {error}"),
            }
        };
        self.closed.store(true, Ordering::Release);
        let entries: Vec<Entry> = self.entries.lock().drain().map(|(_, e)| e).collect();
        for entry in entries {
            let _ = entry.events.try_send(Event::Lost(died(&reason)));
        }
    }

    /// Acts on a frame of the worker; an error is a breach of the protocol and ends the connection.
    fn take(self: Arc<Self>, frame: Frame) -> Result<(), String> {
        match frame.kind {
            Kind::ViewRequest => {
                let asker = self.entries.lock().get(&frame.query).map(|e| (e.workspace.clone(), e.audit));
                if let Some((workspace, audit)) = asker {
                    tokio::spawn(self.give_view(frame, workspace, audit));
                }
                Ok(())
            }
            Kind::Rows => self.rows(&frame),
            Kind::End => {
                let end = frame.read_json::<QueryEnd>().map_err(|e| e.to_string())?;
                self.finish(frame.query, Event::End(Box::new(end)));
                Ok(())
            }
            Kind::Failure => {
                let failure = frame.read_json::<crate::message::Failure>().map_err(|e| e.to_string())?;
                let last = match failure.stories.is_empty() {
                    true => Event::Failed(failure.error),
                    false => Event::Wants(failure.stories),
                };
                self.finish(frame.query, last);
                Ok(())
            }
            other => Err(format!("it sent an unexpected {other:?} frame")),
        }
    }

    fn rows(&self, frame: &Frame) -> Result<(), String> {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(&frame.query) else { return Ok(()) };
        if !std::mem::replace(&mut entry.schema_sent, true) {
            // The decoder would tell the columns only when the first rows come, if they come.
            let schema = StreamReader::try_new(&frame.payload[..], None)
                .map_err(|e| format!("its columns do not decode: {e}"))?;
            let _ = entry.events.try_send(Event::Schema(schema.schema()));
        }
        let mut buffer = Buffer::from(frame.payload.clone());
        while !buffer.is_empty() {
            let batch = entry.decoder.decode(&mut buffer).map_err(|e| format!("its rows do not decode: {e}"))?;
            if let Some(batch) = batch {
                // A closed channel is an asker who left; its ticket has sent the cancel already.
                if let Err(mpsc::error::TrySendError::Full(_)) = entry.events.try_send(Event::Batch(batch)) {
                    return Err("it sent more batches than it had credit for".into());
                }
            }
        }
        Ok(())
    }

    fn finish(&self, query: u32, last: Event) {
        if let Some(entry) = self.entries.lock().remove(&query) {
            let _ = entry.events.try_send(last);
        }
    }

    async fn give_view(self: Arc<Self>, frame: Frame, workspace: Workspace, audit: AuditLog) {
        let query = frame.query;
        let views = self.views.clone();
        let built = tokio::task::spawn_blocking(move || {
            let request: ViewRequest = frame.read_json()?;
            let tables: Vec<_> = request.tables.iter().map(|t| t.table).collect();
            let view = view::seen(&*views, &workspace, &tables, audit);
            view::answer(query, &request, &view)
        });
        let frames = match built.await {
            Ok(Ok(frames)) => frames,
            Ok(Err(error)) => vec![view_failure(query, &error.to_string())],
            Err(error) => vec![view_failure(query, &error.to_string())],
        };
        for frame in frames {
            if self.outgoing.send(frame).await.is_err() {
                return;
            }
        }
    }
}

fn view_failure(query: u32, detail: &str) -> Frame {
    Frame::new(Kind::ViewFailure, query, detail.to_owned())
}

fn died(reason: &str) -> QueryError {
    QueryError::WorkerDied { detail: reason.to_owned() }
}

async fn write(mut writer: FrameWriter, mut queue: mpsc::Receiver<Frame>) {
    while let Some(frame) = queue.recv().await {
        if let Err(error) = writer.send(frame).await {
            tracing::debug!(%error, "query worker's socket is closed");
            return;
        }
    }
}

/// A query's place at a worker. Dropping it cancels the query.
#[derive(Debug)]
pub(crate) struct Ticket {
    query: u32,
    connection: Arc<Connection>,
    events: mpsc::Receiver<Event>,
    ended: bool,
}

impl Ticket {
    pub(crate) async fn next_event(&mut self) -> Event {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = std::task::ready!(self.events.poll_recv(cx))
            .unwrap_or_else(|| Event::Lost(died("it left the query without an answer")));
        match &event {
            Event::Batch(_) => self.connection.send_soon(Frame::new(Kind::Credit, self.query, &b""[..])),
            Event::End(_) | Event::Wants(_) | Event::Failed(_) | Event::Lost(_) => self.ended = true,
            Event::Schema(_) => {}
        }
        Poll::Ready(event)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.cancel(self.query);
        }
    }
}
