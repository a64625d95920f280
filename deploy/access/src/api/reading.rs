//! How calls read what they are given, and the shape of lists: as everywhere in the API.

use super::BODY_BYTES_MAX;
use super::problem::Problem;
use crate::Caller;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{StatusCode, Uri};
use jiff::Timestamp;
use model::{UnixNanos, Workspace};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use utoipa::ToSchema;

/// A list as every list of the API is given.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Give it back as `cursor` for what follows; null at the end.
    pub(super) next_cursor: Option<String>,
    /// Whether the answer is all there is.
    pub(super) complete: bool,
    /// Why not, in words for people.
    pub(super) incomplete_reason: Option<String>,
}

impl<T> Page<T> {
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None, complete: true, incomplete_reason: None }
    }
}

/// A JSON body, all fields of which are known.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::too_large(format!("the body is larger than {BODY_BYTES_MAX} bytes"))
            }
            _ => Problem::invalid(format!("the body cannot be read: {rejection}")),
        })?;
        let read = serde_json::from_slice(&bytes).map(Self);
        read.map_err(|error| Problem::invalid(format!("the body cannot be read: {error}")))
    }
}

/// The name in a path.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|rejection| Problem::invalid(rejection.to_string()))
    }
}

/// The parameters of a request: known ones only, each at most once.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::invalid(format!("the query string cannot be read: {error}")))?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::invalid(format!("parameter {name:?} is not known: this call takes {takes}")));
            }
            if pairs[..at].iter().any(|(other, _)| other == name) {
                return Err(Problem::invalid(format!("parameter {name:?} is given twice: give it once")));
            }
        }
        Ok(Self(pairs))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn limit(&self, default: u32, max: u32) -> Result<u32, Problem> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(Problem::invalid(format!("limit is {text:?}: an integer from 1 to {max}"))),
        }
    }

    /// The number after which a list goes on.
    pub(super) fn cursor(&self) -> Result<Option<i64>, Problem> {
        let read = |text: &str| text.parse().ok().filter(|number| *number > 0);
        self.get("cursor").map(|text| read(text).ok_or(text)).transpose().map_err(|text| {
            Problem::invalid(format!(
                "cursor is {text:?}: take next_cursor of an earlier answer, or begin again without it"
            ))
        })
    }

    pub(super) fn instant(&self, name: &str, now: UnixNanos) -> Result<Option<UnixNanos>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        instant(text, now).map(Some).ok_or_else(|| {
            Problem::invalid(format!("{name} is {text:?}: write RFC 3339, Unix nanoseconds, now or now-15m"))
        })
    }
}

/// RFC 3339, Unix nanoseconds, `now` or `now-15m`.
pub(super) fn instant(text: &str, now: UnixNanos) -> Option<UnixNanos> {
    if let Some(relative) = text.strip_prefix("now") {
        return match relative.strip_prefix('-') {
            None => relative.is_empty().then_some(now),
            Some(back) => Some(now.saturating_sub(duration(back)?)),
        };
    }
    if let Ok(nanos) = text.parse() {
        return Some(UnixNanos(nanos));
    }
    let time: Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
}

/// `90d`, `12h`, `15m`, `30s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// The workspace that is meant: one's own, or another where one administers the node.
pub(super) fn workspace(caller: &Caller, named: Option<&str>) -> Result<Workspace, Problem> {
    let Some(named) = named else { return Ok(caller.workspace.clone()) };
    let workspace = Workspace::new(named).map_err(|error| Problem::invalid(error.to_string()))?;
    match caller.administers(&workspace) || caller.workspace == workspace {
        true => Ok(workspace),
        false => Err(Problem::forbidden("only an administrator of workspace default reaches other workspaces")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_every_form_of_the_api() {
        let now = UnixNanos(1_700_000_000 * UnixNanos::SECOND);
        for (text, read) in [
            ("now", Some(now.0)),
            ("now-15m", Some(now.0 - 900 * UnixNanos::SECOND)),
            ("now-90d", Some(now.0 - 90 * UnixNanos::DAY)),
            ("1700000000000000000", Some(now.0)),
            ("2023-11-14T22:13:20Z", Some(now.0)),
            ("2023-11-15T06:13:20+08:00", Some(now.0)),
            ("now+1m", None),
            ("now-15", None),
            ("yesterday", None),
            ("", None),
            ("now-99999999999999999999d", None),
        ] {
            assert_eq!(instant(text, now).map(|t| t.0), read, "{text}");
        }
    }

    #[test]
    fn a_parameter_that_is_not_known_or_comes_twice_is_refused() {
        let detail = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            Params::read(&uri, &["from", "limit"]).and_then(|p| p.limit(10, 100)).map_err(|p| format!("{p:?}"))
        };
        assert_eq!(detail("from=1&limit=100"), Ok(100));
        assert_eq!(detail(""), Ok(10));
        for (query, says) in
            [("form=1", "takes from, limit"), ("from=1&from=2", "twice"), ("limit=101", "from 1 to 100")]
        {
            assert!(detail(query).unwrap_err().contains(says), "{query}");
        }
    }
}
