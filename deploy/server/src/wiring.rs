//! What is connected to what, in the order data flows. Nothing is decided here.

use crate::audit_table::AuditTable;
use crate::net::{Certificate, Ports, Shared, serve};
use crate::reconcile::Reconciler;
use crate::settings::{ObjectStore, Settings};
use crate::telemetry::{counter, gauge, process_figures, say};
use crate::{demo_routes, guard, page};
use access::{Access, Exposure, bind_refusal};
use anyhow::{Context, anyhow};
use api::{Api, Asker, Catalog, Health, Intake, Problem};
use bytes::Bytes;
use client::{QueryClient, StoreLocation};
use engine::{DecodeFn, Deps, Engine, Metric, RecordHead};
use futures::FutureExt;
use futures::future::BoxFuture;
use metastore::Metastore;
use model::{Clock, Signal, SystemClock};
use receive::{Answer, Receiver, Sender};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use tables::PromotedSet;
use tables::build::{BuildSettings, Layout};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use utoipa_axum::router::OpenApiRouter;

/// Everything that runs, with what its end needs.
pub(crate) struct Wired {
    pub(crate) addresses: Addresses,
    pub(crate) engine: Arc<Engine>,
    pub(crate) client: Arc<QueryClient>,
    pub(crate) access: Arc<Access>,
    /// What makes the first administrator, where there is nobody yet and `--setup` was said.
    pub(crate) setup: Option<String>,
    pub(crate) metastore: Metastore,
    pub(crate) watch: watch::Watch,
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// The ports that take telemetry in, and the one that answers.
    pub(crate) ingest: Ports,
    pub(crate) answers: Ports,
    /// Set first at shutdown: `/readyz` says so from then on.
    pub(crate) going_down: Arc<AtomicBool>,
}

/// Where the ports are open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// Builds the server. Called on the background runtime, where the store and the API run; ports that
/// take telemetry in run on `network`.
pub(crate) async fn build(settings: Settings, network: &Handle, faults: Option<demo::Faults>) -> anyhow::Result<Wired> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let data_dir = settings.data_dir.clone();
    let lock = wal::DataDirLock::acquire(&data_dir)?;
    private(&data_dir)?;
    let metastore = Metastore::open(&data_dir.join("metastore.sqlite"), metastore::Settings::default()).await?;
    let entrance = access::Settings { tls: settings.tls.is_some(), ..settings.access.clone() };
    let access = Access::open(&metastore, entrance, Arc::clone(&clock)).await?;
    let setup = if settings.setup { access.begin_setup().await? } else { None };
    let certificate = settings.tls.as_ref().map(Certificate::load).transpose()?;
    let listeners = Listeners::bind(&settings, &access, certificate.is_some()).await?;

    let (engine, layout) = store(&settings, lock, &clock).await?;

    let receiver = Receiver::new(Arc::clone(&engine), layout, settings.receive.clone(), Arc::clone(&clock));
    let board = Arc::new(watch::Board::new(Arc::clone(&engine)));
    let views: Arc<dyn client::Views> =
        Arc::new(AuditTable::beside(Arc::clone(&board) as _, Arc::clone(&access), Handle::current()));
    let client = Arc::new(QueryClient::new(query_settings(&settings), views));
    let going_down = Arc::new(AtomicBool::new(false));
    let shared = Shared::new(settings.net.clone());
    let panics = Arc::new(AtomicU64::new(0));
    let reconciler = Reconciler {
        engine: Arc::clone(&engine),
        client: Arc::clone(&client),
        clock: Arc::clone(&clock),
        settings: settings.reconcile,
        lane_keys: settings.engine.rollups.lane_keys.clone(),
    };
    let watched = Arc::new(OnceLock::new());
    let stretches = Arc::<api::Stretches>::default();
    let api = Api {
        client: Arc::clone(&client),
        engine: Arc::clone(&engine),
        intake: Arc::new(Door(receiver.clone())),
        catalog: Catalog::new(&metastore, settings.catalog.clone()),
        lane_keys: settings.engine.rollups.lane_keys.clone().into(),
        stretches: Arc::clone(&stretches),
        operations: Arc::new(settings.operations.reading()),
        clock,
        health: health(&settings, &engine, &going_down),
        metrics: figures(&engine, &receiver, (&client, &stretches), &shared, &panics, &access, &watched),
    };
    client.stories_from(Arc::new(api.clone()));
    let alerting = alerting(&settings, listeners.addresses()?.http);
    let watch = watch::Watch::new(api.clone(), metastore.clone(), alerting)
        .map_err(|error| anyhow!(Refused(error.to_string())))?;
    board.show(watch.clone());
    let _ = watched.set(watch.clone());

    let grpc = guard::otlp(receive::grpc_router(receiver.clone()), &access);
    let otlp = guard::otlp(receive::http_router(receiver.clone()), &access);
    let others: OpenApiRouter =
        access::routes(Arc::clone(&access)).merge(watch::routes(watch.clone())).merge(demo_routes::routes(faults));
    let calls = api::router(api, others).merge(receive::http_router(receiver)).merge(page::routes());
    let http = guard::http(calls, &access, &panics);
    let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
    let (ingest, answers) = (Ports::default(), Ports::default());
    let addresses = listeners.addresses()?;
    network.spawn(serve(listeners.otlp_grpc, grpc, tls.clone(), Arc::clone(&shared), ingest.clone()));
    network.spawn(serve(listeners.otlp_http, otlp, tls.clone(), Arc::clone(&shared), ingest.clone()));
    tokio::spawn(serve(listeners.http, http, tls, shared, answers.clone()));
    let fresh = Arc::clone(&access);
    tokio::spawn(async move { fresh.keep_fresh().await });
    tokio::spawn(reconciler.run());
    tokio::spawn(watch.clone().run());
    Ok(Wired { addresses, engine, client, access, setup, metastore, watch, certificate, ingest, answers, going_down })
}

