//! Rows of many batches into the order of their table.
//!
//! The values of the leading sort columns are few and repeat, so they are ranked once and a row is
//! compared as one integer: ranks, time, position. The rows themselves stay where they are: columns are
//! brought into order one by one while they are written.

use crate::SortedRows;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampNanosecondType};
use arrow::error::ArrowError;
use hashbrown::HashMap;
use model::UnixNanos;
use std::collections::BTreeMap;
use tables::TableSpec;

/// All rows of `batches` in the order of `spec.sort`; equal rows stay in the order given.
///
/// # Errors
/// When a batch has not the columns of `spec`, or there are more than `u32::MAX` rows.
pub fn sorted(spec: &TableSpec, batches: Vec<RecordBatch>) -> Result<SortedRows, ArrowError> {
    let schema = spec.schema.clone();
    let mut runs = sorted_by_day(spec, batches, &|_, _| 0)?;
    Ok(runs.pop().map_or_else(|| SortedRows::none(schema), |(_, rows)| rows))
}

/// Likewise, one run per day folder, by day. `day_of` says where a row belongs, from the number of its
/// batch and its event time.
///
/// # Errors
/// As [`sorted`].
pub fn sorted_by_day(
    spec: &TableSpec,
    batches: Vec<RecordBatch>,
    day_of: &dyn Fn(usize, UnixNanos) -> i32,
) -> Result<Vec<(i32, SortedRows)>, ArrowError> {
    for batch in &batches {
        if batch.schema_ref().fields() != spec.schema.fields() {
            let why = format!("a batch for table {} has other columns than the table", spec.id);
            return Err(ArrowError::SchemaError(why));
        }
    }
    let keys = sort_keys(spec, &batches)?;
    let batch_of_row = batches.iter().enumerate().flat_map(|(no, batch)| std::iter::repeat_n(no, batch.num_rows()));
    let mut days: BTreeMap<i32, Vec<u128>> = BTreeMap::new();
    let mut current: Option<(i32, Vec<u128>)> = None;
    for (key, batch) in keys.into_iter().zip(batch_of_row) {
        let day = day_of(batch, time_of(key));
        // Neighbours mostly share their day: look the vector up only when it changes.
        if current.as_ref().is_none_or(|(d, _)| *d != day) {
            if let Some((d, rows)) = current.take() {
                days.insert(d, rows);
            }
            current = Some((day, days.remove(&day).unwrap_or_default()));
        }
        if let Some((_, rows)) = &mut current {
            rows.push(key);
        }
    }
    days.extend(current);
    let run = |mut keys: Vec<u128>| {
        keys.sort_unstable();
        let order = keys.iter().map(|key| *key as u32).collect();
        SortedRows::new(spec.schema.clone(), batches.clone(), order)
    };
    Ok(days.into_iter().map(|(day, keys)| (day, run(keys))).collect())
}

/// One integer per row: rank of the leading columns (32 bits), time (64), position (32). The position
/// keeps equal rows in order and makes an unstable sort stable.
fn sort_keys(spec: &TableSpec, batches: &[RecordBatch]) -> Result<Vec<u128>, ArrowError> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if u32::try_from(rows).is_err() {
        return Err(ArrowError::InvalidArgumentError(format!("{rows} rows are too many for one run")));
    }
    let leading = spec.sort.iter().filter(|name| **name != spec.time);
    let mut ranks: Option<Vec<u32>> = None;
    for name in leading {
        let column = column_ranks(batches, column_index(spec, name)?)?;
        ranks = Some(match ranks {
            None => column,
            Some(first) => pair_ranks(&first, &column),
        });
    }
    let time = column_index(spec, spec.time)?;
    let times = batches.iter().flat_map(|b| b.column(time).as_primitive::<TimestampNanosecondType>().values().iter());
    let key = |(position, time): (usize, &i64)| {
        let rank = ranks.as_ref().map_or(0, |r| r[position]);
        (u128::from(rank) << 96) | (u128::from(*time as u64 ^ (1 << 63)) << 32) | position as u128
    };
    Ok(times.enumerate().map(key).collect())
}

