//! Keys are found, and stay out of wildcards.

use sql::budget::{self, Budget};
use sql::keys::{Keys, rewrite};

fn rewritten(sql: &str) -> (Keys, String) {
    let mut statement = budget::parse(sql, &Budget::default()).unwrap();
    let keys = rewrite(&mut statement);
    (keys, statement.to_string())
}

#[test]
fn keys_are_found_wherever_they_stand() {
    let (keys, _) = rewritten(
        "EXPLAIN SELECT s.attributes['a'], count(*) FROM spans s JOIN logs l ON l.attributes['b'] = s.span_id \
         WHERE resource['c'] = 'x' AND EXISTS (SELECT 1 FROM spans WHERE ATTRIBUTES['d'] IS NULL) \
         GROUP BY 1 HAVING max(attr_int(s.attributes, 'e')) > 1 ORDER BY events[1]['f']",
    );
    assert_eq!(keys.attributes.into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
    assert_eq!(keys.resource.into_iter().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn wildcards_leave_out_the_columns_of_keys() {
    let cases = [
        ("SELECT * FROM spans", "SELECT * FROM spans"),
        (
            "SELECT * FROM spans WHERE attributes['a'] = 'x'",
            "SELECT spans.* EXCLUDE (\"attributes['a']\") FROM spans WHERE attributes['a'] = 'x'",
        ),
        (
            "SELECT s.*, 1 FROM spans AS s WHERE resource['a'] = 'x'",
            "SELECT s.* EXCLUDE (\"resource['a']\"), 1 FROM spans AS s WHERE resource['a'] = 'x'",
        ),
        (
            "WITH spans AS (SELECT 1 AS x) SELECT *, attributes['a'] FROM spans",
            "WITH spans AS (SELECT 1 AS x) SELECT *, attributes['a'] FROM spans",
        ),
        (
            "SELECT * FROM (SELECT * FROM logs) AS l JOIN spans ON attributes['a'] = l.body",
            "SELECT l.*, spans.* EXCLUDE (\"attributes['a']\", \"trace_id (bytes)\", \"span_id (bytes)\", \
             \"parent_span_id (bytes)\", \"resource_id (bytes)\") FROM (SELECT logs.* EXCLUDE (\"attributes['a']\", \
             \"trace_id (bytes)\", \"span_id (bytes)\", \"resource_id (bytes)\") FROM logs) AS l \
             JOIN spans ON attributes['a'] = l.body",
        ),
        ("SELECT attr_int(attributes, 'a') FROM spans", "SELECT TRY_CAST(attributes['a'] AS BIGINT) FROM spans"),
    ];
    for (sql, expected) in cases {
        assert_eq!(rewritten(sql).1, expected, "{sql}");
    }
}
