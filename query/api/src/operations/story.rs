//! `GET /api/v1/operations`: everything that belongs to one business operation, on one axis.

use super::answer::{EntityItem, Item, Mark, OperationItem, OtherItem, Story};
use super::columns::Keys;
use super::gather::Gatherer;
use super::surroundings::surroundings;
use crate::describe::AnyProblem;
use crate::page::{read_cursor, read_limit, write_cursor};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::{Window, parse_instant};
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use model::{TraceId, UnixNanos};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use timeline::{Explorer, Limits, Seed, Stretch, Told, Vocabulary, What};

const LIMIT_DEFAULT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
/// Looked back when nothing is said: as long as spans and records are kept by default.
const WINDOW_DEFAULT: Duration = Duration::from_secs(30 * 86_400);
/// Longest id or value that is looked up.
const VALUE_BYTES_MAX: usize = 512;

/// Where a list of items stood.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    from: i64,
    to: i64,
    time: i64,
    /// Items of `time` that were shown.
    skip: usize,
}

/// The story of one business operation: business events with values before and after, requests, spans,
/// messages, jobs, records, changes, alerts and their incidents, each with why it belongs and how sure that is.
///
/// The id may have been used again: then the story nearest to `near` is told (the last one without it),
/// and the others are named.
#[utoipa::path(get, path = "/api/v1/operations", operation_id = "operations", tag = "operations",
    params(
        ("key" = Option<String>, Query, description = "An attribute such as order.id, with `value`. Any attribute may be asked for; those of `[operations] business_keys` are found quickly."),
        ("value" = Option<String>, Query, description = "What it holds."),
        ("request_id" = Option<String>, Query, description = "Instead: a request id."),
        ("trace_id" = Option<String>, Query, description = "Instead: 32 hexadecimal digits."),
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; 30 days before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("near" = Option<String>, Query, description = "Which of several stories under the id: the nearest to this time."),
        ("attr.*" = Option<String>, Query, description = "attr.KEY=VALUE: what the story must not contradict, as attr.store.id=S1."),
        ("limit" = Option<usize>, Query, description = "1 to 10000; 1000 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before, with the same parameters."),
    ),
    responses((status = 200, description = "The story, in order of time.", body = Story), (status = "default", response = AnyProblem)))]
