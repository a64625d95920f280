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
    if let Some(numbers) = number_comparison(left, op, right, to) {
        return Some(numbers);
    }
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

/// `CAST(attributes['k'] AS DOUBLE) >= 500.0` where the column of `k` holds integers: in integers,
/// which statistics know.
fn number_comparison(left: &Expr, op: Operator, right: &Expr, to: &Derivation<'_>) -> Option<Expr> {
    let (inner, field) = match left {
        Expr::Cast(Cast { expr, field }) => (expr, field),
        Expr::TryCast(TryCast { expr, field }) => (expr, field),
        _ => return None,
    };
    let Expr::Literal(ScalarValue::Float64(Some(number)), _) = right else { return None };
    let Served::Key(key) = served_by(inner, to)? else { return None };
    // Beyond 2^53 a double stands for several integers.
    let exact = number.fract() == 0.0 && number.abs() < (1_i64 << 53) as f64;
    let applies = exact && key.ty == PromotedType::Int && *field.data_type() == DataType::Float64;
    applies.then(|| binary(file(column_name(&key.key)), op, lit(*number as i64)))
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
