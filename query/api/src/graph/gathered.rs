//! What rows of the rollups and of the spans make of a graph, before it is built.

use super::asked::GraphSource;
use super::buckets::Buckets;
use super::level::Level;
use super::rollups::ROWS_MAX;
use crate::Problem;
use crate::ask::{Row, Rows};
use graph::{CallRow, Entity, Kind, Measure, NodeRow, Quantiles, Traffic};
use rollup::Sketch;
use std::collections::{BTreeMap, HashMap};

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

/// Where a service belongs.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) environment: String,
    pub(super) namespace: String,
}

/// Rows of one graph, as they come.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) calls: Vec<CallRow>,
    pub(super) nodes: Vec<NodeRow>,
    pub(super) places: HashMap<String, Place>,
    /// Spans that wait for their parent.
    pub(super) waiting: i64,
    /// Whether calls left their lane.
    pub(super) astray: bool,
    pub(super) said: Said,
}

impl Gathered {
    /// What slices of the window have come to.
    pub(super) fn of(sliced: Buckets, said: Said) -> Self {
        let (calls, nodes) = sliced.rows();
        Self { calls, nodes, said, ..Self::default() }
    }

    /// Rows of [`super::rollups::edges`]. What is called and is no service has the sum of its edges.
    pub(super) fn edges_of_rollups(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.note_edges(rows);
        let mut called: BTreeMap<Entity, (Measure, Sketch)> = BTreeMap::new();
        for row in rows.iter() {
            self.waiting = self.waiting.saturating_add(row.int("unresolved")?);
            self.astray |= row.int("astray")? != 0;
            if !is_call(&row)? {
                continue;
            }
            let (measure, sketch) = sketched(&row)?;
            let call = call(&row, measure)?;
            if call.callee.kind != Kind::Service {
                let (sum, durations) = called.entry(call.callee.clone()).or_default();
                sum.traffic += measure.traffic;
                sum.last_seen = sum.last_seen.max(measure.last_seen);
                durations.merge(&sketch);
            }
            self.calls.push(call);
        }
        for (entity, (sum, durations)) in called {
            self.nodes.push(NodeRow { entity, measure: Measure { quantiles: quantiles(&durations), ..sum } });
        }
        Ok(())
    }

    /// Rows of [`super::spans::Spans::edges`]: those without a caller sum up what was called.
    pub(super) fn edges_of_spans(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.note_edges(rows);
        for row in rows.iter() {
            let is_served = matches!(row.text("callee_type")?, "service" | "operation");
            if is_call(&row)? {
                self.calls.push(call(&row, measure(&row)?)?);
            } else if !is_served {
                self.nodes.push(NodeRow { entity: end(&row, "callee_type", "callee")?, measure: measure(&row)? });
            }
        }
        Ok(())
    }

    fn note_edges(&mut self, rows: &Rows) {
        self.said.note(rows);
        if rows.len() >= ROWS_MAX {
            self.said.add(format!("more than {ROWS_MAX} edges: the least travelled are left out"));
        }
    }

    /// What services, or their operations, served.
    pub(super) fn served(&mut self, rows: &Rows, source: GraphSource, level: Level) -> Result<(), Problem> {
        self.said.note(rows);
        let kind = if level == Level::Operation { Kind::Operation } else { Kind::Service };
        for row in rows.iter() {
            let name = row.text("service")?;
            let measure = match source {
                GraphSource::Rollups => sketched(&row)?.0,
                GraphSource::Spans => measure(&row)?,
            };
            let (environment, namespace) = (row.text("environment")?.to_owned(), row.text("namespace")?.to_owned());
            self.places.insert(name.to_owned(), Place { environment, namespace });
            self.nodes.push(NodeRow { entity: Entity::new(kind, name), measure });
        }
        Ok(())
    }

    /// How many spans wait for their parent.
    pub(super) fn waiting(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.said.note(rows);
        for row in rows.iter() {
            self.waiting = self.waiting.saturating_add(row.int("unresolved")?);
        }
        Ok(())
    }

    /// Edges that were last seen before the window, unless they are in it too.
    pub(super) fn gone(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.said.note(rows);
        for row in rows.iter() {
            self.calls.push(call(&row, Measure::gone(row.time("last_seen")?))?);
        }
        Ok(())
    }
}

/// The sums of a row of rollups, and the sketch of its durations.
pub(super) fn sketched(row: &Row<'_>) -> Result<(Measure, Sketch), Problem> {
    let sketch = row.opt_bytes("sketch")?.map(Sketch::decode).transpose();
    let sketch = sketch.map_err(|error| Problem::internal(error.to_string()))?.unwrap_or_default();
    Ok((Measure::seen(traffic(row)?, quantiles(&sketch), row.opt_time("last_seen")?), sketch))
}

