use super::*;
use crate::testing::{NOON, rows, spec};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use proptest::prelude::*;
use tables::TableId;

/// The order by definition: a stable sort of all rows by the columns of the table.
fn reference(spec: &TableSpec, batches: &[RecordBatch]) -> RecordBatch {
    let all = concat_batches(&spec.schema, batches).unwrap();
    let position = arrow::array::UInt64Array::from_iter_values(0..all.num_rows() as u64);
    let mut columns: Vec<SortColumn> = spec
        .sort
        .iter()
        .map(|name| SortColumn { values: all.column_by_name(name).unwrap().clone(), options: None })
        .collect();
    columns.push(SortColumn { values: std::sync::Arc::new(position), options: None });
    take_record_batch(&all, &lexsort_to_indices(&columns, None).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_of_every_table_come_out_in_its_order(table in 0..TableId::ALL.len(), sizes in prop::collection::vec(0..60_usize, 0..6), seed: u64) {
        let spec = spec(TableId::ALL[table]);
        let batches: Vec<RecordBatch> =
            sizes.iter().zip(seed..).map(|(size, seed)| rows(&spec, *size, 1, seed)).collect();
        let got = sorted(&spec, batches.clone()).unwrap().to_batch().unwrap();
        prop_assert_eq!(got, reference(&spec, &batches));
    }
}

#[test]
fn times_before_1970_come_first() {
    let keys = [i64::MIN, -1, 0, 1, i64::MAX].map(|t| u128::from(t as u64 ^ (1 << 63)) << 32);
    assert!(keys.is_sorted());
    assert_eq!(keys.map(|key| time_of(key).0), [i64::MIN, -1, 0, 1, i64::MAX]);
}

#[test]
fn each_day_folder_gets_its_own_run_and_no_row_is_lost() {
    let spec = spec(TableId::Logs);
    let batches: Vec<RecordBatch> = (0..3).map(|seed| rows(&spec, 500, 30, seed)).collect();
    // The last batch belongs to its day of receipt, whatever its times say.
    let day = |batch: usize, time: UnixNanos| if batch == 2 { 7 } else { time.day() };
    let runs = sorted_by_day(&spec, batches.clone(), &day).unwrap();
    let noon = UnixNanos(NOON).day();
    let runs: Vec<(i32, RecordBatch)> = runs.into_iter().map(|(day, rows)| (day, rows.to_batch().unwrap())).collect();
    assert_eq!(runs.iter().map(|(day, _)| *day).collect::<Vec<_>>(), [7, noon, noon + 1]);
    assert_eq!(runs.iter().map(|(_, rows)| rows.num_rows()).sum::<usize>(), 1_500);
    assert_eq!(runs[0].1, reference(&spec, &batches[2..]));
    for (day, run) in &runs[1..] {
        let times = run.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
        assert!(times.values().iter().all(|time| UnixNanos(*time).day() == *day));
        assert_eq!(*run, reference(&spec, std::slice::from_ref(run)));
    }
}

#[test]
fn rows_of_another_table_are_refused() {
    let logs = rows(&spec(TableId::Logs), 3, 1, 1);
    assert!(sorted(&spec(TableId::Spans), vec![logs]).is_err());
}
