//! A data directory, its clock and its disk, which stay while engines come and go.

use crate::rows::{self, Row};
use arrow::array::RecordBatch;
use catalog::Catalog;
use engine::{
    Ack, Append, Compression, Deps, Encoding, Engine, EngineError, RecordHead, Refusal, Repeat, Settings, Source, View,
    settle_promoted,
};
use model::{Clock, ContentHash, ManualClock, Signal, UnixNanos, Workspace};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use parts::{Location, PartStore};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tables::TableId;
use tempfile::TempDir;
use wal::DataDirLock;
use wal::sim::SimDisk;

/// Noon of 2023-11-14.
pub(crate) const NOON: UnixNanos = UnixNanos(1_699_963_200 * UnixNanos::SECOND);

#[derive(Debug)]
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) free: Arc<AtomicU64>,
    pub(crate) settings: Settings,
    /// Where parts lie instead of `parquet/`.
    pub(crate) bucket: Option<Arc<InMemory>>,
    /// How long the catalog waits for a lock.
    pub(crate) catalog_busy: Duration,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// Small bounds, so that little data meets them; and then what the test wants.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(dir.path());
        settings.wal_segment_bytes = 64 * 1024;
        settings.wal_pool_segments_max = 2;
        settings.flush_retry = (Duration::from_millis(10), Duration::from_millis(20));
        settings.compaction.enabled = false;
        settings.retention.age.clear();
        change(&mut settings);
        let clock = Arc::new(ManualClock::at(NOON));
        clock.advance(Duration::from_secs(86_400));
        Self {
            dir,
            disk: SimDisk::new(1),
            clock,
            free: Arc::new(AtomicU64::new(1 << 40)),
            settings,
            bucket: None,
            catalog_busy: Duration::from_secs(10),
        }
    }

    pub(crate) async fn open(&self) -> Arc<Engine> {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Arc<Engine>, EngineError> {
        let lock = DataDirLock::acquire(self.dir.path())?;
        let catalog = Catalog::open(&self.catalog_path(), self.catalog_settings()).await?;
        let promoted = settle_promoted(&catalog, &rows::promoted()).await?;
        let free = self.free.clone();
        let deps = Deps {
            lock,
            clock: self.clock.clone(),
            disk: Arc::new(self.disk.clone()),
            parts: self.part_store(),
            catalog,
            decode: Arc::new(rows::decode),
            promoted,
            disk_free: Arc::new(move |_: &Path| Ok(free.load(Ordering::SeqCst))),
        };
        Engine::open(self.settings.clone(), deps).await
    }

    /// As after a power cut: what was not synced is lost.
    pub(crate) async fn crash(&self, engine: Arc<Engine>) {
        let alone = Arc::try_unwrap(engine).expect("nobody else holds the engine");
        // Dropping waits for the WAL thread: not on a runtime thread.
        tokio::task::spawn_blocking(move || drop(alone)).await.unwrap();
        self.disk.crash();
    }

    pub(crate) fn part_store(&self) -> PartStore {
        if let Some(bucket) = &self.bucket {
            let s3 = parts::S3 {
                url: "s3://bucket".into(),
                endpoint: None,
                region: "here".into(),
                access_key: None,
                secret_key: None,
                allow_http: true,
                path_style: true,
            };
            let location = Location::S3 { s3, staging: self.dir.path().join("staging") };
            return PartStore::over(bucket.clone(), parts::Settings::at(location)).unwrap();
        }
        let (parquet, replaced) = (self.parquet(), self.dir.path().join("replaced"));
        let mut settings = parts::Settings::at(Location::Local { parquet, replaced });
        settings.encode_threads = 1;
        PartStore::open(settings).unwrap()
    }

    pub(crate) fn catalog_path(&self) -> PathBuf {
        self.dir.path().join("catalog.sqlite")
    }

    fn catalog_settings(&self) -> catalog::Settings {
        catalog::Settings { busy_timeout: self.catalog_busy, ..catalog::Settings::default() }
    }

    pub(crate) fn parquet(&self) -> PathBuf {
        self.dir.path().join("parquet")
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().0
    }

    /// The files below `parquet/`, relative to it.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut dirs = vec![self.parquet()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.extension().is_some_and(|e| e == "parquet") {
                    found.insert(path.strip_prefix(self.parquet()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found
    }

    /// Rows of a view, hot and in files, as a reader finds them.
    pub(crate) fn read(&self, view: &View) -> Vec<RecordBatch> {
        let mut rows: Vec<RecordBatch> = view.hot.iter().map(|c| c.batch.rows.clone()).collect();
        for part in &view.parts {
            let read = rows::read_parquet(self.read_file(&part.path));
            assert_eq!(read.iter().map(|b| b.num_rows() as u64).sum::<u64>(), part.rows, "{}", part.path);
            rows.extend(read);
        }
        rows
    }

    fn read_file(&self, path: &str) -> Vec<u8> {
        if let Some(bucket) = &self.bucket {
            let bytes = async { bucket.get(&path.into()).await.unwrap().bytes().await.unwrap() };
            return futures::executor::block_on(bytes).to_vec();
        }
        let file = std::fs::read(self.parquet().join(path));
        let file = file.or_else(|_| std::fs::read(self.dir.path().join("replaced").join(path)));
        file.unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// How often each span is seen.
    pub(crate) fn numbers(&self, engine: &Engine) -> BTreeMap<u64, u32> {
        let mut numbers = BTreeMap::new();
        for batch in self.read(&engine.view(&Workspace::default(), &[TableId::Spans])) {
            rows::count_numbers(&batch, &mut numbers);
        }
        numbers
    }

    /// Every one of `expected` is seen once and nothing else is.
    pub(crate) fn assert_exactly(&self, engine: &Engine, expected: impl IntoIterator<Item = u64>) {
        let expected: BTreeMap<u64, u32> = expected.into_iter().map(|n| (n, 1)).collect();
        let found = self.numbers(engine);
        let wrong = |a: &BTreeMap<u64, u32>, b: &BTreeMap<u64, u32>| {
            a.iter().filter(|(n, c)| b.get(n) != Some(c)).map(|(n, c)| (*n, *c)).collect::<Vec<_>>()
        };
        assert_eq!(
            (wrong(&expected, &found), wrong(&found, &expected)),
            (vec![], vec![]),
            "(expected, found) where they differ"
        );
    }

    /// The files under `parquet/` are exactly the live parts.
    pub(crate) fn assert_files_are_live_parts(&self, engine: &Engine) {
        let live: BTreeSet<String> = engine.parts_of(&Workspace::default()).iter().map(|p| p.path.clone()).collect();
        assert_eq!(self.files(), live);
    }

    /// How many spans of the last day there are.
    pub(crate) fn recent(&self, engine: &Engine) -> u64 {
        let since = self.now() - UnixNanos::DAY;
        let batches = self.read(&engine.view(&Workspace::default(), &[TableId::Spans]));
        batches.iter().map(|batch| rows::count_since(batch, since)).sum()
    }

    /// How many spans of the last day the request rates tell of.
    pub(crate) fn counted(&self, engine: &Engine) -> u64 {
        let since = self.now() - UnixNanos::DAY;
        let batches = self.read(&engine.view(&Workspace::default(), &[TableId::Red]));
        batches.iter().map(|batch| rows::sum_since(batch, "calls", since)).sum::<i64>() as u64
    }

    /// Sum of a ledger column over everything.
    pub(crate) fn ledger(&self, engine: &Engine, column: &str) -> i64 {
        let view = engine.view(&Workspace::default(), &[TableId::Ledger]);
        self.read(&view).iter().map(|batch| rows::sum(batch, column)).sum()
    }
}

/// `count` rows from `first` on, a second apart, of three services.
pub(crate) fn rows(first: u64, count: u64, time: i64) -> Vec<Row> {
    (first..first + count)
        .map(|number| Row { number, service: (number % 3) as u8, time: time + (number - first) as i64 })
        .collect()
}

/// A client that sends what it is given, once.
pub(crate) async fn send(house: &House, engine: &Engine, rows: &[Row]) -> Result<Sent, Refusal> {
    send_bytes(house, engine, rows::body(rows)).await
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    Stored(Ack),
    Repeat,
}

pub(crate) fn head(received: UnixNanos, body: &[u8]) -> RecordHead {
    RecordHead {
        signal: Signal::Traces,
        workspace: Workspace::default(),
        token: None,
        encoding: Encoding::Protobuf,
        compression: Compression::None,
        received,
        decoder_version: 1,
        body_hash: ContentHash::of_body(1, body),
    }
}

pub(crate) async fn send_bytes(house: &House, engine: &Engine, body: Vec<u8>) -> Result<Sent, Refusal> {
    let permit = engine.admit(body.len() as u64)?;
    let head = head(house.clock.now(), &body);
    let (workspace, received) = (head.workspace.clone(), head.received);
    let decoded = || rows::decode(&head, &body).unwrap_or_else(|_| tables::Batches::default());
    match engine.repeat_of(&workspace, head.body_hash).await {
        Repeat::New(ticket) => {
            let (batches, admitted) = (decoded(), body.len() as u64);
            let append = Append { head, body: body.into(), batches, admitted };
            engine.append(append, ticket, permit).await.map(Sent::Stored)
        }
        Repeat::Seen => {
            let source = Source { workspace: &workspace, token: None, signal: Signal::Traces, received };
            engine.count_repeated(&source, &decoded().senders);
            Ok(Sent::Repeat)
        }
        Repeat::Refused(refusal) => Err(refusal),
    }
}
