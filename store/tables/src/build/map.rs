//! The columns `attributes` and `attribute_types` under construction.

use super::column::{BinaryColumn, Offsets, element_field};
use super::pool::{Closing, Text};
use crate::spec::attribute_map;
use arrow::array::{Array, ArrayRef, MapArray, StructArray};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use model::AttrType;
use std::sync::Arc;

/// Key, value and type tag of each entry; a row without entries is null in both columns.
#[derive(Debug, Default)]
pub(super) struct MapColumn {
    keys: Vec<u32>,
    values: Vec<u32>,
    tags: Vec<u8>,
    offsets: Offsets,
    types: BinaryColumn,
    /// Whether an entry of the row under construction is not a string.
    typed: bool,
}

impl MapColumn {
    /// Adds an entry to the row under construction.
    #[inline]
    pub(super) fn push(&mut self, key: Text, value: Text, ty: AttrType) {
        self.keys.push(key.0);
        self.values.push(value.0);
        self.tags.push(ty as u8);
        self.typed |= ty != AttrType::String;
    }

    /// Closes row `row`.
    #[inline]
    pub(super) fn end_row(&mut self, row: usize) {
        let start = self.offsets.last();
        if self.keys.len() > start {
            self.offsets.set(row, self.keys.len());
        }
        if std::mem::take(&mut self.typed) {
            self.types.set(row, &self.tags[start..]);
        }
    }

    /// Takes back the row under construction.
    pub(super) fn abandon_row(&mut self) {
        let start = self.offsets.last();
        self.keys.truncate(start);
        self.values.truncate(start);
        self.tags.truncate(start);
        self.typed = false;
    }

    /// Entries of the row under construction.
    pub(super) fn open_row(&self) -> impl Iterator<Item = (Text, Text, u8)> + '_ {
        let start = self.offsets.last();
        let entries = self.keys[start..].iter().zip(&self.values[start..]).zip(&self.tags[start..]);
        entries.map(|((key, value), tag)| (Text(*key), Text(*value), *tag))
    }

    /// The two columns.
    pub(super) fn finish(self, closing: &Closing, rows: usize) -> Result<[ArrayRef; 2], ArrowError> {
        let data_type = attribute_map();
        let types = self.types.finish(closing, rows)?;
        if self.offsets.is_unused() {
            return Ok([closing.nulls(&data_type, rows), types]);
        }
        let field = element_field(&data_type)?;
        let DataType::Struct(entry_fields) = field.data_type() else {
            return Err(ArrowError::SchemaError("a map's entries are a struct".into()));
        };
        let count = self.keys.len();
        let columns = vec![closing.required_column(self.keys)?, closing.column(self.values, count)?];
        let entries = StructArray::try_new(entry_fields.clone(), columns, None)?;
        let (offsets, nulls) = self.offsets.finish(rows);
        let map = MapArray::try_new(field, offsets, entries, nulls, false)?;
        debug_assert_eq!(map.len(), rows);
        Ok([Arc::new(map), types])
    }
}
