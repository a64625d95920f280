//! The metric series of a request: what is constant along a series, content-addressed, each once.

use super::attributes::put_all;
use super::column::{BoolColumn, TextColumn, required_ids, required_numbers};
use super::context::Context;
use super::drop_counter::DropCounterName;
use super::identity::Canonical;
use super::input::{MetricInput, MetricKind, PointInput};
use super::map::MapColumn;
use super::pool::{Closing, Text};
use super::resources::{Resource, Scope, ScopeColumns, write_open_row};
use super::text::attributes_text;
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::RecordBatch;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;
use hashbrown::HashMap;
use model::ContentHash;

/// What the points of a metric share.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) resource: u32,
    pub(super) name: Text,
    scope: Scope,
    description: Text,
    unit: Text,
    kind: MetricKind,
    temporality: Option<Temporality>,
    monotonic: Option<bool>,
    metadata: Text,
    flags: RowFlags,
    /// Hash of all this, the part of a point's memo key that is the same for all its points.
    memo_key: u128,
    pub(super) drop_counter: Option<DropCounterName>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Temporality {
    Delta,
    Cumulative,
}

impl Temporality {
    fn of(metric: &MetricInput<'_>) -> Option<Self> {
        match (metric.kind, metric.temporality) {
            (MetricKind::Gauge | MetricKind::Summary, _) => None,
            (_, 1) => Some(Self::Delta),
            (_, 2) => Some(Self::Cumulative),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Cumulative => "cumulative",
        }
    }
}

fn kind_name(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Gauge => "gauge",
        MetricKind::Sum => "sum",
        MetricKind::Histogram => "histogram",
        MetricKind::ExponentialHistogram => "exponential_histogram",
        MetricKind::Summary => "summary",
    }
}

impl Metric {
    pub(super) fn new(
        cx: &mut Context<'_>,
        canonical: &mut Canonical,
        (at, resource): (u32, &Resource),
        scope: Scope,
        metric: &MetricInput<'_>,
    ) -> Self {
        let metadata = if metric.metadata.items().is_empty() {
            Text::NULL
        } else {
            let (text, repaired) = attributes_text(metric.metadata.items());
            if repaired {
                cx.pool.note_repair();
            }
            cx.pool.intern(text.as_bytes())
        };
        let mut built = Self {
            resource: at,
            name: cx.pool.intern(metric.name),
            scope,
            description: cx.pool.intern_or_null(metric.description),
            unit: cx.pool.intern_or_null(metric.unit),
            kind: metric.kind,
            temporality: Temporality::of(metric),
            monotonic: (metric.kind == MetricKind::Sum).then_some(metric.monotonic),
            metadata,
            flags: metric.flags,
            memo_key: 0,
            drop_counter: DropCounterName::of(metric),
        };
        for flags in [cx.repair_flag(), resource.flags, scope.flags] {
            built.flags.insert(flags);
        }
        canonical.clear();
        built.write(cx, canonical, resource.id);
        built.memo_key = canonical.fast_hash(cx.layout.seed());
        built
    }

    /// The identity of the series of this metric, but for the attributes.
    fn write(&self, cx: &Context<'_>, canonical: &mut Canonical, resource: ContentHash) {
        canonical.part(b"series/1");
        canonical.part(&resource.0);
        let Scope { name, version, attributes, schema_url, .. } = self.scope;
        for text in [name, version, attributes, schema_url, self.name, self.unit] {
            canonical.part(cx.pool.get(text));
        }
        canonical.part(kind_name(self.kind).as_bytes());
        canonical.part(self.temporality.map_or("", Temporality::as_str).as_bytes());
        canonical.part(match self.monotonic {
            None => b"",
            Some(false) => b"0",
            Some(true) => b"1",
        });
    }

    pub(super) fn temporality(&self) -> Option<Temporality> {
        self.temporality
    }
}

