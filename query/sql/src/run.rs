//! One statement from text to rows: parse, plan, ask for the view, plan the scans, run.

use crate::budget::{self, Budget};
use crate::derive::Surroundings;
use crate::error::SqlError;
use crate::files::Files;
use crate::identity_cache::{self, IdentityCache};
use crate::output::{self, Limits};
use crate::plan::{self, Needs};
use crate::planners::Planners;
use crate::reader::Readers;
use crate::scope::{Prepared, QueryScope};
use crate::shape::{Shape, Source};
use crate::view::{Arrived, ChunkCache, Holding, Seen, View};
use crate::{keys, narrow, session, statistics, stories, table_functions};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use client::message::{Order, ViewHead, ViewRequest};
use client::{QueryEnd, Statistics, Story};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, collect, execute_stream};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use tables::TableId;

/// Where a query's view comes from: the main process, or a test.
#[async_trait]
pub trait ViewSource: Send + Sync {
    async fn view(&self, request: ViewRequest) -> std::io::Result<(ViewHead, Vec<Arrived>)>;
}

/// What all queries of a worker share.
#[derive(Debug)]
pub struct Workshop {
    base: SessionState,
    files: Files,
    url: ObjectStoreUrl,
    chunks: ChunkCache,
    identities: IdentityCache,
    request_id_keys: Arc<Vec<String>>,
    budget: Budget,
}

impl Workshop {
    pub fn new(
        runtime: Arc<RuntimeEnv>,
        files: Files,
        request_id_keys: Vec<String>,
        threads: usize,
    ) -> Result<Self, SqlError> {
        let url = ObjectStoreUrl::parse("stormglass://parts")?;
        runtime.register_object_store(url.as_ref(), Arc::new(files.clone()));
        Ok(Self {
            base: session::base(runtime, threads)?,
            files,
            url,
            chunks: ChunkCache::default(),
            identities: IdentityCache::default(),
            request_id_keys: Arc::new(request_id_keys),
            budget: Budget::default(),
        })
    }

    /// Plans a statement, on threads that `planners` counts, and starts it.
    pub async fn start(
        self: &Arc<Self>,
        mut order: Order,
        views: &dyn ViewSource,
        planners: &Planners,
    ) -> Result<Running, SqlError> {
        let stories = std::mem::take(&mut order.stories);
        let (this, text) = (self.clone(), order.clone());
        let planned = planners.run(move || this.plan(&text, &stories)).await??;
        let Planned { state, plan, needs, scope, cut } = planned;
        let (complete, incomplete_reason) = self.prepare(&order, &needs, &scope, views).await?;
        let (complete, incomplete_reason) = (complete && cut.is_none(), incomplete_reason.or(cut));
        let state = Arc::new(tuned(state, &needs, &scope)?);
        let (mut plan, mut plans) = (plan, Vec::new());
        if let Some(wide) = narrow::find(&plan) {
            let narrow = physical(planners, &state, wide.narrow()?, true).await?;
            let best = collect(narrow.clone(), state.task_ctx()).await?;
            plans.push(narrow);
            scope.counts.forget();
            plan = wide.with_bound(plan, &best)?;
        }
        let bounded = !plans.is_empty();
        let plan = physical(planners, &state, plan, bounded).await?;
        let stream = execute_stream(plan.clone(), state.task_ctx())?;
        plans.push(plan);
        let limits = Limits { rows_max: order.rows_max, bytes_max: order.bytes_max, rows: 0, bytes: 0 };
        let schema = output::plain_schema(&stream.schema());
        Ok(Running { stream, plans, schema, scope, limits, complete, incomplete_reason })
    }

    fn plan(&self, order: &Order, told: &[Story]) -> Result<Planned, SqlError> {
        let mut statement = budget::parse(&order.sql, &self.budget)?;
        let (stories, cut) = stories::tables(&table_functions::expand(&mut statement)?, told)?;
        budget::check(&statement, &self.budget)?;
        let keys = keys::rewrite(&mut statement);
        let cache = self.base.runtime_env().cache_manager.get_file_metadata_cache();
        let reader = Arc::new(Readers::new(self.files.clone(), cache));
        let scope = Arc::new(QueryScope::new(self.url.clone(), reader));
        let mut state = session::with_tables(&self.base, &order.promoted, &keys, &scope, stories);
        state.mark_start_execution();
        let plan = futures::executor::block_on(state.statement_to_plan(statement))?;
        plan::only_reads(&plan)?;
        let plan = state.optimize(&plan)?;
        plan::only_reads(&plan)?;
        let shapes = |table| Shape::new(table, &order.promoted, &keys);
        let needs = Wanted::of(plan::needs(&plan)?, &shapes);
        Ok(Planned { state, plan, needs, scope, cut })
    }

