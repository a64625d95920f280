//! Other traces of the same story: by links in both directions, by messages, by request id.

use super::load::Shape;
use crate::ask::{literal, literals};
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Traces that are listed of each kind.
const LISTED_MAX: usize = 100;
/// Links that point here are found by reading all links of a time: whoever links to a span comes after
/// it, but for clocks.
const LINKS_REACH: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(1_800)];
/// Messages and requests are found by their ids, this long before and after the trace.
const IDS_REACH: [Duration; 2] = [Duration::from_secs(86_400); 2];

/// A span of another trace that belongs to the same story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Related {
    pub(crate) trace_id: String,
    /// link: a span here links to it. linked_by: it links to a span here (found up to half an
    /// hour after the trace). message: it handles the same message. request: it has the same request id. The last two
    /// are found a day around the trace.
    pub(crate) why: &'static str,
    /// The span here that the link comes from or goes to.
    pub(crate) span_id: Option<String>,
    /// The message id or request id that both have.
    pub(crate) value: Option<String>,
    /// The span there; for `message` and `request` its earliest.
    pub(crate) other_span_id: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) operation: Option<String>,
    /// RFC 3339.
    pub(crate) time: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) items: Vec<Related>,
    pub(crate) incomplete_reason: Option<String>,
}

pub(crate) async fn related(api: &Api, asker: &Asker, trace_id: &str, shape: &Shape) -> Result<Found, Problem> {
    let (linked_by, messages, requests) = futures::join!(
        api.ask(asker, linked_by(trace_id, shape)),
        by_id(api, asker, trace_id, shape, "attributes['messaging.message.id']", &shape.message_ids),
        by_id(api, asker, trace_id, shape, "request_id", &shape.request_ids),
    );
    let mut found = Found { items: links(trace_id, shape), incomplete_reason: None };
    let linked_by = linked_by?;
    for row in linked_by.iter().take(LISTED_MAX) {
        found.items.push(Related { why: "linked_by", span_id: row.opt_string("to_span")?, ..other(row, None)? });
    }
    let mut cut = linked_by.len() > LISTED_MAX;
    for (why, rows) in [("message", messages?), ("request", requests?)] {
        let Some(rows) = rows else { continue };
        for row in rows.iter().take(LISTED_MAX) {
            found.items.push(Related { why, ..other(row, row.opt_string("value")?)? });
        }
        cut |= rows.len() > LISTED_MAX;
    }
    if cut {
        found.incomplete_reason = Some(format!("more than {LISTED_MAX} of a kind: the first are listed"));
    }
    Ok(found)
}

fn other(row: crate::ask::Row<'_>, value: Option<String>) -> Result<Related, Problem> {
    Ok(Related {
        trace_id: row.text("trace_id")?.to_owned(),
        why: "",
        span_id: None,
        value,
        other_span_id: row.opt_string("span_id")?,
        service: row.opt_string("service")?,
        operation: row.opt_string("operation")?,
        time: row.opt_time("time")?.map(|time| timestamp_text(time.0)),
    })
}

/// Traces that spans here link to, each once per span.
fn links(trace_id: &str, shape: &Shape) -> Vec<Related> {
    let elsewhere = shape.links.iter().filter(|(_, link)| link.trace_id != trace_id);
    elsewhere
        .map(|(from, link)| Related {
            trace_id: link.trace_id.clone(),
            why: "link",
            span_id: Some(from.to_string()),
            value: None,
            other_span_id: Some(link.span_id.clone()),
            service: None,
            operation: None,
            time: None,
        })
        .collect()
}

/// A condition on `time`: around the trace.
fn around(shape: &Shape, [before, after]: [Duration; 2]) -> String {
    shape.around(before, after).condition("time")
}

fn linked_by(trace_id: &str, shape: &Shape) -> String {
    let id = literal(trace_id);
    format!(
        "SELECT time, trace_id, span_id, service, operation, l['span_id'] AS to_span FROM \
         (SELECT time, trace_id, span_id, service, operation, unnest(links) AS l FROM spans \
         WHERE links IS NOT NULL AND {}) WHERE l['trace_id'] = {id} AND trace_id <> {id} \
         ORDER BY time, trace_id, span_id LIMIT {}",
        around(shape, LINKS_REACH),
        LISTED_MAX + 1
    )
}

/// Other traces with one of some ids, each with its earliest span; nothing is asked without ids.
async fn by_id(
    api: &Api,
    asker: &Asker,
    trace_id: &str,
    shape: &Shape,
    column: &str,
    ids: &std::collections::BTreeSet<String>,
) -> Result<Option<crate::ask::Rows>, Problem> {
    if ids.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT value, trace_id, min(time) AS time, first_value(span_id ORDER BY time) AS span_id, \
         first_value(service ORDER BY time) AS service, first_value(operation ORDER BY time) AS operation FROM \
         (SELECT {column} AS value, trace_id, time, span_id, service, operation FROM spans \
         WHERE {column} IN {} AND {}) WHERE trace_id <> {} \
         GROUP BY value, trace_id ORDER BY time, trace_id LIMIT {}",
        literals(ids.iter().map(String::as_str)),
        around(shape, IDS_REACH),
        literal(trace_id),
        LISTED_MAX + 1
    );
    api.ask(asker, sql).await.map(Some)
}
