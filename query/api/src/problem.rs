//! What went wrong, as RFC 9457 problem JSON.

use axum::response::{IntoResponse, Response};
use client::QueryError;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// A refusal or failure of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    status: StatusCode,
    /// Last part of the `type` URN: what programs tell problems apart by.
    kind: &'static str,
    title: &'static str,
    detail: String,
    retry_after_s: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), retry_after_s: None }
    }

    /// An input is wrong; `detail` says which, and what would be right.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", "The request is not valid", detail)
    }

    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed here", detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible at the moment", detail).retry_after(1)
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Which input is wrong and what would be right, or what failed.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let detail = error.to_string();
        match error {
            QueryError::Invalid { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "invalid-query", "The query is not valid", detail)
            }
            QueryError::TooLarge { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "query-too-large", "The query asks for too much", detail)
            }
            QueryError::Timeout { .. } => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "query-timeout", "The query took too long", detail)
            }
            QueryError::Busy { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "query-busy", "Too many queries at a time", detail)
                    .retry_after(1)
            }
            QueryError::Unavailable { .. } => Self::unavailable(detail),
            QueryError::WorkerDied { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "query-worker-died", "The query ended its worker", detail)
            }
            QueryError::Internal { .. } => Self::internal(detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": format!("urn:stormglass:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_is_rfc_9457_json() {
        let response = Problem::invalid("limit is \"x\": an integer from 1").into_response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            json!({
                "type": "urn:stormglass:problem:invalid-request",
                "title": "The request is not valid",
                "status": 400,
                "detail": "limit is \"x\": an integer from 1",
            })
        );
    }

    #[test]
    fn a_query_error_has_the_status_that_tells_what_to_do() {
        let detail = String::new;
        for (error, status) in [
            (QueryError::Invalid { detail: detail() }, 400),
            (QueryError::TooLarge { detail: detail() }, 422),
            (QueryError::Timeout { timeout_ms: 1 }, 504),
            (QueryError::Busy { detail: detail() }, 503),
            (QueryError::Unavailable { detail: detail() }, 503),
            (QueryError::WorkerDied { detail: detail() }, 500),
            (QueryError::Internal { detail: detail() }, 500),
        ] {
            assert_eq!(Problem::from(error.clone()).status().as_u16(), status, "{error:?}");
        }
    }
}
