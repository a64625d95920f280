//! `GET /api/v1/services`: every service with its rates, errors, durations, and whose it is.

use super::answer::{Counts, quantiles_of};
use super::asked::{Asked, Unanswered, count};
use super::gathered::{Said, measure};
use super::level::Level;
use super::rollups;
use super::scope::{self, Scope};
use super::spans::Spans;
use super::{flag, gone_within};
use crate::ask::Rows;
use crate::catalog::Known;
use crate::describe::AnyProblem;
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use graph::{Bounds, HealthRule, Kind, Measure};
use http::Uri;
use model::UnixNanos;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

/// Most versions that are listed of one service, the newest first.
const VERSIONS_MAX: usize = 20;

/// A version of a service.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Version {
    /// `service.version`; null where instances do not say.
    version: Option<String>,
    /// Instances (`service.instance.id`) that said it on the days of the window.
    instances: i64,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceAnswer {
    name: String,
    /// Always service.
    kind: &'static str,
    /// Of the calls that it served (server and consumer spans).
    #[serde(flatten)]
    counts: Counts,
    /// All its spans, of any kind.
    spans: u64,
    /// unknown (no calls), healthy, degraded or failing: with three errors or more failing from 5 %,
    /// degraded from 1 %; degraded from 5 % limited answers, or with a p95 above 2 s.
    health: &'static str,
    environment: Option<String>,
    namespace: Option<String>,
    team: Option<String>,
    owner: Option<String>,
    importance: Option<&'static str>,
    runbook: Option<String>,
    repository: Option<String>,
    versions: Vec<Version>,
    last_seen: Option<String>,
    /// When it was last seen, where it was before the window and is not in it.
    gone_since: Option<String>,
}

/// A list of services, and how it was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServicesAnswer {
    /// The window that was counted: the one asked for, widened to whole minutes.
    from: String,
    to: String,
    quantile_method: &'static str,
    quantile_error: f64,
    items: Vec<ServiceAnswer>,
    next_cursor: Option<String>,
    complete: bool,
    incomplete_reason: Option<String>,
}

/// Services with their rates, errors, durations, health, and whose they are.
#[utoipa::path(get, path = "/api/v1/services", operation_id = "services", tag = "graph",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds, or now-15m. An hour before `to`."),
        ("to" = Option<String>, Query, description = "Likewise. Now."),
        ("environment" = Option<String>, Query, description = "Of one environment only."),
        ("namespace" = Option<String>, Query, description = "Of one namespace only."),
        ("lane" = Option<String>, Query, description = "Of one lane only."),
        ("exact" = Option<bool>, Query, description = "Exact quantiles, from spans."),
        ("gone_within" = Option<String>, Query, description = "How far back what is gone is looked for: 24h without it, 0s for not at all.")),
    responses((status = 200, description = "All services, by name.", body = ServicesAnswer), (status = "default", response = AnyProblem)))]
