//! `GET /api/v1/graph/impact`: who is hurt when a node fails, and who is hurt now.

use super::asked::{Asked, Unanswered, note_copies, sums};
use super::find;
use super::gathered::{Said, call_of};
use super::level::Level;
use super::peers;
use super::rollups::{Edges, Question};
use super::scope::{self, Scope};
use super::spans::{REACH, Spans};
use crate::ask::{Rows, literal};
use crate::describe::AnyProblem;
use crate::page::read_limit;
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use graph::{Bounds, Direction, Entity, Graph, Importance, Kind};
use http::Uri;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Attributes that name a customer, and those that name a person: the first that a span says counts.
const TENANT_KEYS: [&str; 1] = ["tenant.id"];
const USER_KEYS: [&str; 3] = ["user.id", "member.id", "enduser.id"];

/// Somebody upstream.
#[derive(Debug, Serialize, ToSchema)]
struct Caller {
    name: String,
    kind: &'static str,
    /// Edges between it and the node, on the shortest way.
    hops: usize,
    team: Option<String>,
    owner: Option<String>,
    importance: Option<&'static str>,
}

/// An operation by which traces that were hit came in.
#[derive(Debug, Serialize, ToSchema)]
struct HitOperation {
    service: String,
    operation: String,
    traces: i64,
    /// Of these, those that the operation itself answered with an error.
    failed: i64,
}

/// A customer or person whose traces were hit.
#[derive(Debug, Serialize, ToSchema)]
struct Hit {
    value: String,
    traces: i64,
    /// low, normal, high or critical, of customers that the catalog names.
    importance: Option<&'static str>,
}

/// Part of a list, with how many there are.
#[derive(Debug, Serialize, ToSchema)]
struct Hits<T> {
    total: i64,
    /// Those hit most first.
    items: Vec<T>,
}

/// The impact of a node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImpactAnswer {
    /// The window that was counted: the one asked for, widened to whole minutes.
    from: String,
    to: String,
    /// kind:name
    node: String,
    /// errors: traces in which the node failed are counted as hit; touched: it did not fail, and those
    /// that it took part in are counted.
    basis: &'static str,
    /// Spans of the node, and of these the failed ones.
    calls: i64,
    errors: i64,
    /// Traces that were hit.
    traces: i64,
    callers: Hits<Caller>,
    operations: Hits<HitOperation>,
    tenants: Hits<Hit>,
    users: Hits<Hit>,
    complete: bool,
    incomplete_reason: Option<String>,
}

/// Who is hurt when a node fails (everybody upstream of it), and who is hurt in the window: the entry
/// operations, customers (`tenant.id`) and people (`user.id`, `member.id`, `enduser.id`) of the traces in
/// which it failed, or, when it did not, took part.
#[utoipa::path(get, path = "/api/v1/graph/impact", operation_id = "graph_impact", tag = "graph",
    params(
        ("node" = String, Query, description = "A service, or kind:name."),
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds, or now-15m. An hour before `to`."),
        ("to" = Option<String>, Query, description = "Likewise. Now."),
        ("environment" = Option<String>, Query, description = "Of one environment only."),
        ("namespace" = Option<String>, Query, description = "Of one namespace only."),
        ("lane" = Option<String>, Query, description = "Of one lane only."),
        ("limit" = Option<usize>, Query, description = "Longest list, 1 to 1,000; 100 without it.")),
    responses((status = 200, description = "Who is hurt.", body = ImpactAnswer), (status = "default", response = AnyProblem)))]
