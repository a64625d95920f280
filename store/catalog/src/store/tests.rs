use super::*;
use model::{ContentHash, UnixNanos, Workspace};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::time::Duration;
use tables::{Lineage, Origin, TableId};

fn id(name: u8) -> PartId {
    PartId(ContentHash([name; 16]))
}

fn part(name: u8) -> PartMeta {
    PartMeta {
        id: id(name),
        workspace: Workspace::new("team-1").unwrap(),
        table: TableId::Logs,
        path: format!("team-1/logs/date=2026-03-04/{}.parquet", id(name)),
        level: 1,
        rows: 1 << 40,
        bytes: 77,
        time_min: UnixNanos(i64::MIN),
        time_max: UnixNanos(i64::MAX),
        received_max: UnixNanos(-1),
        wal_from: u64::from(name),
        wal_until: u64::from(name) + 1,
        replaces: vec![id(200), id(201)],
        promoted: 3,
        overflow: vec!["server.port".into(), "odd \"key\", with a comma".into()],
        services: Some(vec!["cart".into(), "é".into()]),
        crc32: u32::MAX,
    }
}

fn hash(name: u8, received: i64) -> (ContentHash, UnixNanos) {
    (ContentHash([name; 16]), UnixNanos(received))
}

async fn open(dir: &Path) -> Catalog {
    Catalog::open(&dir.join("catalog.sqlite"), Settings::default()).await.unwrap()
}

fn adds(parts: &[u8], wal_until: u64) -> Checkpoint {
    Checkpoint { wal_until: Some(wal_until), added: parts.iter().map(|n| part(*n)).collect(), ..Checkpoint::default() }
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    let bare = PartMeta { replaces: vec![], overflow: vec![], services: None, level: 0, ..part(2) };
    let promoted = PromotedSet::default_with(&["order.id".into()]);
    let checkpoint = Checkpoint {
        added: vec![part(1), bare.clone()],
        body_hashes: vec![hash(1, 10), hash(2, i64::MAX)],
        promoted: Some(promoted.clone()),
        ..adds(&[], 42)
    };
    let generation = catalog.commit(&checkpoint).await.unwrap();
    let before = catalog.load().await.unwrap();
    catalog.close().await;
    let catalog = open(dir.path()).await;
    let state = catalog.load().await.unwrap();
    assert_eq!(state.generation, generation + 1, "each opening moves the generation on");
    assert_eq!(CatalogState { generation: before.generation, ..state.clone() }, before);
    assert_eq!((state.checkpoint, state.parts), (42, vec![part(1), bare]));
    assert_eq!(state.body_hashes, [hash(1, 10), hash(2, i64::MAX)]);
    assert_eq!(state.promoted, promoted);
    assert_eq!(state.promoted_versions.keys().copied().collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn the_same_commit_twice_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    catalog.commit(&adds(&[1, 2], 10)).await.unwrap();
    let merge = Checkpoint { removed: vec![id(1), id(2)], now: UnixNanos(5), wal_until: None, ..adds(&[3], 0) };
    for now in [5, 6] {
        catalog.commit(&Checkpoint { now: UnixNanos(now), ..merge.clone() }).await.unwrap();
        // A late repeat of the flush must not bring its parts back.
        catalog.commit(&adds(&[1, 2], 10)).await.unwrap();
        let state = catalog.load().await.unwrap();
        assert_eq!((state.parts, state.checkpoint), (vec![part(3)], 10));
        let retired: Vec<_> = state.retired.iter().map(|r| (r.id, r.since.0, r.path.clone())).collect();
        assert_eq!(retired, [(id(1), 5, part(1).path), (id(2), 5, part(2).path)]);
    }
    catalog.forget_retired(&[id(1)]).await.unwrap();
    assert_eq!(catalog.retired().await.unwrap().iter().map(|r| r.id).collect::<Vec<_>>(), [id(2)]);
}

#[tokio::test]
async fn b13_a_part_that_another_merge_took_fails_the_whole_commit() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    catalog.commit(&adds(&[1, 2, 3], 10)).await.unwrap();
    let merge = |removed: &[u8], added: &[u8]| Checkpoint {
        removed: removed.iter().map(|n| id(*n)).collect(),
        wal_until: None,
        ..adds(added, 0)
    };
    catalog.commit(&merge(&[1, 2], &[4])).await.unwrap();
    let before = catalog.load().await.unwrap();
    let late = Checkpoint { body_hashes: vec![hash(9, 9)], ..merge(&[3, 2], &[5]) };
    let lost = catalog.commit(&late).await;
    assert!(matches!(lost, Err(CatalogError::NotLive(part)) if part == id(2)), "{lost:?}");
    assert_eq!(catalog.load().await.unwrap(), before, "nothing of it was done");
}

