//! Routes and receivers: `/api/v1/routes`, `/api/v1/receivers`; one configuration underneath.

use super::{not_found, read_body};
use crate::desk::Desk;
use crate::office::Office;
use crate::{Watch, docs};
use api::handler::{AnyProblem, Page, Params};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::Uri;
use incident::Severity;
use notify::{Config, Deliverer, Message, Outcome, Policy, Receiver, explain};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new()
        .routes(routes!(shown, put))
        .routes(routes!(try_route))
        .routes(routes!(receivers, put_receiver))
        .routes(routes!(delete_receiver))
        .routes(routes!(test))
}

/// The whole configuration: receivers, the tree of routes, intervals, inhibitions, budgets. Secrets are masked.
#[utoipa::path(get, path = "/api/v1/routes", operation_id = "notification_config", tag = "alerting",
    responses((status = 200, description = "As it was told, secrets masked.", body = Object), (status = "default", response = AnyProblem)))]
async fn shown(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    json(office.policy.config()).map(Json)
}

fn json<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Problem::internal(error.to_string()))
}

/// Replaces the configuration, in JSON or YAML. A secret that is shown as *** keeps its value.
#[utoipa::path(post, path = "/api/v1/routes", operation_id = "put_notification_config", tag = "alerting",
    request_body(content = Object, description = "As GET shows it; YAML is read as well."),
    responses((status = 200, description = "It holds from now on.", body = Object), (status = "default", response = AnyProblem)))]
async fn put(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    let text = std::str::from_utf8(&body).map_err(|_| Problem::invalid("the body is no text: send JSON or YAML"))?;
    let config = Config::read(text).map_err(|error| Problem::invalid(error.to_string()))?;
    let desk = watch.of(&asker).await?;
    let mut office = desk.office.write().await;
    desk.configure(&mut office, config).await?;
    json(office.policy.config()).map(Json)
}

/// A message as routes see it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Imagined {
    severity: Option<String>,
    owner: Option<String>,
    team: Option<String>,
    services: Vec<String>,
    #[schema(value_type = Object)]
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Explained {
    /// The way through the tree, for people.
    text: String,
    #[schema(value_type = Object)]
    explanation: Value,
}

/// Whom an incident like this would be told, and why.
#[utoipa::path(post, path = "/api/v1/routes/test", operation_id = "test_route", tag = "alerting", request_body = Imagined,
    responses((status = 200, description = "The way.", body = Explained), (status = "default", response = AnyProblem)))]
async fn try_route(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Explained>, Problem> {
    Params::read(&uri, &[])?;
    let imagined: Imagined = read_body(&body, "{\"severity\": \"high\", \"services\": [\"order\"]}")?;
    let word = imagined.severity.as_deref().unwrap_or("high");
    let severity = Severity::read(word)
        .ok_or_else(|| Problem::invalid(format!("severity is {word:?}: low, medium, high or critical")))?;
    let desk = watch.of(&asker).await?;
    let mut message = Message::new("I-00000000-0000", model::Bilingual::default(), severity, desk.now());
    (message.owner, message.team) = (imagined.owner, imagined.team);
    (message.services, message.labels) = (imagined.services, imagined.labels);
    let office = desk.office.read().await;
    let explanation = explain(&office.policy, &office.silences, &message, desk.now());
    Ok(Json(Explained { text: explanation.to_string(), explanation: json(&explanation)? }))
}

/// Receivers, secrets masked.
#[utoipa::path(get, path = "/api/v1/receivers", operation_id = "receivers", tag = "alerting",
    responses((status = 200, description = "Receivers.", body = Page<Object>), (status = "default", response = AnyProblem)))]
async fn receivers(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Value>>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let shown: Result<Vec<Value>, Problem> = office.policy.config().receivers.iter().map(json).collect();
    Ok(Json(Page::whole(shown?)))
}

/// Adds a receiver, or replaces the one with its name. The first one is also told what fits no route.
#[utoipa::path(post, path = "/api/v1/receivers", operation_id = "put_receiver", tag = "alerting",
    request_body(content = Object, description = "A name and one channel: {\"name\": \"ops\", \"dingtalk\": {\"url\": ..., \"secret\": ...}}"),
    responses((status = 200, description = "It is told from now on where routes lead to it.", body = Object), (status = "default", response = AnyProblem)))]
