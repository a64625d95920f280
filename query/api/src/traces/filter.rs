//! Which spans are meant: filters as parameters and as JSON give them, and the same in SQL.
//!
//! Any attribute can be filtered by; nothing is declared beforehand. Values are compared as the text
//! that tables hold: `attr.http.response.status_code=500`.

use crate::Problem;
use crate::ask::{instant, literal, literals};
use crate::nearest;
use crate::params::Params;
use model::UnixNanos;
use serde::Deserialize;
use std::collections::BTreeMap;
use traces::{Kind, Status};
use utoipa::ToSchema;

/// Most conditions of one filter, and the longest key or value: a statement has its bounds.
const CONDITIONS_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 4 << 10;
const TRACE_IDS_MAX: usize = 500;

/// Spans that fulfil every condition given; all spans where none is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SpanFilter {
    pub(crate) service: Option<String>,
    /// Span name.
    pub(crate) operation: Option<String>,
    /// server, client, producer, consumer, internal
    pub(crate) kind: Option<String>,
    /// unset, ok, error
    pub(crate) status: Option<String>,
    pub(crate) min_duration_ns: Option<i64>,
    pub(crate) max_duration_ns: Option<i64>,
    /// Start of the span, Unix nanoseconds: at or after.
    pub(crate) from_ns: Option<i64>,
    /// Likewise: before.
    pub(crate) to_ns: Option<i64>,
    pub(crate) request_id: Option<String>,
    /// Span attributes by key.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Resource attributes by key.
    pub(crate) resource: BTreeMap<String, String>,
    /// Of these traces only.
    pub(crate) trace_ids: Vec<String>,
}

/// Parameters that [`SpanFilter::from_params`] reads.
pub(crate) const FILTER_PARAMS: [&str; 9] = [
    "service",
    "operation",
    "kind",
    "status",
    "min_duration_ns",
    "max_duration_ns",
    "request_id",
    "attr.*",
    "resource.*",
];

impl SpanFilter {
    pub(crate) fn from_params(params: &Params) -> Result<Self, Problem> {
        let text = |name: &str| params.get(name).map(str::to_owned);
        let nanos = |name: &str| -> Result<Option<i64>, Problem> {
            let Some(text) = params.get(name) else { return Ok(None) };
            text.parse()
                .map(Some)
                .map_err(|_| Problem::invalid(format!("{name} is {text:?}: an integer of nanoseconds")))
        };
        let family = |prefix: &str| params.family(prefix).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self {
            service: text("service"),
            operation: text("operation"),
            kind: text("kind"),
            status: text("status"),
            min_duration_ns: nanos("min_duration_ns")?,
            max_duration_ns: nanos("max_duration_ns")?,
            from_ns: None,
            to_ns: None,
            request_id: text("request_id"),
            attributes: family("attr."),
            resource: family("resource."),
            trace_ids: Vec::new(),
        }
        .checked("")
    }

    /// Refuses what cannot be meant; `place` goes before the names, as `selection.`.
    pub(crate) fn checked(mut self, place: &str) -> Result<Self, Problem> {
        if let Some(kind) = &self.kind {
            one_of(&format!("{place}kind"), kind, &Kind::ALL.map(Kind::as_str))?;
        }
        if let Some(status) = &self.status {
            one_of(&format!("{place}status"), status, &Status::ALL.map(Status::as_str))?;
        }
        if let (Some(min), Some(max)) = (self.min_duration_ns, self.max_duration_ns)
            && min > max
        {
            return Err(Problem::invalid(format!(
                "{place}min_duration_ns is {min} and {place}max_duration_ns is {max}: the first must not be larger"
            )));
        }
        if let (Some(from), Some(to)) = (self.from_ns, self.to_ns)
            && from >= to
        {
            return Err(Problem::invalid(format!(
                "{place}from_ns is {from} and {place}to_ns is {to}: the first must be smaller"
            )));
        }
        for id in &mut self.trace_ids {
            *id = trace_id(&format!("{place}trace_ids"), id)?;
        }
        let texts = [&self.service, &self.operation, &self.request_id].into_iter().flatten();
        let texts = texts.chain(self.attributes.iter().chain(&self.resource).flat_map(|(k, v)| [k, v]));
        if texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(Problem::invalid(format!(
                "a filter is longer than {TEXT_BYTES_MAX} bytes: give a shorter one"
            )));
        }
        if self.attributes.len() + self.resource.len() > CONDITIONS_MAX {
            return Err(Problem::invalid(format!("more than {CONDITIONS_MAX} attributes: give fewer")));
        }
        if self.trace_ids.len() > TRACE_IDS_MAX {
            return Err(Problem::invalid(format!("more than {TRACE_IDS_MAX} trace ids: give fewer")));
        }
        Ok(self)
    }

    /// As one SQL condition; `TRUE` without any.
    pub(crate) fn sql(&self) -> String {
        let equal = |column: &str, value: &Option<String>| value.as_ref().map(|v| format!("{column} = {}", literal(v)));
        let keyed = |column: &'static str, of: &BTreeMap<String, String>| {
            of.iter().map(|(k, v)| format!("{column}[{}] = {}", literal(k), literal(v))).collect::<Vec<_>>()
        };
        let mut conditions: Vec<String> = [
            equal("service", &self.service),
            equal("operation", &self.operation),
            equal("kind", &self.kind),
            equal("status", &self.status),
            self.min_duration_ns.map(|ns| format!("duration_ns >= {ns}")),
            self.max_duration_ns.map(|ns| format!("duration_ns <= {ns}")),
            self.from_ns.map(|ns| format!("time >= {}", instant(UnixNanos(ns)))),
            self.to_ns.map(|ns| format!("time < {}", instant(UnixNanos(ns)))),
            equal("request_id", &self.request_id),
        ]
        .into_iter()
        .flatten()
        .collect();
        conditions.extend(keyed("attributes", &self.attributes));
        conditions.extend(keyed("resource", &self.resource));
        if !self.trace_ids.is_empty() {
            conditions.push(format!("trace_id IN {}", literals(self.trace_ids.iter().map(String::as_str))));
        }
        if conditions.is_empty() { "TRUE".into() } else { conditions.join(" AND ") }
    }
}

