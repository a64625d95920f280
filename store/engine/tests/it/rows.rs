//! Rows as these tests want them: a body is a list of (number, service, time), a span id is its number.

use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringViewArray, TimestampNanosecondArray,
    new_null_array,
};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use engine::RecordHead;
use model::ContentHash;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::sync::Arc;
use tables::{Batches, PromotedSet, SenderCount, TableBatch, TableId, TableSpec};

/// One span to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: u64,
    pub(crate) service: u8,
    pub(crate) time: i64,
}

/// The bytes of a request.
pub(crate) fn body(rows: &[Row]) -> Vec<u8> {
    let line = |r: &Row| [&r.number.to_le_bytes()[..], &[r.service], &r.time.to_le_bytes()[..]].concat();
    rows.iter().flat_map(line).collect()
}

/// A body that the decoder refuses.
pub(crate) const UNDECODABLE: &[u8] = b"!not a body";

/// The decoder that recovery is given.
pub(crate) fn decode(head: &RecordHead, body: &[u8]) -> Result<Batches, String> {
    if body == UNDECODABLE {
        return Err("that is not a body".into());
    }
    let rows: Vec<Row> = body
        .chunks_exact(17)
        .map(|line| Row {
            number: u64::from_le_bytes(line[..8].try_into().unwrap()),
            service: line[8],
            time: i64::from_le_bytes(line[9..].try_into().unwrap()),
        })
        .collect();
    Ok(batches(&rows, head.received.0))
}

/// Spans and their resources, and who sent them.
pub(crate) fn batches(rows: &[Row], received: i64) -> Batches {
    let services: std::collections::BTreeSet<u8> = rows.iter().map(|r| r.service).collect();
    let senders = services.iter().map(|s| SenderCount {
        service: service(*s),
        accepted: rows.iter().filter(|r| r.service == *s).count() as u64,
        ..SenderCount::default()
    });
    let mut tables = vec![spans(rows)];
    tables.push(resources(&services.iter().copied().collect::<Vec<_>>(), received));
    Batches { tables, senders: senders.collect() }
}

pub(crate) fn service(number: u8) -> String {
    format!("service-{number}")
}

fn resource_id(service: u8) -> [u8; 16] {
    ContentHash::of_identity(&[service]).0
}

fn spans(rows: &[Row]) -> TableBatch {
    let n = rows.len();
    let times = || rows.iter().map(|r| r.time);
    let fixed = |values: Vec<Vec<u8>>| -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::try_from_iter(values.into_iter()).unwrap())
    };
    let columns: BTreeMap<&str, ArrayRef> = BTreeMap::from([
        ("time", time(times())),
        ("duration_ns", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.number as i64))) as ArrayRef),
        ("trace_id", fixed(rows.iter().map(|r| [&[0; 8][..], &r.number.to_be_bytes()].concat()).collect())),
        ("span_id", fixed(rows.iter().map(|r| r.number.to_be_bytes().to_vec()).collect())),
        ("service", text(rows.iter().map(|r| service(r.service)))),
        ("operation", text(std::iter::repeat_n("an operation with a long name".into(), n))),
        ("kind", text(std::iter::repeat_n("server".into(), n))),
        ("status", text(std::iter::repeat_n("ok".into(), n))),
        ("resource_id", fixed(rows.iter().map(|r| resource_id(r.service).to_vec()).collect())),
    ]);
    TableBatch {
        table: TableId::Spans,
        rows: filled(TableId::Spans, n, columns),
        time_min: times().min().unwrap_or(0),
        time_max: times().max().unwrap_or(0),
        overflow: vec![],
    }
}

fn resources(services: &[u8], received: i64) -> TableBatch {
    let n = services.len();
    let ids = services.iter().map(|s| resource_id(*s).to_vec());
    let columns: BTreeMap<&str, ArrayRef> = BTreeMap::from([
        ("resource_id", Arc::new(FixedSizeBinaryArray::try_from_iter(ids).unwrap()) as ArrayRef),
        ("time", time(std::iter::repeat_n(received, n))),
        ("service", text(services.iter().map(|s| service(*s)))),
    ]);
    let rows = filled(TableId::Resources, n, columns);
    TableBatch { table: TableId::Resources, rows, time_min: received, time_max: received, overflow: vec![] }
}

fn time(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn text(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

/// All columns of a table, null where none is given.
fn filled(table: TableId, rows: usize, mut columns: BTreeMap<&str, ArrayRef>) -> RecordBatch {
    let schema = TableSpec::new(table, &promoted()).schema;
    let column = |f: &Arc<arrow::datatypes::Field>| {
        columns.remove(f.name().as_str()).unwrap_or_else(|| new_null_array(f.data_type(), rows))
    };
    let all = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, all).unwrap()
}

/// One promoted key is enough here.
pub(crate) fn promoted() -> PromotedSet {
    let key = tables::PromotedKey { key: "http.route".into(), ty: tables::PromotedType::String, bloom: false };
    PromotedSet { version: 1, keys: vec![key] }
}

/// How often each span number occurs.
pub(crate) fn count_numbers(batch: &RecordBatch, into: &mut BTreeMap<u64, u32>) {
    let ids = batch.column_by_name("span_id").unwrap().as_fixed_size_binary();
    for id in ids.iter().flatten() {
        *into.entry(u64::from_be_bytes(id.try_into().unwrap())).or_default() += 1;
    }
}

/// Sum of an integer column.
pub(crate) fn sum(batch: &RecordBatch, column: &str) -> i64 {
    let column = batch.column_by_name(column).unwrap().as_primitive::<Int64Type>();
    column.iter().flatten().sum()
}

/// Rows from a time on.
pub(crate) fn count_since(batch: &RecordBatch, since: i64) -> u64 {
    let times = batch.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
    times.values().iter().filter(|time| **time >= since).count() as u64
}

/// Sum of an integer column over the rows from a time on.
pub(crate) fn sum_since(batch: &RecordBatch, column: &str, since: i64) -> i64 {
    let times = batch.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
    let values = batch.column_by_name(column).unwrap().as_primitive::<Int64Type>();
    (0..batch.num_rows()).filter(|row| times.value(*row) >= since).map(|row| values.value(row)).sum()
}

/// All rows of a Parquet file.
pub(crate) fn read_parquet(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}
