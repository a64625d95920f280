//! What the tables of one query share: the view, once it is there, and what surrounds the rows.

use crate::derive::Surroundings;
use crate::view::View;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::execution::object_store::ObjectStoreUrl;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The view and all that plans need beside it.
#[derive(Debug)]
pub struct Prepared {
    pub view: View,
    pub around: Surroundings,
    /// Filter rows while reading, because few are wanted.
    pub few_rows: bool,
    /// Scans give one stream.
    pub one_stream: bool,
}

/// Counted while plans are made.
#[derive(Debug, Default)]
pub struct Counts {
    pub parts_considered: AtomicU64,
    pub parts_pruned: AtomicU64,
    pub hot_rows: AtomicU64,
}

impl Counts {
    /// Begins anew, when a first step's scans are planned again for the second.
    pub fn forget(&self) {
        for counter in [&self.parts_considered, &self.parts_pruned, &self.hot_rows] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// One query's access to the store.
#[derive(Debug)]
pub struct QueryScope {
    pub url: ObjectStoreUrl,
    pub reader: Arc<dyn ParquetFileReaderFactory>,
    pub counts: Counts,
    prepared: OnceLock<Prepared>,
}

impl QueryScope {
    pub fn new(url: ObjectStoreUrl, reader: Arc<dyn ParquetFileReaderFactory>) -> Self {
        Self { url, reader, counts: Counts::default(), prepared: OnceLock::new() }
    }

    /// Set once, between logical and physical planning.
    pub fn prepare(&self, prepared: Prepared) -> Result<()> {
        self.prepared.set(prepared).map_err(|_| internal_datafusion_err!("a query has only one view"))
    }

    pub fn prepared(&self) -> Result<&Prepared> {
        self.prepared.get().ok_or_else(|| internal_datafusion_err!("a scan was planned before its view"))
    }
}