pub(super) async fn services(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<ServicesAnswer>, Problem> {
    let known = [&["from", "to", "exact", "gone_within"][..], &scope::SCOPE].concat();
    let params = Params::read(&uri, &known)?;
    let asked = Asked {
        window: Window::read(&params, api.now())?,
        level: Level::Service,
        scope: Scope::read(&params, "attr.")?,
        exact: flag(&params, "exact")?,
        gone_within: gone_within(&params)?,
        unanswered: Unanswered::Apart,
        bounds: Bounds::default(),
    };
    let window = asked.answered();
    let before = Window { from: window.from.saturating_sub(asked.gone_within), to: window.from };
    let (counted, versions, gone, catalog) = futures::try_join!(
        api.ask(&asker, rollups::services(&window, &asked.scope)),
        api.ask(&asker, rollups::versions(&window)),
        api.ask(&asker, rollups::services_before(&before, &asked.scope)),
        api.catalog.services(&asker),
    )?;
    let mut said = Said::default();
    [&counted, &versions, &gone].into_iter().for_each(|rows| said.note(rows));
    let mut services = seen(&counted)?;
    if !asked.gone_within.is_zero() {
        add_gone(&mut services, &gone)?;
    }
    if asked.exact {
        exact_quantiles(&api, &asker, &asked, &mut services, &mut said).await?;
    }
    let mut versions = by_service(&versions)?;
    let seconds = window.duration().as_secs_f64();
    let item = |(name, service): (String, Seen)| {
        let versions = versions.remove(&name).unwrap_or_default();
        described(name.clone(), service, versions, catalog.get(&name), seconds)
    };
    let (quantile_method, quantile_error) = quantiles_of(asked.exact);
    Ok(Json(ServicesAnswer {
        from: timestamp_text(window.from.0),
        to: timestamp_text(window.to.0),
        quantile_method,
        quantile_error,
        items: services.into_iter().map(item).collect(),
        next_cursor: None,
        complete: said.complete(),
        incomplete_reason: said.reason(),
    }))
}

/// What was counted of a service.
struct Seen {
    measure: Measure,
    spans: u64,
    environment: String,
    namespace: String,
}

fn seen(rows: &Rows) -> Result<BTreeMap<String, Seen>, Problem> {
    let mut services = BTreeMap::new();
    for row in rows.iter() {
        let service = Seen {
            measure: measure(&row)?,
            spans: u64::try_from(row.int("spans")?).unwrap_or(0),
            environment: row.text("environment")?.to_owned(),
            namespace: row.text("namespace")?.to_owned(),
        };
        services.insert(row.text("service")?.to_owned(), service);
    }
    Ok(services)
}

fn add_gone(services: &mut BTreeMap<String, Seen>, rows: &Rows) -> Result<(), Problem> {
    for row in rows.iter() {
        let gone = Seen {
            measure: Measure::gone(row.time("last_seen")?),
            spans: 0,
            environment: row.text("environment")?.to_owned(),
            namespace: row.text("namespace")?.to_owned(),
        };
        services.entry(row.text("service")?.to_owned()).or_insert(gone);
    }
    Ok(())
}

async fn exact_quantiles(
    api: &Api,
    asker: &Asker,
    asked: &Asked,
    services: &mut BTreeMap<String, Seen>,
    said: &mut Said,
) -> Result<(), Problem> {
    let spans = Spans { window: asked.answered(), scope: &asked.scope, lane_keys: &api.lane_keys };
    let sat = count(api, asker, &spans, Level::Service, true, false).await?;
    said.merge(sat.said);
    for (entity, measure) in sat.counted.nodes().filter(|(entity, _)| entity.kind == Kind::Service) {
        if let Some(service) = services.get_mut(&entity.name) {
            service.measure.quantiles = measure.quantiles;
        }
    }
    Ok(())
}

fn by_service(rows: &Rows) -> Result<HashMap<String, Vec<Version>>, Problem> {
    let mut versions: HashMap<String, Vec<Version>> = HashMap::new();
    for row in rows.iter() {
        let of = versions.entry(row.text("service")?.to_owned()).or_default();
        if of.len() < VERSIONS_MAX {
            of.push(Version { version: row.opt_string("version")?, instances: row.int("instances")? });
        }
    }
    Ok(versions)
}

fn described(
    name: String,
    service: Seen,
    versions: Vec<Version>,
    known: Option<&Known>,
    seconds: f64,
) -> ServiceAnswer {
    let told = |text: String| (!text.is_empty()).then_some(text);
    let text = |at: UnixNanos| timestamp_text(at.0);
    let Seen { measure, spans, environment, namespace } = service;
    let entry = known.map(|k| k.entry.clone()).unwrap_or_default();
    ServiceAnswer {
        name,
        kind: "service",
        counts: Counts::of(&measure, seconds),
        spans,
        health: HealthRule::default().judge(&measure.traffic, measure.quantiles.as_ref()).as_str(),
        environment: told(environment),
        namespace: told(namespace),
        importance: known.map(|k| k.entry.weight().as_str()),
        team: entry.team,
        owner: entry.owner,
        runbook: entry.runbook,
        repository: entry.repository,
        versions,
        last_seen: measure.last_seen.map(text),
        gone_since: measure.gone_since().map(text),
    }
}
