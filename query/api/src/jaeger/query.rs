//! Parameters of Jaeger's clients, and the search they mean.

use super::go;
use crate::ask::literal;
use crate::window::Window;
use axum::extract::Query;
use http::Uri;
use model::UnixNanos;
use std::collections::BTreeMap;
use std::time::Duration;

/// Traces of one search where no number is given, and most of them.
const LIMIT_DEFAULT: usize = 100;
pub(super) const LIMIT_MAX: usize = 1_500;
/// How far a search without a start looks back.
const LOOKBACK: Duration = Duration::from_secs(2 * 86_400);
const TAGS_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 4 << 10;

/// Why a request is refused: text for the client.
pub(super) type Refused = String;

/// The parameters of one request. Names that are not asked for are ignored; of one given twice the
/// first counts, and an empty one is absent, as in Go.
#[derive(Debug)]
pub(super) struct Values(Vec<(String, String)>);

impl Values {
    pub(super) fn read(uri: &Uri) -> Result<Self, Refused> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|error| format!("the query string cannot be read: {error}"))
    }

    /// The value of the first of these names that has one, with the name.
    pub(super) fn any<'s>(&'s self, names: &[&'s str]) -> Option<(&'s str, &'s str)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// A duration in Go's words.
    pub(super) fn duration_ns(&self, names: &[&str]) -> Result<Option<i64>, Refused> {
        let Some((name, text)) = self.any(names) else { return Ok(None) };
        match go::duration_ns(text) {
            Some(ns) => Ok(Some(ns)),
            None => Err(format!("malformed parameter {name}: {text:?} is no duration such as 1.2s or 100ms")),
        }
    }

    /// An instant in RFC 3339.
    pub(super) fn instant(&self, names: &[&str]) -> Result<Option<UnixNanos>, Refused> {
        let Some((name, text)) = self.any(names) else { return Ok(None) };
        match go::instant(text) {
            Some(time) => Ok(Some(time)),
            None => Err(format!("malformed parameter {name}: {text:?} is no time such as 2026-11-20T08:00:00Z")),
        }
    }

    /// An instant in so many units since 1970.
    pub(super) fn unix(&self, name: &str, unit_ns: i64) -> Result<Option<UnixNanos>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(number) => Ok(Some(UnixNanos(number.saturating_mul(unit_ns)))),
            Err(_) => Err(format!("malformed parameter {name}: {text:?} is no integer")),
        }
    }

    fn limit(&self, names: &[&str]) -> Result<usize, Refused> {
        let Some((name, text)) = self.any(names) else { return Ok(LIMIT_DEFAULT) };
        match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
            _ => Err(format!("malformed parameter {name}: {text:?} is no integer from 1 to {LIMIT_MAX}")),
        }
    }
}

/// One search for traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) window: Window,
    /// On spans, in SQL.
    pub(super) condition: String,
    pub(super) limit: usize,
}

impl Search {
    /// As version 1 asks: times in microseconds, tags as a JSON object or as `tag=key:value`.
    pub(super) fn v1(values: &Values, now: UnixNanos) -> Result<Self, Refused> {
        if values.get("service").is_none() {
            return Err("parameter 'service' is required".into());
        }
        let mut tags = json_tags("tags", values.get("tags"))?;
        for tag in values.all("tag") {
            let Some((key, value)) = tag.split_once(':') else {
                return Err(format!("malformed parameter tag: {tag:?} is not key:value"));
            };
            tags.insert(key.to_owned(), value.to_owned());
        }
        let to = values.unix("end", 1_000)?.unwrap_or(UnixNanos(now.0.saturating_add(1)));
        let from = values.unix("start", 1_000)?.unwrap_or(to.saturating_sub(LOOKBACK));
        let durations = (values.duration_ns(&["minDuration"])?, values.duration_ns(&["maxDuration"])?);
        Self::checked(
            window(from, to, "start", "end")?,
            (values.get("service"), values.get("operation")),
            durations,
            tags,
            values.limit(&["limit"])?,
        )
    }

