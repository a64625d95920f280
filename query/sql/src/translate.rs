//! Filters on visible columns as filters on file columns, in the form that statistics, bloom filters
//! and the file reader understand.
//!
//! Hex text that is an id becomes the id; decimal text of an integer column becomes the integer; a
//! number read out of an attribute becomes its column. What has no such form stays a computation.
//! Pure. Invariant: a translated filter accepts exactly the rows that the filter accepts.

use crate::derive::{Derivation, file};
use crate::shape::Source;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::{Cast, InList, TryCast};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};
use tables::promoted::column_name;
use tables::{PromotedKey, PromotedType};

/// The filter over file columns.
pub fn translate(filter: &Expr, to: &Derivation<'_>) -> Result<Expr> {
    let translated = filter.clone().transform_down(|expr| match direct(&expr, to)? {
        Some(direct) => Ok(Transformed::new(direct, true, TreeNodeRecursion::Jump)),
        None => Ok(Transformed::no(expr)),
    })?;
    Ok(translated.data)
}

/// The form of this very node over file columns, if it has one of its own.
fn direct(expr: &Expr, to: &Derivation<'_>) -> Result<Option<Expr>> {
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            comparison(left, *op, right, to).or_else(|| comparison(right, op.swap()?, left, to))
        }
        Expr::InList(InList { expr, list, negated }) => in_list(expr, list, *negated, to),
        Expr::Cast(Cast { expr, field }) => typed_column(expr, field.data_type(), to),
        Expr::TryCast(TryCast { expr, field }) => typed_column(expr, field.data_type(), to),
        Expr::Column(column) => Some(to.expr(&column.name)?),
        _ => None,
    })
}

fn compares(op: Operator) -> bool {
    use Operator::*;
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn comparison(left: &Expr, op: Operator, right: &Expr, to: &Derivation<'_>) -> Option<Expr> {
    let text = text_literal(right)?;
    match served_by(left, to)? {
        // Lower-case hex sorts as its bytes do, so any comparison holds.
        Served::Id(column, width) => Some(binary(file(column), op, id_literal(text, width)?)),
        Served::Key(key) if matches!(op, Operator::Eq | Operator::NotEq) => {
            Some(binary(file(column_name(&key.key)), op, key_literal(text, key.ty)?))
        }
        Served::Key(_) => None,
    }
}

fn in_list(expr: &Expr, list: &[Expr], negated: bool, to: &Derivation<'_>) -> Option<Expr> {
    let served = served_by(expr, to)?;
    let literal = |item: &Expr| {
        let text = text_literal(item)?;
        match &served {
            Served::Id(_, width) => id_literal(text, *width),
            Served::Key(key) => key_literal(text, key.ty),
        }
    };
    let list = list.iter().map(literal).collect::<Option<Vec<_>>>()?;
    let column = match &served {
        Served::Id(column, _) => file(*column),
        Served::Key(key) => file(column_name(&key.key)),
    };
    Some(Expr::InList(InList::new(Box::new(column), list, negated)))
}

/// `CAST(attributes['k'] AS T)` where the column of `k` is a `T`.
fn typed_column(expr: &Expr, ty: &DataType, to: &Derivation<'_>) -> Option<Expr> {
    let Served::Key(key) = served_by(expr, to)? else { return None };
    let same = matches!(
        (key.ty, ty),
        (PromotedType::Int, DataType::Int64)
            | (PromotedType::Double, DataType::Float64)
            | (PromotedType::Bool, DataType::Boolean)
    );
    let widened = key.ty == PromotedType::Int && *ty == DataType::Float64;
    let column = file(column_name(&key.key));
    match (same, widened) {
        (true, _) => Some(column),
        (_, true) => Some(Expr::Cast(Cast::new(Box::new(column), DataType::Float64))),
        _ => None,
    }
}

/// The one file column behind a visible one.
enum Served<'a> {
    Id(&'a str, i32),
    Key(&'a PromotedKey),
}

fn served_by<'a>(expr: &'a Expr, to: &'a Derivation<'_>) -> Option<Served<'a>> {
    let column = match expr {
        Expr::Column(column) => column,
        // Text to text, as type coercion writes it.
        Expr::Cast(Cast { expr, field })
            if matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) =>
        {
            let Expr::Column(column) = expr.as_ref() else { return None };
            column
        }
        _ => return None,
    };
    match &to.shape.column(&column.name)?.source {
        Source::Hex => match to.shape.spec.schema.field_with_name(&column.name).ok()?.data_type() {
            DataType::FixedSizeBinary(width) => Some(Served::Id(&column.name, *width)),
            _ => None,
        },
        Source::Attribute(key) => to.plain_column(key).map(Served::Key),
        _ => None,
    }
}

fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)),
            _,
        ) => Some(text),
        _ => None,
    }
}

fn id_literal(text: &str, width: i32) -> Option<Expr> {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let bytes = hex::decode(text).ok().filter(|b| lower && b.len() == width as usize)?;
    Some(Expr::Literal(ScalarValue::FixedSizeBinary(width, Some(bytes)), None))
}

/// The value whose canonical text this is; none if no value has this text.
fn key_literal(text: &str, ty: PromotedType) -> Option<Expr> {
    match ty {
        PromotedType::String => Some(lit(ScalarValue::Utf8View(Some(text.to_owned())))),
        PromotedType::Int => text.parse::<i64>().ok().filter(|n| n.to_string() == text).map(lit),
        PromotedType::Bool => text.parse::<bool>().ok().map(lit),
        // Two zeros and many NaNs share texts or differ in them: compare the text.
        PromotedType::Double => None,
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::{Overflow, Surroundings};
    use crate::identity::Identities;
    use crate::keys::Keys;
    use crate::shape::Shape;
    use datafusion::common::Column;
    use datafusion::logical_expr::{cast, in_list as in_list_of, try_cast};
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
            "coalesce(CAST(attributes.http.response.status_code AS Utf8View), map_value:http.response.status_code(attributes)) = Utf8(\"500\")"
        );
    }

    #[test]
    fn request_id_keys_and_old_names_are_read_where_their_values_lie() {
        assert_eq!(
            translated(&col("attributes['request.id']").is_not_null(), &[]),
            "coalesce(CASE WHEN request_id_key = Utf8(\"request.id\") THEN request_id END, map_value:request.id(attributes)) IS NOT NULL"
        );
        assert_eq!(
            translated(&col("attributes['http.status_code']").is_not_null(), &[]),
            "coalesce(CASE WHEN sent_as:http.status_code(legacy_keys) THEN CAST(attributes.http.response.status_code AS Utf8View) END, \
             map_value:http.status_code(attributes)) IS NOT NULL"
        );
    }
}
