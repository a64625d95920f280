//! What went wrong, as RFC 9457 problem JSON.
//!
//! The reading calls have a `Problem` of their own in `query/api`. This crate stands in front of every port, of
//! those too that know no queries, and depends on nothing of `query`: the shape is agreed in the contract and
//! held together by the server's description, not by a common type.

use crate::{AccessError, Refusal};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use metastore::MetastoreError;
use serde_json::json;
use utoipa::ToResponse;
use utoipa::openapi::{RefOr, Response as Described};

/// The answer that every call of the API may give; described once, beside the calls for reading.
pub(super) struct AnyProblem;

impl ToResponse<'static> for AnyProblem {
    fn response() -> (&'static str, RefOr<Described>) {
        ("AnyProblem", RefOr::T(Described::new("What went wrong, and what would be right (RFC 9457).")))
    }
}

/// A refusal or failure of one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    retry_after_s: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), retry_after_s: None }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", "The request is not valid", detail)
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here", detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "This does not go with what is there", detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let detail = error.to_string();
        match error {
            AccessError::Invalid(_) => Self::invalid(detail),
            AccessError::Missing(_) => Self::missing(detail),
            AccessError::Conflict(_) => Self::conflict(detail),
            AccessError::Wrong => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "The name or the password is wrong", detail)
            }
            AccessError::Setup => Self::new(StatusCode::FORBIDDEN, "setup", "Not allowed", detail),
            AccessError::TooMany(wait) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts", detail)
                    .retry_after(wait.as_secs() + 1)
            }
            AccessError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Not possible at the moment", detail).retry_after(1)
            }
            AccessError::Metastore(inner) => match inner {
                MetastoreError::Exists(_) | MetastoreError::Full { .. } | MetastoreError::Last(_) => {
                    Self::conflict(detail)
                }
                MetastoreError::Busy | MetastoreError::Disk(_) => {
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible at the moment", detail)
                        .retry_after(1)
                }
                _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed here", detail),
            },
            AccessError::Broken(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed here", detail)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(refusal.status(), refusal.kind(), refusal.title(), refusal.to_string());
        Self { retry_after_s: refusal.retry_after_s(), ..problem }
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
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
