//! Rows on their way: what one request turned into.

use crate::TableId;
use arrow::array::RecordBatch;
use model::ContentHash;

/// Rows of one table with the facts the store prunes and accounts by, so that nobody recomputes them.
#[derive(Clone, Debug)]
pub struct TableBatch {
    pub table: TableId,
    /// Columns exactly as `TableSpec::new(table, promoted).schema`.
    pub rows: RecordBatch,
    /// Smallest and largest event time, Unix nanoseconds.
    pub time_min: i64,
    pub time_max: i64,
    /// Promoted keys of which at least one value was of another type and lies in the map.
    pub overflow: Vec<String>,
}

/// All that one request, or one replayed WAL record, turned into.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    pub tables: Vec<TableBatch>,
    /// What came from whom, for the ledger: one entry per resource of the request.
    pub senders: Vec<SenderCount>,
}

/// Items of one sender in one request.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SenderCount {
    /// `service.name` ("unknown_service" where absent).
    pub service: String,
    /// `service.instance.id`, else `k8s.pod.name`, else `host.name`.
    pub instance: Option<String>,
    pub accepted: u64,
    pub refused: u64,
    /// Growth of the sender's own drop counters (SDK and Collector self-metrics) as this request
    /// states it by delta sums.
    pub dropped_by_sender: u64,
    /// The sender's cumulative drop counters as they stand: growth is known only to who remembers the last reading.
    pub drop_counters: Vec<DropCounter>,
}

/// A reading of a cumulative counter of items that a sender lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DropCounter {
    /// The metric series it is (`series_id`).
    pub series: ContentHash,
    pub cumulative: u64,
}