/// The engine over its files, with everything that recovery has to bring back.
async fn store(
    settings: &Settings,
    lock: wal::DataDirLock,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Arc<Engine>, Arc<Layout>)> {
    let parts = parts::PartStore::open(part_settings(settings))?;
    let catalog =
        catalog::Catalog::open(&settings.data_dir.join("catalog.sqlite"), catalog::Settings::default()).await?;
    let wanted = PromotedSet::default_with(&settings.operations.business_keys);
    let promoted = engine::settle_promoted(&catalog, &wanted).await?;
    let build = BuildSettings::new(promoted.clone(), &settings.request_id_keys());
    let extract = settings.operations.extract.clone();
    let layout = Arc::new(Layout::new(BuildSettings { extract, ..build }));
    let deps = Deps {
        lock,
        clock: Arc::clone(clock),
        disk: Arc::new(wal::RealDisk),
        parts,
        catalog,
        decode: decoder(Arc::clone(&layout), &settings.receive),
        promoted,
        disk_free: Arc::new(engine::disk_free),
    };
    let engine = Engine::open(settings.engine.clone(), deps).await?;
    engine.start_background()?;
    Ok((engine, layout))
}

/// The settings of the watch; without a word of the operator, people reach the server at its own address.
fn alerting(settings: &Settings, http: SocketAddr) -> watch::Settings {
    let own = format!("{}://{http}", if settings.tls.is_some() { "https" } else { "http" });
    let external_url = settings.alerting.external_url.clone().unwrap_or(own);
    watch::Settings { external_url, ..settings.alerting.watch.clone() }
}

/// The way in for records that come by the HTTP API: the same as for OTLP.
#[derive(Debug)]
struct Door(Receiver);

impl Intake for Door {
    fn store(&self, asker: &Asker, signal: Signal, body: Bytes) -> BoxFuture<'static, Result<(), Problem>> {
        let sender = Sender { workspace: asker.workspace.clone(), token: asker.token.clone() };
        let receiver = self.0.clone();
        async move {
            match receiver.store(sender, signal, body).await {
                Answer::Stored { .. } => Ok(()),
                Answer::Refused(refused) => Err(Problem::unavailable(refused.to_string())),
            }
        }
        .boxed()
    }
}

/// The three ports, bound before anything is opened behind them, so that a taken port fails early.
struct Listeners {
    otlp_grpc: TcpListener,
    otlp_http: TcpListener,
    http: TcpListener,
}

impl Listeners {
    async fn bind(settings: &Settings, access: &Access, tls: bool) -> anyhow::Result<Self> {
        let any_credential = access.any_credential().await?;
        let exposure = Exposure { any_credential, tls, insecure_plaintext: settings.insecure_plaintext };
        let listen = &settings.listen;
        let bind = async |name: &str, address: SocketAddr| {
            if let Some(refusal) = bind_refusal(name, address, exposure) {
                return Err(anyhow!(Refused(refusal)));
            }
            let bound = TcpListener::bind(address).await;
            bound
                .with_context(|| format!("listen.{name}: {address} cannot be opened; choose another address or port 0"))
        };
        Ok(Self {
            otlp_grpc: bind("otlp_grpc", listen.otlp_grpc).await?,
            otlp_http: bind("otlp_http", listen.otlp_http).await?,
            http: bind("http", listen.http).await?,
        })
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        Ok(Addresses {
            otlp_grpc: self.otlp_grpc.local_addr()?,
            otlp_http: self.otlp_http.local_addr()?,
            http: self.http.local_addr()?,
        })
    }
}

