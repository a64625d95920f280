//! Single cases, and the bounds.

use crate::company::Span;
use crate::store::Store;
use crate::sums::Sums;
use rollup::{Settings, SpanKind};
use tables::TableId;

fn store() -> Store {
    Store::new(Settings::default())
}

/// Edges by caller, callee and kind: calls.
fn edges(sums: &Sums) -> Vec<(String, String, String, i64)> {
    let edge = |texts: &[String], calls| (texts[4].clone(), texts[6].clone(), texts[8].clone(), calls);
    let all = sums.iter().map(|((_, texts), sum)| edge(texts, sum.calls));
    all.filter(|(_, _, kind, _)| kind != "runs_on").collect()
}

fn edge(caller: &str, callee: &str, kind: &str, calls: i64) -> (String, String, String, i64) {
    (caller.into(), callee.into(), kind.into(), calls)
}

#[test]
fn an_edge_stands_in_the_minute_and_the_lane_of_the_child_and_names_the_lane_of_the_caller() {
    const MINUTE: i64 = 60_000_000_000;
    let mut store = store();
    let child = Span { id: 2, parent: 1, service: 1, time: MINUTE - 1, duration: 7, ..Span::default() };
    store.append(&[child]);
    store.checkpoint();
    store.append(&[Span { time: 3 * MINUTE, lane: Some(0), duration: 99, ..Span::default() }]);
    let sums = store.sums(TableId::ServiceEdges);
    let (key, sum) = sums.iter().find(|((_, texts), _)| texts[8] == "call").unwrap();
    assert_eq!((key.0, &key.1[2], &key.1[3]), (0, &String::new(), &"canary".to_owned()));
    assert_eq!((sum.calls, sum.duration), (1, 7));
    assert_eq!(sums.values().map(|s| s.unresolved).sum::<i64>(), 0);
}

#[test]
fn two_ends_of_a_call_under_one_id_are_two_spans_and_one_call() {
    let gateway = Span { id: 1, service: 0, ..Span::default() };
    let client = Span { id: 2, parent: 1, service: 0, kind: SpanKind::Client, ..Span::default() };
    let server = Span { service: 1, kind: SpanKind::Server, ..client.clone() };
    let below = Span { id: 3, parent: 2, service: 1, kind: SpanKind::Internal, ..Span::default() };
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1], [1, 2, 3, 0], [3, 2, 0, 1]] {
        let all = [&gateway, &client, &server, &below];
        let mut store = store();
        order.iter().for_each(|at| store.append(std::slice::from_ref(all[*at])));
        store.append(&[server.clone(), client.clone()]);
        let expected = vec![edge("service-0", "service-1", "call", 1)];
        assert_eq!(edges(&store.sums(TableId::ServiceEdges)), expected, "{order:?}");
        assert_eq!(store.sums(TableId::Red).values().map(|s| s.calls).sum::<i64>(), 4, "{order:?}");
        assert_eq!(store.rollups.stats().duplicates, 2);
    }
}

#[test]
fn a_client_span_is_a_call_to_a_third_party_until_somebody_answers() {
    let client = Span { id: 1, kind: SpanKind::Client, peer: 5, ..Span::default() };
    let own = Span { id: 2, parent: 1, kind: SpanKind::Internal, ..Span::default() };
    let answer = Span { id: 3, parent: 1, service: 1, ..Span::default() };
    let mut store = store();
    store.append(&[client, own]);
    let guess = edge("service-0", "a bank with quite a long name", "third_party", 1);
    assert_eq!(edges(&store.sums(TableId::ServiceEdges)), [guess]);
    store.checkpoint();
    store.append(std::slice::from_ref(&answer));
    store.append(&[Span { id: 4, ..answer }]);
    store.checkpoint();
    store.compact();
    assert_eq!(edges(&store.sums(TableId::ServiceEdges)), [edge("service-0", "service-1", "call", 2)]);
}

