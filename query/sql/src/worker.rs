//! The worker process: one socket, many queries, each with its credit and its end.
//!
//! The socket has a thread of its own, so that a plan that does not yield cannot keep a cancel from
//! being heard. Invariant: the process ends when the socket does.

use crate::error::SqlError;
use crate::files::Files;
use crate::planners::{self, Planners};
use crate::run::{ViewSource, Workshop};
use crate::view::Arrived;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use async_trait::async_trait;
use client::connection::CREDITS;
use client::message::{Failure, Hello, Order, PROTOCOL_VERSION, Ready, ViewHead, ViewRequest};
use client::wire::{self, Frame, FrameReader, FrameWriter, Kind};
use client::{QueryEnd, QueryError};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Frames waiting for the socket, and pieces of a view waiting for a query.
const FRAMES_MAX: usize = 64;
/// Footers of parts kept between queries.
const FOOTER_CACHE_BYTES_MAX: usize = 64 << 20;

/// How a worker finds its parent.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The Unix socket that the parent listens on.
    pub socket: PathBuf,
}

/// Why a worker ended other than by its parent closing the socket.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("query worker: {0}")]
    Io(#[from] io::Error),
    #[error("query worker cannot start: {0}")]
    Start(String),
}

/// Serves queries until the parent closes the socket. Starts its own runtimes: call it from a plain `main`.
pub fn run_worker(settings: WorkerSettings) -> Result<(), WorkerError> {
    let network = Builder::new_current_thread().enable_all().build()?;
    let plans = network.block_on(serve(settings))?;
    // Whatever still runs there ends with the process.
    if let Some(plans) = plans {
        plans.shutdown_background();
    }
    Ok(())
}

async fn serve(settings: WorkerSettings) -> Result<Option<tokio::runtime::Runtime>, WorkerError> {
    let stream = UnixStream::connect(&settings.socket).await?;
    let (mut reader, mut writer) = wire::framed(stream);
    let hello: Hello = match reader.next().await? {
        Some(frame) if frame.kind == Kind::Hello => frame.read_json()?,
        _ => return Ok(None),
    };
    let workshop = open(&hello)?;
    let ready = Ready { protocol: PROTOCOL_VERSION, pid: std::process::id() };
    writer.send(Frame::json(Kind::Ready, 0, &ready)?).await?;
    let plans =
        Builder::new_multi_thread().worker_threads(hello.threads.max(1)).thread_name("plan").enable_all().build()?;
    let (outgoing, queue) = mpsc::channel(FRAMES_MAX);
    let sending = tokio::spawn(send(writer, queue));
    listen(&mut reader, workshop, plans.handle(), outgoing).await;
    sending.abort();
    Ok(Some(plans))
}

fn open(hello: &Hello) -> Result<Arc<Workshop>, WorkerError> {
    if hello.protocol != PROTOCOL_VERSION {
        return Err(WorkerError::Start(format!(
            "the parent speaks protocol {}, this program {PROTOCOL_VERSION}",
            hello.protocol
        )));
    }
    std::fs::create_dir_all(&hello.spill_dir)?;
    let start = |error: &dyn std::fmt::Display| WorkerError::Start(error.to_string());
    let files = Files::open(&hello.store, &hello.spill_dir).map_err(|e| start(&e))?;
    let runtime = runtime(hello).map_err(|e| start(&e))?;
    let workshop =
        Workshop::new(runtime, files, hello.request_id_keys.clone(), hello.threads).map_err(|e| start(&e))?;
    Ok(Arc::new(workshop))
}

fn runtime(hello: &Hello) -> datafusion::common::Result<Arc<RuntimeEnv>> {
    let mode = match hello.spill_bytes_max {
        0 => DiskManagerMode::Disabled,
        _ => DiskManagerMode::Directories(vec![hello.spill_dir.clone()]),
    };
    let disk = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(hello.spill_bytes_max);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(hello.pool_bytes_max as usize)))
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(FOOTER_CACHE_BYTES_MAX)
        .build()?;
    Ok(Arc::new(runtime))
}

