//! A census counts what the counts of arriving spans come to, and more.

use crate::company::{Span, shown};
use crate::reference::{Expected, expected, firsts};
use crate::store::a_span;
use crate::sums::Sum;
use proptest::prelude::*;
use rollup::SpanKind::{Client, Consumer, Internal, Producer, Server};
use rollup::census::{Answer, Census, Durations, Question, Sums};
use std::collections::BTreeMap;

fn of(question: Question, spans: &[Span]) -> Answer {
    counted(question, spans, |_| true, |_| 0)
}

fn counted(question: Question, spans: &[Span], inside: impl Fn(&Span) -> bool, says: impl Fn(&Span) -> i64) -> Answer {
    let mut census = Census::new(question, 7);
    // In batches, as a query gives them.
    spans.chunks(13).for_each(|rows| census.add(&shown(rows, &inside, &says)).unwrap());
    census.finish()
}

/// Caller and callee with their types, and the kind of an edge.
type Ends = [String; 5];

fn known(sums: &Sums) -> Sum {
    let Durations::Sketch(sketch) = sums.durations.clone() else { panic!("a sketch was asked for") };
    let [calls, errors, limited] = [sums.calls, sums.errors, sums.limited].map(|count| count as i64);
    Sum { calls, errors, limited, duration: sums.duration_sum_ns, unresolved: 0, sketch }
}

fn edges(answer: &Answer) -> BTreeMap<Ends, Sum> {
    let ends = |edge: &rollup::census::Edge| {
        [&*edge.caller.name, edge.caller.kind, &*edge.callee.name, edge.callee.kind, edge.kind].map(str::to_owned)
    };
    answer.edges.iter().map(|edge| (ends(edge), known(&edge.sums))).collect()
}

fn add(into: &mut Sum, sum: &Sum) {
    into.calls += sum.calls;
    into.errors += sum.errors;
    into.limited += sum.limited;
    into.duration = into.duration.wrapping_add(sum.duration);
    into.sketch.merge(&sum.sketch);
}

/// What the tables should say, without times, environments and lanes; and how many wait for their parent.
fn reference(spans: &[Span]) -> (BTreeMap<Ends, Sum>, BTreeMap<String, Sum>, i64) {
    let Expected { red, edges: all } = expected(spans);
    let (mut edges, mut served, mut unresolved) = (BTreeMap::new(), BTreeMap::new(), 0);
    for ((_, texts), sum) in &all {
        unresolved += sum.unresolved;
        let ends: Ends = texts[4..9].to_vec().try_into().unwrap();
        if !["runs_on", "unresolved"].contains(&&*ends[4]) {
            add(edges.entry(ends).or_default(), sum);
        }
    }
    for ((_, texts), sum) in &red {
        if ["server", "consumer"].contains(&&*texts[5]) {
            add(served.entry(texts[3].clone()).or_default(), sum);
        }
    }
    (edges, served, unresolved)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_census_equals_the_counts_of_arriving_spans_in_any_order_and_any_shares(
        spans in prop::collection::vec(a_span(), 0..200), again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        turn in any::<prop::sample::Index>(), parts in 1..5_u32,
    ) {
        let mut spans: Vec<Span> = firsts(&spans).into_iter().cloned().collect();
        let (edges_expected, served_expected, unresolved) = reference(&spans);
        if !spans.is_empty() {
            // Copies, and another order.
            for copy in again {
                let copy = spans[copy.index(spans.len())].clone();
                spans.extend(copy.is_known().then_some(copy));
            }
            let middle = turn.index(spans.len());
            spans.rotate_left(middle);
        }
        let answer = of(Question::default(), &spans);
        prop_assert_eq!(edges(&answer), edges_expected.clone());
        prop_assert_eq!(answer.unresolved as i64, unresolved);
        let services = answer.nodes.iter().filter(|node| node.end.kind == "service");
        let services: BTreeMap<String, Sum> = services.map(|node| (node.end.name.clone(), known(&node.sums))).collect();
        prop_assert_eq!(services, served_expected);
        let mut together = BTreeMap::new();
        for part in 0..parts {
            let answer = of(Question { share: (part, parts), ..Question::default() }, &spans);
            edges(&answer).iter().for_each(|(ends, sum)| add(together.entry(ends.clone()).or_default(), sum));
        }
        prop_assert_eq!(together, edges_expected);
    }
}

/// gateway -> (internal) -> order -> database, and a message to a consumer of another trace.
fn story() -> Vec<Span> {
    let span = |id, parent, service, kind, operation| Span { id, parent, service, kind, operation, ..Span::default() };
    vec![
        span(1, 0, 0, Server, 1),
        span(2, 1, 0, Internal, 2),
        span(3, 2, 0, Client, 3),
        span(4, 3, 1, Server, 4),
        Span { peer: 1, ..span(5, 4, 1, Client, 5) },
        Span { peer: 3, ..span(6, 4, 1, Producer, 6) },
        Span { trace: 2, peer: 3, links: vec![(1, 6), (1, 6)], ..span(1, 0, 3, Consumer, 7) },
    ]
}

