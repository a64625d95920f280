//! `GET /api/v1/traces`: traces with a span that fulfils all filters, newest first.
//!
//! A trace stands in the list where its newest matching span stands; equal times are told apart by the
//! trace id, so the order is total. Rows come newest first until enough traces are found; only then are
//! these traces summed up. A cursor keeps the window and the place, and names the traces of earlier
//! pages that also match further down: nothing that was there is shown twice, and what arrives
//! meanwhile above the place does not move what is below it.

use super::filter::{FILTER_PARAMS, SpanFilter};
use super::summary::{Summary, summaries};
use crate::ask::{instant, literal, literals};
use crate::describe::AnyProblem;
use crate::page::{Page, read_cursor, read_limit, write_cursor};
use crate::params::Params;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use model::UnixNanos;
use serde::{Deserialize, Serialize};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 500;
/// Rows of one question for matching spans, and how often it is asked for one page: traces of many
/// matching spans take more rows than there are traces. A page that is not full then goes on by cursor.
const ROWS_MIN: usize = 64;
const ROWS_PER_TRACE: usize = 8;
const ROUNDS_MAX: usize = 8;
/// Traces that a cursor names as shown.
const SHOWN_MAX: usize = 100;

/// Where a list of traces stood.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    from: i64,
    to: i64,
    time: i64,
    trace_id: String,
    /// Traces that were shown and match below this place too, with their oldest match.
    shown: Vec<(String, i64)>,
}

/// A trace that was found.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) trace_id: String,
    /// Of its newest matching span.
    pub(crate) time: UnixNanos,
}

/// What one search found.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) traces: Vec<Candidate>,
    /// Where to go on, if there may be more.
    pub(crate) next: Option<Candidate>,
    pub(crate) complete: bool,
    pub(crate) incomplete_reason: Option<String>,
}

/// Traces that have a matching span, newest first. Every condition must hold for one and the same span.
#[utoipa::path(get, path = "/api/v1/traces", operation_id = "traces", tag = "traces",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; an hour before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("service" = Option<String>, Query, description = "Of the span."),
        ("operation" = Option<String>, Query, description = "Name of the span."),
        ("kind" = Option<String>, Query, description = "server, client, producer, consumer, internal"),
        ("status" = Option<String>, Query, description = "unset, ok, error"),
        ("min_duration_ns" = Option<i64>, Query, description = "Of the span."),
        ("max_duration_ns" = Option<i64>, Query, description = "Of the span."),
        ("request_id" = Option<String>, Query, description = "The request id, whatever key it was sent under."),
        ("attr.*" = Option<String>, Query, description = "attr.KEY=VALUE: a span attribute, by the text of its value."),
        ("resource.*" = Option<String>, Query, description = "resource.KEY=VALUE: an attribute of the span's resource."),
        ("limit" = Option<usize>, Query, description = "1 to 500; 20 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before, with the same parameters."),
    ),
    responses((status = 200, description = "Trace summaries.", body = Page<Summary>), (status = "default", response = AnyProblem)))]