pub(super) async fn graph_impact(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<ImpactAnswer>, Problem> {
    let params = Params::read(&uri, &[&["node", "from", "to", "limit"][..], &scope::SCOPE].concat())?;
    let named = params.get("node").filter(|node| !node.is_empty());
    let named = named.ok_or_else(|| Problem::invalid("node is missing: give a service, or kind:name"))?;
    let limit = read_limit(&params, 100, 1_000)?;
    let asked = Asked {
        window: Window::read(&params, api.now())?,
        level: Level::Service,
        scope: Scope::read(&params, "attr.")?,
        exact: false,
        gone_within: Duration::ZERO,
        unanswered: Unanswered::Apart,
        bounds: Bounds { nodes_max: usize::MAX, edges_max: usize::MAX },
    };
    let mut said = Said::default();
    let (entity, callers) = callers(&api, &asker, &asked, named, limit, &mut said).await?;
    let spans = Spans { window: asked.answered(), scope: &asked.scope, lane_keys: &api.lane_keys };
    note_copies(&api, &asker, &spans, &mut said).await?;
    let hit = Hitting { spans: &spans, touches: touches(&entity) };
    let counted = api.ask(&asker, hit.count()).await?;
    said.note(&counted);
    let row = counted.first().ok_or_else(|| Problem::internal("a count gave no row"))?;
    let (calls, errors) = (row.int("calls")?, row.int("errors")?);
    let traces = if errors > 0 { row.int("failed_traces")? } else { row.int("traces")? };
    let traced = hit.traces(errors > 0);
    let (operations, tenants, users) = futures::try_join!(
        api.ask(&asker, hit.operations(&traced, limit)),
        api.ask(&asker, hit.people(&traced, &TENANT_KEYS, limit)),
        api.ask(&asker, hit.people(&traced, &USER_KEYS, limit)),
    )?;
    [&operations, &tenants, &users].into_iter().for_each(|rows| said.note(rows));
    let customers = api.catalog.customers(&asker).await?;
    let important = |key: &str, value: &str| {
        let known = customers.iter().find(|(c, _)| c.key == key && c.value == value);
        known.map(|(customer, _)| Importance::from(customer.importance).as_str())
    };
    Ok(Json(ImpactAnswer {
        from: timestamp_text(spans.window.from.0),
        to: timestamp_text(spans.window.to.0),
        node: entity.to_string(),
        basis: if errors > 0 { "errors" } else { "touched" },
        calls,
        errors,
        traces,
        callers,
        operations: hit_operations(&operations)?,
        tenants: hits(&tenants, |value| important(TENANT_KEYS[0], value))?,
        users: hits(&users, |value| USER_KEYS.iter().find_map(|key| important(key, value)))?,
        complete: said.complete(),
        incomplete_reason: said.reason(),
    }))
}

/// Everybody upstream: callers of callers, what runs on what, and what the topology tells.
async fn callers(
    api: &Api,
    asker: &Asker,
    asked: &Asked,
    named: &str,
    limit: usize,
    said: &mut Said,
) -> Result<(Entity, Hits<Caller>), Problem> {
    let window = asked.answered();
    let question = Question::edges(Edges::Both, &asked.scope);
    let ((edges, more), catalog, topology) = futures::try_join!(
        sums(api, asker, &question, &window),
        api.catalog.services(asker),
        api.catalog.topology(asker),
    )?;
    said.merge(more);
    let mut calls: Vec<_> = topology.0.calls().collect();
    for (texts, sum) in edges.groups()? {
        calls.extend(call_of(texts, sum)?);
    }
    // An operation is hurt, and hurts, as its service is.
    let graph = Graph::build(calls, [], asked.bounds);
    let entity = Entity::read(named);
    let of = match entity.kind {
        Kind::Operation => entity
            .name
            .rmatch_indices('/')
            .map(|(at, _)| &entity.name[..at])
            .find(|service| graph.find(&Entity::service(*service)).is_some()),
        _ => None,
    };
    let center = find(&graph, of.unwrap_or(named))?;
    let entity = if of.is_some() { entity } else { graph.nodes[center].entity.clone() };
    let reached = graph.reached(center, Direction::Upstream, usize::MAX);
    let caller = |reached: &graph::Reached| {
        let entity = &graph.nodes[reached.node].entity;
        let known = catalog.get(&entity.name).filter(|_| entity.kind == Kind::Service);
        Caller {
            name: entity.name.clone(),
            kind: entity.kind.as_str(),
            hops: reached.hops,
            team: known.and_then(|k| k.entry.team.clone()),
            owner: known.and_then(|k| k.entry.owner.clone()),
            importance: known.map(|k| k.entry.weight().as_str()),
        }
    };
    let others = &reached[1..];
    let items = others.iter().take(limit).map(caller).collect();
    Ok((entity, Hits { total: i64::try_from(others.len()).unwrap_or(i64::MAX), items }))
}

/// A condition on the span `c`: it is of the node, or a call to it.
fn touches(entity: &Entity) -> String {
    let name = literal(&entity.name);
    let resource = |key: &str| format!("c.resource[{}] = {name}", literal(key));
    let either = |key: &str| {
        let key = literal(key);
        format!("COALESCE(c.attributes[{key}], c.resource[{key}]) = {name}")
    };
    match entity.kind {
        Kind::Service => format!("c.service = {name}"),
        Kind::Operation => format!("c.service || '/' || c.operation = {name}"),
        Kind::Database | Kind::Cache => peers::calls_store(&name),
        Kind::Queue => peers::meets_queue(&name),
        Kind::ThirdParty => peers::calls_other(&name),
        Kind::Instance => resource("service.instance.id"),
        Kind::Pod => resource("k8s.pod.name"),
        Kind::Host => resource("host.name"),
        Kind::Node => resource("k8s.node.name"),
        Kind::Device => either("network.device.name"),
        Kind::Site => either("store.id"),
        Kind::Region => resource("cloud.region"),
        // A release has marked the spans of its version; traffic is no part of a span.
        Kind::Change => resource("service.version"),
        Kind::Traffic => "false".into(),
    }
}

/// Questions about the traces that a node was hit in.
struct Hitting<'a> {
    spans: &'a Spans<'a>,
    touches: String,
}

