//! A plan may only read: every node must be of a kind named here, and every table one of ours.

use crate::census;
use crate::error::SqlError;
use crate::provider::StoreTable;
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, TableScan};
use datafusion::scalar::ScalarValue;
use std::collections::BTreeSet;
use tables::TableId;

/// Refuses plans with nodes that are not known to read only.
pub fn only_reads(plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        if allowed(node) {
            return Ok(TreeNodeRecursion::Continue);
        }
        refused = Some(node.display().to_string());
        Ok(TreeNodeRecursion::Stop)
    })?;
    match refused {
        None => Ok(()),
        Some(node) => Err(SqlError::Invalid(format!("not allowed: {node}; only queries that read are"))),
    }
}

fn allowed(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => true,
        LogicalPlan::Statement(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_) => false,
    }
}

/// What the scans of an optimised plan need of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub table: TableId,
    /// Visible columns, of all scans of the table.
    pub columns: BTreeSet<String>,
    /// Event times `from <= t < until`, the hull of all scans.
    pub from: i64,
    pub until: i64,
}

/// How a plan will be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub tables: Vec<Need>,
    /// Every scan looks for single keys: one thread is quicker than two.
    pub look_up: bool,
    /// The largest or smallest few rows, or any few, are asked for: readers should filter row by row.
    pub few_rows: bool,
    /// Few rows by time: parts are read one after the other, until no other can have a better row.
    pub newest_first: bool,
    /// One place has to see all rows: scans give one stream.
    pub one_stream: bool,
}

/// Gathers what the scans of our tables need.
pub fn needs(plan: &LogicalPlan) -> Result<Needs, SqlError> {
    let mut needs = Needs::default();
    let (mut scans, mut look_ups) = (0, 0);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                if let Some(need) = of_scan(scan) {
                    scans += 1;
                    look_ups += usize::from(scan.filters.iter().flat_map(conjuncts).any(is_look_up));
                    add(&mut needs.tables, need);
                }
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_some() => {
                needs.few_rows = true;
                needs.newest_first |= sort.expr.first().is_some_and(|first| is_time(&first.expr));
            }
            LogicalPlan::Limit(_) => needs.few_rows = true,
            LogicalPlan::Aggregate(aggregate) => needs.one_stream |= aggregate.aggr_expr.iter().any(is_census),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    needs.look_up = scans > 0 && scans == look_ups;
    Ok(needs)
}

fn is_census(expr: &Expr) -> bool {
    match expr {
        Expr::AggregateFunction(function) => function.func.name() == census::NAME,
        Expr::Alias(alias) => is_census(&alias.expr),
        _ => false,
    }
}

fn of_scan(scan: &TableScan) -> Option<Need> {
    let provider = source_as_provider(&scan.source).ok()?;
    let table = provider.downcast_ref::<StoreTable>()?;
    let mut columns: BTreeSet<String> = scan.projected_schema.fields().iter().map(|f| f.name().clone()).collect();
    for filter in &scan.filters {
        columns.extend(filter.column_refs().into_iter().map(|c| c.name.clone()));
    }
    let (from, until) = time_bounds(scan.filters.iter());
    Some(Need { table: table.table(), columns, from, until })
}

fn add(needs: &mut Vec<Need>, need: Need) {
    match needs.iter_mut().find(|n| n.table == need.table) {
        Some(known) => {
            known.columns.extend(need.columns);
            known.from = known.from.min(need.from);
            known.until = known.until.max(need.until);
        }
        None => needs.push(need),
    }
}

/// The parts of a conjunction.
pub fn conjuncts(filter: &Expr) -> Vec<&Expr> {
    datafusion::logical_expr::utils::split_conjunction(filter)
}

/// `from <= time < until` as far as the filters say so.
pub fn time_bounds<'a>(filters: impl Iterator<Item = &'a Expr>) -> (i64, i64) {
    let (mut from, mut until) = (i64::MIN, i64::MAX);
    for filter in filters.flat_map(conjuncts) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let bound = time_bound(left, *op, right).or_else(|| time_bound(right, op.swap()?, left));
                let (lower, upper) = bound.unwrap_or((i64::MIN, i64::MAX));
                from = from.max(lower);
                until = until.min(upper);
            }
            Expr::Between(between) if !between.negated && is_time(&between.expr) => {
                from = from.max(instant(&between.low).unwrap_or(i64::MIN));
                until = until.min(instant(&between.high).map_or(i64::MAX, |t| t.saturating_add(1)));
            }
            _ => {}
        }
    }
    (from, until)
}

fn time_bound(left: &Expr, op: Operator, right: &Expr) -> Option<(i64, i64)> {
    let at = instant(right).filter(|_| is_time(left))?;
    let after = at.saturating_add(1);
    Some(match op {
        Operator::Gt => (after, i64::MAX),
        Operator::GtEq => (at, i64::MAX),
        Operator::Lt => (i64::MIN, at),
        Operator::LtEq => (i64::MIN, after),
        Operator::Eq => (at, after),
        _ => return None,
    })
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(Column { name, .. }) if name == "time")
}

fn instant(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(at), _), _) => Some(*at),
        _ => None,
    }
}

/// Services that the filters allow; `None` when they do not say.
pub fn services(filters: &[Expr]) -> Option<BTreeSet<String>> {
    let mut allowed: Option<BTreeSet<String>> = None;
    for filter in filters.iter().flat_map(conjuncts) {
        let Some((column, values)) = equal_to(filter) else { continue };
        if column == "service" {
            allowed = Some(match allowed {
                Some(before) => before.intersection(&values).cloned().collect(),
                None => values,
            });
        }
    }
    allowed
}

/// The column and the texts it must be one of.
fn equal_to(filter: &Expr) -> Option<(&str, BTreeSet<String>)> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, value) = match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), value) | (value, Expr::Column(column)) => (column, value),
                _ => return None,
            };
            Some((&column.name, BTreeSet::from([text(value)?])))
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = list.expr.as_ref() else { return None };
            Some((&column.name, list.list.iter().map(text).collect::<Option<_>>()?))
        }
        // What the simplifier makes of short IN lists.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let ((a, mut x), (b, y)) = (equal_to(left)?, equal_to(right)?);
            x.extend(y);
            (a == b).then_some((a, x))
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

/// Columns with so few distinct values that equality selects much.
const COARSE: [&str; 9] =
    ["service", "operation", "kind", "status", "severity", "severity_text", "name", "type", "signal"];

/// Equality on a key: a handful of rows, wherever they lie.
fn is_look_up(filter: &Expr) -> bool {
    equal_to(filter).is_some_and(|(column, _)| !COARSE.contains(&column) && column != "time")
}

/// Filters worth evaluating row by row while a file is read.
pub fn is_selective(filters: &[Expr]) -> bool {
    let equality = |filter: &Expr| equal_to(filter).is_some_and(|(column, _)| column != "kind");
    filters.iter().flat_map(conjuncts).any(|f| equality(f) || matches!(f, Expr::Like(_)))
}
