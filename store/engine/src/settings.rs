//! Every bound of the engine, with its default.
//!
//! The defaults keep the whole process under 512 MB while it takes in spans as fast as two cores
//! can: one generation of rows fills while at most one other is being written.

use crate::failpoint::Failpoint;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tables::TableId;
use wal::Durability;

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(86_400);

/// Bounds and times of one engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Holds `wal/`, `parquet/`, `replaced/` and the catalog.
    pub data_dir: PathBuf,
    /// What an acknowledgement means; anything but `Fsync` is shown as unsafe.
    pub durability: Durability,

    /// Request bytes between admission and acknowledgement; more is refused.
    pub inflight_bytes_max: u64,
    /// Requests waiting for the WAL thread; more are refused.
    pub append_queue_max: usize,
    /// A group of records is written at once when it holds this many bytes ...
    pub group_commit_bytes: u64,
    /// ... or when its first record has waited this long while others were on their way.
    pub group_commit_wait: Duration,
    /// Bytes of one WAL segment.
    pub wal_segment_bytes: u64,
    /// Recycled WAL segments kept ready.
    pub wal_pool_segments_max: usize,
    /// Bytes of WAL not yet in Parquet; more is refused (an object store that is down fills it).
    pub wal_bytes_max: u64,

    /// Admitted bytes of rows in memory, over the filling and the sealed generation; more is refused.
    pub memtable_bytes_max: u64,
    /// A generation is sealed at this many rows over all tables ...
    pub flush_rows: u64,
    /// ... or this many admitted bytes ...
    pub flush_bytes: u64,
    /// ... or when its oldest row is this old.
    pub flush_after: Duration,
    /// A generation that holds nothing but counts of refused and repeated items waits this long.
    pub flush_counts_after: Duration,
    /// Date partitions that one flush may write per workspace and table; rows beyond go to the date of receipt.
    pub flush_partitions_max: usize,
    /// Parts that one flush encodes at a time.
    pub flush_parallel: usize,
    /// Pause before a failed flush is tried again: doubled from the first to the second value.
    pub flush_retry: (Duration, Duration),

    /// Hot batches of fewer rows are merged with their neighbours.
    pub coalesce_rows: usize,
    /// How many small neighbours are merged at a time: each row is copied once per power of this.
    pub coalesce_fan_in: usize,
    /// A row is accounted by at least this many bytes, however little was sent for it.
    pub row_bytes_min: u64,
    /// What one hot chunk costs beside its rows (arrays, buffers, reference counts), as accounted.
    pub chunk_overhead_bytes: u64,

    /// WAL records that no longer decode, kept in files of their own; with more, the engine does not start.
    pub undecodable_records_max: usize,

    /// How long a repeat of the same bytes is recognised.
    pub repeat_window: Duration,
    /// Body hashes remembered at most; beyond, the oldest are forgotten before their time, counted.
    pub repeat_entries_max: usize,
    /// Ids of resources and series known to be written today, at most; beyond, they are written again.
    pub known_ids_max: usize,
    /// Senders times minutes of the ledger held in one generation; beyond, counts go to the sender `__overflow__`.
    pub ledger_rows_max: usize,
    /// Drop counters of senders that are followed.
    pub drop_series_max: usize,
    /// Senders counted apart in `/metrics`; those beyond are `__overflow__` there.
    pub ledger_senders_max: usize,

    /// Request rates and edges.
    pub rollups: rollup::Settings,

    pub compaction: CompactionSettings,
    pub retention: RetentionSettings,
    pub space: SpaceSettings,

    /// For fault tests only: where to die.
    pub failpoint: Option<Failpoint>,
}

/// When small files become large ones.
#[derive(Clone, Debug)]
pub struct CompactionSettings {
    pub enabled: bool,
    /// Flushed parts of one hour are merged when the hour has been over, and nothing came, for this long ...
    pub settle: Duration,
    /// ... or when the flushed parts of one day hold this many bytes ...
    pub bytes: u64,
    /// ... or are this many.
    pub parts: usize,
    /// Bytes that one merge reads at most ...
    pub input_bytes_max: u64,
    /// ... and files; no more than the part store reads side by side.
    pub inputs_max: usize,
    /// The longest query deadline plus 60 s: replaced files are kept this long.
    pub replaced_keep: Duration,
}

