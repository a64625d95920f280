//! Many tiny hot batches into few: a query or a flush should not meet 10,000 batches of 10 rows.
//!
//! Chunks are immutable, so merging makes a new one under a new id. They are merged by size class, a
//! fixed number at a time, so that a row is copied once per class and not once per request. Text is
//! copied out of the buffers of its request, which can then go.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use std::sync::Arc;

/// Size classes of small batches: class `c` has fewer than `fan_in` to the power `c + 1` rows.
/// `None`: the batch is large enough as it is.
pub(crate) fn class_of(rows: usize, rows_max: usize, fan_in: usize) -> Option<usize> {
    if rows >= rows_max {
        return None;
    }
    let (mut class, mut bound) = (0, fan_in.max(2));
    while rows >= bound {
        class += 1;
        bound = bound.saturating_mul(fan_in.max(2));
    }
    Some(class)
}

/// One batch with the rows of all, in order, sharing no buffer with them.
pub(crate) fn merge(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let schema = batches
        .first()
        .map(RecordBatch::schema)
        .ok_or_else(|| ArrowError::InvalidArgumentError("nothing to merge".into()))?;
    let merged = concat_batches(&schema, batches)?;
    let columns = merged.columns().iter().map(own_text).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns)
}

/// The array with its views pointing into a buffer of their own.
fn own_text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if array.null_count() == array.len() && array.data_type().is_nested() {
        return Ok(array.clone());
    }
    Ok(match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        DataType::Struct(_) => Arc::new(own_struct(array.as_struct())?),
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let values = own_text(list.values())?;
            Arc::new(ListArray::try_new(field.clone(), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        DataType::Map(field, ordered) => {
            let map = array.as_map();
            let entries = own_struct(map.entries())?;
            let (field, offsets) = (field.clone(), map.offsets().clone());
            Arc::new(MapArray::try_new(field, offsets, entries, map.nulls().cloned(), *ordered)?)
        }
        _ => array.clone(),
    })
}

fn own_struct(array: &StructArray) -> Result<StructArray, ArrowError> {
    let columns = array.columns().iter().map(own_text).collect::<Result<Vec<_>, _>>()?;
    StructArray::try_new(array.fields().clone(), columns, array.nulls().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, MapBuilder, MapFieldNames, StringViewArray, StringViewBuilder};
    use arrow::datatypes::{Field, Schema};
    use tables::spec::attribute_map;

    #[test]
    fn classes_grow_by_the_fan_in_and_end_at_the_bound() {
        for (rows, class) in
            [(0, Some(0)), (1, Some(0)), (15, Some(0)), (16, Some(1)), (255, Some(1)), (256, None), (100_000, None)]
        {
            assert_eq!(class_of(rows, 256, 16), class, "{rows}");
        }
        assert_eq!(class_of(300, 5_000, 16), Some(2));
    }

    fn batch(start: i64, rows: i64) -> RecordBatch {
        let long = |i: i64| format!("a text that is far too long to be inlined in a view: {i}");
        let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
        let mut map = MapBuilder::new(Some(names), StringViewBuilder::new(), StringViewBuilder::new());
        for i in start..start + rows {
            for k in 0..i % 3 {
                map.keys().append_value(format!("key {k}"));
                map.values().append_option((k > 0).then(|| long(i)));
            }
            map.append(i % 5 != 0).unwrap();
        }
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("text", DataType::Utf8View, true),
            Field::new("map", attribute_map(), true),
        ]);
        let n: ArrayRef = Arc::new(Int64Array::from_iter_values(start..start + rows));
        let text: ArrayRef =
            Arc::new(StringViewArray::from_iter((start..start + rows).map(|i| (i % 4 != 0).then(|| long(i)))));
        RecordBatch::try_new(Arc::new(schema), vec![n, text, Arc::new(map.finish())]).unwrap()
    }

    #[test]
    fn the_merged_rows_are_the_rows_and_their_text_is_their_own() {
        let whole = batch(0, 400);
        let parts: Vec<RecordBatch> = (0..40).map(|i| whole.slice(i * 10, 10)).collect();
        let merged = merge(&parts).unwrap();
        assert_eq!(merged, whole);
        let text = merged.column(1).as_string_view();
        assert_eq!(text.data_buffers().len(), 1);
        let shared = text.data_buffers()[0].as_ptr() == whole.column(1).as_string_view().data_buffers()[0].as_ptr();
        assert!(!shared);
        assert!(merge(&[]).is_err());
    }
}
