//! Record batches as plain values, nulls left out, so that whole rows can be compared.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use bytes::Bytes;
use decode::{Decoded, Encoding, decode};
use model::{Signal, UnixNanos};
use prost::Message;
use std::collections::BTreeMap;
use tables::build::{BuildSettings, Layout};
use tables::{PromotedKey, PromotedSet, PromotedType, TableId};

pub(crate) type Row = BTreeMap<String, Cell>;

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Int(i64),
    UInt(u64),
    /// By bits, so that NaN equals itself and -0 is not 0.
    Double(u64),
    Bool(bool),
    Bytes(Vec<u8>),
    List(Vec<Cell>),
    /// Key and value of each map entry.
    Map(Vec<(String, Cell)>),
    Struct(Row),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.into())
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Cell::Double(value.to_bits())
    }
}

pub(crate) fn row(cells: impl IntoIterator<Item = (&'static str, Cell)>) -> Row {
    cells.into_iter().filter(|(_, cell)| *cell != Cell::Null).map(|(name, cell)| (name.to_owned(), cell)).collect()
}

pub(crate) const RECEIVED: UnixNanos = UnixNanos(1_795_132_800 * UnixNanos::SECOND);

/// Defaults, a promoted key of each type, and a configured request-id key.
pub(crate) fn settings() -> BuildSettings {
    let mut promoted = PromotedSet::default_with(&["order.id".into()]);
    for (key, ty) in [("ratio", PromotedType::Double), ("cached", PromotedType::Bool)] {
        promoted.keys.push(PromotedKey { key: key.into(), ty, bloom: false });
    }
    BuildSettings::new(promoted, &["app.request.id".into()])
}

pub(crate) fn layout() -> Layout {
    Layout::new(settings())
}

pub(crate) fn decode_message(signal: Signal, message: &impl Message) -> Decoded {
    decode(&layout(), signal, Encoding::Protobuf, &message.encode_to_vec().into(), RECEIVED).unwrap()
}

pub(crate) fn decode_bytes(signal: Signal, body: Vec<u8>) -> Result<Decoded, decode::DecodeError> {
    decode(&layout(), signal, Encoding::Protobuf, &Bytes::from(body), RECEIVED)
}

/// All rows of a table.
pub(crate) fn rows(decoded: &Decoded, table: TableId) -> Vec<Row> {
    let batches = decoded.batches.tables.iter().filter(|batch| batch.table == table);
    batches.flat_map(|batch| batch_rows(&batch.rows)).collect()
}

fn batch_rows(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let mut rows = vec![Row::new(); batch.num_rows()];
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        for (at, row) in rows.iter_mut().enumerate() {
            let cell = cell(column, at);
            if cell != Cell::Null {
                row.insert(field.name().clone(), cell);
            } else {
                assert!(field.is_nullable(), "{} must not be null", field.name());
            }
        }
    }
    rows
}

fn cell(column: &ArrayRef, at: usize) -> Cell {
    if column.is_null(at) {
        return Cell::Null;
    }
    let elements = |array: ArrayRef| (0..array.len()).map(|at| cell(&array, at)).collect::<Vec<_>>();
    match column.data_type() {
        DataType::Utf8View => Cell::Text(column.as_string_view().value(at).to_owned()),
        DataType::Int64 => Cell::Int(column.as_primitive::<Int64Type>().value(at)),
        DataType::Int32 => Cell::Int(column.as_primitive::<Int32Type>().value(at).into()),
        DataType::Timestamp(_, _) => Cell::Int(column.as_primitive::<TimestampNanosecondType>().value(at)),
        DataType::UInt64 => Cell::UInt(column.as_primitive::<UInt64Type>().value(at)),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(at).into(),
        DataType::Boolean => Cell::Bool(column.as_boolean().value(at)),
        DataType::Binary => Cell::Bytes(column.as_binary::<i32>().value(at).to_vec()),
        DataType::FixedSizeBinary(_) => Cell::Bytes(column.as_fixed_size_binary().value(at).to_vec()),
        DataType::List(_) => Cell::List(elements(column.as_list::<i32>().value(at))),
        DataType::Map(_, _) => {
            let entries = column.as_map().value(at);
            let (keys, values) = (elements(entries.column(0).clone()), elements(entries.column(1).clone()));
            let key = |cell| if let Cell::Text(text) = cell { text } else { panic!("a key is text, not {cell:?}") };
            Cell::Map(keys.into_iter().map(key).zip(values).collect())
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns();
            let cells = fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), cell(column, at)));
            Cell::Struct(cells.filter(|(_, cell)| *cell != Cell::Null).collect())
        }
        other => panic!("no table has a column of {other}"),
    }
}

/// Rows of `table` with what their ids refer to in the place of the ids.
pub(crate) fn resolved_rows(decoded: &Decoded, table: TableId) -> Vec<Row> {
    let resources = by_id(rows(decoded, TableId::Resources), "resource_id");
    let mut series = rows(decoded, TableId::Series);
    series.iter_mut().for_each(|row| resolve(row, "resource_id", &resources));
    let series = by_id(series, "series_id");
    let mut rows = rows(decoded, table);
    for row in &mut rows {
        resolve(row, "resource_id", &resources);
        resolve(row, "series_id", &series);
    }
    rows
}

fn by_id(rows: Vec<Row>, id: &str) -> Vec<(Cell, Row)> {
    let mut named = Vec::new();
    for mut row in rows {
        assert_eq!(row.remove("time"), Some(Cell::Int(RECEIVED.0)));
        named.push((row.remove(id).unwrap(), row));
    }
    let mut ids: Vec<_> = named.iter().map(|(id, _)| format!("{id:?}")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), named.len(), "each {id} has one row");
    named
}

fn resolve(row: &mut Row, id: &str, named: &[(Cell, Row)]) {
    if let Some(cell) = row.get_mut(id) {
        let (_, content) = named.iter().find(|(id, _)| id == cell).expect("every id has its row");
        *cell = Cell::Struct(content.clone());
    }
}
