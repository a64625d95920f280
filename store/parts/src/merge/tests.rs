use super::*;
use crate::testing::{NOON, disk_store, part, read_back, rows, spec, spec_of};
use proptest::prelude::*;
use tables::{PromotedKey, PromotedSet, PromotedType, TableId};

fn of(spec: &Arc<TableSpec>, inputs: Vec<PartMeta>, promoted: u32) -> Merge {
    Merge { spec: spec.clone(), promoted, inputs, level: 1, generation: 9, combine: None }
}

/// What the merge of these batches must give: all rows in the table's order, by output.
fn expected(spec: &TableSpec, batches: Vec<RecordBatch>) -> RecordBatch {
    crate::sorted(spec, batches).unwrap().to_batch().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_merge_has_the_rows_of_its_inputs_in_order(
        table in 0..TableId::ALL.len(),
        sizes in prop::collection::vec(1..400_usize, 1..6),
        batch_rows in 1..200_usize,
        seed: u64,
    ) {
        let spec = spec(TableId::ALL[table]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (_dir, store) = disk_store(|settings| settings.merge_batch_rows = batch_rows);
            let batches: Vec<RecordBatch> =
                sizes.iter().zip(seed..).map(|(size, seed)| rows(&spec, *size, 3, seed)).collect();
            let mut inputs = Vec::new();
            for (i, batch) in batches.iter().enumerate() {
                inputs.push(store.write(part(&spec, vec![batch.clone()], i as u64)).await.unwrap());
            }
            let outputs = store.merge(of(&spec, inputs.clone(), 1)).await.unwrap();
            assert_eq!(outputs.len(), 1, "few rows are not cut at hours");
            assert_eq!(read_back(&store, &outputs[0], &spec), expected(&spec, batches));
            let output = &outputs[0];
            assert_eq!(output.replaces, inputs.iter().map(|i| i.id).collect::<Vec<_>>());
            assert_eq!((output.wal_from, output.wal_until), (0, sizes.len() as u64));
            assert_eq!((output.level, output.rows), (1, sizes.iter().sum::<usize>() as u64));
            store.verify(output).await.unwrap();
            let file = store.read_footer(&output.path).await.unwrap();
            assert_eq!(file.meta, *output);
            assert_eq!(file.lineage.origin, Origin::Merge { inputs: sizes.len() as u32, output: 0, last: true });
        });
    }
}

