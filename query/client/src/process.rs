//! A worker process: started, greeted, watched, stopped.

use crate::connection::Connection;
use crate::message::{Hello, PROTOCOL_VERSION, Ready};
use crate::view::Views;
use crate::wire::{self, Frame, Kind};
use crate::{QueryError, Settings};
use parking_lot::Mutex;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UnixListener;
use tokio::process::{Child, Command};

/// How often a busy worker's clock and memory are looked at.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// What a worker over its memory gets to shrink once its queries are cancelled.
const SHRINK_WITHIN: Duration = Duration::from_secs(1);

/// Why a worker was stopped, counted.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(crate) started: AtomicU64,
    pub(crate) killed_late: AtomicU64,
    pub(crate) killed_memory: AtomicU64,
    pub(crate) died: AtomicU64,
    pub(crate) idle: AtomicU64,
}

/// A running worker. Its process ends when this is dropped, or when its socket closes.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) connection: Arc<Connection>,
    pid: u32,
    /// Set when it shall get no further queries.
    retired: AtomicBool,
    stop: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
}

impl Worker {
    /// Starts the process and shakes hands.
    pub(crate) async fn start(
        settings: &Settings,
        number: u64,
        views: Arc<dyn Views>,
        ends: Arc<Ends>,
    ) -> Result<Arc<Self>, QueryError> {
        let starting = start_process(settings, number, views, ends);
        match tokio::time::timeout(settings.start_timeout, starting).await {
            Ok(Ok(worker)) => Ok(worker),
            Ok(Err(error)) => Err(QueryError::unavailable(format!("cannot start a query worker: {error}"))),
            Err(_) => Err(QueryError::unavailable(format!(
                "a query worker did not answer within {} s of its start",
                settings.start_timeout.as_secs()
            ))),
        }
    }

    pub(crate) fn is_usable(&self) -> bool {
        !self.retired.load(Ordering::Acquire) && !self.connection.is_closed()
    }

    /// Resident bytes, 0 once the process is gone.
    pub(crate) fn resident_bytes(&self) -> u64 {
        resident_bytes(self.pid)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.lock().take() {
            let _ = stop.send(());
        }
    }
}

async fn start_process(
    settings: &Settings,
    number: u64,
    views: Arc<dyn Views>,
    ends: Arc<Ends>,
) -> std::io::Result<Arc<Worker>> {
    make_private_dir(&settings.run_dir)?;
    let socket = settings.run_dir.join(format!("worker-{}-{number}.sock", std::process::id()));
    let listener = bind(&socket)?;
    let unlink = Unlink(socket.clone());
    let mut child = Command::new(&settings.worker_exe)
        .args(&settings.worker_args)
        .arg("--socket")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let stream = tokio::select! {
        accepted = listener.accept() => accepted?.0,
        status = child.wait() => return Err(std::io::Error::other(format!("it ended at once: {}", status?))),
    };
    drop(unlink);
    let (mut reader, mut writer) = wire::framed(stream);
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        store: settings.store.clone(),
        pool_bytes_max: settings.pool_bytes_max,
        spill_bytes_max: settings.spill_bytes_max,
        spill_dir: settings.run_dir.join(format!("spill-{}-{number}", std::process::id())),
        threads: settings.threads,
        request_id_keys: settings.request_id_keys.clone(),
    };
    writer.send(Frame::json(Kind::Hello, 0, &hello)?).await?;
    let ready: Ready = match reader.next().await? {
        Some(frame) if frame.kind == Kind::Ready => frame.read_json()?,
        _ => return Err(std::io::Error::other("it did not answer the handshake")),
    };
    if ready.protocol != PROTOCOL_VERSION {
        return Err(std::io::Error::other(format!("it speaks protocol {}, not {PROTOCOL_VERSION}", ready.protocol)));
    }
    ends.started.fetch_add(1, Ordering::Relaxed);
    let pid = child.id().unwrap_or(ready.pid);
    let connection = Connection::start(reader, writer, views);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let worker = Arc::new(Worker {
        connection: connection.clone(),
        pid,
        retired: AtomicBool::new(false),
        stop: Mutex::new(Some(stop)),
    });
    let watch = Watch {
        worker: Arc::downgrade(&worker),
        connection,
        settings: settings.clone(),
        ends,
        spill_dir: hello.spill_dir,
        pid,
    };
    tokio::spawn(watch.run(child, stopped));
    Ok(worker)
}

