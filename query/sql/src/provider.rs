//! A table of ours inside the SQL engine: parts of the view and hot rows of the same view, each row once.
//!
//! The list of files comes from the view, never from a listing, and only from the asker's workspace.
//! Filters are taken over exactly, in file terms, below the derivation of the visible columns; so the
//! readers prune and filter by them, and nothing is left to do above.

use crate::derive::{Derivation, Overflow, columns_of, file};
use crate::identity::Constants;
use crate::one_stream::OneStream;
use crate::plan;
use crate::scope::{Counts, Prepared, QueryScope};
use crate::shape::{Shape, Source};
use crate::translate::translate;
use crate::view::{Chunk, Seen};
use crate::{derive, keys};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use client::message::Part;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, lit};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use object_store::ObjectMeta;
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tables::TableId;

/// Identities that a filter may single out before it is cheaper to look each row's up.
const IDENTITIES_MAX: usize = 512;

/// One table for one query.
#[derive(Debug)]
pub struct StoreTable {
    shape: Arc<Shape>,
    scope: Arc<QueryScope>,
}

impl StoreTable {
    pub fn new(shape: Arc<Shape>, scope: Arc<QueryScope>) -> Self {
        Self { shape, scope }
    }

    pub fn table(&self) -> TableId {
        self.shape.table
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        self.shape.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|_| TableProviderFilterPushDown::Exact).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let prepared = self.scope.prepared()?;
        let columns = match projection {
            Some(indices) => indices.iter().map(|i| self.shape.schema.field(*i).name().clone()).collect(),
            None => self.shape.schema.fields().iter().map(|f| f.name().clone()).collect(),
        };
        let scan = Scan { table: self, state, prepared, columns, filters: self.by_identity(state, prepared, filters)? };
        scan.plan(filters)
    }
}

impl StoreTable {
    /// Replaces filters on what a resource or series has by filters on its id, where few ids pass.
    fn by_identity(&self, state: &dyn Session, prepared: &Prepared, filters: &[Expr]) -> Result<Vec<Filter>> {
        let each = |filter: &Expr| {
            Ok(self
                .identity_filter(state, prepared, filter)?
                .map_or_else(|| Filter::Visible(filter.clone()), Filter::File))
        };
        filters.iter().flat_map(plan::conjuncts).map(each).collect()
    }

    fn identity_filter(&self, state: &dyn Session, prepared: &Prepared, filter: &Expr) -> Result<Option<Expr>> {
        let around = &prepared.around;
        let mut columns = Vec::new();
        let mut id = None;
        for column in columns_of(filter) {
            let Some(visible) = self.shape.column(&column) else { return Ok(None) };
            let (of, constants) = match &visible.source {
                Source::Resource(constant) => ("resource_id", derive::constants(&around.resources, constant)?),
                Source::Series(constant) => ("series_id", derive::constants(&around.series, constant)?),
                Source::SeriesResource(constant) => {
                    let resources = derive::constants(&around.resources, constant)?;
                    ("series_id", around.series.column("resource_id")?.through(&resources)?)
                }
                _ => return Ok(None),
            };
            if id.is_some_and(|id| id != of) {
                return Ok(None);
            }
            id = Some(of);
            columns.push((visible.field.clone(), constants));
        }
        let Some(id) = id else { return Ok(None) };
        let ids = if id == "series_id" { around.series.ids()? } else { around.resources.ids()? };
        let schema = Arc::new(Schema::new(columns.iter().map(|(f, _)| f.clone()).collect::<Vec<_>>()));
        let physical = state.create_physical_expr(filter.clone(), &DFSchema::try_from(schema.clone())?)?;
        let Some(passing) = passing(&physical, &schema, &columns, &ids)? else { return Ok(None) };
        Ok(Some(if passing.is_empty() { lit(false) } else { file(id).in_list(passing, false) }))
    }
}

/// Ids whose constants pass; `None` when they are many, or when rows of unknown identity pass.
fn passing(
    filter: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    columns: &[(arrow::datatypes::Field, Constants)],
    ids: &[arrow::array::FixedSizeBinaryArray],
) -> Result<Option<Vec<Expr>>> {
    let passes = |batch: RecordBatch| -> Result<arrow::array::BooleanArray> {
        let rows = batch.num_rows();
        Ok(filter.evaluate(&batch)?.into_array(rows)?.as_boolean().clone())
    };
    let absent = RecordBatch::try_new(schema.clone(), columns.iter().map(|(_, c)| c.absent_value().clone()).collect())?;
    if passes(absent)?.true_count() > 0 {
        return Ok(None);
    }
    let mut passing = Vec::new();
    for (segment, ids) in ids.iter().enumerate() {
        let values = columns.iter().map(|(_, c)| c.values[segment].clone()).collect();
        let passed = passes(RecordBatch::try_new(schema.clone(), values)?)?;
        for (id, passed) in ids.iter().zip(passed.iter()) {
            if passed == Some(true) {
                passing.push(Expr::Literal(ScalarValue::FixedSizeBinary(16, id.map(<[u8]>::to_vec)), None));
            }
        }
        if passing.len() > IDENTITIES_MAX {
            return Ok(None);
        }
    }
    Ok(Some(passing))
}

