//! What fits the budget of a statement, and what does not.

use sql::budget::{Budget, parse};

fn verdict(sql: &str) -> String {
    let sql = sql.to_owned();
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    let judged = thread.spawn(move || match parse(&sql, &Budget::default()) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    });
    judged.unwrap().join().unwrap()
}

#[test]
fn ordinary_statements_are_within_the_budget() {
    for sql in [
        "SELECT 1",
        "SELECT count(*) FROM spans WHERE attributes['http.route'] = '/x' AND time > now() - INTERVAL '1 hour'",
        "WITH a AS (SELECT 1 x), b AS (SELECT * FROM a, a a2) SELECT * FROM b JOIN a USING (x)",
        "SHOW TABLES",
        "SHOW COLUMNS FROM spans",
        "DESCRIBE spans",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "VALUES (1, 2), (3, 4)",
        "SELECT * FROM spans;",
    ] {
        assert_eq!(verdict(sql), "ok", "{sql}");
    }
}

#[test]
fn what_writes_or_configures_is_refused_by_its_verb() {
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY spans TO '/tmp/x.csv'",
        "COPY (SELECT 1) TO 's3://b/x'",
        "INSERT INTO spans SELECT * FROM spans",
        "DELETE FROM spans",
        "UPDATE spans SET service = 'x'",
        "TRUNCATE TABLE spans",
        "DROP TABLE spans",
        "SET a = 1",
        "RESET a",
        "SHOW ALL",
        "SHOW FUNCTIONS",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "CREATE VIEW v AS SELECT 1",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "BEGIN",
        "EXPLAIN INSERT INTO spans SELECT * FROM spans",
        "EXPLAIN ANALYZE COPY spans TO '/tmp/x'",
        "EXPLAIN EXPLAIN SELECT 1",
        "SELECT 1; SELECT 2",
        "",
        ";",
    ] {
        assert_ne!(verdict(sql), "ok", "{sql}");
    }
    assert_eq!(
        verdict("DROP TABLE spans"),
        "DROP is not allowed: only SELECT, SHOW TABLES, SHOW COLUMNS, DESCRIBE and EXPLAIN are"
    );
}

#[test]
fn chains_lists_joins_and_nesting_have_an_end() {
    let chain = |n: usize, op: &str| vec!["1"; n].join(op);
    let cases = [
        (format!("SELECT {}", chain(490, "+")), true),
        (format!("SELECT {}", chain(600, "+")), false),
        (format!("SELECT {}", chain(20_000, "+")), false),
        (format!("SELECT 1 WHERE {}", chain(600, " = 1 OR 1 ")), false),
        (format!("SELECT 1 WHERE 1 IN ({})", chain(9_000, ",")), true),
        (format!("SELECT 1 WHERE 1 IN ({})", chain(10_001, ",")), false),
        (format!("SELECT 1 FROM spans {}", "CROSS JOIN spans ".repeat(16)), true),
        (format!("SELECT 1 FROM spans {}", "CROSS JOIN spans ".repeat(17)), false),
        (format!("SELECT 1 FROM {}", vec!["spans"; 18].join(",")), false),
        (format!("SELECT {}1{}", "(".repeat(3_000), ")".repeat(3_000)), false),
        (format!("SELECT {}1", "NOT ".repeat(3_000)), false),
        (format!("SELECT {}1", "- ".repeat(3_000)), false),
        (vec!["SELECT 1"; 60].join(" UNION ALL "), true),
        (vec!["SELECT 1"; 1_000].join(" UNION ALL "), false),
        (format!("SELECT {}", chain(999, ",")), true),
        (format!("SELECT {}", chain(5_000, ",")), false),
        (format!("SELECT '{}'", "x".repeat(70_000)), false),
        (format!("{}SELECT 1{}", "SELECT * FROM (".repeat(200), ")".repeat(200)), false),
    ];
    for (sql, fits) in cases {
        let verdict = verdict(&sql);
        assert_eq!(verdict == "ok", fits, "{}: {verdict}", &sql[..sql.len().min(60)]);
    }
}

#[test]
fn common_table_expressions_count_with_all_they_stand_for() {
    let doubling = |n: usize| {
        let steps: Vec<String> =
            (1..n).map(|i| format!("c{i} AS (SELECT * FROM c{0} UNION ALL SELECT * FROM c{0})", i - 1)).collect();
        format!("WITH c0 AS (SELECT 1 x), {} SELECT count(*) FROM c{}", steps.join(", "), n - 1)
    };
    assert_eq!(verdict(&doubling(4)), "ok");
    assert!(verdict(&doubling(10)).contains("uses of common table expressions"));
}
