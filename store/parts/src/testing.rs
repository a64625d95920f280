//! Rows for tests: any table, any values, from a seed.

use crate::read::Rows;
use crate::{Location, NewPart, PartStore, Settings, new_part_id, sorted};
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, FixedSizeBinaryBuilder, Float64Array, Int32Array, Int64Array, ListArray,
    MapArray, RecordBatch, StringViewArray, StructArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use model::{UnixNanos, Workspace};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use tables::{Lineage, Origin, PartMeta, PromotedSet, TableId, TableSpec};

/// Noon of 2026-03-04.
pub(crate) const NOON: i64 = 1_772_625_600 * UnixNanos::SECOND;

pub(crate) fn spec(table: TableId) -> Arc<TableSpec> {
    Arc::new(TableSpec::new(table, &PromotedSet::default_with(&["order.id".into()])))
}

/// Rows of a table whose times lie within `hours` after [`NOON`].
pub(crate) fn rows(spec: &TableSpec, rows: usize, hours: i64, seed: u64) -> RecordBatch {
    let mut random = StdRng::seed_from_u64(seed);
    let columns = spec.schema.fields().iter().map(|field| {
        if field.name() == spec.time {
            let span = hours * 3_600 * UnixNanos::SECOND;
            let times: Vec<i64> = (0..rows).map(|_| NOON + random.random_range(0..span)).collect();
            return Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")) as ArrayRef;
        }
        column(field, rows, &mut random)
    });
    RecordBatch::try_new(spec.schema.clone(), columns.collect()).unwrap()
}

const WORDS: [&str; 8] =
    ["", "a", "order-service", "GET /api/v1/orders/{id}", "é\u{0}ß", "true", "-0", "checkout 结账"];

fn column(field: &Field, rows: usize, random: &mut StdRng) -> ArrayRef {
    // Some columns are null throughout, some nowhere, some here and there.
    let null_share = [0.0, 0.3, 1.0][random.random_range(0..3)];
    let nulls: Option<NullBuffer> =
        field.is_nullable().then(|| (0..rows).map(|_| !random.random_bool(null_share)).collect());
    let valid = |i: usize| nulls.as_ref().is_none_or(|n| n.is_valid(i));
    match field.data_type() {
        DataType::Utf8View => {
            let value = |random: &mut StdRng| match random.random_range(0..3) {
                0 => format!("{:016x}", random.random::<u64>()),
                _ => WORDS[random.random_range(0..WORDS.len())].to_owned(),
            };
            let values: Vec<Option<String>> = (0..rows).map(|i| valid(i).then(|| value(random))).collect();
            Arc::new(StringViewArray::from_iter(values))
        }
        DataType::Binary => {
            let mut out = BinaryBuilder::new();
            for i in 0..rows {
                let bytes: Vec<u8> = (0..random.random_range(0..4)).map(|_| random.random()).collect();
                out.append_option(valid(i).then_some(bytes));
            }
            Arc::new(out.finish())
        }
        DataType::FixedSizeBinary(size) => {
            let mut out = FixedSizeBinaryBuilder::new(*size);
            for i in 0..rows {
                let last = random.random_range(0..9_u8);
                match valid(i) {
                    true => out
                        .append_value((0..*size).map(|b| if b == 0 { last } else { 7 }).collect::<Vec<u8>>())
                        .unwrap(),
                    false => out.append_null(),
                }
            }
            Arc::new(out.finish())
        }
        DataType::Timestamp(..) => {
            let values: Vec<i64> = (0..rows).map(|_| random.random()).collect();
            Arc::new(TimestampNanosecondArray::new(values.into(), nulls).with_timezone("UTC"))
        }
        DataType::Int64 => Arc::new(Int64Array::new((0..rows).map(|_| random.random()).collect(), nulls)),
        DataType::Int32 => Arc::new(Int32Array::new((0..rows).map(|_| random.random()).collect(), nulls)),
        DataType::UInt64 => Arc::new(UInt64Array::new((0..rows).map(|_| random.random()).collect(), nulls)),
        DataType::Float64 => {
            let odd = [f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE];
            let mut value = || if random.random_bool(0.1) { odd[random.random_range(0..4)] } else { random.random() };
            Arc::new(Float64Array::new((0..rows).map(|_| value()).collect(), nulls))
        }
        DataType::Boolean => Arc::new(BooleanArray::new((0..rows).map(|_| random.random::<bool>()).collect(), nulls)),
        DataType::List(item) => {
            let lengths: Vec<usize> = (0..rows).map(|i| if valid(i) { random.random_range(0..3) } else { 0 }).collect();
            let items = column(item, lengths.iter().sum(), random);
            Arc::new(ListArray::new(item.clone(), OffsetBuffer::from_lengths(lengths), items, nulls))
        }
        DataType::Map(entries, sorted) => {
            let lengths: Vec<usize> = (0..rows).map(|i| if valid(i) { random.random_range(0..3) } else { 0 }).collect();
            let DataType::Struct(fields) = entries.data_type() else { panic!("a map of {entries}") };
            let items = structs(fields, lengths.iter().sum(), None, random);
            Arc::new(MapArray::new(entries.clone(), OffsetBuffer::from_lengths(lengths), items, nulls, *sorted))
        }
        DataType::Struct(fields) => Arc::new(structs(fields, rows, nulls, random)),
        other => panic!("no values for {other}"),
    }
}

fn structs(fields: &Fields, rows: usize, nulls: Option<NullBuffer>, random: &mut StdRng) -> StructArray {
    let columns = fields.iter().map(|field| column(field, rows, random)).collect();
    StructArray::new(fields.clone(), columns, nulls)
}

pub(crate) fn spec_of(table: TableId, promoted: &PromotedSet) -> Arc<TableSpec> {
    Arc::new(TableSpec::new(table, promoted))
}

/// A store in a directory of its own.
pub(crate) fn disk_store(adjust: impl FnOnce(&mut Settings)) -> (tempfile::TempDir, PartStore) {
    let dir = tempfile::tempdir().unwrap();
    let (parquet, replaced) = (dir.path().join("parquet"), dir.path().join("replaced"));
    let mut settings = Settings::at(Location::Local { parquet, replaced });
    adjust(&mut settings);
    (dir, PartStore::open(settings).unwrap())
}

/// The part of a checkpoint of one WAL record, in the folder of [`NOON`].
pub(crate) fn part(spec: &Arc<TableSpec>, batches: Vec<RecordBatch>, wal_from: u64) -> NewPart {
    NewPart {
        id: new_part_id(),
        workspace: Workspace::default(),
        spec: spec.clone(),
        day: UnixNanos(NOON).day(),
        level: 0,
        rows: sorted(spec, batches).unwrap(),
        received_max: UnixNanos(NOON),
        wal_from,
        wal_until: wal_from + 1,
        promoted: 1,
        overflow: Vec::new(),
        lineage: Lineage { generation: 1, origin: Origin::Flush { parts: 1 } },
    }
}

/// All rows of a part of a local store.
pub(crate) fn read_back(store: &PartStore, meta: &PartMeta, spec: &TableSpec) -> RecordBatch {
    let file = std::fs::File::open(store.local_root().unwrap().join(&meta.path)).unwrap();
    read_file(file, spec)
}

pub(crate) fn read_file(file: std::fs::File, spec: &TableSpec) -> RecordBatch {
    let (mut rows, _) = Rows::open(file, "part", spec, 1_000).unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().unwrap() {
        batches.push(batch);
    }
    arrow::compute::concat_batches(&spec.schema, &batches).unwrap()
}
