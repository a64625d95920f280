use super::*;
use crate::sim::{FailingStore, Toxics};
use crate::testing::{NOON, disk_store, part, read_back, read_file, rows, spec};
use crate::{RetrySettings, S3, new_part_id, sorted};
use arrow::array::{AsArray, RecordBatch};
use model::UnixNanos;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use proptest::prelude::*;
use std::time::Duration;
use tables::{Origin, TableId, TableSpec};

fn in_order(spec: &TableSpec, batches: Vec<RecordBatch>) -> RecordBatch {
    sorted(spec, batches).unwrap().to_batch().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn every_table_reads_back_as_it_was_written(
        table in 0..TableId::ALL.len(),
        sizes in prop::collection::vec(1..300_usize, 1..4),
        group in 20..400_usize,
        threads in 1..3_usize,
        level in 0..2_u8,
        seed: u64,
    ) {
        let spec = spec(TableId::ALL[table]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (dir, store) = disk_store(|settings| {
                settings.row_group_rows = group;
                settings.encode_threads = threads;
            });
            let batches: Vec<RecordBatch> =
                sizes.iter().zip(seed..).map(|(size, seed)| rows(&spec, *size, 2, seed)).collect();
            let new = NewPart { level, ..part(&spec, batches.clone(), 3) };
            let (id, lineage) = (new.id, new.lineage);
            let meta = store.write(new).await.unwrap();
            let expected = in_order(&spec, batches);
            assert_eq!(read_back(&store, &meta, &spec), expected);
            assert_eq!(meta.path, format!("default/{}/date=2026-03-04/{id}.parquet", spec.id));
            assert_eq!((meta.rows, meta.wal_from, meta.wal_until), (expected.num_rows() as u64, 3, 4));
            let services = expected.column_by_name("service").map(|services| {
                let mut services: Vec<_> = services.as_string_view().iter().flatten().map(str::to_owned).collect();
                services.sort_unstable();
                services.dedup();
                services
            });
            assert_eq!(meta.services, services.filter(|services| services.len() <= 256));
            store.verify(&meta).await.unwrap();
            let file = store.read_footer(&meta.path).await.unwrap();
            assert_eq!((&file.meta, file.lineage), (&meta, lineage));
            let has_promoted = matches!(spec.id, TableId::Spans | TableId::Logs);
            assert_eq!(file.promoted.is_some(), has_promoted);
            let listed = store.list(None).await.unwrap();
            assert_eq!(listed.iter().map(|f| (f.path.as_str(), f.bytes)).collect::<Vec<_>>(), [(meta.path.as_str(), meta.bytes)]);
            drop(dir);
        });
    }
}

#[tokio::test]
async fn the_footer_tells_the_promoted_set() {
    let (_dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Spans);
    let meta = store.write(part(&spec, vec![rows(&spec, 10, 1, 1)], 0)).await.unwrap();
    let promoted = store.read_footer(&meta.path).await.unwrap().promoted;
    assert_eq!(promoted, Some(tables::PromotedSet::default_with(&["order.id".into()])));
}

#[tokio::test]
async fn compacted_parts_have_blooms_and_flushed_ones_do_not() {
    let (dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Spans);
    for level in [0, 1] {
        let meta = store.write(NewPart { level, ..part(&spec, vec![rows(&spec, 50, 1, 1)], 0) }).await.unwrap();
        let file = File::open(dir.path().join("parquet").join(meta.path)).unwrap();
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        let columns = metadata.row_group(0).columns().iter();
        let blooms: Vec<String> =
            columns.filter(|c| c.bloom_filter_offset().is_some()).map(|c| c.column_path().parts().join(".")).collect();
        assert_eq!(blooms.is_empty(), level == 0, "{blooms:?}");
        assert!(level == 0 || blooms.contains(&"trace_id".to_owned()), "{blooms:?}");
    }
}