pub(super) async fn operations(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Story>, Problem> {
    let known = ["key", "value", "request_id", "trace_id", "from", "to", "near", "attr.*", "limit", "cursor"];
    let params = Params::read(&uri, &known)?;
    let now = api.now();
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let what = what(&params)?;
    let near = params.get("near").map(|text| parse_instant("near", text, now)).transpose()?;
    let given: Vec<(String, String)> = params.family("attr.").map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let question = format!("operations|{what:?}|{given:?}|{:?}|{:?}|{near:?}", params.get("from"), params.get("to"));
    let place: Option<Place> = read_cursor(&params, &question)?;
    let window = match &place {
        Some(place) => Window { from: UnixNanos(place.from), to: UnixNanos(place.to) },
        None => Window::named(&params, now, "from", "to", WINDOW_DEFAULT)?,
    };
    let within = Stretch { from: window.from, to: UnixNanos(window.to.0 - 1) };
    let seed = Seed { what, within, near, given };
    let (told, items) = explore(&api, &asker, seed).await?;
    let story = page(told, items, limit, place.as_ref(), |time, skip| {
        write_cursor(&question, Place { from: window.from.0, to: window.to.0, time, skip })
    })?;
    Ok(Json(story))
}

fn what(params: &Params) -> Result<What, Problem> {
    let said = ["key", "request_id", "trace_id"].iter().filter(|name| params.get(name).is_some()).count();
    if said != 1 {
        return Err(Problem::invalid("give one of: key with value, request_id, trace_id"));
    }
    let value = |name: &str| -> Result<String, Problem> {
        match params.get(name) {
            Some(text) if !text.is_empty() && text.len() <= VALUE_BYTES_MAX => Ok(text.to_owned()),
            Some(_) => Err(Problem::invalid(format!("{name} is empty or longer than {VALUE_BYTES_MAX} bytes"))),
            None => Err(Problem::invalid(format!("{name} is missing: key and value belong together"))),
        }
    };
    if params.get("key").is_some() {
        return Ok(What::Key(value("key")?, value("value")?));
    }
    if params.get("value").is_some() {
        return Err(Problem::invalid("value belongs to key: give both, or neither"));
    }
    match params.get("trace_id") {
        Some(text) => trace(text),
        None => Ok(What::Request(value("request_id")?)),
    }
}

fn trace(text: &str) -> Result<What, Problem> {
    let id = TraceId::from_hex(text).map(What::Trace);
    id.ok_or_else(|| Problem::invalid(format!("trace_id is {text:?}: 32 hexadecimal digits")))
}

/// What a key and its value name; the ids are keys too.
pub(super) fn named(key: &str, value: &str) -> Result<What, Problem> {
    let fits = |text: &str| !text.is_empty() && text.len() <= VALUE_BYTES_MAX;
    match key {
        _ if !fits(key) || !fits(value) => {
            Err(Problem::invalid(format!("key or value is empty or longer than {VALUE_BYTES_MAX} bytes")))
        }
        "request_id" | "request.id" => Ok(What::Request(value.to_owned())),
        "trace_id" => trace(value),
        key => Ok(What::Key(key.to_owned(), value.to_owned())),
    }
}

/// Follows the story through the tables; gives its items in order of time.
pub(super) async fn explore(api: &Api, asker: &Asker, seed: Seed) -> Result<(Told, Vec<(i64, Item)>), Problem> {
    let mut business_keys = api.operations.business_keys.to_vec();
    // Whatever is asked for is a key, declared or not.
    let asked = match &seed.what {
        What::Key(key, _) => Some(key),
        What::Request(_) | What::Trace(_) => None,
    };
    for key in asked.into_iter().chain(seed.given.iter().map(|(key, _)| key)) {
        if !business_keys.contains(key) {
            business_keys.push(key.clone());
        }
    }
    let keys = Keys::new(&business_keys, &api.operations.trace_context_keys);
    let within = seed.within;
    let mut gatherer = Gatherer::new(api, asker, keys, within);
    let mut explorer = Explorer::new(seed, Vocabulary::of(&business_keys), Limits::default());
    while let Some(question) = explorer.ask() {
        let answer = gatherer.answer(&question).await?;
        explorer.tell(answer);
    }
    let mut told = explorer.finish();
    let mut items = Vec::with_capacity(told.members.len());
    for member in &told.members {
        let Some(item) = gatherer.items.get(member.fact.0 as usize) else { continue };
        let time = gatherer.times.get(member.fact.0 as usize).copied().unwrap_or_default();
        items.push((time, Item { why: member.why.clone(), confidence: member.confidence, ..item.clone() }));
    }
    let (around, incomplete) = surroundings(api, asker, &items).await?;
    told.cut.extend(incomplete);
    items.extend(around);
    items.sort_by_key(|(time, _)| *time);
    Ok((told, items))
}

/// One page of the story.
fn page(
    told: Told,
    items: Vec<(i64, Item)>,
    limit: usize,
    place: Option<&Place>,
    cursor: impl FnOnce(i64, usize) -> Result<String, Problem>,
) -> Result<Story, Problem> {
    let start = place.map_or(0, |place| {
        let first = items.partition_point(|(time, _)| *time < place.time);
        (first + place.skip).min(items.len())
    });
    let shown: Vec<(i64, Item)> = items[start..].iter().take(limit).cloned().collect();
    let next_cursor = match shown.last() {
        Some((last, _)) if start + shown.len() < items.len() => {
            let first = items.partition_point(|(time, _)| time < last);
            Some(cursor(*last, start + shown.len() - first)?)
        }
        _ => None,
    };
    let operations = told.operations.iter().map(operation).collect();
    let text = |time: UnixNanos| timestamp_text(time.0);
    let other = |other: timeline::OtherStory| OtherItem {
        from: text(other.from),
        to: text(other.to),
        marks: other.marks.into_iter().map(|(key, value)| Mark { key, value }).collect(),
    };
    Ok(Story {
        items: shown.into_iter().map(|(_, item)| item).collect(),
        operations,
        trace_ids: told.trace_ids.iter().map(ToString::to_string).collect(),
        request_ids: told.request_ids,
        others: told.others.into_iter().map(other).collect(),
        next_cursor,
        complete: told.cut.is_empty(),
        incomplete_reason: (!told.cut.is_empty()).then(|| told.cut.join("; ")),
    })
}

fn operation(operation: &timeline::Operation) -> OperationItem {
    let entity = |entity: &timeline::EntityChange| EntityItem {
        r#type: entity.ty.clone(),
        id: entity.id.clone(),
        role: entity.role.clone(),
        before: entity.before.clone(),
        after: entity.after.clone(),
    };
    OperationItem {
        operation: operation.operation.clone(),
        operation_id: operation.operation_id.clone(),
        created: timestamp_text(operation.from.0),
        completed: operation.to.map(|to| timestamp_text(to.0)),
        took_ns: operation.to.map(|to| to.0 - operation.from.0),
        outcome: operation.outcome.clone(),
        entities: operation.entities.iter().map(entity).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<What, String> {
        let known = ["key", "value", "request_id", "trace_id"];
        let params = Params::read(&format!("/x?{query}").parse().unwrap(), &known).unwrap();
        what(&params).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn one_thing_is_asked_for_and_a_wrong_question_is_told_what_is_right() {
        assert_eq!(asked("key=order.id&value=O1"), Ok(What::Key("order.id".into(), "O1".into())));
        assert_eq!(asked("request_id=r"), Ok(What::Request("r".into())));
        for (query, says) in [
            ("", "give one of: key with value, request_id, trace_id"),
            ("key=order.id&request_id=r&value=1", "give one of"),
            ("key=order.id", "key and value belong together"),
            ("request_id=r&value=1", "value belongs to key"),
            ("key=order.id&value=", "is empty"),
            ("trace_id=xyz", "32 hexadecimal digits"),
        ] {
            assert!(asked(query).unwrap_err().contains(says), "{query}");
        }
    }

    #[test]
    fn ids_are_keys_like_others() {
        assert_eq!(named("order.id", "O1"), Ok(What::Key("order.id".into(), "O1".into())));
        assert_eq!(named("request.id", "r"), Ok(What::Request("r".into())));
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(named("trace_id", id), Ok(What::Trace(TraceId::from_hex(id).unwrap())));
        for (key, value, says) in [("order.id", "", "is empty"), ("trace_id", "xyz", "32 hexadecimal digits")] {
            assert!(named(key, value).unwrap_err().detail().contains(says), "{key}");
        }
    }

    #[test]
    fn pages_go_on_within_one_nanosecond() {
        let items: Vec<(i64, Item)> = [1, 2, 2, 2, 3]
            .iter()
            .enumerate()
            .map(|(at, time)| (*time, Item { name: at.to_string(), ..Item::default() }))
            .collect();
        let mut names = Vec::new();
        let mut place = None;
        loop {
            let mut next = None;
            let story = page(Told::default(), items.clone(), 2, place.as_ref(), |time, skip| {
                next = Some(Place { from: 0, to: 9, time, skip });
                Ok("c".into())
            })
            .unwrap();
            names.extend(story.items.into_iter().map(|item| item.name));
            let Some(after) = next else { break };
            place = Some(after);
        }
        assert_eq!(names, ["0", "1", "2", "3", "4"]);
    }
}