/// A configuration that would be dangerous: the user's turn.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

impl Addresses {
    /// One line per open port, as the contract has it.
    pub(crate) fn announce(&self) {
        say(&format!("otlp_grpc {}", self.otlp_grpc));
        say(&format!("otlp_http {}", self.otlp_http));
        say(&format!("http {}", self.http));
    }
}

/// The data directory is for its owner only: it holds hashes of tokens and everybody's telemetry.
fn private(data_dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let owner_only = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(data_dir, owner_only)
        .with_context(|| format!("{}: its mode cannot be set", data_dir.display()))
}

/// How replay reads a body again: as it was read when it came.
fn decoder(layout: Arc<Layout>, settings: &receive::Settings) -> DecodeFn {
    let (max, window_log_max) = (settings.message_bytes_max, settings.zstd_window_log_max);
    Arc::new(move |head: &RecordHead, body: &[u8]| {
        if head.decoder_version != decode::DECODER_VERSION {
            return Err(format!("it was decoded by version {} of the decoder", head.decoder_version));
        }
        let compression = match head.compression {
            engine::Compression::None => receive::Compression::None,
            engine::Compression::Gzip => receive::Compression::Gzip,
            engine::Compression::Zstd => receive::Compression::Zstd,
        };
        let encoding = match head.encoding {
            engine::Encoding::Protobuf => decode::Encoding::Protobuf,
            engine::Encoding::Json => decode::Encoding::Json,
        };
        let body = bytes::Bytes::copy_from_slice(body);
        // It was within the limits of its day; today's may be tighter.
        let plain = receive::unpack(compression, &body, max.max(body.len()).max(1 << 30), window_log_max.max(27))
            .map_err(|error| error.to_string())?;
        let decoded = decode::decode(&layout, head.signal, encoding, &plain, head.received);
        decoded.map(|decoded| decoded.batches).map_err(|error| error.to_string())
    })
}

pub(crate) fn part_settings(settings: &Settings) -> parts::Settings {
    let dir = &settings.data_dir;
    parts::Settings::at(match s3(&settings.object_store) {
        None => parts::Location::Local { parquet: dir.join("parquet"), replaced: dir.join("replaced") },
        Some(s3) => parts::Location::S3 { s3, staging: dir.join("staging") },
    })
}

fn s3(store: &ObjectStore) -> Option<parts::S3> {
    Some(parts::S3 {
        url: store.url.clone()?,
        endpoint: store.endpoint.clone(),
        region: store.region.clone(),
        access_key: store.access_key.clone(),
        secret_key: store.secret_key.clone(),
        allow_http: store.allow_http,
        path_style: store.path_style,
    })
}

fn query_settings(settings: &Settings) -> client::Settings {
    let (dir, store) = (&settings.data_dir, &settings.object_store);
    client::Settings {
        run_dir: dir.join("run"),
        store: match s3(store) {
            None => StoreLocation::Local { parquet: dir.join("parquet"), replaced: dir.join("replaced") },
            Some(s3) => StoreLocation::S3 {
                url: s3.url,
                endpoint: s3.endpoint,
                region: Some(s3.region),
                access_key: s3.access_key,
                secret: s3.secret_key,
                allow_http: s3.allow_http,
                path_style: s3.path_style,
            },
        },
        request_id_keys: settings.request_id_keys(),
        ..settings.query.clone()
    }
}

fn health(settings: &Settings, engine: &Arc<Engine>, going_down: &Arc<AtomicBool>) -> Health {
    let (engine, watched, going_down) = (Arc::clone(engine), Arc::clone(engine), Arc::clone(going_down));
    Health {
        warnings: Arc::new(move || watched.warnings()),
        version: env!("CARGO_PKG_VERSION"),
        durability: match settings.engine.durability {
            engine::Durability::Fsync => "fsync",
            engine::Durability::Os => "os",
            engine::Durability::None => "none",
        },
        not_ready: Arc::new(move || {
            let mut reasons = engine.readiness();
            if going_down.load(Relaxed) {
                reasons.insert(0, "the server is going down".into());
            }
            reasons
        }),
    }
}

