//! Rows that say together what one row could say, when files are merged.
//!
//! The rows come in the order of their table, so those that belong together are neighbours. What is left
//! adds up to what was given: of counts the sums, of pairs the open ones.

use crate::sketch::{SketchError, SketchSum};
use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use std::ops::Range;
use std::sync::Arc;
use tables::TableId;
use tables::rollups::Merging;

/// Neighbouring rows with the same ids beyond this many are left as they are.
const PAIRED_MAX: usize = 1_024;

/// Puts neighbouring rows together as [`TableId::merging`] says.
///
/// # Errors
/// When rows are not of the table, or a sketch is damaged.
pub fn combine(table: TableId, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    match table.merging() {
        Merging::Kept => Ok(rows.clone()),
        Merging::Added { counts, sketch } => added(rows, counts, sketch),
        Merging::Paired => without_pairs(rows),
    }
}

fn keys(rows: &RecordBatch, columns: &[usize]) -> Result<Rows, ArrowError> {
    let fields = columns.iter().map(|i| SortField::new(rows.column(*i).data_type().clone())).collect();
    let columns: Vec<ArrayRef> = columns.iter().map(|i| rows.column(*i).clone()).collect();
    RowConverter::new(fields)?.convert_columns(&columns)
}

/// Ranges of neighbours with equal keys.
fn runs(keys: &Rows) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut from = 0;
    for at in 1..=keys.num_rows() {
        if at == keys.num_rows() || keys.row(at) != keys.row(from) {
            runs.push(from..at);
            from = at;
        }
    }
    runs
}

fn added(rows: &RecordBatch, counts: &[&str], sketch: &str) -> Result<RecordBatch, ArrowError> {
    let schema = rows.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let columns: Vec<usize> =
        (0..names.len()).filter(|i| !counts.contains(&names[*i]) && names[*i] != sketch).collect();
    let runs = runs(&keys(rows, &columns)?);
    if runs.len() == rows.num_rows() {
        return Ok(rows.clone());
    }
    let firsts = UInt32Array::from_iter_values(runs.iter().map(|run| run.start as u32));
    let mut columns = take_record_batch(rows, &firsts)?.columns().to_vec();
    let mut says_something = vec![false; runs.len()];
    for (i, name) in names.iter().enumerate() {
        if counts.contains(name) {
            let sums = sums(rows.column(i), &runs);
            says_something.iter_mut().zip(sums.values()).for_each(|(says, sum)| *says |= *sum != 0);
            columns[i] = Arc::new(sums);
        } else if *name == sketch {
            let merged = merged(rows.column(i), &runs)?;
            says_something.iter_mut().enumerate().for_each(|(at, says)| *says |= merged.is_valid(at));
            columns[i] = merged;
        }
    }
    let summed = RecordBatch::try_new(schema, columns)?;
    let kept = UInt32Array::from_iter_values((0..runs.len() as u32).filter(|at| says_something[*at as usize]));
    let summed = if kept.len() == runs.len() { summed } else { take_record_batch(&summed, &kept)? };
    conserve(rows, &summed, counts)?;
    Ok(summed)
}

/// Nothing is lost or counted twice: the totals are what they were.
fn conserve(before: &RecordBatch, after: &RecordBatch, counts: &[&str]) -> Result<(), ArrowError> {
    for name in counts {
        let total = |rows: &RecordBatch| -> Result<i64, ArrowError> {
            let column = rows.column(rows.schema_ref().index_of(name)?);
            Ok(sums(column, std::slice::from_ref(&(0..rows.num_rows()))).value(0))
        };
        let (before, after) = (total(before)?, total(after)?);
        if before != after {
            return Err(ArrowError::ComputeError(format!("adding rows up made {name} {after} of {before}")));
        }
    }
    Ok(())
}

/// Sums of each run; they wrap around as those of SQL do.
fn sums(column: &ArrayRef, runs: &[Range<usize>]) -> Int64Array {
    let values = column.as_primitive::<Int64Type>().values();
    let sum = |run: &Range<usize>| values[run.clone()].iter().fold(0_i64, |sum, value| sum.wrapping_add(*value));
    Int64Array::from_iter_values(runs.iter().map(sum))
}

fn merged(column: &ArrayRef, runs: &[Range<usize>]) -> Result<ArrayRef, ArrowError> {
    let cells = column.as_binary::<i32>();
    let damaged = |error: SketchError| ArrowError::ExternalError(Box::new(error));
    let mut out = BinaryBuilder::new();
    for run in runs {
        if run.len() == 1 {
            out.append_option(cells.is_valid(run.start).then(|| cells.value(run.start)));
            continue;
        }
        let mut sum = SketchSum::default();
        for at in run.clone().filter(|at| cells.is_valid(*at)) {
            sum.add_encoded(cells.value(at)).map_err(damaged)?;
        }
        let sketch = sum.sketch();
        out.append_option((!sketch.is_empty()).then(|| sketch.encode()));
    }
    Ok(Arc::new(out.finish()))
}

fn without_pairs(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |name: &str| rows.schema_ref().index_of(name);
    let (ids, parent) = ([column("trace_id")?, column("span_id")?, column("kind")?], column("parent_span_id")?);
    let parents = rows.column(parent).as_fixed_size_binary();
    let resolved = rows.column(column("resolved")?).as_boolean();
    let mut gone = vec![false; rows.num_rows()];
    for run in runs(&keys(rows, &ids)?).into_iter().filter(|run| (2..=PAIRED_MAX).contains(&run.len())) {
        for at in run.clone() {
            let is_other = |other: &usize| {
                !gone[*other]
                    && parents.value(*other) == parents.value(at)
                    && resolved.value(*other) != resolved.value(at)
            };
            if let Some(other) = (run.start..at).find(is_other) {
                (gone[at], gone[other]) = (true, true);
            }
        }
    }
    let kept = UInt32Array::from_iter_values((0..gone.len() as u32).filter(|at| !gone[*at as usize]));
    if kept.len() == gone.len() { Ok(rows.clone()) } else { take_record_batch(rows, &kept) }
}