#[tokio::test]
async fn rows_of_different_hours_go_to_different_files() {
    let spec = spec(TableId::Logs);
    // Two hours at a time, of seven: four passes.
    let (_dir, store) = disk_store(|settings| {
        settings.split_rows_min = 0;
        settings.merge_hours_max = 2;
    });
    let batches: Vec<RecordBatch> = (0..3).map(|seed| rows(&spec, 700, 6, seed)).collect();
    let mut inputs = Vec::new();
    for (i, batch) in batches.iter().enumerate() {
        inputs.push(store.write(part(&spec, vec![batch.clone()], i as u64)).await.unwrap());
    }
    // A row whose time is of another century, filed under this day as its day of receipt.
    let odd = rows(&spec, 5, 1, 9);
    let mut columns = odd.columns().to_vec();
    let times = arrow::array::TimestampNanosecondArray::from(vec![i64::MAX, i64::MIN, 0, 1, -1]);
    columns[0] = Arc::new(times.with_timezone("UTC"));
    let odd = RecordBatch::try_new(spec.schema.clone(), columns).unwrap();
    inputs.push(store.write(part(&spec, vec![odd.clone()], 3)).await.unwrap());

    let outputs = store.merge(of(&spec, inputs, 1)).await.unwrap();
    assert_eq!(outputs.len(), 7, "six hours and one file for what lies outside");
    let hour = |time: UnixNanos| time.0.div_euclid(HOUR);
    let within = outputs.iter().filter(|o| o.time_min.0 >= NOON && o.time_max.0 < NOON + 6 * HOUR);
    let mut hours: Vec<i64> = within
        .map(|o| (hour(o.time_min), hour(o.time_max)))
        .inspect(|(a, b)| assert_eq!(a, b))
        .map(|(a, _)| a)
        .collect();
    hours.sort_unstable();
    assert_eq!(hours, (0..6).map(|h| NOON / HOUR + h).collect::<Vec<_>>());
    let all: Vec<RecordBatch> = outputs.iter().map(|o| read_back(&store, o, &spec)).collect();
    all.iter().for_each(|run| assert_eq!(*run, expected(&spec, vec![run.clone()])));
    let every_row = batches.into_iter().chain([odd]).collect();
    assert_eq!(expected(&spec, all), expected(&spec, every_row));
    let mut numbers: Vec<(u32, bool)> = Vec::new();
    for output in &outputs {
        assert_eq!(output.path.rsplit_once('/').unwrap().0, "default/logs/date=2026-03-04");
        let Origin::Merge { output, last, .. } = store.read_footer(&output.path).await.unwrap().lineage.origin else {
            panic!("not of a merge");
        };
        numbers.push((output, last));
    }
    assert_eq!(numbers, (0..7).map(|n| (n, n == 6)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_output_is_a_sequence_of_slices_each_sorted_in_itself() {
    let spec = spec(TableId::Spans);
    let (_dir, store) = disk_store(|settings| settings.slice_rows = 250);
    let batches: Vec<RecordBatch> = (0..5).map(|seed| rows(&spec, 100, 1, seed)).collect();
    let mut inputs = Vec::new();
    for (i, batch) in batches.iter().enumerate() {
        inputs.push(store.write(part(&spec, vec![batch.clone()], i as u64)).await.unwrap());
    }
    let outputs = store.merge(of(&spec, inputs, 1)).await.unwrap();
    assert_eq!(outputs.len(), 1);
    let slices: Vec<RecordBatch> = batches.chunks(2).map(|two| expected(&spec, two.to_vec())).collect();
    let all = arrow::compute::concat_batches(&spec.schema, &slices).unwrap();
    assert_eq!(read_back(&store, &outputs[0], &spec), all);
}

#[tokio::test]
async fn an_output_ends_when_it_is_long_enough() {
    let spec = spec(TableId::Metrics);
    let (_dir, store) = disk_store(|settings| {
        settings.output_bytes_max = 1;
        settings.row_group_rows = 100;
    });
    let input = store.write(part(&spec, vec![rows(&spec, 950, 1, 1)], 0)).await.unwrap();
    let outputs = store.merge(of(&spec, vec![input], 1)).await.unwrap();
    assert_eq!(outputs.iter().map(|o| o.rows).collect::<Vec<_>>(), [100, 100, 100, 100, 100, 100, 100, 100, 100, 50]);
}

#[tokio::test]
async fn a_file_of_an_earlier_promoted_set_gets_null_columns_and_says_so() {
    let old = PromotedSet::default_with(&[]);
    let keys = vec![PromotedKey { key: "ticket.id".into(), ty: PromotedType::String, bloom: true }];
    let new = old.grown_by(&PromotedSet { version: 1, keys }).unwrap();
    let (old_spec, new_spec) = (spec_of(TableId::Spans, &old), spec_of(TableId::Spans, &new));
    let (_dir, store) = disk_store(|_| {});
    let first = rows(&old_spec, 50, 1, 1);
    let second = rows(&new_spec, 50, 1, 2);
    let mut inputs = vec![store.write(part(&old_spec, vec![first.clone()], 0)).await.unwrap()];
    let mut newer = part(&new_spec, vec![second.clone()], 1);
    newer.promoted = 2;
    newer.overflow = vec!["server.port".into()];
    inputs.push(store.write(newer).await.unwrap());

    let behind = store.merge(of(&old_spec, inputs.clone(), 1)).await;
    assert!(matches!(behind, Err(PartError::Invalid(_))), "{behind:?}");

    let outputs = store.merge(of(&new_spec, inputs, 2)).await.unwrap();
    assert_eq!(outputs[0].overflow, ["server.port", "ticket.id"]);
    let mut columns = first.columns().to_vec();
    columns.push(arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8View, 50));
    let first = RecordBatch::try_new(new_spec.schema.clone(), columns).unwrap();
    assert_eq!(read_back(&store, &outputs[0], &new_spec), expected(&new_spec, vec![first, second]));
    assert_eq!(store.read_footer(&outputs[0].path).await.unwrap().promoted, Some(new));
}

#[tokio::test]
async fn a_merge_that_meets_a_damaged_input_leaves_nothing() {
    let spec = spec(TableId::Logs);
    let (dir, store) = disk_store(|settings| settings.split_rows_min = 0);
    let mut inputs = Vec::new();
    for seed in 0..2 {
        inputs.push(store.write(part(&spec, vec![rows(&spec, 300, 4, seed)], seed)).await.unwrap());
    }
    // Half of a file: its hours can be begun, its footer cannot be read.
    let path = dir.path().join("parquet").join(&inputs[1].path);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let failed = store.merge(of(&spec, inputs.clone(), 1)).await;
    assert!(matches!(failed, Err(PartError::Damaged { .. })), "{failed:?}");
    let left = store.list(None).await.unwrap();
    assert_eq!(left.len(), 2, "the inputs: {left:?}");
    assert_eq!(store.clear_temporary().await.unwrap(), 0);
    // A footer that states other numbers than its rows is caught by the count.
    std::fs::write(&path, &bytes).unwrap();
    inputs[0].rows += 1;
    let failed = store.merge(of(&spec, inputs, 1)).await;
    assert!(matches!(failed, Err(PartError::Damaged { .. })), "{failed:?}");
    assert_eq!(store.list(None).await.unwrap().len(), 2);
}

#[test]
fn dates_become_days() {
    for day in (-107_000..107_000).step_by(37).chain(19_000..19_900) {
        assert_eq!(day_of_date(&model::time::date_text(day)), Some(day));
    }
    for wrong in ["", "2026", "2026-13-01", "2026-02-30", "x-y-z"] {
        assert_eq!(day_of_date(wrong), None, "{wrong}");
    }
}