impl Hitting<'_> {
    fn touched(&self) -> String {
        format!("FROM spans AS c WHERE {} AND ({})", self.spans.within(), self.touches)
    }

    fn count(&self) -> String {
        format!(
            "SELECT COUNT(*) AS calls, SUM(CASE WHEN c.status = 'error' THEN 1 ELSE 0 END) AS errors, \
             COUNT(DISTINCT c.trace_id) AS traces, \
             COUNT(DISTINCT CASE WHEN c.status = 'error' THEN c.trace_id END) AS failed_traces {}",
            self.touched()
        )
    }

    fn traces(&self, failed: bool) -> String {
        let failed = if failed { " AND c.status = 'error'" } else { "" };
        format!("SELECT DISTINCT c.trace_id {}{failed}", self.touched())
    }

    /// Spans of those traces, within reach of the window.
    fn of_traces(&self, traces: &str) -> String {
        let wide = self.spans.window.widened(REACH);
        format!("FROM spans AS t WHERE {} AND t.trace_id IN ({traces})", wide.condition("t.time"))
    }

    fn operations(&self, traces: &str, limit: usize) -> String {
        format!(
            "SELECT service, operation, COUNT(DISTINCT trace_id) AS traces, \
             COUNT(DISTINCT CASE WHEN status = 'error' THEN trace_id END) AS failed, COUNT(*) OVER () AS total FROM \
             (SELECT t.service, t.operation, t.trace_id, t.status {} \
             AND (t.parent_span_id IS NULL OR t.parent_span_id = '0000000000000000')) AS entries \
             GROUP BY service, operation ORDER BY traces DESC, service, operation LIMIT {limit}",
            self.of_traces(traces)
        )
    }

    fn people(&self, traces: &str, keys: &[&str], limit: usize) -> String {
        let said = |map: &'static str| keys.iter().map(move |key| format!("NULLIF(t.{map}[{}], '')", literal(key)));
        let value: Vec<String> = said("attributes").chain(said("resource")).collect();
        format!(
            "SELECT value, COUNT(DISTINCT trace_id) AS traces, COUNT(*) OVER () AS total FROM \
             (SELECT COALESCE({}) AS value, t.trace_id {}) AS people WHERE value IS NOT NULL \
             GROUP BY value ORDER BY traces DESC, value LIMIT {limit}",
            value.join(", "),
            self.of_traces(traces)
        )
    }
}

fn hit_operations(rows: &Rows) -> Result<Hits<HitOperation>, Problem> {
    let item = |row: crate::ask::Row<'_>| -> Result<HitOperation, Problem> {
        Ok(HitOperation {
            service: row.text("service")?.to_owned(),
            operation: row.text("operation")?.to_owned(),
            traces: row.int("traces")?,
            failed: row.int("failed")?,
        })
    };
    Ok(Hits { total: total(rows)?, items: rows.iter().map(item).collect::<Result<_, _>>()? })
}

fn hits(rows: &Rows, importance: impl Fn(&str) -> Option<&'static str>) -> Result<Hits<Hit>, Problem> {
    let item = |row: crate::ask::Row<'_>| -> Result<Hit, Problem> {
        let value = row.text("value")?;
        Ok(Hit { value: value.to_owned(), traces: row.int("traces")?, importance: importance(value) })
    };
    Ok(Hits { total: total(rows)?, items: rows.iter().map(item).collect::<Result<_, _>>()? })
}

/// How many groups there were before the limit.
fn total(rows: &Rows) -> Result<i64, Problem> {
    rows.first().map_or(Ok(0), |row| row.int("total"))
}
