//! Visible columns as expressions over file columns.

use crate::attributes::{self, KeyColumn, Merged, Places};
use crate::derived::Derived;
use crate::identity::{Constants, Identities};
use crate::shape::{Constant, Shape, Source};
use crate::text;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Column, Result, exec_datafusion_err};
use datafusion::logical_expr::expr::{Case, Cast};
use datafusion::logical_expr::{Expr, lit};
use std::collections::BTreeSet;
use std::sync::Arc;
use tables::promoted::{RENAMED, column_name};
use tables::{PromotedKey, PromotedSet, PromotedType, TableId};

/// What is needed beside a row to show it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub promoted: Arc<PromotedSet>,
    pub request_id_keys: Arc<Vec<String>>,
    pub resources: Arc<Identities>,
    pub series: Arc<Identities>,
}

/// How a set of files, or of rows in memory, keeps promoted keys: these also, or only, in the map.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overflow(pub BTreeSet<String>);

/// A column of the files.
pub fn file(name: impl Into<String>) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// Writes visible columns in terms of file columns, for files of one kind.
#[derive(Clone, Debug)]
pub struct Derivation<'a> {
    pub shape: &'a Shape,
    pub around: &'a Surroundings,
    pub overflow: &'a Overflow,
}

impl Derivation<'_> {
    pub fn expr(&self, name: &str) -> Result<Expr> {
        let column = self.shape.column(name).ok_or_else(|| exec_datafusion_err!("no column {name}"))?;
        self.of_source(name, &column.source)
    }

    fn of_source(&self, name: &str, source: &Source) -> Result<Expr> {
        Ok(match source {
            Source::Column => file(name),
            Source::Bytes(id) => file(*id),
            Source::Hex => Derived::call("hex", DataType::Utf8View, vec![file(name)], |args| text::shown(&args[0])),
            Source::HexInside => {
                let output = self.shape.schema.field_with_name(name)?.data_type().clone();
                Derived::call("hex_inside", output, vec![file(name)], |args| text::shown(&args[0]))
            }
            Source::EndTime => {
                let args = vec![file("time"), file("duration_ns")];
                Derived::call("end_time", tables::spec::timestamp(), args, |args| text::end_time(&args[0], &args[1]))
            }
            Source::Attributes => self.merged(Merged::Values),
            Source::AttributeTypes => self.merged(Merged::Types),
            Source::Attribute(key) => self.attribute(key),
            Source::Resource(constant) => look_up(name, "resource_id", &constants(&self.around.resources, constant)?),
            Source::Series(constant) => look_up(name, "series_id", &constants(&self.around.series, constant)?),
            Source::SeriesResource(constant) => {
                let resource_ids = self.around.series.column("resource_id")?;
                let through = resource_ids.through(&constants(&self.around.resources, constant)?)?;
                look_up(name, "series_id", &through)
            }
        })
    }

    pub fn promoted(&self, key: &str) -> Option<&PromotedKey> {
        let has_columns = matches!(self.shape.table, TableId::Spans | TableId::Logs);
        self.around.promoted.keys.iter().find(|p| has_columns && p.key == key)
    }

    fn has_request_id(&self) -> bool {
        matches!(self.shape.table, TableId::Spans | TableId::Logs)
    }

    /// The column that alone serves `attributes[key]`, when there is one in these files.
    pub fn plain_column(&self, key: &str) -> Option<&PromotedKey> {
        let sole = !self.overflow.0.contains(key) && !self.around.request_id_keys.iter().any(|k| k == key);
        self.promoted(key).filter(|_| sole)
    }

    /// `attributes[key]`: the first of its possible places that has it.
    fn attribute(&self, key: &str) -> Expr {
        let mut places = Vec::new();
        if self.has_request_id() && self.around.request_id_keys.iter().any(|k| k == key) {
            places.push(when(file("request_id_key").eq(lit(key)), file("request_id")));
        }
        if let Some(promoted) = self.promoted(key) {
            places.push(as_text(promoted));
        }
        let today = RENAMED.iter().find(|(old, _)| *old == key).and_then(|(_, new)| self.promoted(new));
        if let Some(new) = today {
            let named = names_key(key);
            places.push(when(named, as_text(new)));
        }
        if places.is_empty() || self.plain_column(key).is_none() {
            places.push(map_value(key));
        }
        if places.len() == 1 {
            return places.swap_remove(0);
        }
        Derived::call("first_of", DataType::Utf8View, places, attributes::first_of)
    }

    fn merged(&self, what: Merged) -> Expr {
        let mut args = vec![file("attributes"), file("attribute_types")];
        let columns: Vec<(String, &'static str)> = if self.has_request_id() {
            args.extend([file("request_id"), file("request_id_key"), file("legacy_keys")]);
            args.extend(self.around.promoted.keys.iter().map(as_text));
            self.around.promoted.keys.iter().map(|p| (p.key.clone(), type_name(p.ty))).collect()
        } else {
            Vec::new()
        };
        let name = if what == Merged::Values { "attributes" } else { "attribute_types" };
        Derived::call(name, tables::spec::attribute_map(), args, move |args| merge(args, &columns, what))
    }
}