    /// Asks for the view of all tables at once and makes it known to the scans.
    async fn prepare(
        &self,
        order: &Order,
        wanted: &Wanted,
        scope: &QueryScope,
        views: &dyn ViewSource,
    ) -> Result<(bool, Option<String>), SqlError> {
        if wanted.needs.tables.is_empty() {
            return Ok((true, None));
        }
        let view = self.view(order, wanted, views).await?;
        let promoted = Arc::new(order.promoted.clone());
        let nothing = Seen::default();
        let load = async |table: TableId, needed: bool| match needed {
            true => {
                self.identities
                    .load(&self.files, &order.workspace, table, view.tables.get(&table).unwrap_or(&nothing))
                    .await
            }
            false => Ok(IdentityCache::none(table)),
        };
        let around = Surroundings {
            promoted,
            request_id_keys: self.request_id_keys.clone(),
            resources: load(TableId::Resources, wanted.resources).await?,
            series: load(TableId::Series, wanted.series).await?,
        };
        let said = (view.complete, view.incomplete_reason.clone());
        scope.prepare(Prepared {
            view,
            around,
            few_rows: wanted.needs.few_rows,
            one_stream: wanted.needs.one_stream,
        })?;
        Ok(said)
    }

    async fn view(&self, order: &Order, wanted: &Wanted, views: &dyn ViewSource) -> Result<View, SqlError> {
        let mut holding = Holding::default();
        let want = |(table, columns, bounds): &(TableId, Vec<String>, (i64, i64))| {
            self.chunks.want(&order.workspace, *table, columns.clone(), *bounds, &mut holding)
        };
        let request = ViewRequest { tables: wanted.tables.iter().map(want).collect() };
        let (head, arrived) = views.view(request).await.map_err(|e| SqlError::View(e.to_string()))?;
        self.chunks.take(&order.workspace, head, arrived, holding).map_err(|e| SqlError::View(e.to_string()))
    }
}

struct Planned {
    state: SessionState,
    plan: LogicalPlan,
    needs: Wanted,
    scope: Arc<QueryScope>,
    /// Why a story that it reads may hold less than there is.
    cut: Option<String>,
}

/// What is asked of the main process.
struct Wanted {
    needs: Needs,
    /// Tables, file columns of their hot rows, time bounds.
    tables: Vec<(TableId, Vec<String>, (i64, i64))>,
    resources: bool,
    series: bool,
}

impl Wanted {
    fn of(needs: Needs, shapes: &dyn Fn(TableId) -> Shape) -> Self {
        let mut wanted = Self { needs, tables: Vec::new(), resources: false, series: false };
        for need in &wanted.needs.tables {
            let shape = shapes(need.table);
            let mut columns = BTreeSet::new();
            for source in need.columns.iter().filter_map(|c| shape.column(c)).map(|c| (&c.source, c.field.name())) {
                wanted.resources |= matches!(source.0, Source::Resource(_) | Source::SeriesResource(_));
                wanted.series |= matches!(source.0, Source::Series(_) | Source::SeriesResource(_));
                columns.extend(file_columns(&shape, source.0, source.1));
            }
            wanted.tables.push((need.table, columns.into_iter().collect(), (need.from, need.until)));
        }
        for (table, needed) in [(TableId::Resources, wanted.resources), (TableId::Series, wanted.series)] {
            if needed {
                wanted.tables.retain(|(t, _, _)| *t != table);
                wanted.tables.push((table, identity_cache::columns(table), (i64::MIN, i64::MAX)));
            }
        }
        wanted
    }
}

