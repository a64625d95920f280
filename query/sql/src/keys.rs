//! Which attributes a statement reads by name, and how they stay out of `SELECT *`.
//!
//! For every literal key a statement uses, its tables get a column named as the user wrote it,
//! `attributes['http.route']`, so that filters, groups and joins on it are filters, groups and joins on
//! a column. These columns must not appear where the user asked for all columns. Pure, on syntax trees.

use crate::census;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, CastKind, DataType, ExcludeSelectItem, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement as Ast, Subscript,
    TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use tables::TableId;

/// The maps that are read by key.
pub const ATTRIBUTES: &str = "attributes";
pub const RESOURCE: &str = "resource";
pub const ATTRIBUTE_TYPES: &str = "attribute_types";

/// Literal keys of one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    pub attributes: BTreeSet<String>,
    pub resource: BTreeSet<String>,
    /// Whether relations meet, or spans are counted: then ids are compared as the bytes they are, not as their text.
    pub joins: bool,
}

/// Name of the column that serves `map['key']`.
pub fn column(map: &str, key: &str) -> String {
    format!("{map}['{key}']")
}

/// Name of the column that holds an id's bytes.
pub fn bytes_column(id: &str) -> String {
    format!("{id} (bytes)")
}

/// Visible columns that are ids of bytes in the files.
pub fn ids(table: TableId) -> &'static [&'static str] {
    match table {
        TableId::Spans => &["trace_id", "span_id", "parent_span_id", "resource_id"],
        TableId::Logs => &["trace_id", "span_id", "resource_id"],
        TableId::Metrics => &["series_id"],
        TableId::Resources => &["resource_id"],
        TableId::Series => &["series_id", "resource_id"],
        TableId::Ledger | TableId::Changes | TableId::Heartbeats | TableId::Red | TableId::ServiceEdges => &[],
        TableId::Alerts | TableId::Incidents | TableId::Notifications | TableId::Audit => &[],
        TableId::EdgesPending => &["trace_id", "span_id", "parent_span_id"],
        TableId::BusinessEvents | TableId::EntityChanges => &["trace_id", "span_id"],
    }
}

impl Keys {
    /// Columns that a table gets for them.
    pub fn columns(&self, table: TableId) -> Vec<String> {
        let (attributes, resource) = maps(table);
        let attributes = self.attributes.iter().filter(|_| attributes).map(|k| column(ATTRIBUTES, k));
        let resource = self.resource.iter().filter(|_| resource).map(|k| column(RESOURCE, k));
        let ids = ids(table).iter().filter(|_| self.joins).map(|id| bytes_column(id));
        attributes.chain(resource).chain(ids).collect()
    }
}

/// Whether a table has `attributes`, and whether it has `resource`.
pub fn maps(table: TableId) -> (bool, bool) {
    match table {
        TableId::Spans | TableId::Logs | TableId::Metrics => (true, true),
        TableId::Series => (true, true),
        TableId::Resources => (true, false),
        TableId::BusinessEvents | TableId::Changes | TableId::Heartbeats | TableId::Alerts => (true, false),
        TableId::Incidents | TableId::Notifications | TableId::Audit => (false, false),
        TableId::EntityChanges | TableId::Ledger => (false, false),
        TableId::Red | TableId::ServiceEdges | TableId::EdgesPending => (false, false),
    }
}

/// Rewrites `attr_int(attributes, 'k')` and its kin to casts of `attributes['k']`, collects the keys,
/// and takes their columns out of wildcards.
pub fn rewrite(statement: &mut Statement) -> Keys {
    let ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Explain(explain) => return rewrite(&mut explain.statement),
        _ => return Keys::default(),
    };
    let mut collect = Collect::default();
    let _ = ast.visit(&mut collect);
    if collect.keys != Keys::default() && matches!(ast.as_ref(), Ast::Query(_)) {
        let _ = ast.visit(&mut Hide { keys: &collect.keys, ctes: &collect.ctes });
    }
    collect.keys
}

#[derive(Default)]
struct Collect {
    keys: Keys,
    ctes: HashSet<String>,
}

