//! The service graph over HTTP: services, graph, differences, impact.
//!
//! Counts come from the rollups, in whole minutes, and equal those of the spans; where rollups cannot
//! tell (any attribute, operations, exact quantiles) the spans themselves are asked.

mod answer;
mod asked;
mod counted;
mod difference;
mod gathered;
mod impact;
mod level;
mod peers;
mod rollups;
mod scope;
mod services;
mod spans;
mod stretches;
mod sums;

use crate::describe::AnyProblem;
use crate::params::Params;
use crate::window::{Window, parse_duration};
use crate::{Api, Asker, Problem, nearest};
use answer::{GraphAnswer, LaneFinding, graph_answer};
use asked::{Asked, GraphSource, Measured, Unanswered, any_astray, count};
use axum::extract::State;
use axum::{Extension, Json};
use counted::Counted;
use gathered::Said;
use graph::{Bounds, Entity, Graph};
use http::{StatusCode, Uri};
use level::Level;
use scope::Scope;
use spans::Spans;
use std::time::Duration;
pub use stretches::{StretchStats, Stretches};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How far back what is gone is looked for, unless the question says.
const GONE_WITHIN: Duration = Duration::from_secs(24 * 3_600);
const GONE_WITHIN_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);
const HOPS_MAX: usize = 16;
const NODES_MAX: usize = 10_000;
const EDGES_MAX: usize = 50_000;
/// Most hops at which lanes are told to be lost.
const LANE_FINDINGS_MAX: usize = 200;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(graph))
        .routes(routes!(difference::graph_diff))
        .routes(routes!(impact::graph_impact))
        .routes(routes!(services::services))
}

/// The service graph of a window: counts of every node and edge, and where they stand.
///
/// The window is widened to whole minutes, and the answer says so. Counts are exact; quantiles come from
/// sketches (`quantile_method`, `quantile_error`) unless `exact=true`, operations or `attr.K=V` ask the
/// spans themselves (then they are exact up to three million spans). Of copies of a span one is counted;
/// without these three parameters one that is sent again half a million spans later, in another body, or
/// after a restart, is not known for a copy. With `attr.K=V` the graph is that of the traces some span of which says so.
#[utoipa::path(get, path = "/api/v1/graph", operation_id = "graph", tag = "graph",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds, or now-15m. An hour before `to`."),
        ("to" = Option<String>, Query, description = "Likewise. Now."),
        ("level" = Option<String>, Query, description = "service, operation or infrastructure."),
        ("focus" = Option<String>, Query, description = "A service, or kind:name: only what lies around it."),
        ("hops" = Option<usize>, Query, description = "How many edges up and down from the focus, 0 to 16; 1 without it."),
        ("environment" = Option<String>, Query, description = "Of one environment only."),
        ("namespace" = Option<String>, Query, description = "Of one namespace only."),
        ("lane" = Option<String>, Query, description = "Of one lane only."),
        ("attr.*" = Option<String>, Query, description = "attr.K=V: of traces with a span whose attribute or resource attribute K is V."),
        ("exact" = Option<bool>, Query, description = "Exact quantiles, from spans."),
        ("gone_within" = Option<String>, Query, description = "How far back what is gone is looked for: 24h without it, 0s for not at all."),
        ("nodes_max" = Option<usize>, Query, description = "1 to 10,000; 2,000 without it."),
        ("edges_max" = Option<usize>, Query, description = "1 to 50,000; 10,000 without it.")),
    responses((status = 200, description = "The graph.", body = GraphAnswer), (status = "default", response = AnyProblem)))]
async fn graph(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<GraphAnswer>, Problem> {
    let known = [
        &["from", "to", "level", "focus", "hops", "attr.*", "exact", "gone_within", "nodes_max", "edges_max"][..],
        &scope::SCOPE,
    ]
    .concat();
    let params = Params::read(&uri, &known)?;
    let asked = Asked {
        window: Window::read(&params, api.now())?,
        level: Level::read(params.get("level"))?,
        scope: Scope::read(&params, "attr.")?,
        exact: flag(&params, "exact")?,
        gone_within: gone_within(&params)?,
        unanswered: Unanswered::Apart,
        bounds: bounds(&params)?,
    };
    let hops = number(&params, "hops", 1, 0, HOPS_MAX)?;
    let focus = params.get("focus");
    if focus.is_none() && params.get("hops").is_some() {
        return Err(Problem::invalid("hops is given without focus: say focus=SERVICE or focus=kind:name too"));
    }
    let mut measured = asked.ask(&api, &asker).await?;
    let shown = match focus {
        Some(focus) => {
            let center = find(&measured.graph, focus)?;
            measured.graph.focused(center, hops)
        }
        None => measured.graph.clone(),
    };
    let (lanes, said) = lanes(&api, &asker, &asked, &measured).await?;
    measured.said.merge(said);
    let catalog = api.catalog.services(&asker).await?;
    Ok(Json(graph_answer(measured, &shown, asked.level, &catalog, lanes)))
}

/// Calls that left their lane. Rollups say whether there are any; the spans name the operations.
async fn lanes(
    api: &Api,
    asker: &Asker,
    asked: &Asked,
    measured: &Measured,
) -> Result<(Vec<LaneFinding>, Said), Problem> {
    let mut said = Said::default();
    if let Some(counted) = &measured.counted {
        return Ok((findings(counted, &mut said), said));
    }
    if asked.level == Level::Infrastructure {
        return Ok((Vec::new(), said));
    }
    let spans = Spans { window: asked.answered(), scope: &asked.scope, lane_keys: &api.lane_keys };
    // Edges from rollups have said it; those of one lane are not those that left it.
    let told = asked.source() == GraphSource::Rollups && asked.scope.lane().is_none();
    let astray = if told { measured.astray } else { any_astray(api, asker, &spans, &mut said).await? };
    if !astray {
        return Ok((Vec::new(), said));
    }
    let sat = count(api, asker, &spans, asked.level, false, true).await?;
    said.merge(sat.said);
    let findings = findings(&sat.counted, &mut said);
    Ok((findings, said))
}

fn findings(counted: &Counted, said: &mut Said) -> Vec<LaneFinding> {
    let mut hops = counted.hops();
    if hops.len() > LANE_FINDINGS_MAX {
        said.add(format!(
            "lanes are lost at {} hops: {LANE_FINDINGS_MAX} of them are told, the most travelled",
            hops.len()
        ));
        hops.truncate(LANE_FINDINGS_MAX);
    }
    hops
}

/// The node that somebody means.
fn find(graph: &Graph, text: &str) -> Result<usize, Problem> {
    let entity = Entity::read(text);
    if let Some(node) = graph.find(&entity) {
        return Ok(node);
    }
    // A bare name that no service has may be that of one other node.
    let mut alike = graph.nodes.iter().enumerate().filter(|(_, node)| node.entity.name == text);
    if let (Some((node, _)), None) = (alike.next(), alike.next()) {
        return Ok(node);
    }
    let names = graph.nodes.iter().map(|node| node.entity.name.as_str());
    let right = match nearest(&entity.name, names) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "take the name of a service, or kind:name as in the graph without focus".into(),
    };
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "There is no such thing",
        format!("nothing is known of {entity} in this window: {right}"),
    ))
}