fn lines(answer: &Answer) -> Vec<String> {
    let line = |edge: &rollup::census::Edge| {
        format!("{} -{}-> {} x{}", edge.caller.name, edge.kind, edge.callee.name, edge.sums.calls)
    };
    let mut lines: Vec<String> = answer.edges.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn a_call_is_made_by_the_operation_that_was_served_however_far_above() {
    let by_operation = Question { by_operation: true, ..Question::default() };
    let n = |service: u8, operation: u8| format!("service-{service}/operation number {operation}");
    let expected = [
        format!("kafka/paid -queue-> {} x1", n(3, 7)),
        format!("{} -call-> {} x1", n(0, 1), n(1, 4)),
        format!("{} -database-> mysql/orders x1", n(1, 4)),
        format!("{} -message-> {} x1", n(1, 4), n(3, 7)),
        format!("{} -queue-> kafka/paid x1", n(1, 4)),
    ];
    assert_eq!(lines(&of(by_operation.clone(), &story())), expected);
    // The way up is broken: the only operation by which the trace came in made the call.
    let broken: Vec<Span> = story().into_iter().filter(|span| (span.trace, span.id) != (1, 2)).collect();
    assert_eq!(lines(&of(by_operation.clone(), &broken)), expected);
    // By several, nobody knows: the call stands for itself.
    let mut several = broken.clone();
    several.push(Span { id: 9, operation: 9, ..Span::default() });
    assert!(lines(&of(by_operation, &several)).contains(&format!("{} -call-> {} x1", n(0, 3), n(1, 4))));
}

#[test]
fn only_traces_whose_spans_say_all_that_is_wanted_are_counted_but_all_are_known() {
    let mut spans = story();
    // Another trace, that calls the same database and says one thing only.
    spans.push(Span { trace: 3, id: 1, service: 1, kind: Client, peer: 1, ..Span::default() });
    let says = |span: &Span| match (span.trace, span.id) {
        (1, 2) => 0b01,
        (1, 5) => 0b10,
        (3, 1) => 0b01,
        _ => 0,
    };
    let both = counted(Question { wanted: 0b11, ..Question::default() }, &spans, |_| true, says);
    let of_trace =
        ["service-0 -call-> service-1 x1", "service-1 -database-> mysql/orders x1", "service-1 -queue-> kafka/paid x1"];
    assert_eq!(lines(&both), of_trace);
    let one = counted(Question { wanted: 0b01, ..Question::default() }, &spans, |_| true, says);
    assert!(lines(&one).contains(&"service-1 -database-> mysql/orders x2".to_owned()));
    // A parent outside of the window is a parent; its own calls are not of the window.
    let late = counted(Question::default(), &spans, |span| span.id == 4, |_| 0);
    assert_eq!(lines(&late), ["service-0 -call-> service-1 x1"]);
    assert_eq!(late.unresolved, 0);
}

#[test]
fn a_lane_that_is_left_is_told_with_the_hop() {
    let mut spans = story();
    spans.iter_mut().filter(|span| span.trace == 1 && span.id <= 3).for_each(|span| span.lane = Some(0));
    let answer = of(Question::default(), &spans);
    let hops: Vec<_> =
        answer.astray.iter().map(|hop| (&*hop.caller, &*hop.caller_operation, &*hop.callee, hop.calls)).collect();
    assert_eq!(hops, [("service-0", "operation number 3", "service-1", 1)]);
    assert_eq!((&*answer.astray[0].caller_lane, &*answer.astray[0].lane), ("canary", ""));
    // Of one lane the edges are those of its callees, the findings those of its callers.
    let canary = of(Question { lane: Some("canary".into()), ..Question::default() }, &spans);
    assert_eq!((canary.edges.len(), canary.astray.len(), canary.unresolved), (0, 1, 0));
    assert!(of(Question { lane: Some("blue".into()), ..Question::default() }, &spans).astray.is_empty());
}

#[test]
fn quantiles_are_exact_where_that_is_asked_and_edges_are_cut_from_the_least_travelled() {
    let call =
        |id: u8, service: u8| Span { id, parent: 200, service, duration: i64::from(id) * 1_000, ..Span::default() };
    let mut spans: Vec<Span> = (1..=100).map(|id| call(id, 1)).collect();
    spans.extend([call(101, 2), Span { id: 200, kind: Client, service: 0, ..Span::default() }]);
    let answer = of(Question { exact: true, edges_max: 1, ..Question::default() }, &spans);
    assert_eq!((answer.edges.len(), answer.edges_left_out), (1, 1));
    assert_eq!(answer.edges[0].callee.name, "service-1");
    assert_eq!(answer.edges[0].sums.durations, Durations::Exact([50_000, 95_000, 99_000]));
}

#[test]
fn rows_that_are_none_of_spans_are_refused_by_name() {
    let rows = shown(&story(), |_| true, |_| 0);
    let (fields, columns, _) = rows.into_parts();
    let kept: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].name() != "inside").collect();
    let some: Vec<_> = kept.iter().map(|at| (fields[*at].clone(), columns[*at].clone())).collect();
    let error = Census::new(Question::default(), 1).add(&some.into()).unwrap_err();
    assert!(error.to_string().contains("needs the field inside"), "{error}");
}
