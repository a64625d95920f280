//! What rows of the rollups and of the spans make of a graph, before it is built.

use super::asked::Unanswered;
use super::counted::Counted;
use super::rollups::ROWS_MAX;
use super::sums::{Sum, Sums};
use crate::Problem;
use crate::ask::{Row, Rows};
use graph::{CallRow, Entity, Kind, Measure, NodeRow, Quantiles, Traffic};
use rollup::{Sketch, SketchSum};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The kind of edges between services that answer at once.
const CALL: &str = "call";

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
#[derive(Clone, Debug, Default)]
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
    /// What the spans were counted to.
    pub(super) fn of(counted: &Counted, mut said: Said) -> Self {
        let (calls, nodes, cut) = counted.rows();
        cut.into_iter().for_each(|reason| said.add(reason));
        Self { calls, nodes, waiting: counted.waiting, said, ..Self::default() }
    }

    /// Sums of [`super::rollups::Question::edges`]. What is called and is no service has the sum of its edges.
    pub(super) fn edges_of_rollups(&mut self, sums: &Sums) -> Result<(), Problem> {
        let mut called: BTreeMap<Entity, (Measure, SketchSum)> = BTreeMap::new();
        for (texts, sum) in sums.groups()? {
            self.waiting = self.waiting.saturating_add(sum.unresolved());
            self.astray |= sum.astray() != 0;
            let Some(call) = call_of(texts, sum)? else { continue };
            if call.callee.kind != Kind::Service {
                let (measure, durations) = called.entry(call.callee.clone()).or_default();
                measure.traffic += call.measure.traffic;
                measure.last_seen = measure.last_seen.max(call.measure.last_seen);
                durations.add(&sum.durations);
            }
            self.calls.push(call);
        }
        for (entity, (sum, durations)) in called {
            let quantiles = quantiles(&durations.sketch());
            self.nodes.push(NodeRow { entity, measure: Measure { quantiles, ..sum } });
        }
        Ok(())
    }

    /// Rows of [`super::spans::Spans::places`]: those without a caller sum up what stands there.
    pub(super) fn places_of_spans(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.note_edges(rows);
        for row in rows.iter() {
            if is_call(&row)? {
                self.calls.push(call(&row, measure(&row)?)?);
            } else {
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

    /// Sums of [`super::rollups::Question::served`].
    pub(super) fn served(&mut self, sums: &Sums) -> Result<(), Problem> {
        let mut served: BTreeMap<&str, (Measure, SketchSum)> = BTreeMap::new();
        for (texts, sum) in sums.groups()? {
            let [service, environment, namespace] = texts else {
                return Err(Problem::internal("a service has a name, an environment and a namespace"));
            };
            let (measure, durations) = served.entry(service).or_default();
            measure.traffic += sum.traffic();
            measure.last_seen = measure.last_seen.max(sum.last_seen);
            durations.add(&sum.durations);
            let place = self.places.entry(service.to_string()).or_default();
            place.environment = environment.to_string().max(std::mem::take(&mut place.environment));
            place.namespace = namespace.to_string().max(std::mem::take(&mut place.namespace));
        }
        for (service, (measure, durations)) in served {
            let measure = Measure::seen(measure.traffic, quantiles(&durations.sketch()), measure.last_seen);
            self.nodes.push(NodeRow { entity: Entity::service(service), measure });
        }
        Ok(())
    }

    /// Where services belong.
    pub(super) fn places(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.said.note(rows);
        for row in rows.iter() {
            let (environment, namespace) = (row.text("environment")?.to_owned(), row.text("namespace")?.to_owned());
            self.places.insert(row.text("service")?.to_owned(), Place { environment, namespace });
        }
        Ok(())
    }

    /// A call that no span of a service has answered yet is one to a third party. Where that has the name of
    /// a service of the graph, it is that service, and no second node.
    pub(super) fn merge_namesakes(&mut self, unanswered: Unanswered) {
        let own = |row: &NodeRow| (row.entity.kind == Kind::Service).then(|| row.entity.name.clone());
        let ends = self.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
        let services: HashSet<String> = ends
            .filter(|end| end.kind == Kind::Service)
            .map(|end| end.name.clone())
            .chain(self.nodes.iter().filter_map(own))
            .collect();
        let is_service = |end: &Entity| end.kind == Kind::ThirdParty && services.contains(&end.name);
        self.nodes.retain(|row| !is_service(&row.entity));
        let (waiting, mut calls): (Vec<CallRow>, Vec<CallRow>) =
            std::mem::take(&mut self.calls).into_iter().partition(|call| is_service(&call.callee));
        let ends = |(at, call): (usize, &CallRow)| ((call.caller.clone(), call.callee.clone()), at);
        let answered = calls.iter().enumerate().filter(|(_, call)| call.kind == CALL && !waiting.is_empty());
        let answered: HashMap<(Entity, Entity), usize> = answered.map(ends).collect();
        for mut call in waiting {
            call.callee = Entity::service(call.callee.name.as_str());
            if unanswered == Unanswered::AsCalls {
                CALL.clone_into(&mut call.kind);
            }
            // What was answered says how long it takes.
            match answered.get(&(call.caller.clone(), call.callee.clone())) {
                Some(at) if call.kind == CALL => {
                    let answered = &mut calls[*at].measure;
                    answered.traffic += call.measure.traffic;
                    answered.last_seen = answered.last_seen.max(call.measure.last_seen);
                }
                _ => calls.push(call),
            }
        }
        self.calls = calls;
    }

    /// Edges that were last seen before the window, unless they are in it too.
    pub(super) fn gone(&mut self, before: Option<(Sums, Said)>) -> Result<(), Problem> {
        let Some((sums, said)) = before else { return Ok(()) };
        self.said.merge(said);
        for (texts, sum) in sums.groups()? {
            let Some(last_seen) = sum.last_seen else { continue };
            self.calls.extend(call_of(texts, sum)?.map(|call| CallRow { measure: Measure::gone(last_seen), ..call }));
        }
        Ok(())
    }
}

/// An edge of the rollups; none for the count of spans that wait.
pub(super) fn call_of(texts: &[Box<str>], sum: &Sum) -> Result<Option<CallRow>, Problem> {
    let [caller, caller_type, callee, callee_type, kind] = texts else {
        return Err(Problem::internal("an edge has two ends and a kind"));
    };
    if caller_type.is_empty() {
        return Ok(None);
    }
    let measure = Measure::seen(sum.traffic(), quantiles(&sum.durations.sketch()), sum.last_seen);
    let (caller, callee) = (entity(caller_type, caller)?, entity(callee_type, callee)?);
    Ok(Some(CallRow { caller, callee, kind: kind.to_string(), measure }))
}

pub(super) fn quantiles(sketch: &Sketch) -> Option<Quantiles> {
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
    entity(row.text(kind)?, row.text(name)?)
}

fn entity(kind: &str, name: &str) -> Result<Entity, Problem> {
    let known = Kind::from_name(kind);
    let known = known.ok_or_else(|| Problem::internal(format!("a node of kind {kind:?}, which is not known here")))?;
    Ok(Entity::new(known, name))
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
    use crate::graph::rollups::ENDS;
    use crate::graph::sums::Line;
    use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
    use graph::{Bounds, Graph};
    use std::sync::Arc;

    const MS: i64 = 1_000_000;

    /// caller, its type, callee, its type, kind, calls, unresolved, astray, durations in milliseconds.
    type Given<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, i64, i64, i64, &'a [i64]);

    fn sums(lines: &[Given<'_>]) -> Sums {
        let mut sums = Sums::default();
        for row in rows(lines).iter() {
            Line::of(&row, &ENDS).unwrap().iter().for_each(|line| sums.add(line));
        }
        sums
    }

    fn rows(lines: &[Given<'_>]) -> Rows {
        let text = |of: fn(&Given<'_>) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(lines.iter().map(of)))
        };
        let number =
            |of: fn(&Given<'_>) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(lines.iter().map(of))) };
        let sketch = |line: &Given<'_>| {
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
        let lines: [Given<'_>; 4] = [
            ("order", "service", "mysql/orders", "database", "database", 3, 0, 0, &[1, 1, 1]),
            ("stock", "service", "mysql/orders", "database", "database", 1, 0, 0, &[100]),
            ("order", "service", "stock", "service", "call", 2, 0, 1, &[5, 5]),
            ("", "", "stock", "service", "unresolved", 0, 7, 0, &[]),
        ];
        gathered.edges_of_rollups(&sums(&lines)).unwrap();
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
    fn a_service_that_has_not_answered_yet_is_no_second_node() {
        let mut gathered = Gathered::default();
        let lines: [Given<'_>; 3] = [
            ("order", "service", "stock", "service", "call", 2, 0, 0, &[5, 5]),
            ("order", "service", "stock", "third_party", "third_party", 1, 0, 0, &[9]),
            ("order", "service", "a bank", "third_party", "third_party", 1, 0, 0, &[9]),
        ];
        gathered.edges_of_rollups(&sums(&lines)).unwrap();
        let mut compared = gathered.clone();
        gathered.merge_namesakes(Unanswered::Apart);
        let graph = Graph::build(gathered.calls, gathered.nodes, Bounds::default());
        let nodes: Vec<String> = graph.nodes.iter().map(|node| node.entity.to_string()).collect();
        assert_eq!(nodes.len(), 3, "{nodes:?}");
        let edges: Vec<_> = graph.edges.iter().map(|e| (e.kind.as_str(), e.measure.traffic.calls)).collect();
        assert!(edges.contains(&("call", 2)) && edges.contains(&("third_party", 1)) && edges.len() == 3, "{edges:?}");

        compared.merge_namesakes(Unanswered::AsCalls);
        let graph = Graph::build(compared.calls, compared.nodes, Bounds::default());
        let call = graph.edges.iter().find(|edge| edge.kind == "call").unwrap();
        assert_eq!((graph.edges.len(), call.measure.traffic.calls), (2, 3), "what still goes on is no other edge");
        let p99_ns = call.measure.quantiles.unwrap().p99_ns;
        assert!((p99_ns - 5 * MS).abs() < MS / 10, "nor is it slower: {p99_ns}");
    }

    #[test]
    fn a_kind_that_is_not_known_is_a_fault_and_no_panic() {
        let galaxy: [Given<'_>; 1] = [("a", "service", "b", "galaxy", "call", 1, 0, 0, &[1])];
        let problem = Gathered::default().edges_of_rollups(&sums(&galaxy)).unwrap_err();
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
