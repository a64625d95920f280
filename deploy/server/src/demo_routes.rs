//! `/api/v1/demo`: the switches of the built-in company's faults, and the scorecard.
//!
//! A server without the company mounts the same calls and says that there is none.

use api::Problem;
use api::handler::{AnyProblem, Page, Params};
use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use demo::{FaultError, FaultState, Faults, ScoreError, Scorecard, Start};
use http::{StatusCode, Uri};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The calls, for the company whose faults these are.
pub(crate) fn routes(faults: Option<Faults>) -> OpenApiRouter {
    calls().with_state(Company(faults))
}

/// Their description.
#[cfg(test)]
pub(crate) fn described() -> utoipa::openapi::OpenApi {
    calls().into_openapi()
}

fn calls() -> OpenApiRouter<Company> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(start, stop)).routes(routes!(scorecard))
}

/// Whose faults they are, if anybody's.
#[derive(Clone, Debug)]
struct Company(Option<Faults>);

impl Company {
    fn faults(&self) -> Result<&Faults, Problem> {
        self.0.as_ref().ok_or_else(|| not_found("this server runs without the company: start it by `stormglass demo`"))
    }
}

fn not_found(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
}

fn refused(error: FaultError) -> Problem {
    match error {
        FaultError::Unknown { .. } => not_found(error.to_string()),
        FaultError::Duration { .. } => Problem::invalid(error.to_string()),
    }
}

fn without_score(error: ScoreError) -> Problem {
    match error {
        ScoreError::Closed => Problem::unavailable(error.to_string()),
        ScoreError::Incidents(_) => {
            Problem::new(StatusCode::BAD_GATEWAY, "no-incidents", "The incidents did not answer", error.to_string())
        }
    }
}

#[utoipa::path(get, path = "/api/v1/demo/faults", operation_id = "demo_faults", tag = "demo", responses(
    (status = 200, description = "Every fault the company can have, and whether it acts; none where no company runs.", body = Page<FaultState>),
    (status = "default", response = AnyProblem)))]
async fn list(State(company): State<Company>, uri: Uri) -> Result<Json<Page<FaultState>>, Problem> {
    Params::read(&uri, &[])?;
    Ok(Json(Page::whole(company.0.as_ref().map(Faults::list).unwrap_or_default())))
}

#[utoipa::path(post, path = "/api/v1/demo/faults/{name}", operation_id = "start_demo_fault", tag = "demo",
    params(("name" = String, Path, description = "A name of the list.")), request_body = Option<Start>, responses(
    (status = 200, description = "It acts.", body = FaultState), (status = "default", response = AnyProblem)))]
async fn start(
    State(company): State<Company>,
    Path(name): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<FaultState>, Problem> {
    Params::read(&uri, &[])?;
    let faults = company.faults()?;
    let asked: Option<Start> = match body.trim_ascii() {
        b"" => None,
        body => serde_json::from_slice(body).map_err(|error| {
            Problem::invalid(format!("the body cannot be read: {error}; send {{\"duration\": \"90s\"}} or nothing"))
        })?,
    };
    let lasts = asked.unwrap_or_default().lasts().map_err(refused)?;
    faults.start(&name, lasts).map(Json).map_err(refused)
}

#[utoipa::path(delete, path = "/api/v1/demo/faults/{name}", operation_id = "stop_demo_fault", tag = "demo",
    params(("name" = String, Path, description = "A name of the list.")), responses(
    (status = 200, description = "It acts no longer.", body = FaultState), (status = "default", response = AnyProblem)))]
async fn stop(State(company): State<Company>, Path(name): Path<String>, uri: Uri) -> Result<Json<FaultState>, Problem> {
    Params::read(&uri, &[])?;
    company.faults()?.stop(&name).map(Json).map_err(refused)
}

#[utoipa::path(get, path = "/api/v1/demo/scorecard", operation_id = "demo_scorecard", tag = "demo", responses(
    (status = 200, description = "How the incidents compare with the answer key.", body = Scorecard),
    (status = "default", response = AnyProblem)))]
async fn scorecard(State(company): State<Company>, uri: Uri) -> Result<Json<Scorecard>, Problem> {
    Params::read(&uri, &[])?;
    company.faults()?.scorecard().await.map(Json).map_err(without_score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use http::Request;
    use model::{ManualClock, UnixNanos};
    use serde_json::Value;
    use std::sync::Arc;
    use tower::ServiceExt;

    async fn ask(faults: Option<Faults>, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let answer = axum::Router::from(routes(faults)).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn faults_are_listed_started_and_stopped_by_name() {
        let faults = Faults::new(Arc::new(ManualClock::at(UnixNanos(1_800_000_000_000_000_000))));
        let one = "/api/v1/demo/faults/disk%2Bthird_party";
        for (method, path, body, status, field, value) in [
            ("GET", "/api/v1/demo/faults", "", 200, "/items/0/state", "off"),
            ("POST", one, r#"{"duration": "90s"}"#, 200, "/state", "on"),
            ("GET", "/api/v1/demo/faults", "", 200, "/items/10/ends_at", "2027-01-15T08:01:30.000000000Z"),
            ("POST", one, r#"{"duration": "soon"}"#, 400, "/title", "The request is not valid"),
            ("POST", one, "[", 400, "/title", "The request is not valid"),
            ("DELETE", one, "", 200, "/state", "off"),
            ("POST", "/api/v1/demo/faults/memory", "", 200, "/state", "on"),
            ("POST", "/api/v1/demo/faults/gremlins", "", 404, "/title", "There is no such thing"),
            ("GET", "/api/v1/demo/scorecard", "", 503, "/title", "Not possible at the moment"),
        ] {
            let (got, answer) = ask(Some(faults.clone()), method, path, body).await;
            assert_eq!(
                (got, answer.pointer(field).and_then(Value::as_str)),
                (status, Some(value)),
                "{method} {path}: {answer}"
            );
        }
        let (status, answer) = ask(None, "GET", "/api/v1/demo/faults", "").await;
        assert_eq!((status, answer["items"].as_array().map(Vec::len)), (200, Some(0)), "no company, no faults");
        assert_eq!(ask(None, "POST", one, "").await.0, 404, "no company, nothing to break");
    }
}
