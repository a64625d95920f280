//! `POST /api/v1/sql`: a question in SQL, its rows streamed as they come.
//!
//! The first [`PRELUDE_BYTES`] are held back: whatever goes wrong before them is a proper problem
//! answer. Beyond, JSON says at its end what became of the result; the other formats, which cannot,
//! are cut off, and how they ended stands in trailers (or in headers, when all fitted in front).
//! Dropping the body drops the query: a client that goes frees its place.

use crate::describe::AnyProblem;
use crate::render::{Ending, Format, Render};
use crate::{Api, Asker, Problem};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use client::{QueryRequest, QueryStream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Uri};
use http_body::Frame;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes gathered before an answer begins, and for each piece of it.
const PRELUDE_BYTES: usize = 256 << 10;
const PIECE_BYTES: usize = 64 << 10;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sql))
}

#[derive(Deserialize, Debug, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// SELECT, SHOW, DESCRIBE or EXPLAIN.
    #[schema(example = "SELECT service, count(*) FROM spans GROUP BY service")]
    sql: String,
    #[serde(default)]
    format: Format,
    /// Cut the result after so many rows.
    limit: Option<u64>,
    /// Deadline of the query, milliseconds.
    #[schema(minimum = 1)]
    timeout_ms: Option<u64>,
}

/// An answer in JSON, as it is streamed.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "described here, written by `render`")]
struct Answer {
    columns: Vec<Column>,
    rows: Vec<Vec<serde_json::Value>>,
    row_count: u64,
    complete: bool,
    incomplete_reason: Option<String>,
    /// What the query cost and saw; null when the answer broke off.
    #[schema(value_type = Option<Object>)]
    statistics: Option<serde_json::Value>,
}

#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "described here, written by `render`")]
struct Column {
    name: String,
    r#type: String,
}

/// Runs one SQL query (SELECT, SHOW, DESCRIBE, EXPLAIN).
#[utoipa::path(post, path = "/api/v1/sql", tag = "sql", request_body = Question, responses(
    (status = 200, description = "The rows, in the format asked for.", content(
        (Answer = "application/json"), (String = "text/csv"),
        (String = "application/vnd.apache.arrow.stream"), (String = "application/vnd.apache.parquet"),
    )),
    (status = "default", response = AnyProblem),
))]
async fn sql(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Problem> {
    crate::params::Params::read(&uri, &[])?;
    let question: Question = serde_json::from_slice(&body).map_err(|error| {
        Problem::invalid(format!(
            "the body is not a question: {error}; send {{\"sql\": \"SELECT ...\"}} with format (json, csv, arrow, \
             parquet), limit and timeout_ms where wanted"
        ))
    })?;
    let request = QueryRequest {
        limit_rows: question.limit,
        timeout: question.timeout_ms.map(Duration::from_millis),
        audit: asker.audit,
        ..QueryRequest::new(asker.workspace, question.sql)
    };
    let stream = api.client.query(request).await?;
    let render = question.format.renderer(stream.schema()).map_err(|e| Problem::internal(e.to_string()))?;
    answer(Answering { stream, render, rows: 0, stage: Stage::Rows }, question.format).await
}

/// Where an answer stands.
#[derive(Debug)]
enum Stage {
    Rows,
    /// All bytes are made; what is left to tell is how it ended.
    Ended(Ending),
    Done,
}

struct Answering {
    stream: QueryStream,
    render: Box<dyn Render>,
    rows: u64,
    stage: Stage,
}

/// Why an answer must break off, for a format that cannot say so.
#[derive(Debug, thiserror::Error)]
#[error("the result broke off: {0}")]
struct BrokenOff(String);

impl Answering {
    /// Renders until `bytes` are ready or all is said.
    async fn fill(&mut self, bytes: usize) -> Result<(), Problem> {
        while matches!(self.stage, Stage::Rows) && self.render.ready() < bytes {
            match self.stream.next_batch().await {
                Some(batch) => {
                    let batch = batch?;
                    self.rows += batch.num_rows() as u64;
                    self.render.batch(&batch).map_err(|e| Problem::internal(e.to_string()))?;
                }
                None => {
                    let end = self.stream.end().cloned();
                    let end = end.ok_or_else(|| Problem::internal("the result ended without its end"))?;
                    let ending = Ending::Known(end);
                    self.render.end(self.rows, &ending).map_err(|e| Problem::internal(e.to_string()))?;
                    self.stage = Stage::Ended(ending);
                }
            }
        }
        Ok(())
    }

    /// The next piece of the body, after its head has gone out.
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BrokenOff>> {
        if let Err(problem) = self.fill(PIECE_BYTES).await {
            let why = problem.detail().to_owned();
            let broken = Ending::Broken(why.clone());
            if !matches!(self.render.end(self.rows, &broken), Ok(true)) {
                self.stage = Stage::Done;
                return Some(Err(BrokenOff(why)));
            }
            self.stage = Stage::Ended(broken);
        }
        let bytes = self.render.take();
        if !bytes.is_empty() {
            return Some(Ok(Frame::data(bytes.into())));
        }
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Ended(ending) => Some(Ok(Frame::trailers(ending_headers(self.rows, &ending)))),
            _ => None,
        }
    }
}

