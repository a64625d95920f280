//! `GET /api/v1/traces/{trace_id}`: one trace, its spans in pages, and what can be said of the whole.
//!
//! The analysis (critical path, gaps, missing parents, skew) is of the whole trace, whatever page is
//! shown; it comes with the first page. What could not be had is said, and does not take the rest away.

use super::analysis::{Analysis, analysis, critical_times};
use super::answer::{Place, ServiceCount, SpanItem, SpanName, service_counts};
use super::filter::trace_id;
use super::load::{Bounds, Loaded, Wanted};
use super::read::Resource;
use super::related::{Related, related};
use super::trace_logs::{TraceLogs, trace_logs};
use crate::aside::aside;
use crate::describe::AnyProblem;
use crate::params::Params;
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use traces::{Status, critical_path, self_times};
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 5_000;
const LIMIT_MAX: usize = 20_000;

/// One trace.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trace {
    trace_id: String,
    /// The earliest span without a parent; null where it is missing.
    root: Option<SpanName>,
    /// First start, and from there to the last end.
    start: String,
    duration_ns: i64,
    /// Of the whole trace; spans that were sent twice count once.
    span_count: usize,
    error_count: usize,
    services: Vec<ServiceCount>,
    /// A page of spans in tree order: each before its children, these by start.
    spans: Vec<SpanItem>,
    offset: usize,
    /// Give it as `offset` for what follows; null at the end.
    next_offset: Option<usize>,
    /// Resources of the spans of this page, by id.
    resources: BTreeMap<String, Resource>,
    /// Of the whole trace. With the first page only.
    analysis: Option<Analysis>,
    /// Other traces of the same story. With the first page only.
    related: Option<Vec<Related>>,
    /// Log records of the trace. With the first page only.
    logs: Option<TraceLogs>,
    complete: bool,
    incomplete_reason: Option<String>,
}

/// One trace: spans in pages, critical path, gaps, missing parents, related traces, logs.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}", operation_id = "trace", tag = "traces",
    params(
        ("trace_id" = String, Path, description = "32 hexadecimal digits, or 16."),
        ("offset" = Option<usize>, Query, description = "Spans to leave out, in tree order; 0 without it."),
        ("limit" = Option<usize>, Query, description = "Spans of this page, 1 to 20000; 5000 without it."),
        ("from" = Option<String>, Query, description = "Look only at spans from this time on."),
        ("to" = Option<String>, Query, description = "Look only at spans before this time."),
    ),
    responses((status = 200, description = "The trace.", body = Trace), (status = "default", response = AnyProblem)))]
pub(super) async fn detail(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Trace>, Problem> {
    let params = Params::read(&uri, &["offset", "limit", "from", "to"])?;
    let Path(id) = id.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    let id = trace_id("trace_id", &id)?;
    let wanted =
        Wanted { offset: offset(&params)?, limit: crate::page::read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)? };
    let bounds = Bounds::read(&params, api.now())?;
    let loaded = Arc::new(api.load_trace(&asker, &id, bounds, wanted).await?);
    let (of, shown) = (id.clone(), Arc::clone(&loaded));
    let mut trace = aside(move || Ok(page(&of, &shown, wanted))).await?;
    if wanted.offset == 0 {
        let (analysis, related, logs) = futures::join!(
            analysis(&api, &asker, &loaded),
            related(&api, &asker, &id, &loaded.shape),
            trace_logs(&api, &asker, &id, bounds, &loaded),
        );
        trace.analysis = trace.part("analysis", analysis);
        trace.related = trace.part("related traces", related.map(|found| (found.items, found.incomplete_reason)));
        trace.logs = trace.part("logs", logs.map(|logs| (logs, None)));
    }
    Ok(Json(trace))
}

fn offset(params: &Params) -> Result<usize, Problem> {
    let Some(text) = params.get("offset") else { return Ok(0) };
    text.parse().map_err(|_| Problem::invalid(format!("offset is {text:?}: an integer from 0")))
}

/// The trace without what other queries add.
fn page(id: &str, loaded: &Loaded, wanted: Wanted) -> Trace {
    let (tree, names) = (&loaded.shape.tree, &loaded.shape.names);
    let (own, critical) = (self_times(tree), critical_times(tree, &critical_path(tree)));
    let shown = tree.order().iter().skip(wanted.offset).take(wanted.limit);
    let items = shown.filter_map(|node| {
        let place = Place { node: *node, self_ns: own[*node as usize], critical_ns: critical[*node as usize] };
        Some(SpanItem::of(loaded.spans.get(node)?, tree, place, names))
    });
    let (start, end) = tree.interval().unwrap_or_default();
    let next = wanted.offset.saturating_add(wanted.limit);
    Trace {
        trace_id: id.to_owned(),
        root: tree.roots().next().map(|node| SpanName::of(tree.span(node), names)),
        start: timestamp_text(start),
        duration_ns: end.saturating_sub(start),
        span_count: tree.len(),
        error_count: tree.nodes().filter(|n| tree.span(*n).status == Status::Error).count(),
        services: service_counts(tree, names),
        spans: items.collect(),
        offset: wanted.offset,
        next_offset: (next < tree.len()).then_some(next),
        resources: loaded.resources.clone(),
        analysis: None,
        related: None,
        logs: None,
        complete: loaded.shape.complete,
        incomplete_reason: loaded.shape.incomplete_reason.clone(),
    }
}

impl Trace {
    /// Takes a part, or says why it is not there.
    fn part<T>(&mut self, name: &str, part: Result<(T, Option<String>), Problem>) -> Option<T> {
        let (part, reason) = match part {
            Ok((part, reason)) => (Some(part), reason),
            Err(problem) => (None, Some(problem.detail().to_owned())),
        };
        if let Some(reason) = reason {
            self.complete = false;
            let before = self.incomplete_reason.take().map(|before| format!("{before}; ")).unwrap_or_default();
            self.incomplete_reason = Some(format!("{before}{name}: {reason}"));
        }
        part
    }
}
