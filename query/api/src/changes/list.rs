//! `GET /api/v1/changes`: newest first, what was told and what was found in one list.

use super::releases::{Instance, releases, rollout};
use super::{COLUMNS, Change};
use crate::ask::literal;
use crate::describe::AnyProblem;
use crate::page::{Page, read_cursor, read_limit, write_cursor};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
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

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    from: i64,
    to: i64,
    time: i64,
    skip: usize,
}

/// Changes within a time, newest first: those that were told, and releases found by the first sight of a
/// `service.version`.
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
    let question = format!("changes|{filters:?}|{:?}|{:?}", params.get("from"), params.get("to"));
    let place: Option<Place> = read_cursor(&params, &question)?;
    let window = match &place {
        Some(place) => Window { from: UnixNanos(place.from), to: UnixNanos(place.to) },
        None => Window::named(&params, api.now(), "from", "to", WINDOW_DEFAULT)?,
    };
    let skip = place.as_ref().map_or(0, |place| place.skip);
    let until = place.as_ref().map_or(window.to, |place| UnixNanos(place.time.saturating_add(1)));
    let upto = Window { to: until, ..window };
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
    let found = releases(&api, &asker, &upto, target.as_ref()).await?;
    let fits = |change: &Change| {
        let has = [Some(change.kind.as_str()), Some(change.target.as_str()), change.environment.as_deref()];
        filters.iter().zip(has).all(|((_, asked), has)| asked.is_none_or(|asked| has == Some(asked)))
    };
    changes.extend(found.changes.into_iter().filter(fits));
    changes.sort_by(|a, b| (b.time, &a.target, &a.kind, &a.change_id).cmp(&(a.time, &b.target, &b.kind, &b.change_id)));
    let shown: Vec<&Change> = changes.iter().skip(skip).take(limit).collect();
    let next_cursor = match shown.last() {
        Some(last) if changes.len() > skip + limit => {
            let same = shown.iter().filter(|change| change.time == last.time).count();
            let before = place.filter(|place| place.time == last.time.0).map_or(0, |place| place.skip);
            let place = Place { from: window.from.0, to: window.to.0, time: last.time.0, skip: before + same };
            Some(write_cursor(&question, place)?)
        }
        _ => None,
    };
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
