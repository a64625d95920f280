//! Asking for a graph: which questions, and what their rows make.

use super::buckets::{BUCKET_ROWS_MAX, Buckets};
use super::level::Level;
use super::rollups::{self, Edges, ROWS_MAX};
use super::scope::Scope;
use super::spans::{self, Spans};
use crate::ask::{Row, Rows};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use futures::future::OptionFuture;
use graph::{Bounds, CallRow, Entity, Graph, Kind, Measure, NodeRow, Quantiles, Traffic};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;
use utoipa::ToSchema;

/// Where counts come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GraphSource {
    /// Counted while spans came in; quantiles from sketches.
    Rollups,
    /// Counted now; quantiles are exact.
    Spans,
}

/// One graph that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As given; what is answered may be wider.
    pub(super) window: Window,
    pub(super) level: Level,
    pub(super) scope: Scope,
    pub(super) exact: bool,
    /// How far back to look for what is gone; zero for not at all.
    pub(super) gone_within: Duration,
    pub(super) bounds: Bounds,
}

/// Where a service belongs.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) environment: String,
    pub(super) namespace: String,
}

/// A graph with what is known about its making.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) graph: Graph,
    pub(super) window: Window,
    pub(super) source: GraphSource,
    /// Whether the quantiles of edges are.
    pub(super) exact: bool,
    pub(super) places: HashMap<String, Place>,
    /// Spans whose parent has not come: edges that may be missing yet.
    pub(super) unresolved: u64,
    /// Whether rollups say that calls left their lane.
    pub(super) astray: bool,
    pub(super) said: Said,
}

/// What was said of completeness on the way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Said(Vec<String>);

impl Said {
    pub(super) fn note(&mut self, rows: &Rows) {
        if !rows.complete {
            self.add(rows.incomplete_reason.clone().unwrap_or_else(|| "a query gave only part of its result".into()));
        }
    }

    pub(super) fn add(&mut self, reason: String) {
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    pub(super) fn merge(&mut self, other: Said) {
        other.0.into_iter().for_each(|reason| self.add(reason));
    }

    pub(super) fn complete(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn reason(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join("; "))
    }
}

/// Rows of all questions of one graph.
struct Counted {
    edges: Vec<Rows>,
    /// Edges that were counted slice by slice.
    sliced: Buckets,
    served: Rows,
    /// Where the edges do not say it.
    unresolved: Option<Rows>,
    gone: Option<Rows>,
    said: Said,
}

/// The width of the buckets that windows snap to: that of the edges.
const BUCKET: Duration = Duration::from_nanos(tables::rollups::EDGE_BUCKET_NS.unsigned_abs());

impl Asked {
    /// Where counts come from.
    pub(super) fn source(&self) -> GraphSource {
        let spans = self.exact || self.level == Level::Operation || self.scope.needs_spans();
        if spans { GraphSource::Spans } else { GraphSource::Rollups }
    }

    /// The window that is answered: snapped outward to the buckets of the rollups, and with the same
    /// borders from spans, so that both ways give the same counts.
    pub(super) fn answered(&self) -> Window {
        self.window.snapped(BUCKET)
    }

    fn edges(&self) -> Edges {
        if self.level == Level::Infrastructure { Edges::Places } else { Edges::Calls }
    }

    pub(super) async fn ask(&self, api: &Api, asker: &Asker) -> Result<Measured, Problem> {
        match self.source() {
            GraphSource::Rollups => self.ask_rollups(api, asker).await,
            GraphSource::Spans => self.ask_spans(api, asker).await,
        }
    }

    async fn ask_rollups(&self, api: &Api, asker: &Asker) -> Result<Measured, Problem> {
        let window = self.answered();
        let (edges, served, gone) = futures::try_join!(
            api.ask(asker, rollups::edges(&window, self.edges(), &self.scope)),
            api.ask(asker, rollups::served(&window, self.edges(), &self.scope)),
            self.gone(api, asker, &window),
        )?;
        let (sliced, said) = (Buckets::default(), Said::default());
        self.measured(api, asker, Counted { edges: vec![edges], sliced, served, unresolved: None, gone, said }).await
    }

