//! Filters in file terms, as text.

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, cast, in_list as in_list_of, lit, try_cast};
use sql::derive::{Derivation, Overflow, Surroundings};
use sql::identity::Identities;
use sql::keys::Keys;
use sql::shape::Shape;
use sql::translate::translate;
use std::sync::Arc;
use tables::{PromotedSet, TableId, TableSpec};

fn col(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn translated(filter: &Expr, overflow: &[&str]) -> String {
    let promoted = Arc::new(PromotedSet::default_with(&["order.id".into()]));
    let keys = ["http.route", "http.response.status_code", "order.id", "custom", "request.id", "http.status_code"];
    let keys = Keys { attributes: keys.iter().map(|k| k.to_string()).collect(), ..Keys::default() };
    let shape = Shape::new(TableId::Spans, &promoted, &keys);
    let identities = |table, id| Arc::new(Identities::new(TableSpec::new(table, &promoted).schema, id));
    let around = Surroundings {
        resources: identities(TableId::Resources, "resource_id"),
        series: identities(TableId::Series, "series_id"),
        promoted: promoted.clone(),
        request_id_keys: Arc::new(vec!["request.id".into()]),
    };
    let overflow = Overflow(overflow.iter().map(|k| k.to_string()).collect());
    translate(filter, &Derivation { shape: &shape, around: &around, overflow: &overflow }).unwrap().to_string()
}

#[test]
fn literals_take_the_type_of_the_column_that_serves() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let status = || col("attributes['http.response.status_code']");
    let route = || col("attributes['http.route']");
    let cases: Vec<(Expr, &str)> = vec![
        (
            col("trace_id").eq(lit(trace)),
            "trace_id = FixedSizeBinary(16, \"10,247,101,25,22,205,67,221,132,72,235,33,28,128,49,156\")",
        ),
        (
            lit(trace).eq(col("trace_id")),
            "trace_id = FixedSizeBinary(16, \"10,247,101,25,22,205,67,221,132,72,235,33,28,128,49,156\")",
        ),
        (col("span_id").lt(lit("00000000000000ff")), "span_id < FixedSizeBinary(8, \"0,0,0,0,0,0,0,255\")"),
        (
            in_list_of(col("span_id"), vec![lit("00000000000000ff")], true),
            "span_id NOT IN ([FixedSizeBinary(8, \"0,0,0,0,0,0,0,255\")])",
        ),
        // Not an id: no row has this text, and the text says so itself.
        (col("trace_id").eq(lit("ABC")), "hex(trace_id) = Utf8(\"ABC\")"),
        (col("trace_id").like(lit("0af7%")), "hex(trace_id) LIKE Utf8(\"0af7%\")"),
        (route().eq(lit("/x")), "attributes.http.route = Utf8View(\"/x\")"),
        (route().like(lit("/x%")), "attributes.http.route LIKE Utf8(\"/x%\")"),
        (status().eq(lit("500")), "attributes.http.response.status_code = Int64(500)"),
        (status().eq(lit("0500")), "CAST(attributes.http.response.status_code AS Utf8View) = Utf8(\"0500\")"),
        (status().gt(lit("500")), "CAST(attributes.http.response.status_code AS Utf8View) > Utf8(\"500\")"),
        (
            in_list_of(status(), vec![lit("200"), lit("404")], false),
            "attributes.http.response.status_code IN ([Int64(200), Int64(404)])",
        ),
        (cast(status(), DataType::Int64).gt_eq(lit(500i64)), "attributes.http.response.status_code >= Int64(500)"),
        (
            try_cast(status(), DataType::Float64).gt(lit(1.5)),
            "CAST(attributes.http.response.status_code AS Float64) > Float64(1.5)",
        ),
        (col("attributes['custom']").eq(lit("v")), "map_value:custom(attributes) = Utf8(\"v\")"),
        (col("service").eq(lit("cart")), "service = Utf8(\"cart\")"),
    ];
    for (filter, expected) in cases {
        assert_eq!(translated(&filter, &[]), expected, "{filter}");
    }
}

#[test]
fn where_a_key_overflowed_the_map_is_asked_too() {
    let filter = col("attributes['http.response.status_code']").eq(lit("500"));
    assert_eq!(
        translated(&filter, &["http.response.status_code"]),
        "first_of(CAST(attributes.http.response.status_code AS Utf8View), map_value:http.response.status_code(attributes)) = Utf8(\"500\")"
    );
}

#[test]
fn request_id_keys_and_old_names_are_read_where_their_values_lie() {
    assert_eq!(
        translated(&col("attributes['request.id']").is_not_null(), &[]),
        "first_of(CASE WHEN request_id_key = Utf8(\"request.id\") THEN request_id END, map_value:request.id(attributes)) IS NOT NULL"
    );
    assert_eq!(
        translated(&col("attributes['http.status_code']").is_not_null(), &[]),
        "first_of(CASE WHEN sent_as:http.status_code(legacy_keys) THEN CAST(attributes.http.response.status_code AS Utf8View) END, \
         map_value:http.status_code(attributes)) IS NOT NULL"
    );
}