async fn send(mut writer: FrameWriter, mut queue: mpsc::Receiver<Frame>) {
    while let Some(frame) = queue.recv().await {
        if writer.send(frame).await.is_err() {
            return;
        }
    }
}

/// How the socket's thread reaches a running query.
struct Reach {
    cancel: CancellationToken,
    credit: Arc<Semaphore>,
    view: mpsc::Sender<Frame>,
}

async fn listen(reader: &mut FrameReader, workshop: Arc<Workshop>, plans: &Handle, outgoing: mpsc::Sender<Frame>) {
    let mut running: HashMap<u32, Reach> = HashMap::new();
    let (ended, mut endings) = mpsc::channel::<u32>(FRAMES_MAX);
    loop {
        let frame = tokio::select! {
            frame = reader.next() => frame,
            Some(query) = endings.recv() => {
                running.remove(&query);
                continue;
            }
        };
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "query worker's socket broke");
                return;
            }
        };
        let query = frame.query;
        match frame.kind {
            Kind::Order => {
                let (view, pieces) = mpsc::channel(FRAMES_MAX);
                let reach = Reach { cancel: CancellationToken::new(), credit: Arc::new(Semaphore::new(CREDITS)), view };
                let link = Link {
                    query,
                    outgoing: outgoing.clone(),
                    credit: reach.credit.clone(),
                    pieces: Mutex::new(pieces),
                };
                plans.spawn(answer(workshop.clone(), frame, link, reach.cancel.clone(), ended.clone()));
                running.insert(query, reach);
            }
            Kind::Cancel => {
                if let Some(reach) = running.get(&query) {
                    reach.cancel.cancel();
                }
            }
            Kind::Credit => {
                if let Some(reach) = running.get(&query) {
                    reach.credit.add_permits(1);
                }
            }
            Kind::ViewHead | Kind::ViewChunk | Kind::ViewEnd | Kind::ViewFailure => {
                // A query that waits for its view reads it at once; one that has ended lets it fall.
                if let Some(reach) = running.get(&query) {
                    let _ = reach.view.send(frame).await;
                }
            }
            other => {
                tracing::warn!(?other, "unexpected frame from the parent");
                return;
            }
        }
    }
}

/// Runs one query to its end, whatever that is, and says it.
async fn answer(
    workshop: Arc<Workshop>,
    order: Frame,
    link: Link,
    cancel: CancellationToken,
    ended: mpsc::Sender<u32>,
) {
    let query = order.query;
    let outgoing = link.outgoing.clone();
    let last = match order.read_json::<Order>() {
        Ok(order) => until_stopped(workshop, order, link, cancel).await,
        Err(error) => Err(QueryError::internal(error.to_string()).into()),
    };
    let frame = match last {
        Ok(end) => Frame::json(Kind::End, query, &end),
        Err(failure) => Frame::json(Kind::Failure, query, &failure),
    };
    if let Ok(frame) = frame {
        let _ = outgoing.send(frame).await;
    }
    let _ = ended.send(query).await;
}

/// A query that is told to stop counts as running until it has: the parent kills a worker in which it does not.
async fn until_stopped(
    workshop: Arc<Workshop>,
    order: Order,
    link: Link,
    cancel: CancellationToken,
) -> Result<QueryEnd, Failure> {
    let timeout = Duration::from_millis(order.timeout_ms);
    let planners = Planners::default();
    let mut work = tokio::spawn(query_to_end(workshop, order, link, planners.clone()));
    let stopped = tokio::select! {
        done = &mut work => {
            let panicked = |panic| Err(QueryError::internal(format!("the query panicked: {panic}")).into());
            return done.unwrap_or_else(panicked);
        }
        () = cancel.cancelled() => QueryError::internal("the query was cancelled"),
        () = tokio::time::sleep(timeout) => QueryError::Timeout { timeout_ms: timeout.as_millis() as u64 },
    };
    work.abort();
    let _ = work.await;
    planners.ended().await;
    Err(stopped.into())
}