    async fn ask_spans(&self, api: &Api, asker: &Asker) -> Result<Measured, Problem> {
        let (window, mut said) = (self.answered(), Said::default());
        let spans = spans_of(api, asker, window, &self.scope, &mut said).await?;
        let mut edges = Vec::new();
        let mut sliced = Buckets::default();
        if self.level == Level::Operation && !self.exact {
            for slice in spans.slices()? {
                for question in slice.operations(BUCKET_ROWS_MAX) {
                    let rows = api.ask(asker, question).await?;
                    said.note(&rows);
                    sliced.add(&rows)?;
                }
            }
        } else {
            for question in spans.edges(self.level, ROWS_MAX) {
                edges.push(api.ask(asker, question).await?);
            }
        }
        let unresolved = match self.scope.needs_spans() {
            true => spans.unresolved(),
            false => rollups::unresolved(&window, &self.scope),
        };
        let (served, unresolved, gone) = futures::try_join!(
            api.ask(asker, spans.served(self.level, ROWS_MAX)),
            api.ask(asker, unresolved),
            self.gone(api, asker, &window),
        )?;
        self.measured(api, asker, Counted { edges, sliced, served, unresolved: Some(unresolved), gone, said }).await
    }

    /// Edges of the time before the window, where rollups can tell.
    async fn gone(&self, api: &Api, asker: &Asker, window: &Window) -> Result<Option<Rows>, Problem> {
        let told = self.level != Level::Operation && !self.scope.needs_spans() && !self.gone_within.is_zero();
        let before = Window { from: window.from.saturating_sub(self.gone_within), to: window.from };
        let asked = told.then(|| api.ask(asker, rollups::edges_before(&before, self.edges(), &self.scope)));
        OptionFuture::from(asked).await.transpose()
    }

    async fn measured(&self, api: &Api, asker: &Asker, counted: Counted) -> Result<Measured, Problem> {
        let Counted { edges, sliced, served, unresolved, gone, mut said } = counted;
        let (source, mut places) = (self.source(), HashMap::new());
        let (mut calls, mut nodes) = sliced.rows();
        for rows in edges.iter().chain([&served]).chain(&unresolved).chain(&gone) {
            said.note(rows);
        }
        if edges.iter().any(|rows| rows.len() >= ROWS_MAX) {
            said.add(format!("more than {ROWS_MAX} edges: the least travelled are left out"));
        }
        let (mut waiting, mut astray) = (0, false);
        for row in edges.iter().flat_map(Rows::iter) {
            let called = row.text("callee_type")?;
            if source == GraphSource::Rollups {
                waiting += row.int("unresolved")?;
                astray |= row.int("astray")? != 0;
            }
            if is_call(&row)? {
                calls.push(call(&row, measure(&row)?)?);
            } else if row.opt_text("caller")?.is_none() && called != "service" && called != "operation" {
                nodes.push(NodeRow { entity: end(&row, "callee_type", "callee")?, measure: measure(&row)? });
            }
        }
        for row in served.iter() {
            let entity = self.served_entity(&row, source)?;
            let (environment, namespace) = (row.text("environment")?.to_owned(), row.text("namespace")?.to_owned());
            places.insert(entity.name.clone(), Place { environment, namespace });
            nodes.push(NodeRow { entity, measure: measure(&row)? });
        }
        for row in gone.iter().flat_map(Rows::iter) {
            calls.push(call(&row, Measure::gone(row.time("last_seen")?))?);
        }
        if self.level == Level::Infrastructure {
            calls.extend(api.catalog.topology(asker).await?.0.calls());
        }
        let graph = Graph::build(calls, nodes, self.bounds);
        if let Some(cut) = graph.cut {
            let (nodes, edges) = (cut.nodes_total, cut.edges_total);
            said.add(format!(
                "there are {nodes} nodes and {edges} edges: the least travelled are left out; focus on a node, or \
                 raise nodes_max and edges_max"
            ));
        }
        for row in unresolved.iter().flat_map(Rows::iter) {
            waiting += row.int("unresolved")?;
        }
        let unresolved = u64::try_from(waiting).unwrap_or(0);
        let exact = source == GraphSource::Spans && (self.exact || self.level != Level::Operation);
        Ok(Measured { graph, window: self.answered(), source, exact, places, unresolved, astray, said })
    }

