//! What can be said of a trace as a whole: the pure analysis, joined with callers and the loss ledger.

use super::answer::SpanName;
use super::load::{Loaded, Shape};
use crate::aside::aside;
use crate::ask::literals;
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use traces::{Callers, Drops, Segment, Tree, critical_path, self_times};
use utoipa::ToSchema;

/// Segments, missing parents, operations and pairs of services that an answer lists; all are counted.
const SEGMENTS_MAX: usize = 10_000;
const LISTED_MAX: usize = 1_000;
/// Children that are named of each missing parent.
const CHILDREN_MAX: usize = 20;
/// Senders report drops once a minute or so, and later than they happen.
const DROPS_REACH: Duration = Duration::from_secs(600);
/// Who calls whom is looked up this long before the trace.
const CALLERS_REACH: Duration = Duration::from_secs(86_400);

/// Of the whole trace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Analysis {
    /// One root, and every named parent is there.
    whole: bool,
    critical_path: CriticalPath,
    gaps: GapList,
    missing_parents: Vec<MissingParent>,
    missing_parent_count: usize,
    /// Services whose clocks disagree. Nothing is corrected.
    clock_skew: Vec<ClockSkew>,
    oddities: OddityCounts,
    /// The most self time first.
    operations: Vec<OperationShareItem>,
    operation_count: usize,
    /// Services (Collectors too) that report items they dropped themselves around that time, when parents
    /// are missing.
    dropped_by_senders: Vec<DroppedBy>,
}

