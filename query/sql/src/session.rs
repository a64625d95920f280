//! The SQL engine as a statement meets it: our tables, harmless functions, no files, no settings.

use crate::keys::Keys;
use crate::provider::StoreTable;
use crate::scope::QueryScope;
use crate::shape::Shape;
use crate::{census, derive, keys, quantile, sketches, trace};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{Column, DFSchema, DataFusionError, ExprSchema, Result, ScalarValue};
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, try_cast};
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::collections::HashMap;
use std::sync::Arc;
use tables::{PromotedSet, TableId};

pub const CATALOG: &str = "stormglass";
pub const SCHEMA: &str = "public";
const INFORMATION: &str = "information_schema";
/// What may be seen of the engine itself: our tables and their columns.
const INFORMATION_TABLES: [&str; 3] = ["tables", "columns", "schemata"];

/// Functions that make much out of nothing, past every memory limit.
const REMOVED: [&str; 9] =
    ["generate_series", "range", "gen_series", "repeat", "lpad", "rpad", "array_repeat", "list_repeat", "array_resize"];

/// A session without tables, made once per worker.
pub fn base(runtime: Arc<RuntimeEnv>, threads: usize) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(false)
        .with_target_partitions(threads)
        .with_repartition_file_scans(false);
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".into());
    options.execution.parquet.pushdown_filters = false;
    options.explain.show_sizes = false;
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(KeyAccess)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_expr_planners(planners)
        .with_scalar_functions(SessionStateDefaults::default_scalar_functions())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .build();
    for name in REMOVED {
        state.deregister_udf(name)?;
    }
    for function in trace::all() {
        state.register_udf(Arc::new(function))?;
    }
    for quantile in quantile::all() {
        state.register_udaf(Arc::new(quantile))?;
    }
    state.register_udf(Arc::new(sketches::quantile()))?;
    state.register_udaf(Arc::new(sketches::merge()))?;
    state.register_udaf(Arc::new(census::function()))?;
    Ok(state)
}

/// `base` with the tables of one query, and `more` that only it has.
pub fn with_tables(
    base: &SessionState,
    promoted: &PromotedSet,
    keys: &Keys,
    scope: &Arc<QueryScope>,
    more: HashMap<String, Arc<dyn TableProvider>>,
) -> SessionState {
    let table = |id: TableId| {
        let shape = Arc::new(Shape::new(id, promoted, keys));
        (id.as_str().to_owned(), Arc::new(StoreTable::new(shape, scope.clone())) as Arc<dyn TableProvider>)
    };
    let tables: HashMap<_, _> = TableId::ALL.into_iter().map(table).chain(more).collect();
    let mut state = base.clone();
    state.register_catalog_list(Arc::new(Catalogs::new(tables)));
    state
}

/// `attributes['k']` as the column of this name, where the relation has it.
#[derive(Debug)]
struct KeyAccess;

impl ExprPlanner for KeyAccess {
    /// `attributes['k'] >= 500` compares numbers: the text is read as one where it is one. Two ids are
    /// equal when their bytes are, which is the quicker comparison.
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        if !matches!(expr.op, Eq | NotEq | Gt | GtEq | Lt | LtEq) {
            return Ok(PlannerResult::Original(expr));
        }
        let RawBinaryExpr { op, left, right } = expr;
        if op == Eq
            && let Some((left, right)) = as_bytes(&left, &right, schema)
        {
            return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
        }
        let (left, right) = match (number_type(&left, &right), number_type(&right, &left)) {
            (Some(ty), _) => (try_cast(left, ty), right),
            (_, Some(ty)) => (left, try_cast(right, ty)),
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::NamedStructField { name } = &access.field_access else {
            return Ok(PlannerResult::Original(access));
        };
        let Some(key) = name.try_as_str().flatten() else { return Ok(PlannerResult::Original(access)) };
        if let Expr::Column(map) = &access.expr {
            let column = Column::new(map.relation.clone(), keys::column(&map.name, key));
            if schema.has_column(&column) {
                return Ok(PlannerResult::Planned(Expr::Column(column)));
            }
        }
        // A map that came through a subquery, or lies inside an event.
        if access.expr.get_type(schema)? == tables::spec::attribute_map() {
            let shown = format!("{}['{key}']", access.expr.schema_name());
            return Ok(PlannerResult::Planned(derive::value_of(access.expr, key).alias(shown)));
        }
        Ok(PlannerResult::Original(access))
    }
}