fn one_of(name: &str, value: &str, allowed: &[&str]) -> Result<(), Problem> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(Problem::invalid(match nearest(value, allowed.iter().copied()) {
        Some(near) => format!("{name} is {value:?}: did you mean {near:?}?"),
        None => format!("{name} is {value:?}: one of {}", allowed.join(", ")),
    }))
}

/// A trace id as tables show it, from hex of either case; 16 digits are the lower half of an id.
pub(crate) fn trace_id(name: &str, text: &str) -> Result<String, Problem> {
    let hex = text.len() == 32 || text.len() == 16;
    if hex && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(format!("{:0>32}", text.to_ascii_lowercase()));
    }
    Err(Problem::invalid(format!("{name} is {text:?}: 32 hexadecimal digits (16 where the sender's ids are 64 bits)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<String, String> {
        let uri = format!("/x?{query}").parse().unwrap();
        let params = Params::read(&uri, &FILTER_PARAMS).unwrap();
        SpanFilter::from_params(&params).map(|f| f.sql()).map_err(|p| p.detail().to_owned())
    }

    #[test]
    fn filters_become_conditions_and_text_stays_text() {
        for (query, sql) in [
            ("", "TRUE"),
            ("service=pay&status=error", "service = 'pay' AND status = 'error'"),
            ("min_duration_ns=5&max_duration_ns=9", "duration_ns >= 5 AND duration_ns <= 9"),
            (
                "attr.order.id=o'1&resource.k8s.pod.name=p",
                "attributes['order.id'] = 'o''1' AND resource['k8s.pod.name'] = 'p'",
            ),
            ("attr.it's=%20", "attributes['it''s'] = ' '"),
            (
                "request_id=r&kind=server&operation=GET%20/",
                "operation = 'GET /' AND kind = 'server' AND request_id = 'r'",
            ),
        ] {
            assert_eq!(filter(query).as_deref(), Ok(sql), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_would_be_right() {
        for (query, says) in [
            ("status=eror", "did you mean \"error\"?"),
            ("status=5", "one of unset, ok, error"),
            ("kind=srever", "did you mean \"server\"?"),
            ("min_duration_ns=1ms", "integer of nanoseconds"),
            ("min_duration_ns=9&max_duration_ns=5", "must not be larger"),
        ] {
            assert!(filter(query).unwrap_err().contains(says), "{query}");
        }
        let many: Vec<_> = (0..40).map(|n| format!("attr.k{n}=v")).collect();
        assert!(filter(&many.join("&")).unwrap_err().contains("more than 32"));
        assert!(filter(&format!("service={}", "x".repeat(5_000))).unwrap_err().contains("4096 bytes"));
        let unknown = serde_json::from_str::<SpanFilter>(r#"{"servce": "x"}"#).unwrap_err().to_string();
        assert!(unknown.contains("servce") && unknown.contains("service"), "{unknown}");
    }

    #[test]
    fn a_selection_may_be_a_part_of_the_window() {
        let of = |from_ns, to_ns| SpanFilter { from_ns, to_ns, ..SpanFilter::default() }.checked("selection.");
        assert_eq!(
            of(Some(1), Some(2)).unwrap().sql(),
            format!("time >= {} AND time < {}", instant(UnixNanos(1)), instant(UnixNanos(2)))
        );
        assert!(of(Some(2), Some(2)).unwrap_err().detail().contains("selection.from_ns is 2"));
    }

    #[test]
    fn trace_ids_are_hex_of_either_length_and_case() {
        assert_eq!(trace_id("id", "ABCDEF0123456789"), Ok("0000000000000000abcdef0123456789".to_owned()));
        assert_eq!(trace_id("id", &"Ab".repeat(16)), Ok("ab".repeat(16)));
        for text in ["", "abc", "zz", &"g".repeat(32), &"a".repeat(33), "é"] {
            assert!(trace_id("id", text).unwrap_err().detail().contains("32 hexadecimal"), "{text}");
        }
    }
}