#[tokio::test]
async fn a14_every_flipped_bit_of_a_page_is_refused_by_readers() {
    let (dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Spans);
    let meta = store.write(part(&spec, vec![rows(&spec, 2_000, 1, 5)], 0)).await.unwrap();
    let path = dir.path().join("parquet").join(&meta.path);
    let good = std::fs::read(&path).unwrap();
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&File::open(&path).unwrap()).unwrap();
    let metadata = reader.finish().unwrap();
    // A page header is not under its checksum; without statistics it is shorter than this.
    const HEADER_BYTES_MAX: i64 = 48;
    let mut tried = 0;
    for page in metadata.offset_index().unwrap()[0].iter().flat_map(|column| column.page_locations().clone()) {
        let body = page.offset + HEADER_BYTES_MAX..page.offset + i64::from(page.compressed_page_size);
        for at in body.step_by(997) {
            let at = at as usize;
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            let read = read::read_through(File::open(&path).unwrap(), "part");
            assert!(matches!(read, Err(PartError::Damaged { .. })), "a flip at {at}: {read:?}");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

#[tokio::test]
async fn a14_every_flipped_bit_and_every_cut_is_found_by_a_verification() {
    let (dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Ledger);
    let meta = store.write(part(&spec, vec![rows(&spec, 20, 1, 5)], 0)).await.unwrap();
    let path = dir.path().join("parquet").join(&meta.path);
    let good = std::fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(5) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bad).unwrap();
        assert!(matches!(store.verify(&meta).await, Err(PartError::Damaged { .. })), "a flip at {at}");
        std::fs::write(&path, &good[..at]).unwrap();
        assert!(matches!(store.verify(&meta).await, Err(PartError::Damaged { .. })), "a cut at {at}");
        assert!(matches!(store.read_footer(&meta.path).await, Err(PartError::Damaged { .. })), "a cut at {at}");
    }
    std::fs::write(&path, &good).unwrap();
    store.verify(&meta).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(store.verify(&meta).await, Err(PartError::Missing { .. })));
}

