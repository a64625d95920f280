//! Stores to ask: rows poured through the builders, written as parts or left in memory.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use client::message::{Order, ViewHead, ViewRequest};
use client::wire::Kind;
use client::{QueryEnd, Views};
use datafusion::execution::runtime_env::RuntimeEnv;
use engine::{HotChunk, View};
use model::{AttrType, UnixNanos, Workspace};
use parts::{Location, NewPart, PartStore, Settings, new_part_id, sorted};
use sql::files::Files;
use sql::planners::Planners;
use sql::run::{ViewSource, Workshop};
use sql::view::Arrived;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tables::build::{
    BuildSettings, EventInput, Layout, LinkInput, LogInput, MetricInput, MetricKind, Number, PointInput,
    RequestBuilder, ResourceInput, ScopeInput, SpanInput, Value,
};
use tables::{Batches, Lineage, Origin, PartMeta, PromotedKey, PromotedSet, PromotedType, TableId};

/// 2026-03-04 12:00:00 UTC.
pub(crate) const NOON: i64 = 1_772_625_600 * UnixNanos::SECOND;

/// A store with a view of what was put into it.
#[derive(Debug)]
pub(crate) struct Store {
    dir: tempfile::TempDir,
    parts: PartStore,
    old: Layout,
    new: Layout,
    pub(crate) view: Mutex<View>,
}

impl Views for Store {
    fn view(&self, _: &Workspace, tables: &[TableId]) -> View {
        let mut view = self.view.lock().unwrap().clone();
        view.parts.retain(|p| tables.contains(&p.table));
        view.hot.retain(|c| tables.contains(&c.batch.table));
        view
    }
}

/// Which promoted set rows are built under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// Without `order.id` and `ratio`.
    Old,
    New,
}

impl Store {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (parquet, replaced) = (dir.path().join("parquet"), dir.path().join("replaced"));
        let parts = PartStore::open(Settings::at(Location::Local { parquet, replaced })).unwrap();
        let first = PromotedSet::default_with(&[]);
        let key = |key: &str, ty, bloom| PromotedKey { key: key.into(), ty, bloom };
        let wanted = PromotedSet {
            version: 1,
            keys: vec![
                key("order.id", PromotedType::String, true),
                key("ratio", PromotedType::Double, false),
                key("cached", PromotedType::Bool, false),
            ],
        };
        let second = first.grown_by(&wanted).unwrap();
        let layout = |set: &PromotedSet| Layout::new(BuildSettings::new(set.clone(), &[]));
        let view = View {
            parts: vec![],
            hot: vec![],
            promoted: Arc::new(second.clone()),
            complete: true,
            incomplete_reason: None,
        };
        Self { old: layout(&first), new: layout(&second), dir, parts, view: Mutex::new(view) }
    }

    pub(crate) fn parquet(&self) -> PathBuf {
        self.dir.path().join("parquet")
    }

    pub(crate) fn replaced(&self) -> PathBuf {
        self.dir.path().join("replaced")
    }

    pub(crate) fn builder(&self, version: Version) -> RequestBuilder<'_> {
        RequestBuilder::new(self.layout(version), UnixNanos(NOON), 1024)
    }

    fn layout(&self, version: Version) -> &Layout {
        if version == Version::Old { &self.old } else { &self.new }
    }

    /// All tables of `batches` as parts of their own, with bloom filters.
    pub(crate) async fn write(&self, version: Version, batches: Batches) -> Vec<Arc<PartMeta>> {
        let layout = self.layout(version);
        let mut written = Vec::new();
        for batch in batches.tables {
            let spec = layout.spec(batch.table).clone();
            let part = NewPart {
                id: new_part_id(),
                workspace: Workspace::default(),
                day: UnixNanos(batch.time_min).day(),
                level: 1,
                rows: sorted(&spec, vec![batch.rows]).unwrap(),
                received_max: UnixNanos(NOON),
                wal_from: 0,
                wal_until: 1,
                promoted: layout.settings().promoted.version,
                overflow: batch.overflow,
                lineage: Lineage { generation: 1, origin: Origin::Flush { parts: 1 } },
                spec,
            };
            written.push(Arc::new(self.parts.write(part).await.unwrap()));
        }
        self.view.lock().unwrap().parts.extend(written.clone());
        written
    }

    /// All tables of `batches` as rows in memory.
    pub(crate) fn keep_hot(&self, batches: Batches) {
        let mut view = self.view.lock().unwrap();
        for batch in batches.tables {
            let id = view.hot.len() as u64 + 1;
            let chunk = HotChunk { id, workspace: Workspace::default(), batch, received: UnixNanos(NOON), bytes: 0 };
            view.hot.push(Arc::new(chunk));
        }
    }

    pub(crate) fn workshop(&self) -> Arc<Workshop> {
        let location = client::StoreLocation::Local { parquet: self.parquet(), replaced: self.replaced() };
        let files = Files::open(&location, self.dir.path()).unwrap();
        let keys = self.new.settings().request_id_keys.clone();
        Arc::new(Workshop::new(Arc::new(RuntimeEnv::default()), files, keys, 2).unwrap())
    }

    pub(crate) async fn retire(&self, path: &str) {
        self.parts.retire(path).await.unwrap();
    }
}

