//! The rows of one request.

use super::context::Context;
use super::derived::{Derived, Origin};
use super::logs::LogRows;
use super::metrics::MetricRows;
use super::pool::{TextCheck, TextPool};
use super::resources::{Resources, Scope};
use super::series::{Metric, SeriesRows, Temporality};
use super::spans::SpanRows;
use super::{Attributes, Layout, LogInput, MetricInput, PointInput, ResourceInput, ScopeInput, SpanInput};
use crate::flags::RowFlags;
use crate::{Batches, DropCounter};
use arrow::error::ArrowError;
use model::UnixNanos;

/// A resource of this request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResourceRef(u32);

/// An instrumentation scope of this request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopeRef(u32);

/// A metric of this request, under its resource and scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricRef(u32);

/// Why rows could not be closed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Only with [`TextCheck::AtOnce`]: build again with [`TextCheck::Each`].
    #[error("text is not UTF-8: {0}")]
    NotUtf8(#[source] ArrowError),
    /// Rows that do not fit their schema: an error of this crate, not of a sender.
    #[error("rows do not fit their table: {0}")]
    Misfit(#[from] ArrowError),
}

/// Takes the items of one request, gives the batches they turned into.
#[derive(Debug)]
pub struct RequestBuilder<'l> {
    cx: Context<'l>,
    resources: Resources,
    scopes: Vec<Scope>,
    metrics: Vec<Metric>,
    spans: Option<Box<SpanRows>>,
    logs: Option<Box<LogRows>>,
    points: Option<Box<MetricRows>>,
    series: SeriesRows,
    derived: Option<Box<Derived>>,
    items: usize,
    attributes: usize,
    repaired: u64,
    too_deep: u64,
    attributes_cut: u64,
    nested_cut: u64,
}

impl<'l> RequestBuilder<'l> {
    /// For text that is known to be UTF-8, or is repaired as it comes in. `bytes_expected`: the size
    /// of the request, to allocate by; any number is right.
    pub fn new(layout: &'l Layout, received: UnixNanos, bytes_expected: usize) -> Self {
        Self::with_check(layout, received, bytes_expected, TextCheck::Each)
    }

    /// Says when text is checked. With [`TextCheck::AtOnce`], `finish` fails with
    /// [`BuildError::NotUtf8`] where some is not UTF-8: build again with [`TextCheck::Each`].
    pub fn with_check(layout: &'l Layout, received: UnixNanos, bytes_expected: usize, check: TextCheck) -> Self {
        Self {
            cx: Context::new(layout, received, bytes_expected, check),
            resources: Resources::default(),
            scopes: Vec::new(),
            metrics: Vec::new(),
            spans: None,
            logs: None,
            points: None,
            series: SeriesRows::default(),
            derived: None,
            items: 0,
            attributes: 0,
            repaired: 0,
            too_deep: 0,
            attributes_cut: 0,
            nested_cut: 0,
        }
    }