pub(super) async fn search(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Summary>>, Problem> {
    let known: Vec<&str> = ["from", "to", "limit", "cursor"].into_iter().chain(FILTER_PARAMS).collect();
    let params = Params::read(&uri, &known)?;
    let filter = SpanFilter::from_params(&params)?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let condition = filter.sql();
    let question = format!("traces|{:?}|{:?}|{condition}", params.get("from"), params.get("to"));
    let place: Option<Place> = read_cursor(&params, &question)?;
    let window = match &place {
        Some(place) => Window { from: UnixNanos(place.from), to: UnixNanos(place.to) },
        None => Window::read(&params, api.now())?,
    };
    let (below, mut shown) = match place {
        Some(place) => {
            let below = Candidate { trace_id: place.trace_id, time: UnixNanos(place.time) };
            (Some(below), place.shown)
        }
        None => (None, Vec::new()),
    };
    let hidden: Vec<&str> = shown.iter().map(|(id, _)| id.as_str()).collect();
    let found = api.find_traces(&asker, &window, &condition, limit, below.as_ref(), &hidden).await?;
    let summed = summaries(&api, &asker, &window, &condition, &found.traces).await?;
    let next_cursor = match found.next {
        Some(next) => {
            shown.extend(summed.oldest_matches);
            shown.retain(|(_, oldest)| *oldest <= next.time.0);
            // The oldest matches reach furthest; beyond the bound a trace may come again, and none is lost.
            shown.sort_by_key(|(_, oldest)| *oldest);
            shown.truncate(SHOWN_MAX);
            let place =
                Place { from: window.from.0, to: window.to.0, time: next.time.0, trace_id: next.trace_id, shown };
            Some(write_cursor(&question, place)?)
        }
        None => None,
    };
    let page = Page { next_cursor, ..Page::whole(summed.items) };
    let page = page.said(found.complete, found.incomplete_reason).said(summed.complete, summed.incomplete_reason);
    Ok(Json(page))
}

impl Api {
    /// Trace ids by their newest span that fulfils `condition`, newest first, below a place and without
    /// some ids.
    pub(crate) async fn find_traces(
        &self,
        asker: &Asker,
        window: &Window,
        condition: &str,
        limit: usize,
        below: Option<&Candidate>,
        hidden: &[&str],
    ) -> Result<Candidates, Problem> {
        let mut found = Candidates { complete: true, ..Candidates::default() };
        let mut place = below.cloned();
        let rows_max = ((limit + 1) * ROWS_PER_TRACE).max(ROWS_MIN);
        for _ in 0..ROUNDS_MAX {
            let known: Vec<&str> =
                hidden.iter().copied().chain(found.traces.iter().map(|t| t.trace_id.as_str())).collect();
            let rows = self.ask(asker, matching(window, condition, place.as_ref(), &known, rows_max)).await?;
            if !rows.complete {
                found.complete = false;
                found.incomplete_reason = rows.incomplete_reason.clone();
            }
            for row in rows.iter() {
                let candidate = Candidate { trace_id: row.text("trace_id")?.to_owned(), time: row.time("time")? };
                if !found.traces.iter().any(|t| t.trace_id == candidate.trace_id) {
                    if found.traces.len() == limit {
                        found.next = found.traces.last().cloned();
                        return Ok(found);
                    }
                    found.traces.push(candidate.clone());
                }
                place = Some(candidate);
            }
            if rows.len() < rows_max {
                return Ok(found);
            }
        }
        found.next = place;
        Ok(found)
    }
}

fn matching(window: &Window, condition: &str, below: Option<&Candidate>, known: &[&str], rows: usize) -> String {
    let mut sql = format!("SELECT time, trace_id FROM spans WHERE {} AND {condition}", window.condition("time"));
    if let Some(below) = below {
        let (time, id) = (instant(below.time), literal(&below.trace_id));
        sql += &format!(" AND time <= {time} AND (time < {time} OR trace_id < {id})");
    }
    if !known.is_empty() {
        sql += &format!(" AND trace_id NOT IN {}", literals(known.iter().copied()));
    }
    sql + &format!(" ORDER BY time DESC, trace_id DESC LIMIT {rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_bounds_time_first_so_that_files_are_left_unread() {
        let window = Window { from: UnixNanos(0), to: UnixNanos(10) };
        let below = Candidate { trace_id: "ab".into(), time: UnixNanos(5) };
        let sql = matching(&window, "service = 'a'", Some(&below), &["cd"], 9);
        assert_eq!(
            sql,
            "SELECT time, trace_id FROM spans WHERE time >= TIMESTAMP '1970-01-01T00:00:00.000000000Z' AND \
             time < TIMESTAMP '1970-01-01T00:00:00.000000010Z' AND service = 'a' AND \
             time <= TIMESTAMP '1970-01-01T00:00:00.000000005Z' AND \
             (time < TIMESTAMP '1970-01-01T00:00:00.000000005Z' OR trace_id < 'ab') AND \
             trace_id NOT IN ('cd') ORDER BY time DESC, trace_id DESC LIMIT 9"
        );
    }
}