fn figures(
    engine: &Arc<Engine>,
    receiver: &Receiver,
    (client, stretches): (&Arc<QueryClient>, &Arc<api::Stretches>),
    net: &Arc<Shared>,
    panics: &Arc<AtomicU64>,
    access: &Arc<Access>,
    watched: &Arc<OnceLock<watch::Watch>>,
) -> Arc<dyn Fn() -> Vec<Metric> + Send + Sync> {
    let (engine, counts, client) = (Arc::clone(engine), Arc::clone(receiver.counts()), Arc::clone(client));
    let (net, panics, access) = (Arc::clone(net), Arc::clone(panics), Arc::clone(access));
    let (watched, stretches) = (Arc::clone(watched), Arc::clone(stretches));
    Arc::new(move || {
        let mut figures = counts.metrics();
        figures.extend(engine.stats());
        figures.extend(query_figures(&client.stats()));
        figures.extend(stretch_figures(&stretches.stats()));
        figures.extend(net_figures(&net));
        let contained = "Calls of the HTTP API ended by a fault of ours, each contained.";
        figures.push(counter("stormglass_api_panics_total", contained, panics.load(Relaxed)));
        figures.extend(access.figures().into_iter().map(access_figure));
        figures.extend(watched.get().map(watch::Watch::metrics).unwrap_or_default());
        figures.extend(process_figures());
        figures
    })
}

fn access_figure(figure: access::Figure) -> Metric {
    let metric = counter(figure.name, figure.help, figure.value);
    if figure.counter { metric } else { Metric { kind: engine::Kind::Gauge, ..metric } }
}

fn query_figures(stats: &client::ClientStats) -> Vec<Metric> {
    vec![
        counter("stormglass_query_queries_total", "Queries asked.", stats.queries),
        counter("stormglass_query_failed_total", "Queries that gave no result.", stats.failed),
        counter(
            "stormglass_query_refused_busy_total",
            "Queries refused because all places were taken.",
            stats.refused_busy,
        ),
        counter("stormglass_query_repeated_total", "Queries asked once more after their worker ended.", stats.repeated),
        counter("stormglass_query_workers_started_total", "Query workers started.", stats.workers_started),
        counter(
            "stormglass_query_workers_killed_late_total",
            "Workers killed because a query did not yield.",
            stats.workers_killed_late,
        ),
        counter(
            "stormglass_query_workers_killed_memory_total",
            "Workers killed because of their memory.",
            stats.workers_killed_memory,
        ),
        counter("stormglass_query_workers_died_total", "Workers that ended by themselves.", stats.workers_died),
        counter("stormglass_query_workers_idled_total", "Workers stopped because nobody asked.", stats.workers_idled),
        gauge("stormglass_query_running", "Queries running now.", stats.running as f64),
        gauge("stormglass_query_waiting", "Queries waiting for a place.", stats.waiting as f64),
        gauge("stormglass_query_resident_bytes", "Resident memory of all workers.", stats.resident_bytes as f64),
    ]
}

fn stretch_figures(stats: &api::StretchStats) -> Vec<Metric> {
    vec![
        counter(
            "stormglass_graph_stretch_hits_total",
            "Past stretches of the service graph answered from memory.",
            stats.hits,
        ),
        counter(
            "stormglass_graph_stretch_misses_total",
            "Past stretches of the service graph that were asked for.",
            stats.misses,
        ),
        counter(
            "stormglass_graph_stretch_evictions_total",
            "Past stretches of the service graph let go for want of room.",
            stats.evictions,
        ),
        gauge("stormglass_graph_stretches", "Past stretches of the service graph held in memory.", stats.kept as f64),
        gauge("stormglass_graph_stretch_bytes", "Memory of past stretches of the service graph.", stats.bytes as f64),
    ]
}

fn net_figures(net: &Shared) -> Vec<Metric> {
    vec![
        counter("stormglass_net_connections_total", "Connections accepted.", net.accepted.load(Relaxed)),
        counter(
            "stormglass_net_turned_away_total",
            "Connections closed at once: too many.",
            net.turned_away.load(Relaxed),
        ),
        counter(
            "stormglass_net_given_up_total",
            "Connections closed because they owed a request.",
            net.given_up.load(Relaxed),
        ),
        counter(
            "stormglass_net_refused_body_bytes_total",
            "Bytes of refused bodies that were read and thrown away.",
            net.drained_bytes.load(Relaxed),
        ),
        gauge("stormglass_net_open_connections", "Connections open now.", net.open() as f64),
    ]
}
