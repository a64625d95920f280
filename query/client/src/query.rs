//! A question, its answer as it streams in, and what is said at its end.

use crate::QueryError;
use crate::connection::{Event, Ticket};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::Stream;
use model::Workspace;
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Who asks: people can never take the place that rules need.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lane {
    #[default]
    People,
    Rules,
}

/// Whether who asks may read the audit log, which is for administrators.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AuditLog {
    /// Its table has no rows, and the answer says that it is not complete.
    #[default]
    Hidden,
    Shown,
}

#[derive(Clone, Debug)]
pub struct QueryRequest {
    pub workspace: Workspace,
    pub sql: String,
    /// Cut the result after so many rows; `Settings::rows_max` where absent or larger.
    pub limit_rows: Option<u64>,
    /// `Settings::timeout_default` where absent; at most `Settings::timeout_max`.
    pub timeout: Option<Duration>,
    pub lane: Lane,
    pub audit: AuditLog,
}

impl QueryRequest {
    pub fn new(workspace: Workspace, sql: impl Into<String>) -> Self {
        Self {
            workspace,
            sql: sql.into(),
            limit_rows: None,
            timeout: None,
            lane: Lane::People,
            audit: AuditLog::Hidden,
        }
    }
}

/// What a query cost and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Rows that left the scans, after what the files' readers could filter.
    pub rows_scanned: u64,
    /// Bytes read from Parquet files.
    pub bytes_scanned: u64,
    /// Live parts of the tables in question.
    pub parts_considered: u64,
    /// Of these, not opened: by time, services, file statistics, or an early stop.
    pub parts_pruned: u64,
    pub parts_read: u64,
    /// Row groups of opened parts that statistics or bloom filters excluded.
    pub row_groups_pruned: u64,
    /// Rows not yet in files that were looked at.
    pub hot_rows: u64,
    pub elapsed_ns: u64,
    /// CPU time of the whole worker during the query; exact where it ran alone.
    pub cpu_ns: u64,
}

/// The last word about a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryEnd {
    /// Whether the result is all there is.
    pub complete: bool,
    /// Why not: in words for people.
    pub incomplete_reason: Option<String>,
    pub statistics: Statistics,
}

/// A running query. Batches come in order; after the last one [`QueryStream::end`] is set. Dropping
/// it cancels the query and frees its place.
#[derive(Debug)]
pub struct QueryStream {
    schema: SchemaRef,
    ticket: Ticket,
    end: Option<QueryEnd>,
    failed: bool,
}

impl QueryStream {
    pub(crate) fn new(schema: SchemaRef, ticket: Ticket) -> Self {
        Self { schema, ticket, end: None, failed: false }
    }

    /// Columns of the result; ids are hex text.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Set once the stream has ended without an error.
    pub fn end(&self) -> Option<&QueryEnd> {
        self.end.as_ref()
    }

    /// The next batch; `None` after the last one or after an error.
    pub async fn next_batch(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        std::future::poll_fn(|cx| self.poll_batch(cx)).await
    }

    /// The whole result, which `Settings::rows_max` and `bytes_max` bound.
    pub async fn collect(mut self) -> Result<(SchemaRef, Vec<RecordBatch>, QueryEnd), QueryError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch().await {
            batches.push(batch?);
        }
        match self.end.take() {
            Some(end) => Ok((self.schema.clone(), batches, end)),
            None => Err(QueryError::internal("the result stream ended without its end")),
        }
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch, QueryError>>> {
        if self.end.is_some() || self.failed {
            return Poll::Ready(None);
        }
        match std::task::ready!(self.ticket.poll_event(cx)) {
            Event::Batch(batch) => Poll::Ready(Some(Ok(batch))),
            Event::End(end) => {
                self.end = Some(*end);
                Poll::Ready(None)
            }
            Event::Failed(error) | Event::Lost(error) => {
                self.failed = true;
                Poll::Ready(Some(Err(error)))
            }
            Event::Schema(_) | Event::Wants(_) => {
                self.failed = true;
                Poll::Ready(Some(Err(QueryError::internal("the worker sent a second answer"))))
            }
        }
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_batch(cx)
    }
}