async fn query_to_end(
    workshop: Arc<Workshop>,
    order: Order,
    link: Link,
    of_query: Planners,
) -> Result<QueryEnd, Failure> {
    let (started, cpu) = (Instant::now(), planners::living_cpu());
    let rows = stream(&workshop, order, &link, &of_query).await;
    let mut end = rows.map_err(|error| error.to_failure())?;
    end.statistics.elapsed_ns = started.elapsed().as_nanos() as u64;
    let cpu = planners::living_cpu().saturating_sub(cpu) + of_query.cpu();
    end.statistics.cpu_ns = cpu.as_nanos() as u64;
    Ok(end)
}

async fn stream(
    workshop: &Arc<Workshop>,
    order: Order,
    link: &Link,
    planners: &Planners,
) -> Result<QueryEnd, SqlError> {
    let mut running = workshop.start(order, link, planners).await?;
    let mut encoder = Encoder::new(&running.schema())?;
    link.send(Kind::Rows, encoder.take()).await?;
    while let Some(batch) = running.next().await {
        let batch = batch?;
        for at in (0..batch.num_rows()).step_by(crate::output::BATCH_ROWS) {
            let rows = batch.slice(at, crate::output::BATCH_ROWS.min(batch.num_rows() - at));
            let credit = link.credit.acquire().await.map_err(|e| SqlError::Internal(e.to_string()))?;
            credit.forget();
            encoder.write(&rows)?;
            link.send(Kind::Rows, encoder.take()).await?;
        }
    }
    Ok(running.end())
}

/// An Arrow IPC stream in pieces, one per frame.
struct Encoder(StreamWriter<Vec<u8>>);

impl Encoder {
    fn new(schema: &SchemaRef) -> Result<Self, SqlError> {
        Ok(Self(StreamWriter::try_new(Vec::new(), schema).map_err(internal)?))
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), SqlError> {
        self.0.write(rows).map_err(internal)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.0.get_mut())
    }
}

fn internal(error: impl std::fmt::Display) -> SqlError {
    SqlError::Internal(error.to_string())
}

/// A query's way to the parent.
struct Link {
    query: u32,
    outgoing: mpsc::Sender<Frame>,
    credit: Arc<Semaphore>,
    pieces: Mutex<mpsc::Receiver<Frame>>,
}

impl Link {
    async fn send(&self, kind: Kind, payload: Vec<u8>) -> Result<(), SqlError> {
        let frame = Frame::new(kind, self.query, payload);
        self.outgoing.send(frame).await.map_err(|_| SqlError::Internal("the parent is gone".into()))
    }
}

#[async_trait]
impl ViewSource for Link {
    async fn view(&self, request: ViewRequest) -> io::Result<(ViewHead, Vec<Arrived>)> {
        let gone = || io::Error::other("the parent is gone");
        let question = Frame::json(Kind::ViewRequest, self.query, &request)?;
        self.outgoing.send(question).await.map_err(|_| gone())?;
        let (mut head, mut chunks) = (None, Vec::new());
        let mut pieces = self.pieces.lock().await;
        loop {
            let piece = pieces.recv().await.ok_or_else(gone)?;
            match piece.kind {
                Kind::ViewHead => head = Some(piece.read_json()?),
                Kind::ViewChunk => {
                    let (chunk, ipc) = piece.read_json_and_bytes()?;
                    chunks.push(Arrived::read(chunk, &ipc)?);
                }
                Kind::ViewEnd => {
                    return head.map(|head| (head, chunks)).ok_or_else(|| io::Error::other("a view without a head"));
                }
                _ => return Err(io::Error::other(String::from_utf8_lossy(&piece.payload).into_owned())),
            }
        }
    }
}
