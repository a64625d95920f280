//! What the engine counts and how it names it for `/metrics`.
//!
//! Names are `stormglass_<part>_<noun>_<unit>`; labels come from closed lists only.

use crate::admit::RefusalReason;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or a gauge set by one owner.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything counted since the engine was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    refused: [Counter; RefusalReason::ALL.len()],
    pub(crate) appended_requests: Counter,
    pub(crate) appended_bytes: Counter,
    pub(crate) appended_rows: Counter,
    pub(crate) append_groups: Counter,
    pub(crate) repeated_requests: Counter,
    pub(crate) repeats_forgotten_early: Counter,
    pub(crate) rows_known: Counter,
    pub(crate) known_ids_dropped: Counter,
    pub(crate) chunks_coalesced: Counter,
    pub(crate) ledger_overflows: Counter,
    pub(crate) drop_series_ignored: Counter,
    pub(crate) flushes: Counter,
    pub(crate) flush_failures: Counter,
    pub(crate) flushed_rows: Counter,
    pub(crate) flushed_parts: Counter,
    pub(crate) flush_partition_overflow_rows: Counter,
    pub(crate) compactions: Counter,
    pub(crate) compaction_failures: Counter,
    pub(crate) compacted_rows: Counter,
    pub(crate) compacted_parts: Counter,
    pub(crate) compacted_bytes: Counter,
    pub(crate) replaced_removed: Counter,
    pub(crate) retention_parts: Counter,
    pub(crate) retention_holds: Counter,
    pub(crate) space_parts: Counter,
    pub(crate) replayed_records: Counter,
    pub(crate) replayed_rows: Counter,
    pub(crate) replayed_repeats: Counter,
    pub(crate) replay_corruptions: Counter,
    pub(crate) replay_quarantined: Counter,
    pub(crate) orphans_removed: Counter,
    pub(crate) wal: WalFigures,
}

/// Copied from the log after each group by the thread that owns it.
#[derive(Debug, Default)]
pub(crate) struct WalFigures {
    pub(crate) written_bytes: Counter,
    pub(crate) fdatasyncs: Counter,
    pub(crate) failed_syncs: Counter,
    pub(crate) failed_writes: Counter,
    pub(crate) segments_live: Counter,
    pub(crate) segments_spare: Counter,
    pub(crate) bytes_spare: Counter,
}

impl Counters {
    pub(crate) fn refused(&self, reason: RefusalReason) {
        self.refused[reason as usize].add(1);
    }

    pub(crate) fn refused_for(&self, reason: RefusalReason) -> u64 {
        self.refused[reason as usize].get()
    }
}

/// How a metric is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Counter,
    Gauge,
}

/// One sample of `/metrics`.
#[derive(Clone, PartialEq, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

/// Gauges that are read at the moment of asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    pub(crate) inflight_bytes: u64,
    pub(crate) inflight_requests: u64,
    pub(crate) queue_requests: u64,
    pub(crate) memtable_bytes: u64,
    pub(crate) memtable_rows: u64,
    pub(crate) memtable_chunks: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) disk_free: Option<u64>,
    pub(crate) disk_used: u64,
    pub(crate) parts: u64,
    pub(crate) parts_level0: u64,
    pub(crate) parts_bytes: u64,
    pub(crate) parts_rows: u64,
    pub(crate) repeat_entries: u64,
    pub(crate) ready: bool,
}

fn metric(kind: Kind, name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric { name, help, kind, labels: vec![], value: value as f64 }
}