async fn answer(mut answering: Answering, format: Format) -> Result<Response, Problem> {
    answering.fill(PRELUDE_BYTES).await?;
    let first = Bytes::from(answering.render.take());
    let mut response = match &answering.stage {
        Stage::Ended(ending) => (ending_headers(answering.rows, ending), first).into_response(),
        _ => {
            let pieces = futures::stream::unfold((Some(first), answering), |(first, mut answering)| async move {
                let piece = match first {
                    Some(first) => Ok(Frame::data(first)),
                    None => answering.next().await?,
                };
                Some((piece, (None, answering)))
            });
            Body::new(http_body_util::StreamBody::new(pieces)).into_response()
        }
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    Ok(response)
}

/// How a result ended, for formats that have no place for it.
fn ending_headers(rows: u64, ending: &Ending) -> HeaderMap {
    let (complete, reason) = match ending {
        Ending::Known(end) => (end.complete, end.incomplete_reason.as_deref()),
        Ending::Broken(why) => (false, Some(why.as_str())),
    };
    let mut headers = HeaderMap::new();
    headers.insert("stormglass-row-count", HeaderValue::from(rows));
    headers.insert("stormglass-complete", HeaderValue::from_static(if complete { "true" } else { "false" }));
    if let Some(reason) = reason {
        let ascii: String = reason.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
        if let Ok(reason) = HeaderValue::from_str(&ascii) {
            headers.insert("stormglass-incomplete-reason", reason);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::{QueryEnd, Statistics};

    #[test]
    fn a_question_with_an_unknown_field_is_refused_by_name() {
        let error = serde_json::from_str::<Question>(r#"{"sql": "SELECT 1", "limits": 5}"#).unwrap_err().to_string();
        assert!(error.contains("limits") && error.contains("timeout_ms"), "{error}");
        let error =
            serde_json::from_str::<Question>(r#"{"sql": "SELECT 1", "format": "xml"}"#).unwrap_err().to_string();
        assert!(error.contains("xml") && error.contains("parquet"), "{error}");
        let question: Question = serde_json::from_str(r#"{"sql": "SELECT 1"}"#).unwrap();
        assert_eq!((question.format, question.limit, question.timeout_ms), (Format::Json, None, None));
    }

    #[test]
    fn how_a_result_ended_is_told_in_headers_that_are_plain_ascii() {
        let end = QueryEnd {
            complete: false,
            incomplete_reason: Some("cut at 10 rows \u{2014}\nlimit".into()),
            statistics: Statistics::default(),
        };
        let headers = ending_headers(10, &Ending::Known(end));
        assert_eq!(headers["stormglass-row-count"], "10");
        assert_eq!(headers["stormglass-complete"], "false");
        assert_eq!(headers["stormglass-incomplete-reason"], "cut at 10 rows ??limit");
    }
}
