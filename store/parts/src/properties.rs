//! How the columns of a table are written: encodings, compression, statistics, bloom filters.
//!
//! Chosen by measurement (`examples/parts_cost.rs`). The writer is of version 2: only there a fixed-size
//! binary may have a dictionary, which halves trace ids. Minima and maxima are kept where the order of
//! the rows or the kind of value lets them prune: of text that is not sorted by, a row group has nearly
//! everything from `a` to `z`, and finding that out costs a fifth of all encoding.

use arrow::datatypes::DataType;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, Type as PhysicalType, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};
use tables::TableSpec;

/// Share of look-ups of absent values that a bloom filter lets through.
const BLOOM_FALSE_POSITIVES: f64 = 0.02;
/// Longest prefix of a text that statistics keep.
const STATISTICS_BYTES_MAX: usize = 32;

/// Dictionaries up to this size beat plain text of the same column after compression.
const DICTIONARY_BYTES_MAX: usize = 4 << 20;

/// Dictionaries of measured values beyond this size (4,096 of them) end: what varies more is smaller as the
/// streams of its bytes, of which most hardly change from one value of a series to the next.
const DOUBLES_BYTES_MAX: usize = 32 << 10;

/// How the columns of a table are written.
///
/// # Errors
/// When Parquet has no form for a column of the table.
pub fn writer_properties(spec: &TableSpec, level: u8, row_group_rows: usize) -> Result<WriterProperties> {
    let schema = ArrowSchemaConverter::new().convert(&spec.schema)?;
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by("stormglass".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // What outgrows its dictionary; what a writer of version 2 would choose costs much and saves little.
        .set_encoding(Encoding::PLAIN)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_statistics_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_sorting_columns(Some(sorting_columns(spec, &schema)));
    for column in schema.columns() {
        let path = column.path();
        let [name] = path.parts() else {
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
            continue;
        };
        let name = name.as_str();
        properties = properties.set_column_statistics_enabled(path.clone(), statistics(spec, name));
        if spec.random.contains(&name) || spec.shared.contains(&name) {
            properties = properties
                .set_column_encoding(path.clone(), Encoding::PLAIN)
                .set_column_dictionary_enabled(path.clone(), false);
        }
        if spec.random.contains(&name) {
            properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
        }
        if column.physical_type() == PhysicalType::DOUBLE {
            properties = properties
                .set_column_encoding(path.clone(), Encoding::BYTE_STREAM_SPLIT)
                .set_column_dictionary_page_size_limit(path.clone(), DOUBLES_BYTES_MAX);
        }
        if spec.delta.contains(&name) {
            properties = properties
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_dictionary_enabled(path.clone(), false);
        }
        if level >= 1 && spec.bloom.iter().any(|bloom| bloom == name) {
            // Sized for all distinct, then folded down to what the values in fact need.
            properties = properties
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path.clone(), row_group_rows as u64);
        }
    }
    Ok(properties.build())
}

fn statistics(spec: &TableSpec, name: &str) -> EnabledStatistics {
    if spec.sort.contains(&name) || spec.delta.contains(&name) {
        return EnabledStatistics::Page;
    }
    match spec.schema.field_with_name(name).map(|field| field.data_type()) {
        Ok(DataType::Utf8View | DataType::Binary | DataType::FixedSizeBinary(_)) => EnabledStatistics::None,
        _ => EnabledStatistics::Chunk,
    }
}