#[tokio::test]
async fn a_footer_of_a_later_version_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    let spec = spec(TableId::Ledger);
    let mut encoder = crate::encode::Encoder::new(File::create(&path).unwrap(), &spec, 0, 100, 1).unwrap();
    encoder.push(&rows(&spec, 1, 1, 1), u64::MAX).unwrap();
    encoder.finish("stormglass.part", r#"{"format": 2, "shape": "unknown"}"#.into()).unwrap();
    let error = read::part_file(&File::open(&path).unwrap(), "x.parquet", 1, 1).unwrap_err();
    assert_eq!(error.to_string(), "x.parquet has part format 2, this version reads up to 1: start a newer version");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_never_a_part_and_goes_at_the_next_start() {
    let (dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Logs);
    let meta = store.write(part(&spec, vec![rows(&spec, 10, 1, 1)], 0)).await.unwrap();
    let folder = dir.path().join("parquet/default/logs/date=2026-03-04");
    std::fs::write(folder.join(format!(".{}.parquet.tmp", new_part_id())), b"half a fi").unwrap();
    assert_eq!(store.list(None).await.unwrap().len(), 1);
    assert_eq!(store.clear_temporary().await.unwrap(), 1);
    assert_eq!(store.clear_temporary().await.unwrap(), 0);
    store.verify(&meta).await.unwrap();
}

#[tokio::test]
async fn a_part_without_rows_is_refused_and_leaves_no_file() {
    let (dir, store) = disk_store(|_| {});
    let empty = part(&spec(TableId::Logs), vec![], 0);
    assert!(matches!(store.write(empty).await, Err(PartError::Invalid(_))));
    let other = NewPart { rows: part(&spec(TableId::Spans), vec![], 0).rows, ..part(&spec(TableId::Logs), vec![], 0) };
    assert!(matches!(store.write(other).await, Err(PartError::Invalid(_))), "rows of another table");
    let folder = dir.path().join("parquet/default/logs/date=2026-03-04");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test]
async fn a_disk_that_refuses_is_a_disk_error_that_names_the_path() {
    let (dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Logs);
    // A file where a directory must be.
    std::fs::write(dir.path().join("parquet/default"), b"").unwrap();
    let error = store.write(part(&spec, vec![rows(&spec, 10, 1, 1)], 0)).await.unwrap_err();
    assert!(matches!(error, PartError::Disk { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains("parquet/default"), "{error}");
}

#[tokio::test]
async fn a_retired_part_moves_to_the_same_path_below_replaced_and_is_removed_from_there() {
    let (dir, store) = disk_store(|_| {});
    let spec = spec(TableId::Metrics);
    let meta = store.write(part(&spec, vec![rows(&spec, 10, 1, 1)], 0)).await.unwrap();
    let (here, there) = (dir.path().join("parquet").join(&meta.path), dir.path().join("replaced").join(&meta.path));
    for _ in 0..2 {
        store.retire(&meta.path).await.unwrap();
        assert_eq!((here.exists(), there.exists()), (false, true));
    }
    assert!(store.list(None).await.unwrap().is_empty());
    for _ in 0..2 {
        store.remove(&meta.path).await.unwrap();
        assert!(!there.exists());
    }
    assert!(!dir.path().join("replaced/default").exists(), "directories go with their last file");
    // And the folder can be used again.
    let again = store.write(part(&spec, vec![rows(&spec, 10, 1, 1)], 0)).await.unwrap();
    store.remove(&again.path).await.unwrap();
    assert!(store.list(None).await.unwrap().is_empty());
}

fn bucket(inner: Arc<dyn ObjectStore>, dir: &Path, attempts_max: u32) -> PartStore {
    let s3 = S3 {
        url: "s3://test".into(),
        endpoint: None,
        region: "us-east-1".into(),
        access_key: None,
        secret_key: None,
        allow_http: true,
        path_style: true,
    };
    let mut settings = Settings::at(Location::S3 { s3, staging: dir.join("staging") });
    let wait_first = Duration::from_micros(10);
    settings.retry = RetrySettings { attempts_max, wait_first, budget: 10_000, ..RetrySettings::default() };
    PartStore::over(inner, settings).unwrap()
}

async fn read_object(store: &PartStore, meta: &PartMeta, spec: &TableSpec, dir: &Path) -> RecordBatch {
    let bytes = store.object_store().get(&ObjectPath::from(meta.path.as_str())).await.unwrap().bytes().await.unwrap();
    let path = dir.join("read");
    std::fs::write(&path, bytes).unwrap();
    read_file(File::open(path).unwrap(), spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_bucket_that_fails_three_times_in_ten_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let toxics = Toxics { refuse: 0.2, lose_answer: 0.1, truncate: 0.1 };
    let failing = FailingStore::new(Arc::new(InMemory::new()), toxics, 7);
    let store = bucket(Arc::new(failing.clone()), dir.path(), 20);
    let spec = spec(TableId::Logs);
    let (mut inputs, mut batches) = (Vec::new(), Vec::new());
    for seed in 0..12 {
        let batch = rows(&spec, 100, 1, seed);
        inputs.push(store.write(part(&spec, vec![batch.clone()], seed)).await.unwrap());
        batches.push(batch);
    }
    let merge =
        Merge { spec: spec.clone(), promoted: 1, inputs: inputs.clone(), level: 1, generation: 1, combine: None };
    let outputs = store.merge(merge).await.unwrap();
    for meta in inputs.iter().chain(&outputs) {
        store.verify(meta).await.unwrap();
        assert_eq!(store.read_footer(&meta.path).await.unwrap().meta, *meta);
    }
    assert_eq!(read_object(&store, &outputs[0], &spec, dir.path()).await, in_order(&spec, batches));
    for input in &inputs {
        store.remove(&input.path).await.unwrap();
    }
    let left: Vec<String> = store.list(None).await.unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(left, [outputs[0].path.clone()]);
    let stats = store.stats();
    assert!(stats.retries > 0 && stats.retries_refused == 0, "{stats:?}");
    assert_eq!(std::fs::read_dir(dir.path().join("staging")).unwrap().count(), 0, "staging is empty again");
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_an_object_that_was_stored_and_not_answered_is_the_same_part() {
    let dir = tempfile::tempdir().unwrap();
    let failing = FailingStore::new(Arc::new(InMemory::new()), Toxics::default(), 1);
    let store = bucket(Arc::new(failing.clone()), dir.path(), 1);
    let spec = spec(TableId::Logs);
    let batch = rows(&spec, 100, 1, 1);
    let first = part(&spec, vec![batch.clone()], 0);
    let again = NewPart { id: first.id, ..part(&spec, vec![batch], 0) };
    let other = NewPart { id: first.id, ..part(&spec, vec![rows(&spec, 100, 1, 2)], 0) };

    failing.set_toxics(Toxics { lose_answer: 1.0, ..Toxics::default() });
    let lost = store.write(first).await.unwrap_err();
    assert!(lost.is_transient(), "{lost}");
    failing.set_toxics(Toxics::default());
    let meta = store.write(again).await.unwrap();
    store.verify(&meta).await.unwrap();
    assert_eq!(store.list(None).await.unwrap().len(), 1);
    let conflict = store.write(other).await.unwrap_err();
    assert!(matches!(conflict, PartError::Conflict { .. }), "{conflict}");
    store.verify(&meta).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_object_is_sent_in_pieces_and_appears_whole() {
    let dir = tempfile::tempdir().unwrap();
    let failing = FailingStore::new(Arc::new(InMemory::new()), Toxics { refuse: 0.2, ..Toxics::default() }, 3);
    let bucket = Bucket {
        store: RetryStore::new(
            Arc::new(failing),
            RetrySettings { attempts_max: 50, wait_first: Duration::from_micros(1), ..RetrySettings::default() },
        ),
        staging: dir.path().to_owned(),
        piece_bytes: 1_000,
    };
    let mut draft = crate::draft::Draft::begin(&dir.path().join("long.parquet")).unwrap();
    let bytes: Vec<u8> = (0..12_345_u32).map(|i| (i % 251) as u8).collect();
    std::io::Write::write_all(&mut draft, &bytes).unwrap();
    let finished = draft.finish().unwrap();
    let crc32 = finished.crc32;
    bucket.publish(finished, "a/long.parquet").await.unwrap();
    let there = bucket.fetch("a/long.parquet").await.unwrap();
    assert_eq!(read::checksum(&there, "long").unwrap(), (12_345, crc32));
    assert!(matches!(bucket.fetch("a/none.parquet").await, Err(PartError::Missing { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_an_outage_is_an_error_to_be_tried_again_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let failing = FailingStore::new(Arc::new(InMemory::new()), Toxics::default(), 1);
    let store = bucket(Arc::new(failing.clone()), dir.path(), 2);
    let spec = spec(TableId::Logs);
    failing.set_outage(true);
    let new = part(&spec, vec![rows(&spec, 10, 1, 1)], 0);
    let again = NewPart { id: new.id, ..part(&spec, vec![rows(&spec, 10, 1, 1)], 0) };
    let error = store.write(new).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(std::fs::read_dir(dir.path().join("staging")).unwrap().count(), 0);
    failing.set_outage(false);
    let meta = store.write(again).await.unwrap();
    store.verify(&meta).await.unwrap();
    assert_eq!(meta.received_max, UnixNanos(NOON));
    let Origin::Flush { parts } = store.read_footer(&meta.path).await.unwrap().lineage.origin else { panic!() };
    assert_eq!(parts, 1);
}

#[test]
fn settings_do_not_show_keys() {
    let s3 = S3 {
        url: "s3://b/p".into(),
        endpoint: Some("http://127.0.0.1:1".into()),
        region: "r".into(),
        access_key: Some("AKIDCANARY".into()),
        secret_key: Some("SECRETCANARY".into()),
        allow_http: true,
        path_style: true,
    };
    let shown = format!("{:?}", Settings::at(Location::S3 { s3, staging: "s".into() }));
    assert!(!shown.contains("CANARY"), "{shown}");
}
