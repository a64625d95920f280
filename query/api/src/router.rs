//! The router, and the description that is made with it: every handler says its path, parameters and
//! answers beside its code, and is mounted by exactly that.

use crate::graph::Stretches;
use crate::{Catalog, Problem, catalog, describe, experience, graph, health, parts, retention, sql, store};
use axum::extract::DefaultBodyLimit;
use axum::{Extension, Json, Router};
use bytes::Bytes;
use client::QueryClient;
use engine::{Engine, Metric};
use futures::future::BoxFuture;
use model::{Clock, Signal};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest request body where a call does not say otherwise: SQL text is bounded far below.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What health answers are made of.
#[derive(Clone)]
pub struct Health {
    pub version: &'static str,
    /// What an acknowledgement means here: `fsync`, or the unsafe `os`.
    pub durability: &'static str,
    /// Why the server is not ready; none when it is.
    pub not_ready: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    /// What an operator should know all the same.
    pub warnings: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// The door for telemetry, for records that come by this API: they take the same durable way as OTLP.
pub trait Intake: Send + Sync + fmt::Debug {
    /// Stores one OTLP export request (protobuf). An `Ok` is answered after fsync.
    fn store(&self, asker: &crate::Asker, signal: Signal, body: Bytes) -> BoxFuture<'static, Result<(), Problem>>;
}

/// How business operations are read.
#[derive(Clone, Debug)]
pub struct OperationSettings {
    /// Attributes that name business things: stories are followed by them.
    pub business_keys: Vec<String>,
    /// Attributes beyond the usual headers that hold trace contexts of other propagators.
    pub trace_context_keys: Vec<String>,
    /// Time from create to complete by operation, where the event does not say, and of all others.
    pub deadlines: Vec<(String, Duration)>,
    pub deadline: Duration,
    pub ping_secrets: crate::PingSecrets,
}

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub client: Arc<QueryClient>,
    pub engine: Arc<Engine>,
    pub intake: Arc<dyn Intake>,
    pub catalog: Catalog,
    /// Attributes that name a lane, the first that is said counts.
    pub lane_keys: Arc<[String]>,
    /// Sums of rollups that hold.
    pub stretches: Arc<Stretches>,
    pub operations: Arc<OperationSettings>,
    pub clock: Arc<dyn Clock>,
    pub health: Health,
    /// All figures of the process.
    pub metrics: Arc<dyn Fn() -> Vec<Metric> + Send + Sync>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("version", &self.health.version).finish_non_exhaustive()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("version", &self.version).finish_non_exhaustive()
    }
}

/// All calls, by subject.
fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(describe::base())
        .merge(sql::routes())
        .merge(parts::routes())
        .merge(retention::routes())
        .merge(store::routes())
        .merge(health::routes())
        .merge(catalog::routes())
        .merge(graph::routes())
        .merge(experience::routes())
        .merge(crate::traces::routes())
        .merge(crate::logs::routes())
        .merge(crate::jaeger::routes())
        .merge(crate::operations::routes())
        .merge(crate::business::routes())
        .merge(crate::changes::routes())
        .merge(crate::heartbeats::routes())
        .routes(routes!(openapi))
}

/// Mounts every call, with those of other crates beside them.
pub fn router(api: Api, others: OpenApiRouter) -> Router {
    let version = api.health.version;
    let (router, mut description) = calls().with_state(api).merge(others).split_for_parts();
    version.clone_into(&mut description.info.version);
    router.layer(Extension(Arc::new(description))).layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// The description of the calls of this crate.
pub(crate) fn described() -> OpenApi {
    calls().into_openapi()
}

/// The calls that [`router`] mounts with these others: method and path.
pub fn mounted(others: OpenApi) -> Vec<(String, String)> {
    let mut all = described();
    all.merge(others);
    describe::operations(&all)
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
    (status = "default", response = describe::AnyProblem),
))]
async fn openapi(Extension(description): Extension<Arc<OpenApi>>) -> Json<OpenApi> {
    Json(OpenApi::clone(&description))
}
