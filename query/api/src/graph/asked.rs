//! Asking for a graph: which questions, and what their rows make.

use super::counted::Counted;
use super::gathered::{Gathered, Place, Said};
use super::level::Level;
use super::rollups::{self, Edges, LINES_MAX, Question, ROWS_MAX};
use super::scope::Scope;
use super::spans::{Census, NEAR_MAX, Spans, sittings};
use super::sums::{Line, Sums};
use crate::window::Window;
use crate::{Api, Asker, Problem};
use futures::future::OptionFuture;
use graph::{Bounds, Graph, Kind};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
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

/// How calls are told that no span of the service they went to has answered yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unanswered {
    /// As edges of their own, of kind `third_party`.
    Apart,
    /// With those that were answered: two windows differ in them by when they ended.
    AsCalls,
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
    pub(super) unanswered: Unanswered,
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
    /// What the spans were counted to, where they were asked.
    pub(super) counted: Option<Counted>,
    pub(super) said: Said,
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
        let questions = (Question::edges(self.edges(), &self.scope), Question::served(&self.scope));
        let ((edges, said), (served, more), gone) = futures::try_join!(
            sums(api, asker, &questions.0, &window),
            sums(api, asker, &questions.1, &window),
            self.gone(api, asker, &window),
        )?;
        let mut gathered = Gathered::default();
        [said, more].into_iter().for_each(|said| gathered.said.merge(said));
        gathered.edges_of_rollups(&edges)?;
        gathered.served(&served)?;
        gathered.gone(gone)?;
        self.measured(api, asker, gathered, None).await
    }

    async fn ask_spans(&self, api: &Api, asker: &Asker) -> Result<Measured, Problem> {
        let window = self.answered();
        let spans = Spans { window, scope: &self.scope, lane_keys: &api.lane_keys };
        let mut said = Said::default();
        let lanes = self.level != Level::Infrastructure && any_astray(api, asker, &spans, &mut said).await?;
        let (counted, places, gone) = futures::try_join!(
            count(api, asker, &spans, self.level, self.exact, lanes),
            api.ask(asker, rollups::places(&window)),
            self.gone(api, asker, &window),
        )?;
        let Sat { counted, exact, said: more } = counted;
        said.merge(more);
        let mut gathered = Gathered::of(&counted, said);
        if self.level == Level::Infrastructure {
            // Of what services run on, their calls are no part.
            gathered.calls.clear();
            gathered.nodes.retain(|row| row.entity.kind == Kind::Service);
            for question in spans.places(ROWS_MAX) {
                gathered.places_of_spans(&api.ask(asker, question).await?)?;
            }
            note_copies(api, asker, &spans, &mut gathered.said).await?;
        }
        gathered.places(&places)?;
        gathered.gone(gone)?;
        self.measured(api, asker, gathered, Some((counted, exact))).await
    }

    /// Edges of the time before the window, where rollups can tell.
    async fn gone(&self, api: &Api, asker: &Asker, window: &Window) -> Result<Option<(Sums, Said)>, Problem> {
        let told = self.level != Level::Operation && !self.scope.needs_spans() && !self.gone_within.is_zero();
        let from = window.from.saturating_sub(self.gone_within);
        let before = Window { from, to: window.from }.snapped(BUCKET);
        let question = Question::seen(self.edges(), &self.scope);
        let asked = told.then(|| sums(api, asker, &question, &before));
        OptionFuture::from(asked).await.transpose()
    }

    async fn measured(
        &self,
        api: &Api,
        asker: &Asker,
        mut gathered: Gathered,
        counted: Option<(Counted, bool)>,
    ) -> Result<Measured, Problem> {
        if self.level == Level::Infrastructure {
            gathered.calls.extend(api.catalog.topology(asker).await?.0.calls());
        }
        gathered.merge_namesakes(self.unanswered);
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
        let (counted, exact) = counted.map_or((None, false), |(counted, exact)| (Some(counted), exact));
        let (window, source) = (self.answered(), self.source());
        Ok(Measured { graph, window, source, exact, places, unresolved, astray, counted, said })
    }
}

