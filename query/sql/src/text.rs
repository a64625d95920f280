//! Columns of bytes, numbers and tags as the text that people see.

use crate::shape::shown_type;
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, ListArray, StringViewArray, StringViewBuilder,
    StructArray, TimestampNanosecondArray, make_view,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType};
use datafusion::common::Result;
use std::sync::Arc;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Ids as lower-case hex.
pub fn hex(ids: &FixedSizeBinaryArray) -> Result<StringViewArray> {
    let width = ids.value_length() as usize * 2;
    let mut text = Vec::with_capacity(ids.len() * width);
    for id in ids.iter() {
        match id {
            Some(bytes) => {
                text.extend(bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]))
            }
            None => text.resize(text.len() + width, b'0'),
        }
    }
    let views: ScalarBuffer<u128> =
        (0..ids.len()).map(|i| make_view(&text[i * width..(i + 1) * width], 0, (i * width) as u32)).collect();
    Ok(StringViewArray::try_new(views, vec![Buffer::from(text)], ids.nulls().cloned())?)
}

/// An array with text in place of the ids inside it.
pub fn shown(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::FixedSizeBinary(_) => Arc::new(hex(array.as_fixed_size_binary())?),
        DataType::List(_) => {
            let list: &ListArray = array.as_list();
            let DataType::List(field) = shown_type(array.data_type()) else { return Ok(array.clone()) };
            Arc::new(ListArray::try_new(field, list.offsets().clone(), shown(list.values())?, list.nulls().cloned())?)
        }
        DataType::Struct(_) => {
            let DataType::Struct(fields) = shown_type(array.data_type()) else { return Ok(array.clone()) };
            let inner = array.as_struct();
            let columns = inner.columns().iter().map(shown).collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new(fields, columns, inner.nulls().cloned())?)
        }
        _ => array.clone(),
    })
}

/// Canonical text of doubles, as attributes have it.
pub fn doubles(values: &ArrayRef) -> Result<ArrayRef> {
    let values = values.as_primitive::<Float64Type>();
    let mut text = StringViewBuilder::with_capacity(values.len());
    for value in values {
        text.append_option(value.map(model::attribute::double_text));
    }
    Ok(Arc::new(text.finish()))
}

/// When a span ended; at the edge of time rather than beyond it.
pub fn end_time(start: &ArrayRef, duration: &ArrayRef) -> Result<ArrayRef> {
    let start: &TimestampNanosecondArray = start.as_primitive::<TimestampNanosecondType>();
    let duration: &Int64Array = duration.as_primitive::<Int64Type>();
    let end: TimestampNanosecondArray = arrow::compute::binary(start, duration, |s: i64, d: i64| s.saturating_add(d))?;
    Ok(Arc::new(end.with_timezone("UTC")))
}