/// The event time within a key of [`sort_keys`].
fn time_of(key: u128) -> UnixNanos {
    UnixNanos(((key >> 32) as u64 ^ (1 << 63)) as i64)
}

fn column_index(spec: &TableSpec, name: &str) -> Result<usize, ArrowError> {
    spec.schema.index_of(name)
}

/// The rank of each value among the distinct values of the column; null comes first.
fn column_ranks(batches: &[RecordBatch], column: usize) -> Result<Vec<u32>, ArrowError> {
    let mut distinct = Distinct::default();
    for batch in batches {
        let array = batch.column(column);
        match array.data_type() {
            DataType::Utf8View => {
                let array = array.as_string_view();
                // Within one array equal views are equal texts, and neighbours mostly have one view.
                let mut last = None;
                for (i, view) in array.views().iter().enumerate() {
                    let value = array.is_valid(i).then_some(*view);
                    if i > 0 && value == last {
                        distinct.again();
                    } else {
                        distinct.push(value.map(|_| array.value(i).as_bytes()));
                        last = value;
                    }
                }
            }
            DataType::FixedSizeBinary(_) => {
                let array = array.as_fixed_size_binary();
                (0..array.len()).for_each(|i| distinct.push(array.is_valid(i).then(|| array.value(i))));
            }
            other => {
                let why = format!("column {column} of type {other} cannot lead a sort order");
                return Err(ArrowError::NotYetImplemented(why));
            }
        }
    }
    Ok(distinct.ranks())
}

/// Distinct values by first appearance, and which of them each row has.
#[derive(Default)]
struct Distinct<'a> {
    numbers: HashMap<Option<&'a [u8]>, u32>,
    of_row: Vec<u32>,
    last: Option<(Option<&'a [u8]>, u32)>,
}

impl<'a> Distinct<'a> {
    fn push(&mut self, value: Option<&'a [u8]>) {
        let number = match self.last {
            Some((last, number)) if last == value => number,
            _ => {
                let next = self.numbers.len() as u32;
                *self.numbers.entry(value).or_insert(next)
            }
        };
        self.last = Some((value, number));
        self.of_row.push(number);
    }

    /// The value before, once more.
    fn again(&mut self) {
        self.of_row.extend(self.last.map(|(_, number)| number));
    }

    fn ranks(self) -> Vec<u32> {
        let mut values: Vec<(Option<&[u8]>, u32)> = self.numbers.into_iter().collect();
        values.sort_unstable();
        let mut rank_of = vec![0; values.len()];
        values.iter().enumerate().for_each(|(rank, (_, number))| rank_of[*number as usize] = rank as u32);
        self.of_row.into_iter().map(|number| rank_of[number as usize]).collect()
    }
}

/// The rank of each pair of ranks.
fn pair_ranks(first: &[u32], second: &[u32]) -> Vec<u32> {
    let pairs: Vec<u64> = first.iter().zip(second).map(|(a, b)| (u64::from(*a) << 32) | u64::from(*b)).collect();
    let mut number_of: HashMap<u64, u32> = HashMap::new();
    // Neighbours are often alike.
    for run in pairs.chunk_by(|a, b| a == b) {
        number_of.entry(run[0]).or_default();
    }
    let mut distinct: Vec<u64> = number_of.keys().copied().collect();
    distinct.sort_unstable();
    for (rank, pair) in distinct.iter().enumerate() {
        number_of.insert(*pair, rank as u32);
    }
    let ranks = pairs.chunk_by(|a, b| a == b).flat_map(|run| std::iter::repeat_n(number_of[&run[0]], run.len()));
    ranks.collect()
}

#[cfg(test)]
mod tests;