/// Which span the end of the root was waiting for, at each instant.
#[derive(Debug, Serialize, ToSchema)]
struct CriticalPath {
    segments: Vec<SegmentItem>,
    /// Of the whole path, should it be too long to be listed.
    segment_count: usize,
    /// The duration of the root, which the path covers.
    duration_ns: i64,
    /// How much longer the trace went on without the root: work that nobody waited for.
    after_root_ns: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SegmentItem {
    span_id: String,
    service: String,
    operation: String,
    start: String,
    duration_ns: i64,
}

/// Time in spans that their children do not explain, the longest first.
#[derive(Debug, Serialize, ToSchema)]
struct GapList {
    items: Vec<SegmentItem>,
    count: usize,
    /// What counts as a gap in this trace.
    threshold_ns: i64,
}

/// A span that others name as their parent, and that is not there.
#[derive(Debug, Serialize, ToSchema)]
struct MissingParent {
    span_id: String,
    /// The first twenty.
    children: Vec<SpanName>,
    child_count: usize,
    /// Whose it was, as far as anything tells.
    lost_by: Vec<Loser>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Loser {
    service: String,
    why: &'static str,
    /// Items that this service reports as dropped around that time; null when it reports none.
    dropped_by_sender: Option<i64>,
    /// The same in a sentence.
    said: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct DroppedBy {
    service: String,
    dropped_by_sender: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ClockSkew {
    parent_service: String,
    child_service: String,
    span_count: usize,
    /// Most that a child begins before its parent.
    starts_before_ns: i64,
    /// Most that a server ends after its client.
    ends_after_ns: i64,
}

/// What was odd; nothing was left out for it.
#[derive(Debug, Serialize, ToSchema)]
struct OddityCounts {
    /// Spans that were sent more than once, and are shown once.
    duplicates: usize,
    /// Of these, the ones that were not equal.
    differing_duplicates: usize,
    self_parents: usize,
    /// Circles of parents, cut at their earliest span.
    cycles: usize,
    /// Where they were cut: the first hundred.
    cut_at: Vec<String>,
    zero_ids: usize,
    negative_durations: usize,
    /// Ids that stand for both sides of a call.
    shared_ids: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct OperationShareItem {
    service: String,
    operation: String,
    calls: usize,
    errors: usize,
    duration_ns: i64,
    self_ns: i64,
}

/// How much of the critical path each node has.
pub(crate) fn critical_times(tree: &Tree, path: &[Segment]) -> Vec<i64> {
    let mut times = vec![0; tree.len()];
    path.iter().for_each(|segment| times[segment.node as usize] += segment.duration_ns);
    times
}

/// The analysis, and why it is not all that it could be.
pub(crate) async fn analysis(
    api: &Api,
    asker: &Asker,
    loaded: &Arc<Loaded>,
) -> Result<(Analysis, Option<String>), Problem> {
    let shape = &loaded.shape;
    let mut reason = None;
    let (mut callers, mut drops) = (Callers::new(), Drops::new());
    if !shape.tree.missing().is_empty() {
        match losses(api, asker, shape).await {
            Ok(found) => (callers, drops) = found,
            Err(problem) => reason = Some(format!("who lost spans is not known: {}", problem.detail())),
        }
    }
    let of = Arc::clone(loaded);
    let analysis = aside(move || Ok(analysed(&of.shape, &callers, &drops))).await?;
    Ok((analysis, reason))
}

/// Known callers of the services whose parents are missing, and what senders dropped meanwhile.
async fn losses(api: &Api, asker: &Asker, shape: &Shape) -> Result<(Callers, Drops), Problem> {
    let meanwhile = shape.around(DROPS_REACH, DROPS_REACH).condition("time");
    // Counters of drops come as metrics, so the row is one of that signal, whatever was dropped.
    let dropped = format!(
        "SELECT service, sum(dropped_by_sender) AS dropped FROM ledger WHERE \
         dropped_by_sender > 0 AND {meanwhile} GROUP BY service"
    );
    let orphans = shape.tree.missing().iter().flat_map(|(_, children)| children);
    let services: BTreeSet<&str> =
        orphans.map(|child| shape.names.text(shape.tree.span(*child).service)).take(LISTED_MAX).collect();
    let lately = shape.around(CALLERS_REACH, DROPS_REACH).condition("time");
    let called = format!(
        "SELECT caller, callee FROM service_edges WHERE kind IN ('call', 'message') AND caller_type = 'service' \
         AND callee IN {} AND {lately} GROUP BY caller, callee HAVING sum(calls) > 0",
        literals(services)
    );
    let (dropped, called) = futures::join!(api.ask(asker, dropped), api.ask(asker, called));
    let (mut callers, mut drops) = (Callers::new(), Drops::new());
    for row in dropped?.iter() {
        drops.insert(row.text("service")?.to_owned(), row.int("dropped")?);
    }
    for row in called?.iter() {
        callers.entry(row.text("callee")?.to_owned()).or_default().insert(row.text("caller")?.to_owned());
    }
    Ok((callers, drops))
}

fn analysed(shape: &Shape, callers: &Callers, drops: &Drops) -> Analysis {
    let (tree, names) = (&shape.tree, &shape.names);
    let text = |name| names.text(name).to_owned();
    let operations = traces::operations(tree, &self_times(tree));
    let missing = traces::missing(tree, names, callers, drops);
    let dropped =
        drops.iter().map(|(service, dropped)| DroppedBy { service: service.clone(), dropped_by_sender: *dropped });
    let odd = tree.oddities();
    Analysis {
        whole: tree.is_whole(),
        critical_path: path(shape),
        gaps: gaps(shape),
        missing_parent_count: missing.len(),
        missing_parents: missing.iter().take(LISTED_MAX).map(|m| missing_parent(shape, m)).collect(),
        clock_skew: traces::skews(tree)
            .into_iter()
            .take(LISTED_MAX)
            .map(|skew| ClockSkew {
                parent_service: text(skew.parent_service),
                child_service: text(skew.child_service),
                span_count: skew.spans,
                starts_before_ns: skew.starts_before_ns,
                ends_after_ns: skew.ends_after_ns,
            })
            .collect(),
        oddities: OddityCounts {
            duplicates: odd.duplicates,
            differing_duplicates: odd.differing_duplicates,
            self_parents: odd.self_parents,
            cycles: odd.cycles,
            cut_at: odd.cut_at.iter().map(ToString::to_string).collect(),
            zero_ids: odd.zero_ids,
            negative_durations: odd.negative_durations,
            shared_ids: odd.shared_ids,
        },
        operation_count: operations.len(),
        operations: operations
            .into_iter()
            .take(LISTED_MAX)
            .map(|sum| OperationShareItem {
                service: text(sum.service),
                operation: text(sum.operation),
                calls: sum.calls,
                errors: sum.errors,
                duration_ns: sum.duration_ns,
                self_ns: sum.self_ns,
            })
            .collect(),
        dropped_by_senders: dropped.take(LISTED_MAX).collect(),
    }
}

fn segment(shape: &Shape, node: u32, start: i64, duration_ns: i64) -> SegmentItem {
    let span = shape.tree.span(node);
    SegmentItem {
        span_id: span.id.to_string(),
        service: shape.names.text(span.service).to_owned(),
        operation: shape.names.text(span.operation).to_owned(),
        start: timestamp_text(start),
        duration_ns,
    }
}

fn path(shape: &Shape) -> CriticalPath {
    let segments = critical_path(&shape.tree);
    let end = shape.tree.interval().map_or(0, |(_, end)| end);
    let root_end = shape.tree.root().map_or(end, |root| shape.tree.span(root).end());
    let listed = segments.iter().take(SEGMENTS_MAX);
    CriticalPath {
        segment_count: segments.len(),
        duration_ns: segments.iter().map(|s| s.duration_ns).sum(),
        after_root_ns: end.saturating_sub(root_end),
        segments: listed.map(|s| segment(shape, s.node, s.start, s.duration_ns)).collect(),
    }
}

fn gaps(shape: &Shape) -> GapList {
    let gaps = traces::gaps(&shape.tree, traces::gaps::threshold_ns(&shape.tree));
    GapList {
        count: gaps.count,
        threshold_ns: gaps.threshold_ns,
        items: gaps.longest.iter().map(|gap| segment(shape, gap.node, gap.start, gap.duration_ns)).collect(),
    }
}

fn missing_parent(shape: &Shape, missing: &traces::Missing) -> MissingParent {
    let children = missing.children.iter().take(CHILDREN_MAX);
    MissingParent {
        span_id: missing.parent.to_string(),
        children: children.map(|node| SpanName::of(shape.tree.span(*node), &shape.names)).collect(),
        child_count: missing.children.len(),
        lost_by: missing
            .lost_by
            .iter()
            .map(|by| Loser {
                service: by.service.clone(),
                why: by.why.as_str(),
                dropped_by_sender: by.dropped,
                said: by.to_string(),
            })
            .collect(),
    }
}