/// The parent's eye on one worker: deadlines, memory, idleness.
struct Watch {
    worker: std::sync::Weak<Worker>,
    connection: Arc<Connection>,
    settings: Settings,
    ends: Arc<Ends>,
    spill_dir: PathBuf,
    pid: u32,
}

/// What a look at the worker says to do.
#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Fine,
    /// Cancel everything: it is over its memory.
    Cancel,
    KillLate,
    KillMemory,
    StopIdle,
}

impl Watch {
    async fn run(self, mut child: Child, mut stopped: tokio::sync::oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(WATCH_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut over_since, mut idle_since) = (None, None);
        loop {
            tokio::select! {
                status = child.wait() => {
                    self.ends.died.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(pid = self.pid, status = ?status.ok(), "a query worker ended by itself; the next query starts another");
                    break;
                }
                _ = &mut stopped => break,
                _ = ticks.tick() => {}
            }
            let now = Instant::now();
            match self.look(now, &mut over_since, &mut idle_since) {
                Verdict::Fine => {}
                Verdict::Cancel => self.give_up_for_memory(),
                verdict => {
                    self.count(&verdict);
                    break;
                }
            }
        }
        self.end(child).await;
    }

    fn look(&self, now: Instant, over_since: &mut Option<Instant>, idle_since: &mut Option<Instant>) -> Verdict {
        if self.connection.enforce(now, self.settings.kill_after) {
            return Verdict::KillLate;
        }
        let running = self.connection.running();
        if running > 0 {
            *idle_since = None;
        } else if now.duration_since(*idle_since.get_or_insert(now)) >= self.settings.idle_stop {
            return Verdict::StopIdle;
        }
        let resident = resident_bytes(self.pid);
        if resident <= self.settings.memory_bytes_max {
            *over_since = None;
            return Verdict::Fine;
        }
        // Far over, there is no time to ask; idle and over, nothing is lost by a fresh process.
        let since = *over_since.get_or_insert(now);
        let far = resident > self.settings.memory_bytes_max / 4 * 5;
        if far || running == 0 || now.duration_since(since) >= SHRINK_WITHIN {
            Verdict::KillMemory
        } else {
            Verdict::Cancel
        }
    }

    fn count(&self, verdict: &Verdict) {
        let (counter, why) = match verdict {
            Verdict::KillLate => (&self.ends.killed_late, "did not yield to a cancelled query"),
            Verdict::KillMemory => (&self.ends.killed_memory, "exceeded its memory"),
            _ => (&self.ends.idle, "had nothing to do"),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        tracing::info!(pid = self.pid, "stopping a query worker that {why}");
        if *verdict == Verdict::KillMemory {
            self.give_up_for_memory();
        }
    }

    /// Memory says nothing about whose it is: all queries are given up, each may be asked once more, and
    /// no further one gets here.
    fn give_up_for_memory(&self) {
        self.retire();
        self.connection.cancel_all(&QueryError::too_large(format!(
            "the query worker came to more than {} MiB of memory; ask for fewer rows, groups or columns",
            self.settings.memory_bytes_max >> 20
        )));
    }

    fn retire(&self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.retired.store(true, Ordering::Release);
        }
    }

    async fn end(self, mut child: Child) {
        self.retire();
        if let Err(error) = child.kill().await {
            tracing::debug!(%error, pid = self.pid, "query worker was already gone");
        }
        let _ = tokio::fs::remove_dir_all(&self.spill_dir).await;
    }
}

fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

fn bind(socket: &Path) -> std::io::Result<UnixListener> {
    let _ = std::fs::remove_file(socket);
    UnixListener::bind(socket).map_err(|e| std::io::Error::new(e.kind(), format!("socket {}: {e}", socket.display())))
}

/// Removes the socket's name once it has served, or when the start fails.
struct Unlink(PathBuf);

impl Drop for Unlink {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Resident memory of a process; 0 once it is gone.
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
