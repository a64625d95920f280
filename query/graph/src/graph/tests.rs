//! What rows make of a graph.

use super::*;
use crate::{Kind, Origin, Quantiles};
use proptest::prelude::*;

pub(crate) fn call(caller: &str, callee: &str, calls: u64) -> CallRow {
    let traffic = Traffic { calls, errors: calls / 10, limited: 0, duration_sum_ns: 1_000 * calls as i64 };
    CallRow {
        caller: Entity::service(caller),
        callee: Entity::service(callee),
        kind: "call".into(),
        measure: Measure::seen(traffic, None, None),
    }
}

pub(crate) fn graph(pairs: &[(&str, &str)]) -> Graph {
    let everything = Bounds { nodes_max: usize::MAX, edges_max: usize::MAX };
    Graph::build(pairs.iter().map(|(caller, callee)| call(caller, callee, 10)), [], everything)
}

pub(crate) fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.entity.name.as_str()).collect()
}

fn shape(graph: &Graph) -> Vec<(String, String, String, u64)> {
    let name = |n: usize| graph.nodes[n].entity.to_string();
    graph.edges.iter().map(|e| (name(e.caller), name(e.callee), e.kind.clone(), e.measure.traffic.calls)).collect()
}

#[test]
fn rows_of_one_edge_add_up_and_their_quantiles_are_then_unknown() {
    let quantiles = Some(Quantiles { p50_ns: 1, p95_ns: 2, p99_ns: 3 });
    let with = |mut row: CallRow, at: i64| {
        row.measure.quantiles = quantiles;
        row.measure.last_seen = Some(UnixNanos(at));
        row
    };
    let one = Graph::build([with(call("a", "b", 10), 5)], [], Bounds::default());
    assert_eq!(one.edges[0].measure.quantiles, quantiles);
    assert_eq!(one.nodes[1].measure.quantiles, quantiles);
    let two = Graph::build([with(call("a", "b", 10), 5), with(call("a", "b", 20), 4)], [], Bounds::default());
    assert_eq!(two.edges.len(), 1);
    let measure = two.edges[0].measure;
    assert_eq!((measure.traffic.calls, measure.traffic.errors, measure.quantiles), (30, 3, None));
    assert_eq!(measure.last_seen, Some(UnixNanos(5)));
}

#[test]
fn a_node_has_its_own_row_or_the_calls_to_it() {
    let own = NodeRow {
        entity: Entity::service("b"),
        measure: Measure::seen(Traffic { calls: 99, ..Traffic::default() }, None, None),
    };
    let graph = Graph::build([call("a", "b", 10), call("c", "b", 5), call("a", "c", 7)], [own], Bounds::default());
    let calls: Vec<_> = graph.nodes.iter().map(|n| n.measure.traffic.calls).collect();
    assert_eq!((names(&graph), calls), (vec!["a", "b", "c"], vec![0, 99, 7]));
}

#[test]
fn one_name_of_two_kinds_is_two_nodes() {
    let mut to_cache = call("order", "redis", 3);
    to_cache.callee.kind = Kind::Cache;
    let graph = Graph::build([call("order", "redis", 5), to_cache], [], Bounds::default());
    let entities: Vec<_> = graph.nodes.iter().map(|n| n.entity.to_string()).collect();
    assert_eq!(entities, ["service:order", "service:redis", "cache:redis"]);
    assert_eq!(graph.find(&Entity::new(Kind::Cache, "redis")), Some(2));
}

#[test]
fn what_is_gone_stays_with_its_last_time_until_it_is_seen_again() {
    let gone = |caller: &str, callee: &str, at: i64| {
        let measure = Measure::gone(UnixNanos(at));
        CallRow { measure, ..call(caller, callee, 0) }
    };
    let graph = Graph::build(
        [call("a", "b", 1), gone("a", "b", 7), gone("a", "c", 8), gone("d", "c", 9)],
        [],
        Bounds::default(),
    );
    let since: Vec<_> = graph.edges.iter().map(|e| e.measure.gone_since().map(|t| t.0)).collect();
    assert_eq!(since, [None, Some(8), Some(9)]);
    let since: Vec<_> = graph.nodes.iter().map(|n| n.measure.gone_since().map(|t| t.0)).collect();
    assert_eq!(since, [None, None, Some(9), Some(9)], "a, b are there; c and d were last met at 9");
    let declared = CallRow { measure: Measure::declared(), ..call("a", "c", 0) };
    let graph = Graph::build([gone("a", "c", 8), declared], [], Bounds::default());
    assert_eq!(graph.edges[0].measure.origin, Origin::Declared);
}

#[test]
fn a_bound_cuts_the_least_travelled_and_says_how_much_there_was() {
    let rows = || (0..50).map(|n| call("hub", &format!("s{n:02}"), n + 1));
    let whole = Graph::build(rows(), [], Bounds::default());
    assert_eq!(whole.cut, None);
    let cut = Graph::build(rows(), [], Bounds { nodes_max: 4, edges_max: 2 });
    assert_eq!(names(&cut), ["hub", "s47", "s48", "s49"]);
    assert_eq!(shape(&cut).iter().map(|e| e.3).collect::<Vec<_>>(), [49, 50]);
    assert_eq!(cut.cut, Some(Cut { nodes_total: 51, edges_total: 50 }));
    let nothing = Graph::build(rows(), [], Bounds { nodes_max: 0, edges_max: 0 });
    assert!(nothing.nodes.is_empty() && nothing.edges.is_empty());
    assert!(nothing.positions().is_empty() && nothing.components().is_empty());
}

#[test]
fn a_name_of_a_megabyte_is_a_name() {
    let long = "x".repeat(1 << 20);
    let graph = Graph::build([call(&long, &long, 1)], [], Bounds::default());
    assert_eq!((graph.nodes.len(), graph.components().len(), graph.positions().len()), (1, 1, 1));
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter_and_no_call_is_lost(
        pairs in prop::collection::vec((0u8..12, 0u8..12, 1u64..100), 0..60),
        seed in any::<u64>(),
    ) {
        let rows: Vec<_> = pairs.iter().map(|(a, b, n)| call(&format!("s{a}"), &format!("s{b}"), *n)).collect();
        let mut other = rows.clone();
        let mut state = seed;
        for at in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            other.swap(at, (state >> 33) as usize % (at + 1));
        }
        let (first, second) = (Graph::build(rows, [], Bounds::default()), Graph::build(other, [], Bounds::default()));
        prop_assert_eq!(shape(&first), shape(&second));
        prop_assert_eq!(first.positions(), second.positions());
        let total: u64 = first.edges.iter().map(|e| e.measure.traffic.calls).sum();
        prop_assert_eq!(total, pairs.iter().map(|p| p.2).sum::<u64>());
        let incoming: u64 = first.nodes.iter().map(|n| n.measure.traffic.calls).sum();
        prop_assert_eq!(incoming, total);
    }
}