/// How long rows are kept.
#[derive(Clone, Debug)]
pub struct RetentionSettings {
    /// Age by table, from the later of event and receipt; a table not named is kept for ever.
    pub age: BTreeMap<TableId, Duration>,
    /// When the clock cannot be trusted, a pass that would delete more than this share of all parts deletes none.
    pub share_max: f64,
    /// How often ages are looked at.
    pub interval: Duration,
}

/// How much disk may be used.
#[derive(Clone, Debug)]
pub struct SpaceSettings {
    /// Free bytes of the data directory's file system below which nothing is taken in.
    pub disk_reserve_bytes: u64,
    /// Bytes that parts and WAL may use; `None`: as much as there is.
    pub disk_use_max: Option<u64>,
    /// Whether the oldest parts are deleted to stay below `disk_use_max`; if not, ingest is refused there.
    pub by_space: bool,
    /// How long a plan to delete is shown before it is carried out.
    pub notice: Duration,
    /// How often the file system is asked.
    pub interval: Duration,
}

impl Settings {
    /// The defaults for a data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durability: Durability::Fsync,
            inflight_bytes_max: 96 * MIB,
            append_queue_max: 1024,
            group_commit_bytes: 4 * MIB,
            group_commit_wait: Duration::from_millis(2),
            wal_segment_bytes: 64 * MIB,
            wal_pool_segments_max: 4,
            wal_bytes_max: 8 * 1024 * MIB,
            memtable_bytes_max: 192 * MIB,
            flush_rows: 196_608,
            flush_bytes: 72 * MIB,
            flush_after: Duration::from_secs(30),
            flush_counts_after: Duration::from_secs(120),
            flush_partitions_max: 64,
            flush_parallel: 2,
            flush_retry: (Duration::from_secs(1), Duration::from_secs(30)),
            coalesce_rows: 256,
            coalesce_fan_in: 16,
            row_bytes_min: 256,
            chunk_overhead_bytes: 16 * 1024,
            undecodable_records_max: 1_000,
            repeat_window: Duration::from_secs(15 * 60),
            repeat_entries_max: 500_000,
            known_ids_max: 500_000,
            ledger_rows_max: 50_000,
            drop_series_max: 10_000,
            ledger_senders_max: 1_000,
            rollups: rollup::Settings::default(),
            compaction: CompactionSettings::default(),
            retention: RetentionSettings::default(),
            space: SpaceSettings::default(),
            failpoint: None,
        }
    }
}

impl Default for CompactionSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            settle: Duration::from_secs(60),
            bytes: 384 * MIB,
            parts: 64,
            input_bytes_max: 512 * MIB,
            inputs_max: 16,
            replaced_keep: Duration::from_secs(120),
        }
    }
}

impl Default for RetentionSettings {
    /// Spans and logs for 30 days, metrics, what they refer to and heartbeats for 90, the ledger, business events and changes for a year.
    fn default() -> Self {
        let age = BTreeMap::from([
            (TableId::Spans, 30 * DAY),
            (TableId::Logs, 30 * DAY),
            (TableId::Metrics, 90 * DAY),
            (TableId::Ledger, 365 * DAY),
            (TableId::BusinessEvents, 365 * DAY),
            (TableId::EntityChanges, 365 * DAY),
            (TableId::Changes, 365 * DAY),
            (TableId::Heartbeats, 90 * DAY),
            (TableId::Red, 400 * DAY),
            (TableId::ServiceEdges, 400 * DAY),
            (TableId::EdgesPending, 2 * DAY),
        ]);
        Self { age, share_max: 0.25, interval: Duration::from_secs(60) }
    }
}

impl RetentionSettings {
    /// The age at which rows of a table go; `None` for ever. Resources and series outlive every
    /// table that refers to them by a day, because a part of yesterday may name them.
    pub fn age_of(&self, table: TableId) -> Option<Duration> {
        let referring: &[TableId] = match table {
            TableId::Resources => &[TableId::Spans, TableId::Logs, TableId::Metrics],
            TableId::Series => &[TableId::Metrics],
            _ => return self.age.get(&table).copied(),
        };
        let longest = referring.iter().map(|t| self.age.get(t).copied()).collect::<Option<Vec<_>>>()?;
        longest.into_iter().max().map(|age| age + DAY)
    }
}

impl Default for SpaceSettings {
    fn default() -> Self {
        Self {
            disk_reserve_bytes: 256 * MIB,
            disk_use_max: None,
            by_space: false,
            notice: Duration::from_secs(60),
            interval: Duration::from_millis(500),
        }
    }
}