fn quantiles(sketch: &Sketch) -> Option<Quantiles> {
    Some(Quantiles { p50_ns: sketch.quantile(0.5)?, p95_ns: sketch.quantile(0.95)?, p99_ns: sketch.quantile(0.99)? })
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
    use graph::{Bounds, Graph};
    use std::sync::Arc;

    const MS: i64 = 1_000_000;

    /// caller, its type, callee, its type, kind, calls, unresolved, astray, durations in milliseconds.
    type Line<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, i64, i64, i64, &'a [i64]);

    fn rows(lines: &[Line<'_>]) -> Rows {
        let text =
            |of: fn(&Line<'_>) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(lines.iter().map(of))) };
        let number =
            |of: fn(&Line<'_>) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(lines.iter().map(of))) };
        let sketch = |line: &Line<'_>| {
            let mut sketch = Sketch::default();
            line.8.iter().for_each(|duration| sketch.add(duration * MS, 1));
            sketch.encode()
        };
        let sketches: Vec<Vec<u8>> = lines.iter().map(sketch).collect();
        let sketches =
            lines.iter().zip(&sketches).map(|(line, bytes)| (!line.8.is_empty()).then_some(bytes.as_slice()));
        let times = TimestampNanosecondArray::from_iter_values(lines.iter().map(|line| line.5)).with_timezone("UTC");
        let batch = RecordBatch::try_from_iter([
            ("caller", text(|l| l.0.into())),
            ("caller_type", text(|l| l.1.into())),
            ("callee", text(|l| l.2.into())),
            ("callee_type", text(|l| l.3.into())),
            ("kind", text(|l| l.4.into())),
            ("calls", number(|l| l.5)),
            ("errors", number(|l| l.5 / 10)),
            ("limited", number(|_| 0)),
            ("duration_sum_ns", number(|l| l.8.iter().sum::<i64>() * MS)),
            ("unresolved", number(|l| l.6)),
            ("astray", number(|l| l.7)),
            ("last_seen", Arc::new(times) as ArrayRef),
            ("sketch", Arc::new(sketches.collect::<BinaryArray>()) as ArrayRef),
        ]);
        Rows::of_batch(batch.unwrap())
    }

    #[test]
    fn what_several_call_has_the_durations_of_all_of_them_and_spans_that_wait_are_no_edge() {
        let mut gathered = Gathered::default();
        let lines: [Line<'_>; 4] = [
            ("order", "service", "mysql/orders", "database", "database", 3, 0, 0, &[1, 1, 1]),
            ("stock", "service", "mysql/orders", "database", "database", 1, 0, 0, &[100]),
            ("order", "service", "stock", "service", "call", 2, 0, 1, &[5, 5]),
            ("", "", "stock", "service", "unresolved", 0, 7, 0, &[]),
        ];
        gathered.edges_of_rollups(&rows(&lines)).unwrap();
        assert_eq!((gathered.calls.len(), gathered.waiting, gathered.astray), (3, 7, true));
        let graph = Graph::build(gathered.calls, gathered.nodes, Bounds::default());
        let node = |entity| graph.nodes[graph.find(&entity).unwrap()].measure;
        let database = node(Entity::new(Kind::Database, "mysql/orders"));
        let near = |found: i64, ms: i64| (found - ms * MS).abs() <= ms * MS / 100;
        let quantiles = database.quantiles.unwrap();
        assert!(near(quantiles.p50_ns, 1) && near(quantiles.p99_ns, 100), "{quantiles:?}");
        assert_eq!((database.traffic.calls, database.traffic.duration_sum_ns), (4, 103 * MS));
        // A service has its own row, or the calls to it.
        assert_eq!(node(Entity::service("stock")).traffic.calls, 2);
    }

    #[test]
    fn a_kind_that_is_not_known_is_a_fault_and_no_panic() {
        let galaxy: [Line<'_>; 1] = [("a", "service", "b", "galaxy", "call", 1, 0, 0, &[1])];
        let problem = Gathered::default().edges_of_rollups(&rows(&galaxy)).unwrap_err();
        assert!(problem.status() == 500 && problem.detail().contains("galaxy"));
    }

    #[test]
    fn a_result_that_is_cut_is_said_once() {
        let mut said = Said::default();
        let mut cut = rows(&[]);
        cut.complete = false;
        cut.incomplete_reason = Some("cut at 5 rows".into());
        said.note(&cut);
        said.note(&cut);
        assert_eq!((said.complete(), said.reason()), (false, Some("cut at 5 rows".into())));
    }
}