    /// As version 3 asks: names in camel case, or in the older snake case.
    pub(super) fn v3(values: &Values) -> Result<Self, Refused> {
        for name in ["query.filter", "query.pagination.pageToken"] {
            if values.get(name).is_some() {
                return Err(format!("{name} is not supported: use query.attributes and query.searchDepth"));
            }
        }
        let from = values.instant(&["query.startTimeMin", "query.start_time_min"])?;
        let to = values.instant(&["query.startTimeMax", "query.start_time_max"])?;
        let (Some(from), Some(to)) = (from, to) else {
            return Err("query.startTimeMin and query.startTimeMax are required".into());
        };
        let service = values.any(&["query.serviceName", "query.service_name"]).map(|(_, value)| value);
        let operation = values.any(&["query.operationName", "query.operation_name"]).map(|(_, value)| value);
        let durations = (
            values.duration_ns(&["query.durationMin", "query.duration_min"])?,
            values.duration_ns(&["query.durationMax", "query.duration_max"])?,
        );
        let depth = ["query.searchDepth", "query.search_depth", "query.num_traces", "query.pagination.pageSize"];
        Self::checked(
            window(from, to, "query.startTimeMin", "query.startTimeMax")?,
            (service, operation),
            durations,
            json_tags("query.attributes", values.get("query.attributes"))?,
            values.limit(&depth)?,
        )
    }

    fn checked(
        window: Window,
        (service, operation): (Option<&str>, Option<&str>),
        (min, max): (Option<i64>, Option<i64>),
        tags: BTreeMap<String, String>,
        limit: usize,
    ) -> Result<Self, Refused> {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err("the smallest duration is larger than the largest one".into());
        }
        let texts = tags.iter().flat_map(|(k, v)| [k.as_str(), v.as_str()]).chain(service).chain(operation);
        if tags.len() > TAGS_MAX || texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(format!("at most {TAGS_MAX} tags, none longer than {TEXT_BYTES_MAX} bytes"));
        }
        let mut conditions: Vec<String> = [
            service.map(|text| format!("service = {}", literal(text))),
            operation.map(|text| format!("operation = {}", literal(text))),
            min.map(|ns| format!("duration_ns >= {ns}")),
            max.map(|ns| format!("duration_ns <= {ns}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        conditions.extend(tags.iter().map(|(key, value)| tag_condition(key, value)));
        let condition = if conditions.is_empty() { "TRUE".into() } else { conditions.join(" AND ") };
        Ok(Self { window, condition, limit })
    }
}

fn window(from: UnixNanos, to: UnixNanos, from_name: &str, to_name: &str) -> Result<Window, Refused> {
    if from >= to {
        return Err(format!("{from_name} must be before {to_name}"));
    }
    Ok(Window { from, to })
}

/// A JSON object of texts; numbers and booleans stand for their text.
fn json_tags(name: &str, text: Option<&str>) -> Result<BTreeMap<String, String>, Refused> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    let malformed = || format!("malformed parameter {name}: {text:?} is no JSON object of texts");
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).map_err(|_| malformed())?;
    let texts = object.into_iter().map(|(key, value)| match value {
        serde_json::Value::String(text) => Ok((key, text)),
        serde_json::Value::Number(number) => Ok((key, number.to_string())),
        serde_json::Value::Bool(flag) => Ok((key, flag.to_string())),
        _ => Err(malformed()),
    });
    texts.collect()
}