/// A view handed over without a socket, in the same frames.
struct Direct<'a>(&'a Store);

#[async_trait]
impl ViewSource for Direct<'_> {
    async fn view(&self, request: ViewRequest) -> std::io::Result<(ViewHead, Vec<Arrived>)> {
        let tables: Vec<_> = request.tables.iter().map(|t| t.table).collect();
        let view = Views::view(self.0, &Workspace::default(), &tables);
        let (mut head, mut chunks) = (None, Vec::new());
        for frame in client::view::answer(1, &request, &view)? {
            match frame.kind {
                Kind::ViewHead => head = Some(frame.read_json()?),
                Kind::ViewChunk => {
                    let (chunk, ipc) = frame.read_json_and_bytes()?;
                    chunks.push(Arrived::read(chunk, &ipc)?);
                }
                _ => {}
            }
        }
        Ok((head.unwrap(), chunks))
    }
}

/// A statement's whole answer.
pub(crate) async fn ask(
    store: &Store,
    workshop: &Arc<Workshop>,
    sql: &str,
    rows_max: u64,
) -> Result<(Vec<RecordBatch>, QueryEnd), String> {
    let order = Order {
        workspace: "default".into(),
        sql: sql.into(),
        rows_max,
        bytes_max: 64 << 20,
        timeout_ms: 60_000,
        promoted: store.view.lock().unwrap().promoted.as_ref().clone(),
        stories: Vec::new(),
    };
    let failed = |error: sql::error::SqlError| error.to_query_error().to_string();
    let mut running = workshop.start(order, &Direct(store), &Planners::default()).await.map_err(failed)?;
    let mut batches = vec![RecordBatch::new_empty(running.schema())];
    while let Some(batch) = running.next().await {
        batches.push(batch.map_err(failed)?);
    }
    Ok((batches, running.end()))
}

/// `0000...n`: an id that sorts by its number.
pub(crate) fn trace(n: u8) -> [u8; 16] {
    std::array::from_fn(|i| if i == 15 { n } else { 0xA0 })
}

pub(crate) fn span(n: u8) -> [u8; 8] {
    std::array::from_fn(|i| if i == 7 { n } else { 0xB0 })
}

fn resource<'a>(service: &'a str, node: &'a str) -> ResourceInput<'a> {
    let mut input = ResourceInput::default();
    input.attributes.push(b"service.name", Value::String(service.as_bytes()));
    input.attributes.push(b"k8s.node.name", Value::String(node.as_bytes()));
    input.attributes.push(b"process.pid", Value::Int(7));
    input
}

/// Span `n`: starts `n` seconds after noon, lasts `n` milliseconds, of trace `n / 2`, with `attributes`.
fn add_span<'a>(builder: &mut RequestBuilder<'_>, service: &'a str, n: u8, attributes: &[(&'a str, Value<'a>)]) {
    let resource = builder.resource(&resource(service, if n.is_multiple_of(2) { "node-a" } else { "node-b" }));
    let scope = builder.scope(&ScopeInput { name: b"lib", version: b"1.0", ..ScopeInput::default() });
    let start = (NOON + i64::from(n) * UnixNanos::SECOND) as u64;
    let mut input = SpanInput {
        trace_id: trace(n / 2),
        span_id: span(n),
        parent_span_id: if n % 2 == 1 { span(n - 1) } else { [0; 8] },
        name: if n.is_multiple_of(2) { b"GET /orders" } else { b"SELECT orders" },
        kind: if n.is_multiple_of(2) { 2 } else { 3 },
        start,
        end: start + u64::from(n) * 1_000_000,
        status: if n.is_multiple_of(3) { 2 } else { 0 },
        ..SpanInput::default()
    };
    for (key, value) in attributes {
        input.attributes.push(key.as_bytes(), value.clone());
    }
    if n == 2 {
        input.events.push(EventInput { time: start + 5, name: b"retry", ..EventInput::default() });
        input.links.push(LinkInput { trace_id: trace(9), span_id: span(9), ..LinkInput::default() });
    }
    builder.span(resource, scope, &input);
}

