//! The spans of several sorts of parts and of memory are counted at one sitting.

use crate::fixture::{ask, shop};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

const CENSUS: &str = "SELECT r['part'] AS part, r['caller'] AS caller, r['callee'] AS callee, r['kind'] AS kind, \
     r['calls'] AS calls FROM (SELECT unnest(span_census(named_struct('time', c.time, 'duration_ns', c.duration_ns, \
     'trace_id', c.\"trace_id (bytes)\", 'span_id', c.\"span_id (bytes)\", 'parent_span_id', c.\"parent_span_id (bytes)\", \
     'service', c.service, 'operation', c.operation, 'kind', c.kind, 'status', c.status, 'links', c.links, \
     'inside', c.time >= TIMESTAMP '2026-01-01T00:00:00Z', 'db_system', c.attributes['db.system.name'], \
     'server_port', c.attributes['server.port']), false, true, 0, CAST(NULL AS TEXT), 0, 1, 100)) AS r \
     FROM spans AS c)";

#[tokio::test]
async fn all_spans_of_parts_and_of_memory_are_counted_once() {
    let store = shop().await;
    let workshop = store.workshop();
    let (batches, end) = ask(&store, &workshop, CENSUS, 1_000).await.unwrap();
    assert!(end.complete, "{:?}", end.incomplete_reason);
    let mut lines = Vec::new();
    for batch in &batches {
        let text = |name: &str, row| batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
        for row in 0..batch.num_rows() {
            let calls = batch.column_by_name("calls").unwrap().as_primitive::<Int64Type>().value(row);
            let [part, caller, callee, kind] = ["part", "caller", "callee", "kind"].map(|name| text(name, row));
            lines.push(format!("{part} {caller}>{callee} {kind} {calls}"));
        }
    }
    lines.sort();
    assert_eq!(
        lines,
        [
            "edge cart>mysql database 1",
            "edge cart>pay call 1",
            "edge pay>unnamed third_party 3",
            "edge search>unnamed third_party 2",
            "node >cart  2",
            "node >mysql  1",
            "node >pay  2",
            "node >search  2",
            "node >unnamed  5",
            "rest >  0",
        ]
    );
}

#[tokio::test]
async fn what_is_no_span_is_refused_with_the_field_that_is_missing() {
    let store = shop().await;
    let workshop = store.workshop();
    let sql = "SELECT span_census(named_struct('time', time), false, true, 0, 'x', 0, 1, 100) FROM spans";
    let refused = ask(&store, &workshop, sql, 1_000).await.unwrap_err();
    assert!(refused.contains("needs the field duration_ns"), "{refused}");
    let refused = ask(&store, &workshop, "SELECT span_census(1, 2, 3, 4, 5, 6, 7, 8) FROM spans", 9).await.unwrap_err();
    assert!(refused.contains("a struct of the columns"), "{refused}");
}
