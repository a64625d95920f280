//! What a statement may ask of the planner, checked on its syntax tree before anything is planned.
//!
//! Planning recurses over expressions and takes time that grows with the square of their depth, and
//! neither a deadline nor a memory limit reaches it. So the size of a statement is bounded first. Pure.

use crate::error::SqlError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Select, SetExpr, Statement as Ast, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Bounds of one statement.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Bytes of text. Default 64 KiB.
    pub bytes_max: usize,
    /// Depth of an expression; a chain of binary operators is as deep as it is long. Default 500.
    pub depth_max: usize,
    /// Nested parentheses, subqueries and the like, as the parser counts them. Default 64.
    pub nesting_max: usize,
    /// Expressions in all. Default 20,000.
    pub expressions_max: usize,
    /// Tables joined to others, over the whole statement. Default 16.
    pub joins_max: usize,
    /// Values of one IN list. Default 10,000.
    pub in_list_max: usize,
    /// Uses of common table expressions, each counted with what it uses in turn. Default 64.
    pub cte_uses_max: u64,
    /// Queries put together by UNION, INTERSECT, EXCEPT. Default 64.
    pub arms_max: usize,
    /// Columns of one SELECT. Default 1,000.
    pub columns_max: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 10,
            depth_max: 500,
            nesting_max: 64,
            expressions_max: 20_000,
            joins_max: 16,
            in_list_max: 10_000,
            cte_uses_max: 64,
            arms_max: 64,
            columns_max: 1_000,
        }
    }
}

/// Parses one statement of a kind that only reads, within `budget`. Needs a big stack: the parser
/// builds, and whoever drops it takes apart, what the text nests.
pub fn parse(sql: &str, budget: &Budget) -> Result<Statement, SqlError> {
    if sql.len() > budget.bytes_max {
        return Err(over("bytes of SQL text", sql.len(), budget.bytes_max));
    }
    let dialect = GenericDialect {};
    let mut parser =
        DFParserBuilder::new(sql).with_dialect(&dialect).with_recursion_limit(budget.nesting_max).build()?;
    let mut statements = parser.parse_statements()?;
    let statement = match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => statement,
        (None, _) => {
            return Err(SqlError::Invalid("the SQL text holds no statement; try SELECT count(*) FROM spans".into()));
        }
        (Some(_), more) => {
            return Err(SqlError::Invalid(format!("the SQL text holds {} statements; send one at a time", more + 1)));
        }
    };
    only_reads(&statement)?;
    check(&statement, budget)?;
    Ok(statement)
}

/// Refuses every statement but queries and their descriptions.
fn only_reads(statement: &Statement) -> Result<(), SqlError> {
    let allowed = match statement {
        Statement::Statement(ast) => matches!(
            ast.as_ref(),
            Ast::Query(_) | Ast::ShowTables { .. } | Ast::ShowColumns { .. } | Ast::ExplainTable { .. }
        ),
        Statement::Explain(explain) => {
            return match explain.statement.as_ref() {
                Statement::Statement(ast) if matches!(ast.as_ref(), Ast::Query(_)) => Ok(()),
                _ => Err(SqlError::Invalid("EXPLAIN is only for SELECT".into())),
            };
        }
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    };
    if allowed {
        return Ok(());
    }
    let text = statement.to_string();
    let verb = text.split_ascii_whitespace().next().unwrap_or("this").to_ascii_uppercase();
    Err(SqlError::Invalid(format!(
        "{verb} is not allowed: only SELECT, SHOW TABLES, SHOW COLUMNS, DESCRIBE and EXPLAIN are"
    )))
}

/// Measures the syntax tree.
pub fn check(statement: &Statement, budget: &Budget) -> Result<(), SqlError> {
    let ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Explain(explain) => return check(&explain.statement, budget),
        _ => return Ok(()),
    };
    let mut measure =
        Measure { budget, depth: 0, expressions: 0, joins: 0, cte_uses: 0, cte_weights: HashMap::new(), arms: 0 };
    match ast.visit(&mut measure) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

fn over(what: &str, have: impl std::fmt::Display, max: impl std::fmt::Display) -> SqlError {
    SqlError::TooLarge(format!("the statement has {have} {what}; at most {max} are allowed"))
}

struct Measure<'a> {
    budget: &'a Budget,
    depth: usize,
    expressions: usize,
    joins: usize,
    cte_uses: u64,
    /// What one use of a common table expression costs: itself and all it uses.
    cte_weights: HashMap<String, u64>,
    arms: usize,
}

type Flow = ControlFlow<Box<SqlError>>;

impl Measure<'_> {
    fn within(what: &str, have: usize, max: usize) -> Flow {
        if have > max { ControlFlow::Break(Box::new(over(what, have, max))) } else { ControlFlow::Continue(()) }
    }

    fn weight(&self, relation: &ObjectName) -> u64 {
        self.cte_weights.get(&cte_key(relation)).copied().unwrap_or(0)
    }

    fn add_uses(&mut self, uses: u64) -> Flow {
        self.cte_uses = self.cte_uses.saturating_add(uses);
        if self.cte_uses > self.budget.cte_uses_max {
            let error = over("uses of common table expressions", self.cte_uses, self.budget.cte_uses_max);
            return ControlFlow::Break(Box::new(error));
        }
        ControlFlow::Continue(())
    }
}

fn cte_key(name: &ObjectName) -> String {
    name.to_string().to_ascii_lowercase()
}

/// Relations named anywhere inside a query.
fn relations(query: &Query) -> Vec<ObjectName> {
    struct Names(Vec<ObjectName>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            self.0.push(relation.clone());
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(Vec::new());
    let _ = query.visit(&mut names);
    names.0
}

/// Arms of a set operation; walks with its own stack, because the tree is as deep as it is long.
fn arms(body: &SetExpr) -> usize {
    let (mut open, mut count) = (vec![body], 0);
    while let Some(expr) = open.pop() {
        if let SetExpr::SetOperation { left, right, .. } = expr {
            count += 1;
            open.extend([left.as_ref(), right.as_ref()]);
        }
    }
    count
}

impl Visitor for Measure<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        self.arms += arms(&query.body);
        Self::within("UNION, INTERSECT or EXCEPT operations", self.arms, self.budget.arms_max)?;
        // In order of definition, so that each finds the weights of those before it.
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let inner: u64 = relations(&cte.query).iter().map(|r| self.weight(r)).fold(0, u64::saturating_add);
            self.cte_weights.insert(cte.alias.name.value.to_ascii_lowercase(), inner.saturating_add(1));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        self.joins += select.from.len().saturating_sub(1) + select.from.iter().map(|t| t.joins.len()).sum::<usize>();
        Self::within("joins", self.joins, self.budget.joins_max)?;
        Self::within("columns in one SELECT", select.projection.len(), self.budget.columns_max)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            self.joins += table_with_joins.joins.len();
        }
        Self::within("joins", self.joins, self.budget.joins_max)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        let uses = self.weight(relation);
        self.add_uses(uses)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        self.depth += 1;
        self.expressions += 1;
        Self::within("operators in one chain or levels of nesting", self.depth, self.budget.depth_max)?;
        Self::within("expressions", self.expressions, self.budget.expressions_max)?;
        if let Expr::InList { list, .. } = expr {
            Self::within("values in an IN list", list.len(), self.budget.in_list_max)?;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> Flow {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