fn bounds(params: &Params) -> Result<Bounds, Problem> {
    let default = Bounds::default();
    Ok(Bounds {
        nodes_max: number(params, "nodes_max", default.nodes_max, 1, NODES_MAX)?,
        edges_max: number(params, "edges_max", default.edges_max, 1, EDGES_MAX)?,
    })
}

fn gone_within(params: &Params) -> Result<Duration, Problem> {
    let Some(text) = params.get("gone_within") else { return Ok(GONE_WITHIN) };
    match parse_duration(text) {
        Some(within) if within <= GONE_WITHIN_MAX => Ok(within),
        _ => Err(Problem::invalid(format!("gone_within is {text:?}: a duration from 0s to 31d, such as 24h"))),
    }
}

pub(crate) fn flag(params: &Params, name: &str) -> Result<bool, Problem> {
    match params.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(Problem::invalid(format!("{name} is {text:?}: true or false"))),
    }
}

pub(crate) fn number(params: &Params, name: &str, default: usize, min: usize, max: usize) -> Result<usize, Problem> {
    let Some(text) = params.get(name) else { return Ok(default) };
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Problem::invalid(format!("{name} is {text:?}: an integer from {min} to {max}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        let known = ["hops", "exact", "gone_within", "nodes_max", "edges_max"];
        Params::read(&format!("/x?{query}").parse().unwrap(), &known).unwrap()
    }

    #[test]
    fn a_parameter_out_of_its_range_is_told_what_would_be_right() {
        for (query, says) in [
            ("hops=17", "hops is \"17\": an integer from 0 to 16"),
            ("hops=-1", "an integer from 0 to 16"),
            ("exact=yes", "exact is \"yes\": true or false"),
            ("gone_within=1y", "a duration from 0s to 31d"),
            ("gone_within=40d", "a duration from 0s to 31d"),
            ("nodes_max=0", "an integer from 1 to 10000"),
            ("edges_max=9999999", "an integer from 1 to 50000"),
        ] {
            let params = params(query);
            let problem = number(&params, "hops", 1, 0, HOPS_MAX)
                .map(drop)
                .and_then(|()| flag(&params, "exact").map(drop))
                .and_then(|()| gone_within(&params).map(drop))
                .and_then(|()| bounds(&params).map(drop))
                .unwrap_err();
            assert_eq!(problem.status(), 400);
            assert!(problem.detail().contains(says), "{query}: {}", problem.detail());
        }
        assert_eq!(gone_within(&params("gone_within=0s")), Ok(Duration::ZERO));
        assert!(Level::read(Some("servcie")).unwrap_err().detail().contains("did you mean \"service\"?"));
        assert!(Level::read(Some("galaxy")).unwrap_err().detail().contains("service, operation or infrastructure"));
    }

    #[test]
    fn a_node_is_found_by_its_service_its_kind_or_its_only_name() {
        use graph::{CallRow, Kind, Measure};
        let call = |callee: Entity| CallRow {
            caller: Entity::service("order"),
            callee,
            kind: "database".into(),
            measure: Measure::declared(),
        };
        let calls = [call(Entity::new(Kind::Database, "mysql/orders")), call(Entity::new(Kind::Cache, "redis"))];
        let graph = Graph::build(calls, [], Bounds::default());
        let name = |text: &str| find(&graph, text).map(|n| graph.nodes[n].entity.to_string());
        assert_eq!(name("order").unwrap(), "service:order");
        assert_eq!(name("database:mysql/orders").unwrap(), "database:mysql/orders");
        assert_eq!(name("redis").unwrap(), "cache:redis");
        let problem = name("ordre").unwrap_err();
        assert_eq!(problem.status(), 404);
        assert!(problem.detail().contains("did you mean \"order\"?"), "{}", problem.detail());
    }
}
