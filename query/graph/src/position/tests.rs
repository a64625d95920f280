//! Pictures of generated companies: layered, apart, and calm from minute to minute.

use super::*;
use crate::graph::tests::{call, graph, names};
use crate::{Bounds, CallRow, Entity};
use proptest::prelude::*;
use std::collections::HashMap;

/// A company of `services` in tiers, each calling a few of the next tiers: the same for a seed.
fn company(services: u64, calls: u64, seed: u64) -> Vec<(String, String)> {
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let tier = |n: u64| n * 6 / services;
    let mut pairs = Vec::new();
    while (pairs.len() as u64) < calls {
        let (a, b) = (draw(services), draw(services));
        if tier(a) < tier(b) && tier(b) - tier(a) <= 2 {
            pairs.push((format!("svc-{a:03}"), format!("svc-{b:03}")));
        }
    }
    pairs
}

fn built(pairs: &[(String, String)]) -> Graph {
    Graph::build(pairs.iter().map(|(a, b)| call(a, b, 10)), [], Bounds::default())
}

fn placed(graph: &Graph) -> HashMap<Entity, Position> {
    graph.nodes.iter().map(|n| n.entity.clone()).zip(graph.positions()).collect()
}

/// Nodes that moved further than two rows, and the mean way in rows, of nodes in both pictures.
fn moved(before: &Graph, after: &Graph) -> (usize, f64) {
    let (before, after) = (placed(before), placed(after));
    let way = |entity: &Entity, was: &Position| after.get(entity).map(|is| (is.x - was.x).abs() + (is.y - was.y).abs());
    let ways: Vec<i64> = before.iter().filter_map(|(entity, was)| way(entity, was)).collect();
    let far = ways.iter().filter(|way| **way > 2 * ROW_STEP).count();
    (far, ways.iter().sum::<i64>() as f64 / (ways.len() as f64 * ROW_STEP as f64))
}

#[test]
fn callers_stand_left_of_their_callees() {
    let graph = graph(&[("gateway", "order"), ("order", "stock"), ("gateway", "stock"), ("job", "stock")]);
    let x: HashMap<_, _> =
        names(&graph).into_iter().zip(graph.positions().into_iter().map(|p| p.x / LAYER_STEP)).collect();
    assert_eq!((x["gateway"], x["job"], x["order"], x["stock"]), (0, 0, 1, 2));
}

#[test]
fn a_circle_is_entered_where_it_is_called() {
    let graph = graph(&[("in", "b"), ("b", "c"), ("c", "a"), ("a", "b"), ("c", "out"), ("d", "d"), ("a", "a")]);
    let x: HashMap<_, _> =
        names(&graph).into_iter().zip(graph.positions().into_iter().map(|p| p.x / LAYER_STEP)).collect();
    assert_eq!((x["in"], x["b"], x["c"], x["a"], x["d"]), (0, 1, 2, 3, 0));
    assert_eq!(x["out"], 3);
}

#[test]
fn nobody_stands_on_another() {
    let graph = built(&company(500, 2_000, 7));
    let mut places: Vec<_> = graph.positions().into_iter().map(|p| (p.x, p.y)).collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        assert!(pair[0].0 != pair[1].0 || pair[1].1 - pair[0].1 >= ROW_STEP - 1, "{pair:?}");
    }
}

#[test]
fn one_more_edge_between_layers_moves_few_nodes() {
    for seed in 1..=5 {
        let mut pairs = company(300, 900, seed);
        let before = built(&pairs);
        let x = placed(&before);
        let at = |n: &str| x[&Entity::service(n)];
        let all = names(&before);
        let (from, to) = all
            .iter()
            .flat_map(|a| all.iter().map(move |b| (*a, *b)))
            .find(|(a, b)| at(b).x == at(a).x + LAYER_STEP && !pairs.contains(&((*a).to_owned(), (*b).to_owned())))
            .unwrap();
        pairs.push((from.to_owned(), to.to_owned()));
        let (far, mean) = moved(&before, &built(&pairs));
        assert!(far <= 15 && mean < 0.25, "seed {seed}: {far} of {} moved far, mean {mean} rows", all.len());
    }
}

#[test]
fn one_more_service_moves_few_nodes() {
    for seed in 1..=5 {
        let mut pairs = company(300, 900, seed);
        let before = built(&pairs);
        pairs.push((pairs[0].0.clone(), "svc-150b".to_owned()));
        let (far, mean) = moved(&before, &built(&pairs));
        assert!(far <= 30 && mean < 1.0, "seed {seed}: {far} moved far, mean {mean} rows");
    }
}

#[test]
fn more_or_less_traffic_on_the_same_edges_moves_nothing() {
    let pairs = company(300, 900, 3);
    let busy: Vec<CallRow> = pairs.iter().enumerate().map(|(n, (a, b))| call(a, b, 1 + n as u64 % 77)).collect();
    assert_eq!(Graph::build(busy, [], Bounds::default()).positions(), built(&pairs).positions());
}

#[test]
fn places_are_spread_as_near_as_can_be_to_where_they_were_wanted() {
    assert_eq!(spread(&[], 10.0), Vec::<f64>::new());
    assert_eq!(spread(&[5.0], 10.0), [5.0]);
    assert_eq!(spread(&[0.0, 100.0], 10.0), [0.0, 100.0]);
    assert_eq!(spread(&[50.0, 50.0, 50.0], 10.0), [40.0, 50.0, 60.0]);
    assert_eq!(spread(&[0.0, 1.0, 100.0], 10.0), [-4.5, 5.5, 100.0]);
}

proptest! {
    #[test]
    fn every_graph_has_positions_that_keep_callers_left_unless_they_are_in_a_circle(
        pairs in prop::collection::vec((0u8..20, 0u8..20), 0..80),
    ) {
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (format!("s{a:02}"), format!("s{b:02}"))).collect();
        let graph = built(&pairs);
        let positions = graph.positions();
        prop_assert_eq!(positions.len(), graph.nodes.len());
        let circles = graph.components();
        for edge in &graph.edges {
            let together = circles.iter().any(|c| c.nodes.contains(&edge.caller) && c.nodes.contains(&edge.callee));
            prop_assert!(together || positions[edge.caller].x < positions[edge.callee].x);
        }
        for (at, one) in positions.iter().enumerate() {
            for other in &positions[at + 1..] {
                prop_assert!(one.x != other.x || (one.y - other.y).abs() >= ROW_STEP - 1);
            }
        }
    }
}