/// What rollups say of a window of whole minutes: what is over from memory, the rest by asking.
pub(super) async fn sums(
    api: &Api,
    asker: &Asker,
    question: &Question,
    window: &Window,
) -> Result<(Sums, Said), Problem> {
    let (mut sums, mut said) = (Sums::default(), Said::default());
    let content = api.engine.rollup_content(&asker.workspace);
    let of = (&asker.workspace, question.name());
    let missing = api.stretches.add_kept((of.0, &of.1, question.table), window, &content, &mut sums);
    if missing.ranges.is_empty() {
        return Ok((sums, said));
    }
    let rows = api.ask(asker, question.sql(&missing.ranges)).await?;
    said.note(&rows);
    if rows.len() >= LINES_MAX {
        said.add(format!("more than {LINES_MAX} sums of edges: the least travelled are left out"));
    }
    let mut lines: HashMap<i64, Vec<Line>> = HashMap::new();
    for row in rows.iter() {
        if let Some(line) = Line::of(&row, question.texts)? {
            sums.add(&line);
            let stretch = row.int("stretch")?;
            lines.entry(stretch).or_default().extend((stretch >= 0).then_some(line));
        }
    }
    if said.complete() {
        api.stretches.keep(missing, lines, &api.engine.rollup_content(&asker.workspace));
    }
    Ok((sums, said))
}

/// Spans that were counted.
#[derive(Debug)]
pub(super) struct Sat {
    pub(super) counted: Counted,
    /// Whether quantiles are: all were counted at one sitting.
    pub(super) exact: bool,
    pub(super) said: Said,
}

/// Counts the spans of a window.
pub(super) async fn count(
    api: &Api,
    asker: &Asker,
    spans: &Spans<'_>,
    level: Level,
    exact: bool,
    lanes: bool,
) -> Result<Sat, Problem> {
    let mut said = Said::default();
    let near = near(api, asker, spans, &mut said).await?;
    let sittings = match &near {
        Some(_) => 1,
        None => {
            let size = api.ask(asker, spans.size()).await?;
            said.note(&size);
            let count = size.first().map_or(Ok(0), |row| row.int("spans"))?;
            sittings(u64::try_from(count).unwrap_or(0), exact)?
        }
    };
    let mut counted = Counted::default();
    // One after the other, so that each has the memory to itself.
    for question in spans.census(&Census { level, sittings, lanes, near, edges_max: ROWS_MAX }) {
        let rows = api.ask(asker, question).await?;
        said.note(&rows);
        counted.add(&rows)?;
    }
    Ok(Sat { counted, exact: sittings == 1, said })
}

/// The few traces that a question about attributes has to read: those that say them, and those that links
/// join to them. None where they are many, or all are asked about.
async fn near(api: &Api, asker: &Asker, spans: &Spans<'_>, said: &mut Said) -> Result<Option<Vec<String>>, Problem> {
    let Some(question) = spans.traces() else { return Ok(None) };
    let rows = api.ask(asker, question).await?;
    said.note(&rows);
    let mut traces = BTreeSet::new();
    for row in rows.iter() {
        traces.insert(row.text("trace_id")?.to_owned());
    }
    if traces.len() > NEAR_MAX {
        return Ok(None);
    }
    let own: Vec<String> = traces.iter().cloned().collect();
    let linked = match own.is_empty() {
        true => return Ok(Some(own)),
        false => api.ask(asker, spans.linked(&own)).await?,
    };
    said.note(&linked);
    for row in linked.iter() {
        traces.extend(["trace_id", "linked"].map(|name| row.text(name).map(str::to_owned)).into_iter().flatten());
    }
    Ok((linked.len() <= NEAR_MAX).then(|| traces.into_iter().collect()))
}

/// Whether the rollups know of calls that left their lane.
pub(super) async fn any_astray(api: &Api, asker: &Asker, spans: &Spans<'_>, said: &mut Said) -> Result<bool, Problem> {
    let any = api.ask(asker, rollups::lanes(&spans.window, spans.scope, 1)).await?;
    said.note(&any);
    Ok(!any.is_empty())
}

/// Says how many spans are copies, where they are counted too.
pub(super) async fn note_copies(api: &Api, asker: &Asker, spans: &Spans<'_>, said: &mut Said) -> Result<(), Problem> {
    let rows = api.ask(asker, spans.copies()).await?;
    said.note(&rows);
    let row = rows.first().ok_or_else(|| Problem::internal("a count gave no row"))?;
    let copies = row.int("spans")?.saturating_sub(row.int("counted")?);
    if copies > 0 {
        said.add(format!(
            "{copies} spans are copies of others and are counted here, as they are not in the graph of services"
        ));
    }
    Ok(())
}