impl VisitorMut for Collect {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(tables.map(|cte| cte.alias.name.value.to_ascii_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.keys.joins |= select.from.len() > 1 || select.from.iter().any(|t| !t.joins.is_empty());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(cast) = typed_access(function)
        {
            *expr = cast;
        }
        if let Expr::Function(function) = expr {
            self.keys.joins |= function.name.to_string().eq_ignore_ascii_case(census::NAME);
        }
        match expr {
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Expr::Cast { expr, .. } => {
                if let Expr::CompoundFieldAccess { root, access_chain } = expr.as_ref() {
                    self.access(root, access_chain);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Collect {
    /// Notes the key when the subscript follows a name of ours.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr]) {
        let mut name = match root {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(idents) => idents.last(),
            _ => None,
        };
        for access in chain {
            match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => name = Some(ident),
                AccessExpr::Subscript(Subscript::Index {
                    index: Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(key), .. }),
                }) => {
                    match name.map(|n| n.value.to_ascii_lowercase()).as_deref() {
                        Some(ATTRIBUTES) => drop(self.keys.attributes.insert(key.clone())),
                        Some(RESOURCE) => drop(self.keys.resource.insert(key.clone())),
                        _ => {}
                    }
                    return;
                }
                _ => return,
            }
        }
    }
}

/// `attr_int(map, key)` as `TRY_CAST(map[key] AS BIGINT)`.
fn typed_access(function: &Function) -> Option<Expr> {
    let data_type = match function.name.to_string().to_ascii_lowercase().as_str() {
        "attr_int" => DataType::BigInt(None),
        "attr_double" => DataType::DoublePrecision,
        "attr_bool" => DataType::Boolean,
        _ => return None,
    };
    let FunctionArguments::List(list) = &function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(map)), FunctionArg::Unnamed(FunctionArgExpr::Expr(key))] =
        list.args.as_slice()
    else {
        return None;
    };
    let access = AccessExpr::Subscript(Subscript::Index { index: key.clone() });
    let read = Expr::CompoundFieldAccess { root: Box::new(map.clone()), access_chain: vec![access] };
    Some(Expr::Cast { kind: CastKind::TryCast, expr: Box::new(read), data_type, array: false, format: None })
}

/// Turns `*` into one wildcard per relation, without the key columns.
struct Hide<'a> {
    keys: &'a Keys,
    ctes: &'a HashSet<String>,
}

impl VisitorMut for Hide<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if !select.projection.iter().any(|i| matches!(i, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))) {
            return ControlFlow::Continue(());
        }
        let Some(relations) = self.relations(select) else { return ControlFlow::Continue(()) };
        if relations.iter().all(|r| r.hidden.is_empty()) {
            return ControlFlow::Continue(());
        }
        select.projection =
            std::mem::take(&mut select.projection).into_iter().flat_map(|item| narrow(item, &relations)).collect();
        ControlFlow::Continue(())
    }
}

/// A relation of a FROM clause as its columns are qualified, and what to hide of it.
struct Relation {
    name: ObjectName,
    hidden: Vec<String>,
}

impl Hide<'_> {
    /// `None` when a relation has no name to qualify by; then wildcards stay as they are.
    fn relations(&self, select: &Select) -> Option<Vec<Relation>> {
        let factors =
            select.from.iter().flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|j| &j.relation)));
        factors.map(|factor| self.relation(factor)).collect()
    }

    fn relation(&self, factor: &TableFactor) -> Option<Relation> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let last = name.0.last()?.as_ident()?.value.to_ascii_lowercase();
                let table = TableId::from_name(&last).filter(|_| !self.ctes.contains(&last));
                let hidden = table.map(|t| self.keys.columns(t)).unwrap_or_default();
                let name = alias.as_ref().map_or_else(|| name.clone(), |a| ObjectName::from(vec![a.name.clone()]));
                Some(Relation { name, hidden })
            }
            TableFactor::Derived { alias: Some(alias), .. } => {
                Some(Relation { name: ObjectName::from(vec![alias.name.clone()]), hidden: Vec::new() })
            }
            _ => None,
        }
    }
}

fn narrow(item: SelectItem, relations: &[Relation]) -> Vec<SelectItem> {
    match item {
        SelectItem::Wildcard(options) if options.opt_except.is_none() && options.opt_exclude.is_none() => relations
            .iter()
            .map(|r| {
                let kind = SelectItemQualifiedWildcardKind::ObjectName(r.name.clone());
                SelectItem::QualifiedWildcard(kind, without(options.clone(), &r.hidden))
            })
            .collect(),
        // With an EXCLUDE of the user's own and one table, ours joins it.
        SelectItem::Wildcard(options) if relations.len() == 1 => {
            vec![SelectItem::Wildcard(without(options, &relations[0].hidden))]
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
            let hidden = relations.iter().find(|r| r.name == name).map(|r| r.hidden.as_slice()).unwrap_or_default();
            vec![SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                without(options, hidden),
            )]
        }
        other => vec![other],
    }
}

fn without(mut options: WildcardAdditionalOptions, hidden: &[String]) -> WildcardAdditionalOptions {
    if hidden.is_empty() {
        return options;
    }
    let mut names: Vec<ObjectName> = hidden.iter().map(|h| ObjectName::from(vec![Ident::with_quote('"', h)])).collect();
    match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(name)) => names.push(name),
        Some(ExcludeSelectItem::Multiple(more)) => names.extend(more),
        None => {}
    }
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
    options
}
