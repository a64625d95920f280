//! Refusals and failures, which the versions of Jaeger's API wrap differently.

use super::query::Refused;
use crate::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;
use std::marker::PhantomData;

/// How a version of the API tells of a failure.
pub(super) trait Envelope {
    fn of(status: StatusCode, message: &str) -> Value;
}

/// A refusal or failure in the envelope of one version.
pub(super) struct Failed<E>(StatusCode, String, PhantomData<E>);

impl<E> Failed<E> {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self(status, message.into(), PhantomData)
    }
}

impl<E> From<Refused> for Failed<E> {
    fn from(refused: Refused) -> Self {
        Self::new(StatusCode::BAD_REQUEST, refused)
    }
}

impl<E> From<Problem> for Failed<E> {
    fn from(problem: Problem) -> Self {
        Self::new(problem.status(), problem.detail())
    }
}

impl<E: Envelope> IntoResponse for Failed<E> {
    fn into_response(self) -> Response {
        (self.0, Json(E::of(self.0, &self.1))).into_response()
    }
}
