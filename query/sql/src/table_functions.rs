//! `FROM service_graph(from, to)` and its like: each is a query that is put in the place of its call, or a story
//! that is told outside.
//!
//! The statement is checked against its budget before and after, and then is one like any other: what
//! such a function reads is pruned, bounded and counted as if its query had been typed. Pure, on syntax
//! trees.

use crate::error::SqlError;
use crate::stories;
use client::StoryAsked;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement as Ast, TableFactor, Value, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

use StandsFor::{Query, Story};

/// A function that gives rows.
struct TableFunction {
    name: &'static str,
    arguments: &'static [Argument],
    stands_for: StandsFor,
}

/// What an argument is, in words, and how it is read.
type Argument = (&'static str, fn(&Expr) -> Result<String, &'static str>);

/// What is read in the place of a call.
enum StandsFor {
    /// A query of the arguments.
    Query(fn(&[String]) -> String),
    /// A story, which is told outside.
    Story,
}

const WINDOW: [Argument; 2] = [("from", instant), ("to", instant)];

const FUNCTIONS: [TableFunction; 6] = [
    TableFunction { name: "service_graph", arguments: &WINDOW, stands_for: Query(service_graph) },
    TableFunction { name: "releases", arguments: &WINDOW, stands_for: Query(releases) },
    TableFunction {
        name: "experience",
        arguments: &[("by", text), WINDOW[0], WINDOW[1]],
        stands_for: Query(experience),
    },
    TableFunction { name: "trace_tree", arguments: &[("trace_id", text)], stands_for: Query(trace_tree) },
    TableFunction { name: "critical_path", arguments: &[("trace_id", text)], stands_for: Query(critical_path) },
    TableFunction { name: "operation_timeline", arguments: &[("key", text), ("value", text)], stands_for: Story },
];

fn service_graph(window: &[String]) -> String {
    let (from, to) = (&window[0], &window[1]);
    format!(
        "SELECT caller, caller_type, callee, callee_type, kind, sum(calls) AS calls, sum(errors) AS errors, \
         sum(limited) AS limited, sketch_quantile(sketch_merge(duration_sketch), 0.5) AS p50_ns, \
         sketch_quantile(sketch_merge(duration_sketch), 0.95) AS p95_ns, \
         sketch_quantile(sketch_merge(duration_sketch), 0.99) AS p99_ns \
         FROM service_edges WHERE time >= date_trunc('minute', {from}) AND time < {to} AND kind <> 'unresolved' \
         GROUP BY caller, caller_type, callee, callee_type, kind HAVING sum(calls) <> 0"
    )
}

/// Versions of services that were first seen, after another one, within the window.
fn releases(window: &[String]) -> String {
    let (from, to) = (&window[0], &window[1]);
    format!(
        "SELECT time, 'release' AS kind, target, environment, version, previous_version, 'first sight' AS source FROM \
         (SELECT seen AS time, service AS target, environment, version, \
         lag(version) OVER (PARTITION BY service, environment ORDER BY seen, version) AS previous_version FROM \
         (SELECT service, attributes['deployment.environment.name'] AS environment, \
         attributes['service.version'] AS version, min(time) AS seen FROM resources \
         WHERE attributes['service.version'] IS NOT NULL \
         GROUP BY service, attributes['deployment.environment.name'], attributes['service.version']) AS sights) AS ordered \
         WHERE previous_version IS NOT NULL AND time >= {from} AND time < {to}"
    )
}

/// How it feels to be served, by an attribute: as `GET /experience` counts it with its usual threshold, every call
/// weighing the same.
fn experience(arguments: &[String]) -> String {
    let (key, from, to) = (quoted(&arguments[0]), &arguments[1], &arguments[2]);
    let limited =
        "COALESCE(attributes['resilience.outcome'], '') IN ('limited', 'broken_circuit', 'mocked', 'fallback')";
    format!(
        "SELECT value, calls, errors, satisfied, tolerating, calls - satisfied - tolerating AS frustrated, \
         100.0 * (2 * satisfied + tolerating) / (2 * calls) AS score FROM \
         (SELECT value, COUNT(*) AS calls, SUM(failed) AS errors, SUM(satisfied) AS satisfied, \
         SUM(tolerating) AS tolerating FROM \
         (SELECT COALESCE(NULLIF(attributes[{key}], ''), NULLIF(resource[{key}], '')) AS value, \
         CASE WHEN status = 'error' THEN 1 ELSE 0 END AS failed, \
         CASE WHEN status <> 'error' AND duration_ns <= {QUICK_NS} AND NOT {limited} THEN 1 ELSE 0 END AS satisfied, \
         CASE WHEN status <> 'error' AND duration_ns <= 4 * {QUICK_NS} AND (duration_ns > {QUICK_NS} OR {limited}) \
         THEN 1 ELSE 0 END AS tolerating \
         FROM spans WHERE time >= {from} AND time < {to} AND kind IN ('server', 'consumer') \
         AND parent_span_id IS NULL) AS served WHERE value IS NOT NULL GROUP BY value) AS sums"
    )
}

/// What satisfies: the usual half second.
const QUICK_NS: i64 = 500_000_000;