async fn put_receiver(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    let receiver: Receiver = read_body(&body, "{\"name\": \"ops\", \"webhook\": {\"url\": \"https://...\"}}")?;
    let desk = watch.of(&asker).await?;
    let mut office = desk.office.write().await;
    let mut config = stored(&office)?;
    let shown = json(&receiver)?;
    if config.route.receivers.is_empty() {
        config.route.receivers.push(receiver.name.clone());
    }
    match config.receivers.iter_mut().find(|known| known.name == receiver.name) {
        Some(known) => *known = receiver,
        None => config.receivers.push(receiver),
    }
    desk.configure(&mut office, config).await?;
    Ok(Json(shown))
}

/// Takes a receiver away. Routes must not lead to it any more.
#[utoipa::path(delete, path = "/api/v1/receivers/{name}", operation_id = "delete_receiver", tag = "alerting",
    params(("name" = String, Path, description = "Of the receiver.")),
    responses((status = 204, description = "It is told nothing more."), (status = "default", response = AnyProblem)))]
async fn delete_receiver(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<http::StatusCode, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let mut office = desk.office.write().await;
    let mut config = stored(&office)?;
    let before = config.receivers.len();
    config.receivers.retain(|receiver| receiver.name != name);
    if config.receivers.len() == before {
        return Err(not_found(format!("there is no receiver {name:?}")));
    }
    if config.receivers.is_empty() {
        config.route.receivers.clear();
    }
    desk.configure(&mut office, config).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// What a receiver answered.
#[derive(Debug, Serialize, ToSchema)]
struct Tested {
    delivered: bool,
    /// What went wrong, in its own words.
    error: Option<String>,
}

/// Sends a message that says it is a test, past routes and limits.
#[utoipa::path(post, path = "/api/v1/receivers/{name}/test", operation_id = "test_receiver", tag = "alerting",
    params(("name" = String, Path, description = "Of the receiver.")),
    responses((status = 200, description = "What became of it.", body = Tested), (status = "default", response = AnyProblem)))]
async fn test(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Tested>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let policy = Arc::clone(&desk.office.read().await.policy);
    if !policy.receivers().any(|known| known == name) {
        return Err(not_found(format!("there is no receiver {name:?}")));
    }
    let mut deliverer = Deliverer::new(Arc::clone(&desk.api.clock));
    let outcome = deliverer.test(&policy, &name).await.map_err(|error| Problem::unavailable(error.to_string()))?;
    let error = match outcome {
        Outcome::Delivered { .. } => None,
        Outcome::InDoubt { reason } => Some(format!("it was sent, and no answer came: {reason}")),
        Outcome::Retry { reason, .. }
        | Outcome::Limited { reason, .. }
        | Outcome::Refused { reason }
        | Outcome::TooLong { reason } => Some(reason),
    };
    Ok(Json(Tested { delivered: error.is_none(), error }))
}

/// The configuration with its secrets, to be changed.
fn stored(office: &Office) -> Result<Config, Problem> {
    serde_json::from_value(office.policy.config().stored()).map_err(|error| Problem::internal(error.to_string()))
}

impl Desk {
    /// Checks a configuration, stores it, and lets it hold.
    async fn configure(&self, office: &mut Office, mut config: Config) -> Result<(), Problem> {
        config.keep_secrets(office.policy.config());
        if self.ask.settings().private_receivers && config.network.allow.is_empty() {
            config.network.allow = vec!["127.0.0.1".into()];
        }
        let policy = Policy::check(config).map_err(|error| Problem::invalid(error.to_string()))?;
        let before = std::mem::replace(&mut office.policy, Arc::new(policy));
        let document = office.policy.config().stored();
        office.add([docs::change(docs::CONFIG, docs::ALONE, Some(&document))]);
        if let Err(problem) = self.store(office).await {
            office.policy = before;
            return Err(problem);
        }
        Ok(())
    }
}