    pub fn layout(&self) -> &'l Layout {
        self.cx.layout
    }

    /// An empty attribute list with the bound of the settings.
    pub fn attributes<'a>(&self) -> Attributes<'a> {
        Attributes::new(self.cx.layout.settings().attributes_max)
    }

    /// Registers a resource; the same content gives the same reference. Call it for resources that
    /// have items only: each gives a row of `resources` and an entry for the ledger.
    pub fn resource(&mut self, resource: &ResourceInput<'_>) -> ResourceRef {
        self.attributes += resource.attributes.items().len();
        ResourceRef(self.resources.put(&mut self.cx, resource))
    }

    pub fn scope(&mut self, scope: &ScopeInput<'_>) -> ScopeRef {
        let scope = Scope::new(&mut self.cx, scope);
        if self.scopes.last() != Some(&scope) {
            self.scopes.push(scope);
        }
        ScopeRef(self.scopes.len() as u32 - 1)
    }

    /// Whether a bound of the request is reached ([`super::BuildSettings`]): the caller refuses what
    /// comes now, for [`RequestBuilder::full_reason`].
    pub fn is_full(&self) -> bool {
        let settings = self.cx.layout.settings();
        self.items >= settings.items_max || self.attributes >= settings.request_attributes_max
    }

    /// The bound that [`RequestBuilder::is_full`] speaks of, for the sender.
    pub fn full_reason(&self) -> String {
        let settings = self.cx.layout.settings();
        if self.items >= settings.items_max {
            format!("more than {} items in one request", settings.items_max)
        } else {
            format!("more than {} attributes in one request", settings.request_attributes_max)
        }
    }

    pub fn span(&mut self, resource: ResourceRef, scope: ScopeRef, span: &SpanInput<'_>) {
        let cx = &mut self.cx;
        let rows = self.spans.get_or_insert_with(|| Box::new(SpanRows::new(cx)));
        let resource = self.resources.get(resource.0);
        resource.sender.accepted += 1;
        let stored = rows.put(cx, resource, &self.scopes[scope.0 as usize], span);
        if stored.marks.concern_spans() {
            let origin = Origin::of_span(stored, resource, span);
            // Derived rows hold their attributes once more: they count against the request's bounds.
            self.items += self.derived.get_or_insert_default().span(cx, stored.marks, &origin);
            self.attributes += span.attributes.items().len();
        }
        self.attributes += span.attributes.items().len();
        self.attributes += span.events.iter().map(|event| event.attributes.items().len()).sum::<usize>();
        self.attributes += span.links.iter().map(|link| link.attributes.items().len()).sum::<usize>();
        self.note(stored.flags, 1 + span.events.len() + span.links.len());
    }

    pub fn log(&mut self, resource: ResourceRef, scope: ScopeRef, record: &LogInput<'_>) {
        let cx = &mut self.cx;
        let rows = self.logs.get_or_insert_with(|| Box::new(LogRows::new(cx)));
        let resource = self.resources.get(resource.0);
        resource.sender.accepted += 1;
        let stored = rows.put(cx, resource, &self.scopes[scope.0 as usize], record);
        if stored.marks.concern_logs() {
            let origin = Origin::of_log(stored, resource, record);
            self.items += self.derived.get_or_insert_default().log(cx, stored.marks, &origin);
            self.attributes += record.attributes.items().len();
        }
        self.attributes += record.attributes.items().len();
        self.note(stored.flags, 1);
    }

    pub fn metric(&mut self, resource: ResourceRef, scope: ScopeRef, metric: &MetricInput<'_>) -> MetricRef {
        let owner = (resource.0, &*self.resources.get(resource.0));
        let scope = self.scopes[scope.0 as usize];
        self.metrics.push(Metric::new(&mut self.cx, &mut self.series.canonical, owner, scope, metric));
        MetricRef(self.metrics.len() as u32 - 1)
    }

    pub fn point(&mut self, metric: MetricRef, point: &PointInput<'_>) {
        let metric = &self.metrics[metric.0 as usize];
        let resource = self.resources.get(metric.resource);
        let (series, odd) = self.series.put(&mut self.cx, resource, metric, point);
        resource.sender.accepted += 1;
        if let Some(lost) = metric.drop_counter.and_then(|counter| counter.lost(point)) {
            match metric.temporality() {
                Some(Temporality::Delta) => {
                    resource.sender.dropped_by_sender = resource.sender.dropped_by_sender.saturating_add(lost);
                }
                Some(Temporality::Cumulative) => {
                    resource.sender.drop_counters.push(DropCounter { series, cumulative: lost });
                }
                None => {}
            }
        }
        let names = (metric.name, resource.service);
        let rows = self.points.get_or_insert_default();
        let flags = rows.put(&mut self.cx, names, series, point, odd);
        self.attributes += point.attributes.items().len();
        self.attributes += point.exemplars.iter().map(|exemplar| exemplar.attributes.items().len()).sum::<usize>();
        self.note(flags, 1 + point.exemplars.len());
    }

    /// Counts items of a resource that could not be taken.
    pub fn refuse(&mut self, resource: ResourceRef, items: u64) {
        self.resources.get(resource.0).sender.refused += items;
    }

    /// What a sender should hear although everything was taken.
    pub fn warnings(&self) -> Vec<String> {
        let said = [
            (self.repaired, "with text that is not UTF-8 (repaired with U+FFFD)"),
            (self.too_deep, "with a value nested deeper than 64 levels (cut there)"),
            (self.attributes_cut, "with more attributes than are kept (the rest counted as dropped)"),
            (self.nested_cut, "with more events, links or exemplars than are kept (the rest dropped)"),
            (
                self.derived.as_ref().map_or(0, |derived| derived.malformed),
                "with a business event, change or heartbeat of which a part is missing or could not be read",
            ),
            (
                self.derived.as_ref().map_or(0, |derived| derived.cut),
                "with a business event, change or heartbeat that was longer than is kept (cut)",
            ),
        ];
        let told = said.iter().filter(|(items, _)| *items > 0);
        told.map(|(items, what)| format!("{items} {} {what}", if *items == 1 { "item" } else { "items" })).collect()
    }

    /// The batches: tables that got rows, and what came from whom.
    pub fn finish(self) -> Result<Batches, BuildError> {
        let Self { mut cx, resources, spans, logs, points, series, derived, .. } = self;
        let pool = std::mem::replace(&mut cx.pool, TextPool::closed());
        let closing = pool.finish().map_err(BuildError::NotUtf8)?;
        let mut tables = Vec::new();
        tables.extend(spans.map(|rows| rows.finish(&cx, &closing)).transpose()?.flatten());
        tables.extend(logs.map(|rows| rows.finish(&cx, &closing)).transpose()?.flatten());
        tables.extend(points.map(|rows| rows.finish(&cx, &closing)).transpose()?.flatten());
        tables.extend(series.finish(&cx, &closing)?);
        tables.extend(derived.map(|derived| derived.finish(&cx, &closing)).transpose()?.into_iter().flatten());
        let (rows, senders) = resources.finish(&cx, &closing)?;
        tables.extend(rows);
        Ok(Batches { tables, senders })
    }

    #[inline]
    fn note(&mut self, flags: RowFlags, items: usize) {
        self.items += items;
        if flags.is_empty() {
            return;
        }
        self.repaired += u64::from(flags.contains(RowFlags::INVALID_UTF8));
        self.too_deep += u64::from(flags.contains(RowFlags::TOO_DEEP));
        self.attributes_cut += u64::from(flags.contains(RowFlags::ATTRIBUTES_CUT));
        self.nested_cut += u64::from(flags.contains(RowFlags::NESTED_CUT));
    }
}
