//! A server from its start to its end: runtimes, signals, the order in which things stop.

use crate::settings::{Input, Settings, Sources, need_restart};
use crate::telemetry::{LogLevel, begin_log, say};
use crate::wiring::{Addresses, Refused, Wired, build};
use crate::{Failure, Outcome};
use access::Access;
use anyhow::Context;
use futures::FutureExt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What runs beside the server, if anything, once its ports are open.
pub(crate) struct Guest {
    /// Its switches, which the server shows to people.
    pub(crate) faults: demo::Faults,
    /// It ends the server when it returns.
    pub(crate) work: Work,
}

pub(crate) type Work = Box<dyn FnOnce(Addresses, Arc<Access>) -> futures::future::BoxFuture<'static, ()> + Send>;

/// Serves until SIGTERM, SIGINT or the end of `guest`.
pub(crate) fn serve(settings: Settings, config: Option<PathBuf>, guest: Option<Guest>) -> Outcome {
    let log = begin_log(&settings.log).map_err(|error| Failure::Usage(vec![error]))?;
    let settings = with_room_for_files(settings);
    let network = runtime("stormglass-net", 2)?;
    let background = runtime("stormglass-work", 2)?;
    let served = background.block_on(run(settings, network.handle(), config, log, guest));
    // What still runs has been told to stop and had its time.
    network.shutdown_timeout(Duration::from_millis(200));
    background.shutdown_timeout(Duration::from_millis(200));
    served
}

fn runtime(name: &str, workers: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).max_blocking_threads(16).thread_name(name).enable_all();
    builder.build().context("a runtime cannot be started")
}

/// Each connection costs a file; the store needs its own. Asks for what the system allows, and lowers
/// the number of connections to what then fits.
fn with_room_for_files(mut settings: Settings) -> Settings {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const RESERVED: u64 = 512;
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let files = if raised.is_ok() { limit.maximum } else { limit.current };
    let fits = files.unwrap_or(u64::MAX).saturating_sub(RESERVED).max(16);
    settings.net.connections_max = settings.net.connections_max.min(usize::try_from(fits).unwrap_or(usize::MAX));
    settings
}

async fn run(
    settings: Settings,
    network: &tokio::runtime::Handle,
    config: Option<PathBuf>,
    log: LogLevel,
    guest: Option<Guest>,
) -> Outcome {
    let mut signals = Signals::new()?;
    let drain = settings.net.drain;
    let said = Sources::read(config.as_deref()).map(|sources| sources.said()).unwrap_or_default();
    let faults = guest.as_ref().map(|guest| guest.faults.clone());
    let wired = build(settings, network, faults).await.map_err(|error| match error.downcast::<Refused>() {
        Ok(refused) => Failure::Usage(vec![refused.to_string()]),
        Err(error) => Failure::Failed(error),
    })?;
    wired.addresses.announce();
    if let Some(secret) = &wired.setup {
        say(&format!("setup {secret}"));
    }
    say("ready");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    let mut guest = guest.map_or_else(
        || futures::future::pending().boxed(),
        |guest| (guest.work)(wired.addresses, Arc::clone(&wired.access)),
    );
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => reload(config.as_deref(), &said, &log, &wired).await,
            },
            () = &mut guest => break,
        }
    }
    // Whoever asks twice wants it now: the log has all that was acknowledged.
    tokio::select! {
        ended = wind_down(wired, drain) => Ok(ended?),
        () = signals.stop() => {
            tracing::warn!("told to stop twice: ending at once; the write-ahead log is read again at the next start");
            Ok(())
        }
    }
}

/// Readiness first, then the doors, then the store, then the answers.
async fn wind_down(wired: Wired, drain: Duration) -> anyhow::Result<()> {
    tracing::info!("going down");
    wired.going_down.store(true, Relaxed);
    if !wired.ingest.close(drain).await {
        tracing::warn!(?drain, "some senders were still busy; what they were not answered, they send again");
    }
    wired.watch.stop();
    let flushed = wired.engine.shutdown().await;
    wired.answers.close(Duration::from_secs(2)).await;
    wired.client.shutdown().await;
    let _ = wired.access.refresh().await;
    wired.metastore.close().await;
    match flushed {
        Ok(report) => tracing::info!(rows = report.rows, "stopped; everything is in Parquet"),
        // Nothing is lost: it stays in the write-ahead log.
        Err(error) => tracing::warn!(%error, "stopped; the write-ahead log is read again at the next start"),
    }
    Ok(())
}

/// What may change while the server runs: the level of the log, the certificate, tokens and users. What else
/// has changed since the start is named. A configuration that is wrong changes nothing at all.
async fn reload(config: Option<&Path>, said: &BTreeMap<String, Input>, log: &LogLevel, wired: &Wired) {
    let read = Sources::read(config).and_then(|sources| Ok((sources.said(), sources.settings()?)));
    match read {
        Err(errors) => {
            for error in errors {
                tracing::error!(%error, "the configuration is wrong; the running one stays");
            }
            return;
        }
        Ok((now, settings)) => {
            if let Err(error) = log.set(&settings.log.level) {
                tracing::error!(%error, "the level of the log stays");
            }
            let changed = need_restart(said, &now);
            if !changed.is_empty() {
                tracing::warn!("changed, and needs a restart: {}", changed.join(", "));
            }
        }
    }
    if let Some(Err(error)) = wired.certificate.as_ref().map(|certificate| certificate.reload()) {
        tracing::error!(%error, "the certificate cannot be read; the running one stays");
    }
    if let Err(error) = wired.access.refresh().await {
        tracing::error!(%error, "tokens and users cannot be read; those known stay");
    }
    tracing::info!("read again: log.level, the certificate, tokens and users");
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened to");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    async fn stop(&mut self) {
        while !matches!(self.next().await, Asked::Stop) {}
    }
}