/// File columns that a visible column may be made of.
fn file_columns(shape: &Shape, source: &Source, name: &str) -> Vec<String> {
    let all_of_attributes = || {
        let places = |n: &str| {
            n.starts_with("attributes.")
                || matches!(n, "attributes" | "attribute_types" | "request_id" | "request_id_key" | "legacy_keys")
        };
        shape.spec.schema.fields().iter().map(|f| f.name().clone()).filter(|n| places(n)).collect()
    };
    match source {
        Source::Column | Source::Hex | Source::HexInside => vec![name.to_owned()],
        Source::Bytes(id) => vec![(*id).to_owned()],
        Source::EndTime => vec!["time".into(), "duration_ns".into()],
        Source::Attributes | Source::AttributeTypes => all_of_attributes(),
        Source::Attribute(key) => {
            let today = tables::promoted::RENAMED.iter().find(|(old, _)| old == key).map(|(_, new)| *new);
            let columns = [Some(key.as_str()), today].into_iter().flatten().map(tables::promoted::column_name);
            let places = ["attributes", "request_id", "request_id_key", "legacy_keys"].map(String::from);
            places.into_iter().chain(columns).filter(|c| shape.spec.schema.index_of(c).is_ok()).collect()
        }
        Source::Resource(_) => vec!["resource_id".into()],
        Source::Series(_) | Source::SeriesResource(_) => vec!["series_id".into()],
    }
}

/// Rows up to which one thread is used: splitting work costs more CPU than it saves time.
const ONE_THREAD_ROWS_MAX: u64 = 8_000_000;

fn tuned(mut state: SessionState, wanted: &Wanted, scope: &QueryScope) -> Result<SessionState, SqlError> {
    let few = || {
        let rows = scope.prepared()?.view.tables.values().flat_map(|t| &t.parts).map(|p| p.rows).sum::<u64>();
        Ok::<_, SqlError>(rows <= ONE_THREAD_ROWS_MAX)
    };
    let needs = &wanted.needs;
    if needs.look_up || needs.newest_first || needs.one_stream || (!needs.tables.is_empty() && few()?) {
        state.config_mut().options_mut().execution.target_partitions = 1;
    }
    Ok(state)
}

/// A physical plan, of a logical one that may have to be optimised again.
async fn physical(
    planners: &Planners,
    state: &Arc<SessionState>,
    plan: LogicalPlan,
    optimize: bool,
) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
    let (state, handle) = (state.clone(), tokio::runtime::Handle::current());
    let made = planners.run(move || {
        let plan = if optimize { state.optimize(&plan)? } else { plan };
        Ok(handle.block_on(state.query_planner().create_physical_plan(&plan, state.as_ref()))?)
    });
    made.await?
}

/// A started statement. Dropping it stops it.
pub struct Running {
    stream: SendableRecordBatchStream,
    /// What ran, for the figures: more than one where a first step bounded the second.
    plans: Vec<Arc<dyn ExecutionPlan>>,
    schema: SchemaRef,
    scope: Arc<QueryScope>,
    limits: Limits,
    complete: bool,
    incomplete_reason: Option<String>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Running {
    /// Columns as they are sent.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next rows; `None` at the end, or at a limit.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, SqlError>> {
        loop {
            if !self.complete && self.limits.rows + 1 > self.limits.rows_max {
                return None;
            }
            let batch = match self.stream.next().await? {
                Ok(batch) if batch.num_rows() == 0 => continue,
                Ok(batch) => batch,
                Err(error) => return Some(Err(error.into())),
            };
            let (batch, cut) = self.limits.admit(batch);
            if let Some(reason) = cut {
                self.complete = false;
                self.incomplete_reason.get_or_insert(reason);
                self.limits.rows_max = self.limits.rows;
                if batch.num_rows() == 0 {
                    return None;
                }
            }
            return Some(output::plain(&batch, &self.schema).map_err(SqlError::from));
        }
    }

    /// What is said after the last row; times are the caller's to fill in.
    pub fn end(&self) -> QueryEnd {
        let mut statistics = Statistics::default();
        for (n, plan) in self.plans.iter().rev().enumerate() {
            let mut of_plan = Statistics::default();
            statistics::of_plan(plan.as_ref(), &mut of_plan);
            // A first step reads its share of the same parts.
            statistics = if n == 0 {
                of_plan
            } else {
                Statistics {
                    rows_scanned: statistics.rows_scanned + of_plan.rows_scanned,
                    bytes_scanned: statistics.bytes_scanned + of_plan.bytes_scanned,
                    ..statistics
                }
            };
        }
        statistics::of_scope(&self.scope, &mut statistics);
        QueryEnd { complete: self.complete, incomplete_reason: self.incomplete_reason.clone(), statistics }
    }
}