    fn served_entity(&self, row: &Row<'_>, source: GraphSource) -> Result<Entity, Problem> {
        match (source, self.level) {
            (GraphSource::Rollups, _) => end(row, "type", "service"),
            (GraphSource::Spans, Level::Operation) => Ok(Entity::new(Kind::Operation, row.text("service")?)),
            (GraphSource::Spans, _) => Ok(Entity::service(row.text("service")?)),
        }
    }
}

/// The view of the spans of a window, after a look at what is odd about them.
pub(super) async fn spans_of<'a>(
    api: &'a Api,
    asker: &Asker,
    window: Window,
    scope: &'a Scope,
    said: &mut Said,
) -> Result<Spans<'a>, Problem> {
    let oddities = api.ask(asker, spans::oddities(&window)).await?;
    said.note(&oddities);
    let row = oddities.first().ok_or_else(|| Problem::internal("a count gave no row"))?;
    let copies = row.int("spans")?.saturating_sub(row.int("counted")?);
    if copies > 0 {
        said.add(format!(
            "{copies} spans are copies of others and are counted here; the counts of the rollups (without attr.K=V, \
             exact and level=operation) leave them out"
        ));
    }
    let count = u64::try_from(row.int("inside")?).unwrap_or(0);
    Ok(Spans { window, scope, lane_keys: &api.lane_keys, links: row.int("linked")? > 0, count })
}

/// Whether a row is an edge: not a sum over all callers, and not the count of spans that wait.
pub(super) fn is_call(row: &Row<'_>) -> Result<bool, Problem> {
    Ok(row.opt_text("caller_type")?.is_some_and(|kind| !kind.is_empty()))
}

pub(super) fn call(row: &Row<'_>, measure: Measure) -> Result<CallRow, Problem> {
    Ok(CallRow {
        caller: end(row, "caller_type", "caller")?,
        callee: end(row, "callee_type", "callee")?,
        kind: row.text("kind")?.to_owned(),
        measure,
    })
}

pub(super) fn end(row: &Row<'_>, kind: &str, name: &str) -> Result<Entity, Problem> {
    let text = row.text(kind)?;
    let kind = Kind::from_name(text)
        .ok_or_else(|| Problem::internal(format!("a node of kind {text:?}, which is not known here")))?;
    Ok(Entity::new(kind, row.text(name)?))
}

/// The sums and quantiles of a row.
pub(super) fn measure(row: &Row<'_>) -> Result<Measure, Problem> {
    let quantiles = match (row.opt_int("p50_ns")?, row.opt_int("p95_ns")?, row.opt_int("p99_ns")?) {
        (Some(p50_ns), Some(p95_ns), Some(p99_ns)) => Some(Quantiles { p50_ns, p95_ns, p99_ns }),
        _ => None,
    };
    Ok(Measure::seen(traffic(row)?, quantiles, row.opt_time("last_seen")?))
}

pub(super) fn traffic(row: &Row<'_>) -> Result<Traffic, Problem> {
    // Deltas that take back what was counted elsewhere may be all that a window holds of an edge.
    let count = |name: &str| Ok::<_, Problem>(u64::try_from(row.int(name)?).unwrap_or(0));
    Ok(Traffic {
        calls: count("calls")?,
        errors: count("errors")?,
        limited: count("limited")?,
        duration_sum_ns: row.int("duration_sum_ns")?,
    })
}
