//! `GET /api/v1/changes`: newest first, what was told and what was found in one list.

use super::releases::{Instance, rollout};
use super::{COLUMNS, Change, found};
use crate::ask::literal;
use crate::describe::AnyProblem;
use crate::newest_first::NewestFirst;
use crate::page::{Page, read_limit};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;
const WINDOW_DEFAULT: Duration = Duration::from_secs(7 * 86_400);

/// One change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChangeItem {
    /// RFC 3339.
    time: String,
    /// release, deployment, config, feature_flag, migration, scale, or what its sender calls it.
    kind: String,
    /// The service, flag, database or workload that was changed.
    target: String,
    environment: Option<String>,
    version: Option<String>,
    previous_version: Option<String>,
    /// started, succeeded, failed, rolled_back.
    status: Option<String>,
    /// Which system told of it; `first sight` where nobody did.
    source: String,
    author: Option<String>,
    title: Option<String>,
    url: Option<String>,
    /// The sender's own id of the change.
    id: Option<String>,
    attributes: BTreeMap<String, String>,
    /// Of a release that was found: which instances run it, and since when.
    instances: Vec<Instance>,
}

/// Changes within a time, newest first: those that were told, releases found by the first sight of a
/// `service.version` (or its return: status `rolled_back`), and feature flags found by the first sight of a
/// variant in `feature_flag.evaluation` records.
#[utoipa::path(get, path = "/api/v1/changes", operation_id = "changes", tag = "operations",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; a week before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("kind" = Option<String>, Query, description = "release, deployment, config, feature_flag, migration ..."),
        ("target" = Option<String>, Query, description = "What was changed."),
        ("environment" = Option<String>, Query, description = "As deployment.environment.name."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before, with the same parameters."),
    ),
    responses((status = 200, description = "Changes.", body = Page<ChangeItem>), (status = "default", response = AnyProblem)))]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<ChangeItem>>, Problem> {
    let params = Params::read(&uri, &["from", "to", "kind", "target", "environment", "limit", "cursor"])?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let filters = ["kind", "target", "environment"].map(|name| (name, params.get(name)));
    let newest = NewestFirst::read(&params, &format!("changes|{filters:?}"), api.now(), WINDOW_DEFAULT)?;
    let (upto, skip) = (newest.rest(), newest.skip());
    let conditions = filters.iter().filter_map(|(name, value)| Some(format!(" AND {name} = {}", literal((*value)?))));
    let sql = format!(
        "SELECT {COLUMNS} FROM changes WHERE {}{} ORDER BY time DESC, target, kind, change_id LIMIT {}",
        upto.condition("time"),
        conditions.collect::<String>(),
        skip + limit + 1
    );
    let told = api.ask(&asker, sql).await?;
    let mut changes = told.iter().map(Change::read).collect::<Result<Vec<_>, _>>()?;
    let target = params.get("target").map(|target| BTreeSet::from([target]));
    let found = found(&api, &asker, &upto, [target.as_ref(), None]).await?;
    let fits = |change: &Change| {
        let has = [Some(change.kind.as_str()), Some(change.target.as_str()), change.environment.as_deref()];
        filters.iter().zip(has).all(|((_, asked), has)| asked.is_none_or(|asked| has == Some(asked)))
    };
    changes.extend(found.changes.into_iter().filter(fits));
    changes.sort_by(|a, b| (b.time, &a.target, &a.kind, &a.change_id).cmp(&(a.time, &b.target, &b.kind, &b.change_id)));
    let shown: Vec<&Change> = changes.iter().skip(skip).take(limit).collect();
    let times: Vec<i64> = shown.iter().map(|change| change.time.0).collect();
    let next_cursor = newest.next(&times, changes.len() > skip + limit)?;
    let released: Vec<&Change> = shown.iter().filter(|change| change.table == "resources").copied().collect();
    let mut instances = rollout(&api, &asker, &released).await?;
    let items = shown.iter().map(|change| item(change, &mut instances)).collect();
    let page = Page { next_cursor, ..Page::whole(items) };
    let page = page.said(told.complete, told.incomplete_reason);
    Ok(Json(page.said(found.incomplete_reason.is_none(), found.incomplete_reason)))
}

fn item(change: &Change, instances: &mut BTreeMap<(String, String), Vec<Instance>>) -> ChangeItem {
    let of = (change.target.clone(), change.version.clone().unwrap_or_default());
    let instances = if change.table == "resources" { instances.remove(&of).unwrap_or_default() } else { Vec::new() };
    let change = change.clone();
    ChangeItem {
        time: timestamp_text(change.time.0),
        kind: change.kind,
        target: change.target,
        environment: change.environment,
        version: change.version,
        previous_version: change.previous_version,
        status: change.status,
        source: change.source,
        author: change.author,
        title: change.title,
        url: change.url,
        id: change.change_id,
        attributes: change.attributes,
        instances,
    }
}