fn merge(args: &[ArrayRef], columns: &[(String, &'static str)], what: Merged) -> Result<ArrayRef> {
    let with_columns = args.len() > 2;
    let columns = columns.iter().zip(args.iter().skip(5)).map(|((key, type_name), text)| KeyColumn {
        key: key.clone(),
        type_name,
        text: text.clone(),
    });
    let places = Places {
        map: args[0].as_map(),
        types: args[1].as_binary(),
        columns: columns.collect(),
        request_id: with_columns.then(|| (args[2].as_string_view(), args[3].as_string_view())),
        legacy_keys: with_columns.then(|| args[4].as_string_view()),
    };
    places.merge(what)
}

fn type_name(ty: PromotedType) -> &'static str {
    match ty {
        PromotedType::String => "string",
        PromotedType::Int => "int",
        PromotedType::Double => "double",
        PromotedType::Bool => "bool",
    }
}

fn when(condition: Expr, then: Expr) -> Expr {
    Expr::Case(Case::new(None, vec![(Box::new(condition), Box::new(then))], None))
}

/// A promoted column as canonical text.
pub fn as_text(promoted: &PromotedKey) -> Expr {
    let column = file(column_name(&promoted.key));
    match promoted.ty {
        PromotedType::String => column,
        PromotedType::Int | PromotedType::Bool => Expr::Cast(Cast::new(Box::new(column), DataType::Utf8View)),
        PromotedType::Double => {
            Derived::call("double_text", DataType::Utf8View, vec![column], |args| text::doubles(&args[0]))
        }
    }
}

fn map_value(key: &str) -> Expr {
    value_of(file("attributes"), key)
}

/// The value of `key` in a map of texts.
pub fn value_of(map: Expr, key: &str) -> Expr {
    let key = key.to_owned();
    let name = format!("map_value:{key}");
    Derived::call(name, DataType::Utf8View, vec![map], move |args| attributes::value(args[0].as_map(), &key))
}

fn names_key(key: &str) -> Expr {
    let key = key.to_owned();
    let name = format!("sent_as:{key}");
    Derived::call(name, DataType::Boolean, vec![file("legacy_keys")], move |args| {
        Ok(Arc::new(attributes::names(args[0].as_string_view(), &key)))
    })
}

/// A constant for every identity.
pub fn constants(of: &Arc<Identities>, constant: &Constant) -> Result<Constants> {
    match constant {
        Constant::Column(name) => of.column(name),
        Constant::Hex(name) => of.hex(name),
        Constant::Attributes => of.all_attributes(Merged::Values),
        Constant::AttributeTypes => of.all_attributes(Merged::Types),
        Constant::Attribute(key) => of.attribute(key),
    }
}

fn look_up(name: &str, id: &str, constants: &Constants) -> Expr {
    let output = constants.data_type();
    let constants = constants.clone();
    Derived::call(format!("look_up:{name}"), output, vec![file(id)], move |args| constants.look_up(&args[0]))
}

impl Constants {
    fn data_type(&self) -> DataType {
        self.absent_value().data_type().clone()
    }
}

/// File columns that an expression reads.
pub fn columns_of(expr: &Expr) -> BTreeSet<String> {
    expr.column_refs().into_iter().map(|c| c.name.clone()).collect()
}
