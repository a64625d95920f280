//! What SQL shows of a table, and what each column is made of.
//!
//! Files hold columns as they are cheapest to write and prune; people see the contract's columns. A
//! [`Shape`] is one table as one statement sees it: the contract's columns, then one column for each
//! attribute that the statement reads by name (see [`crate::keys`]).

mod columns;

use crate::keys::{self, ATTRIBUTE_TYPES, ATTRIBUTES, Keys, RESOURCE};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;
use tables::{PromotedSet, TableId, TableSpec};

/// Where a visible column comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file column of the same name.
    Column,
    /// A file column of bytes, shown as lower-case hex.
    Hex,
    /// A file column of bytes as it is, to be compared with another.
    Bytes(&'static str),
    /// A file column with bytes inside a list, shown as hex.
    HexInside,
    /// `time` + `duration_ns`.
    EndTime,
    /// All attributes of a row, or the types they were sent with.
    Attributes,
    AttributeTypes,
    /// One attribute.
    Attribute(String),
    /// Of the row's resource.
    Resource(Constant),
    /// Of the metric's series.
    Series(Constant),
    /// Of the resource of the metric's series.
    SeriesResource(Constant),
}

/// Something that is the same for all rows of a resource or of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    Column(String),
    Hex(String),
    Attributes,
    AttributeTypes,
    Attribute(String),
}

#[derive(Clone, Debug)]
pub struct Column {
    pub field: Field,
    pub source: Source,
}

/// A table as one statement sees it.
#[derive(Clone, Debug)]
pub struct Shape {
    pub table: TableId,
    /// What files hold.
    pub spec: Arc<TableSpec>,
    pub columns: Vec<Column>,
    pub schema: SchemaRef,
}

impl Shape {
    pub fn new(table: TableId, promoted: &PromotedSet, keys: &Keys) -> Self {
        let spec = Arc::new(TableSpec::new(table, promoted));
        let mut columns = visible(table, &spec);
        let (attributes, resource) = keys::maps(table);
        for key in keys.attributes.iter().filter(|_| attributes) {
            let source = match table {
                TableId::Metrics => Source::Series(Constant::Attribute(key.clone())),
                _ => Source::Attribute(key.clone()),
            };
            columns.push(text_column(&keys::column(ATTRIBUTES, key), source));
        }
        for key in keys.resource.iter().filter(|_| resource) {
            let constant = Constant::Attribute(key.clone());
            let source =
                if table == TableId::Metrics { Source::SeriesResource(constant) } else { Source::Resource(constant) };
            columns.push(text_column(&keys::column(RESOURCE, key), source));
        }
        for id in keys::ids(table).iter().filter(|_| keys.joins) {
            if let Ok(field) = spec.schema.field_with_name(id) {
                let field = field.clone().with_name(keys::bytes_column(id));
                columns.push(Column { field, source: Source::Bytes(id) });
            }
        }
        let schema = Arc::new(Schema::new(columns.iter().map(|c| c.field.clone()).collect::<Vec<_>>()));
        Self { table, spec, columns, schema }
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.field.name() == name)
    }
}

/// How the contract names and orders the columns of each table. A name alone is the file's column.
fn visible(table: TableId, spec: &TableSpec) -> Vec<Column> {
    let names: &[&str] = match table {
        TableId::Spans => columns::SPANS,
        TableId::Logs => columns::LOGS,
        TableId::Metrics => columns::METRICS,
        TableId::Resources => columns::RESOURCES,
        TableId::Series => columns::SERIES,
        TableId::Ledger => columns::LEDGER,
        TableId::Red | TableId::ServiceEdges | TableId::EdgesPending => return all(spec),
        TableId::BusinessEvents | TableId::EntityChanges | TableId::Changes | TableId::Heartbeats => {
            return own(table, spec);
        }
        TableId::Alerts | TableId::Incidents | TableId::Notifications | TableId::Audit => return own(table, spec),
    };
    names.iter().map(|name| visible_column(table, spec, name)).collect()
}

/// The columns of the file in their order, attributes as one map of text.
fn own(table: TableId, spec: &TableSpec) -> Vec<Column> {
    spec.schema.fields().iter().map(|field| visible_column(table, spec, field.name())).collect()
}

/// The file's columns, as they are and in their order.
fn all(spec: &TableSpec) -> Vec<Column> {
    spec.schema.fields().iter().map(|field| file_column(field)).collect()
}

fn visible_column(table: TableId, spec: &TableSpec, name: &str) -> Column {
    let metrics = table == TableId::Metrics;
    match name {
        "end_time" => Column { field: Field::new(name, tables::spec::timestamp(), true), source: Source::EndTime },
        ATTRIBUTES if metrics => map_column(name, Source::Series(Constant::Attributes)),
        ATTRIBUTE_TYPES if metrics => map_column(name, Source::Series(Constant::AttributeTypes)),
        ATTRIBUTES => map_column(name, Source::Attributes),
        ATTRIBUTE_TYPES => map_column(name, Source::AttributeTypes),
        RESOURCE if metrics => map_column(name, Source::SeriesResource(Constant::Attributes)),
        RESOURCE => map_column(name, Source::Resource(Constant::Attributes)),
        "resource_id" if metrics => text_column(name, Source::Series(Constant::Hex(name.into()))),
        _ => match spec.schema.field_with_name(name) {
            Ok(field) => file_column(field),
            // Constant along a series.
            Err(_) => {
                let ty = if name == "monotonic" { DataType::Boolean } else { DataType::Utf8View };
                Column { field: Field::new(name, ty, true), source: Source::Series(Constant::Column(name.into())) }
            }
        },
    }
}

fn file_column(field: &Field) -> Column {
    match field.data_type() {
        DataType::FixedSizeBinary(_) => {
            // What is computed counts as nullable, whatever it is computed from.
            Column { field: Field::new(field.name(), DataType::Utf8View, true), source: Source::Hex }
        }
        DataType::List(_) if shown_type(field.data_type()) != *field.data_type() => {
            Column { field: Field::new(field.name(), shown_type(field.data_type()), true), source: Source::HexInside }
        }
        _ => Column { field: field.clone(), source: Source::Column },
    }
}

/// The type with text in place of ids.
pub fn shown_type(ty: &DataType) -> DataType {
    match ty {
        DataType::FixedSizeBinary(_) => DataType::Utf8View,
        DataType::List(item) => DataType::List(Arc::new(shown_field(item))),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| shown_field(f)).collect()),
        other => other.clone(),
    }
}

fn shown_field(field: &Field) -> Field {
    field.clone().with_data_type(shown_type(field.data_type()))
}

fn text_column(name: &str, source: Source) -> Column {
    Column { field: Field::new(name, DataType::Utf8View, true), source }
}

fn map_column(name: &str, source: Source) -> Column {
    Column { field: Field::new(name, tables::spec::attribute_map(), true), source }
}
