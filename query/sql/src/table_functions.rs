//! `FROM service_graph(from, to)` and its like: each is a query that is put in the place of its call.
//!
//! The statement is checked against its budget before and after, and then is one like any other: what
//! such a function reads is pruned, bounded and counted as if its query had been typed. Pure, on syntax
//! trees.

use crate::error::SqlError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement as Ast, TableFactor, Value, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// A function that gives rows.
struct TableFunction {
    name: &'static str,
    /// What each argument is, in words.
    arguments: &'static [&'static str],
    /// How an argument is read.
    argument: fn(&Expr) -> Result<String, &'static str>,
    /// The query that it stands for.
    query: fn(&[String]) -> String,
}

const FUNCTIONS: [TableFunction; 5] = [
    TableFunction { name: "service_graph", arguments: &["from", "to"], argument: instant, query: service_graph },
    TableFunction { name: "releases", arguments: &["from", "to"], argument: instant, query: releases },
    TableFunction { name: "trace_tree", arguments: &["trace_id"], argument: text, query: trace_tree },
    TableFunction { name: "critical_path", arguments: &["trace_id"], argument: text, query: critical_path },
    TableFunction { name: "operation_timeline", arguments: &["key", "value"], argument: text, query: timeline },
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

/// What bears a key, and what shares a trace or a request with it.
fn timeline(arguments: &[String]) -> String {
    let (key, value) = (arguments[0].as_str(), quoted(&arguments[1]));
    // The ids are columns; everything else is an attribute.
    let own = match key {
        "request_id" | "request.id" => format!("request_id = {value}"),
        "trace_id" => format!("trace_id = {value}"),
        key => format!("attributes[{}] = {value}", quoted(key)),
    };
    let entity = match key {
        "request_id" | "request.id" | "trace_id" => own.clone(),
        key => {
            let entity = key.strip_suffix(".id").unwrap_or(key);
            format!("entity_type IN ({}, {}) AND entity_id = {value}", quoted(entity), quoted(key))
        }
    };
    let bears = format!(
        "SELECT trace_id, request_id FROM spans WHERE {own} UNION ALL SELECT trace_id, request_id FROM logs WHERE {own} \
         UNION ALL SELECT trace_id, request_id FROM entity_changes WHERE {entity}"
    );
    let belongs = format!(
        "(trace_id IN (SELECT trace_id FROM ({bears}) AS t WHERE trace_id IS NOT NULL) \
         OR request_id IN (SELECT request_id FROM ({bears}) AS r WHERE request_id IS NOT NULL))"
    );
    format!(
        "SELECT time, 'span' AS kind, service, operation AS what, status AS outcome, duration_ns, trace_id, span_id, \
         request_id, CAST(NULL AS TEXT) AS before, CAST(NULL AS TEXT) AS after FROM spans WHERE {belongs} \
         UNION ALL SELECT time, 'log', service, body, severity_text, CAST(NULL AS BIGINT), trace_id, span_id, request_id, \
         NULL, NULL FROM logs WHERE {belongs} AND coalesce(event_name, '') <> 'business.operation' \
         UNION ALL SELECT time, 'business', service, operation || ' ' || entity_type || ' ' || entity_id, outcome, \
         CAST(NULL AS BIGINT), trace_id, span_id, request_id, before, after FROM entity_changes \
         WHERE {belongs} OR ({entity})"
    )
}

/// Puts the queries of table functions in their places.
pub fn expand(statement: &mut Statement) -> Result<(), SqlError> {
    let ast: &mut Ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Explain(explain) => return expand(&mut explain.statement),
        _ => return Ok(()),
    };
    match ast.visit(&mut Expand) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Expand;

impl VisitorMut for Expand {
    type Break = Box<SqlError>;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match expanded(factor) {
            Ok(Some(query)) => *factor = query,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(Box::new(error)),
        }
        ControlFlow::Continue(())
    }
}

/// The query a table function stands for; `None` for what is none of ours.
fn expanded(factor: &TableFactor) -> Result<Option<TableFactor>, SqlError> {
    let TableFactor::Table { name, alias, args: Some(given), .. } = factor else { return Ok(None) };
    let called = name.to_string().to_ascii_lowercase();
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == called) else { return Ok(None) };
    let usage = || format!("{}({})", function.name, function.arguments.join(", "));
    if given.args.len() != function.arguments.len() {
        return Err(SqlError::Invalid(format!("{called} takes {} arguments: {}", function.arguments.len(), usage())));
    }
    let mut arguments = Vec::new();
    for (argument, what) in given.args.iter().zip(function.arguments) {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
            return Err(SqlError::Invalid(format!("write {} without names", usage())));
        };
        let written = (function.argument)(argument);
        arguments.push(written.map_err(|why| SqlError::Invalid(format!("{what} of {called} {why}")))?);
    }
    let query = (function.query)(&arguments);
    let query = Parser::new(&GenericDialect {}).try_with_sql(&query)?.parse_query()?;
    Ok(Some(TableFactor::Derived { lateral: false, subquery: query, alias: alias.clone(), sample: None }))
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
