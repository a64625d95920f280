//! Traces summed up: root, duration, counts, services, and whether anything is missing.

use super::answer::{ServiceCount, service_counts};
use super::read::span;
use super::search::Candidate;
use crate::ask::literals;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use traces::{Names, Span, Status, Tree};
use utoipa::ToSchema;

/// How far outside the window spans of a found trace are looked for.
const REACH: Duration = Duration::from_secs(3600);
/// Spans that are read to sum up one page. Traces beyond it are counted, not put together.
const SPANS_READ_MAX: usize = 200_000;

/// A trace in a list. Spans more than an hour outside the window are not counted in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    pub(crate) trace_id: String,
    /// Start of its newest matching span: what the list is ordered by.
    pub(crate) matched_time: String,
    /// Null where the root span is missing.
    pub(crate) root_service: Option<String>,
    pub(crate) root_operation: Option<String>,
    /// First start and from there to the last end.
    pub(crate) start: String,
    pub(crate) duration_ns: i64,
    pub(crate) span_count: usize,
    pub(crate) error_count: usize,
    pub(crate) services: Vec<ServiceCount>,
    /// Whether there is one root and every named parent; null for a trace too large to be put together here.
    pub(crate) whole: Option<bool>,
    #[serde(skip)]
    pub(crate) start_ns: i64,
}

/// Summaries in the order of their candidates.
#[derive(Debug)]
pub(crate) struct Summaries {
    pub(crate) items: Vec<Summary>,
    /// Start of the oldest matching span of each trace.
    pub(crate) oldest_matches: Vec<(String, i64)>,
    pub(crate) complete: bool,
    pub(crate) incomplete_reason: Option<String>,
}

/// One trace while it is read.
#[derive(Default)]
struct Reading {
    spans: Vec<Span>,
    oldest_match: Option<i64>,
}

pub(crate) async fn summaries(
    api: &Api,
    asker: &Asker,
    window: &Window,
    condition: &str,
    candidates: &[Candidate],
) -> Result<Summaries, Problem> {
    let mut summed =
        Summaries { items: Vec::new(), oldest_matches: Vec::new(), complete: true, incomplete_reason: None };
    if candidates.is_empty() {
        return Ok(summed);
    }
    let reach = window.widened(REACH).condition("time");
    let all: Vec<&str> = candidates.iter().map(|c| c.trace_id.as_str()).collect();
    let matched = format!("({} AND {condition})", window.condition("time"));
    let mut large = HashMap::new();
    let mut rows = api.ask(asker, shapes(&all, &reach, &matched)).await?;
    if rows.len() > SPANS_READ_MAX || !rows.complete {
        large = counts(api, asker, &all, &reach, &matched).await?;
        let small = that_fit(&mut large);
        let small: Vec<&str> = all.iter().copied().filter(|id| small.contains(*id)).collect();
        rows = api.ask(asker, shapes(&small, &reach, &matched)).await?;
    }
    (summed.complete, summed.incomplete_reason) = (rows.complete, rows.incomplete_reason.clone());
    let mut names = Names::new();
    let mut readings: HashMap<&str, Reading> = HashMap::new();
    for row in rows.iter() {
        let reading = readings.entry(row.text("trace_id")?).or_default();
        let span = span(row, &mut names)?;
        if row.flag("matched")? {
            reading.oldest_match = Some(reading.oldest_match.map_or(span.start, |oldest| oldest.min(span.start)));
        }
        reading.spans.push(span);
    }
    for candidate in candidates {
        let id = candidate.trace_id.as_str();
        let (summary, oldest) = match (readings.remove(id), large.remove(id)) {
            (Some(reading), _) => (put_together(candidate, reading.spans, &names), reading.oldest_match),
            (None, Some(counted)) => (counted.summary(candidate), counted.oldest_match),
            (None, None) => continue,
        };
        summed.oldest_matches.push((candidate.trace_id.clone(), oldest.unwrap_or(candidate.time.0)));
        summed.items.push(summary);
    }
    Ok(summed)
}

fn shapes(ids: &[&str], reach: &str, matched: &str) -> String {
    format!(
        "SELECT trace_id, time, duration_ns, span_id, parent_span_id, service, operation, kind, status, \
         {matched} AS matched FROM spans WHERE trace_id IN {} AND {reach} LIMIT {}",
        literals(ids.iter().copied()),
        SPANS_READ_MAX + 1
    )
}

