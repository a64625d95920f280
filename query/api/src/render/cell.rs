//! One value of a result as JSON.
//!
//! Times are RFC 3339 with nanoseconds, fixed-size binaries (ids) lower-case hex, other bytes base64,
//! maps objects (of a key sent twice the first value), numbers that JSON lacks text (`"NaN"`).

use arrow::array::{Array, AsArray, GenericListArray, MapArray, OffsetSizeTrait, PrimitiveArray, StructArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int32Type as Key, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine as _;
use std::fmt::Display;
use std::io::Write;

/// RFC 3339 in UTC with nine digits after the second.
pub fn timestamp_text(nanos: i64) -> String {
    let seconds = nanos.div_euclid(1_000_000_000);
    timestamp_parts(seconds, nanos.rem_euclid(1_000_000_000))
}

fn timestamp_parts(seconds: i64, nanos: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let day =
        i32::try_from(seconds.div_euclid(86_400)).unwrap_or(if seconds < 0 { i32::MIN / 2 } else { i32::MAX / 2 });
    format!("{}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z", model::time::date_text(day))
}

/// Appends the value at `row` as JSON.
pub(crate) fn write_json(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Result<(), ArrowError> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Null => out.extend_from_slice(b"null"),
        DataType::Boolean => number(out, array.as_boolean().value(row)),
        DataType::Int8 => integer::<Int8Type>(out, array, row),
        DataType::Int16 => integer::<Int16Type>(out, array, row),
        DataType::Int32 => integer::<Int32Type>(out, array, row),
        DataType::Int64 => integer::<Int64Type>(out, array, row),
        DataType::UInt8 => integer::<UInt8Type>(out, array, row),
        DataType::UInt16 => integer::<UInt16Type>(out, array, row),
        DataType::UInt32 => integer::<UInt32Type>(out, array, row),
        DataType::UInt64 => integer::<UInt64Type>(out, array, row),
        DataType::Float16 => double(out, f64::from(array.as_primitive::<Float16Type>().value(row))),
        DataType::Float32 => single(out, array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => double(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => text(out, array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(out, array.as_string::<i64>().value(row)),
        DataType::Utf8View => text(out, array.as_string_view().value(row)),
        DataType::FixedSizeBinary(_) => text(out, &hex::encode(array.as_fixed_size_binary().value(row))),
        DataType::Binary => bytes(out, array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(out, array.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(out, array.as_binary_view().value(row)),
        DataType::Timestamp(unit, _) => text(out, &timestamp(array, row, *unit)),
        DataType::List(_) => list(out, array.as_list::<i32>(), row)?,
        DataType::LargeList(_) => list(out, array.as_list::<i64>(), row)?,
        DataType::Struct(_) => structure(out, array.as_struct(), row)?,
        DataType::Map(..) => map(out, array.as_map(), row)?,
        DataType::Dictionary(key, _) if **key == DataType::Int32 => {
            let dictionary = array.as_dictionary::<Key>();
            let at = dictionary.keys().value(row) as usize;
            write_json(out, dictionary.values(), at)?;
        }
        _ => {
            let options = FormatOptions::default();
            text(out, &ArrayFormatter::try_new(array, &options)?.value(row).try_to_string()?);
        }
    }
    Ok(())
}

fn number(out: &mut Vec<u8>, value: impl Display) {
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{value}");
}

fn integer<T: ArrowPrimitiveType>(out: &mut Vec<u8>, array: &dyn Array, row: usize)
where
    T::Native: Display,
{
    let array: &PrimitiveArray<T> = array.as_primitive();
    number(out, array.value(row));
}

fn double(out: &mut Vec<u8>, value: f64) {
    let shown = model::attribute::double_text(value);
    if value.is_finite() { out.extend_from_slice(shown.as_bytes()) } else { text(out, &shown) }
}

fn single(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() { number(out, format_args!("{value:?}")) } else { double(out, f64::from(value)) }
}

pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    // Text always serialises, and a Vec takes all of it.
    let _ = serde_json::to_writer(out, value);
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    text(out, &base64::engine::general_purpose::STANDARD.encode(value));
}

fn timestamp(array: &dyn Array, row: usize, unit: TimeUnit) -> String {
    match unit {
        TimeUnit::Nanosecond => timestamp_text(array.as_primitive::<TimestampNanosecondType>().value(row)),
        TimeUnit::Microsecond => {
            let value = array.as_primitive::<TimestampMicrosecondType>().value(row);
            timestamp_parts(value.div_euclid(1_000_000), value.rem_euclid(1_000_000) * 1_000)
        }
        TimeUnit::Millisecond => {
            let value = array.as_primitive::<TimestampMillisecondType>().value(row);
            timestamp_parts(value.div_euclid(1_000), value.rem_euclid(1_000) * 1_000_000)
        }
        TimeUnit::Second => timestamp_parts(array.as_primitive::<TimestampSecondType>().value(row), 0),
    }
}

fn list<O: OffsetSizeTrait>(out: &mut Vec<u8>, array: &GenericListArray<O>, row: usize) -> Result<(), ArrowError> {
    let items = array.value(row);
    out.push(b'[');
    for at in 0..items.len() {
        if at > 0 {
            out.push(b',');
        }
        write_json(out, &items, at)?;
    }
    out.push(b']');
    Ok(())
}

fn structure(out: &mut Vec<u8>, array: &StructArray, row: usize) -> Result<(), ArrowError> {
    out.push(b'{');
    for (at, (name, column)) in array.column_names().into_iter().zip(array.columns()).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        write_json(out, column, row)?;
    }
    out.push(b'}');
    Ok(())
}

fn map(out: &mut Vec<u8>, array: &MapArray, row: usize) -> Result<(), ArrowError> {
    let entries = array.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let mut written: Vec<Vec<u8>> = Vec::with_capacity(entries.len());
    out.push(b'{');
    for at in 0..entries.len() {
        let mut key = Vec::new();
        write_json(&mut key, keys, at)?;
        if written.contains(&key) {
            continue;
        }
        if !written.is_empty() {
            out.push(b',');
        }
        // A JSON key is text, whatever the map's keys are.
        if key.starts_with(b"\"") {
            out.extend_from_slice(&key)
        } else {
            text(out, &String::from_utf8_lossy(&key))
        }
        out.push(b':');
        write_json(out, values, at)?;
        written.push(key);
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array, ListArray,
        MapBuilder, NullArray, StringBuilder, StringViewArray, StructArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, UInt64Array,
    };
    use arrow::datatypes::Field;
    use std::sync::Arc;

    fn shown(array: ArrayRef) -> String {
        let mut out = Vec::new();
        for row in 0..array.len() {
            write_json(&mut out, &array, row).unwrap();
            out.push(b' ');
        }
        String::from_utf8(out).unwrap().trim_end().to_owned()
    }

    #[test]
    fn every_kind_of_value_has_its_json() {
        let mut attributes = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for (key, value) in [("a", Some("1")), ("b", None), ("a", Some("2"))] {
            attributes.keys().append_value(key);
            attributes.values().append_option(value);
        }
        attributes.append(true).unwrap();
        let pair = StructArray::from(vec![
            (Arc::new(Field::new("n", DataType::Int64, true)), Arc::new(Int64Array::from(vec![7])) as ArrayRef),
            (Arc::new(Field::new("b", DataType::Boolean, true)), Arc::new(BooleanArray::from(vec![true])) as ArrayRef),
        ]);
        let cases: [(ArrayRef, &str); 13] = [
            (Arc::new(NullArray::new(1)), "null"),
            (Arc::new(Int64Array::from(vec![Some(i64::MIN), None])), "-9223372036854775808 null"),
            (Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
            (
                Arc::new(Float64Array::from(vec![0.1, -0.0, 1.0, f64::NAN, f64::NEG_INFINITY])),
                r#"0.1 -0.0 1.0 "NaN" "-Infinity""#,
            ),
            (Arc::new(Float32Array::from(vec![0.1])), "0.1"),
            (Arc::new(StringViewArray::from(vec!["a\"b\n\u{1F9CB}"])), "\"a\\\"b\\n\u{1F9CB}\""),
            (Arc::new(FixedSizeBinaryArray::try_from_iter([[0xab, 0x01]].into_iter()).unwrap()), "\"ab01\""),
            (Arc::new(BinaryArray::from(vec![&b"hi"[..]])), "\"aGk=\""),
            (
                Arc::new(TimestampNanosecondArray::from(vec![1_700_000_000_123_456_789, -1])),
                "\"2023-11-14T22:13:20.123456789Z\" \"1969-12-31T23:59:59.999999999Z\"",
            ),
            (Arc::new(TimestampMicrosecondArray::from(vec![1_000_001])), "\"1970-01-01T00:00:01.000001000Z\""),
            (
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
                    Some(vec![Some(1), None]),
                    Some(vec![]),
                ])),
                "[1,null] []",
            ),
            (Arc::new(pair), r#"{"n":7,"b":true}"#),
            (Arc::new(attributes.finish()), r#"{"a":"1","b":null}"#),
        ];
        for (array, json) in cases {
            assert_eq!(shown(array), json);
        }
    }
}