/// Two id columns as their bytes, where the relations have them.
fn as_bytes(left: &Expr, right: &Expr, schema: &DFSchema) -> Option<(Expr, Expr)> {
    let (Expr::Column(left), Expr::Column(right)) = (left, right) else { return None };
    let bytes = |id: &Column| Column::new(id.relation.clone(), keys::bytes_column(&id.name));
    let (left, right) = (bytes(left), bytes(right));
    let ty = |column: &Column| schema.field_from_column(column).ok().map(|f| f.data_type().clone());
    let same = ty(&left).is_some_and(|ty_left| ty(&right) == Some(ty_left));
    same.then_some((Expr::Column(left), Expr::Column(right)))
}

/// The type to read an attribute as that is compared with a literal number.
fn number_type(attribute: &Expr, literal: &Expr) -> Option<DataType> {
    let Expr::Column(column) = attribute else { return None };
    let by_key = column.name.ends_with("']")
        && [keys::ATTRIBUTES, keys::RESOURCE].iter().any(|m| column.name.starts_with(&format!("{m}['")));
    let whole = |n: i128| if n.abs() < 1 << 53 { DataType::Float64 } else { DataType::Int64 };
    match literal {
        Expr::Literal(ScalarValue::Int64(Some(n)), _) if by_key => Some(whole((*n).into())),
        Expr::Literal(ScalarValue::UInt64(Some(n)), _) if by_key => Some(whole((*n).into())),
        Expr::Literal(ScalarValue::Float64(Some(_)), _) if by_key => Some(DataType::Float64),
        Expr::Negative(inner) => number_type(attribute, inner),
        _ => None,
    }
}

/// The only catalog, with our tables and what describes them.
#[derive(Debug)]
struct Catalogs {
    catalog: Arc<Catalog>,
}

impl Catalogs {
    fn new(tables: HashMap<String, Arc<dyn TableProvider>>) -> Self {
        let public: Arc<dyn SchemaProvider> = Arc::new(Tables(tables));
        let described = Arc::new(Described(Arc::new(Catalog { schemas: vec![(SCHEMA, public.clone())] })));
        let information: Arc<dyn SchemaProvider> = Arc::new(Information(InformationSchemaProvider::new(described)));
        Self { catalog: Arc::new(Catalog { schemas: vec![(SCHEMA, public), (INFORMATION, information)] }) }
    }
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.into()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| self.catalog.clone() as _)
    }
}

/// What the information schema describes: the tables without itself.
#[derive(Debug)]
struct Described(Arc<Catalog>);

impl CatalogProviderList for Described {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.into()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| self.0.clone() as _)
    }
}

#[derive(Debug)]
struct Catalog {
    schemas: Vec<(&'static str, Arc<dyn SchemaProvider>)>,
}

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.schemas.iter().find(|(n, _)| *n == name).map(|(_, schema)| schema.clone())
    }
}

#[derive(Debug)]
struct Tables(HashMap<String, Arc<dyn TableProvider>>);

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        TableId::ALL.iter().map(|t| t.as_str().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.0.get(name).cloned())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The engine's information schema, but for what tells of the engine.
#[derive(Debug)]
struct Information(InformationSchemaProvider);

#[async_trait]
impl SchemaProvider for Information {
    fn table_names(&self) -> Vec<String> {
        INFORMATION_TABLES.map(String::from).into()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match name {
            "tables" => Ok(Some(Arc::new(list_of_tables()?))),
            _ if self.table_exist(name) => self.0.table(name).await,
            _ => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        INFORMATION_TABLES.contains(&name)
    }
}

/// `information_schema.tables` as others have it, of our tables only.
fn list_of_tables() -> Result<MemTable> {
    let column = |name: &str| Field::new(name, DataType::Utf8, false);
    let schema = Schema::new(["table_catalog", "table_schema", "table_name", "table_type"].map(column).to_vec());
    let repeated = |text: &str| Arc::new(StringArray::from(vec![text; TableId::ALL.len()])) as ArrayRef;
    let names: StringArray = TableId::ALL.iter().map(|t| Some(t.as_str())).collect();
    let columns = vec![repeated(CATALOG), repeated(SCHEMA), Arc::new(names) as ArrayRef, repeated("BASE TABLE")];
    let schema = Arc::new(schema);
    MemTable::try_new(schema.clone(), vec![vec![RecordBatch::try_new(schema, columns)?]])
}