#[tokio::test]
async fn the_checkpoint_never_goes_back_and_generations_only_grow() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    let mut last = catalog.load().await.unwrap().generation;
    for (wal_until, expected) in [(Some(7), 7), (Some(3), 7), (None, 7), (Some(8), 8)] {
        let generation = catalog.commit(&Checkpoint { wal_until, ..Checkpoint::default() }).await.unwrap();
        let state = catalog.load().await.unwrap();
        assert_eq!((state.checkpoint, state.generation), (expected, generation));
        assert!(generation > last);
        last = generation;
    }
}

#[tokio::test]
async fn body_hashes_go_when_all_of_their_commit_have_expired() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    let with = |hashes: &[(u8, i64)], expired: i64| Checkpoint {
        body_hashes: hashes.iter().map(|(n, t)| hash(*n, *t)).collect(),
        body_hashes_expired_before: UnixNanos(expired),
        ..Checkpoint::default()
    };
    catalog.commit(&with(&[(1, 10), (2, 20)], 0)).await.unwrap();
    catalog.commit(&with(&[(3, 30)], 15)).await.unwrap();
    assert_eq!(catalog.load().await.unwrap().body_hashes, [hash(1, 10), hash(2, 20), hash(3, 30)]);
    catalog.commit(&with(&[], 21)).await.unwrap();
    assert_eq!(catalog.load().await.unwrap().body_hashes, [hash(3, 30)]);
    let many: Vec<(u8, i64)> = (0..5_000).map(|i| (i as u8, i)).collect();
    catalog.commit(&with(&many, 31)).await.unwrap();
    assert_eq!(catalog.load().await.unwrap().body_hashes.len(), 5_000);
}

#[tokio::test]
async fn values_beyond_the_database_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    let before = catalog.load().await.unwrap();
    let huge = PartMeta { rows: u64::MAX, ..part(2) };
    let error = catalog.commit(&Checkpoint { added: vec![part(1), huge], ..adds(&[], 9) }).await.unwrap_err();
    assert!(matches!(error, CatalogError::Invalid(_)), "{error}");
    assert_eq!(catalog.load().await.unwrap(), before);
}

#[tokio::test]
async fn b9_a_catalog_that_another_holds_is_busy_for_a_bounded_time_and_then_works_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let settings = Settings { busy_timeout: Duration::from_millis(20), ..Settings::default() };
    let catalog = Catalog::open(&path, settings.clone()).await.unwrap();
    let other = Catalog::open(&path, settings.clone()).await.unwrap();
    let held = other.database.begin().await.unwrap();
    let busy = catalog.commit(&adds(&[1], 5)).await.unwrap_err();
    assert!(matches!(busy, CatalogError::Busy) && busy.is_transient(), "{busy}");
    assert!(catalog.load().await.is_ok(), "readers go on");
    let opening = Catalog::open(&path, settings).await.map(|_| ());
    assert!(matches!(opening, Err(CatalogError::Busy)), "{opening:?}");
    held.rollback().await.unwrap();
    catalog.commit(&adds(&[1], 5)).await.unwrap();
    assert_eq!(catalog.load().await.unwrap().parts, [part(1)]);
}

#[tokio::test]
async fn b9_a_damaged_catalog_is_refused_with_the_sentence_that_helps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let catalog = open(dir.path()).await;
    let parts: Vec<u8> = (0..150).collect();
    catalog.commit(&adds(&parts, 5)).await.unwrap();
    catalog.close().await;
    let good = std::fs::read(&path).unwrap();
    let mut torn = good.clone();
    torn[4_096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    for (what, bytes) in
        [("not a database", b"x".repeat(5_000)), ("torn pages", torn), ("cut", good[..good.len() / 2].to_vec())]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = Catalog::open(&path, Settings::default()).await.unwrap_err();
        assert!(matches!(error, CatalogError::Corrupt { .. }), "{what}: {error}");
        assert!(error.to_string().ends_with("run `stormglass fsck --rebuild`"), "{error}");
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_a_disk_error_that_names_it() {
    let error = Catalog::open(Path::new("/nowhere/catalog.sqlite"), Settings::default()).await.unwrap_err();
    assert!(matches!(error, CatalogError::Disk(_)), "{error}");
    assert!(error.to_string().contains("/nowhere/catalog.sqlite"), "{error}");
}

#[tokio::test]
async fn a_catalog_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    sqlx::query("INSERT INTO schema_version (version) VALUES (99)")
        .execute(&mut *catalog.database.writer().await.unwrap())
        .await
        .unwrap();
    catalog.close().await;
    let error = Catalog::open(&dir.path().join("catalog.sqlite"), Settings::default()).await.unwrap_err();
    assert!(error.to_string().ends_with("has schema 99, this version knows up to 1: start a newer version"), "{error}");
}

