//! `GET /api/v1/incidents/{id}/message`: what people are told of an incident, in words, whether or not a receiver is
//! configured.

use super::incidents::read_id;
use super::not_found;
use crate::Watch;
use crate::message::{Context, message};
use api::handler::{AnyProblem, Params};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use notify::{Language, Occasion, preview};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(told))
}

/// A message in words, without markup.
#[derive(Debug, Serialize, ToSchema)]
struct MessageInWords {
    /// zh-CN or en.
    language: &'static str,
    /// One line.
    title: String,
    /// Lines: conclusion, impact, change, advice, clocks.
    text: String,
}

/// What a group is told of an incident as it stands now.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/message", operation_id = "incident_message", tag = "alerting",
    params(("id" = String, Path, description = "I-YYYYMMDD-NNNN"),
        ("language" = Option<String>, Query, description = "zh-CN or en; zh-CN without it.")),
    responses((status = 200, description = "The message.", body = MessageInWords), (status = "default", response = AnyProblem)))]
async fn told(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<MessageInWords>, Problem> {
    let params = Params::read(&uri, &["language"])?;
    let language = language(params.get("language"))?;
    let id = read_id(&id)?;
    let desk = watch.of(&asker).await?;
    let services = watch.api().catalog.entries(&asker).await?;
    let impact = desk.impact_of(id).await;
    let office = desk.office.read().await;
    let incident = office.incident(id);
    let incident = incident.ok_or_else(|| not_found(format!("there is no incident {id} that people are told of")))?;
    let occasion = if incident.is_live() { Occasion::Opened } else { Occasion::Resolved };
    let context = Context { services: &services, external_url: &desk.ask.settings().external_url };
    let message = message(&office.book, incident, impact.as_ref(), occasion, 0, &context);
    let shown = preview(&office.policy, message, language, desk.now()).map_err(Problem::internal)?;
    Ok(Json(MessageInWords { language: language.tag(), title: shown.title, text: shown.text }))
}

fn language(asked: Option<&str>) -> Result<Language, Problem> {
    match asked {
        None | Some("zh-CN" | "zh") => Ok(Language::Chinese),
        Some("en") => Ok(Language::English),
        Some(other) => Err(Problem::invalid(format!("language is {other:?}: zh-CN or en"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_chinese_unless_english_is_asked_for() {
        for (asked, tag) in
            [(None, Some("zh-CN")), (Some("zh"), Some("zh-CN")), (Some("en"), Some("en")), (Some("fr"), None)]
        {
            assert_eq!(language(asked).ok().map(Language::tag), tag, "{asked:?}");
        }
    }
}