fn trace_tree(trace_id: &[String]) -> String {
    let columns = [
        "depth",
        "service",
        "operation",
        "kind",
        "status",
        "time",
        "duration_ns",
        "self_time_ns",
        "span_id",
        "parent_span_id",
        "orphan",
    ];
    of_trace("trace_tree_of", &columns, &trace_id[0])
}

fn critical_path(trace_id: &[String]) -> String {
    let columns = ["time", "duration_ns", "share", "service", "operation", "kind", "span_id"];
    of_trace("critical_path_of", &columns, &trace_id[0])
}

/// The rows that `function` makes of the spans of a trace.
fn of_trace(function: &str, columns: &[&str], trace_id: &str) -> String {
    let rows: Vec<String> = columns.iter().map(|name| format!("r['{name}'] AS {name}")).collect();
    let spans = ["span_id", "parent_span_id", "time", "duration_ns", "service", "operation", "kind", "status"];
    let spans: Vec<String> = spans.iter().map(|name| format!("'{name}', {name}")).collect();
    format!(
        "SELECT {} FROM (SELECT unnest({function}(array_agg(named_struct({})))) AS r FROM spans WHERE trace_id = {})",
        rows.join(", "),
        spans.join(", "),
        quoted(trace_id)
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Puts the queries of table functions in their places, and tables in those of stories ([`stories::table_name`]):
/// which ones, in order.
pub fn expand(statement: &mut Statement) -> Result<Vec<StoryAsked>, SqlError> {
    let ast: &mut Ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Explain(explain) => return expand(&mut explain.statement),
        _ => return Ok(Vec::new()),
    };
    let mut expand = Expand::default();
    match ast.visit(&mut expand) {
        ControlFlow::Continue(()) => Ok(expand.stories),
        ControlFlow::Break(error) => Err(*error),
    }
}

#[derive(Default)]
struct Expand {
    stories: Vec<StoryAsked>,
}

impl VisitorMut for Expand {
    type Break = Box<SqlError>;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match self.expanded(factor) {
            Ok(Some(query)) => *factor = query,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(Box::new(error)),
        }
        ControlFlow::Continue(())
    }
}

impl Expand {
    /// The query a table function stands for; `None` for what is none of ours.
    fn expanded(&mut self, factor: &TableFactor) -> Result<Option<TableFactor>, SqlError> {
        let TableFactor::Table { name, alias, args: Some(given), .. } = factor else { return Ok(None) };
        let called = name.to_string().to_ascii_lowercase();
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == called) else { return Ok(None) };
        let usage = || {
            let names: Vec<&str> = function.arguments.iter().map(|(name, _)| *name).collect();
            format!("{}({})", function.name, names.join(", "))
        };
        if given.args.len() != function.arguments.len() {
            let count = function.arguments.len();
            return Err(SqlError::Invalid(format!("{called} takes {count} arguments: {}", usage())));
        }
        let mut arguments = Vec::new();
        for (argument, (what, read)) in given.args.iter().zip(function.arguments) {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
                return Err(SqlError::Invalid(format!("write {} without names", usage())));
            };
            let written = read(argument);
            arguments.push(written.map_err(|why| SqlError::Invalid(format!("{what} of {called} {why}")))?);
        }
        let query = match function.stands_for {
            Query(query) => query(&arguments),
            Story => format!("SELECT * FROM \"{}\"", stories::table_name(self.story(&arguments))),
        };
        let query = Parser::new(&GenericDialect {}).try_with_sql(&query)?.parse_query()?;
        Ok(Some(TableFactor::Derived { lateral: false, subquery: query, alias: alias.clone(), sample: None }))
    }

    /// The number of a story among those of the statement; the same one is told once.
    fn story(&mut self, arguments: &[String]) -> usize {
        let asked = StoryAsked { key: arguments[0].clone(), value: arguments[1].clone() };
        let known = self.stories.iter().position(|known| *known == asked);
        known.unwrap_or_else(|| {
            self.stories.push(asked);
            self.stories.len() - 1
        })
    }
}

/// The text of a string literal.
fn text(argument: &Expr) -> Result<String, &'static str> {
    match argument {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Ok(text.clone()),
            _ => Err("is a text in single quotes"),
        },
        _ => Err("is a text in single quotes"),
    }
}

/// An instant: a text is read as one, anything else stands as it is (`now() - INTERVAL '1 hour'`).
fn instant(argument: &Expr) -> Result<String, &'static str> {
    match (argument, text(argument)) {
        (_, Ok(text)) => Ok(format!("TIMESTAMP {}", quoted(&text))),
        (Expr::Function(function), _) if is_now(function) => Ok(argument.to_string()),
        (Expr::BinaryOp { .. } | Expr::TypedString { .. }, _) => Ok(format!("({argument})")),
        _ => Err("is an instant: '2026-11-20T08:00:00Z' or now() - INTERVAL '1 hour'"),
    }
}

fn is_now(function: &Function) -> bool {
    function.name.to_string().eq_ignore_ascii_case("now")
        && matches!(&function.args, FunctionArguments::List(list) if list.args.is_empty())
}
