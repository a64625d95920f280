//! Asking for a graph: which questions, and what their rows make.

use super::buckets::{BUCKET_ROWS_MAX, Buckets};
use super::gathered::{Gathered, Place, Said};
use super::level::Level;
use super::rollups::{self, Edges, ROWS_MAX};
use super::scope::Scope;
use super::spans::{self, Spans};
use crate::ask::Rows;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use futures::future::OptionFuture;
use graph::{Bounds, Graph};
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
            api.ask(asker, rollups::served(&window, &self.scope)),
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
                    if rows.len() >= BUCKET_ROWS_MAX {
                        said.add(format!("more than {BUCKET_ROWS_MAX} edges and durations: some are left out"));
                    }
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
        let Counted { edges, sliced, served, unresolved, gone, said } = counted;
        let source = self.source();
        let mut gathered = Gathered::of(sliced, said);
        for rows in &edges {
            match source {
                GraphSource::Rollups => gathered.edges_of_rollups(rows)?,
                GraphSource::Spans => gathered.edges_of_spans(rows)?,
            }
        }
        gathered.served(&served, source, self.level)?;
        unresolved.iter().try_for_each(|rows| gathered.waiting(rows))?;
        gone.iter().try_for_each(|rows| gathered.gone(rows))?;
        if self.level == Level::Infrastructure {
            gathered.calls.extend(api.catalog.topology(asker).await?.0.calls());
        }
        let Gathered { calls, nodes, places, waiting, astray, mut said } = gathered;
        let graph = Graph::build(calls, nodes, self.bounds);
        if let Some(cut) = graph.cut {
            let (nodes, edges) = (cut.nodes_total, cut.edges_total);
            said.add(format!(
                "there are {nodes} nodes and {edges} edges: the least travelled are left out; focus on a node, or \
                 raise nodes_max and edges_max"
            ));
        }
        let unresolved = u64::try_from(waiting).unwrap_or(0);
        let exact = source == GraphSource::Spans && (self.exact || self.level != Level::Operation);
        Ok(Measured { graph, window: self.answered(), source, exact, places, unresolved, astray, said })
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
    let traces = scope.traces(&window.condition("time"));
    Ok(Spans { window, scope, lane_keys: &api.lane_keys, traces, links: row.int("linked")? > 0, count })
}
