//! Users, for those who administer them; and everybody's own password.

use super::problem::{AnyProblem, Problem};
use super::reading::{Asked, Named, Page, Params, workspace};
use crate::audit::{Noted, time_text};
use crate::{Access, AccessError, Caller, Client, NewPerson, Password, Role, Who};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::SET_COOKIE;
use http::{StatusCode, Uri};
use metastore::UserRow;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Access>> {
    OpenApiRouter::new()
        .routes(routes!(users, add_user))
        .routes(routes!(change_user, remove_user))
        .routes(routes!(set_password))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    name: String,
    /// viewer, support, operator or admin.
    role: String,
    workspace: String,
    /// RFC 3339, like the other times.
    created: String,
    password_changed: String,
    last_login: Option<String>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            workspace: row.workspace.to_string(),
            created: time_text(row.created),
            password_changed: time_text(row.password_changed),
            last_login: row.last_login.map(time_text),
            name: row.name,
            role: row.role,
        }
    }
}

/// A user to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// 1 to 64 of a-z, 0-9, '.', '_', '-', '@' and '+'.
    name: String,
    /// At least 10 characters.
    password: Password,
    /// viewer, support, operator or admin.
    role: String,
    /// One's own without it.
    workspace: Option<String>,
}

/// What of a user is to be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    /// viewer, support, operator or admin.
    role: String,
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// At least 10 characters.
    password: Password,
    /// The present one; needed for one's own.
    current: Option<Password>,
}

/// All users that one administers, by name.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "users", tag = "people",
    responses((status = 200, description = "Users.", body = Page<User>), (status = "default", response = AnyProblem)))]
async fn users(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<Page<User>>, Problem> {
    Params::read(&uri, &[])?;
    let users = access.users().await?.into_iter().filter(|user| caller.administers(&user.workspace));
    Ok(Json(Page::whole(users.map(User::from).collect())))
}

/// Adds a user. The first of all must be an administrator of workspace default, and closes an open loopback.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "add_user", tag = "people", request_body = NewUser,
    responses((status = 201, description = "The user.", body = User), (status = "default", response = AnyProblem)))]
async fn add_user(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<NewUser>,
) -> Result<Response, Problem> {
    let workspace = workspace(&caller, asked.workspace.as_deref())?;
    let role = Role::parse(&asked.role)?;
    let user = access.add_user(NewPerson { name: asked.name, password: asked.password, role, workspace }).await?;
    let detail = format!("user {:?}, {}, workspace {}", user.name, user.role, user.workspace);
    Ok((StatusCode::CREATED, noted(detail), Json(User::from(user))).into_response())
}

/// Gives a user another role, from the next request on.
#[utoipa::path(put, path = "/api/v1/users/{name}", operation_id = "change_user", tag = "people", request_body = UserChange,
    params(("name" = String, Path, description = "Name of the user.")),
    responses((status = 200, description = "The user.", body = User), (status = "default", response = AnyProblem)))]
async fn change_user(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    Asked(asked): Asked<UserChange>,
) -> Result<Response, Problem> {
    let role = Role::parse(&asked.role)?;
    let before = administered(&access, &caller, &name).await?;
    let user = access.set_role(&before, role).await?;
    let detail = format!("{} before, {} now", before.role, user.role);
    Ok((noted(detail), Json(User::from(user))).into_response())
}

/// Removes a user and ends all of the user's sessions.
#[utoipa::path(delete, path = "/api/v1/users/{name}", operation_id = "remove_user", tag = "people",
    params(("name" = String, Path, description = "Name of the user.")),
    responses((status = 204, description = "Removed."), (status = "default", response = AnyProblem)))]
async fn remove_user(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<StatusCode, Problem> {
    access.remove_user(&administered(&access, &caller, &name).await?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a new password and ends all sessions of the user; who changes their own gets a new one.
#[utoipa::path(post, path = "/api/v1/users/{name}/password", operation_id = "set_password", tag = "people",
    request_body = NewPassword, params(("name" = String, Path, description = "Name of the user.")),
    responses((status = 204, description = "Changed."), (status = "default", response = AnyProblem)))]
async fn set_password(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Extension(client): Extension<Client>,
    Named(name): Named,
    Asked(asked): Asked<NewPassword>,
) -> Result<Response, Problem> {
    let own = matches!(&caller.who, Who::User(user) if **user == *name.trim().to_ascii_lowercase());
    if !own {
        let user = administered(&access, &caller, &name).await?;
        access.set_password(&user, asked.password).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let Some(current) = asked.current else {
        return Err(Problem::invalid("current is missing: one's own password is changed by who knows the present one"));
    };
    let user = access.user(&name).await?;
    match access.prove(&user.name, current, &client).await {
        // Not signed out: the session is good, the word was wrong.
        Err(AccessError::Wrong) => return Err(Problem::forbidden("the present password is another")),
        proven => proven?,
    };
    let user = access.set_password(&user, asked.password).await?;
    let begun = access.begin(user).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, begun.id.cookie(&client, begun.lasts))]).into_response())
}

/// The user of this name, if the caller administers that workspace; else it is as if there were none.
async fn administered(access: &Access, caller: &Caller, name: &str) -> Result<UserRow, Problem> {
    let missing = || Problem::missing(format!("there is no user {name:?}"));
    if caller.role != Some(Role::Admin) {
        return Err(Problem::forbidden("`admin` is needed for what belongs to another user"));
    }
    let user = access.user(name).await?;
    if caller.administers(&user.workspace) { Ok(user) } else { Err(missing()) }
}

fn noted(detail: String) -> Extension<Noted> {
    Extension(Noted { caller: None, detail: Some(detail) })
}