/// A conjunct of the WHERE clause.
#[derive(Clone, Debug)]
enum Filter {
    /// Over visible columns.
    Visible(Expr),
    /// Over file columns already.
    File(Expr),
}

/// One scan being planned.
struct Scan<'a> {
    table: &'a StoreTable,
    state: &'a dyn Session,
    prepared: &'a Prepared,
    columns: Vec<String>,
    filters: Vec<Filter>,
}

/// Where rows come from.
enum Rows<'a> {
    Parts(Vec<&'a Part>),
    Hot(Vec<&'a Arc<Chunk>>),
}

impl Scan<'_> {
    fn plan(&self, filters: &[Expr]) -> Result<Arc<dyn ExecutionPlan>> {
        let nothing = Seen::default();
        let seen = self.prepared.view.tables.get(&self.table.table()).unwrap_or(&nothing);
        let (from, until) = plan::time_bounds(filters.iter());
        let in_time = |min: i64, max: i64| min < until && max >= from;
        let services = plan::services(filters);
        let has_service = |part: &Part| match (&services, &part.services) {
            (Some(wanted), Some(there)) => there.iter().any(|s| wanted.contains(s)),
            _ => true,
        };
        let parts: Vec<&Part> =
            seen.parts.iter().filter(|p| in_time(p.time_min, p.time_max) && has_service(p)).collect();
        let hot: Vec<&Arc<Chunk>> = seen.hot.iter().filter(|c| in_time(c.time_min, c.time_max)).collect();
        let counts = &self.table.scope.counts;
        Counts::add(&counts.parts_considered, seen.parts.len() + seen.parts_elsewhere as usize);
        Counts::add(&counts.parts_pruned, seen.parts.len() - parts.len() + seen.parts_elsewhere as usize);
        Counts::add(&counts.hot_rows, hot.iter().map(|c| c.rows).sum());
        let selective = self.prepared.few_rows || plan::is_selective(filters);
        let mut inputs = Vec::new();
        if !hot.is_empty() {
            let overflow = self.relevant(hot.iter().flat_map(|c| &c.overflow));
            inputs.push(self.of(Rows::Hot(hot), &overflow, selective)?);
        }
        for (overflow, parts) in self.by_overflow(parts) {
            inputs.push(self.of(Rows::Parts(parts), &overflow, selective)?);
        }
        match inputs.len() {
            0 => Ok(Arc::new(EmptyExec::new(self.output_schema()?))),
            _ => {
                let all = UnionExec::try_new(inputs)?;
                match self.prepared.one_stream {
                    true => Ok(Arc::new(OneStream::new(all))),
                    false => Ok(all),
                }
            }
        }
    }

    fn output_schema(&self) -> Result<SchemaRef> {
        let fields = self.columns.iter().map(|c| self.table.shape.schema.field_with_name(c).cloned());
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
    }

    /// Parts in groups that keep the keys of this query alike.
    fn by_overflow<'p>(&self, parts: Vec<&'p Part>) -> BTreeMap<Overflow, Vec<&'p Part>> {
        let current = self.prepared.around.promoted.version;
        let mut groups: BTreeMap<Overflow, Vec<&Part>> = BTreeMap::new();
        for part in parts {
            // An older file may lack columns; then its map has the values.
            let overflow = if part.promoted < current {
                self.relevant(self.prepared.around.promoted.keys.iter().map(|k| &k.key))
            } else {
                self.relevant(part.overflow.iter())
            };
            groups.entry(overflow).or_default().push(part);
        }
        groups
    }

    /// Of these keys, those that the query reads.
    fn relevant<'k>(&self, keys: impl Iterator<Item = &'k String>) -> Overflow {
        let read: BTreeSet<String> = self
            .filters
            .iter()
            .filter_map(|f| match f {
                Filter::Visible(expr) => Some(columns_of(expr)),
                Filter::File(_) => None,
            })
            .flatten()
            .chain(self.columns.iter().cloned())
            .collect();
        Overflow(keys.filter(|k| read.contains(&keys::column(keys::ATTRIBUTES, k))).cloned().collect())
    }

    fn of(&self, rows: Rows<'_>, overflow: &Overflow, selective: bool) -> Result<Arc<dyn ExecutionPlan>> {
        let derivation = Derivation { shape: &self.table.shape, around: &self.prepared.around, overflow };
        let outputs = self.columns.iter().map(|c| derivation.expr(c)).collect::<Result<Vec<_>>>()?;
        let in_file_terms = |filter: &Filter| match filter {
            Filter::Visible(expr) => translate(&unqualified(expr)?, &derivation),
            Filter::File(expr) => Ok(expr.clone()),
        };
        let filter = conjunction(self.filters.iter().map(in_file_terms).collect::<Result<Vec<_>>>()?);
        let needed: BTreeSet<String> = outputs.iter().chain(&filter).flat_map(columns_of).collect();
        let files = &self.table.shape.spec.schema;
        let indices = (0..files.fields().len()).filter(|i| needed.contains(files.field(*i).name())).collect::<Vec<_>>();
        let schema = Arc::new(files.project(&indices)?);
        let mut plan: Arc<dyn ExecutionPlan> = match rows {
            Rows::Parts(parts) => self.read_parts(parts, indices, selective)?,
            Rows::Hot(chunks) => {
                let batches = chunks.iter().map(|c| c.batch(&schema)).collect::<Result<Vec<_>, _>>()?;
                MemorySourceConfig::try_new_exec(&[batches], schema.clone(), None)?
            }
        };
        let terms = DFSchema::try_from(schema)?;
        if let Some(filter) = filter {
            plan = Arc::new(FilterExec::try_new(self.state.create_physical_expr(filter, &terms)?, plan)?);
        }
        let project = |(expr, name): (Expr, &String)| {
            Ok(ProjectionExpr { expr: self.state.create_physical_expr(expr, &terms)?, alias: name.clone() })
        };
        let projection = outputs.into_iter().zip(&self.columns).map(project).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(projection, plan)?))
    }

    /// Newest part first, so that a query for the newest rows can stop early.
    fn read_parts(
        &self,
        mut parts: Vec<&Part>,
        indices: Vec<usize>,
        selective: bool,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        parts.sort_by_key(|p| std::cmp::Reverse(p.time_max));
        let schema = self.table.shape.spec.schema.clone();
        let threads = self.state.config().target_partitions().clamp(1, parts.len().max(1));
        let mut groups = vec![Vec::new(); threads];
        for (n, part) in parts.iter().enumerate() {
            groups[n % threads].push(partitioned_file(part, &schema));
        }
        let source = ParquetSource::new(schema.clone())
            .with_parquet_file_reader_factory(self.table.scope.reader.clone())
            .with_pushdown_filters(selective)
            .with_reorder_filters(selective);
        let config = FileScanConfigBuilder::new(self.table.scope.url.clone(), Arc::new(source))
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .with_statistics(statistics(&parts, &schema))
            .with_projection_indices(Some(indices))?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Filters arrive qualified by the name the statement uses for the table.
fn unqualified(expr: &Expr) -> Result<Expr> {
    datafusion::logical_expr::expr_rewriter::unnormalize_cols([expr.clone()])
        .pop()
        .ok_or_else(|| datafusion::common::internal_datafusion_err!("no filter"))
}

fn partitioned_file(part: &Part, schema: &Schema) -> PartitionedFile {
    let meta = ObjectMeta {
        location: Path::from(part.path.as_str()),
        last_modified: Default::default(),
        size: part.bytes,
        e_tag: None,
        version: None,
    };
    PartitionedFile::new_from_meta(meta).with_statistics(Arc::new(statistics(&[part], schema)))
}

/// What the catalog knows of the parts' columns; exact, because it is counted when they are written.
fn statistics(parts: &[&Part], schema: &Schema) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema);
    statistics.num_rows = Precision::Exact(parts.iter().map(|p| p.rows as usize).sum());
    if let Ok(time) = schema.index_of("time") {
        let bound = |at: Option<i64>| Precision::Exact(ScalarValue::TimestampNanosecond(at, Some("UTC".into())));
        statistics.column_statistics[time] = ColumnStatistics {
            null_count: Precision::Exact(0),
            min_value: bound(parts.iter().map(|p| p.time_min).min()),
            max_value: bound(parts.iter().map(|p| p.time_max).max()),
            ..ColumnStatistics::new_unknown()
        };
    }
    statistics
}