/// Rows of `series` under construction.
#[derive(Debug, Default)]
pub(super) struct SeriesRows {
    /// Series that have their row, with what is odd about their attributes.
    known: HashMap<ContentHash, RowFlags>,
    rows: usize,
    ids: Vec<u8>,
    name: TextColumn,
    kind: TextColumn,
    unit: TextColumn,
    description: TextColumn,
    temporality: TextColumn,
    monotonic: BoolColumn,
    service: TextColumn,
    resource_id: Vec<u8>,
    scope: ScopeColumns,
    map: MapColumn,
    metadata: TextColumn,
    pub(super) canonical: Canonical,
}

impl SeriesRows {
    /// The series of a point, and what is odd about it.
    pub(super) fn put(
        &mut self,
        cx: &mut Context<'_>,
        resource: &Resource,
        metric: &Metric,
        point: &PointInput<'_>,
    ) -> (ContentHash, RowFlags) {
        let mut flags = metric.flags;
        flags.insert(point.flags);
        if point.attributes.beyond() > 0 {
            flags.insert(RowFlags::ATTRIBUTES_CUT);
        }
        let attributes = point.attributes.items();
        self.canonical.clear();
        self.canonical.part(&metric.memo_key.to_le_bytes());
        self.canonical.attributes(attributes);
        let key = self.canonical.fast_hash(cx.layout.seed());
        let remembered = cx.layout.identities().get(key);
        if let Some(known) = remembered.and_then(|id| self.known.get(&id)) {
            flags.insert(*known);
            return (remembered.unwrap_or_default(), flags);
        }
        let mut odd = put_all(cx, &mut self.map, attributes);
        odd.insert(cx.repair_flag());
        flags.insert(odd);
        let id = remembered.unwrap_or_else(|| self.identity(cx, resource, metric));
        cx.layout.identities().keep_new(key, id, remembered);
        if self.known.contains_key(&id) {
            self.map.abandon_row();
        } else {
            self.known.insert(id, odd);
            self.put_row(cx, id, resource, metric);
        }
        (id, flags)
    }

    fn identity(&mut self, cx: &Context<'_>, resource: &Resource, metric: &Metric) -> ContentHash {
        self.canonical.clear();
        metric.write(cx, &mut self.canonical, resource.id);
        write_open_row(&mut self.canonical, &cx.pool, &self.map);
        self.canonical.identity()
    }

    fn put_row(&mut self, cx: &mut Context<'_>, id: ContentHash, resource: &Resource, metric: &Metric) {
        let row = self.rows;
        self.rows += 1;
        self.ids.extend_from_slice(&id.0);
        self.name.set(row, metric.name);
        self.kind.set(row, cx.pool.intern(kind_name(metric.kind).as_bytes()));
        self.unit.set_unless_null(row, metric.unit);
        self.description.set_unless_null(row, metric.description);
        if let Some(temporality) = metric.temporality {
            self.temporality.set(row, cx.pool.intern(temporality.as_str().as_bytes()));
        }
        if let Some(monotonic) = metric.monotonic {
            self.monotonic.set(row, monotonic);
        }
        self.service.set(row, resource.service);
        self.resource_id.extend_from_slice(&resource.id.0);
        self.scope.put(row, &metric.scope);
        self.map.end_row(row);
        self.metadata.set_unless_null(row, metric.metadata);
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::Series).schema.clone();
        let times = vec![cx.received.0; rows];
        let mut columns = vec![
            required_ids::<16>(self.ids)?,
            required_numbers::<TimestampNanosecondType>(times, schema.field(1).data_type()),
            self.name.finish_required(closing)?,
            self.kind.finish_required(closing)?,
            self.unit.finish(closing, rows)?,
            self.description.finish(closing, rows)?,
            self.temporality.finish(closing, rows)?,
            self.monotonic.finish(closing, rows),
            self.service.finish_required(closing)?,
            required_ids::<16>(self.resource_id)?,
        ];
        columns.extend(self.scope.finish(closing, rows)?);
        columns.extend(self.map.finish(closing, rows)?);
        columns.push(self.metadata.finish(closing, rows)?);
        Ok(Some(TableBatch {
            table: TableId::Series,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: cx.received.0,
            time_max: cx.received.0,
            overflow: Vec::new(),
        }))
    }
}