/// A tag is an attribute of the span or of its process; some tags are made of columns.
fn tag_condition(key: &str, value: &str) -> String {
    let text = literal(value);
    match (key, value) {
        ("error", "true") => "status = 'error'".into(),
        ("error", "false") => "status <> 'error'".into(),
        ("otel.status_code", _) => format!("status = {}", literal(&value.to_ascii_lowercase())),
        ("otel.status_description", _) => format!("status_message = {text}"),
        ("span.kind", _) => format!("kind = {text}"),
        ("otel.scope.name" | "otel.library.name", _) => format!("scope = {text}"),
        ("otel.scope.version" | "otel.library.version", _) => format!("scope_version = {text}"),
        _ => {
            let key = literal(key);
            format!("(attributes[{key}] = {text} OR resource[{key}] = {text})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(1_000_000_000_000_000_000);

    fn values(query: &str) -> Values {
        Values::read(&format!("/x?{query}").parse().unwrap()).unwrap()
    }

    #[test]
    fn a_search_of_version_1_is_read_as_grafana_writes_it() {
        let search = Search::v1(
            &values(
                "service=pay&operation=GET%20%2F&minDuration=1.2s&maxDuration=100s&limit=20&start=1000000&end=2000000\
                 &tags=%7B%22error%22%3A%22true%22%2C%22order.id%22%3A%22o%271%22%7D&tag=span.kind:server&lookback=1h",
            ),
            NOW,
        )
        .unwrap();
        assert_eq!(search.window, Window { from: UnixNanos(1_000_000_000), to: UnixNanos(2_000_000_000) });
        assert_eq!(
            search.condition,
            "service = 'pay' AND operation = 'GET /' AND duration_ns >= 1200000000 AND duration_ns <= 100000000000 \
             AND status = 'error' AND (attributes['order.id'] = 'o''1' OR resource['order.id'] = 'o''1') \
             AND kind = 'server'"
        );
        assert_eq!(search.limit, 20);
        let bare = Search::v1(&values("service=pay"), NOW).unwrap();
        assert_eq!((bare.limit, bare.condition.as_str()), (LIMIT_DEFAULT, "service = 'pay'"));
        assert_eq!(bare.window.to.0 - bare.window.from.0, LOOKBACK.as_nanos() as i64);
    }

    #[test]
    fn a_search_of_version_3_is_read_in_both_spellings() {
        let times = "query.startTimeMin=1970-01-01T00:00:01Z&query.startTimeMax=1970-01-01T00:00:02.5Z";
        let camel = values(&format!("{times}&query.serviceName=pay&query.durationMin=5ms&query.searchDepth=3"));
        let snake = values(
            "query.start_time_min=1970-01-01T00:00:01Z&query.start_time_max=1970-01-01T00:00:02.5Z\
             &query.service_name=pay&query.duration_min=5ms&query.num_traces=3",
        );
        let search = Search::v3(&camel).unwrap();
        assert_eq!(Search::v3(&snake).unwrap(), search);
        assert_eq!((search.condition.as_str(), search.limit), ("service = 'pay' AND duration_ns >= 5000000", 3));
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        for (query, says) in [
            ("", "parameter 'service' is required"),
            ("service=", "parameter 'service' is required"),
            ("service=a&limit=0", "limit"),
            ("service=a&limit=9999999", "1500"),
            ("service=a&minDuration=5", "minDuration"),
            ("service=a&minDuration=5s&maxDuration=1s", "larger"),
            ("service=a&start=x", "start"),
            ("service=a&start=9&end=5", "before"),
            ("service=a&tags=5", "tags"),
            ("service=a&tags=%7B%22a%22%3A%5B%5D%7D", "tags"),
            ("service=a&tag=novalue", "key:value"),
        ] {
            assert!(Search::v1(&values(query), NOW).unwrap_err().contains(says), "{query}");
        }
        for (query, says) in [
            ("query.serviceName=a", "required"),
            ("query.startTimeMin=5&query.startTimeMax=6", "query.startTimeMin"),
            ("query.startTimeMin=1970-01-01T00:00:01Z&query.startTimeMax=1970-01-01T00:00:01Z", "before"),
            ("query.filter=x", "not supported"),
        ] {
            assert!(Search::v3(&values(query)).unwrap_err().contains(says), "{query}");
        }
    }
}
