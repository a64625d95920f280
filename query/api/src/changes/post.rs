//! `POST /api/v1/changes`: whoever changes something says so, in the shape of the system at hand.

use super::shape::{NewChange, Shape, read};
use crate::describe::AnyProblem;
use crate::otlp_log::Record;
use crate::params::Params;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde::Serialize;
use utoipa::ToSchema;

/// What became of the body.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChangeTold {
    /// Changes stored: they are on the disk.
    stored: usize,
    /// Whose shape it was: stormglass, cdevents, gitlab, jenkins, argocd, kubernetes.
    shape: &'static str,
    /// Why nothing was stored, where the event tells of no change.
    ignored: Option<String>,
}

/// Tells of a change: our own shape (`{"kind": "config", "target": "order-service", "version": "42"}` or a
/// list of these), CDEvents over CloudEvents (structured or binary), webhooks of GitLab and Jenkins,
/// notifications of Argo CD, events of Kubernetes. On the disk when it is answered.
#[utoipa::path(post, path = "/api/v1/changes", operation_id = "tell_change", tag = "operations",
    request_body(content = Object, description = "A change in one of the shapes named above."),
    responses((status = 200, description = "Stored, or no change.", body = ChangeTold), (status = "default", response = AnyProblem)))]
pub(super) async fn tell(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ChangeTold>, Problem> {
    Params::read(&uri, &[])?;
    let Shape { name, outcome } = read(&headers, &body).map_err(Problem::invalid)?;
    let (changes, ignored) = match outcome {
        Ok(changes) => (changes, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let stored = changes.len();
    if stored > 0 {
        api.record(&asker, changes.into_iter().map(record).collect()).await?;
    }
    Ok(Json(ChangeTold { stored, shape: name, ignored }))
}

fn record(change: NewChange) -> Record {
    let mut record = Record::new("stormglass.change", change.source.clone());
    record.time = change.time;
    record.body = Some(match (&change.title, &change.version) {
        (Some(title), _) => title.clone(),
        (None, Some(version)) => format!("{} of {}: {version}", change.kind, change.target),
        (None, None) => format!("{} of {}", change.kind, change.target),
    });
    record.put("stormglass.via", "http");
    record.put("change.kind", change.kind);
    record.put("change.target", change.target);
    record.put("change.source", change.source);
    record.put_some("deployment.environment.name", change.environment);
    record.put_some("change.version", change.version);
    record.put_some("change.previous_version", change.previous_version);
    record.put_some("change.status", change.status);
    record.put_some("change.author", change.author);
    record.put_some("change.title", change.title);
    record.put_some("change.url", change.url);
    record.put_some("change.id", change.id);
    for (key, value) in &change.attributes {
        record.put_json(key, value);
    }
    record
}
