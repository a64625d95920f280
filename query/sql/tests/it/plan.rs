//! What a plan's filters say about time and services.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, col, lit};
use sql::plan::{services, time_bounds};
use std::collections::BTreeSet;

fn at(ns: i64) -> Expr {
    Expr::Literal(ScalarValue::TimestampNanosecond(Some(ns), Some("UTC".into())), None)
}

#[test]
fn time_bounds_are_the_narrowest_that_the_filters_state() {
    let time = || col("time");
    let cases = [
        (vec![], (i64::MIN, i64::MAX)),
        (vec![time().gt_eq(at(5)), time().lt(at(9))], (5, 9)),
        (vec![time().gt(at(5)).and(time().lt_eq(at(9)))], (6, 10)),
        (vec![at(5).lt_eq(time())], (5, i64::MAX)),
        (vec![time().between(at(1), at(3))], (1, 4)),
        (vec![time().eq(at(7))], (7, 8)),
        (vec![time().gt(at(5)).or(time().lt(at(2)))], (i64::MIN, i64::MAX)),
        (vec![time().not_eq(at(5)), col("duration_ns").gt(at(5))], (i64::MIN, i64::MAX)),
    ];
    for (filters, bounds) in cases {
        assert_eq!(time_bounds(filters.iter()), bounds, "{filters:?}");
    }
}

#[test]
fn services_are_those_that_every_filter_allows() {
    let service = || col("service");
    let set = |names: &[&str]| Some(names.iter().map(|n| n.to_string()).collect::<BTreeSet<_>>());
    let cases = [
        (vec![], None),
        (vec![service().eq(lit("a"))], set(&["a"])),
        (
            vec![service().in_list(vec![lit("a"), lit("b")], false), service().in_list(vec![lit("b")], false)],
            set(&["b"]),
        ),
        (vec![service().eq(lit("a")).or(service().eq(lit("b")))], set(&["a", "b"])),
        (vec![service().eq(lit("a")).or(col("kind").eq(lit("b")))], None),
        (vec![service().in_list(vec![lit("a")], true), service().not_eq(lit("c"))], None),
    ];
    for (filters, services_allowed) in cases {
        assert_eq!(services(&filters), services_allowed, "{filters:?}");
    }
}
