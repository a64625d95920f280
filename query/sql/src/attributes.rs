//! A row's attributes, put together again from where the files keep them.
//!
//! The value of a key lies in exactly one place: the request id column (if it was read from this key),
//! the key's own column, the column of the name it has today (`legacy_keys` says so), or the map.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, MapArray, StringViewArray, StringViewBuilder, StructArray,
    UInt32Builder,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, take};
use arrow::datatypes::{DataType, Fields};
use datafusion::common::{Result, exec_datafusion_err};
use model::AttrType;
use std::sync::Arc;
use tables::promoted::RENAMED;

/// The first value of `key` in each map.
pub fn value(map: &MapArray, key: &str) -> Result<ArrayRef> {
    let keys: &StringViewArray = map.keys().as_string_view();
    let mut positions = UInt32Builder::with_capacity(map.len());
    for (row, window) in map.value_offsets().windows(2).enumerate() {
        let mut entries = window[0] as usize..window[1] as usize;
        let found = if map.is_null(row) { None } else { entries.find(|i| is(keys, *i, key)) };
        positions.append_option(found.map(|i| i as u32));
    }
    Ok(take(map.values(), &positions.finish(), None)?)
}

/// Compares the length, which a view carries, before the bytes.
fn is(keys: &StringViewArray, at: usize, key: &str) -> bool {
    keys.views()[at] as u32 == key.len() as u32 && keys.value(at) == key
}

/// In each row, the first of these texts that is there.
pub fn first_of(texts: &[ArrayRef]) -> Result<ArrayRef> {
    let Some((first, rest)) = texts.split_first() else { return Err(exec_datafusion_err!("nothing to choose from")) };
    let mut chosen = first.clone();
    for text in rest {
        if chosen.null_count() == 0 {
            break;
        }
        chosen = zip(&is_not_null(&chosen)?, &chosen, text)?;
    }
    Ok(chosen)
}

/// Whether a comma-separated list names `key`.
pub fn names(list: &StringViewArray, key: &str) -> BooleanArray {
    list.iter().map(|names| Some(names.is_some_and(|n| n.split(',').any(|name| name == key)))).collect()
}

/// Name by which the contract calls a type.
pub fn type_name(tag: u8) -> &'static str {
    match AttrType::from_tag(tag) {
        Some(AttrType::String) | None => "string",
        Some(AttrType::Bool) => "bool",
        Some(AttrType::Int) => "int",
        Some(AttrType::Double) => "double",
        Some(AttrType::Bytes) => "bytes",
        Some(AttrType::Array) => "array",
        Some(AttrType::Map) => "map",
        Some(AttrType::Empty) => "empty",
    }
}

/// A promoted key's column as canonical text, and the name of its type.
#[derive(Debug)]
pub struct KeyColumn {
    pub key: String,
    pub type_name: &'static str,
    pub text: ArrayRef,
}

/// All places that attributes of some rows lie in. Without request ids and legacy names for tables
/// that have none.
#[derive(Debug)]
pub struct Places<'a> {
    pub map: &'a MapArray,
    pub types: &'a BinaryArray,
    pub columns: Vec<KeyColumn>,
    pub request_id: Option<(&'a StringViewArray, &'a StringViewArray)>,
    pub legacy_keys: Option<&'a StringViewArray>,
}

/// What the merged map's values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merged {
    Values,
    Types,
}

impl Places<'_> {
    /// One map per row of all keys, each key's first value first.
    pub fn merge(&self, what: Merged) -> Result<ArrayRef> {
        let mut out = Entries::new(what);
        let current: Vec<(&str, &str)> = RENAMED.to_vec();
        for row in 0..self.map.len() {
            if let Some((ids, keys)) = self.request_id
                && keys.is_valid(row)
            {
                out.push(keys.value(row), ids.is_valid(row).then(|| ids.value(row)), "string");
            }
            for column in self.columns.iter().filter(|c| c.text.is_valid(row)) {
                out.push(&column.key, Some(column.text.as_string_view().value(row)), column.type_name);
            }
            if let Some(legacy) = self.legacy_keys.filter(|l| l.is_valid(row)) {
                self.push_legacy(&mut out, legacy.value(row), row, &current);
            }
            self.push_map(&mut out, row);
            out.end_row();
        }
        out.finish()
    }

    fn push_legacy(&self, out: &mut Entries, legacy: &str, row: usize, current: &[(&str, &str)]) {
        for old in legacy.split(',') {
            let new = current.iter().find(|(o, _)| *o == old).map(|(_, new)| *new);
            let column = self.columns.iter().find(|c| Some(c.key.as_str()) == new && c.text.is_valid(row));
            if let Some(column) = column {
                out.push(old, Some(column.text.as_string_view().value(row)), column.type_name);
            }
        }
    }

    fn push_map(&self, out: &mut Entries, row: usize) {
        if self.map.is_null(row) {
            return;
        }
        let offsets = self.map.value_offsets();
        let (keys, values) = (self.map.keys().as_string_view(), self.map.values().as_string_view());
        let tags = self.types.is_valid(row).then(|| self.types.value(row));
        for (n, i) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate() {
            let tag = tags.and_then(|t| t.get(n)).copied().unwrap_or(b's');
            out.push(keys.value(i), values.is_valid(i).then(|| values.value(i)), type_name(tag));
        }
    }
}

struct Entries {
    what: Merged,
    keys: StringViewBuilder,
    values: StringViewBuilder,
    lengths: Vec<usize>,
    row: usize,
}

impl Entries {
    fn new(what: Merged) -> Self {
        Self { what, keys: StringViewBuilder::new(), values: StringViewBuilder::new(), lengths: Vec::new(), row: 0 }
    }

    fn push(&mut self, key: &str, value: Option<&str>, type_name: &str) {
        self.keys.append_value(key);
        match self.what {
            Merged::Values => self.values.append_option(value),
            Merged::Types => self.values.append_value(type_name),
        }
        self.row += 1;
    }

    fn end_row(&mut self) {
        self.lengths.push(std::mem::take(&mut self.row));
    }

    fn finish(mut self) -> Result<ArrayRef> {
        let DataType::Map(field, sorted) = tables::spec::attribute_map() else {
            return Err(exec_datafusion_err!("attributes are not a map"));
        };
        let DataType::Struct(fields) = field.data_type() else {
            return Err(exec_datafusion_err!("entries of a map are not a struct"));
        };
        let entries = entries(fields.clone(), self.keys.finish(), self.values.finish())?;
        Ok(Arc::new(MapArray::try_new(field.clone(), OffsetBuffer::from_lengths(self.lengths), entries, None, sorted)?))
    }
}

fn entries(fields: Fields, keys: StringViewArray, values: StringViewArray) -> Result<StructArray> {
    Ok(StructArray::try_new(fields, vec![Arc::new(keys), Arc::new(values)], None)?)
}