/// The sort order in the terms of the file, for readers that make use of it.
fn sorting_columns(spec: &TableSpec, schema: &SchemaDescriptor) -> Vec<SortingColumn> {
    let place = |name: &&str| schema.columns().iter().position(|c| *c.path() == ColumnPath::from(*name));
    let ascending = |column: usize| SortingColumn { column_idx: column as i32, descending: false, nulls_first: true };
    spec.sort.iter().filter_map(place).map(ascending).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::encode::Encoder;
    use crate::testing;
    use arrow::array::{Array, AsArray, FixedSizeBinaryArray, Float64Array, RecordBatch};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::sync::Arc;
    use tables::TableId;

    /// Metric points of these values: the bytes of their column, its encodings, and what is read of it.
    fn written(values: &Float64Array) -> (i64, Vec<Encoding>, Vec<f64>) {
        let spec = testing::spec(TableId::Metrics);
        let rows = testing::rows(&spec, values.len(), 1, 7);
        let at = spec.schema.index_of("value").unwrap();
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new(values.clone());
        let batch = RecordBatch::try_new(spec.schema.clone(), columns).unwrap();
        let mut out = Vec::new();
        let properties = writer_properties(&spec, 1, 131_072).unwrap();
        let mut writer = ArrowWriter::try_new(&mut out, spec.schema.clone(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.close().unwrap();
        let chunk = file.row_group(0).columns().iter().find(|c| c.column_path().string() == "value").unwrap();
        let read = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(out.clone())).unwrap().build().unwrap();
        let read = read.flat_map(|batch| {
            let batch = batch.unwrap();
            batch.column(at).as_any().downcast_ref::<Float64Array>().unwrap().values().to_vec()
        });
        (chunk.compressed_size(), chunk.encodings().collect(), read.collect())
    }

    #[test]
    fn values_that_vary_are_written_as_streams_of_bytes_and_few_values_as_a_dictionary() {
        let counter = Float64Array::from_iter_values((0..100_000).map(|i| f64::from(i * 1_600 + i * 7_919 % 9)));
        let (bytes, encodings, read) = written(&counter);
        assert!(encodings.contains(&Encoding::BYTE_STREAM_SPLIT), "{encodings:?}");
        assert!(bytes < 100_000 * 2, "{bytes}");
        assert_eq!(read, counter.values().to_vec());

        let few = Float64Array::from_iter_values((0..100_000).map(|i| f64::from(i * 7_919 % 50) / 10.0));
        let (bytes, encodings, read) = written(&few);
        assert!(!encodings.contains(&Encoding::BYTE_STREAM_SPLIT), "{encodings:?}");
        assert!(bytes < 100_000, "{bytes}");
        assert_eq!(read, few.values().to_vec());

        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX];
        let odd =
            Float64Array::from_iter_values((0..20_000).map(|i| if i % 3 == 0 { odd[i / 3 % 6] } else { i as f64 }));
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&written(&odd).2), bits(odd.values()));
    }

    /// Bytes of a column of log records and whether it is compressed, by our own writer; and what is read of it.
    fn ids_written(ids: &[[u8; 8]]) -> (i64, Vec<[u8; 8]>) {
        let spec = testing::spec(TableId::Logs);
        let rows = testing::rows(&spec, ids.len(), 1, 7);
        let at = spec.schema.index_of("span_id").unwrap();
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new(FixedSizeBinaryArray::try_from_iter(ids.iter()).unwrap());
        let batch = RecordBatch::try_new(spec.schema.clone(), columns).unwrap();
        let mut encoder = Encoder::new(Vec::new(), &spec, 1, 131_072, 1).unwrap();
        encoder.push(&batch, u64::MAX).unwrap();
        let file = Bytes::from(encoder.finish("k", "v".into()).unwrap());
        let read = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let bytes = read.metadata().row_group(0).columns().iter().find(|c| c.column_path().string() == "span_id");
        let bytes = bytes.unwrap().compressed_size();
        let batches = read.build().unwrap().map(|batch| batch.unwrap().column(at).clone());
        let read = batches.flat_map(|column| {
            let column = column.as_fixed_size_binary().clone();
            (0..column.len()).map(|row| column.value(row).try_into().unwrap()).collect::<Vec<[u8; 8]>>()
        });
        (bytes, read.collect())
    }

    #[test]
    fn span_ids_that_neighbouring_records_share_cost_once_and_others_are_not_made_longer() {
        let id = |number: u64| {
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xd134_2543_de82_ef95)
        };
        let pairs: Vec<[u8; 8]> = (0..60_000).map(|row| id(1 + row / 2).to_le_bytes()).collect();
        let (bytes, read) = ids_written(&pairs);
        assert!(bytes < 60_000 * 5, "{bytes}");
        assert_eq!(read, pairs);
        let alone: Vec<[u8; 8]> = (0..60_000).map(|row| id(1 + row).to_le_bytes()).collect();
        let (bytes, read) = ids_written(&alone);
        assert!(bytes < 60_000 * 8 + 1_000, "{bytes}");
        assert_eq!(read, alone);
    }
}