/// A catalog as version 1 wrote it: never edited. A later version adds its own beside it.
const VERSION_1: &str = include_str!("../golden/version_1.sql");

#[tokio::test]
async fn a16_a_catalog_of_version_1_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    for statement in VERSION_1.split(";\n").filter(|s| !s.trim().is_empty()) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let state = open(dir.path()).await.load().await.unwrap();
    assert_eq!((state.checkpoint, state.generation), (4_711, 18));
    assert_eq!(state.parts, [part(7)]);
    assert_eq!(state.retired, [Retired { id: id(6), path: part(6).path, since: UnixNanos(99) }]);
    assert_eq!(state.body_hashes, [hash(1, 258)]);
    assert_eq!(state.promoted.keys[0].key, "http.route");
}

#[tokio::test]
async fn a17_a_migration_that_was_killed_between_its_steps_goes_on_where_it_stood() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let catalog = open(dir.path()).await;
    catalog.commit(&adds(&[1], 5)).await.unwrap();
    let mut connection = catalog.database.writer().await.unwrap();
    let second: &[&str] = &["CREATE TABLE second (id BIGINT)", "INSERT INTO second VALUES (1)"];
    let broken: &[&str] = &["CREATE TABLE third (id BIGINT)", "INSERT INTO missing VALUES (1)"];
    let third: &[&str] = &["CREATE TABLE third (id BIGINT)"];
    // The third step dies after its first statement; the second stays, nothing of the third does.
    let died = schema::migrate_to(&mut connection, &path, &[schema::STEPS[0], second, broken]).await;
    assert!(died.is_err());
    for _ in 0..2 {
        schema::migrate_to(&mut connection, &path, &[schema::STEPS[0], second, third]).await.unwrap();
    }
    let count: i64 = sqlx::query("SELECT COUNT(*) FROM second").fetch_one(&mut *connection).await.unwrap().get(0);
    assert_eq!(count, 1, "each step once");
    drop(connection);
    assert_eq!(catalog.load().await.unwrap().parts, [part(1)]);
}

#[tokio::test]
async fn a18_a_rebuilt_catalog_holds_what_the_footers_tell_and_keeps_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    std::fs::write(&path, b"torn").unwrap();
    let promoted = PromotedSet::default_with(&[]);
    let flushed = |name: u8, from: u64, until: u64, parts: u32| PartFile {
        meta: PartMeta { wal_from: from, wal_until: until, replaces: vec![], ..part(name) },
        lineage: Lineage { generation: from + 3, origin: Origin::Flush { parts } },
        promoted: Some(promoted.clone()),
    };
    // The second of two parts of the last checkpoint was never written; the WAL has its records.
    let files = vec![flushed(1, 0, 10, 1), flushed(2, 10, 20, 2)];
    for attempt in 1..3 {
        let rebuilt = Catalog::rebuild(&path, files.clone(), Some(5)).await.unwrap();
        assert_eq!(rebuilt.discarded, [(files[1].meta.clone(), crate::Discarded::Uncommitted)]);
        let catalog = open(dir.path()).await;
        let state = catalog.load().await.unwrap();
        assert_eq!((state.checkpoint, &state.parts), (10, &vec![files[0].meta.clone()]));
        assert!(state.generation > 13, "beyond every footer");
        assert_eq!(state.promoted, promoted);
        catalog.close().await;
        assert!(dir.path().join(format!("catalog.sqlite.damaged-{attempt}")).exists());
    }
    assert_eq!(std::fs::read(dir.path().join("catalog.sqlite.damaged-1")).unwrap(), b"torn");
}