fn counter(name: &'static str, help: &'static str, value: &Counter) -> Metric {
    metric(Kind::Counter, name, help, value.get())
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Metric {
    metric(Kind::Gauge, name, help, value)
}

/// Every figure of the engine.
pub(crate) fn metrics(c: &Counters, now: &Levels) -> Vec<Metric> {
    let mut out = [appending(c), checkpoints(c), upkeep(c), recovery(c), wal(c), levels(now)].concat();
    out.extend(now.disk_free.map(|free| {
        gauge("stormglass_engine_disk_free_bytes", "Free bytes of the data directory's file system.", free)
    }));
    out.extend(RefusalReason::ALL.map(|reason| Metric {
        labels: vec![("reason", reason.as_str().to_owned())],
        ..metric(
            Kind::Counter,
            "stormglass_engine_refused_requests_total",
            "Requests not taken, by reason.",
            c.refused_for(reason),
        )
    }));
    out
}

/// What came in.
fn appending(c: &Counters) -> Vec<Metric> {
    vec![
        counter("stormglass_engine_appended_requests_total", "Requests stored.", &c.appended_requests),
        counter("stormglass_engine_appended_bytes_total", "Bytes of stored requests, unpacked.", &c.appended_bytes),
        counter("stormglass_engine_appended_rows_total", "Rows stored, over all tables.", &c.appended_rows),
        counter(
            "stormglass_engine_append_groups_total",
            "Groups of requests made durable by one sync.",
            &c.append_groups,
        ),
        counter(
            "stormglass_engine_repeated_requests_total",
            "Repeats of stored requests, acknowledged and not stored again.",
            &c.repeated_requests,
        ),
        counter(
            "stormglass_engine_repeats_forgotten_total",
            "Body hashes forgotten before their window ended: too many.",
            &c.repeats_forgotten_early,
        ),
        counter(
            "stormglass_engine_known_rows_total",
            "Resource and series rows not written again on the same day.",
            &c.rows_known,
        ),
        counter(
            "stormglass_engine_known_ids_dropped_total",
            "Times the set of known resources and series was full and began anew.",
            &c.known_ids_dropped,
        ),
        counter(
            "stormglass_engine_coalesced_chunks_total",
            "Small hot chunks merged into larger ones.",
            &c.chunks_coalesced,
        ),
        counter(
            "stormglass_engine_ledger_overflows_total",
            "Ledger counts filed under __overflow__: too many senders.",
            &c.ledger_overflows,
        ),
        counter(
            "stormglass_engine_drop_series_ignored_total",
            "Readings of senders' drop counters not followed: too many counters.",
            &c.drop_series_ignored,
        ),
    ]
}

/// What was written to Parquet.
fn checkpoints(c: &Counters) -> Vec<Metric> {
    vec![
        counter("stormglass_engine_flushes_total", "Checkpoints committed.", &c.flushes),
        counter(
            "stormglass_engine_flush_failures_total",
            "Attempts at a checkpoint that failed; each is repeated.",
            &c.flush_failures,
        ),
        counter("stormglass_engine_flushed_rows_total", "Rows written to Parquet by checkpoints.", &c.flushed_rows),
        counter("stormglass_engine_flushed_parts_total", "Parts written by checkpoints.", &c.flushed_parts),
        counter(
            "stormglass_engine_partition_overflow_rows_total",
            "Rows filed under their date of receipt: too many dates in one checkpoint.",
            &c.flush_partition_overflow_rows,
        ),
    ]
}

/// What was merged and what was deleted.
fn upkeep(c: &Counters) -> Vec<Metric> {
    vec![
        counter("stormglass_engine_compactions_total", "Merges of parts committed.", &c.compactions),
        counter(
            "stormglass_engine_compaction_failures_total",
            "Merges that failed; their inputs stay.",
            &c.compaction_failures,
        ),
        counter("stormglass_engine_compacted_rows_total", "Rows rewritten by merges.", &c.compacted_rows),
        counter("stormglass_engine_compacted_parts_total", "Parts replaced by merges.", &c.compacted_parts),
        counter("stormglass_engine_compacted_bytes_total", "Bytes written by merges.", &c.compacted_bytes),
        counter("stormglass_engine_replaced_removed_total", "Replaced files deleted.", &c.replaced_removed),
        counter("stormglass_engine_retention_parts_total", "Parts deleted because of their age.", &c.retention_parts),
        counter(
            "stormglass_engine_retention_holds_total",
            "Retention passes that deleted nothing because the clock is in doubt.",
            &c.retention_holds,
        ),
        counter(
            "stormglass_engine_space_parts_total",
            "Parts deleted to stay below the bound on disk use.",
            &c.space_parts,
        ),
    ]
}

/// What was found at start.
fn recovery(c: &Counters) -> Vec<Metric> {
    vec![
        counter("stormglass_engine_replayed_records_total", "WAL records read again at start.", &c.replayed_records),
        counter("stormglass_engine_replayed_rows_total", "Rows made of them.", &c.replayed_rows),
        counter(
            "stormglass_engine_replayed_repeats_total",
            "WAL records that were in the log twice.",
            &c.replayed_repeats,
        ),
        counter(
            "stormglass_wal_corruption_total",
            "Damaged places in the WAL that replay stepped over.",
            &c.replay_corruptions,
        ),
        counter(
            "stormglass_engine_quarantined_records_total",
            "WAL records that no longer decode, put aside.",
            &c.replay_quarantined,
        ),
        counter(
            "stormglass_engine_orphans_removed_total",
            "Part files of unfinished work removed at start.",
            &c.orphans_removed,
        ),
    ]
}

/// What the log on disk did and holds.
fn wal(c: &Counters) -> Vec<Metric> {
    vec![
        counter("stormglass_wal_written_bytes_total", "Bytes written to the WAL.", &c.wal.written_bytes),
        counter("stormglass_wal_fdatasync_total", "Syncs of WAL segments.", &c.wal.fdatasyncs),
        counter(
            "stormglass_wal_failed_syncs_total",
            "Syncs that failed; the segment was given up.",
            &c.wal.failed_syncs,
        ),
        counter("stormglass_wal_failed_writes_total", "Writes that failed.", &c.wal.failed_writes),
        gauge("stormglass_wal_segments_live", "WAL segments not yet released.", c.wal.segments_live.get()),
        gauge("stormglass_wal_segments_spare", "WAL segments kept ready.", c.wal.segments_spare.get()),
        gauge("stormglass_wal_spare_bytes", "Bytes of WAL segments kept ready.", c.wal.bytes_spare.get()),
    ]
}

/// How things stand now.
fn levels(now: &Levels) -> Vec<Metric> {
    vec![
        gauge("stormglass_wal_live_bytes", "Bytes of WAL not yet in Parquet.", now.wal_bytes),
        gauge(
            "stormglass_engine_inflight_bytes",
            "Request bytes between admission and acknowledgement.",
            now.inflight_bytes,
        ),
        gauge(
            "stormglass_engine_inflight_requests",
            "Requests between admission and acknowledgement.",
            now.inflight_requests,
        ),
        gauge("stormglass_engine_queue_requests", "Requests waiting for the WAL thread.", now.queue_requests),
        gauge("stormglass_engine_memtable_bytes", "Admitted bytes of rows in memory.", now.memtable_bytes),
        gauge("stormglass_engine_memtable_rows", "Rows in memory.", now.memtable_rows),
        gauge("stormglass_engine_memtable_chunks", "Hot chunks in memory.", now.memtable_chunks),
        gauge("stormglass_engine_repeat_entries", "Body hashes remembered.", now.repeat_entries),
        gauge("stormglass_parts_live", "Live Parquet files.", now.parts),
        gauge("stormglass_parts_level0", "Live Parquet files not yet compacted.", now.parts_level0),
        gauge("stormglass_parts_bytes", "Bytes of live Parquet files.", now.parts_bytes),
        gauge("stormglass_parts_rows", "Rows of live Parquet files.", now.parts_rows),
        gauge("stormglass_engine_disk_used_bytes", "Bytes of parts and WAL.", now.disk_used),
        gauge("stormglass_engine_ready", "1 if nothing stands in the way of taking data in.", u64::from(now.ready)),
    ]
}

/// What is said of request rates and edges.
pub(crate) fn rollup_metrics(stats: &rollup::Stats) -> Vec<Metric> {
    let metric = |kind, name, help, value: u64| Metric { name, help, kind, labels: vec![], value: value as f64 };
    let counter = |name, help, value| metric(Kind::Counter, name, help, value);
    let gauge = |name, help, value| metric(Kind::Gauge, name, help, value);
    vec![
        counter("stormglass_rollup_spans_total", "Spans counted in request rates.", stats.spans),
        counter(
            "stormglass_rollup_duplicate_spans_total",
            "Copies of a span that was counted already; stored, not counted.",
            stats.duplicates,
        ),
        counter("stormglass_rollup_linked_spans_total", "Calls counted between services.", stats.linked),
        counter("stormglass_rollup_parked_spans_total", "Spans and links that came before their parent.", stats.parked),
        counter(
            "stormglass_rollup_resolved_late_total",
            "Parked spans whose parent came after a checkpoint.",
            stats.resolved_late,
        ),
        counter(
            "stormglass_rollup_reconciled_total",
            "Parked spans whose parent was found among stored spans.",
            stats.reconciled,
        ),
        counter(
            "stormglass_rollup_evicted_parents_total",
            "Parents given up in memory while children waited for them; found among stored spans later.",
            stats.evicted,
        ),
        counter(
            "stormglass_rollup_unparked_spans_total",
            "Spans without a parent that found no room to wait in memory.",
            stats.unparked,
        ),
        counter(
            "stormglass_rollup_operations_overflowed_total",
            "Spans counted under the operation __overflow__: too many operations of a service.",
            stats.operations_overflowed,
        ),
        counter(
            "stormglass_rollup_edges_overflowed_total",
            "Edges counted to the node __overflow__: too many edges.",
            stats.edges_overflowed,
        ),
        counter(
            "stormglass_rollup_names_overflowed_total",
            "Services and nodes counted as __overflow__: too many names.",
            stats.names_overflowed,
        ),
        gauge("stormglass_rollup_waiting_spans", "Spans and links that wait for their parent.", stats.waiting),
        gauge("stormglass_rollup_memory_bytes", "Memory of recent spans, in bytes.", stats.memory_bytes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_pattern_and_no_sample_comes_twice() {
        let counters = Counters::default();
        counters.refused(RefusalReason::Flush);
        let all = metrics(&counters, &Levels { disk_free: Some(1), ..Levels::default() });
        let mut seen = std::collections::HashSet::new();
        for m in all.iter().chain(&rollup_metrics(&rollup::Stats::default())) {
            assert!(m.name.starts_with("stormglass_"), "{}", m.name);
            assert!(m.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{}", m.name);
            assert_eq!(m.kind == Kind::Counter, m.name.ends_with("_total"), "{}", m.name);
            assert!(seen.insert((m.name, m.labels.clone())), "{} comes twice", m.name);
        }
        let flush = all.iter().find(|m| m.labels.iter().any(|(_, v)| v == "flush")).unwrap();
        assert_eq!(flush.value, 1.0);
    }
}
