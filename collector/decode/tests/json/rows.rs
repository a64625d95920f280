//! Decoded rows as text, for tests that look at a few cells.

use arrow::util::display::{ArrayFormatter, FormatOptions};
use decode::Decoded;
use std::collections::BTreeMap;
use tables::TableId;

/// The cells of one row that are not null, by column.
pub(crate) type Row = BTreeMap<String, String>;

/// All rows of a table, in order.
pub(crate) fn rows(decoded: &Decoded, table: TableId) -> Vec<Row> {
    let batches = decoded.batches.tables.iter().filter(|batch| batch.table == table);
    batches.flat_map(|batch| (0..batch.rows.num_rows()).map(|row| cells(&batch.rows, row))).collect()
}

/// The only row of a table.
pub(crate) fn row(decoded: &Decoded, table: TableId) -> Row {
    let mut rows = rows(decoded, table);
    assert_eq!(rows.len(), 1, "{table}: {rows:?} {:?}", decoded.reasons);
    rows.remove(0)
}

fn cells(batch: &arrow::array::RecordBatch, row: usize) -> Row {
    let options = FormatOptions::default().with_null("null");
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).filter(|(_, column)| column.is_valid(row));
    columns
        .map(|(field, column)| {
            let text = ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string();
            (field.name().clone(), text)
        })
        .collect()
}
