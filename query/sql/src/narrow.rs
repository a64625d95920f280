//! `SELECT * ... ORDER BY time DESC LIMIT 20` in two steps: first by the sort column alone, to learn the
//! worst value that still counts; then all columns of the rows that are no worse.
//!
//! A single pass would put together every column of every row that is among the best so far, only to
//! throw nearly all of them away.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Sort};

/// Columns beyond which a row is dear to put together.
const WIDE: usize = 8;

/// The part of a plan that this is for: a sort with a limit, of whole rows of one table, by a column
/// that is never null.
#[derive(Clone, Debug)]
pub struct WideTop {
    sort: Sort,
    first: Expr,
    ascending: bool,
    limit: usize,
}

/// Finds it below projections and limits.
pub fn find(plan: &LogicalPlan) -> Option<WideTop> {
    match plan {
        LogicalPlan::Projection(projection) => find(&projection.input),
        LogicalPlan::Limit(limit) => find(&limit.input),
        LogicalPlan::SubqueryAlias(alias) => find(&alias.input),
        LogicalPlan::Sort(sort) => {
            let (limit, first) = (sort.fetch?, sort.expr.first()?);
            let Expr::Column(column) = &first.expr else { return None };
            let never_null = !sort.input.schema().field_from_column(column).ok()?.is_nullable();
            let applies = never_null && limit > 0 && of_one_table(&sort.input) && is_wide(&sort.input);
            applies.then(|| WideTop { sort: sort.clone(), first: first.expr.clone(), ascending: first.asc, limit })
        }
        _ => None,
    }
}

fn of_one_table(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Projection(projection) => of_one_table(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => of_one_table(&alias.input),
        _ => false,
    }
}

fn is_wide(plan: &LogicalPlan) -> bool {
    let fields = plan.schema().fields();
    fields.len() > WIDE || fields.iter().any(|f| matches!(f.data_type(), DataType::Map(..) | DataType::List(_)))
}

impl WideTop {
    /// The sort column of the best rows.
    pub fn narrow(&self) -> Result<LogicalPlan> {
        let first = self.sort.expr[0].clone();
        LogicalPlanBuilder::new(self.sort.input.as_ref().clone())
            .project([self.first.clone()])?
            .sort_with_limit([first], Some(self.limit))?
            .build()
    }

    /// `plan` without the rows worse than all of the narrow answer; `plan` itself where that says nothing.
    pub fn with_bound(&self, plan: LogicalPlan, narrow: &[RecordBatch]) -> Result<LogicalPlan> {
        let rows: usize = narrow.iter().map(RecordBatch::num_rows).sum();
        let last = narrow.iter().rev().find(|b| b.num_rows() > 0).map(|b| b.column(0));
        let Some(last) = last.filter(|_| rows == self.limit) else { return Ok(plan) };
        let worst = Expr::Literal(ScalarValue::try_from_array(last, last.len() - 1)?, None);
        let bound = if self.ascending { self.first.clone().lt_eq(worst) } else { self.first.clone().gt_eq(worst) };
        let bounded = plan.transform_down(|node| match node {
            LogicalPlan::Sort(sort) if sort == self.sort => {
                let input = LogicalPlanBuilder::new(sort.input.as_ref().clone()).filter(bound.clone())?.build()?;
                Ok(Transformed::complete(LogicalPlan::Sort(Sort { input: input.into(), ..sort })))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(bounded.data)
    }
}
