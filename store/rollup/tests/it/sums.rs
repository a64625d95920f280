//! Rows added up by key: what the rollup tables say.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use rollup::Sketch;
use std::collections::BTreeMap;
use tables::TableId;

/// Counts of one key. Zero counts are no counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) calls: i64,
    pub(crate) errors: i64,
    pub(crate) limited: i64,
    pub(crate) duration: i64,
    pub(crate) unresolved: i64,
    pub(crate) sketch: Sketch,
}

impl Sum {
    pub(crate) fn add(&mut self, error: bool, limited: bool, duration: Option<i64>) {
        self.calls += 1;
        self.errors += i64::from(error);
        self.limited += i64::from(limited);
        if let Some(duration) = duration {
            self.duration = self.duration.wrapping_add(duration);
            self.sketch.add(duration, 1);
        }
    }
}

/// Time, then the texts of the key in the order of the table.
pub(crate) type Key = (i64, Vec<String>);

pub(crate) type Sums = BTreeMap<Key, Sum>;

pub(crate) fn key(time: i64, texts: &[&str]) -> Key {
    (time, texts.iter().map(|t| (*t).to_owned()).collect())
}

/// Adds the rows of `red` or `service_edges`.
pub(crate) fn add_rows(table: TableId, rows: &RecordBatch, into: &mut Sums) {
    let texts: &[&str] = match table {
        TableId::Red => &["environment", "namespace", "lane", "service", "operation", "kind"],
        _ => &[
            "environment",
            "namespace",
            "lane",
            "caller_lane",
            "caller",
            "caller_type",
            "callee",
            "callee_type",
            "kind",
        ],
    };
    let texts: Vec<_> = texts.iter().map(|t| rows.column_by_name(t).unwrap().as_string_view()).collect();
    let count =
        |name: &str, row: usize| rows.column_by_name(name).map_or(0, |c| c.as_primitive::<Int64Type>().value(row));
    let times = rows.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
    let sketches = rows.column_by_name("duration_sketch").unwrap().as_binary::<i32>();
    for row in 0..rows.num_rows() {
        let key = (times.value(row), texts.iter().map(|t| t.value(row).to_owned()).collect());
        let sum = into.entry(key).or_default();
        sum.calls += count("calls", row);
        sum.errors += count("errors", row);
        sum.limited += count("limited", row);
        sum.duration = sum.duration.wrapping_add(count("duration_sum_ns", row));
        sum.unresolved += count("unresolved", row);
        if sketches.is_valid(row) {
            sum.sketch.merge_encoded(sketches.value(row)).unwrap();
        }
    }
}

/// Without keys that say nothing.
pub(crate) fn said(mut sums: Sums) -> Sums {
    sums.retain(|_, sum| *sum != Sum::default());
    sums
}
