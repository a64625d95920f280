//! One sentence a row: what is told of two measures, and what is not.

use super::*;
use crate::graph::tests::graph;
use crate::{Bounds, CallRow, Quantiles};
use model::UnixNanos;
use proptest::prelude::*;

const MINUTE: Window = Window(Duration::from_secs(60));
const HOUR: Window = Window(Duration::from_secs(3_600));

fn measure(calls: u64, errors: u64, limited: u64, p95_ms: i64) -> Measure {
    let quantiles = Quantiles { p50_ns: 0, p95_ns: p95_ms * 1_000_000, p99_ns: 0 };
    Measure::seen(Traffic { calls, errors, limited, duration_sum_ns: 0 }, Some(quantiles), Some(UnixNanos(7)))
}

fn told(before: Measure, after: Measure, rates: Option<(Window, Window)>) -> Vec<Change> {
    Judge { rates, limits: &Sensitivity::default() }.changes(Some(&before), Some(&after))
}

#[test]
fn a_change_is_told_when_it_is_large_and_no_chance() {
    use Change::{Busier, Failing, Faster, Limited, Quieter, Recovered, Slower, Unlimited};
    let calm = measure(1_000, 0, 0, 100);
    for (before, after, expected, why) in [
        (calm, calm, vec![], "nothing changed"),
        (calm, measure(1_000, 30, 0, 100), vec![Failing], "three in a hundred fail now"),
        (measure(1_000, 30, 0, 100), calm, vec![Recovered], "and no more"),
        (calm, measure(1_000, 9, 0, 100), vec![], "less than one in a hundred"),
        (calm, measure(19, 19, 0, 100), vec![Quieter], "too few calls to say they fail"),
        (measure(40, 1, 0, 100), measure(40, 3, 0, 100), vec![], "two more errors of forty are chance"),
        (calm, measure(1_000, 0, 200, 100), vec![Limited], "a breaker is open: not an error"),
        (measure(1_000, 0, 200, 100), calm, vec![Unlimited], "and closed again"),
        (calm, measure(1_000, 0, 0, 150), vec![Slower], "half as slow again"),
        (calm, measure(1_000, 0, 0, 149), vec![], "not quite"),
        (measure(1_000, 0, 0, 1), measure(1_000, 0, 0, 5), vec![], "four milliseconds are nothing"),
        (measure(1_000, 0, 0, 150), calm, vec![Faster], "the other way"),
        (calm, measure(2_000, 0, 0, 100), vec![Busier], "twice the calls"),
        (calm, measure(501, 0, 0, 100), vec![], "not yet half"),
        (calm, measure(500, 100, 0, 300), vec![Failing, Slower, Quieter], "several at once"),
    ] {
        assert_eq!(told(before, after, Some((MINUTE, MINUTE))), expected, "{why}");
    }
}

#[test]
fn rates_are_compared_by_the_length_of_their_windows_and_not_between_cohorts() {
    let (short, long) = (measure(100, 0, 0, 10), measure(6_000, 0, 0, 10));
    assert_eq!(told(short, long, Some((MINUTE, HOUR))), []);
    assert_eq!(told(short, long, Some((MINUTE, MINUTE))), [Change::Busier]);
    assert_eq!(told(short, long, None), []);
}

#[test]
fn what_is_only_on_one_side_is_added_or_removed_with_its_numbers() {
    let mut old = graph(&[("a", "b"), ("a", "gone")]);
    old.edges[1].measure.last_seen = Some(UnixNanos(42));
    let new = graph(&[("a", "b"), ("a", "fresh")]);
    let found = Difference::between(&old, &new, None, &Sensitivity::default());
    let edges: Vec<_> = found.edges.iter().map(|e| (e.callee.name.as_str(), e.changes.clone())).collect();
    assert_eq!(edges, [("fresh", vec![Change::Added]), ("gone", vec![Change::Removed])]);
    assert_eq!(found.edges[1].before.unwrap().last_seen, Some(UnixNanos(42)));
    assert_eq!(found.edges[0].after.unwrap().traffic.calls, 10);
    assert_eq!(found.edges_same, 1);
    let nodes: Vec<_> = found.nodes.iter().map(|n| (n.entity.name.as_str(), n.changes.clone())).collect();
    assert_eq!(nodes, [("fresh", vec![Change::Added]), ("gone", vec![Change::Removed])]);
}

proptest! {
    #[test]
    fn a_graph_does_not_differ_from_itself_and_every_edge_is_accounted_for(
        first in prop::collection::vec((0u8..8, 0u8..8, 0u64..500), 0..30),
        second in prop::collection::vec((0u8..8, 0u8..8, 0u64..500), 0..30),
    ) {
        let built = |rows: &[(u8, u8, u64)]| {
            let rows = rows.iter().map(|(a, b, n)| CallRow {
                caller: Entity::service(format!("s{a}")),
                callee: Entity::service(format!("s{b}")),
                kind: "call".into(),
                measure: measure(*n, n / 7, n / 9, *n as i64),
            });
            Graph::build(rows, [], Bounds::default())
        };
        let (first, second) = (built(&first), built(&second));
        let limits = Sensitivity::default();
        let none = Difference::between(&first, &first, Some((MINUTE, MINUTE)), &limits);
        prop_assert!(none.edges.is_empty() && none.nodes.is_empty());
        let there = Difference::between(&first, &second, Some((MINUTE, MINUTE)), &limits);
        let count = |wanted: Change| there.edges.iter().filter(|e| e.changes.contains(&wanted)).count();
        let both = there.edges.len() - count(Change::Added) - count(Change::Removed) + there.edges_same;
        prop_assert_eq!(both + count(Change::Removed), first.edges.len());
        prop_assert_eq!(both + count(Change::Added), second.edges.len());
        let back = Difference::between(&second, &first, Some((MINUTE, MINUTE)), &limits);
        prop_assert_eq!(count(Change::Failing), back.edges.iter().filter(|e| e.changes.contains(&Change::Recovered)).count());
        prop_assert_eq!(count(Change::Slower), back.edges.iter().filter(|e| e.changes.contains(&Change::Faster)).count());
    }
}