/// Three kinds of parts and rows in memory: 12 spans, 4 log records, 6 points.
pub(crate) async fn shop() -> Store {
    let store = Store::new();
    let text = |s: &'static str| Value::String(s.as_bytes());

    // Written before order.id, ratio and cached had columns.
    let mut builder = store.builder(Version::Old);
    add_span(
        &mut builder,
        "cart",
        0,
        &[("http.route", text("/old")), ("order.id", text("o-0")), ("ratio", Value::Double(0.5))],
    );
    add_span(&mut builder, "cart", 1, &[("db.system", text("mysql")), ("cached", Value::Bool(true))]);
    store.write(Version::Old, builder.finish().unwrap()).await;

    // A status code that is no number, and names that are no longer current.
    let mut builder = store.builder(Version::New);
    add_span(
        &mut builder,
        "cart",
        2,
        &[
            ("http.response.status_code", text("teapot")),
            ("order.id", text("o-2")),
            ("user_req_id", text("r-2")),
            ("empty", Value::Empty),
            ("list", Value::Text(AttrType::Array, "[1,\"x\"]".into())),
        ],
    );
    add_span(
        &mut builder,
        "pay",
        3,
        &[
            ("http.status_code", Value::Int(500)),
            ("http.method", text("GET")),
            ("request.id", text("r-3")),
            ("user_req_id", text("second")),
            ("deployment.environment", text("prod")),
        ],
    );
    store.write(Version::New, builder.finish().unwrap()).await;

    // As everything should be.
    let mut builder = store.builder(Version::New);
    for n in 4..8 {
        add_span(
            &mut builder,
            "pay",
            n,
            &[
                ("http.route", text("/orders/{id}")),
                ("http.response.status_code", Value::Int(if n == 6 { 500 } else { 200 })),
                ("order.id", if n == 6 { text("o-6") } else { text("o-9") }),
                ("ratio", Value::Double(f64::from(n) / 4.0)),
                ("cached", Value::Bool(n % 2 == 0)),
                ("custom.key", text("c")),
                ("custom.number", Value::Int(n.into())),
            ],
        );
    }
    add_logs(&mut builder, 0..2);
    add_points(&mut builder, 0..3);
    store.write(Version::New, builder.finish().unwrap()).await;

    let mut builder = store.builder(Version::New);
    for n in 8..12 {
        add_span(
            &mut builder,
            "search",
            n,
            &[
                ("http.route", text("/hot")),
                ("http.response.status_code", Value::Int(200 + i64::from(n))),
                ("order.id", text("o-hot")),
            ],
        );
    }
    add_logs(&mut builder, 2..4);
    add_points(&mut builder, 3..6);
    store.keep_hot(builder.finish().unwrap());
    store
}

fn add_logs(builder: &mut RequestBuilder<'_>, numbers: std::ops::Range<u8>) {
    for n in numbers {
        let resource = builder.resource(&resource("pay", "node-a"));
        let scope = builder.scope(&ScopeInput::default());
        let mut input = LogInput {
            time: (NOON + i64::from(n) * UnixNanos::SECOND) as u64,
            severity: 9 + i32::from(n),
            severity_text: b"INFO",
            body: Value::String(b"order placed"),
            trace_id: (n % 2 == 0).then(|| trace(n)),
            span_id: (n % 2 == 0).then(|| span(n * 2)),
            ..LogInput::default()
        };
        input.attributes.push(b"order.id", Value::String(b"o-log"));
        builder.log(resource, scope, &input);
    }
}

fn add_points(builder: &mut RequestBuilder<'_>, numbers: std::ops::Range<u8>) {
    let resource = builder.resource(&resource("pay", "node-a"));
    let scope = builder.scope(&ScopeInput::default());
    let metric = MetricInput {
        name: b"http.server.requests",
        unit: b"{request}",
        kind: MetricKind::Sum,
        temporality: 2,
        monotonic: true,
        ..MetricInput::default()
    };
    let metric = builder.metric(resource, scope, &metric);
    for n in numbers {
        let mut point = PointInput {
            time: (NOON + i64::from(n) * UnixNanos::SECOND) as u64,
            value: Number::Int(i64::from(n) * 10),
            ..PointInput::default()
        };
        point.attributes.push(b"http.route", Value::String(if n.is_multiple_of(2) { b"/even" } else { b"/odd" }));
        builder.point(metric, &point);
    }
}

/// `parts` parts of `rows` spans each, one hour after the other; each with its own services.
pub(crate) async fn hours(parts: u32, rows: u32) -> Store {
    let store = Store::new();
    for part in 0..parts {
        let mut builder = store.builder(Version::New);
        let names = [format!("svc-{}", part % 4), "everywhere".to_owned()];
        for row in 0..rows {
            let resource = builder.resource(&resource(&names[(row % 2) as usize], "node-a"));
            let scope = builder.scope(&ScopeInput::default());
            let number = part * rows + row;
            let mut id = [0x11; 16];
            id[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
            let order = format!("order-{number}");
            let start = (NOON + i64::from(part) * 3_600 * UnixNanos::SECOND + i64::from(row) * 1_000_000) as u64;
            let mut input = SpanInput {
                trace_id: id,
                span_id: span(1),
                name: b"op",
                start,
                end: start + u64::from(row) + 1,
                ..SpanInput::default()
            };
            input.attributes.push(b"order.id", Value::String(order.as_bytes()));
            builder.span(resource, scope, &input);
        }
        store.write(Version::New, builder.finish().unwrap()).await;
    }
    store
}
