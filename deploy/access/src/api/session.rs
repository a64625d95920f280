//! Signing in and out, who one is, and the first user of all.

use super::problem::{AnyProblem, Problem};
use super::reading::{Asked, Params};
use crate::audit::{Noted, time_text};
use crate::caller::cookie;
use crate::session::no_cookie;
use crate::sign_in::Begun;
use crate::{Access, AccessError, Caller, Client, Password, Role, Who, user_name};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Access>> {
    OpenApiRouter::new().routes(routes!(session, sign_in, sign_out)).routes(routes!(setup, set_up))
}

/// A name and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    user: String,
    password: Password,
}

/// The secret of the first start, and who shall administer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// As the server printed it.
    token: String,
    user: String,
    password: Password,
}

/// Whether the first user is still to be made.
#[derive(Debug, Serialize, ToSchema)]
struct SetUpState {
    needed: bool,
}

/// By what one is let in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LetInBy {
    Session,
    Token,
    /// Nothing was ever closed here.
    Open,
}

/// Who one is here.
#[derive(Debug, Serialize, ToSchema)]
struct SignedIn {
    /// Name of the user; null for a token, and where nobody had to sign in.
    user: Option<String>,
    /// viewer, support, operator or admin.
    role: String,
    workspace: String,
    /// Whether anybody who reaches this address may do everything, because no user and no token was ever made.
    open: bool,
    by: LetInBy,
    /// What every change by cookie must carry in the header X-CSRF-Token; null without a session.
    csrf: Option<String>,
    /// RFC 3339: when the session ends if it is not used; null without one.
    expires_at: Option<String>,
}

/// Who one is, by cookie, by token, or because nothing is closed.
#[utoipa::path(get, path = "/api/v1/session", operation_id = "session", tag = "people",
    responses((status = 200, description = "Who one is.", body = SignedIn), (status = "default", response = AnyProblem)))]
async fn session(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<SignedIn>, Problem> {
    Params::read(&uri, &[])?;
    let (user, by) = match &caller.who {
        Who::User(name) => (Some(name.to_string()), LetInBy::Session),
        Who::Token(_) => (None, LetInBy::Token),
        Who::Open | Who::Nobody => (None, LetInBy::Open),
    };
    let told = user.is_some().then(|| cookie(&headers, client.cookie_name())).flatten();
    let (ends, csrf) = told.and_then(|cookie| access.session_told(cookie)).unzip();
    Ok(Json(SignedIn {
        user,
        role: caller.role.map(|role| role.to_string()).unwrap_or_default(),
        workspace: caller.workspace.to_string(),
        open: caller.who == Who::Open,
        by,
        csrf,
        expires_at: ends.map(time_text),
    }))
}

/// Begins a session. One answer for a name that nobody has and for a wrong password.
#[utoipa::path(post, path = "/api/v1/session", operation_id = "sign_in", tag = "people", request_body = SignIn,
    responses((status = 200, description = "Signed in; the session is in a cookie.", body = SignedIn),
        (status = "default", response = AnyProblem)))]
async fn sign_in(
    State(access): State<Arc<Access>>,
    Extension(client): Extension<Client>,
    Asked(asked): Asked<SignIn>,
) -> Result<Response, Problem> {
    match access.sign_in(&asked.user, asked.password, &client).await {
        Ok(begun) => Ok(welcomed(begun, &client, "signed in")),
        Err(AccessError::Wrong) => {
            // A name that nobody has may be a password in the wrong field.
            let name = user_name(&asked.user).ok().filter(|name| access.known().user(name).is_some());
            let detail =
                name.map_or("as somebody unknown".to_owned(), |name| format!("as {name:?}, with a wrong password"));
            let noted = Noted { caller: None, detail: Some(detail) };
            Ok((Extension(noted), Problem::from(AccessError::Wrong)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends the session of the cookie.
#[utoipa::path(delete, path = "/api/v1/session", operation_id = "sign_out", tag = "people",
    responses((status = 204, description = "Signed out."), (status = "default", response = AnyProblem)))]
async fn sign_out(
    State(access): State<Arc<Access>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(cookie) = cookie(&headers, client.cookie_name()) {
        access.sign_out(cookie).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, no_cookie(&client))]).into_response())
}

/// Whether the first user is still to be made.
#[utoipa::path(get, path = "/api/v1/setup", operation_id = "setup", tag = "people",
    responses((status = 200, description = "Whether it is.", body = SetUpState), (status = "default", response = AnyProblem)))]
async fn setup(State(access): State<Arc<Access>>, uri: Uri) -> Result<Json<SetUpState>, Problem> {
    Params::read(&uri, &[])?;
    Ok(Json(SetUpState { needed: access.needs_setup() }))
}

/// Makes the first administrator with the secret that the server printed at its first start, once, and signs in.
#[utoipa::path(post, path = "/api/v1/setup", operation_id = "set_up", tag = "people", request_body = SetUp,
    responses((status = 200, description = "Signed in; the session is in a cookie.", body = SignedIn),
        (status = "default", response = AnyProblem)))]
async fn set_up(
    State(access): State<Arc<Access>>,
    Extension(client): Extension<Client>,
    Asked(asked): Asked<SetUp>,
) -> Result<Response, Problem> {
    let begun = access.set_up(&asked.token, &asked.user, asked.password, &client).await?;
    Ok(welcomed(begun, &client, "made the first administrator"))
}

/// The answer to who has just signed in, with the cookie and a word for the audit log.
fn welcomed(begun: Begun, client: &Client, detail: &str) -> Response {
    let user = &begun.user;
    let caller = Caller {
        workspace: user.workspace.clone(),
        who: Who::User(user.name.as_str().into()),
        role: Role::parse(&user.role).ok(),
    };
    let told = SignedIn {
        user: Some(user.name.clone()),
        role: user.role.clone(),
        workspace: user.workspace.to_string(),
        open: false,
        by: LetInBy::Session,
        csrf: Some(begun.id.csrf()),
        expires_at: Some(time_text(begun.ends)),
    };
    let noted = Noted { caller: Some(caller), detail: Some(detail.to_owned()) };
    (Extension(noted), [(SET_COOKIE, begun.id.cookie(client, begun.lasts))], Json(told)).into_response()
}
