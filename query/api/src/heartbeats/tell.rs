//! `POST /api/v1/heartbeats/{name}[/{state}]`.

use crate::describe::AnyProblem;
use crate::otlp_log::Record;
use crate::params::Params;
use crate::{Api, Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

/// Bytes of text kept with a heartbeat; the rest is cut.
pub(super) const BODY_BYTES_MAX: usize = 10_000;
/// Longest name.
const NAME_BYTES_MAX: usize = 256;
const RUN_BYTES_MAX: usize = 128;

/// How a job or device stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beat {
    Start,
    Ok,
    Fail,
    Log,
    Exit(u8),
}

impl Beat {
    /// As the last part of a path: absent is ok.
    pub(super) fn read(text: Option<&str>) -> Option<Self> {
        Some(match text {
            None | Some("ok" | "success") => Self::Ok,
            Some("start") => Self::Start,
            Some("fail") => Self::Fail,
            Some("log") => Self::Log,
            Some(text) => Self::Exit(text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))?),
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Ok | Self::Exit(0) => "ok",
            Self::Fail | Self::Exit(_) => "fail",
            Self::Log => "log",
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Heard {
    name: String,
    /// start, ok, fail, log.
    status: &'static str,
    run_id: Option<String>,
}

/// A job or device is well. The body is its status text.
#[utoipa::path(post, path = "/api/v1/heartbeats/{name}", operation_id = "heartbeat", tag = "operations",
    params(("name" = String, Path, description = "Which job or device."), ("rid" = Option<String>, Query, description = "Pairs a start with its end.")),
    request_body(content = String, content_type = "text/plain", description = "What it says, at most 10,000 bytes."),
    responses((status = 200, description = "Heard: on the disk.", body = Heard), (status = "default", response = AnyProblem)))]
pub(super) async fn ok(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Heard>, Problem> {
    hear(&api, &asker, (&name, Beat::Ok), &uri, &body, "http").await.map(Json)
}

/// A job starts, ends or fails: state is start, ok, fail, log, or an exit status (0 is well).
#[utoipa::path(post, path = "/api/v1/heartbeats/{name}/{state}", operation_id = "heartbeat_state", tag = "operations",
    params(
        ("name" = String, Path, description = "Which job or device."),
        ("state" = String, Path, description = "start, ok, fail, log, or an exit status from 0 to 255."),
        ("rid" = Option<String>, Query, description = "Pairs a start with its end."),
    ),
    request_body(content = String, content_type = "text/plain", description = "What it says, at most 10,000 bytes."),
    responses((status = 200, description = "Heard: on the disk.", body = Heard), (status = "default", response = AnyProblem)))]
pub(super) async fn state(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    Path((name, state)): Path<(String, String)>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Heard>, Problem> {
    let wrong =
        || Problem::invalid(format!("state is {state:?}: start, ok, fail, log, or an exit status from 0 to 255"));
    let read = Beat::read(Some(&state)).ok_or_else(wrong)?;
    hear(&api, &asker, (&name, read), &uri, &body, "http").await.map(Json)
}

/// Stores one heartbeat.
pub(super) async fn hear(
    api: &Api,
    asker: &Asker,
    (name, state): (&str, Beat),
    uri: &Uri,
    body: &[u8],
    via: &'static str,
) -> Result<Heard, Problem> {
    // Clients of the ping protocol may send more (`create`), which says nothing here.
    let params = Params::read(uri, if via == "ping" { &["rid", "create"] } else { &["rid"] })?;
    let run_id = params.get("rid").map(str::to_owned);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Problem::invalid(format!("name has {} bytes: 1 to {NAME_BYTES_MAX}", name.len())));
    }
    if run_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > RUN_BYTES_MAX) {
        return Err(Problem::invalid(format!("rid is empty or longer than {RUN_BYTES_MAX} bytes")));
    }
    let mut record = Record::new("stormglass.heartbeat", name);
    record.body = Some(said(body)).filter(|text| !text.is_empty());
    record.put("stormglass.via", via);
    record.put("heartbeat.name", name);
    record.put("heartbeat.status", state.word());
    record.put_some("heartbeat.run_id", run_id.clone());
    if let Beat::Exit(code) = state {
        record.put_int("heartbeat.exit_status", Some(code.into()));
    }
    api.record(asker, vec![record]).await?;
    Ok(Heard { name: name.to_owned(), status: state.word(), run_id })
}

/// The status text, cut at its bound and repaired where it is no text.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(BODY_BYTES_MAX)]);
    text.trim_end_matches('\u{fffd}').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_word_or_an_exit_status() {
        for (text, word) in [
            (None, Some("ok")),
            (Some("start"), Some("start")),
            (Some("fail"), Some("fail")),
            (Some("log"), Some("log")),
            (Some("0"), Some("ok")),
            (Some("3"), Some("fail")),
            (Some("255"), Some("fail")),
            (Some("256"), None),
            (Some("-1"), None),
            (Some("+1"), None),
            (Some("stop"), None),
            (Some(""), None),
        ] {
            assert_eq!(Beat::read(text).map(Beat::word), word, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(said("é".repeat(6_000).as_bytes()), "é".repeat(5_000));
        assert_eq!(said(b" out of paper \n"), "out of paper");
    }
}