#[test]
fn cycles_and_self_parents_count_like_all_spans() {
    let mut store = store();
    let ring = (1..=3).map(|id| Span { id, parent: id % 3 + 1, service: id, ..Span::default() });
    store.append(&ring.collect::<Vec<_>>());
    store.append(&[Span { id: 9, parent: 9, ..Span::default() }]);
    assert_eq!(edges(&store.sums(TableId::ServiceEdges)).iter().map(|e| e.3).sum::<i64>(), 3);
    assert_eq!(store.rollups.stats().waiting, 0);
}

#[test]
fn a_million_children_of_one_missing_parent_are_bounded_and_each_is_written_down() {
    let settings = Settings { spans_max: 1_000, waiting_max: 100, ..Settings::default() };
    let reader = rollup::Reader::new(&settings);
    let mut rollups = rollup::Rollups::new(settings, 3);
    let spans: Vec<Span> = (10..250).map(|id| Span { id, parent: 1, ..Span::default() }).collect();
    let workspace = model::Workspace::default();
    for trace in 1..=20 {
        let spans: Vec<Span> = spans.iter().map(|s| Span { trace, ..s.clone() }).collect();
        rollups.count(&workspace, reader.facts(&crate::company::request(&spans)), model::UnixNanos(1));
    }
    let pending = rollups.preview(&workspace, TableId::EdgesPending).unwrap().unwrap();
    let stats = rollups.stats();
    assert_eq!((pending.rows.num_rows(), stats.parked), (4_800, 4_800));
    assert!(stats.waiting <= 100 && stats.unparked > 0 && stats.evicted > 0, "{stats:?}");
}

#[test]
fn operations_and_edges_beyond_their_bounds_are_counted_under_one_name() {
    let mut store = Store::new(Settings { operations_max: 10, edges_max: 3, ..Settings::default() });
    let spans = (1..=100).map(|id| Span { id, operation: id, site: Some(id), ..Span::default() });
    store.append(&spans.collect::<Vec<_>>());
    let red = store.sums(TableId::Red);
    assert_eq!((red.len(), red.values().map(|s| s.calls).sum::<i64>()), (11, 100));
    assert!(red.iter().any(|((_, texts), sum)| texts[4] == "__overflow__" && sum.calls == 90));
    let sums = store.sums(TableId::ServiceEdges);
    let sites = sums.iter().filter(|((_, texts), _)| texts[7] == "site").map(|((_, t), s)| (t[6].as_str(), s.calls));
    assert_eq!(sites.collect::<Vec<_>>(), [("__overflow__", 99), ("store-1", 1)]);
    let stats = store.rollups.stats();
    assert_eq!((stats.operations_overflowed, stats.edges_overflowed), (90, 99));
}

#[test]
fn names_are_let_go_when_nobody_has_them_and_beyond_the_bound_they_are_one() {
    let settings = Settings { names_max: 4, spans_max: 32, ..Settings::default() };
    let mut store = Store::new(settings);
    for lap in 0..3 {
        for service in 0..5 {
            let spans = (1..=40).map(|id| Span { id, trace: lap * 5 + service + 1, service, ..Span::default() });
            store.append(&spans.collect::<Vec<_>>());
            store.checkpoint();
        }
    }
    let red = store.sums(TableId::Red);
    assert_eq!(red.values().map(|s| s.calls).sum::<i64>(), 600);
    assert!(red.keys().all(|(_, texts)| texts[3] != "__overflow__"), "each name is gone before the fourth comes");
    let mut crowded = Store::new(Settings { names_max: 2, ..Settings::default() });
    let spans = (0..5).map(|service| Span { id: service + 1, service, ..Span::default() });
    crowded.append(&spans.collect::<Vec<_>>());
    let red = crowded.sums(TableId::Red);
    assert_eq!(red.iter().find(|((_, texts), _)| texts[3] == "__overflow__").unwrap().1.calls, 3);
    assert!(crowded.rollups.stats().names_overflowed >= 3);
}