fn put_together(candidate: &Candidate, spans: Vec<Span>, names: &Names) -> Summary {
    let tree = Tree::build(spans);
    let root = tree.roots().next().map(|node| tree.span(node));
    let (start, end) = tree.interval().unwrap_or_default();
    let services = service_counts(&tree, names);
    Summary {
        trace_id: candidate.trace_id.clone(),
        matched_time: timestamp_text(candidate.time.0),
        root_service: root.map(|root| names.text(root.service).to_owned()),
        root_operation: root.map(|root| names.text(root.operation).to_owned()),
        start: timestamp_text(start),
        duration_ns: end.saturating_sub(start),
        span_count: tree.len(),
        error_count: tree.nodes().filter(|n| tree.span(*n).status == Status::Error).count(),
        services,
        whole: Some(tree.is_whole()),
        start_ns: start,
    }
}

/// A trace that is only counted. Spans sent twice count twice here.
#[derive(Default)]
struct Counted {
    start: i64,
    end: i64,
    oldest_match: Option<i64>,
    services: BTreeMap<String, (usize, usize)>,
    root: Option<(String, String)>,
}

impl Counted {
    fn spans(&self) -> usize {
        self.services.values().map(|(spans, _)| spans).sum()
    }

    fn summary(&self, candidate: &Candidate) -> Summary {
        let services = self.services.iter().map(|(service, (spans, errors))| ServiceCount {
            service: service.clone(),
            spans: *spans,
            errors: *errors,
        });
        Summary {
            trace_id: candidate.trace_id.clone(),
            matched_time: timestamp_text(candidate.time.0),
            root_service: self.root.as_ref().map(|(service, _)| service.clone()),
            root_operation: self.root.as_ref().map(|(_, operation)| operation.clone()),
            start: timestamp_text(self.start),
            duration_ns: self.end.saturating_sub(self.start),
            span_count: self.spans(),
            error_count: self.services.values().map(|(_, errors)| errors).sum(),
            services: services.collect(),
            whole: None,
            start_ns: self.start,
        }
    }
}

async fn counts(
    api: &Api,
    asker: &Asker,
    ids: &[&str],
    reach: &str,
    matched: &str,
) -> Result<HashMap<String, Counted>, Problem> {
    let among = literals(ids.iter().copied());
    let sql = format!(
        "SELECT trace_id, service, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS errors, \
         min(time) AS first, max(end_time) AS last, min(time) FILTER (WHERE {matched}) AS oldest \
         FROM spans WHERE trace_id IN {among} AND {reach} GROUP BY trace_id, service"
    );
    let mut counted: HashMap<String, Counted> = HashMap::new();
    for row in api.ask(asker, sql).await?.iter() {
        let (first, last) = (row.time("first")?.0, row.time("last")?.0);
        let of = counted.entry(row.text("trace_id")?.to_owned()).or_insert_with(|| Counted {
            start: first,
            end: last,
            ..Counted::default()
        });
        (of.start, of.end) = (of.start.min(first), of.end.max(last));
        let oldest = row.opt_time("oldest")?.map(|time| time.0);
        of.oldest_match = [of.oldest_match, oldest].into_iter().flatten().min();
        let number = |name: &str| row.int(name).map(|n| usize::try_from(n).unwrap_or(0));
        of.services.insert(row.text("service")?.to_owned(), (number("spans")?, number("errors")?));
    }
    let roots = format!(
        "SELECT trace_id, first_value(service ORDER BY time) AS service, first_value(operation ORDER BY time) AS operation \
         FROM spans WHERE trace_id IN {among} AND parent_span_id IS NULL AND {reach} GROUP BY trace_id"
    );
    for row in api.ask(asker, roots).await?.iter() {
        if let Some(of) = counted.get_mut(row.text("trace_id")?) {
            of.root = Some((row.text("service")?.to_owned(), row.text("operation")?.to_owned()));
        }
    }
    Ok(counted)
}

/// Takes out the traces that can be put together within the bound, the small ones first.
fn that_fit(counted: &mut HashMap<String, Counted>) -> HashSet<String> {
    let mut sizes: Vec<(usize, String)> = counted.iter().map(|(id, of)| (of.spans(), id.clone())).collect();
    sizes.sort();
    let mut read = 0;
    let fit = sizes.into_iter().take_while(|(spans, _)| {
        read += spans;
        read <= SPANS_READ_MAX
    });
    let fit: HashSet<String> = fit.map(|(_, id)| id).collect();
    counted.retain(|id, _| !fit.contains(id));
    fit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_traces_are_put_together_and_a_huge_one_is_counted() {
        let of = |spans| Counted { services: [("a".to_owned(), (spans, 0))].into(), ..Counted::default() };
        let mut counted: HashMap<String, Counted> =
            [("s", of(10)), ("m", of(1_000)), ("l", of(1_000_000))].map(|(id, of)| (id.to_owned(), of)).into();
        let fit = that_fit(&mut counted);
        assert_eq!(fit, HashSet::from(["s".to_owned(), "m".to_owned()]));
        assert_eq!(counted.keys().collect::<Vec<_>>(), ["l"]);
    }
}
